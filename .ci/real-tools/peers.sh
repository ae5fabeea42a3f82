#!/usr/bin/env bash
# Unpacks Debian's prometheus, promtool and amtool into $PEERS, once; installs and starts nothing.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
PEERS=${PEERS:-$WORK/peers}

if [ -x "$PEERS/prometheus" ] && [ -x "$PEERS/promtool" ] && [ -x "$PEERS/amtool" ]; then exit 0; fi
if ! have apt-get || ! have dpkg; then
    skip "prometheus, promtool and amtool: apt is not there to get them"
    exit 1
fi
mkdir -p "$PEERS/unpacked"
cd "$PEERS"
if ! apt-get download prometheus prometheus-alertmanager >apt.log 2>&1; then
    # A machine that never read the lists of packages.
    if ! { apt-get update -qq && apt-get download prometheus prometheus-alertmanager; } >>apt.log 2>&1; then
        skip "prometheus, promtool and amtool: apt cannot download them: $(tail -n 1 apt.log)"
        exit 1
    fi
fi
for package in *.deb; do dpkg --extract "$package" unpacked; done
cp unpacked/usr/bin/prometheus unpacked/usr/bin/promtool unpacked/usr/bin/amtool .
rm -rf unpacked ./*.deb
./prometheus --version | head -n 1
./promtool --version | head -n 1
./amtool --version | head -n 1
