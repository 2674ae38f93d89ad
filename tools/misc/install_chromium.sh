#!/usr/bin/env bash
# Install Chromium for the tests of web pages, with apt-get as root. Elsewhere it
# fails with a hint, and those tests are skipped.
#     tools/misc/install_chromium.sh LOG
set -u
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null && exit 0
done
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo 'installing Chromium for the tests of web pages'
    mkdir -p "$(dirname "$1")"
    timeout 600 sh -c 'apt-get update &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium' \
        >"$1" 2>&1 && exit 0
    echo "Chromium could not be installed, see $1"
fi
echo "no Chromium: tests of web pages are skipped. Install your system's Chromium"
exit 1
