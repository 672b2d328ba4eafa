# Starts a run in a pod, or finds it again, and passes on what it writes. POSIX sh, nothing installed.
#   sh kube-pod.sh start|follow NAME OUT ERR BYTES    the script of the run comes on stdin, BYTES long
# The run is detached: it lives in a directory of its own and ends without us. We are only its messenger,
# so a connection that breaks loses nothing: the next messenger goes on at the byte that came last.
#
# To the host, on stdout, one header line each: "s" started, "o OFFSET LENGTH" and "e OFFSET LENGTH" followed by
# bytes of the run's stdout and stderr, "h" alive, "z" ended and all was sent, "d" its processes are gone,
# "a" there is no such run, "n" there is no place to write.
# From the host, on stdin: "stop", "kill", and "done" once everything has arrived.

berth_mode=$1 berth_name=$2 berth_out=$3 berth_err=$4 berth_bytes=$5
umask 077

berth_places() { echo "${TMPDIR:-/tmp}" /tmp /var/tmp /dev/shm /run; }

# Sets berth_run to the directory of the run, or to nothing.
berth_look() {
  for berth_place in $(berth_places); do
    berth_run=$berth_place/.berth-$berth_name
    [ -d "$berth_run" ] && return
  done
  berth_run=
}

# mkdir is the start token: of two starters one goes on.
berth_start() {
  berth_script=$(head -c "$berth_bytes")
  # cut short on its way: nothing starts
  case $berth_script in *berth_main) ;; *) exit 1 ;; esac
  for berth_place in $(berth_places); do
    berth_run=$berth_place/.berth-$berth_name
    [ -w "$berth_place" ] || continue
    mkdir "$berth_run" 2>/dev/null || continue
    mkfifo "$berth_run/leash" 2>/dev/null && break
    rm -rf "$berth_run"
  done
  [ -p "$berth_run/leash" ] || { echo n; exit 0; }
  : >"$berth_run/out" 2>"$berth_run/err"
  # printf is a builtin: no value of the task stands in an argument list
  printf '%s\n' "$berth_script" >"$berth_run/leash" &
  berth_script=
  berth_setsid=
  command -v setsid >/dev/null 2>&1 && berth_setsid=setsid
  # shellcheck disable=SC2016
  $berth_setsid sh -c '
    cd "$0" && read -r berth_stat </proc/self/stat
    echo "$$ $berth_stat" >pid
    sh <>leash >out 2>err
    : >end' "$berth_run" </dev/null >/dev/null 2>&1 &
}

# By pid and start time, which is the 20th field after the name in parentheses.
berth_lives() {
  read -r berth_pid berth_then <"$berth_run/pid" || return 0
  { read -r berth_now <"/proc/$berth_pid/stat"; } 2>/dev/null || return 1
  [ "$(berth_born "$berth_then")" = "$(berth_born "$berth_now")" ]
}

berth_born() {
  # shellcheck disable=SC2086
  set -- ${1##*) }
  shift 19
  echo "$1"
}

# berth_send KIND FILE OFFSET SIZE: at most 4 MiB; whole blocks are read, the host drops what it has already.
berth_send() {
  berth_length=$(($4 - $3))
  [ "$berth_length" -gt 4194304 ] && berth_length=4194304
  berth_sent=$(($3 + berth_length))
  berth_from=$(($3 / 4096))
  berth_length=$((berth_sent - berth_from * 4096))
  echo "$1 $((berth_from * 4096)) $berth_length"
  dd if="$2" bs=4096 skip="$berth_from" count=$(((berth_length + 4095) / 4096)) 2>/dev/null | head -c "$berth_length"
}

# Sets berth_sizes to the lengths of both files.
berth_measure() {
  berth_sizes=$(stat -c %s "$berth_run/out" "$berth_run/err" 2>/dev/null) ||
    berth_sizes="$(wc -c <"$berth_run/out") $(wc -c <"$berth_run/err")"
}

berth_listen() {
  while read -r berth_word; do
    case $berth_word in
      # opened for both, so that it never waits for a reader
      stop | kill) [ -p "$berth_run/leash" ] && echo "$berth_word" 1<>"$berth_run/leash" ;;
      done) rm -rf "$berth_run"; break ;;
    esac
  done
  # the connection is gone, or all is said
  kill -TERM $$
}

berth_pause() {
  berth_idle=$((berth_idle + 1))
  case $berth_idle in
    [1-5]) berth_time=0.02 ;;
    [6-9]) berth_time=0.05 ;;
    1?) berth_time=0.1 ;;
    *) berth_time=0.25 ;;
  esac
  [ $((berth_idle % 40)) -eq 39 ] && echo h
  sleep "$berth_time" 2>/dev/null || sleep 1
}

berth_follow() {
  berth_idle=0
  exec 5<&0
  berth_listen <&5 >/dev/null 2>&1 &
  berth_listener=$!
  exec 5<&- </dev/null
  trap 'kill "$berth_listener" 2>/dev/null; exit 0' TERM
  echo s
  while :; do
    berth_ended=
    [ -e "$berth_run/end" ] && berth_ended=1
    [ $((berth_idle % 8)) -eq 7 ] && ! berth_lives && [ ! -e "$berth_run/end" ] && berth_dead=1
    berth_measure
    # shellcheck disable=SC2086
    set -- $berth_sizes
    if [ "${1:-0}" -gt "$berth_out" ]; then
      berth_send o "$berth_run/out" "$berth_out" "$1"
      berth_out=$berth_sent berth_idle=5
    elif [ "${2:-0}" -gt "$berth_err" ]; then
      berth_send e "$berth_run/err" "$berth_err" "$2"
      berth_err=$berth_sent berth_idle=5
    elif [ -n "$berth_ended" ]; then
      echo z
      wait "$berth_listener"
      exit 0
    elif [ -n "$berth_dead" ]; then
      echo d
      wait "$berth_listener"
      exit 0
    else
      berth_pause
    fi
  done
}

berth_dead=
berth_look
if [ -z "$berth_run" ]; then
  [ "$berth_mode" = start ] || { echo a; exit 0; }
  berth_start
fi
berth_follow
