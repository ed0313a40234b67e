#!/usr/bin/env bash
# Makes the Python environment in .venv, installing Python itself on Debian or Ubuntu as root.
set -euo pipefail

fail() {
  echo "error: $*" >&2
  exit 1
}

usable() {
  python3 -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

if ! usable; then
  need="Python 3.11 or newer with its venv module"
  command -v apt-get >/dev/null || fail "$need is missing: install it and try again"
  [ "$(id -u)" = 0 ] || fail "$need is missing: apt-get install python3 python3-venv"
  echo "installing python3 and python3-venv with apt-get"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    python3 python3-venv ca-certificates >/dev/null
  usable || fail "$need is missing, and this system's packages are older"
fi

exec 9>.venv.lock
flock --timeout 600 9 || fail "another set-up of .venv takes longer than 10 minutes"
echo "python environment: .venv"
# Half an environment, or one that was copied and points at its old place, is made anew.
if ! .venv/bin/python -m pip --version >/dev/null 2>&1 ||
  [ "$(cat .venv/place 2>/dev/null)" != "$PWD" ]; then
  rm -rf .venv
fi
[ -d .venv ] || python3 -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv
.venv/bin/uv pip install --quiet --python .venv/bin/python -c constraints.txt -e '.[dev]'
echo "$PWD" >.venv/place
touch .venv/ready
