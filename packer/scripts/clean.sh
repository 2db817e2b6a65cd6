#!/usr/bin/env bash
# Takes from a machine what must not be in an image: its identity, its keys, its logs and what
# was only needed to make it. Runs as root, last of all: after it nobody can log in anew.
set -euo pipefail
shopt -s nullglob

forget_identity() {
  # Empty, not missing: systemd then makes a new one at the next boot.
  : >/etc/machine-id
  if [[ -e /var/lib/dbus/machine-id ]]; then
    ln -sf /etc/machine-id /var/lib/dbus/machine-id
  fi
  : >/etc/hostname
  rm -f /var/lib/systemd/random-seed /etc/ssh/ssh_host_*
  if command -v cloud-init >/dev/null; then
    # Or it would write anew what is removed here.
    timeout 180 cloud-init status --wait >/dev/null || true
    cloud-init clean --logs
  fi
}

forget_people() {
  # What the templates' user data wrote for Packer's own login.
  rm -f /etc/ssh/sshd_config.d/10-packer.conf
  rm -f /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys
  rm -f /root/.bash_history /home/*/.bash_history
}

forget_packages() {
  apt-get clean
  rm -rf /var/lib/apt/lists/*
}

forget_logs() {
  if command -v journalctl >/dev/null; then
    journalctl --quiet --rotate || true
    journalctl --quiet --vacuum-time=1s || true
  fi
  rm -rf /var/log/journal/*
  # Emptied, not removed: programs still have them open, and expect them there.
  find /var/log -type f -exec truncate --size=0 {} +
}

# A program that crashed has left its memory, with the build's secrets in it.
forget_crashes() {
  rm -rf /var/crash/* /var/lib/systemd/coredump/* /var/lib/apport/coredump/*
}

forget_people
forget_crashes
forget_packages
forget_logs
forget_identity
# Packer removes its own script from /tmp; the rest of /tmp goes at the next boot anyway.
rm -rf /var/tmp/*
sync
