#!/usr/bin/env bash
# Writes the journal of the application's units to CloudWatch Logs, with this machine's role (IMDSv2):
# a stream for each unit of each machine, APPLICATION/UNIT/INSTANCE. The unit of the application itself
# is called web, APPLICATION-worker.service is called worker.
#
# No line is lost or written twice when this ends and starts again. What is to be written is laid
# into a folder together with the place in the journal behind it, request by request; each request goes
# when it has been answered, the folder when all have been. Only a request whose answer got lost is sent
# again. While CloudWatch Logs cannot be reached, the journal keeps the lines.
# usage: ship-logs APPLICATION GROUP RETENTION_DAYS [LOOK_SECONDS]    0 days: leave the group's as it is
set -euo pipefail
umask 077

readonly usage='usage: ship-logs APPLICATION GROUP RETENTION_DAYS [LOOK_SECONDS]'
readonly app=${1:?$usage} group=${2:?$usage} days=${3:?$usage} look_seconds=${4:-5}
metadata=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}
readonly metadata=${metadata%/}/latest
readonly state=${STATE_DIRECTORY:?systemd sets it} units_folder=${SPOTKILN_UNITS:-/etc/systemd/system}
# How many lines at once; a line has at most 48 KiB (journald's LineMax).
readonly LINES=1000
# Between two tries, doubled up to this.
readonly LONGEST_PAUSE=60

# -- AWS --

ask() {
  curl --silent --fail --noproxy '*' --connect-timeout 1 --max-time 3 "$@"
}

