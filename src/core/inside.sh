# The supervisor: POSIX sh (dash, bash, busybox), nothing installed. It follows the definitions of
# berth_environment and berth_task and these settings: berth_nonce, berth_grace (fifths of a second),
# berth_deadline (seconds, or empty), berth_leash (stdin or signal), berth_pidfile (path, or empty),
# berth_guards (not empty: berth_task only prepares; the program comes from outside, see attachedScript) and
# berth_hear (seconds, or empty: whoever listens says "heard" before we end).
#
#   main ── task side: runs berth_task in the foreground, then says "end CODE"
#        └─ watch side: one loop over the events "task PID", "helper PID", "end CODE", "stop", "kill", "over", "heard", "leash", "deadline"
#
# The task is a foreground child because a shell without job control makes its background children
# deaf to SIGINT, for good.

# Our own words on stderr. The last of them is the record of how the run ended. No newline comes before them:
# whoever keeps them back would keep back that of each line of the task, too.
berth_mark() { printf '\036berth %s %s\n' "$berth_nonce" "$*" >&2; }

# Ends the preparation: nothing of the task ran.
berth_refuse() { trap - EXIT; berth_mark "refused $1 $berth_step"; exit "$1"; }

# The pid of this very shell, also in a subshell, where $$ is the parent's. A name is looked up at once,
# where `read` takes a file byte by byte.
berth_self() {
  berth_me=
  for berth_me in /proc/self/task/*; do :; done
  berth_me=${berth_me##*/}
  case $berth_me in '' | *[!0-9]*) berth_me=$(exec sh -c 'echo $PPID') ;; esac
}

