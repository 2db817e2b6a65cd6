#!/usr/bin/env bash
# Installs what a target of the Makefile needs and starts Docker if none runs.
# usage: setup.sh PROGRAM... ; as root on Debian it installs, otherwise it says what to do.
set -euo pipefail

declare -A package=(
  [docker]=docker.io [dockerd]=docker.io [packer]=packer [debootstrap]=debootstrap
  [shellcheck]=shellcheck [git]=git [curl]=curl [iptables]=iptables [ip]=iproute2
  [systemd-analyze]=systemd [postgres]=postgresql [chromium]=chromium
)

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
missing=()
for program in "$@"; do
  has "$program" || missing+=("${package[$program]:-$program}")
done
if [[ " $* " == *" venv "* ]] && ! has venv; then
  missing=("${missing[@]/#venv/python3-venv}")
fi

if ((${#missing[@]})); then
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    echo "installing: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q >/dev/null
    apt-get install -qy --no-install-recommends "${missing[@]}" >/dev/null
  else
    echo "missing: run as root: apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
fi

if [[ " $* " == *" dockerd "* ]] && ! docker info >/dev/null 2>&1; then
  if [[ $(id -u) != 0 ]]; then
    echo "Docker does not answer: start it (systemctl start docker) or join the group docker" >&2
    exit 1
  fi
  mkdir -p build
  if [[ -d /run/systemd/system ]] && systemctl start docker 2>/dev/null; then :; else
    echo "starting dockerd (log: build/dockerd.log)"
    # Left by one that was killed; dockerd refuses to start if another process has its number now.
    pid=$(cat /var/run/docker.pid 2>/dev/null || true)
    if [[ -n $pid && $(cat "/proc/$pid/comm" 2>/dev/null || true) != dockerd ]]; then
      rm -f /var/run/docker.pid
    fi
    setsid nohup dockerd >build/dockerd.log 2>&1 </dev/null &
  fi
  for _ in $(seq 60); do
    docker info >/dev/null 2>&1 && exit 0
    sleep 0.5
  done
  echo "Docker does not answer after 30 s; see build/dockerd.log" >&2
  exit 1
fi
