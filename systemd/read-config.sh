#!/usr/bin/env bash
# Reads the application's settings and secrets, from where this machine's user data say, with the
# rights of its own role (IMDSv2). Lays them into /run/APPLICATION, for its user alone to read:
#   config.env         what can be a variable, as systemd's EnvironmentFile= and a shell read it
#   credentials/NAME   each by itself, byte by byte, for what reads files
# Of several of one name the last counts: parameters come before secrets, each in the order in which
# the user data name them. Neither a value nor a part of one is ever printed.
# usage: read-config APPLICATION [NAME...]    fails unless each NAME is there as a variable
set -euo pipefail

readonly app=${1:?usage: read-config APPLICATION [NAME...]}
shift
metadata=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}
readonly metadata=${metadata%/}/latest
# What systemd/role.sh has found in the user data, and where the settings go.
readonly told=${SPOTKILN_TOLD:-/run/spotkiln/$app} run=${SPOTKILN_RUN:-/run/$app}
# For how long is tried again what may pass by itself: an outage, throttling; and, because AWS takes
# a moment to make rights known, a refusal.
readonly PATIENCE=180 RIGHTS=30

refuse() {
  echo "config: $*; nothing of $app starts here" >&2
  exit 1
}

# -- AWS --

ask() {
  curl --silent --show-error --fail --noproxy '*' --connect-timeout 1 --max-time 3 "$@"
}

token=''
# get PATH: what the metadata service says there.
get() {
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
  role=$(get iam/security-credentials/ 2>/dev/null) &&
    found=$(get "iam/security-credentials/$role" 2>/dev/null) || return
  printf 'user = "%s:%s"\nheader = "X-Amz-Security-Token: %s"\n' "$(text AccessKeyId <<<"$found")" \
    "$(text SecretAccessKey <<<"$found")" "$(text Token <<<"$found")"
}

endpoint() {
  local own=AWS_ENDPOINT_URL_SSM found
  [[ $1 == ssm ]] || own=AWS_ENDPOINT_URL_SECRETS_MANAGER
  found=${!own:-${AWS_ENDPOINT_URL:-}}
  printf '%s' "${found:-https://$1.$region.$domain}"
}

# again SECONDS WHY: whether there is time for another try; else ends with the reason.
again() {
  ((SECONDS < $1)) || refuse "$2 (tried for $SECONDS s)"
  echo "config: $2; trying again" >&2
  # Many machines may boot at once.
  sleep "$((1 + RANDOM % 3))"
}

# call SERVICE ACTION BODY WHAT: AWS's answer, into $answer.
call() {
  local status kind signed
  while true; do
    if ! signed=$(credentials); then
      again "$RIGHTS" "this machine has no role that could read $4: name one in infra.instance_profile"
      continue
    fi
    status=$(curl --silent --connect-timeout 2 --max-time 10 --config - --output "$answer" \
      --aws-sigv4 "aws:amz:$region:$1" --header 'Content-Type: application/x-amz-json-1.1' \
      --header "X-Amz-Target: $2" --data-binary "$3" --write-out '%{http_code}' "$(endpoint "$1")/" \
      <<<"$signed") || status=000
    [[ $status != 200 ]] || return 0
    kind=$(jq --raw-output '.__type // "" | split("#") | last' "$answer" 2>/dev/null) || kind=''
    case $status:$kind in
      000:*) again "$PATIENCE" "$4 cannot be read: $(endpoint "$1") does not answer" ;;
      400:*NotFound*) refuse "there is no $4" ;;
      5??:* | 429:* | *:*Throttl* | *:*Unavailable* | *:Internal*)
        again "$PATIENCE" "$4 cannot be read: ${kind:-status $status}"
        ;;
      *) again "$RIGHTS" "$4 cannot be read: ${kind:-status $status}$(said)" ;;
    esac
  done
}

# What AWS says of a refusal: of whom and of what, never a value.
said() {
  jq --raw-output '.message // .Message // "" | if . == "" then "" else ": " + .[:500] end' "$answer" \
    2>/dev/null || true
}

# -- settings --

