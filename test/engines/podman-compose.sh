#!/usr/bin/env bash
# podman-compose, which reads Compose files for podman.
source "$(dirname "$0")/lib.sh"

up() {
  "$here/podman.sh" up >/dev/null || missing 'podman is missing'
  need podman-compose podman-compose
  ready "$(podman-compose version 2>/dev/null | sed -nE 's/^podman-composer? version:? +//p')"
}

engine "$@"
