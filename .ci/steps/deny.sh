# Licences, sources and advisories of the dependencies (deny.toml). Building cargo-deny takes longer than all the rest,
# so it is used where it is there, and not installed.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
if ! have cargo-deny; then
    skip "cargo-deny is not installed (cargo install cargo-deny --locked)"
    exit 0
fi
cargo deny --locked check licenses bans sources
# The list of advisories comes over the network, which may be refused; that is no fault of the change.
cargo deny --locked check advisories || skip "advisories: cargo-deny could not check them, see above"
