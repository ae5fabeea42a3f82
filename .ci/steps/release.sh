# The product as users build it, and what the steps after it use beside it.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
release_build
ls -l target/release/bellwether
