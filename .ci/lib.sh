# Shared by the scripts of this folder; sourced, never run. Leaves the caller at the root of the repository.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD
# Everything that a run downloads or writes lies here and is kept between runs.
WORK=$ROOT/target/ci
mkdir -p "$WORK"

# say SENTENCE...: one line that stands out of the output of tools.
say() { printf '[ci] %s\n' "$*"; }

# skip REASON...: a part that cannot run here. Always says so, in the same words, so that it can be searched for.
skip() { say "skipped: $*"; }

# have PROGRAM: whether it is installed.
have() { command -v "$1" >/dev/null 2>&1; }

# install_packages PACKAGE...: Debian packages, as root only; fails where apt is not there or refused.
install_packages() {
    have apt-get && [ "$(id -u)" -eq 0 ] || return 1
    if ! [ -e "$WORK/apt-updated" ]; then
        apt-get update -qq && touch "$WORK/apt-updated" || return 1
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >"$WORK/apt.log" 2>&1
}

# python_environment: makes $VENV, with the packages that the checks need, once.
VENV=$WORK/venv
python_environment() {
    [ -e "$VENV/ready" ] && return 0
    if ! have python3 || ! python3 -c 'import ensurepip' 2>/dev/null; then
        install_packages python3 python3-venv || return 1
    fi
    rm -rf "$VENV"
    python3 -m venv "$VENV"
    "$VENV/bin/pip" install --quiet --disable-pip-version-check --requirement "$ROOT/.ci/real-tools/requirements.txt" || return 1
    touch "$VENV/ready"
}

# release_build: the product as users build it, and the examples that checks run. Cargo chooses the features of what packages
# share by who is built: with the product among them, the examples share nearly all that was compiled for it.
release_build() {
    cargo build --locked --release
    cargo build --locked --release --examples --package bellwether-server --package bellwether-promql \
        --package bellwether-sandbox --package bellwether-template
}
