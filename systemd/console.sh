#!/usr/bin/env bash
# Writes the last lines of the application and its units to the machine's console. EC2 shows them
# (GetConsoleOutput) while the machine runs and for an hour after. Not all lines: a console takes
# about 11 kB a second. If journald wrote there itself, an application that logs more had to wait.
# usage: console APPLICATION [PART...]    with the units APPLICATION-PART, beside those of all machines
set -euo pipefail

readonly app=${1:?usage: console APPLICATION [PART...]}
readonly EVERY_SECONDS=5 LINES=40 CHARACTERS=300 cursor=/run/spotkiln-console/$app

# Not by the pattern "$app-*": another application may begin with the same name.
units=("--unit=$app.service")
for part in role config folders mounts hostname migrate interruption "${@:2}"; do
  units+=("--unit=$app-$part.service")
done

# What is new since the last time; of much that is new, the end. The settings' values are shown by
# name: whoever may see the console may not read them.
tell() {
  journalctl --boot --quiet --no-pager --output=short-iso --cursor-file="$cursor" "${units[@]}" |
    tail --lines="$LINES" | bash "${BASH_SOURCE[0]%/*}/hide-settings" "$app" |
    cut --characters="-$CHARACTERS"
}

while true; do
  tell >/dev/console || echo "console: could not write the last lines to the console" >&2
  sleep "$EVERY_SECONDS"
done
