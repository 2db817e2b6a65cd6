#!/usr/bin/env bash
# Watches for the end of this Spot instance, so that no request fails by it: takes the machine out
# of its target groups, waits until the load balancer has let go of it, stops the application.
# Asks the metadata service by IMDSv2 only, and signs its calls with the instance role's credentials.
# usage: watch-interruption APPLICATION STOP_SECONDS [LOOK_SECONDS]
set -euo pipefail

readonly app=${1:?usage: watch-interruption APPLICATION STOP_SECONDS}
readonly stop_seconds=${2:?usage: watch-interruption APPLICATION STOP_SECONDS}
metadata=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}
readonly metadata=${metadata%/}/latest
# As often as AWS advises.
readonly look_seconds=${3:-5}

# -- metadata --

ask() {
  curl --silent --fail --connect-timeout 1 --max-time 3 "$@"
}

token='' token_until=0
renew_token() {
  if ((SECONDS >= token_until)); then
    token=$(ask --retry 10 --retry-delay 1 --retry-all-errors --request PUT \
      --header 'X-aws-ec2-metadata-token-ttl-seconds: 600' "$metadata/api/token")
    token_until=$((SECONDS + 300))
  fi
}

# get PATH: what is said there; fails where there is nothing.
get() {
  # From standard input: a token on the command line could be read by anybody here.
  ask --header @- "$metadata/meta-data/$1" <<<"X-aws-ec2-metadata-token: $token"
}

# text NAME: a string of the JSON on standard input.
text() {
  sed -n 's/.*"'"$1"'" *: *"\([^"]*\)".*/\1/p'
}

# -- the load balancer --

# The ARNs of its target groups, as its tag says.
groups=''
find_groups() {
  groups=$(get tags/instance/spotkiln:target-group-arn) || true
  if [[ -z $groups ]]; then
    echo "no tag spotkiln:target-group-arn can be read: no target group is known to leave" >&2
    return 1
  fi
}

# What curl signs with. It goes through a pipe: a secret on the command line could be read, too.
credentials() {
  local role found
  role=$(get iam/security-credentials/) && found=$(get "iam/security-credentials/$role") || return
  printf 'user = "%s:%s"\nheader = "X-Amz-Security-Token: %s"\n' "$(text AccessKeyId <<<"$found")" \
    "$(text SecretAccessKey <<<"$found")" "$(text Token <<<"$found")"
}

# call ACTION NAME=VALUE...: AWS's answer. Fails, with AWS's words, after three tries.
call() {
  local fields=(--data-urlencode "Action=$1" --data-urlencode Version=2015-12-01) one try said
  for one in "${@:2}"; do
    fields+=(--data-urlencode "$one")
  done
  for try in 1 2 3; do
    if said=$(credentials | curl --silent --show-error --fail-with-body --connect-timeout 2 \
      --max-time 10 --config - --aws-sigv4 "aws:amz:$region:elasticloadbalancing" \
      "${fields[@]}" "$endpoint/" 2>&1); then
      printf '%s' "$said"
      return 0
    fi
    ((try == 3)) || sleep 1
  done
  echo "$1 failed: $(tr '\n' ' ' <<<"$said" | sed 's/.*<Message>\(.*\)<\/Message>.*/\1/')" >&2
  return 1
}

# deregister: out of all its target groups; fails if it is not out of all.
deregister() {
  local group failed=0
  find_groups || return
  for group in $groups; do
    if call DeregisterTargets "TargetGroupArn=$group" "Targets.member.1.Id=$instance" >/dev/null; then
      echo "left $group"
    else
      echo "could not leave $group: the instance's role needs the right to DeregisterTargets" >&2
      failed=1
    fi
  done
  return "$failed"
}

# let_go: whether the load balancer has. Fails as well if it cannot be asked.
let_go() {
  local group found
  for group in $groups; do
    found=$(call DescribeTargetHealth "TargetGroupArn=$group" "Targets.member.1.Id=$instance") || return
    grep --quiet '<State>unused</State>' <<<"$found" || return
  done
}

# healthy_others: how many healthy targets its first target group has besides this machine.
healthy_others() {
  local group=${groups%% *} every own
  every=$(call DescribeTargetHealth "TargetGroupArn=$group") || return
  own=$(call DescribeTargetHealth "TargetGroupArn=$group" "Targets.member.1.Id=$instance") || return
  echo $(($(count_healthy <<<"$every") - $(count_healthy <<<"$own")))
}

count_healthy() {
  grep --only-matching '<State>healthy</State>' | wc --lines
}

# -- the end --

# When the application must begin to stop, in seconds since 1970; 0 while there is no notice.
deadline=0

# noticed: whether the instance is to end. Sets the deadline: the application may take all its time
# to stop, or half of what is left.
noticed() {
  local notice end left
  notice=$(get spot/instance-action) || return
  end=$(date --date "$(text time <<<"$notice")" +%s) || end=$((EPOCHSECONDS + 90))
  left=$((end - EPOCHSECONDS))
  if ((deadline == 0)); then
    echo "Spot interruption: $(text action <<<"$notice") in $left s"
    deadline=$((end - (left / 2 < stop_seconds ? left / 2 : stop_seconds)))
  fi
}

# leave: out of the target groups, the requests ended, the application stopped.
leave() {
  if deregister; then
    until let_go || { noticed && ((EPOCHSECONDS >= deadline)); }; do
      sleep 1
      renew_token
    done
  else
    echo "requests may fail when $app stops: it serves as long as it can" >&2
    while ((EPOCHSECONDS < deadline)); do
      sleep 1
    done
  fi
  echo "stopping $app"
  systemctl stop "$app.service"
  echo "$app has stopped"
}

# replaced: after a recommendation to rebalance, whether as many others are healthy as all were
# then. Without capacity rebalancing no other comes: the machine serves on until its notice.
needed=''
replaced() {
  local others
  get events/recommendations/rebalance >/dev/null || return
  if [[ -z $needed ]]; then
    needed=never
    if [[ $(get tags/instance/spotkiln:capacity-rebalance || true) != on ]]; then
      echo "rebalance recommendation: no replacement is launched for it, serving on"
    elif find_groups && others=$(healthy_others); then
      needed=$((others + 1))
      echo "rebalance recommendation: leaving once $needed others are healthy"
    else
      echo "rebalance recommendation: others cannot be seen, serving on" >&2
    fi
  fi
  [[ $needed != never ]] && others=$(healthy_others) && ((others >= needed))
}

renew_token
if [[ $(get instance-life-cycle) != spot ]]; then
  echo "this is no Spot instance: there is nothing to watch for"
  exit 0
fi
instance=$(get instance-id)
region=$(get placement/region)
endpoint=${AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2:-${AWS_ENDPOINT_URL:-}}
if [[ -z $endpoint ]]; then
  endpoint=https://elasticloadbalancing.$region.$(get services/domain)
fi
readonly instance region endpoint=${endpoint%/}
if ! get iam/security-credentials/ >/dev/null; then
  echo "this machine has no role: it cannot leave its target group before an interruption" >&2
fi
echo "watching for an interruption of $instance"
until noticed || replaced; do
  sleep "$look_seconds"
  renew_token
done
leave
