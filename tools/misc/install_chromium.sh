#!/usr/bin/env bash
# Installs Chromium for the tests of pages: as root, with apt-get. Elsewhere it fails,
# saying what to do, and those tests are skipped.
#     tools/misc/install_chromium.sh LOG
set -u
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null && exit 0
done
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo 'installing Chromium, to test pages with'
    mkdir -p "$(dirname "$1")"
    timeout 600 sh -c 'apt-get update &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium' \
        >"$1" 2>&1 && exit 0
    echo "it could not be installed, see $1"
fi
echo "no Chromium: tests of pages are skipped. Install your system's package of it"
exit 1
