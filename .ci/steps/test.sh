# The tests, by the README's command.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
cargo test
