# The release build beside tools and programs that others wrote: see .ci/real-tools/run.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
exec bash .ci/real-tools/run
