# Runs one attempt and shows it here ($0 is in its run directory; $1 is its title, the rest enters the box):
# in a window of its own, or, with berth_shell set, started from the shell that is there.
# Nothing of the run hangs on the terminal: its output goes to the files of the run directory, its session is
# its own, and it goes on when tmux is killed. The window only looks.
berth_title=$1
shift
cd "${0%/*}" || exit 125
: >>out.log
: >>err.log
tail -q -n +1 -f out.log err.log </dev/null &
berth_setsid=
command -v setsid >/dev/null 2>&1 && berth_setsid=setsid
# in the foreground: what a shell starts in the background is deaf to SIGINT
$berth_setsid sh "$PWD/start.sh" "$@" </dev/null >>out.log 2>>err.log
berth_code=$?
# the viewer may have a little left to show
sleep 0.1 2>/dev/null || sleep 1
kill "$!" 2>/dev/null
# or it stays a zombie for as long as the window is looked at
wait "$!" 2>/dev/null
[ -n "$berth_shell" ] && exit "$berth_code"
printf '\n%s ended with code %s. Enter closes this window.\n' "$berth_title" "$berth_code"
read -r berth_line
