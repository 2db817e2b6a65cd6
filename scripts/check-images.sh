#!/usr/bin/env bash
# Templates, units and shell scripts: what Packer, systemd and shellcheck say of them.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

.venv/bin/python scripts/units.py "$scratch/made/units"
packer=${PACKER:-packer}
"$packer" fmt -check -diff packer
touch "$scratch/source.tar.gz"
mkdir "$scratch/report"
variables=(-var region=eu-west-1 -var source_ami=ami-00000000000000000 -var 'ssh_source_cidrs=["10.0.0.0/8"]')
made=(-var image_name=check -var "manifest=$scratch/manifest.json")
app=(-var app_name=demo-web-app)
"$packer" validate "${variables[@]}" "${made[@]}" -var "package_list=$scratch/packages" \
  packer/base.pkr.hcl
"$packer" validate "${variables[@]}" "${made[@]}" "${app[@]}" \
  -var "app_archive=$scratch/source.tar.gz" -var commit=0000000000000000000000000000000000000000 \
  -var "units=$scratch/made/units" packer/app.pkr.hcl
"$packer" validate "${variables[@]}" "${app[@]}" -var "report_dir=$scratch/report" packer/test.pkr.hcl
"$packer" validate -var region=eu-west-1 -var source_ami=ami-00000000000000000 "${app[@]}" \
  -var 'security_group_ids=["sg-00000000000000000"]' -var "command_file=$scratch/source.tar.gz" \
  -var seconds=600 -var "report_dir=$scratch/report" packer/task.pkr.hcl

# The units name programs of the machines that they are for, which this one need not have.
mkdir "$scratch/units"
cp -r "$scratch/made/units/system"/. "$scratch/units"
cp systemd/host/*.service systemd/host/*.socket "$scratch/units"
for unit in systemd/host/*.service; do
  install -D -m 0644 systemd/hardening.conf "$scratch/units/$(basename "$unit").d/hardening.conf"
done
complaints=$(systemd-analyze verify "$scratch"/units/*.service "$scratch"/units/*.socket 2>&1 |
  grep -v 'is not executable: No such file or directory' || true)
if [[ -n $complaints ]]; then
  echo "$complaints" >&2
  exit 1
fi

for unit in "$scratch"/units/spotkiln-*.service; do
  systemd-analyze security --offline=true --threshold=19 --no-pager "$unit" >"$scratch/exposure" ||
    { cat "$scratch/exposure" >&2; exit 1; }
done

git ls-files -z | while IFS= read -r -d '' file; do
  # Some are links to folders.
  [[ -f $file ]] || continue
  if [[ $file == *.sh ]] || head -n 1 "$file" | grep -Eaq '^#!.*\b(ba)?sh$'; then
    printf '%s\0' "$file"
  fi
done | xargs -0 shellcheck --external-sources
