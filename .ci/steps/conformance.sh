# PromQL against the collections of the real Prometheus beside the repository, where they are: its own suite, random
# expressions with its answers, and queries that a running one has answered; a parser and a sandbox that nothing breaks.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
COLLECTIONS=../shared/conformance/promql
FUZZ_INPUTS=1000000
MUTANTS=1000
release_build
examples=target/release/examples

last=$("$examples/fuzz_parse" "$FUZZ_INPUTS" "$RANDOM" | tail -n 1)
say "parser: $last"
say "damaged plugins:"
"$examples/mutate" "$MUTANTS" "$RANDOM"
if ! [ -d "$COLLECTIONS" ]; then
    skip "the collections of PromQL cases are not beside the repository"
    exit 0
fi
for cases in testdata random; do
    last=$("$examples/promqltest" "$COLLECTIONS/$cases" | tail -n 1)
    say "promql/$cases: $last"
done
have python3 || install_packages python3 || { skip "promql/golden: its samples are made with Python 3"; exit 0; }
data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT
cp "$COLLECTIONS"/golden/* "$data"
(cd "$data" && python3 gen.py >gen.log)
last=$("$examples/recorded" "$data/data.om" "$COLLECTIONS/golden/golden-prom3.15.json.gz" | tail -n 1)
say "promql/golden: $last"
