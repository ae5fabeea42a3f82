# The release build, which the steps after it use.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
release_build
ls -l target/release/bellwether
