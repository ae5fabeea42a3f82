# The product as users build it.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
cargo build --locked --release --package bellwether-server
ls -l target/release/bellwether
