#!/usr/bin/env bash
# Compose v1, the old docker-compose program. Optional: only brought up when named.
source "$(dirname "$0")/lib.sh"

up() {
  "$here/docker.sh" up >/dev/null || missing 'docker is missing'
  need docker-compose docker-compose
  local version
  version=$(docker-compose version --short)
  [[ $version == 1.* ]] || missing "docker-compose is version $version here"
  ready "$version"
}

engine "$@"
