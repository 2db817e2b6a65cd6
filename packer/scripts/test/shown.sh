#!/usr/bin/env bash
# What is shown while the tests run.
: "${report:?}"

# Passes on the beginning of what comes, and takes in the rest: a closed pipe would end the tests.
beginning() {
  head --bytes="$LOG_BYTES"
  if [[ $(head --bytes=1 | wc --bytes) == 1 ]]; then
    echo
    echo "test: the tests have said more than $LOG_BYTES bytes; the rest is not shown"
  fi
  cat >/dev/null
}

# Runs a command, shows what it says and keeps that in test.log; its exit code is in `code`. Not
# through a pipe: what the tests leave running would hold it open, and this would wait for it.
shown() {
  local running following
  sleep infinity &
  running=$!
  tail --follow --bytes=+1 --sleep-interval=0.2 --pid="$running" "$report/test.log" |
    hide_settings | beginning &
  following=$!
  set +e
  (
    set -e
    "$@"
  ) >"$report/test.log" 2>&1
  # shellcheck disable=SC2034 # test.sh reads it
  code=$?
  set -e
  kill "$running"
  wait "$running" 2>/dev/null || true
  wait "$following"
}
