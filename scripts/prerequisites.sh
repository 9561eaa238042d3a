#!/bin/sh
# Prints the Python to use, or says what is missing: CPython 3.11 or 3.12 with venv, git, GNU make >= 3.81 (its version is $1).
set -eu

missing() {
    echo "$1" >&2
    echo "On Debian and Ubuntu: apt-get install make git python3-venv. On macOS: xcode-select --install, brew install python@3.12." >&2
    exit 1
}

case "${1:-}" in
    3.8[1-9]* | 3.9[0-9]* | [4-9].* | [1-9][0-9].*) ;;
    *) missing "GNU make 3.81 or newer is needed; this is '${1:-another make}'." ;;
esac
command -v git >/dev/null 2>&1 || missing "git is needed and was not found on PATH."

fits='import sys; sys.exit(not (sys.implementation.name == "cpython" and (3, 11) <= sys.version_info[:2] <= (3, 12)))'
found=
for python in ${PYTHON:-python3.12 python3.11 python3 python}; do
    "$python" -c "$fits" >/dev/null 2>&1 || continue
    found=$python
    if "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        command -v "$python"
        exit 0
    fi
done
[ -z "$found" ] || missing "$found is there, but not its venv module (ensurepip)."
missing "CPython 3.11 or 3.12 is needed and was not found on PATH (looked for ${PYTHON:-python3.12, python3.11, python3, python})."