# get PATH: what the metadata service says there; a token is good for longer than this needs it.
get() {
  local token
  token=$(ask --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$metadata/api/token") || return
  # From standard input: a token on the command line could be read by anybody here.
  ask --header @- "$metadata/meta-data/$1" <<<"X-aws-ec2-metadata-token: $token"
}

# text NAME: a string of the JSON on standard input.
text() {
  sed -n 's/.*"'"$1"'" *: *"\([^"]*\)".*/\1/p'
}

# What curl signs with. It goes through a pipe: a secret on the command line could be read, too.
credentials() {
  local role found
  role=$(get iam/security-credentials/) && found=$(get "iam/security-credentials/$role") || return
  printf 'user = "%s:%s"\nheader = "X-Amz-Security-Token: %s"\n' "$(text AccessKeyId <<<"$found")" \
    "$(text SecretAccessKey <<<"$found")" "$(text Token <<<"$found")"
}

# call ACTION BODY_FILE: its end into $kind ("" if well, else AWS's name of the error), AWS's words
# into $words.
kind='' words=''
call() {
  local status signed answer=$state/answer
  kind='' words=''
  if ! signed=$(credentials); then
    kind=NoRole words="this machine has no role: name one in infra.instance_profile"
    return 0
  fi
  status=$(curl --silent --noproxy '*' --connect-timeout 3 --max-time 20 --config - --output "$answer" \
    --aws-sigv4 "aws:amz:$region:logs" --header 'Content-Type: application/x-amz-json-1.1' \
    --header "X-Amz-Target: Logs_20140328.$1" --data-binary "@$2" --write-out '%{http_code}' \
    "$endpoint/" <<<"$signed") || status=000
  if [[ $status == 000 ]]; then
    kind=NoAnswer words="$endpoint does not answer"
  elif [[ $status != 200 ]]; then
    kind=$(jq --raw-output '.__type // "" | split("#") | last // ""' "$answer" 2>/dev/null) || kind=''
    kind=${kind:-status $status}
    words=$(jq --raw-output '.message // .Message // ""' "$answer" 2>/dev/null) || words=''
  fi
}

# What keeps happening is said once.
said=''
say() {
  [[ $1 == "$said" ]] || echo "logs: $1" >&2
  said=$1
}

# -- what is written --

# From the journal's entries to where and when of each, and what it says, with a tab between. What is no
# UTF-8, or has colours, is a list of bytes in the journal's JSON. AWS takes no empty line.
# shellcheck disable=SC2016 # jq's own variables
readonly SAID='
  def base64:
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" as $letters
    | . as $bytes
    | [range(0; length; 3) as $i
       | ($bytes[$i] * 65536 + ($bytes[$i + 1] // 0) * 256 + ($bytes[$i + 2] // 0)) as $n
       | [($n / 262144 | floor), ($n / 4096 | floor) % 64, ($n / 64 | floor) % 64, $n % 64]
       | map($letters[.:(. + 1)]) | join("")
       | if $i + 1 >= ($bytes | length) then .[:2] + "=="
         elif $i + 2 >= ($bytes | length) then .[:3] + "=" else . end]
    | join("");
  def message:
    .MESSAGE
    | if type == "array" and (.[0] | type) == "number" then base64 | @base64d
      elif type == "array" then map(tostring) | join("\n")
      else tostring end
    | if . == "" then " " else . end;
  def unit:
    [._SYSTEMD_UNIT, .UNIT, .OBJECT_SYSTEMD_UNIT, .COREDUMP_UNIT]
    | map(select(. as $one | $units | index([$one]))) | first // empty;
  def called:
    rtrimstr(".service") | if . == $app then "web" else ltrimstr($app + "-") end;
  inputs | fromjson? | select(.MESSAGE != null)
  | [({stream: (unit | "\($app)/\(called)/\($instance)"),
       timestamp: (.__REALTIME_TIMESTAMP | tonumber / 1000 | floor)} | tojson),
     (message | tojson)]
  | join("\t")'

# From these to requests, one a line. AWS takes no request above 1 MiB (each line counts 26 bytes more)
# or with lines of more than a day, and wants them in order of time.
# shellcheck disable=SC2016 # jq's own variables
readonly REQUESTS='
  # What is no JSON any more had a value in the middle of what is escaped: the others must not wait.
  def said: try (fromjson | .[:60000]) catch "a line that had a value of the settings in it";
  [inputs | split("\t") | (.[0] | fromjson) + {message: (.[1] | said)}]
  | group_by(.stream)[]
  | .[0].stream as $stream
  | reduce sort_by(.timestamp)[] as $line ({done: [], now: [], size: 0};
      ($line.message | utf8bytelength + 26) as $more
      | if (.now | length) > 0
           and (.size + $more > 1000000 or $line.timestamp - .now[0].timestamp > 80000000)
        then {done: (.done + [.now]), now: [], size: 0} else . end
      | .now += [$line | {timestamp, message}] | .size += $more)
  | (.done + [.now])[]
  | {logGroupName: $group, logStreamName: $stream, logEvents: .}'

# Not by the pattern "APPLICATION-*" in the journal: another application may begin with the same name.
find_units() {
  local file name
  units=()
  for file in "$units_folder/$app.service" "$units_folder/$app"-*.service; do
    name=$(basename "$file")
    # Not what this writes itself, nor what only repeats the others.
    [[ -f $file && $name != "$app-logs.service" && $name != "$app-console.service" ]] || continue
    units+=("$name")
  done
}

# lay FOLDER: from lines to requests. By &&, for where this is called nothing else ends it.
lay() {
  local mine
  # shellcheck disable=SC2016 # jq's own variable
  mine=$(jq --null-input --compact-output '$ARGS.positional' --args "${units[@]}") &&
    tail --lines=1 "$1/lines" | jq --raw-output '.__CURSOR' >"$1/cursor" &&
    jq --null-input --raw-input --raw-output --arg app "$app" --arg instance "$instance" \
      --argjson units "$mine" "$SAID" <"$1/lines" >"$1/said" &&
    cut --fields=1 "$1/said" >"$1/heads" &&
    # Values of settings are shown by name, in what is said alone: whoever may read the logs may not
    # read them.
    cut --fields=2 "$1/said" | bash "${BASH_SOURCE[0]%/*}/hide-settings" "$app" >"$1/shown" &&
    paste "$1/heads" "$1/shown" |
    jq --null-input --raw-input --compact-output --arg group "$group" "$REQUESTS" >"$1/requests" &&
    split --lines=1 --suffix-length=4 --numeric-suffixes "$1/requests" "$1/request." &&
    rm "$1"/{lines,said,heads,shown,requests}
}

# take: lays the next lines into the folder `pending`; fails if there are none.
take() {
  local since=(--boot) next=$state/next unit wanted=()
  if [[ -s $state/cursor ]]; then
    since=("--after-cursor=$(<"$state/cursor")")
  fi
  for unit in "${units[@]}"; do
    wanted+=("--unit=$unit")
  done
  rm -rf "$next"
  mkdir "$next"
  # That it is cut off is no failure.
  { journalctl "${since[@]}" "${wanted[@]}" --quiet --no-pager --all --output=json \
    --output-fields=MESSAGE,UNIT,OBJECT_SYSTEMD_UNIT,COREDUMP_UNIT,_SYSTEMD_UNIT || true; } |
    head --lines="$LINES" >"$next/lines" || true
  [[ -s $next/lines ]] || return
  lay "$next" || {
    say "lines of the journal could not be read; they stay there"
    return 1
  }
  mv --no-target-directory "$next" "$state/pending"
}

# prepare FILE: the group and the stream that a request is for. What may not be made may be there.
prepare() {
  local body=$state/body
  jq --compact-output '{logGroupName}' "$1" >"$body"
  call CreateLogGroup "$body"
  [[ -z $kind || $kind == ResourceAlreadyExistsException ]] || say "CreateLogGroup: $kind: $words"
  keep_days
  jq --compact-output '{logGroupName, logStreamName}' "$1" >"$body"
  call CreateLogStream "$body"
  [[ -z $kind || $kind == ResourceAlreadyExistsException ]]
}

keep_days() {
  ((days > 0)) || return 0
  jq --null-input --compact-output --arg group "$group" --argjson days "$days" \
    '{logGroupName: $group, retentionInDays: $days}' >"$state/body"
  call PutRetentionPolicy "$state/body"
  [[ -z $kind || $kind == ResourceNotFoundException ]] || say "PutRetentionPolicy: $kind: $words"
}

# send FILE: a request; fails if it is to be tried again.
send() {
  call PutLogEvents "$1"
  if [[ $kind == ResourceNotFoundException ]]; then
    prepare "$1" && call PutLogEvents "$1"
  fi
  case $kind in
    '') said='' ;;
    InvalidParameterException | SerializationException)
      # It would be refused for ever, and everything behind it would wait.
      say "lines are left out, for CloudWatch Logs refuses them: $words"
      ;;
    *)
      say "not written to $group: $kind: $words"
      return 1
      ;;
  esac
}

