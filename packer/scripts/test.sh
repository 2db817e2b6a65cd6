#!/usr/bin/env bash
# On a machine booted from a candidate image: waits until the application's unit answers, then
# runs the tests in a copy of its folder. Runs as root. Reads SPOTKILN_*, see test.pkr.hcl.
# Leaves junit.xml, test.log, journal.log and exit-code in SPOTKILN_REPORT and exits with 0
# whatever they say, so that they can be fetched. exit-code: 0 passed, 10 the tests' dependencies
# could not be installed, 20 tests failed, 30 the unit did not answer.
set -euo pipefail

# As systemd gives it to the units, whatever this login's is.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
readonly DEPENDENCIES=10 TESTS=20 UNIT=30
readonly app=$SPOTKILN_APP user=$SPOTKILN_USER report=$SPOTKILN_REPORT
readonly copy=/var/tmp/spotkiln-test
# What comes home is bounded, whatever the tests write: their report (spotkiln/bake/junit.py refuses a
# larger one), the end of each log, and what is shown while they run.
readonly REPORT_BYTES=$((32 * 1024 * 1024)) LOG_BYTES=$((8 * 1024 * 1024))

decode() {
  base64 --decode <<<"$1"
}

prepare_report() {
  rm -rf "$report"
  install -d -m 0755 "$report"
  # Both are fetched whatever happens; an empty report says that there was none.
  : >"$report/test.log"
  install -m 0644 -o "$user" -g "$user" /dev/null "$report/junit.xml"
}

# The status that the health path answers, 000 if it doesn't.
health_status() {
  curl --silent --output /dev/null --write-out '%{http_code}' --max-time 5 \
    "http://127.0.0.1:$SPOTKILN_PORT$(decode "$SPOTKILN_HEALTH_PATH_BASE64")" || true
}

# Whether a status is one of SPOTKILN_HEALTH_MATCHER: single ones and ranges, with commas between.
matches() {
  local status=$((10#$1)) part
  for part in ${SPOTKILN_HEALTH_MATCHER//,/ }; do
    if ((status >= ${part%-*} && status <= ${part#*-})); then
      return 0
    fi
  done
  return 1
}

# The application is not even tried when one of the others has failed.
failed_unit() {
  local unit
  for unit in "$app-role.service" "$app-migrate.service" "$app.service"; do
    if systemctl --quiet is-failed "$unit"; then
      echo "$unit"
      return 0
    fi
  done
  return 1
}

wait_for_unit() {
  local deadline=$((SECONDS + SPOTKILN_HEALTH_TIMEOUT)) state='' status='' failed
  while ((SECONDS < deadline)); do
    if failed=$(failed_unit); then
      echo "test: $failed has failed; its journal is in journal.log. On this machine the units" \
        "have the test environment, all of it and nothing else; what they write must be under" \
        "/var/lib/$app, a test database too"
      return 1
    fi
    state=$(systemctl is-active "$app.service" || true)
    if [[ $state == active ]]; then
      status=$(health_status)
      if matches "$status"; then
        echo "test: $app.service answers its health path"
        return 0
      fi
    fi
    sleep 0.5
  done
  echo "test: after ${SPOTKILN_HEALTH_TIMEOUT} s $app.service is $state and its health path" \
    "answered ${status:-nothing}, $SPOTKILN_HEALTH_MATCHER was expected; its journal is in journal.log"
  return 1
}

# Runs a command in the copy as the application's user; only the tests' environment is handed on.
in_copy() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  (cd "$copy/app" && timeout --kill-after=10 "$((deadline - SECONDS > 0 ? deadline - SECONDS : 1))" \
    runuser -u "$user" -- env -i "HOME=$copy/home" "PATH=$PATH" LANG=C.UTF-8 \
    "JUNIT=$report/junit.xml" \
    bash -euo pipefail -c 'set -a; . "$1"; set +a; eval "$2"' test "$copy/environment" "$1")
}

run_tests() {
  local deadline=$((SECONDS + SPOTKILN_TEST_TIMEOUT))
  rm -rf "$copy"
  install -d -m 0755 -o "$user" -g "$user" "$copy" "$copy/home"
  cp -a "/srv/$app" "$copy/app"
  decode "$SPOTKILN_ENVIRONMENT_BASE64" >"$copy/environment"
  chmod 0644 "$copy/environment"
  in_copy "$(decode "$SPOTKILN_SETUP_BASE64")" || {
    echo "test: the test set-up command failed; its own message is above"
    return "$DEPENDENCIES"
  }
  in_copy "$(decode "$SPOTKILN_TEST_BASE64")" || {
    echo "test: the tests failed"
    return "$TESTS"
  }
}

judge() {
  wait_for_unit || return "$UNIT"
  run_tests
}

# Passes on the beginning of what comes, and takes in the rest: a closed pipe would end the tests.
beginning() {
  head --bytes="$LOG_BYTES"
  if [[ $(head --bytes=1 | wc --bytes) == 1 ]]; then
    echo
    echo "test: the tests have said more than $LOG_BYTES bytes; the rest is not shown"
  fi
  cat >/dev/null
}

# Keeps the end of a log.
shorten() {
  if (($(stat --format=%s "$1") > LOG_BYTES)); then
    tail --bytes="$LOG_BYTES" "$1" >"$1.end"
    mv "$1.end" "$1"
  fi
}

bring_home() {
  journalctl --boot --no-pager --output=short-iso --unit="$app.service" \
    --unit="$app-role.service" --unit="$app-migrate.service" --unit="$app-hostname.service" \
    >"$report/journal.log" 2>&1 || true
  shorten "$report/journal.log"
  shorten "$report/test.log"
  # A byte more than is read tells that there was more.
  if (($(stat --format=%s "$report/junit.xml") > REPORT_BYTES)); then
    truncate --size="$((REPORT_BYTES + 1))" "$report/junit.xml"
  fi
  echo "$1" >"$report/exit-code"
  chmod -R a+rX "$report"
}

# Runs a command, shows what it says and keeps that in test.log; its exit code is in `code`. Not
# through a pipe: what the tests leave running would hold it open, and this would wait for it.
shown() {
  local running following
  sleep infinity &
  running=$!
  tail --follow --bytes=+1 --sleep-interval=0.2 --pid="$running" "$report/test.log" | beginning &
  following=$!
  set +e
  (
    set -e
    "$@"
  ) >"$report/test.log" 2>&1
  code=$?
  set -e
  kill "$running"
  wait "$running" 2>/dev/null || true
  wait "$following"
}

prepare_report
shown judge
bring_home "$code"
