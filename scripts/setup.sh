#!/bin/sh
# Makes .venv with the exact versions of requirements.lock and the `wattledger` command; does nothing when it is up to
# date. Needs Python 3.11+ with venv and pip, and a package index; brings uv from there when it is not installed.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

find_python() {
    for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            command -v "$candidate"
            return
        fi
    done
    fail "no Python 3.11 or newer found; install one, or name it: make setup PYTHON=/path/to/python3.11"
}

# What .venv was made from: when any of it changes, or the folder was moved, it is made again.
wanted_stamp() {
    "$1" -c '
import hashlib, pathlib
parts = [pathlib.Path(name).read_bytes() for name in ("requirements.lock", "pyproject.toml", "scripts/setup.sh")]
print(hashlib.sha256(b"\0".join(parts + [str(pathlib.Path.cwd()).encode()])).hexdigest())'
}

make_venv() {
    if ! "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        fail "$1 comes without venv or ensurepip; install them (Debian and Ubuntu: the package python3-venv)," \
            "or name another Python: make setup PYTHON=/path/to/python3.11"
    fi
    "$1" -m venv --clear .venv || fail "$1 -m venv .venv failed; see above"
}

# One setting of pip's (from its files or PIP_* variables), so that uv looks where pip would.
pip_setting() {
    for section in :env: install global site; do
        if .venv/bin/python -m pip config get "$section.$1" 2>/dev/null; then return; fi
    done
}

# pip passes over a folder that is not there; uv would stop.
pip_find_links() {
    separator=
    for place in $(pip_setting find-links); do
        case $place in
        *://*) ;;
        *) [ -e "$place" ] || continue ;;
        esac
        printf '%s%s' "$separator" "$place"
        separator=,
    done
}

give_uv_the_index_of_pip() {
    index=$(pip_setting index-url)
    extra=$(pip_setting extra-index-url | tr '\n' ' ')
    links=$(pip_find_links)
    certificates=$(pip_setting cert)
    if [ -n "$index" ] && [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then export UV_DEFAULT_INDEX="$index"; fi
    if [ -n "$extra" ] && [ -z "${UV_INDEX:-}${UV_EXTRA_INDEX_URL:-}" ]; then export UV_INDEX="$extra"; fi
    if [ -n "$links" ] && [ -z "${UV_FIND_LINKS:-}" ]; then export UV_FIND_LINKS="$links"; fi
    if [ -n "$certificates" ] && [ -z "${SSL_CERT_FILE:-}" ]; then export SSL_CERT_FILE="$certificates"; fi
}

# uv is one of the locked packages: its own lines of the lock give its version and hashes.
find_uv() {
    if command -v uv; then return; fi
    if [ ! -x .venv/bin/uv ]; then
        say "getting uv from the package index"
        awk '/^uv==/ { on = 1 } on { print } on && !/\\$/ { exit }' requirements.lock > .venv/uv.lock
        .venv/bin/python -m pip install --quiet --no-deps --require-hashes -r .venv/uv.lock >&2 ||
            fail "uv could not be had from the package index; see above"
    fi
    echo .venv/bin/uv
}

python=$(find_python)
stamp=$(wanted_stamp "$python")
action=${1:-install}
if [ "$action" = install ] && [ -x .venv/bin/wattledger ] &&
    [ "$(cat .venv/.wattledger-setup 2>/dev/null)" = "$stamp" ]; then exit 0; fi

if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then make_venv "$python"; fi
give_uv_the_index_of_pip
uv=$(find_uv)
if [ "$action" = lock ]; then
    unset UV_FIND_LINKS # What a machine happens to have at hand must not enter the lock.
    exec "$uv" pip compile pyproject.toml --quiet --group dev --generate-hashes --universal --python-version 3.11 \
        --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' -o requirements.lock
fi
say "installing the packages of requirements.lock into .venv"
"$uv" pip sync --quiet --compile-bytecode --python .venv/bin/python --require-hashes requirements.lock
# The build backend is locked too, so nothing is fetched to build our own package.
"$uv" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
echo "$stamp" > .venv/.wattledger-setup
say "done; the command is .venv/bin/wattledger"
