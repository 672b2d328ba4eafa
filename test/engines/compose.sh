#!/usr/bin/env bash
# Compose v2, the docker plugin. Debian 12 has only v1, so the plugin is unpacked from Debian 13's package.
source "$(dirname "$0")/lib.sh"

up() {
  "$here/docker.sh" up >/dev/null || missing 'docker is missing'
  version >/dev/null || install_plugin
  local path
  path=$(docker info --format '{{range .ClientInfo.Plugins}}{{if eq .Name "compose"}}{{.Path}}{{end}}{{end}}')
  # a plugin under HOME is lost when tests change HOME
  [[ $path != "$HOME"/* ]] || keep DOCKER_CONFIG "${DOCKER_CONFIG:-$HOME/.docker}"
  ready "$(version)" "$path"
}

version() { docker compose version --short 2>/dev/null; }

install_plugin() {
  may_install || missing 'the docker command has no compose plugin (as root on Debian, --install adds it)'
  say 'unpacking the plugin'
  local work apt
  work=$(mktemp -d)
  private_apt "$work" deb trixie
  (cd "$work" && "${apt[@]}" download docker-compose && dpkg -x docker-compose_*.deb root) >&2
  install -D -m 755 "$work/root/usr/libexec/docker/cli-plugins/docker-compose" /usr/local/lib/docker/cli-plugins/docker-compose
  rm -rf "$work"
}

engine "$@"
