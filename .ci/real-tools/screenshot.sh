#!/usr/bin/env bash
# Takes pictures of the page of a running server with a headless Chromium: light, dark and on a phone. Not part of the
# run: `screenshot.sh [URL] [FOLDER]`.
set -euo pipefail
url=${1:-http://127.0.0.1:9090/}
folder=${2:-.}
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
# The page keeps a stream of events open, so a fixed time of waiting stands for "loaded".
take() {
    timeout 60 "$browser" --headless=new --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$profile" \
        --virtual-time-budget=5000 --timeout=8000 "${@:2}" --screenshot="$folder/$1.png" "$url" >/dev/null 2>&1
    ls -l "$folder/$1.png"
}
take page-light --window-size=1280,1000
take page-dark --window-size=1280,1000 --force-dark-mode --enable-features=WebContentsForceDark:inversion_method/none
take page-phone --window-size=390,900