# Finds a program as execvp does; shell builtins do not count. 127: none, 126: cannot be started.
berth_find() {
  berth_file=
  case $1 in
    */*) berth_file=$1 ;;
    *)
      berth_rest=$PATH:
      while [ -n "$berth_rest" ]; do
        berth_dir=${berth_rest%%:*} berth_rest=${berth_rest#*:}
        [ -f "${berth_dir:-.}/$1" ] || continue
        berth_file=${berth_dir:-.}/$1
        [ -x "$berth_file" ] && break
      done ;;
  esac
  [ -e "$berth_file" ] || exit 127
  [ -f "$berth_file" ] && [ -x "$berth_file" ] || exit 126
}

# The program, in a session of its own, so that `kill 0` in it cannot reach the supervisor.
berth_exec() {
  trap - EXIT
  # shellcheck disable=SC2086
  exec $berth_setsid "$@"
}

berth_task_side() {
  # a shell reports a child's death by a signal on stderr; ours has no place in the task's
  exec 6>&2 2>/dev/null
  (
    exec 2>&6 6>&-
    berth_self
    echo "task $berth_me" >&9
    exec 9>&-
    berth_task
  )
  echo "end $?" >&9
}

berth_leash_side() {
  # a builtin loop with closed streams: an external reader costs two seconds of engine drain
  while read -r berth_word; do
    # on a terminal an order is written as a line that does nothing in a shell, and anybody may type
    berth_word=${berth_word#: }
    case $berth_word in stop | kill | over | heard) ;; *) continue ;; esac
    echo "$berth_word" >&9
    [ "$berth_word" != kill ] || berth_hurry
  done
  echo leash >&9
}

# While it stops the tree, the watch side reads no events but hears INT. It is the other child of this very shell.
berth_hurry() {
  berth_self
  berth_table=$(berth_processes)
  berth_parent=$(echo "$berth_table" | while read -r berth_p berth_state berth_up berth_rest; do
    [ "$berth_p" != "$berth_me" ] || echo "$berth_up"
  done)
  echo "$berth_table" | while read -r berth_p berth_state berth_up berth_rest; do
    [ "$berth_up" != $$ ] || [ "$berth_p" = "$berth_parent" ] || kill -INT "$berth_p"
  done
}

berth_deadline_side() {
  trap 'kill "$berth_sleep"; exit' TERM
  unset BERTH_RUN
  sleep "$berth_deadline" &
  berth_sleep=$!
  wait "$berth_sleep"
  echo deadline >&9
}

berth_watch_side() {
  berth_pid='' berth_live='' berth_code='' berth_helpers='' berth_stopped='' berth_left=0 berth_signals=0
  # signals are the leash of a run that has no pipe
  trap 'berth_signals=$((berth_signals + 1)); berth_stop asked' TERM
  trap 'berth_signals=$((berth_signals + 1)) berth_grace=1; berth_stop asked' INT
  if [ -n "$berth_pidfile" ]; then berth_self; echo "watch $berth_me" >>"$berth_pidfile"; fi
  while berth_seen=$berth_signals; do
    if ! read -r berth_event berth_value; then
      # cut short by a signal; otherwise the task side is gone without a word, and so are we
      [ "$berth_seen" = "$berth_signals" ] && exit 1
      continue
    fi
    case $berth_event in
      task) berth_pid=$berth_value ;;
      helper) berth_helpers="$berth_helpers $berth_value" ;;
      end)
        berth_code=$berth_value
        [ -z "$berth_guards" ] || [ "$berth_code" != 0 ] && break
        berth_pid=
        berth_mark ready ;;
      over) berth_lives && berth_stop cut; break ;;
      stop) berth_stop asked ;;
      kill) berth_grace=1; berth_stop asked ;;
      leash) berth_hear=; berth_stop leash ;;
      deadline) berth_stop deadline ;;
    esac
  done
  if [ -n "$berth_hear" ]; then berth_say_end; berth_await; fi
  # an engine waits two seconds at the end for whoever still holds a stream, and the leash is one
  # shellcheck disable=SC2086
  [ -n "$berth_helpers" ] && kill $berth_helpers 2>/dev/null
  [ -n "$berth_hear" ] || berth_say_end
  exit "$berth_code"
}

berth_say_end() {
  if [ -n "$berth_stopped" ]; then
    berth_mark "stopped $berth_code $berth_stopped $berth_left"
  else
    berth_mark "exit $berth_code"
  fi
}

# Until all has been heard, or for as long as that may take: dash waits for the end of the leash.
berth_await() {
  # stdout comes by a way of its own: this is where it ends
  printf '\036berth %s out\n' "$berth_nonce"
  berth_limit="-t $berth_hear"
  # 1 is the end of the file; another code is of a shell that does not know this
  # shellcheck disable=SC3045
  (read -t 1 -r berth_value) </dev/null 2>/dev/null
  [ $? -eq 1 ] || berth_limit=
  # shellcheck disable=SC2086
  while read -r $berth_limit berth_event berth_value; do
    case $berth_event in heard | leash) break ;; esac
  done
}

# TERM to the whole tree, KILL after the grace, and look until nothing is left.
berth_stop() {
  [ -n "$berth_stopped" ] && return
  berth_members
  # the program that is guarded may be on its way into the box
  berth_tick=0
  while [ -n "$berth_guards" ] && [ -z "$berth_live" ] && [ "$berth_tick" -lt 3 ]; do
    sleep 1
    berth_tick=$((berth_tick + 1))
    berth_members
  done
  [ -z "$berth_live" ] && return
  berth_stopped=$1 berth_left=1
  # shellcheck disable=SC2086
  kill -TERM $berth_live 2>/dev/null
  # by the clock: on a busy machine a look at all processes may take longer than the sleep
  berth_uptime
  berth_since=$berth_clock
  while :; do
    sleep 0.2 2>/dev/null || sleep 1
    berth_members
    [ -z "$berth_live" ] && { berth_left=0; break; }
    berth_uptime
    berth_waited=$((berth_clock - berth_since - berth_grace * 20))
    # shellcheck disable=SC2086
    [ "$berth_waited" -ge 0 ] && kill -KILL $berth_live 2>/dev/null
    [ "$berth_waited" -ge 450 ] && break
  done
}

# Sets berth_clock to hundredths of a second since some moment; a clock that is set meanwhile does not count.
berth_uptime() {
  { read -r berth_clock berth_rest </proc/uptime; } 2>/dev/null || berth_clock=$(date +%s).00
  berth_clock=${berth_clock%.*}${berth_clock#*.}
}

# Whether the program itself runs, not only what it left in the background; it knows its own pid.
berth_lives() {
  berth_members
  for berth_p in $berth_live; do
    tr '\0' '\n' 2>/dev/null <"/proc/$berth_p/environ" | grep -qx "BERTH_MAIN=$berth_p" && return
  done
  return 1
}

# Sets berth_live to the pids of the task's processes. A process belongs to the task by its session,
# by its parent, or by a mark in its environment: the last finds what moved away.
berth_members() {
  # what was found before stays found: once its parent has ended, nothing may show any more whose it is
  berth_found=" $berth_pid $berth_live " berth_live='' berth_before=
  for berth_dir in $(grep -ls "BERTH_RUN=$berth_nonce" /proc/[0-9]*/environ 2>/dev/null); do
    berth_p=${berth_dir#/proc/}
    berth_found="$berth_found${berth_p%/environ} "
  done
  berth_table=$(berth_processes)
  while [ "$berth_before" != "$berth_found" ]; do
    berth_before=$berth_found berth_live=
    # shellcheck disable=SC2086
    set -- $berth_table
    while [ $# -ge 4 ]; do
      # pid, state, parent, session
      case "$berth_found" in
        *" $1 "*) ;;
        *" $3 "*) berth_found="$berth_found$1 " ;;
        *) [ "$4" = "$berth_pid" ] && berth_found="$berth_found$1 " ;;
      esac
      case "$2 $berth_found" in
        Z* | X*) ;;
        *" $1 "*) berth_live="$berth_live $1" ;;
      esac
      shift 4
    done
  done
}

# One line a process: pid, state, parent, session.
berth_processes() {
  if [ ! -r /proc/self/stat ]; then ps -A -o pid= -o state= -o ppid= -o sess= 2>/dev/null; return; fi
  for berth_dir in /proc/[0-9]*; do
    { read -r berth_stat <"$berth_dir/stat"; } 2>/dev/null || continue
    # the name in parentheses may hold anything; after it: state, parent, group, session
    # shellcheck disable=SC2086
    set -- ${berth_stat##*) }
    echo "${berth_dir#/proc/} $1 $2 $4"
  done
}

berth_main() {
  berth_setsid=
  command -v setsid >/dev/null 2>&1 && berth_setsid=setsid
  export BERTH_RUN="$berth_nonce"
  if [ "$berth_leash" = stdin ]; then exec 7<&0; else exec 7</dev/null; fi
  exec </dev/null 8>&1
  {
    if [ "$berth_leash" = stdin ]; then
      # not behind `&&`: the shell that waits for it would hold the streams open
      berth_leash_side <&7 >/dev/null 2>&1 7<&- 8>&- &
      echo "helper $!"
    fi
    if [ -n "$berth_deadline" ]; then
      berth_deadline_side >/dev/null 2>&1 7<&- 8>&- &
      echo "helper $!"
    fi
    berth_task_side 9>&1 >&8 7<&- 8>&-
  } 9>&1 | berth_watch_side 7<&- 8>&-
}
