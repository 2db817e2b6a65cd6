#!/usr/bin/env bash
# On a machine booted from a candidate image: waits until the application's unit answers the health
# check, then runs the tests in a copy of its folder and its HOME. Runs as root. Reads SPOTKILN_*, see
# test.pkr.hcl. Leaves junit.xml, junit.tar, test.log, journal.log, facts and exit-code in SPOTKILN_REPORT and
# exits with 0 whatever they say, so that they can be fetched. exit-code: 0 passed, 10 the tests'
# dependencies could not be installed, 20 tests failed, 30 the unit did not answer, or one of its
# pages does not work; only then facts has what spotkiln/bake/facts.py reads.
set -euo pipefail

# As systemd gives it to the units, whatever this login's is.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
readonly DEPENDENCIES=10 TESTS=20 UNIT=30
readonly app=$SPOTKILN_APP user=$SPOTKILN_USER report=$SPOTKILN_REPORT
readonly copy=/var/tmp/spotkiln-test
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
# What its role, settings and folders may take before the migration begins (their units' limits), and
# how many lines are shown of units that do not serve.
readonly BOOT_SECONDS=900 LINES=40
# How long a load balancer waits for a page, unless it was told otherwise.
readonly PAGE_SECONDS=60
# As often started again while the tests run is no accident.
readonly ENDED_AGAIN=3
# What comes home is bounded, whatever the tests write: their report (spotkiln/bake/junit.py refuses a
# larger one), the end of each log, and what is shown while they run.
readonly REPORT_BYTES=$((32 * 1024 * 1024)) LOG_BYTES=$((8 * 1024 * 1024))

decode() {
  base64 --decode <<<"$1"
}

test_services() {
  bash /usr/local/lib/spotkiln/test-services "$@"
}

# What the image is made of, for its SBOM, before the tests change anything: spotkiln/bake/contents.py
# reads it. A source has a version of its own.
list_packages() {
  local ID='' VERSION_ID='' VERSION_CODENAME=''
  # shellcheck disable=SC1091 # of the machine
  . /etc/os-release || true
  printf 'os\t%s\t%s\t%s\n' "$ID" "$VERSION_ID" "$VERSION_CODENAME"
  dpkg-query --show --showformat='${db:Status-Abbrev}\t${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n' |
    sed --quiet 's/^ii *\t/deb\t/p'
}

prepare_report() {
  rm -rf "$report"
  install -d -m 0755 "$report"
  # All are fetched whatever happens; an empty report says that there was none.
  : >"$report/test.log"
  : >"$report/facts"
  list_packages >"$report/packages"
  # The tests' own: each of their runners may make there what it is used to make, also a folder.
  install -d -m 0755 -o "$user" -g "$user" "$report/junit"
}

