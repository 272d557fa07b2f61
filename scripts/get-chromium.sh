#!/bin/sh
# The browser tests need Chromium: Debian's package, installed when root; otherwise one line says which it is.
set -eu
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "flyball: installing the Debian package chromium for the browser tests" >&2
    apt-get update -qq && apt-get install -y -qq chromium >/dev/null && exit 0
fi
echo "flyball: the Debian package chromium is missing, the browser tests are skipped (apt-get install chromium)" >&2
