#!/usr/bin/env bash
# The managers of Python environments and tool versions that berth asks or whose files it reads.
source "$(dirname "$0")/lib.sh"

mise_version=2026.9.15

up() {
  need poetry python3-poetry
  need pipenv pipenv
  need direnv direnv
  local prefix=$cache/mise-$mise_version
  if [[ $(uname -sm) == 'Linux x86_64' && ! -x $prefix/node_modules/@jdxcode/mise-linux-x64/bin/mise ]]; then
    npm install --silent --no-save --ignore-scripts --prefix "$prefix" "@jdxcode/mise-linux-x64@$mise_version" >&2 9>&-
  fi
  if [[ -x $prefix/node_modules/@jdxcode/mise-linux-x64/bin/mise ]]; then
    keep BERTH_TEST_MISE "$prefix/node_modules/@jdxcode/mise-linux-x64/bin/mise"
  fi
  ready "$(poetry --version | tr -dc '0-9.')" "poetry, pipenv, direnv${BERTH_TEST_MISE:+, mise}"
}

engine "$@"
