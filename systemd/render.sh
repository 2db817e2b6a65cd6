#!/usr/bin/env bash
# Writes an application's units to the folder $1 from the templates beside this script.
# Reads from the environment: APP, APP_USER, FOLDER (where the application is), PORT, TYPE (notify or
# exec), MIGRATE_SECONDS, START_SECONDS, STOP_SECONDS, START_COMMAND, MIGRATE_COMMAND, HARDENING (a
# level), WRITABLE (folders below FOLDER, with blanks between them). Exits with 30 on values that no unit
# can have.
set -euo pipefail
# The & in a value is a character, not "what was matched".
shopt -u patsub_replacement 2>/dev/null || true

readonly target=${1:?usage: render.sh FOLDER} UNIT=30
templates=$(dirname "${BASH_SOURCE[0]}")

expect() {
  local name=$1 pattern=$2
  if [[ ! ${!name} =~ ^($pattern)$ ]]; then
    echo "render: $name is \"${!name}\", expected to match $pattern" >&2
    exit "$UNIT"
  fi
}

# The start command as the shell replaces itself with it: `exec` stands behind the variables that
# are set for it. spotkiln/bake/shell.py says what a start command may be, and takes values alike.
replacing() {
  local name='[A-Za-z_][A-Za-z0-9_]*' quoted substituted plain
  quoted="'[^']*'"'|"([^"\\]|\\.)*"|\\.'
  # shellcheck disable=SC2016 # a regular expression
  substituted='\$\(([^()]|\([^()]*\))*\)|`[^`]*`'
  plain="[^[:space:]'"'"\\`;&|<>()]'
  [[ $1 =~ ^[[:space:]]*(($name=($quoted|$substituted|$plain)*[[:blank:]]+)*)(.*)$ ]]
  printf '%sexec %s' "${BASH_REMATCH[1]}" "${BASH_REMATCH[-1]}"
}

# A command as it must stand inside double quotes in a unit's ExecStart.
quote() {
  local text=$1
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//\$/\$\$}
  text=${text//%/%%}
  printf '%s' "$text"
}

# With a minus before each: a unit starts even if one of the folders is gone.
writable_paths() {
  local folder paths=()
  for folder in $WRITABLE; do
    paths+=("-$FOLDER/$folder")
  done
  printf '%s' "${paths[*]}"
}

render() {
  local text
  text=$(<"$templates/$1")
  text=${text//@APP@/$APP}
  text=${text//@APP_USER@/$APP_USER}
  text=${text//@FOLDER@/$FOLDER}
  text=${text//@PORT@/$PORT}
  text=${text//@TYPE@/$TYPE}
  text=${text//@MIGRATE_SECONDS@/$MIGRATE_SECONDS}
  text=${text//@START_SECONDS@/$START_SECONDS}
  text=${text//@STOP_SECONDS@/$STOP_SECONDS}
  # Four starts, each with its pause, and a little.
  text=${text//@START_LIMIT_INTERVAL@/$((4 * START_SECONDS + 30))}
  text=${text//@WRITABLE@/$(writable_paths)}
  text=${text//@START_COMMAND@/$(quote "$(replacing "$START_COMMAND")")}
  text=${text//@MIGRATE_COMMAND@/$(quote "$MIGRATE_COMMAND")}
  install -D -m 0644 /dev/stdin "$target/$2" <<<"$text"
}

# A part of a path, but not . or .. (spotkiln/bake/description.py).
readonly part='([A-Za-z0-9_@+]|\.[A-Za-z0-9_@+-]|\.\.[A-Za-z0-9._@+-])[A-Za-z0-9._@+-]*'
expect APP '[a-z][a-z0-9-]{0,31}'
expect APP_USER '[a-z_][a-z0-9_-]{0,30}'
expect FOLDER "/srv(/$part)+"
expect PORT '[0-9]{1,5}'
expect TYPE 'notify|exec'
expect MIGRATE_SECONDS '[0-9]{1,5}'
expect START_SECONDS '[0-9]{1,5}'
expect STOP_SECONDS '[0-9]{1,5}'
expect HARDENING 'strict|standard|basic'
expect WRITABLE "( *$part(/$part)*)* *"
expect START_COMMAND $'[^\n]*[^ \t\n][^\n]*'
expect MIGRATE_COMMAND $'[^\n]*[^ \t\n][^\n]*'

protection=hardening-$HARDENING.conf
[[ $HARDENING != strict ]] || protection=hardening.conf
render app.service "$APP.service"
render app-migrate.service "$APP-migrate.service"
render app-hostname.service "$APP-hostname.service"
render app-interruption.service "$APP-interruption.service"
render app-role.service "$APP-role.service"
render app-console.service "$APP-console.service"
for unit in "$APP" "$APP-migrate"; do
  render "$protection" "$unit.service.d/hardening.conf"
  render writable.conf "$unit.service.d/writable.conf"
done
