#!/usr/bin/env bash
# The services that an application's tests have on the machine that tests, and nowhere else: in the
# image their units are masked. Runs as root. Their data is of no worth to anybody and goes with the
# machine.
#   test-services forbid                     no machine of this image starts one by itself
#   test-services require NAME...            fails, with words, if one is not in the base image
#   test-services start APPLICATION USER NAME...   on a machine that tests: start them, wait until they
#                                            answer, and give their addresses to the application's units
#   test-services addresses NAME...          what the tests are given, as lines NAME=value
# What the services are called here is in spotkiln/bake/services.py too.
set -euo pipefail

readonly NAMES='postgresql redis'
# Who may do everything in the database: tests make databases and extensions.
readonly LOGIN=test SECONDS_EACH=120
# The units and the tests have a database each: tests empty theirs, and what they put into a queue is not
# for the application's own workers.
readonly POSTGRESQL=postgresql://$LOGIN:$LOGIN@127.0.0.1:5432 REDIS=redis://127.0.0.1:6379

say() {
  echo "test-services: $*"
}

refuse() {
  say "$*" >&2
  exit 1
}

# -- what the base image has --

# The units of a service, as far as they are here: Debian 13 and later may have valkey for redis.
units_of() {
  local candidates unit
  case $1 in
    postgresql) candidates=(postgresql.service) ;;
    redis) candidates=(redis-server.service valkey-server.service) ;;
    *) refuse "$1 is not known; expected one of: $NAMES" ;;
  esac
  for unit in "${candidates[@]}"; do
    if [[ -e /lib/systemd/system/$unit || -e /usr/lib/systemd/system/$unit ]]; then echo "$unit"; fi
  done
}

forbid() {
  local name unit
  for name in $NAMES; do
    for unit in $(units_of "$name"); do
      # It runs on a machine of the base image. What the image has of its data must be whole.
      systemctl --quiet stop "$unit" || true
      systemctl --quiet mask "$unit"
    done
  done
}

require() {
  local name
  for name in "$@"; do
    [[ -n $(units_of "$name") ]] || refuse "$name is not in the base image"
  done
}

# -- on the machine that tests --

# ready SERVICE COMMAND...: waits until it succeeds.
ready() {
  local service=$1 deadline=$((SECONDS + SECONDS_EACH))
  shift
  until "$@" >/dev/null 2>&1; do
    if ((SECONDS >= deadline)); then
      tell_why "$service"
      refuse "$service does not start: it does not answer within $SECONDS_EACH s"
    fi
    sleep 0.5
  done
}

tell_why() {
  local unit
  for unit in $(units_of "$1"); do
    journalctl --boot --no-pager --output=cat --lines=20 --unit="$unit" --unit="${unit/.service/@*.service}" || true
  done
  tail --lines=20 --quiet /var/log/postgresql/*.log /var/log/redis/*.log 2>/dev/null || true
}

start() {
  local unit
  for unit in $(units_of "$1"); do
    # Not every machine that is a container can have users of its own for a unit.
    install -D -m 0644 /dev/stdin "/run/systemd/system/$unit.d/spotkiln.conf" <<<$'[Service]\nPrivateUsers=no'
    systemctl --quiet unmask "$unit"
    systemctl start "$unit" || {
      tell_why "$1"
      refuse "$1 does not start: $unit has failed"
    }
  done
}

as_postgres() {
  # In a folder that it may be in, and without a session that its journal tells of.
  (cd / && setpriv --reuid=postgres --regid=postgres --init-groups --reset-env "$@")
}

start_postgresql() {
  local version role
  # A package that was installed without a place for its data.
  if [[ -z $(pg_lsclusters --no-header) ]]; then
    version=$(find /usr/lib/postgresql -mindepth 1 -maxdepth 1 -printf '%f\n' | sort --version-sort | tail -n 1)
    pg_createcluster --locale C.UTF-8 "$version" main || refuse "postgresql does not start: no cluster could be made"
  fi
  start postgresql
  ready postgresql as_postgres psql --command 'SELECT 1'
  # By the socket the application's user is known by name.
  for role in "$LOGIN" "$1"; do
    as_postgres psql --quiet --set ON_ERROR_STOP=1 <<SQL
DO \$\$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '$role') THEN
    CREATE ROLE "$role" SUPERUSER LOGIN PASSWORD '$LOGIN';
  END IF;
END \$\$;
SQL
  done
  for database in app test; do
    if [[ -z $(as_postgres psql --quiet --tuples-only --command \
      "SELECT 1 FROM pg_database WHERE datname = '$database'" | tr -d '[:space:]') ]]; then
      as_postgres createdb --owner "$LOGIN" "$database"
    fi
  done
}

start_redis() {
  local client=redis-cli
  command -v "$client" >/dev/null || client=valkey-cli
  start redis
  ready redis "$client" ping
}

# give FILE NAME VALUE: unless the test environment says it.
give() {
  if ! grep --quiet "^$2=" "$1"; then
    printf '%s="%s"\n' "$2" "$3" >>"$1"
  fi
}

start_all() {
  local app=$1 user=$2 name
  local told=/run/spotkiln/$app
  shift 2
  if [[ $(<"$told/role") != tester ]]; then
    say "this machine does not test: none is started"
    return
  fi
  require "$@"
  for name in "$@"; do
    "start_$name" "$user"
    say "$name is ready"
  done
  for name in "$@"; do
    case $name in
      postgresql) give "$told/environment" DATABASE_URL "$POSTGRESQL/app" ;;
      redis) give "$told/environment" REDIS_URL "$REDIS/0" ;;
    esac
  done
}

# The tests' database is a copy of the one that the application's migration has prepared.
addresses() {
  local name
  for name in "$@"; do
    case $name in
      postgresql)
        as_postgres pg_dump app | as_postgres psql --quiet --set ON_ERROR_STOP=1 test >/dev/null
        printf 'DATABASE_URL="%s"\n' "$POSTGRESQL/test"
        ;;
      redis) printf 'REDIS_URL="%s"\n' "$REDIS/1" ;;
    esac
  done
}

case ${1:-} in
  forbid) forbid ;;
  require) require "${@:2}" ;;
  start) start_all "${@:2}" ;;
  addresses) addresses "${@:2}" ;;
  *) refuse "expected forbid, require, start or addresses, got \"${1:-}\"" ;;
esac
