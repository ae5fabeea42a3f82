# The first-party plugins: rebuilt and compared with the committed files, where this compiler can; tested; linted.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
if have rustup; then
    rustup target add wasm32-unknown-unknown || say "the target wasm32-unknown-unknown cannot be installed here"
fi
(cd plugins/dist && sha256sum --quiet --check SHA256SUMS)
say "plugins/dist: the digests are those in SHA256SUMS"
cargo plugins --check

# The guests' own tests run on this machine; only their components are for the other target.
cargo test --locked --quiet --manifest-path plugins/Cargo.toml
cargo clippy --locked --workspace --all-targets --manifest-path plugins/Cargo.toml -- -D warnings
