#!/bin/bash
# Installs the programs of tests/clients, each in an environment of its own: their dependencies would
# meet ours. They are no part of the project, and their newest versions are what its users have.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${CLIENTS:-$HOME/.cache/spotkiln-clients}
uv=.venv/bin/uv
install() {
  [ -e "$folder/$1/.done" ] && return
  echo "installing $* in $folder"
  "$uv" venv --quiet --clear --python .venv/bin/python "$folder/$1"
  "$uv" pip install --quiet --python "$folder/$1/bin/python" "$@"
  touch "$folder/$1/.done"
}
install awscli
install ansible boto3
install c7n
