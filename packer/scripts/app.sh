#!/usr/bin/env bash
# Installs one commit of an application with its units into the machine that becomes the image. Or its
# dependencies alone: then the image is a layer, which this script goes on from the next time.
# Runs as root, any number of times. Reads SPOTKILN_*, see app.pkr.hcl; *_BASE64 are decoded here.
# Exits with 10 when one of the application's commands fails, 30 when the units are not valid. The
# build's secrets come in a file in memory, as spotkiln/bake/secrets.py writes it.
set -euo pipefail

# As systemd gives it to the units, whatever this login's is.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
readonly DEPENDENCIES=10 UNIT=30 NUMBER=870
readonly app=$SPOTKILN_APP user=$SPOTKILN_USER etc=/etc/$SPOTKILN_APP
# What is released, and where in it the application is: at its top, or in a folder of a monorepo.
readonly released=/srv/$SPOTKILN_APP
readonly folder=$released${SPOTKILN_FOLDER:+/$SPOTKILN_FOLDER}
# Its state folder is its HOME as well, when it is built and when it runs: what the build leaves there
# (a browser, an interpreter, a package manager's settings) is found.
readonly state=/var/lib/$SPOTKILN_APP
# In a layer: the files of the commit that its dependencies were made from, a line each.
readonly layer=/etc/spotkiln/layer
mapfile -t units < <(cd "$SPOTKILN_UNITS/system" && find . -maxdepth 1 -type f -printf '%P\n' | sort)
# Of a unit that something else starts, nothing is to be linked.
mapfile -t enabled < <(cd "$SPOTKILN_UNITS/system" && grep --files-with-matches '^\[Install\]' "${units[@]}")
readonly units enabled

# From here on they are in variables of this shell and in the environment of the build: in no file,
# and on no command line. `traces` is what they would be known by, a line each.
take_secrets() {
  local file=/dev/shm/spotkiln-secrets
  # shellcheck disable=SC2064 # this very file
  trap "rm -f '$file'" EXIT
  secrets='' traces=''
  if [[ -s $file ]]; then
    # shellcheck disable=SC1090 # no file of ours
    . "$file"
  fi
  rm -f "$file"
}

decode() {
  base64 --decode <<<"$1"
}

# With the same number in each image, if nobody else has it: what is kept on a file system belongs
# to a number.
make_user() {
  local number
  if ! id -u "$user" >/dev/null 2>&1; then
    getent passwd "$NUMBER" >/dev/null || getent group "$NUMBER" >/dev/null || number=$NUMBER
    useradd --system ${number:+--uid "$number"} --user-group --no-create-home \
      --home-dir /nonexistent --shell /usr/sbin/nologin "$user"
  fi
}

# Its folders and its unit are called as it is. What else is called so would be overwritten, or
# removed: an application named ssh, dpkg or user.
require_own_name() {
  local place
  for place in "/lib/systemd/system/$app.service" "/run/$app" "$etc" "$state"; do
    if [[ $place == "$etc" || $place == "$state" ]]; then
      dpkg-query --search "$place" >/dev/null 2>&1 || continue
    else
      [[ -e $place ]] || continue
    fi
    echo "app: the application's name, $app, is taken in the base image: $place is not the application's;" \
      "give it another name in the deployment" >&2
    exit "$DEPENDENCIES"
  done
}

require_nfs() {
  if [[ -n $SPOTKILN_MOUNTS ]] && ! command -v mount.nfs4 >/dev/null; then
    echo "app: mounts ($SPOTKILN_MOUNTS) need mount.nfs4, which this base image does not have: add the" \
      "Debian package nfs-common to its packages" >&2
    exit "$DEPENDENCIES"
  fi
}

unpack() {
  rm -rf "$released"
  install -d -m 0755 "$released"
  tar --extract --gzip --no-same-owner --file "$SPOTKILN_ARCHIVE" --directory "$released"
}

# The commit beside its dependencies, where they are there already. What the commit has and they have
# made as well was another file when they were made: then nothing of the layer counts.
unpack_over() {
  [[ -f $layer ]] || return 1
  if tar --extract --gzip --no-same-owner --file "$SPOTKILN_ARCHIVE" --directory "$released" \
    --keep-old-files --anchored --no-wildcards --exclude-from "$layer"; then
    return 0
  fi
  echo "app: the commit has files that its dependencies have made as well, so they are installed anew;" \
    "name those files in \`lock\`"
  return 1
}

own_all() {
  echo "$SPOTKILN_COMMIT" >"$folder/REVISION"
  chown -R "$user:$user" "$released"
}

make_home() {
  rm -rf "$state"
  install -d -m 0750 -o "$user" -g "$user" "$state"
}

# The folders that it writes to when it runs: a unit can only mount over what is there.
make_writable() {
  local path
  for path in $SPOTKILN_WRITABLE; do
    runuser -u "$user" -- mkdir --parents "$folder/$path"
  done
}

# What they hold when the image is made is what they hold at the first start.
fill_states() {
  # shellcheck disable=SC2086 # a list
  runuser -u "$user" -- bash "$SPOTKILN_UNITS/lib/folders" "$state" "$folder" $SPOTKILN_STATES
}

write_environment() {
  install -d -m 0755 "$etc"
  decode "$SPOTKILN_ENVIRONMENT_BASE64" >"$etc/environment"
  chown "root:$user" "$etc/environment"
  chmod 0640 "$etc/environment"
}

