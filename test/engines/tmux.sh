#!/usr/bin/env bash
# tmux. Each test starts a server of its own: tmux -L NAME -f /dev/null.
source "$(dirname "$0")/lib.sh"

up() {
  need tmux tmux
  ready "$(tmux -V | cut -d ' ' -f 2)"
}

engine "$@"
