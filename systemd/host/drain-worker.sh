#!/usr/bin/env bash
# Lets a worker's runs end: pauses its pool, then waits until the worker has no process left.
# systemd runs it before it stops the worker, whose number is in MAINPID, and ends it in time.
# usage: drain-worker.sh PREFECT POOL
set -euo pipefail

readonly prefect=${1:?usage: drain-worker.sh PREFECT POOL} pool=${2:?usage: drain-worker.sh PREFECT POOL}
[[ ${MAINPID:-} =~ ^[0-9]+$ ]] || exit 0

"$prefect" --no-prompt work-pool pause "$pool" ||
  echo "drain-worker: the pool $pool could not be paused: new runs may begin and be ended" >&2

# Also those of a run that was given out just before the pause.
sleep 5
while [[ -n $(cat "/proc/$MAINPID"/task/*/children 2>/dev/null) ]]; do
  sleep 1
done
