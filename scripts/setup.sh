#!/usr/bin/env bash
# Installs what a target of the Makefile needs and starts Docker if none runs.
# usage: setup.sh PROGRAM... ; as root on Debian it installs, otherwise it says what to do.
# For bash 3.2, too, which is macOS's.
set -euo pipefail

# The package of Debian that has a program.
package() {
  case "$1" in
    docker | dockerd) echo docker.io ;;
    ip) echo iproute2 ;;
    systemd-analyze) echo systemd ;;
    postgres) echo postgresql ;;
    venv) echo python3-venv ;;
    *) echo "$1" ;;
  esac
}

# On macOS only what works there: no real machines.
brew_package() {
  case "$1" in
    packer) echo hashicorp/tap/packer ;;
    shellcheck | git | git-lfs | curl) echo "$1" ;;
    venv) echo python ;;
    postgres) echo postgresql@17 ;;
    *) return 1 ;;
  esac
}

has() {
  case "$1" in
    venv) python3 -c 'import ensurepip' 2>/dev/null ;;
    dockerd) command -v dockerd >/dev/null || docker info >/dev/null 2>&1 ;;
    packer) packer version 2>/dev/null | grep -q '^Packer v' ;;  # cracklib ships another "packer"
    # Debian keeps its programs out of PATH.
    postgres) compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null ||
      command -v initdb >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

export PATH="$PATH:/usr/sbin:/sbin"
missing=""
for program in "$@"; do
  has "$program" || missing="$missing $program"
done

tell_missing() {
  local program name names=""
  if [[ $(uname) == Darwin ]]; then
    for program in $missing; do
      if ! name=$(brew_package "$program"); then
        echo "missing: $program, which there is on Linux alone" >&2
        exit 1
      fi
      names="$names $name"
    done
    echo "missing: brew install$names" >&2
  else
    for program in $missing; do
      names="$names $(package "$program")"
    done
    echo "missing: run as root: apt-get install --no-install-recommends$names" >&2
  fi
  exit 1
}

if [[ -n $missing ]]; then
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    tell_missing
  fi
  packages=()
  for program in $missing; do
    packages+=("$(package "$program")")
  done
  echo "installing: ${packages[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q >/dev/null
  apt-get install -qy --no-install-recommends "${packages[@]}" >/dev/null
fi

if [[ " $* " == *" dockerd "* ]] && ! docker info >/dev/null 2>&1; then
  if [[ $(id -u) != 0 ]]; then
    echo "Docker does not answer: start it (systemctl start docker) or join the group docker" >&2
    exit 1
  fi
  log=/var/log/spotkiln-dockerd.log
  if [[ -d /run/systemd/system ]] && systemctl start docker 2>/dev/null; then :; else
    echo "starting dockerd (log: $log)"
    # Left by one that was killed; dockerd refuses to start if another process has its number now.
    pid=$(cat /var/run/docker.pid 2>/dev/null || true)
    if [[ -n $pid && $(cat "/proc/$pid/comm" 2>/dev/null || true) != dockerd ]]; then
      rm -f /var/run/docker.pid
    fi
    setsid nohup dockerd >"$log" 2>&1 </dev/null &
  fi
  for _ in $(seq 60); do
    docker info >/dev/null 2>&1 && exit 0
    sleep 0.5
  done
  echo "Docker does not answer after 30 s; see $log" >&2
  exit 1
fi
