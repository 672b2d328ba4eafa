#!/usr/bin/env bash
# Podman. It has no daemon; a test that wants its API runs `podman system service` itself.
source "$(dirname "$0")/lib.sh"

up() {
  need podman podman catatonit
  local ours=$run/podman/containers.conf version
  # the default ulimits are above what runc may set without CAP_SYS_RESOURCE
  if lacks_sys_resource && [[ ${CONTAINERS_CONF:-$ours} == "$ours" ]]; then
    mkdir -p "$run/podman"
    printf '[containers]\ndefault_ulimits = ["nofile=1024:4096", "nproc=4096:4096"]\n' > "$ours"
    keep CONTAINERS_CONF "$ours"
  fi
  version=$(within 30 podman info --format '{{.Version.Version}}' 2> "$run/podman.log") || missing "$(last_words podman)"
  ready "$version"
}

engine "$@"
