#!/bin/sh
# Install what the tests and the demo need from Debian, where it is missing and we may.
#
#   debian.sh [COMMAND=PACKAGE...]      what one target needs in addition
set -eu

missing=
need() { # need COMMAND PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need ssh openssh-client
need sftp openssh-client
need ssh-keygen openssh-client
need /usr/sbin/sshd openssh-server
need shellcheck shellcheck
need dash dash
need busybox busybox
need rsync rsync
need python3 python3
python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
for more; do need "${more%%=*}" "${more#*=}"; done

[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "holdfast: please install:$missing" >&2
    exit 1
fi
echo "holdfast: installing:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q >/dev/null
# shellcheck disable=SC2086  # a list of names
apt-get install -y -q --no-install-recommends $missing >/dev/null
