#!/bin/sh
# Turns a minimal Debian into the sandbox's machine image. The Dockerfile runs it.
set -eu

packages() {
    export DEBIAN_FRONTEND=noninteractive
    # The host's certificate authorities may be needed to reach an https mirror.
    if command -v update-ca-certificates >/dev/null; then update-ca-certificates; fi
    apt-get -q update
    # shellcheck disable=SC2046 # one package a line, on purpose
    apt-get -q -y install --no-install-recommends $(cat /tmp/packages.txt)
    update-ca-certificates
    apt-get clean
    rm -rf /var/lib/apt/lists/*
}

configure() {
    chmod 0755 /usr/lib/sandbox/* /usr/bin/cloud-init
    systemctl enable sandbox-cloud-init.service sandbox-cloud-final.service cloud-init.target ssh.service
    # In a container these units have nothing to do, cost start-up time, or fail.
    systemctl mask \
        apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
        e2scrub_reap.service fstrim.timer getty.target console-getty.service getty-static.service \
        systemd-random-seed.service systemd-pstore.service systemd-remount-fs.service \
        systemd-update-utmp.service systemd-update-utmp-runlevel.service \
        dev-hugepages.mount sys-fs-fuse-connections.mount sys-kernel-config.mount \
        sys-kernel-debug.mount sys-kernel-tracing.mount proc-sys-fs-binfmt_misc.automount \
        systemd-udevd.service systemd-udev-trigger.service systemd-modules-load.service \
        systemd-sysctl.service systemd-networkd.service systemd-timesyncd.service
    systemctl set-default multi-user.target
    # Each machine makes its own keys and machine id.
    rm -f /etc/ssh/ssh_host_* /var/lib/dbus/machine-id
    : >/etc/machine-id
    rm -rf /var/log/* /var/cache/apt/* /tmp/packages.txt /tmp/setup.sh
    mkdir -p /var/log/journal
}

"$1"
