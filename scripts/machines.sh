#!/usr/bin/env bash
# Says which machines the sandbox can have here: docker or simulated, and on stderr why. What is
# missing is installed first, where it can be. For bash 3.2, too, which is macOS's.
set -euo pipefail
cd "${0%/*}/.."

absent=""
scripts/setup.sh docker dockerd debootstrap iptables ip >&2 || absent="no Docker"
scripts/setup.sh packer >&2 || absent="${absent:+$absent and }no Packer"
if [[ -z $absent ]]; then
  echo docker
else
  echo "$absent here: with simulated machines and a stand-in for Packer" >&2
  echo simulated
fi
