# shellcheck shell=bash
# Shared by the engine scripts. An engine is a script NAME.sh that sources this file, defines `up`
# (and `down`, if it starts anything), and ends with `engine "$@"`. Its `up` ends with `ready` or `missing`.
# stdout is the one line per engine; everything else goes to stderr.
set -Eeuo pipefail
umask 022

# shellcheck disable=SC2034  # used by those who source this
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
name=$(basename "$0" .sh)
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# Tests and CI change HOME, so neither directory depends on it where that can be helped.
if [[ $EUID == 0 ]]; then
  cache=/var/cache/berth-engines run=/run/berth-engines
else
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/berth-engines run=/tmp/berth-engines-$EUID
  [[ ! -w /run/user/$EUID ]] || run=/run/user/$EUID/berth-engines
fi
cache=${BERTH_ENGINE_CACHE:-$cache} # builds, downloads, data: survives a reboot
run=${BERTH_ENGINE_RUN:-$run}       # sockets, process ids, logs, settings of what runs now
mkdir -p "$cache" "$run"
[[ -O $run ]] || { echo "$run belongs to someone else; set BERTH_ENGINE_RUN" >&2; exit 1; }

say() { echo "$name: $*" >&2; }

# ready VERSION [DETAIL]: the engine can be used
ready() {
  mv -f "$run/$name.env.new" "$run/$name.env"
  echo "$name ready $1${2:+ ($2)}"
}

# missing REASON: it cannot, and this is why
missing() {
  rm -f "$run/$name.env" "$run/$name.env.new"
  echo "$name missing: $*"
  exit 1
}

# keep KEY VALUE: tests need this variable (see `env`); also set it here
keep() {
  export "$1=$2"
  printf 'export %s=%q\n' "$1" "$2" >> "$run/$name.env.new"
}

# One at a time per script: concurrent callers wait, and then find the work done.
lock() {
  if command -v flock >/dev/null; then exec 9> "$run/$name.lock"; flock 9; fi
}

# engine [up|down]
engine() {
  lock
  case ${1:-up} in
    up)
      trap 'missing "$name.sh line $LINENO failed: $BASH_COMMAND"' ERR
      (umask 077; : > "$run/$name.env.new") # may hold a password
      up ;;
    down)
      down
      rm -f "$run/$name.env" ;;
    *) echo "usage: $name.sh [up|down]" >&2; exit 64 ;;
  esac
}

down() { :; } # most start nothing

# Installing, and starting daemons as root, is for throw-away machines: it takes root on Debian and a yes.
may_install() {
  [[ $EUID == 0 ]] && grep -qsx 'ID=debian' /etc/os-release &&
    [[ ${BERTH_ENGINES_INSTALL:-} == 1 || ${CI:-} == true ]]
}

# need PROGRAM PACKAGE...: have the program, from Debian packages if that is allowed
need() {
  local program=$1; shift
  command -v "$program" >/dev/null && return
  may_install || missing "$program is not installed (Debian: $*; as root, --install does it)"
  install_packages "$@"
}

install_packages() {
  say "installing $*"
  # one script at a time, for the policy is for all of them
  exec 8> "$run/apt.lock"
  if command -v flock >/dev/null; then flock 8; fi
  local apt=(apt-get -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 install "$@") policy=/usr/sbin/policy-rc.d
  # no package may start its service: it would listen on every address
  [[ -e $policy ]] || { printf '#!/bin/sh\n# berth-engines\nexit 101\n' > $policy; chmod 755 $policy; }
  { DEBIAN_FRONTEND=noninteractive "${apt[@]}" || { apt-get -qq update; DEBIAN_FRONTEND=noninteractive "${apt[@]}"; }; } \
    > "$run/$name.apt.log" 2>&1 8>&- 9>&- || missing "apt-get install $* failed: $(tail -n 1 "$run/$name.apt.log")"
  if grep -qs berth-engines $policy; then rm $policy; fi
  exec 8>&-
}

# private_apt DIR TYPE SUITE: sets `apt` to an apt-get that reads only `TYPE mirror SUITE main`
# and works in DIR, so that the machine's own sources stay as they are
private_apt() {
  local dir=$1 mirror
  mirror=$(debian_mirror) || missing 'the sources of apt name no mirror of Debian 12'
  mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
  echo "$2 [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $3 main" > "$dir/sources"
  apt=(apt-get -qq -o Dir::Etc::SourceList="$dir/sources" -o Dir::Etc::SourceParts=/dev/null
    -o Dir::State::Lists="$dir/lists" -o Dir::Cache="$dir/cache" -o APT::Sandbox::User=root)
  "${apt[@]}" update >&2
}

# The mirror that this machine's apt uses.
debian_mirror() {
  apt-get indextargets --format "\$(RELEASE) \$(REPO_URI)" 'Created-By: Packages' | sed -n 's/^bookworm //p' | grep -m 1 .
}

# within SECONDS COMMAND...: a socket that accepts and never answers must not hang us
within() {
  local seconds=$1; shift
  if command -v timeout >/dev/null; then timeout -k 1 "$seconds" "$@"; else "$@"; fi
}

# wait_until SECONDS COMMAND...
wait_until() {
  local tries=$(($1 * 5)); shift
  until "$@" >/dev/null 2>&1; do
    ((tries-- > 0)) || return 1
    sleep 0.2
  done
}

# daemon LABEL COMMAND...: outlives this shell; LABEL names its log and its process id file
daemon() {
  local label=$1; shift
  local detach=(nohup)
  if command -v setsid >/dev/null; then detach+=(setsid); fi
  "${detach[@]}" "$@" > "$run/$label.log" 2>&1 < /dev/null 9>&- &
  echo "$! $(birth $!)" > "$run/$label.pid"
}

# alive LABEL: the process we started runs; its start time tells it from a later one with the same id
alive() {
  local pid born
  [[ -f $run/$1.pid ]] && read -r pid born < "$run/$1.pid" && [[ $born != gone && $(birth "$pid") == "$born" ]]
}

# birth PID: when it started, in whatever unit; `gone` if it has ended, even if nobody has reaped it yet
birth() {
  local line stat
  if [[ -r /proc/$1/stat ]] && read -r line < "/proc/$1/stat"; then
    read -ra stat <<< "${line##*) }"
    if [[ ${stat[0]} == Z ]]; then echo gone; else echo "${stat[19]}"; fi
  else
    ps -o lstart= -p "$1" 2>/dev/null || echo gone
  fi
}

# stop LABEL [SECONDS]: ends what `daemon LABEL` started, and nothing else
stop() {
  local pid
  if alive "$1"; then
    read -r pid _ < "$run/$1.pid"
    kill "$pid"
    wait_until "${2:-10}" gone "$1" || kill -9 "$pid"
  fi
  rm -f "$run/$1.pid"
}
gone() { ! alive "$1"; }

# last_words LABEL: what its log ends with
last_words() { grep -s '[^[:space:]]' "$run/$1.log" | tail -n 1 || echo '(it said nothing)'; }

# free_port FIRST: the first port from there on that nobody listens on
free_port() {
  local port=$1
  while (exec 3<> "/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
  echo "$port"
}

# Containers in sandboxes often lack this capability, though they run as root.
lacks_sys_resource() {
  [[ -r /proc/self/status ]] && (((16#$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status) >> 24 & 1) == 0))
}
