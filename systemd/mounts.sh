#!/usr/bin/env bash
# Mounts the folders of an application that are not to be lost with this machine: each from the file
# system that the machine's user data name for it (systemd/role.sh). A machine that tests mounts
# nothing: there they are ordinary folders. Any other starts nothing without them, for what would be
# written then would be lost.
# usage: mounts APPLICATION USER FOLDER-OF-ALL [FOLDER]...
set -euo pipefail

readonly app=${1:?usage: mounts APPLICATION USER FOLDER...} user=$2 above=$3
readonly run=${SPOTKILN_RUN:-/run/spotkiln/$app}
# As AWS recommends them for EFS. A server that has lost its file system waits for it: "hard".
readonly OPTIONS=nfsvers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport
# A new machine's first look-ups of a name may fail. All of it ends before systemd would end it without
# a word (app-mounts.service), also a mount that nobody answers.
readonly PATIENCE=${SPOTKILN_MOUNT_SECONDS:-240} PAUSE=5
shift 3

refuse() {
  echo "mounts: $*; nothing of $app starts here" >&2
  exit 1
}

mount_one() {
  while ((SECONDS < PATIENCE)); do
    if timeout --kill-after=10 "$((PATIENCE - SECONDS))" mount -t nfs4 -o "$OPTIONS" "$1" "$2"; then
      return
    fi
    sleep "$PAUSE"
  done
  return 1
}

# Of a new file system all belongs to root.
give() {
  if [[ $(stat --format=%u "$1") == 0 && $(id -u "$user") != 0 ]]; then
    chown "$user:$user" "$1"
  fi
  runuser -u "$user" -- test -w "$1" ||
    refuse "user $user ($(id -u "$user")) may not write to $1, which belongs to $(stat --format='%U (%u)' "$1")"
}

if [[ $(<"$run/role") == tester ]]; then
  echo "mounts: this machine tests, and has ordinary folders in place of $*"
  exit
fi
for folder in "$@"; do
  source=$(awk -v folder="$folder" '$1 == folder { print $2 }' "$run/mounts")
  [[ -n $source ]] || refuse "expected a line \"# spotkiln-mount: $folder SOURCE\" in this machine's user data"
  if ! mountpoint --quiet "$above/$folder"; then
    mount_one "$source" "$above/$folder" ||
      refuse "$source could not be mounted at $folder in $SECONDS s: its security group must let this machine in, on TCP 2049"
  fi
  give "$above/$folder"
  echo "mounts: $folder is $source"
done
