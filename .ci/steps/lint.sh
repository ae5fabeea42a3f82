# Clippy; every warning counts.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
cargo clippy --locked --workspace --all-targets -- -D warnings
