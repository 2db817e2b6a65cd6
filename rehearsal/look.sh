#!/usr/bin/env bash
# What a server of a rehearsal is seen to do, one fact a line, its parts apart by tabs. Changes nothing.
# usage: bash -s -- memory|all APPLICATION USER <look.sh
set -uo pipefail

readonly what=$1 app=$2 user=$3
# What systemd says in a container, and nowhere else.
readonly OWN_WORDS='Failed to configure loopback network device'

# The units of the application, without those that only help it.
units() {
  local file unit
  for file in /etc/systemd/system/"$app"{,-*,@*}.service; do
    unit=$(basename "$file")
    [[ -f $file ]] && grep --quiet "^User=$user\$" "$file" && echo "$unit"
  done
}

# memory UNIT: the proportional part of its processes, in kB; 0 if it has none.
memory() {
  local process sum=0 part
  for process in /proc/[0-9]*; do
    grep --quiet --no-messages --fixed-strings "/$1" "$process/cgroup" || continue
    part=$(awk '/^Pss:/ {print $2}' "$process/smaps_rollup" 2>/dev/null)
    sum=$((sum + ${part:-0}))
  done
  echo "$sum"
}

state() {
  systemctl show "$1" --property=Type,ActiveState,SubState,Result,NRestarts \
    --property=ExecMainStartTimestampMonotonic,ActiveEnterTimestampMonotonic |
    while IFS= read -r line; do
      printf 'state\t%s\t%s\t%s\n' "$1" "${line%%=*}" "${line#*=}"
    done
}

for unit in $(units); do
  printf 'memory\t%s\t%s\n' "$unit" "$(memory "$unit")"
done
[[ $what == all ]] || exit 0

for unit in $(units); do
  state "$unit"
  printf 'exposure\t%s\t%s\n' "$unit" "$(systemd-analyze security --no-pager "$unit" 2>/dev/null |
    sed --quiet 's/.*exposure level for .*: *\([0-9.]*\) .*/\1/p')"
  journalctl --boot --quiet --no-pager --output=cat --unit="$unit" |
    grep --extended-regexp 'EROFS|EACCES|EPERM|Read-only file system|Permission denied|Operation not permitted' |
    grep --invert-match "$OWN_WORDS" | sort --unique | tail -n 20 | while IFS= read -r line; do
      printf 'denied\t%s\t%s\n' "$unit" "${line//$'\t'/ }"
    done
  journalctl --boot --quiet --no-pager --output=cat --unit="$unit" |
    grep --extended-regexp 'timed out|oom-kill|Killed process' | sort --unique | tail -n 5 |
    while IFS= read -r line; do
      printf 'said\t%s\t%s\n' "$unit" "$line"
    done
done
find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /dev \) -prune -o \
  -type f -user "$user" -newermt "@$(stat --format=%Y /proc/1)" -printf 'wrote\t%p\t%s\n' \
  2>/dev/null | head -n 2000
exit 0
