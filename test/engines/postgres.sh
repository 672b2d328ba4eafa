#!/usr/bin/env bash
# PostgreSQL: the server of BERTH_TEST_POSTGRES_URL, else one of our own on a loopback port.
# It is not tuned for speed: tests of durability need fsync.
source "$(dirname "$0")/lib.sh"

home=$run/postgres
user=berth_engines # also how a URL of an earlier server of ours is told from a foreign one

up() {
  need psql postgresql-client
  local url=${BERTH_TEST_POSTGRES_URL:-}
  if [[ -n $url && $url != postgresql://$user:* ]]; then
    answers "$url" || missing "BERTH_TEST_POSTGRES_URL does not answer: $(last_words psql)"
  elif ! url=$(cat "$home/url" 2>/dev/null) || ! answers "$url"; then
    start
    url=$(cat "$home/url")
    answers "$url" || missing "the server does not answer: $(last_words psql)"
  fi
  keep BERTH_TEST_POSTGRES_URL "$url"
  ready "${version%% *}" "$(sed -E 's#//([^:@/]*):[^@]*@#//\1@#' <<< "$url")"
}

# answers URL: sets version
answers() {
  version=$(PGCONNECT_TIMEOUT=5 within 10 psql -XAtc 'show server_version' "$1" < /dev/null 2> "$run/psql.log")
}

start() {
  find_server
  need initdb postgresql
  find_server
  local base port
  base=$cache/postgres-$(postgres --version | sed -E 's/[^0-9]*([0-9]+).*/\1/')
  # one that crashed comes back where its clients look for it
  port=$(sed -nE 's#.*:([0-9]+)/[a-z]+$#\1#p' "$home/url" 2>/dev/null || true)
  port=$(free_port "${port:-${BERTH_ENGINE_POSTGRES_PORT:-25432}}")
  mkdir -p "$base" "$home"
  chmod 700 "$home"
  if [[ $EUID == 0 ]]; then chown postgres: "$base" "$home"; fi
  [[ -d $base/data ]] || create "$base"
  echo "$base/data" > "$home/data"
  # a server that was just killed is in the way for a moment
  wait_until 5 restart "$base/data" "$port" || missing "$(last_words pg_ctl) $(tail -n 1 "$home/log")"
  echo "postgresql://$user:$(cat "$base/password")@127.0.0.1:$port/postgres" > "$home/url"
}

# restart DATA PORT: or start
restart() {
  as_server pg_ctl -D "$1" -w -t 60 -l "$home/log" \
    -o "-c listen_addresses=127.0.0.1 -p $2 -k '$home' -N 200" restart > "$run/pg_ctl.log" 2>&1 9>&-
}

create() {
  say 'creating the database cluster'
  head -c 18 /dev/urandom | od -An -tx1 | tr -d ' \n' > "$1/password"
  if [[ $EUID == 0 ]]; then chown postgres: "$1/password"; fi
  chmod 600 "$1/password"
  rm -rf "$1/data.new"
  as_server initdb -D "$1/data.new" -U "$user" --pwfile="$1/password" --auth-local=trust --auth-host=scram-sha-256 \
    -E UTF8 --no-locale > "$run/initdb.log" 2>&1 || missing "initdb: $(last_words initdb)"
  mv "$1/data.new" "$1/data"
}

# Debian keeps the programs of the server out of PATH.
find_server() {
  PATH=$PATH:$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
}

# PostgreSQL refuses to run as root.
as_server() {
  cd /
  if [[ $EUID == 0 ]]; then runuser -u postgres -- "$@"; else "$@"; fi
}

down() {
  local data
  data=$(cat "$home/data" 2>/dev/null) || { echo 'postgres left as it is (not started by us)'; return; }
  find_server
  as_server pg_ctl -D "$data" -m fast stop > "$run/pg_ctl.log" 2>&1 || say "$(last_words pg_ctl)"
  rm -rf "$home"
  echo 'postgres stopped'
}

engine "$@"
