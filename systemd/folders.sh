#!/usr/bin/env bash
# Makes an application's folders in its state folder that are not there yet, each with what the
# application's own folder has at that place. Runs as the application's user: when the image is made,
# and again at each boot, should something else have been mounted over the state folder meanwhile.
# usage: folders STATE-FOLDER APPLICATION'S-FOLDER [KIND/PATH]...
set -euo pipefail

readonly state=${1:?usage: folders STATE PLACE FOLDER...} place=${2:?usage: folders STATE PLACE FOLDER...}
shift 2

for folder in "$@"; do
  if [[ -d $state/$folder ]]; then
    continue
  fi
  mkdir --parents "$(dirname "$state/$folder")"
  # A copy that was cut off is no folder yet.
  rm -rf "$state/$folder.new"
  cp --archive --reflink=auto "$place/${folder#*/}" "$state/$folder.new"
  mv --no-target-directory "$state/$folder.new" "$state/$folder"
done
