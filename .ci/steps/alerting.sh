# Alerting beside what Alertmanager and amtool 0.34 did, where the collections lie beside the repository: templates, verdicts
# on files, answers of the API, and scenarios over real sockets. The release build answers.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
COLLECTIONS=../shared/conformance
if ! [ -d "$COLLECTIONS" ]; then
    skip "the collections of alerting cases are not beside the repository"
    exit 0
fi
release_build
for cases in "$COLLECTIONS"/templates/random-*.json; do
    log=$WORK/templates.log
    target/release/examples/golden "$cases" >"$log" || true
    say "templates/$(basename "$cases"): $(tail -n 1 "$log")"
    # What the real tools print of a pointer is an address of their own process, which nobody can repeat.
    if grep -A1 '^  wanted Ok' "$log" | grep '^  wanted Ok' | grep -vE '0x[0-9a-f]{8,}|[0-9]{14}'; then
        say "a template renders differently: see $log"
        exit 1
    fi
done
python_environment || { skip "verdicts, worlds and scenarios: Python 3 is not there"; exit 0; }
export PATH=$VENV/bin:$PATH PYTHONDONTWRITEBYTECODE=1
python3 "$COLLECTIONS/verdicts/verdicts.py" check "$COLLECTIONS/verdicts/verdicts.json.gz" \
    --alertmanager "$ROOT/target/release/bellwether check alertmanager {file}" | tail -n 1
"$COLLECTIONS/check" config-verdicts worlds
# Scenarios look at the clock on the wall, to 150 ms; on a machine that does something else meanwhile one may be late.
"$COLLECTIONS/check" scenarios || { say "scenarios fell short, once more"; "$COLLECTIONS/check" scenarios; }
