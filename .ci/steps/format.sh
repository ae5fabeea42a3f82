# Formatting, of the host and of the guests, which are a workspace of their own.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
have cargo-fmt && cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
cargo fmt --all --check
cargo fmt --all --check --manifest-path plugins/Cargo.toml
