#!/usr/bin/env bash
# On a machine that was launched for one command: carries it out in the application's unit for that,
# follows what it says, and leaves output, journal.log and facts in SPOTKILN_REPORT. Runs as root.
# Reads SPOTKILN_APP, SPOTKILN_SECONDS (how long the command may take), SPOTKILN_COMMAND (a file with
# it, in bash) and SPOTKILN_REPORT. Exits with 0 however the command ends: facts has that, as
# spotkiln/bake/errand.py reads it. Exits with 30 if the image has no unit for it.
# Between the lines "task: it begins" and "task: it has ended" all that it prints is the command's.
set -euo pipefail

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
readonly app=$SPOTKILN_APP report=$SPOTKILN_REPORT seconds=$SPOTKILN_SECONDS
readonly unit=$app-task.service run=/run/spotkiln/$app
# What comes home of the output and of the journal: the end. What is shown: the beginning.
readonly LOG_BYTES=$((8 * 1024 * 1024))
# Whoever launched it ends it. If nobody does, it ends itself so long after the command's limit.
readonly PATIENCE_SECONDS=1800 UNIT=30

prepare() {
  rm -rf "$report"
  install -d -m 0755 "$report"
  : >"$report/output"
  : >"$report/facts"
  : >"$report/journal.log"
  systemd-run --quiet --on-active="$((seconds + PATIENCE_SECONDS))" systemctl poweroff
}

# The units of the application that must have done their part before, in no particular order.
needed() {
  systemctl show --value --property=Requires "$unit" | tr ' ' '\n' |
    grep --extended-regexp "^$app-[a-z-]+\.service$" || true
}

write_facts() {
  {
    echo '[units]'
    # Of one after the other, so that the command's is the last.
    mapfile -t units < <(needed)
    systemctl show --property=Id,Type,ActiveState,SubState,Result,ExecMainCode,ExecMainStatus,NRestarts \
      "${units[@]}" "$unit"
  } >"$report/facts" 2>/dev/null || true
}

# What its settings hold may be a secret: their values are shown by name.
hide_settings() {
  bash /usr/local/lib/spotkiln/hide-settings "$app"
}

# Passes on the beginning of what comes, and takes in the rest.
beginning() {
  head --bytes="$LOG_BYTES"
  if [[ $(head --bytes=1 | wc --bytes) == 1 ]]; then
    echo
    echo "task: it has said more than $LOG_BYTES bytes; the rest is not shown"
  fi
  cat >/dev/null
}

carry_out() {
  local running following
  sleep infinity &
  running=$!
  tail --follow --bytes=+1 --sleep-interval=0.2 --pid="$running" "$report/output" |
    hide_settings | beginning &
  following=$!
  systemctl start "$unit" >"$report/start" 2>&1 || true
  kill "$running"
  wait "$running" 2>/dev/null || true
  wait "$following"
}

bring_home() {
  # Not the other way round: of a value that is cut off the rest would be shown.
  hide_settings <"$report/output" | tail --bytes="$LOG_BYTES" >"$report/output.end"
  mv "$report/output.end" "$report/output"
  mapfile -t units < <(needed)
  journalctl --boot --no-pager --output=short-iso "${units[@]/#/--unit=}" "--unit=$unit" 2>&1 |
    hide_settings | tail --bytes="$LOG_BYTES" >"$report/journal.log" || true
  write_facts
  chmod -R a+rX "$report"
}

prepare
if ! systemctl cat "$unit" >/dev/null 2>&1; then
  exit "$UNIT"
fi
mapfile -t before < <(needed)
if ! systemctl start "${before[@]}"; then
  echo "task: the machine could not be prepared; nothing was carried out"
  bring_home
  exit 0
fi
install -m 0640 -g "$(systemctl show --value --property=Group "$unit")" "$SPOTKILN_COMMAND" "$run/command"
rm -f "$SPOTKILN_COMMAND"
install -D -m 0644 /dev/stdin "/run/systemd/system/$unit.d/limit.conf" <<EOT
[Service]
TimeoutStartSec=$seconds
EOT
systemctl daemon-reload
echo "task: it begins"
carry_out
# A last line without an end stays one of its own.
[[ -z $(tail --bytes=1 "$report/output") ]] || echo
echo "task: it has ended"
if [[ $(systemctl show --value --property=ExecMainStartTimestampMonotonic "$unit") == 0 ]]; then
  echo "task: systemd did not start it: $(<"$report/start")"
fi
bring_home
