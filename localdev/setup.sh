#!/bin/sh
# Makes .venv, with everything that development needs, out of nothing but a Python 3.10 or later. Run by make; may be repeated.
# PYTHON=/path/to/python3 chooses the interpreter.
set -eu
cd "$(dirname "$0")/.."

. localdev/system.sh

suits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; }

find_python() {
    for python in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
        if suits "$python"; then
            command -v "$python"
            return
        fi
    done
    found=$(python3 --version 2>&1 || true)
    fail "Python 3.10 or later is needed; here is: ${found:-none}. Install one, or name it: make setup PYTHON=/path/to/python3"
}

# Debian and Ubuntu keep a part of the standard library, without which no virtual environment gets a pip, in a package.
need_venv() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null && return
    install_packages "$1 cannot make virtual environments" \
        "$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
}

# pip says a line for each package that it fetches; they become a line that counts.
install() {
    total=$(sed -n 's/==.*//p' requirements-dev.txt requirements.txt | sort -u | wc -l)
    number=0
    while read -r line; do
        case $line in
            'Collecting '* | 'Processing '*)
                number=$((number + 1))
                name=${line#* }       # the rest is a requirement, or the path of a wheel
                name=${name%%[ =]*}
                name=${name##*/}
                [ -t 2 ] && printf '\r\033[K  %s of about %s: %s' "$number" "$total" "${name%%-*}" >&2
                ;;
            'Installing collected'*)
                [ -t 2 ] && printf '\r\033[K  unpacking %s packages' "$number" >&2 || say "  fetched $number packages, unpacking"
                ;;
            'exit '*)
                [ -t 2 ] && printf '\r\033[K' >&2
                return "${line#exit }"
                ;;
        esac
    done
}

python=$(find_python)
need_venv "$python"
if ! suits .venv/bin/python; then # there is none, or its interpreter has gone
    say "Making .venv with $("$python" --version) ..."
    rm -rf .venv
    "$python" -m venv .venv
fi
say "Installing what requirements-dev.txt names into .venv ..."
{
    .venv/bin/python -m pip --disable-pip-version-check --no-input install -r requirements-dev.txt 2>&1 && code=0 || code=$?
    printf 'exit %s\n' "$code"
} | tee .venv/install.log | install || {
    grep -i '^error' .venv/install.log >&2 || tail -n 5 .venv/install.log >&2
    fail "The packages could not be installed; all that pip said is in .venv/install.log. Run make again to go on."
}
touch .venv/.ready
say "Ready."
