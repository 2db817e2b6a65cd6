#!/usr/bin/env bash
# What comes home: made ready, and once all has ended gathered, without the values of settings, and
# bounded.
: "${report:?}" "${app:?}" "${user:?}" "${units[@]:?}"

# Whatever the tests write: their report (spotkiln/bake/junit.py refuses a larger one), and the end of
# each log.
readonly REPORT_BYTES=$((32 * 1024 * 1024)) LOG_BYTES=$((8 * 1024 * 1024))

# What the image is made of, for its SBOM, before the tests change anything: spotkiln/bake/contents.py
# reads it. A source has a version of its own.
list_packages() {
  local ID='' VERSION_ID='' VERSION_CODENAME=''
  # shellcheck disable=SC1091 # of the machine
  . /etc/os-release || true
  printf 'os\t%s\t%s\t%s\n' "$ID" "$VERSION_ID" "$VERSION_CODENAME"
  dpkg-query --show --showformat='${db:Status-Abbrev}\t${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n' |
    sed --quiet 's/^ii *\t/deb\t/p'
}

prepare_report() {
  rm -rf "$report"
  install -d -m 0755 "$report"
  # All are fetched whatever happens; an empty report says that there was none.
  : >"$report/test.log"
  : >"$report/facts"
  list_packages >"$report/packages"
  # The tests' own: each of their runners may make there what it is used to make, also a folder.
  install -d -m 0755 -o "$user" -g "$user" "$report/junit"
}

# What the settings of this machine hold may be a secret: their values are shown by name.
hide_settings() {
  bash /usr/local/lib/spotkiln/hide-settings "$app"
}

# The same in a file, which stays as it is otherwise.
hide_in() {
  hide_settings <"$1" >"$1.hidden"
  cat "$1.hidden" >"$1"
  rm "$1.hidden"
}

# Keeps the end of a log.
shorten() {
  if (($(stat --format=%s "$1") > LOG_BYTES)); then
    tail --bytes="$LOG_BYTES" "$1" >"$1.end"
    mv "$1.end" "$1"
  fi
}

# Of the tests' reports: a single one as junit.xml, several in junit.tar, of the other an empty file. Of
# too many bytes a byte more than is read comes home as junit.xml, which tells that there was more. They
# are taken to where nobody else comes to, for what the tests left running could put a link in their
# place, to what only root may read.
gather_reports() {
  local files file taken total=0
  : >"$report/junit.xml"
  : >"$report/junit.tar"
  taken=$(mktemp --directory)
  mv "$report/junit" "$taken/junit"
  chown --recursive --no-dereference root:root "$taken/junit"
  mapfile -d '' -t files < <(cd "$taken/junit" && find . -type f -name '*.xml' -printf '%P\0' | sort --zero-terminated)
  for file in "${files[@]}"; do
    total=$((total + $(stat --format=%s "$taken/junit/$file")))
    ((total <= REPORT_BYTES)) || break
    mkdir --parents "$(dirname "$taken/hidden/$file")"
    hide_settings <"$taken/junit/$file" >"$taken/hidden/$file"
  done
  if ((total > REPORT_BYTES)); then
    truncate --size="$((REPORT_BYTES + 1))" "$report/junit.xml"
  elif ((${#files[@]} == 1)); then
    mv "$taken/hidden/${files[0]}" "$report/junit.xml"
  elif ((${#files[@]} > 1)); then
    printf '%s\0' "${files[@]}" | tar --create --file "$report/junit.tar" \
      --directory "$taken/hidden" --null --verbatim-files-from --files-from=-
  fi
  rm -rf "$taken"
}

bring_home() {
  journalctl --boot --no-pager --output=short-iso --unit="$app-hostname.service" \
    "${units[@]/#/--unit=}" >"$report/journal.log" 2>&1 || true
  local file
  for file in journal.log test.log facts; do
    if [[ -e $report/$file ]]; then hide_in "$report/$file"; fi
  done
  # Only now: of a value that is cut off the rest would be shown.
  shorten "$report/journal.log"
  shorten "$report/test.log"
  gather_reports
  echo "$1" >"$report/exit-code"
  chmod -R a+rX "$report"
}
