#!/usr/bin/env bash
# Installs what a target of the Makefile needs and starts Docker if none runs.
# usage: setup.sh PROGRAM... ; as root on Debian it installs, otherwise it says what to do.
# For bash 3.2, too, which is macOS's.
set -euo pipefail

# Whether apt-get could install that package. A list that was never fetched knows nothing.
known() {
  local found
  # In English, whatever the user's language.
  found=$(LC_ALL=C apt-cache policy "$1" 2>/dev/null) || return 1
  [[ $found == *Candidate:* && $found != *"Candidate: (none)"* ]]
}

# The package of Debian that has a program.
package() {
  case "$1" in
    # Since Debian 13 docker.io has the daemon alone, and only recommends the client.
    docker) if known docker-cli; then echo docker-cli; else echo docker.io; fi ;;
    dockerd) echo docker.io ;;
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
    venv) "${BASE_PYTHON:-python3}" -c 'import ensurepip' 2>/dev/null ;;
    dockerd) command -v dockerd >/dev/null || docker info >/dev/null 2>&1 ;;
    # cracklib ships another "packer", which reads words from stdin until it ends.
    packer) "${PACKER:-packer}" version 2>/dev/null </dev/null | grep -q '^Packer v' ;;
    # Debian keeps its programs out of PATH.
    postgres) compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null ||
      command -v initdb >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

# What to do where the distribution has no package of it. Debian has a Packer in 12 alone.
tell_unpackaged() {
  local program
  for program in "$@"; do
    if [[ $program == packer ]]; then
      echo "missing: packer, and this system has no package of it. Take it from HashiCorp" \
        "(developer.hashicorp.com/packer/install), put it on PATH or say where it is" \
        "(PACKER=/path/to/packer), then once: packer init packer/plugins.pkr.hcl"
    else
      echo "missing: $program, and this system has no package $(package "$program")"
    fi
  done >&2
}

packaged() {
  known "$(package "$1")"
}

# Somebody who names a Packer wants that one.
if [[ -n ${PACKER:-} && " $* " == *" packer "* ]] && ! has packer; then
  echo "PACKER is $PACKER, which is no Packer that runs: name the program, or unset it" >&2
  exit 1
fi

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
      if command -v apt-cache >/dev/null && ! packaged "$program"; then
        tell_unpackaged "$program"
      else
        names="$names $(package "$program")"
      fi
    done
    [[ -z $names ]] ||
      echo "missing: run as root: apt-get install --no-install-recommends$names" >&2
  fi
  exit 1
}

if [[ -n $missing ]]; then
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    tell_missing
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q >/dev/null
  packages=() unpackaged=() absent=()
  for program in $missing; do
    if packaged "$program"; then
      packages+=("$(package "$program")")
    else
      unpackaged+=("$program")
    fi
  done
  if [[ ${#packages[@]} -gt 0 ]]; then
    echo "installing: ${packages[*]}"
    apt-get install -qy --no-install-recommends "${packages[@]}" >/dev/null
  fi
  # A package may not have what it had in another release of the system.
  for program in $missing; do
    [[ " ${unpackaged[*]-} " == *" $program "* ]] || has "$program" || absent+=("$program")
  done
  if [[ ${#absent[@]} -gt 0 ]]; then
    for program in "${absent[@]}"; do
      echo "missing: $program, also after apt-get install $(package "$program"): find the package" \
        "of your system that has it, and install that" >&2
    done
    exit 1
  fi
  if [[ ${#unpackaged[@]} -gt 0 ]]; then
    tell_unpackaged "${unpackaged[@]}"
    exit 1
  fi
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
