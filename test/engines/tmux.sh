#!/usr/bin/env bash
# tmux, and the shells that are typed at in it. Each test starts a server of its own: tmux -L NAME -f /dev/null.
source "$(dirname "$0")/lib.sh"

up() {
  need tmux tmux
  # a machine that lacks one of them leaves its tests out
  if may_install; then need zsh zsh; need fish fish; need busybox busybox; fi
  ready "$(tmux -V | cut -d ' ' -f 2)"
}

engine "$@"
