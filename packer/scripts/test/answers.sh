#!/usr/bin/env bash
# Whether the application answers under its unit as it will on a server: its health check, then its
# pages.
: "${app:?}" "${report:?}" "${units[@]:?}"

# What its role, settings and folders may take before the migration begins: their units' limits.
readonly BOOT_SECONDS=900
# How long a load balancer waits for a page, unless it was told otherwise.
readonly PAGE_SECONDS=60

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

# wait_for_unit ADDRESS: that of this machine.
wait_for_unit() {
  local url
  url=$SPOTKILN_HEALTH_PROTOCOL://$1:$SPOTKILN_HEALTH_PORT$(decode "$SPOTKILN_HEALTH_PATH_BASE64")
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
  local address=$1 path url answer status location good=0
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
