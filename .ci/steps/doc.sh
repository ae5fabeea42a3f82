# The documentation of the code: broken links and missing words count as errors.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps
