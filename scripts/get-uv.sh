#!/bin/sh
# Put uv into .uv/ from the package index, with whatever this machine has: an uv on PATH, venv, or pip.
# As root a missing Debian package is installed; otherwise one line says which one is missing.
set -eu
say() { printf 'flyball: %s\n' "$*" >&2; }

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    say "Python 3.11 or later is needed as python3 (Debian: apt-get install python3)"; exit 1; }

mkdir -p .uv/bin
if command -v uv >/dev/null 2>&1; then ln -sf "$(command -v uv)" .uv/bin/uv; exit 0; fi

with_venv() { python3 -m venv .uv >/dev/null 2>&1 && .uv/bin/python -m pip install --quiet uv; }
with_pip() {
    python3 -m pip --version >/dev/null 2>&1 &&
        python3 -m pip install --quiet --target .uv/lib uv && ln -sf ../lib/bin/uv .uv/bin/uv
}

say "installing uv from the package index into .uv"
with_venv || with_pip || {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "installing the Debian package python3-venv"
        apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null
        with_venv
    else
        say "the Debian package python3-venv is missing (apt-get install python3-venv)"; exit 1
    fi
}
