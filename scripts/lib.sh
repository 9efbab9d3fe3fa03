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

# sources_fingerprint TREE: prints what changes with the names, sizes and times
# of the files in a source tree.
sources_fingerprint() {
    find "$1" -name .git -prune -o -type f -printf '%P %s %T@\n' | sort |
        { printf '%s\n' "$1" && cat; } | sha256sum
}

# integration DEVICE SERIES: prints the patches that put the device into the
# build of QEMU of this series (4.2, for example).
integration() {
    cat "$ROOT/$(device_patches "$1")/qemu-$2"/*.patch
}

# has_integration DEVICE SERIES
has_integration() {
    [ -d "$ROOT/$(device_patches "$1")/qemu-$2" ]
}

# apply_integration DEVICE SERIES TREE ARGUMENT...: patches the tree, or says why
# that cannot be; the arguments are for patch(1).
apply_integration() {
    integration "$1" "$2" | patch -d "$3" -p1 --fuzz=0 --batch "${@:4}"
}

# Prints the series that DEVICE can be put into, oldest first.
known_series() {
    printf '%s\n' "$ROOT/$(device_patches "$1")"/qemu-* | sed 's/.*qemu-//' |
        sort -V
}

# nearest_series DEVICE SERIES: prints the known one with the fewest releases in
# between; three of them make a major version.
nearest_series() {
    local known distance
    for known in $(known_series "$1"); do
        distance=$(((${known%.*} - ${2%.*}) * 3 + ${known#*.} - ${2#*.}))
        printf '%d %s\n' "${distance#-}" "$known"
    done | sort -n -k 1,1 -s | sed -n '1 s/.* //p'
}

# need_integration DEVICE SERIES [TREE]: dies unless the device can be put into
# QEMU of this series, and says whether the nearest one would fit the TREE.
need_integration() {
    local nearest patches found
    ! has_integration "$1" "$2" || return 0
    nearest=$(nearest_series "$1" "$2")
    patches=$(device_patches "$1")
    found="no integration for QEMU $2; there are: $(known_series "$1" | xargs)."
    found+=" The nearest is that of $nearest"
    [ -n "${3:-}" ] || die "$found"
    apply_integration "$1" "$nearest" "$3" --dry-run --forward >&2 ||
        die "$found, which does not fit these sources (see above)"
    die "$found, which fits these sources. Nobody has tried it: copy" \
        "$patches/qemu-$nearest to $patches/qemu-$2, build again, and have" \
        "the result pass 'make device-check QEMU_BIN=...'"
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