# A setting as a line: what it can be, its name, its value in base64, what stands of it in
# config.env in base64, and whether it is one line with its end. The names are in spotkiln/bake/configuration.py too.
# shellcheck disable=SC2016 # jq's own variables
readonly AS_LINES='
  def quoted:
    "\"" + (reduce ("\\", "\"", "$", "`") as $one (.; split($one) | join("\\" + $one))) + "\"";
  def kind:
    if (.name | test("\\A[A-Za-z0-9_.-]{1,250}\\z") | not) or (.name | test("\\A\\.{1,2}\\z")) then "left"
    elif .base64 then "file"
    elif (.value | type) != "string" then "left"
    elif (.name | test("\\A[A-Za-z_][A-Za-z0-9_]*\\z") | not) then "file"
    elif (.name | IN("HOME", "PORT", "NOTIFY_SOCKET", "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY",
      "BASHOPTS", "BASH_VERSINFO", "EUID", "PPID", "SHELLOPTS", "UID"))
    then "file"
    # What Unicode calls no character systemd takes in no variable, and it would say the value.
    elif any(.value | explode[]; . == 0 or (. >= 64976 and . <= 65007) or . % 65536 >= 65534)
    then "file"
    else "variable" end;
  kind as $kind
  | if $kind == "left" then [$kind, (.name | tojson)]
    else [$kind, .name, "=" + (.base64 // (.value | @base64)),
      "=" + ("\(.name)=\(.value // "" | quoted)\n" | @base64),
      if $kind == "variable" and (.value | test("\\A[^\n]*\n\\z")) then "ended" else "" end] end
  | join("\t")'
readonly OF_PARAMETERS='.Parameters[] | {name: (.Name | split("/") | last), value: .Value} |'
# A secret that is no JSON object is one setting, called as the last part of its name. Numbers that
# jq would write otherwise than they stand there are left out.
# shellcheck disable=SC2016 # jq's own variables
readonly OF_SECRET='
  def plain:
    if type == "boolean" then tostring
    elif type == "number" and floor == . and fabs < 9007199254740992 then tostring
    else . end;
  (.SecretString // (.SecretBinary | @base64d)) as $text
  # What is no text arrives as it is, in a file.
  | (if .SecretString == null and ($text | @base64) != .SecretBinary then .SecretBinary else null end)
    as $bytes
  | (if $bytes then null else try ($text | fromjson) catch null end)
  | if type == "object" then to_entries[] | {name: .key, value: (.value | plain)}
    else {name: ($name | split("/") | last)} + if $bytes then {base64: $bytes} else {value: $text} end
    end |'

declare -A kinds values lines sources

# take SOURCE: the settings on standard input, which come from there.
take() {
  local kind name value line ended
  while IFS=$'\t' read -r kind name value line ended; do
    if [[ $kind == left ]]; then
      echo "config: $1 has $name, which is left out: its name can be no file's, or its value is no text" >&2
      continue
    fi
    if [[ -n $ended ]]; then
      echo "config: $name of $1 ends with the end of a line, as what an editor or echo writes into a file does;" \
        "an address or a key is another one with it"
    fi
    if [[ -v sources[$name] ]]; then
      echo "config: $name of $1 goes before that of ${sources[$name]}"
    fi
    kinds[$name]=$kind values[$name]=${value#=} lines[$name]=${line#=} sources[$name]=$1
  done
}

read_parameters() {
  local path=$1 next='' body
  while true; do
    body="{\"Path\": \"${path%/}/\", \"WithDecryption\": true, \"MaxResults\": 10$next}"
    call ssm AmazonSSM.GetParametersByPath "$body" "parameters below $path"
    jq --raw-output "$OF_PARAMETERS $AS_LINES" "$answer" >"$settings"
    take "$path" <"$settings"
    next=$(jq --raw-output 'if .NextToken then ", \"NextToken\": " + (.NextToken | tojson) else "" end' \
      "$answer")
    [[ -n $next ]] || break
  done
}

read_secret() {
  call secretsmanager secretsmanager.GetSecretValue "{\"SecretId\": \"$1\"}" "secret $1"
  jq --raw-output --arg name "$1" "$OF_SECRET $AS_LINES" "$answer" >"$settings"
  take "secret $1" <"$settings"
}

# Names, in one order, with commas between them.
listed() {
  (($# == 0)) || printf '%s\n' "$@" | LC_ALL=C sort | paste --serial --delimiters=, | sed 's/,/, /g'
}

require() {
  local name missing=()
  for name in "$@"; do
    if [[ ${kinds[$name]:-} != variable || -z ${values[$name]} ]]; then
      missing+=("$name")
    fi
  done
  ((${#missing[@]} == 0)) ||
    refuse "missing: $(listed "${missing[@]}"); looked in ${where:-nothing, for the deployment names no configuration}"
}

write() {
  local name
  rm -rf "$run/credentials.new"
  mkdir "$run/credentials.new"
  : >"$run/config.env.new"
  for name in "${!kinds[@]}"; do
    base64 --decode <<<"${values[$name]}" >"$run/credentials.new/$name"
    if [[ ${kinds[$name]} == variable ]]; then
      base64 --decode <<<"${lines[$name]}" >>"$run/config.env.new"
    fi
  done
  rm -rf "$run/credentials"
  mv "$run/credentials.new" "$run/credentials"
  mv "$run/config.env.new" "$run/config.env"
}

mapfile -t paths <"$told/parameters"
mapfile -t secrets <"$told/secrets"
where=$(listed "${paths[@]}" "${secrets[@]/#/secret }")

umask 0077
# One that was killed may have left its own.
rm -rf "$run"/.reading-*
scratch=$(mktemp --directory "$run/.reading-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
readonly scratch answer=$scratch/answer settings=$scratch/settings

if [[ -n $where ]]; then
  command -v jq >/dev/null ||
    refuse "there is no jq to read AWS's answers with: bake the base image anew, or add the package to it"
  until token=$(ask --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 600' \
    "$metadata/api/token") && region=$(get placement/region) && domain=$(get services/domain); do
    again "$PATIENCE" "the metadata service does not answer"
  done
  readonly token region domain
  SECONDS=0
  for path in "${paths[@]}"; do
    read_parameters "$path"
  done
  for secret in "${secrets[@]}"; do
    read_secret "$secret"
  done
fi
# The tests say themselves what they need.
if [[ $(<"$told/role") != tester ]]; then
  require "$@"
fi
umask 0027
write
if [[ -n $where ]]; then
  echo "config: $where: $(listed "${!kinds[@]}")"
fi
