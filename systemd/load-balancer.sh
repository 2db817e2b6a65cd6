#!/usr/bin/env bash
# What scripts on a machine ask of its metadata service, by IMDSv2 only, and of its load balancer,
# signed with the instance role's credentials. Not run by itself: other scripts take it in.
# shellcheck disable=SC2034 # instance is theirs to read

metadata=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}
metadata=${metadata%/}/latest

# -- metadata --

ask() {
  curl --silent --fail --noproxy '*' --connect-timeout 1 --max-time 3 "$@"
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

# absent PATH: whether the service says that nothing is there, and is not only too busy to tell.
absent() {
  local code
  code=$(curl --silent --noproxy '*' --connect-timeout 1 --max-time 3 --output /dev/null \
    --write-out '%{http_code}' --header @- "$metadata/meta-data/$1" \
    <<<"X-aws-ec2-metadata-token: $token")
  [[ $code == 404 ]]
}

# text NAME: a string of the JSON on standard input.
text() {
  sed -n 's/.*"'"$1"'" *: *"\([^"]*\)".*/\1/p'
}

# -- the load balancer --

# The ARNs of its target groups, as its tags say.
groups=''
find_groups() {
  local more number name
  groups=$(get tags/instance/spotkiln:target-group-arn) || true
  if [[ -z $groups ]]; then
    echo "no tag spotkiln:target-group-arn can be read: no target group is known to leave" >&2
    return 1
  fi
  # Where one tag has no room for all of them, others follow by number.
  for number in 2 3; do
    name=spotkiln:target-group-arn-$number
    if more=$(get "tags/instance/$name"); then
      groups="$groups $more"
    elif absent "tags/instance/$name"; then
      break
    else
      groups=''
      echo "whether there is a tag $name cannot be read: not all target groups are known" >&2
      return 1
    fi
  done
}

# What curl signs with. It goes through a pipe: a secret on the command line could be read, too.
credentials() {
  local role found
  role=$(get iam/security-credentials/) && found=$(get "iam/security-credentials/$role") || return
  printf 'user = "%s:%s"\nheader = "X-Amz-Security-Token: %s"\n' "$(text AccessKeyId <<<"$found")" \
    "$(text SecretAccessKey <<<"$found")" "$(text Token <<<"$found")"
}

# How often AWS is asked, and how long it has to answer.
tries=3 answer_seconds=10

# call ACTION NAME=VALUE...: AWS's answer. Fails, with AWS's words, after all tries.
call() {
  local fields=(--data-urlencode "Action=$1" --data-urlencode Version=2015-12-01) one try said
  for one in "${@:2}"; do
    fields+=(--data-urlencode "$one")
  done
  for ((try = 1; try <= tries; try++)); do
    if said=$(credentials | curl --silent --show-error --fail-with-body --connect-timeout 2 \
      --max-time "$answer_seconds" --config - --aws-sigv4 "aws:amz:$region:elasticloadbalancing" \
      "${fields[@]}" "$endpoint/" 2>&1); then
      printf '%s' "$said"
      return 0
    fi
    ((try == tries)) || sleep 1
  done
  echo "$1 failed: $(tr '\n' ' ' <<<"$said" | sed 's/.*<Message>\(.*\)<\/Message>.*/\1/')" >&2
  return 1
}

# targets: the answer about all targets of its first target group.
targets() {
  call DescribeTargetHealth "TargetGroupArn=${groups%% *}"
}

# Of the answer on standard input the healthy ones, each in a line.
healthy() {
  tr --delete '\n' | sed 's/<member>/\n&/g' |
    sed -n '/<State>healthy<\/State>/s/.*<Id>\([^<]*\)<\/Id>.*/\1/p'
}

# in_charge: whether this machine is the one of its target group's healthy ones that runs what may run
# on one server only: 0 it is, 1 another one is, or none; 2 if that cannot be asked.
in_charge() {
  local found
  { [[ -n $groups ]] || find_groups; } && found=$(targets) || return 2
  [[ $(healthy <<<"$found" | LC_ALL=C sort | sed --quiet 1p) == "$instance" ]]
}

# introduce: which machine this is, and where its load balancer's API is.
introduce() {
  local domain
  renew_token && instance=$(get instance-id) && region=$(get placement/region) || return
  endpoint=${AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2:-${AWS_ENDPOINT_URL:-}}
  if [[ -z $endpoint ]]; then
    domain=$(get services/domain) || return
    endpoint=https://elasticloadbalancing.$region.$domain
  fi
  endpoint=${endpoint%/}
}