# The address at which a load balancer finds this machine. By IMDSv2 only.
own_address() {
  local metadata=http://169.254.169.254/latest token
  token=$(ask_metadata --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 60' \
    "$metadata/api/token")
  # From standard input: a token on the command line could be read by anybody here.
  ask_metadata --header @- "$metadata/meta-data/local-ipv4" <<<"X-aws-ec2-metadata-token: $token"
}

ask_metadata() {
  curl --silent --show-error --fail --noproxy '*' --connect-timeout 1 --max-time 3 \
    --retry 10 --retry-delay 1 --retry-max-time 25 --retry-all-errors "$@"
}

# ask SECONDS URL: what is answered, as NAME=VALUE. As a load balancer asks: the machine's address is
# the Host, no redirect is followed, no certificate is checked.
ask() {
  echo "url=$2"
  curl --silent --insecure --globoff --noproxy '*' --output /dev/null --max-time "$1" \
    --user-agent ELB-HealthChecker/2.0 "$2" \
    --write-out 'status=%{http_code}\nlocation=%{redirect_url}\ntrouble=%{errormsg}\n' || true
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

# Keeps the last answer that had a status: an application that is restarted answers none meanwhile.
answers() {
  local answer status
  answer=$(ask "$SPOTKILN_HEALTH_ANSWER_SECONDS" "$url")
  status=$(sed --quiet 's/^status=//p' <<<"$answer")
  if [[ ${status:-000} != 000 ]] || ! grep --quiet --no-messages '^status=[1-9]' "$report/answer"; then
    printf '%s\n' "$answer" >"$report/answer"
  fi
  [[ $(systemctl is-active "$app.service") == active ]] && matches "${status:-000}"
}

wait_for_unit() {
  local url
  url=$SPOTKILN_HEALTH_PROTOCOL://$address:$SPOTKILN_HEALTH_PORT$(decode "$SPOTKILN_HEALTH_PATH_BASE64")
  # systemd itself ends a migration at its limit.
  wait_for "$((SECONDS + SPOTKILN_MIGRATE_SECONDS + BOOT_SECONDS))" prepared &&
    wait_for "$((SECONDS + SPOTKILN_START_SECONDS))" answers && {
    echo "test: $app.service answers its health check at $url"
    return 0
  }
  write_facts
  echo "test: $app.service does not answer its health check at $url. On this machine the units have" \
    "the test environment, all of it and nothing else"
  journalctl --boot --no-pager --output=cat --lines="$LINES" "${units[@]/#/--unit=}" || true
  return 1
}

# Each of the pages once, while the application runs under its unit as it will on a server.
ask_pages() {
  local path url answer status location good=0
  while IFS= read -r path; do
    [[ -n $path ]] || continue
    url=$SPOTKILN_PROTOCOL://$address:$SPOTKILN_PORT$path
    answer=$(ask "$PAGE_SECONDS" "$url")
    status=$((10#$(sed --quiet 's/^status=//p' <<<"$answer")))
    location=$(sed --quiet 's/^location=//p' <<<"$answer")
    if ((status == 0)); then
      echo "test: $path was not answered ($(sed --quiet 's/^trouble=//p' <<<"$answer"))"
    else
      echo "test: $path was answered with $status${location:+, a redirect to $location, which was not followed}"
    fi
    if ((status == 0 || status >= 500)); then
      printf '%s\n\n' "$answer" >>"$report/broken"
      good=1
    fi
  done < <(decode "$SPOTKILN_SMOKE_BASE64" && echo)
  tell_refused
  ((good == 0)) || write_facts
  return "$good"
}

# What it was not allowed to write fails no page if it goes on without.
tell_refused() {
  { journalctl --boot --no-pager --output=cat --unit="$app.service"; logged; } 2>/dev/null |
    grep --max-count=3 --extended-regexp 'EROFS|[Rr]ead-only file system|readonly database' |
    sed 's/^/test: it may not write everywhere: /' || true
}

# The end of what it writes to log files, not to its standard output.
logged() {
  local file
  for file in /var/lib/"$app"/writable/{log,logs}/*.log; do
    [[ ! -f $file ]] || tail --lines=200 "$file"
  done
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

# What decides why it does not serve.
write_facts() {
  {
    echo '[units]'
    systemctl show --property=Id,Type,ActiveState,SubState,Result,ExecMainCode,ExecMainStatus,NRestarts \
      "${units[@]}"
    echo '[listening]'
    ss --no-header --tcp --listening --numeric --processes --extended --cgroup
    echo '[user]'
    id --user "$user"
    echo '[answer]'
    cat "$report/answer"
    echo '[broken]'
    [[ ! -f $report/broken ]] || cat "$report/broken"
    # A line of a file must not look like one of these.
    echo '[logs]'
    logged | sed 's/^/ /'
  } >"$report/facts" 2>/dev/null || true
}

# What the tests have, the later before the earlier: the addresses of their services, the test
# environment, and the configuration of this machine.
tests_environment() {
  printf '%s\n' "$addresses"
  decode "$SPOTKILN_ENVIRONMENT_BASE64"
  cat "/run/$app/config.env" 2>/dev/null || true
}

# Runs a command as the application's user where the copy takes the places of the application's folder
# and of its HOME, for this command and what it starts alone: a virtual environment, a link or a
# setting that names its own place by an absolute path leads to the copy. Only the tests'
# environment is handed on, and through a pipe, for it may hold secrets.
in_copy() {
  # shellcheck disable=SC2016 # expanded by the inner shells
  timeout --kill-after=10 "$((deadline - SECONDS > 0 ? deadline - SECONDS : 1))" \
    unshare --mount -- bash -euo pipefail -c '
      mount --bind "$1/app" "$2"
      mount --bind "$1/home" "$3"
      cd "$2/$4"
      shift 4
      exec "$@"' places "$copy" "/srv/$app" "/var/lib/$app" "$SPOTKILN_FOLDER" \
    runuser -u "$user" -- env -i "HOME=/var/lib/$app" "PATH=$PATH" LANG=C.UTF-8 \
    "JUNIT=$report/junit/junit.xml" \
    bash -euo pipefail -c 'set -a; eval "$(cat <&3)"; set +a; exec 3<&-; eval "$1"' test "$1" \
    3< <(tests_environment)
}

# What has taken all the time does not say that itself.
tell_limit() {
  if ((SECONDS >= deadline)); then
    echo "test: the limit of $SPOTKILN_TEST_SECONDS s (test_seconds) has ended them"
  fi
}

# Of the application's HOME: with what the build has left there, and not with what the application
# writes, which may go while it is copied.
copy_home() {
  install -d -m 0755 -o "$user" -g "$user" "$copy/home"
  find "/var/lib/$app" -mindepth 1 -maxdepth 1 ! -name writable ! -name migration \
    -exec cp -a --target-directory="$copy/home" {} + || true
}

run_tests() {
  local deadline=$((SECONDS + SPOTKILN_TEST_SECONDS))
  rm -rf "$copy"
  install -d -m 0755 -o "$user" -g "$user" "$copy"
  cp -a "/srv/$app" "$copy/app"
  copy_home
  # shellcheck disable=SC2086 # names, with blanks between them
  addresses=$([[ -z $SPOTKILN_TEST_SERVICES ]] || test_services addresses $SPOTKILN_TEST_SERVICES) || {
    echo "test: the tests' own database could not be made"
    return "$UNIT"
  }
  in_copy "$(decode "$SPOTKILN_SETUP_BASE64")" || {
    tell_limit
    echo "test: the test set-up command failed; its own message is above"
    return "$DEPENDENCIES"
  }
  in_copy "$(decode "$SPOTKILN_TEST_BASE64")" || {
    tell_limit
    echo "test: the tests failed"
    return "$TESTS"
  }
}

judge() {
  wait_for_unit && ask_pages || return "$UNIT"
  note_restarts
  run_tests || return
  still_run || {
    write_facts
    return "$UNIT"
  }
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

# What the settings of this machine hold may be a secret: their values are shown by name.
hide_settings() {
  bash /usr/local/lib/spotkiln/hide-settings "$app"
}

# The same in a file, which stays as it is otherwise.
hide_in() {
  hide_settings <"$1" >"$1.hidden"
  cat "$1.hidden" >"$1"
  rm "$1.hidden"
}

# Keeps the end of a log.
shorten() {
  if (($(stat --format=%s "$1") > LOG_BYTES)); then
    tail --bytes="$LOG_BYTES" "$1" >"$1.end"
    mv "$1.end" "$1"
  fi
}

# Of the tests' reports: a single one as junit.xml, several in junit.tar, of the other an empty file. Of
# too many bytes a byte more than is read comes home as junit.xml, which tells that there was more. They
# are taken to where nobody else comes to, for what the tests left running could put a link in their
# place, to what only root may read.
gather_reports() {
  local files file taken total=0
  : >"$report/junit.xml"
  : >"$report/junit.tar"
  taken=$(mktemp --directory)
  mv "$report/junit" "$taken/junit"
  chown --recursive --no-dereference root:root "$taken/junit"
  mapfile -d '' -t files < <(cd "$taken/junit" && find . -type f -name '*.xml' -printf '%P\0' | sort --zero-terminated)
  for file in "${files[@]}"; do
    total=$((total + $(stat --format=%s "$taken/junit/$file")))
    ((total <= REPORT_BYTES)) || break
    mkdir --parents "$(dirname "$taken/hidden/$file")"
    hide_settings <"$taken/junit/$file" >"$taken/hidden/$file"
  done
  if ((total > REPORT_BYTES)); then
    truncate --size="$((REPORT_BYTES + 1))" "$report/junit.xml"
  elif ((${#files[@]} == 1)); then
    mv "$taken/hidden/${files[0]}" "$report/junit.xml"
  elif ((${#files[@]} > 1)); then
    printf '%s\0' "${files[@]}" | tar --create --file "$report/junit.tar" \
      --directory "$taken/hidden" --null --verbatim-files-from --files-from=-
  fi
  rm -rf "$taken"
}

bring_home() {
  journalctl --boot --no-pager --output=short-iso --unit="$app-hostname.service" \
    "${units[@]/#/--unit=}" >"$report/journal.log" 2>&1 || true
  local file
  for file in journal.log test.log facts; do
    if [[ -e $report/$file ]]; then hide_in "$report/$file"; fi
  done
  # Only now: of a value that is cut off the rest would be shown.
  shorten "$report/journal.log"
  shorten "$report/test.log"
  gather_reports
  echo "$1" >"$report/exit-code"
  chmod -R a+rX "$report"
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
  code=$?
  set -e
  kill "$running"
  wait "$running" 2>/dev/null || true
  wait "$following"
}

prepare_report
address=$(own_address)
shown judge
bring_home "$code"
