#!/usr/bin/env bash
# Installs what is locked into .venv, or into the environment that is named; with the version of another
# Prefect, that one instead of the locked. Behind a proxy that looks into TLS only the system knows the
# certificate of what answers, so uv and pip take the system's. For bash 3.2, too, which is macOS's.
# usage: install.sh [ENVIRONMENT [PREFECT]]
set -euo pipefail
cd "$(dirname "$0")/.."
venv="${1:-.venv}" prefect="${2:-}"
python="$venv/bin/python"

# The system's certificates in a file; nothing if there is none.
bundle() {
  local file
  for file in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt \
    /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem; do
    if [[ -s $file ]]; then
      echo "$file"
      return
    fi
  done
}

# What the user has set comes first.
if [[ -n $(bundle) || $(uname) == Darwin ]]; then
  export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"
fi

if [[ ! -x $python ]]; then
  base="${BASE_PYTHON:-python3}"
  if ! "$base" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "Spotkiln needs Python 3.11 or newer, and $base here is $("$base" --version 2>&1)" >&2
    exit 1
  fi
  "$base" -m venv "$venv"
fi
# From 24.2 on pip takes the system's by itself, where its Python can (3.10).
if "$python" -c 'import pip, sys; sys.exit(tuple(map(int, pip.__version__.split(".")[:2])) >= (24, 2))'; then
  if [[ -z ${PIP_CERT:-}${REQUESTS_CA_BUNDLE:-}${CURL_CA_BUNDLE:-} && -n $(bundle) ]]; then
    PIP_CERT=$(bundle)
    export PIP_CERT
  fi
fi
"$python" -m pip install -q --disable-pip-version-check --require-hashes -r tools.lock
install() {
  "$venv/bin/uv" pip install -q --python "$python" "$@"
}
install --compile-bytecode --require-hashes -r requirements.lock
# By the locked build backend: an isolated build would fetch whichever is the newest.
if [[ -z $prefect ]]; then
  install --no-deps --no-build-isolation -e .
else
  # What it wants newer than the locks have it comes with it, and what pyproject.toml excludes is refused.
  install --compile-bytecode --no-build-isolation -e . "prefect==$prefect"
fi
