# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154  # ROOT, BUILD and SELF are lib.sh's
# Sourced by demos with a guest, after lib.sh: the mediator, the guest, and what
# that has to print. What was printed is kept in $out.

out=$BUILD/$SELF
rm -rf "$out"
mkdir -p "$out"

# A socket's path may have 107 bytes, so the sockets cannot lie in $out.
work=$(mktemp -d)
mkdir "$work/sockets" "$work/job"
mediator=
cleanup() {
    [ -z "$mediator" ] || kill "$mediator" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

fail() {
    say "$1"
    echo "$SELF: FAIL (the guest's output is in $out/guest.log," \
        "the mediator's in $out/mediator.log)"
    exit 1
}

# start_mediator [OPTION...]
start_mediator() {
    say 'starting the mediator'
    "$BUILD/mediator/vgpu-mediatord" --socket-dir "$work/sockets" \
        --starter "$BUILD/mediator/vgpu-starter" \
        --worker "$BUILD/mediator/vgpu-worker" --kernels "$BUILD/kernels" \
        "$@" 2>"$out/mediator.log" &
    mediator=$!
}

# boot_guest QEMU DEVICE [OPTION...]: runs $work/job in a guest that has the
# device, with run-guest's options.
boot_guest() {
    local status=0
    say 'booting a Linux guest with'
    say "  -device $2"
    run-guest --qemu "$1" "${@:3}" "$work/job" -- \
        -chardev "socket,id=link,path=$work/sockets/demo.sock,server=on,wait=off" \
        -device "$2,chardev=link" | tee "$out/guest.log" || status=$?
    ((status == 0)) || fail "the guest's job ended with status $status"
}

# expect PATTERN: a line that the guest has to have printed
expect() {
    grep -qE -- "$1" "$out/guest.log" || fail "the guest did not print '$1'"
}

end_demo() {
    kill -0 "$mediator" 2>/dev/null || fail 'the mediator died'
    echo "$SELF: PASS"
}
