#!/usr/bin/env bash
# Docker Engine: the one that the docker client reaches, else one of our own on the usual socket.
source "$(dirname "$0")/lib.sh"

up() {
  need docker docker.io
  case $(docker --version) in *podman*) missing 'the docker command here is podman' ;; esac
  endpoint=$(docker context inspect --format '{{.Endpoints.docker.Host}}')
  server_version >/dev/null || start
  [[ -z ${DOCKER_HOST:-} ]] || keep DOCKER_HOST "$DOCKER_HOST"
  # a chosen context lives under HOME, which tests change
  [[ $(docker context show) == default ]] || keep DOCKER_CONFIG "${DOCKER_CONFIG:-$HOME/.docker}"
  ready "$(server_version)" "$endpoint"
}

server_version() { within 5 docker version --format '{{.Server.Version}}' 2> "$run/docker-client.log"; }

start() {
  local words
  words="no answer from $endpoint: $(last_words docker-client)"
  [[ $endpoint == unix:///var/run/docker.sock ]] || missing "$words"
  may_install || missing "$words (as root on Debian, --install starts one)"
  need dockerd docker.io
  need iptables iptables
  mkdir -p "$run/docker"
  echo '{}' > "$run/docker/daemon.json"
  if lacks_sys_resource; then use_runc_without_oom_adj; fi
  if ! alive docker; then
    forget_dead /var/run/docker.pid /var/run/docker/containerd/containerd.pid
    daemon docker dockerd --config-file "$run/docker/daemon.json" --log-level warn
  fi
  wait_until 60 server_version || missing "dockerd did not answer: $(last_words docker)"
}

# forget_dead PIDFILE...: dockerd believes such a file if any process has the number, even one not yet reaped
forget_dead() {
  local file
  for file in "$@"; do
    [[ ! -f $file ]] || grep -qsE 'dockerd|containerd' "/proc/$(cat "$file")/cmdline" || rm -f "$file"
  done
}

# Pod sandboxes ask for a negative oom_score_adj, which runc may not set without CAP_SYS_RESOURCE.
use_runc_without_oom_adj() {
  local wrapper=$run/docker/runc-without-oom-adj
  cat > "$wrapper" <<'W'
#!/bin/bash
bundle=. previous=
for word in "$@"; do case $previous in --bundle | -b) bundle=$word ;; esac; previous=$word; done
[[ " $* " != *' create '* ]] || sed -Ei 's/"oomScoreAdj":-[0-9]+/"oomScoreAdj":0/' "$bundle/config.json"
exec runc "$@"
W
  chmod 755 "$wrapper"
  printf '{"runtimes": {"runc-without-oom-adj": {"path": "%s"}}, "default-runtime": "runc-without-oom-adj"}\n' \
    "$wrapper" > "$run/docker/daemon.json"
}

down() {
  alive docker || { echo 'docker left as it is (not started by us)'; return; }
  stop docker 30
  echo 'docker stopped'
}

engine "$@"
