#!/bin/sh
# Install what we need from Debian, where it is missing and we may: for all targets, with the argument "gitlab" for the
# test in which a CI runs jobs of GitLab's, with "binary" for the static binary and its tests, with "arm64" for that of
# arm64, with "containers" for the tests in real containers, with "recipes" for those of the unit and the cloud-init file.
# The last two can do without.
set -eu

missing=
need() { # need COMMAND PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
case "${1:-}" in
'')
    need ssh openssh-client
    need sftp openssh-client
    need ssh-keygen openssh-client
    need /usr/sbin/sshd openssh-server
    need shellcheck shellcheck
    need dash dash
    need busybox busybox-static
    need rsync rsync
    need python3 python3
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
    ;;
gitlab)
    need git git
    need node nodejs
    need npm npm
    ;;
binary)
    need gcc gcc
    need musl-gcc musl-tools
    need readelf binutils
    need zstd zstd
    need git git
    [ -x /usr/bin/python3 ] || missing="$missing python3"
    /usr/bin/python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
    [ -e /usr/include/python3.11/Python.h ] || missing="$missing libpython3.11-dev"
    ;;
arm64)
    need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
    need aarch64-linux-gnu-strip binutils-aarch64-linux-gnu
    need qemu-aarch64-static qemu-user-static
    ;;
containers)
    need /usr/sbin/dockerd docker.io
    need docker-compose docker-compose
    need docker docker.io # a client alone may come from elsewhere, and does
    need /usr/sbin/iptables iptables
    need podman podman
    need catatonit catatonit
    need /usr/sbin/runc runc
    need /usr/sbin/debootstrap debootstrap
    need ip iproute2
    need patchelf patchelf
    need tinyproxy tinyproxy-bin # the programs alone: no service is started
    need microsocks microsocks
    need /usr/sbin/dnsmasq dnsmasq-base
    # The package `busybox`, which is not static, has the same command.
    dpkg-query --status busybox-static >/dev/null 2>&1 || missing="$missing busybox-static"
    ;;
recipes)
    need systemd-analyze systemd
    need cloud-init cloud-init
    ;;
*)
    echo "usage: $0 [gitlab | binary | arm64 | containers | recipes]" >&2
    exit 2
    ;;
esac

[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "holdfast: please install:$missing" >&2
    case "${1:-}" in containers | recipes) exit 0 ;; esac
    exit 1
fi
case $missing in
*cloud-init*) # it is to check a file, and never to change this machine at its next start
    mkdir -p /etc/cloud
    touch /etc/cloud/cloud-init.disabled
    ;;
esac
echo "holdfast: installing:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q >/dev/null
# shellcheck disable=SC2086  # a list of names
apt-get install -y -q --no-install-recommends $missing >/dev/null
