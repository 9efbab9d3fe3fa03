# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Sourced by the scripts beside it: where things are kept, how to give up.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=$(realpath -m "${BUILD:-$ROOT/build}")
CACHE=$(realpath -m "${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vgpu-stub}")
PATH=$ROOT/scripts:$PATH
export ROOT BUILD CACHE PATH

# What a running script calls itself in its messages.
SELF=$(basename "$0")

say() {
    printf '%s: %s\n' "$SELF" "$*" >&2
}

die() {
    say "$@"
    exit 1
}

# Dies unless these programs are installed.
need_tools() {
    local tool missing=
    for tool in "$@"; do
        command -v "$tool" >/dev/null || missing+=" $tool"
    done
    [ -z "$missing" ] || die "not installed:$missing"
}

# Prints the version of the packages and of what is in them.
our_version() {
    sed -n 's/^Version: *//p' "$ROOT/SPECS/vgpu-stub.spec"
}

# Lets the commit date what is made, unless the caller has a date for it.
use_commit_date() {
    SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(
        cd "$ROOT" && git log -1 --format=%ct)}
    export SOURCE_DATE_EPOCH
}

# The devices, vgpu-stub and sst-device, are one directory each in QEMU's
# hw/misc/, and patches that add it to the build.

# Prints the directory, below ROOT, of the patches of DEVICE, by series.
device_patches() {
    case $1 in
    vgpu-stub) echo patches ;;
    sst-device) echo sst/qemu-device/patches ;;
    esac
}

# Prints the paths of the files that become hw/misc/DEVICE/ in QEMU.
device_sources() {
    case $1 in
    vgpu-stub)
        printf '%s\n' "$ROOT"/hw-misc-vgpu-stub/{*.c,*.h,trace-events} \
            "$ROOT"/include/vgpu-stub-*.h
        ;;
    sst-device)
        printf '%s\n' "$ROOT"/sst/qemu-device/{*.c,*.h,trace-events} \
            "$ROOT"/sst/include/sst-mmio-wire.h
        ;;
    esac
}

# need_integration DEVICE SERIES: dies unless the device can be put into QEMU of
# this series (4.2, for example).
need_integration() {
    local patches
    patches=$ROOT/$(device_patches "$1")
    [ -d "$patches/qemu-$2" ] || die "no integration for QEMU $2;" \
        "there are: $(printf '%s\n' "$patches"/qemu-* |
            sed 's/.*qemu-//' | sort -V | xargs)"
}

# Holds FILE.lock until the script ends, so that what is made under that name in
# the cache is made by one at a time.
lock() {
    mkdir -p "$(dirname "$1")"
    exec {lock_fd}>"$1.lock"
    if ! flock -n "$lock_fd"; then
        say "waiting for another $SELF that makes $1"
        flock "$lock_fd"
    fi
}
