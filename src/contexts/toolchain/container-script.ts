import { quoteWord } from '../../core/command.ts';
import type { VenvRequest } from '../../core/context.ts';

/**
 * The same choice on the side of a container, where only a POSIX shell can look: a fragment that is run in the
 * target directory. It exports PATH and the variables of what it finds there and in the parents. With `auto` a miss
 * is one line on stderr and changes nothing; with `dir` a miss ends the shell with status 1. Interactive or login
 * shells are never asked: what they print is not ours, and they may wait for an answer.
 *
 * The fragment has no here-documents and no lines that need their indentation; its names begin with `berth_tc_`.
 * Empty when nothing was asked for.
 */
export function containerToolchainScript(request: VenvRequest): string {
  switch (request.kind) {
    case 'off':
      return '';
    case 'dir':
      return `${ACTIVATE}
berth_tc_activate ${quoteWord(request.dir)} || {
echo ${quoteWord(`berth: ${request.dir} is no Python environment in this container.`)} >&2
exit 1
}
unset -f berth_tc_activate`;
    case 'auto':
      return `${ACTIVATE}\n${PYTHON}\n${NODE}\n${RUBY}
berth_tc_python
berth_tc_node
berth_tc_ruby
unset -f berth_tc_activate berth_tc_up berth_tc_python berth_tc_manager berth_tc_first berth_tc_node berth_tc_ruby berth_tc_conda
unset berth_tc_dir berth_tc_found berth_tc_wanted berth_tc_name berth_tc_root`;
  }
}

/** `berth_tc_activate DIR`: a virtual or conda environment. */
const ACTIVATE = `berth_tc_activate() {
[ -x "$1/bin/python" ] || return 1
berth_tc_dir=$(cd "$1" && pwd) || return 1
if [ -d "$1/conda-meta" ]; then export CONDA_PREFIX="$berth_tc_dir"
elif [ -f "$1/pyvenv.cfg" ]; then export VIRTUAL_ENV="$berth_tc_dir"
else return 1; fi
export PATH="$berth_tc_dir/bin:$PATH"
if [ -f "$1/bin/activate" ] && ! grep -qF "$berth_tc_dir" "$1/bin/activate" 2>/dev/null; then
echo "berth: $berth_tc_dir was made at another path; its programs may not start here." >&2
fi
}`;

/** `berth_tc_up NAME...`: the nearest directory, upwards, that has one of the files; stops at a git root. */
const PYTHON = `berth_tc_up() {
berth_tc_dir=$(pwd)
while :; do
for berth_tc_name; do
if [ -e "$berth_tc_dir/$berth_tc_name" ]; then berth_tc_found=$berth_tc_dir/$berth_tc_name; return 0; fi
done
if [ -e "$berth_tc_dir/.git" ] || [ "$berth_tc_dir" = / ]; then return 1; fi
berth_tc_dir=\${berth_tc_dir%/*}
berth_tc_dir=\${berth_tc_dir:-/}
done
}
berth_tc_python() {
[ -z "\${VIRTUAL_ENV:-}" ] || return 0
if berth_tc_up .venv/bin/python venv/bin/python env/bin/python; then
berth_tc_activate "\${berth_tc_found%/bin/python}" && return 0
fi
if berth_tc_up poetry.lock; then berth_tc_manager poetry poetry env info --path; return 0; fi
if berth_tc_up Pipfile; then berth_tc_manager pipenv pipenv --venv; return 0; fi
if berth_tc_up environment.yml environment.yaml; then berth_tc_conda; return 0; fi
if berth_tc_up uv.lock requirements.txt pyproject.toml; then
echo "berth: no Python environment in this container for $berth_tc_found; its own python is used." >&2
fi
}
berth_tc_manager() {
if ! command -v "$1" >/dev/null 2>&1; then
echo "berth: $1 is not installed in this container." >&2
return 0
fi
berth_tc_name=$1
shift
berth_tc_found=$("$@" 2>/dev/null </dev/null) && berth_tc_activate "$berth_tc_found" && return 0
echo "berth: $berth_tc_name has no environment for this directory in this container." >&2
}
berth_tc_conda() {
berth_tc_wanted=$(sed -n 's/^name:[[:space:]]*["'"'"']\\{0,1\\}\\([A-Za-z0-9_.-]*\\).*/\\1/p' "$berth_tc_found" 2>/dev/null | head -n 1)
[ -n "$berth_tc_wanted" ] || return 0
for berth_tc_root in "\${MAMBA_ROOT_PREFIX:-}" "\${CONDA_PREFIX:-}" /opt/conda /opt/miniconda3 "\${HOME:-}/miniconda3" "\${HOME:-}/miniforge3" "\${HOME:-}/micromamba"; do
berth_tc_activate "$berth_tc_root/envs/$berth_tc_wanted" && { export CONDA_DEFAULT_ENV="$berth_tc_wanted"; return 0; }
done
echo "berth: conda environment $berth_tc_wanted is not in this container." >&2
}`;

/** Versions that nvm, fnm, asdf or mise have in the box; without a match the box's own program stays. */
const NODE = `berth_tc_first() {
berth_tc_wanted=$(sed -n 's/#.*//;s/[[:space:]]//g;/./{p;q;}' "$berth_tc_found" 2>/dev/null)
berth_tc_wanted=\${berth_tc_wanted#v}
berth_tc_wanted=\${berth_tc_wanted#ruby-}
}
berth_tc_node() {
berth_tc_up .nvmrc .node-version || return 0
berth_tc_first
case $berth_tc_wanted in [0-9]*) ;; *) return 0 ;; esac
case $(node --version 2>/dev/null </dev/null) in "v$berth_tc_wanted" | "v$berth_tc_wanted".*) return 0 ;; esac
for berth_tc_root in "\${NVM_DIR:-\${HOME:-}/.nvm}/versions/node/v" /usr/local/share/nvm/versions/node/v "\${ASDF_DATA_DIR:-\${HOME:-}/.asdf}/installs/nodejs/" "\${MISE_DATA_DIR:-\${HOME:-}/.local/share/mise}/installs/node/"; do
for berth_tc_dir in "$berth_tc_root$berth_tc_wanted" "$berth_tc_root$berth_tc_wanted".*; do
if [ -x "$berth_tc_dir/bin/node" ]; then export PATH="$berth_tc_dir/bin:$PATH"; return 0; fi
done
done
echo "berth: node $berth_tc_wanted ($berth_tc_found) is not in this container." >&2
}`;

const RUBY = `berth_tc_ruby() {
berth_tc_up .ruby-version || return 0
berth_tc_first
case $berth_tc_wanted in [0-9]*) ;; *) return 0 ;; esac
case $(ruby --version 2>/dev/null </dev/null) in "ruby $berth_tc_wanted"*) return 0 ;; esac
for berth_tc_root in "\${RBENV_ROOT:-\${HOME:-}/.rbenv}/versions/" "\${HOME:-}/.rvm/rubies/ruby-" /usr/local/rvm/rubies/ruby- /opt/rubies/ruby- "\${ASDF_DATA_DIR:-\${HOME:-}/.asdf}/installs/ruby/"; do
for berth_tc_dir in "$berth_tc_root$berth_tc_wanted" "$berth_tc_root$berth_tc_wanted".*; do
if [ -x "$berth_tc_dir/bin/ruby" ]; then export PATH="$berth_tc_dir/bin:$PATH"; return 0; fi
done
done
echo "berth: ruby $berth_tc_wanted ($berth_tc_found) is not in this container." >&2
}`;
