#!/usr/bin/env bash
# Makes a machine of Debian or Ubuntu one that applications can be baked on. Runs as root, any number
# of times. Reads SPOTKILN_PACKAGES (names, separated by blanks; of `a|b` the first that there is),
# SPOTKILN_SOURCES (archives, separated by blanks, each NAME:deb822 in base64), SPOTKILN_SETUP_BASE64
# (a script) and SPOTKILN_USER. Exits with 10 when packages could not be had, with 11 when the
# script failed.
set -euo pipefail

readonly DEPENDENCIES=10 SETUP=11 NUMBER=870
# What Spotkiln's own scripts and units need, whatever the applications are.
readonly OURS=(ca-certificates curl git jq libnss-myhostname)
# As systemd gives it to the units, whatever this login's is.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

wait_for_first_boot() {
  # cloud-init may still be writing the package sources.
  if command -v cloud-init >/dev/null; then
    timeout 180 cloud-init status --wait >/dev/null || true
  fi
}

forbid_updates_in_place() {
  # An immutable server is replaced, not upgraded; and these timers hold apt's locks at boot.
  systemctl disable --quiet --now apt-daily.timer apt-daily-upgrade.timer 2>/dev/null || true
  systemctl stop --quiet apt-daily.service apt-daily-upgrade.service 2>/dev/null || true
}

apt() {
  apt-get -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
    -o Dpkg::Use-Pty=0 "$@"
}

add_sources() {
  local source
  rm -f /etc/apt/sources.list.d/spotkiln-*.sources
  for source in ${SPOTKILN_SOURCES:-}; do
    base64 --decode <<<"${source#*:}" >"/etc/apt/sources.list.d/spotkiln-${source%%:*}.sources"
  done
}

# Of `a|b` the first that an archive has, else the last, of which apt then says that there is none.
chosen() {
  local name
  for name in ${1//|/ }; do
    if apt-cache show "${name%%[=/]*}" >/dev/null 2>&1; then
      break
    fi
  done
  echo "$name"
}

install_packages() {
  local wanted names=()
  apt update || return 1
  for wanted in $SPOTKILN_PACKAGES; do
    names+=("$(chosen "$wanted")")
  done
  apt -y upgrade --with-new-pkgs &&
    apt -y install --no-install-recommends "${OURS[@]}" "${names[@]}"
}

set_up() {
  local script
  script=$(mktemp)
  base64 --decode <<<"${SPOTKILN_SETUP_BASE64:-}" >"$script"
  (cd /root && HOME=/root bash -euo pipefail "$script") || return 1
  rm -f "$script"
}

# With the same number on each base, if nobody else has it: what an application keeps on a file system
# belongs to a number, and servers of two bases meet there.
make_user() {
  local number
  if ! id -u "$SPOTKILN_USER" >/dev/null 2>&1; then
    getent passwd "$NUMBER" >/dev/null || getent group "$NUMBER" >/dev/null || number=$NUMBER
    useradd --system ${number:+--uid "$number"} --user-group --no-create-home \
      --home-dir /nonexistent --shell /usr/sbin/nologin "$SPOTKILN_USER"
  fi
}

prefer_debians_bundler() {
  # Debian's updates of Ruby bring a bundler of their own, which is newer than the package's and
  # so comes first, but doesn't know how Debian lays out gems: `bundle install --local` finds none
  # of them ("Could not find racc-1.6.2.gem for installation").
  local version
  version=$(dpkg-query --show --showformat='${Version}' ruby-bundler 2>/dev/null) || return 0
  version=${version#*:}
  install -m 0755 /dev/stdin /usr/local/bin/bundle <<EOF
#!/bin/sh
exec env BUNDLER_VERSION="\${BUNDLER_VERSION:-${version%%-*}}" /usr/bin/bundle "\$@"
EOF
}

# What runs applications, as the units find it. `spotkiln` compares it with what an application asks.
list_interpreters() {
  local name command version
  while read -r name command; do
    command -v "${command%% *}" >/dev/null || continue
    # shellcheck disable=SC2086 # a command and its arguments
    version=$($command 2>&1 | sed --quiet --regexp-extended '1s/^[^0-9]*([0-9]+(\.[0-9]+)*).*/\1/p') || true
    if [[ -n $version ]]; then
      echo "has $name=$version"
    fi
  done <<'EOF'
ruby ruby --version
node node --version
python python3 --version
go go version
java java -version
EOF
}

list_packages() {
  # One line for each thing whose version decides what this machine is, in an order that depends
  # on nothing else: two bases with equal lists are equal. Gems count that did not come as packages.
  install -d /etc/spotkiln
  {
    dpkg-query --show \
      --showformat='${db:Status-Abbrev}${Package}=${Version} ${Architecture}\n' |
      sed -n 's/^ii *//p'
    find /var/lib/gems /usr/local/lib -path '*/specifications/*' -name '*.gemspec' \
      -printf 'gem %f\n' 2>/dev/null || true
    list_interpreters
  } | LC_ALL=C sort -u >/etc/spotkiln/packages
  chmod 0644 /etc/spotkiln/packages
  echo "$(wc -l </etc/spotkiln/packages) packages"
}

wait_for_first_boot
forbid_updates_in_place
add_sources
install_packages || {
  echo "base: the packages could not be installed; apt's own message is above" >&2
  exit "$DEPENDENCIES"
}
make_user
prefer_debians_bundler
set_up || {
  echo "base: the set-up script of the line failed; its own message is above" >&2
  exit "$SETUP"
}
list_packages
