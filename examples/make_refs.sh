#!/usr/bin/env bash
# Makes a git repository in the folder $1, which must not exist, with the demo's branches:
#   v1    the application in demo-web-app/
#   v2    a visible change
#   red   on v2: an example of the specs fails
#   sick  on v2: specs and the booted image are well, but in production /up answers 500
# Author and dates are fixed, so the same files always give the same commits. `.sandbox.json` in
# each says how a simulated machine, which runs nothing, is to behave.
set -euo pipefail

readonly target=${1:?usage: make_refs.sh FOLDER}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

export GIT_AUTHOR_NAME=Demo GIT_AUTHOR_EMAIL=demo@example.com
export GIT_COMMITTER_NAME=Demo GIT_COMMITTER_EMAIL=demo@example.com
# The user's own settings (signing, hooks, line endings) must not change the commits.
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null

git_() {
  git -C "$target" "$@"
}

commit() {
  local minute=$1 message=$2 behaviour=$3
  echo "$behaviour" >"$target/.sandbox.json"
  git_ add --all
  GIT_AUTHOR_DATE="2024-01-01T12:$minute:00Z" GIT_COMMITTER_DATE="2024-01-01T12:$minute:00Z" \
    git_ commit --quiet --message "$message"
}

change() {
  git_ apply --index "$here/refs/$1.patch"
}

if [[ -e $target ]]; then
  echo "make_refs.sh: $target exists already; give a folder that doesn't" >&2
  exit 2
fi
git init --quiet --initial-branch=v1 "$target"
# What running the application leaves in its folder is ignored by its own .gitignore.
cp -r "$here/demo-web-app/." "$target"
commit 00 "Keep visitors' notes" '{}'

git_ checkout --quiet -b v2
change v2
commit 01 "Greet visitors and change the colour" '{}'

git_ checkout --quiet -b red v2
change red
commit 02 "Allow notes without a text" '{"tests": "red"}'

git_ checkout --quiet -b sick v2
change sick
commit 03 "Check the queue for notices" '{"health": 500}'

git_ checkout --quiet v1
