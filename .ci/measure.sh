#!/usr/bin/env bash
# Measures the release build (or BELLWETHER=path) at rest and prints rows for docs/performance.md. Takes two minutes;
# nothing else should run on the machine meanwhile.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
have python3 || install_packages python3
say "load before: $(cut -d' ' -f1-3 /proc/loadavg)"
PYTHONDONTWRITEBYTECODE=1 python3 .ci/real-tools/measure.py
