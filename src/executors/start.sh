# Takes the start token of this run directory ($0 is in it) and becomes the run.
#   start.sh                 no box: the script itself runs here
#   start.sh PROGRAM ARG…    PROGRAM enters the box and reads the script on its stdin
cd "${0%/*}" || exit 125
berth_stat=$$ berth_boot=
{ read -r berth_stat </proc/self/stat && read -r berth_boot </proc/sys/kernel/random/boot_id; } 2>/dev/null
berth_stat=${berth_stat##*) }
# the start time is the 20th field after the name in parentheses
berth_field=1
while [ "$berth_field" -lt 20 ]; do berth_stat=${berth_stat#* } berth_field=$((berth_field + 1)); done
# noclobber makes the file exclusively: of two starters one goes on
set -C
echo "run $$ ${berth_stat%% *} $berth_boot" 2>/dev/null >pid || exit 0
set +C
if [ $# -eq 0 ]; then
  berth_pidfile=$PWD/pid
  . ./env.sh
  . ./script.sh
else
  mkfifo -m 600 leash || exit 125
  { echo berth_pidfile=; cat env.sh script.sh; rm -f env.sh; } >leash &
  # opened for reading and writing: the leash has no end while the program lives
  exec "$@" <>leash
fi
