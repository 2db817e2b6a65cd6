#!/usr/bin/env bash
# The application's units: whether they have come up, and whether they keep running.
: "${app:?}"

# In the order of the boot: the application is not even tried when one of the others has failed.
units=("$app"-{role,config,folders,migrate}.service)
if [[ -n $SPOTKILN_TEST_SERVICES ]]; then
  units=("${units[0]}" "$app-services.service" "${units[@]:1}")
fi
# What it runs beside the web process, and what must have started before that does.
processes=() watch=()
if [[ -n $SPOTKILN_PROCESSES ]]; then
  read -ra processes <<<"$SPOTKILN_PROCESSES"
  processes=("${processes[@]/#/$app-}")
  processes=("${processes[@]/%/.service}")
  watch=("$app-processes.service")
fi
readonly steps=("${units[@]}" "${watch[@]}" "$app.service")
units+=("${processes[@]}" "${watch[@]}" "$app.service")
readonly units processes watch

# As often started again while the tests run is no accident.
readonly ENDED_AGAIN=3

# Whether a unit has failed, or will not start any more: it is inactive, and nothing is queued that
# would start it.
over() {
  local shown
  shown=$(systemctl show --property=ActiveState,Job "$1")
  [[ $shown == *ActiveState=failed* || ($shown == *ActiveState=inactive* && ! $shown =~ Job=[1-9]) ]]
}

any_over() {
  local unit
  for unit in "${steps[@]}"; do
    if over "$unit"; then
      return 0
    fi
  done
  return 1
}

# wait_for DEADLINE CONDITION...: until it holds; fails when one of the units is over, or when the
# deadline, in SECONDS, has come.
wait_for() {
  local deadline=$1 over=0
  shift
  until "$@"; do
    # Twice in a row: what is seen between two states of a restart is no end.
    if any_over; then ((++over)); else over=0; fi
    ((over < 2 && SECONDS < deadline)) || return 1
    sleep 0.5
  done
}

# The migration comes after the role.
prepared() {
  systemctl --quiet is-active "$app-migrate.service"
}

# How often each has been started anew by systemd, when it had started well.
declare -A restarts_before

restarts() {
  systemctl show --property=NRestarts --value "$1"
}

note_restarts() {
  local unit
  for unit in "${processes[@]}" "$app.service"; do
    restarts_before[$unit]=$(restarts "$unit")
  done
}

# Whether all of them still run, after the tests: one that ended meanwhile has a moment to start, and
# one that ended again and again does not run, whatever its state is right now.
still_run() {
  local unit more deadline=$((SECONDS + 10))
  for unit in "${processes[@]}" "$app.service"; do
    until systemctl --quiet is-active "$unit"; do
      ((SECONDS < deadline)) || break
      sleep 0.5
    done
    more=$(($(restarts "$unit") - restarts_before[$unit]))
    if ! systemctl --quiet is-active "$unit" || ((more >= ENDED_AGAIN)); then
      echo "test: $unit has not kept running while the tests ran: $(systemctl is-active "$unit"), started" \
        "again $more times"
      journalctl --boot --no-pager --output=cat --lines="$LINES" --unit="$unit" || true
      return 1
    fi
    ((more == 0)) || echo "test: $unit was started again $more times while the tests ran"
  done
}
