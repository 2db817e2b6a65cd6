#!/usr/bin/env bash
# What must be right before a change is merged. It needs neither Prefect nor AWS.
set -euo pipefail
cd "$(dirname "$0")/.."
# Each parameter of each deployment is one that its flow takes.
spotkiln check prefect.yaml
# Each application that lies here describes itself.
for file in applications/*/spotkiln.yaml; do
  if [[ -e $file ]]; then spotkiln check "$(dirname "$file")"; fi
done
