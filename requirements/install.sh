#!/bin/sh
# Create .venv and install footmm into it, with the pinned versions. Does nothing where that is done.
#   requirements/install.sh [EXTRA]      EXTRA: dev, wandb or export
# PYTHON=/path/to/python3.11 chooses the interpreter.
set -eu

cd "$(dirname "$0")/.."
extra=${1:-}
needed_kb=9000000

fail() {
    echo "error: $*" >&2
    exit 1
}

supported() {
    "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 11))' 2>/dev/null
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        supported "$PYTHON" || fail "PYTHON=$PYTHON is not Python 3.10 or 3.11 ($("$PYTHON" -V 2>&1))"
        echo "$PYTHON"
        return
    fi
    for candidate in python3.11 python3.10 python3 python; do
        if supported "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    fail "footmm needs Python 3.10 or 3.11 (found: $(python3 -V 2>&1 || echo none)). Install one, or name one: make PYTHON=/path/to/python3.11 ..."
}

check_disk() {
    free_kb=$(df -Pk . | awk 'NR == 2 { print $4 }')
    [ "$free_kb" -ge "$needed_kb" ] ||
        fail "the disk of $PWD has $((free_kb / 1000)) MB free; the environment needs $((needed_kb / 1000)) MB"
}

[ -x .venv/bin/python ] || {
    python=$(find_python)
    check_disk
    "$python" -m venv .venv || fail "'$python -m venv' failed (Debian and Ubuntu: apt install python3-venv)"
}
supported .venv/bin/python || fail ".venv holds $(.venv/bin/python -V 2>&1); remove the folder and run this again"

version=$(.venv/bin/python -c 'import sys; print("%d%d" % sys.version_info[:2])')
lock=requirements/lock-py$version.txt
stamp=.venv/installed${extra:+-$extra}
state=$(cat setup.py "$lock" | cksum)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$state" ] && exit 0

echo "installing footmm${extra:+ with $extra} into .venv (several GB the first time)"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=24" ||
    fail "pip could not be upgraded; is the network there?"
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --constraint "$lock" --editable ".${extra:+[$extra]}" ||
    fail "the installation failed; the lines above say why (no space left: free some and run this again)"
echo "$state" >"$stamp"