# Carries out one of the application's commands, which comes in base64.
carry_out() {
  # The build's own environment, and nothing of the application's when it runs or of this login's.
  # shellcheck disable=SC2016 # expanded by the inner shell
  (cd "$folder" && runuser -u "$user" -- env -i "HOME=$state" "PATH=$PATH" LANG=C.UTF-8 \
    bash -euo pipefail -c 'set -a; eval "$(cat <&3)"; set +a; exec 3<&-; eval "$1"' build \
    "$(decode "$1")" \
    3< <(decode "$SPOTKILN_BUILD_ENVIRONMENT_BASE64" && printf '%s\n' "$secrets"))
}

# What the command has left running would be cut off in the middle by the image, and keeps this
# machine's login open until then. Nothing else runs as this user here, unless it is the one that is
# logged in.
end_leftovers() {
  if (($(id -u "$user") >= 100)) && [[ $user != "${SUDO_USER:-}" ]]; then
    runuser -u "$user" -- bash -c 'kill -KILL -1' 2>/dev/null || true
  fi
}

# Until end_leftovers what the command has left running may hold its output open.
carry_out_and_end() {
  local code=0
  carry_out "$1" || code=$?
  end_leftovers
  return "$code"
}

# $1: what it is called, $2: the command.
run() {
  local failed=0
  if [[ -z $traces ]]; then
    carry_out_and_end "$2" || failed=$?
  else
    carry_out_and_end "$2" 2>&1 | masked || failed=$?
  fi
  if ((failed)); then
    echo "app: the $1 command failed; its own message is above" >&2
    exit "$DEPENDENCIES"
  fi
}

# Passes on what the build says, without its secrets. Here, so that none leaves this machine.
masked() {
  LC_ALL=C sed --unbuffered --file=<(
    # What a pattern reads as more than a character.
    printf '%s\n' "$traces" | LC_ALL=C sed 's/[][\\.*^$\/]/\\&/g; s/.*/s\/&\/[secret]\/g/'
  )
}

# A build that writes a secret down would leave it in the image: in its own folders or in another
# that everybody may write to.
refuse_traces() {
  local found places=() place
  for place in "$released" "$state" "$(getent passwd "$user" | cut -d: -f6)" /tmp /var/tmp; do
    if [[ -d $place && $place != / ]]; then places+=("$place"); fi
  done
  # Once for all places: the patterns come through a pipe, which is read once.
  found=$(grep --recursive --files-with-matches --fixed-strings --devices=skip --no-messages \
    --file=<(printf '%s\n' "$traces") "${places[@]}" | sort -u || true)
  if [[ -n $found ]]; then
    echo "app: the build has left a secret of build.secrets in ${found//$'\n'/ }" >&2
    return 1
  fi
}

install_units() {
  cp --no-preserve=mode -r "$SPOTKILN_UNITS/system"/. /etc/systemd/system/
  install -D -m 0755 -t /usr/local/lib/spotkiln "$SPOTKILN_UNITS/lib"/*
  keep_hostname
  verify_units
  # Linked by hand: at the next boot they start; on the builder nothing must.
  systemctl --quiet enable "${enabled[@]}"
}

# Whatever the base image brings for tests: no server starts it.
forbid_test_services() {
  bash "$SPOTKILN_UNITS/lib/test-services" forbid
  # shellcheck disable=SC2086 # names, with blanks between them
  bash "$SPOTKILN_UNITS/lib/test-services" require $SPOTKILN_TEST_SERVICES
}

keep_hostname() {
  # Otherwise cloud-init sets its own at each boot, before or after ours.
  if [[ -d /etc/cloud ]]; then
    install -d /etc/cloud/cloud.cfg.d
    echo 'preserve_hostname: true' >/etc/cloud/cloud.cfg.d/99-spotkiln-hostname.cfg
  fi
}

verify_units() {
  # It exits with 0 even for keys it does not know: what it says decides. Of its own units alone: an
  # application may be called as a word of what is said of others.
  local complaints
  complaints=$(systemd-analyze verify "${units[@]/#//etc/systemd/system/}" 2>&1 |
    grep --fixed-strings --file=<(printf '%s\n' "${units[@]}") || true)
  if [[ -n $complaints ]]; then
    echo "app: systemd does not accept the units:" >&2
    echo "$complaints" >&2
    exit "$UNIT"
  fi
}

refuse_all_traces() {
  if [[ -n $traces ]]; then
    refuse_traces || exit "$DEPENDENCIES"
  fi
}

# Of an archive that has their lock files alone.
bake_layer() {
  make_user
  unpack
  mkdir --parents "$folder"
  chown -R "$user:$user" "$released"
  make_home
  run dependencies "$SPOTKILN_DEPENDENCIES_BASE64"
  refuse_all_traces
  install -d "${layer%/*}"
  tar --list --gzip --quoting-style=literal --file "$SPOTKILN_ARCHIVE" | grep --invert-match '/$' >"$layer"
}

bake_application() {
  require_nfs
  forbid_test_services || exit "$DEPENDENCIES"
  make_user
  local installed=yes
  if ! unpack_over; then
    installed=''
    unpack
    make_home
  fi
  rm -f "$layer"
  own_all
  write_environment
  make_writable
  if [[ -z $installed ]]; then run dependencies "$SPOTKILN_DEPENDENCIES_BASE64"; fi
  run build "$SPOTKILN_BUILD_BASE64"
  refuse_all_traces
  # The build may have cleared one away.
  make_writable
  fill_states
  install_units
}

take_secrets
require_own_name
if [[ $SPOTKILN_STAGE == layer ]]; then bake_layer; else bake_application; fi
rm -rf "$SPOTKILN_ARCHIVE" "$SPOTKILN_UNITS"
