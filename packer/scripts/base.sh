#!/usr/bin/env bash
# Makes a Debian machine one that applications can be baked on. Runs as root, any number of times.
# Reads SPOTKILN_PACKAGES (names, separated by blanks) and SPOTKILN_USER.
# Exits with 10 when packages could not be had.
set -euo pipefail

readonly DEPENDENCIES=10 NUMBER=870
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

install_packages() {
  # Blanks separate the names. The first two are for what the units of every application call.
  # shellcheck disable=SC2086
  apt update && apt -y upgrade --with-new-pkgs &&
    apt -y install --no-install-recommends curl jq $SPOTKILN_PACKAGES
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
  } | LC_ALL=C sort -u >/etc/spotkiln/packages
  chmod 0644 /etc/spotkiln/packages
  echo "$(wc -l </etc/spotkiln/packages) packages"
}

wait_for_first_boot
forbid_updates_in_place
install_packages || {
  echo "base: the packages could not be installed; apt's own message is above" >&2
  exit "$DEPENDENCIES"
}
make_user
prefer_debians_bundler
list_packages
