#!/usr/bin/env bash
# The tests, in a copy of the application's folder and of its HOME.
: "${app:?}" "${user:?}" "${report:?}" "${copy:?}"

test_services() {
  bash /usr/local/lib/spotkiln/test-services "$@"
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