# send_pending: all that has been laid into the folder; fails if something is left there.
send_pending() {
  local file
  [[ -d $state/pending ]] || return 0
  for file in "$state/pending"/request.*; do
    [[ -e $file ]] || continue
    send "$file" || return
    rm "$file"
  done
  if [[ -e $state/pending/cursor ]]; then
    mv "$state/pending/cursor" "$state/cursor"
  fi
  rm -r "$state/pending"
}

# ship: all that there is; fails if something could not be written.
ship() {
  send_pending || return
  while take; do
    send_pending || return
  done
}

# -- as long as the machine runs --

ending=''
# What is being written is written; then the last lines are, for the others have been stopped before.
trap 'ending=yes' TERM INT

# A signal ends it.
pause() {
  [[ -z $ending ]] || return 0
  sleep "$1" &
  wait $! || true
}

until instance=$(get instance-id) && region=$(get placement/region); do
  say "the metadata service does not answer"
  [[ -z $ending ]] || exit 0
  pause 5
done
endpoint=${AWS_ENDPOINT_URL_CLOUDWATCH_LOGS:-${AWS_ENDPOINT_URL:-}}
if [[ -z $endpoint ]]; then
  endpoint=https://logs.$region.$(get services/domain)
fi
readonly instance region endpoint=${endpoint%/}
find_units
echo "writing the journal of ${units[*]} to $group"
keep_days
retry_seconds=1
while true; do
  last=$ending
  if ship; then
    retry_seconds=1 wait_seconds=$look_seconds
  else
    # Not all at the same moment: many machines may be refused at once.
    wait_seconds=$((retry_seconds + RANDOM % retry_seconds))
    retry_seconds=$((retry_seconds < LONGEST_PAUSE ? retry_seconds * 2 : LONGEST_PAUSE))
  fi
  [[ -z $last ]] || exit 0
  pause "$wait_seconds"
done
