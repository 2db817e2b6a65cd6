#!/usr/bin/env bash
# What decides why an application does not serve, for spotkiln/bake/facts.py.
: "${report:?}" "${app:?}" "${user:?}" "${units[@]:?}"

# The end of what it writes to log files, not to its standard output.
logged() {
  local file
  for file in /var/lib/"$app"/writable/{log,logs}/*.log; do
    [[ ! -f $file ]] || tail --lines=200 "$file"
  done
}

# What decides why it does not serve.
write_facts() {
  {
    echo '[units]'
    systemctl show --property=Id,Type,ActiveState,SubState,Result,ExecMainCode,ExecMainStatus,NRestarts \
      "${units[@]}"
    echo '[listening]'
    ss --no-header --tcp --listening --numeric --processes --extended --cgroup
    echo '[user]'
    id --user "$user"
    echo '[answer]'
    cat "$report/answer"
    echo '[broken]'
    [[ ! -f $report/broken ]] || cat "$report/broken"
    # A line of a file must not look like one of these.
    echo '[logs]'
    logged | sed 's/^/ /'
  } >"$report/facts" 2>/dev/null || true
}
