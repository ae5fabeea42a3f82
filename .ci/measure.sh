#!/usr/bin/env bash
# Measures the release build (or BELLWETHER=path) and prints rows for docs/performance.md: at rest (`rest`, two minutes),
# under rules and queries (`promql`, six minutes with PROMETHEUS=path to compare with) or under many alerts (`alerting`,
# five minutes with ALERTMANAGER=path; further arguments name some of its cases), or beside plugins that misbehave (`hostile`,
# five minutes). Nothing else should run on the machine meanwhile.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
have python3 || install_packages python3
case ${1:-rest} in
    rest) script=measure.py ;;
    promql) script=measure_promql.py ;;
    alerting) script=measure_alerting.py ;;
    hostile) script=measure_hostile.py ;;
    *) say "no such measurement: $1; there are: rest promql alerting hostile"; exit 2 ;;
esac
say "load before: $(cut -d' ' -f1-3 /proc/loadavg)"
PYTHONDONTWRITEBYTECODE=1 python3 ".ci/real-tools/$script" "${@:2}"
