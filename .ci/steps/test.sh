# The tests, by the README's command; then all their results in one line.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
# The allocator is built with it.
have make || install_packages make || say "there is no make; the build may fail"
log=$WORK/test.log
cargo test 2>&1 | tee "$log"
awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 }
     END { printf "%d passed, %d failed, %d skipped\n", passed, failed, ignored }' "$log"
