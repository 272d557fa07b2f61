#!/bin/sh
# The sandbox tests need bubblewrap: Debian's package, installed when root; otherwise one line says which it is.
set -eu
command -v bwrap >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "flyball: installing the Debian package bubblewrap for the sandbox tests" >&2
    apt-get update -qq && apt-get install -y -qq bubblewrap >/dev/null && exit 0
fi
echo "flyball: the Debian package bubblewrap is missing, the sandbox tests are skipped (apt-get install bubblewrap)" >&2
