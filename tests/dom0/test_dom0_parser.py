# SPDX-License-Identifier: GPL-2.0-or-later
"""What a key's value may become, and that nothing else can come of it."""
import random
import re
from pathlib import Path

import pytest
import vgpu_stub_attach as attach


def read_cases():
    """(value, the lines expected of it) for each case of keys.txt."""
    cases = []
    for line in Path(__file__).with_name("keys.txt").read_text().splitlines():
        if line.startswith('b"'):
            cases.append((eval(line, {"__builtins__": {}}), []))
        elif line.startswith("    "):
            cases[-1][1].append(line[4:])
        else:
            assert not line or line.startswith("#"), line
    return cases


CASES = read_cases()


def outcome(value):
    try:
        return attach.parse(value)
    except attach.Refused as refusal:
        return [f"refused: {refusal}"]


@pytest.mark.parametrize("value, expected", CASES,
                         ids=[ascii(value)[1:60] for value, _ in CASES])
def test_key(value, expected):
    assert outcome(value) == expected


def test_the_table_is_whole():
    values = [value for value, _ in CASES]
    assert len(values) >= 150
    assert len(set(values)) == len(values)
    assert all(expected for _, expected in CASES)


# What may reach QEMU, written down a second time and without the module.
CHARDEV = re.compile(
    r"socket,id=vgpu-link-([0-3]),fd=([0-9]+),server=on,wait=off")
DEVICE = re.compile(
    r"vgpu-stub,id=([A-Za-z][A-Za-z0-9_.-]{0,31})"
    r"(?:,pool_id=[AB])?"
    r"(?:,priority=(?:low|medium|high))?"
    r"(?:,vm_id=(0|[1-9][0-9]*))?"
    r"(?:,request-timeout-ms=(0|[1-9][0-9]*))?"
    r"(?:,queue=(?:on|off))?"
    r",addr=0x(1[0-9a-e])"
    r",chardev=vgpu-link-([0-3])")


def assert_ours(args):
    """Fails unless args are 1 to 4 linked vgpu-stub devices, all distinct."""
    assert len(args) in (4, 8, 12, 16)
    ids, slots = set(), set()
    for n in range(len(args) // 4):
        assert args[4 * n] == "-chardev"
        chardev = CHARDEV.fullmatch(args[4 * n + 1])
        assert chardev and chardev.groups() == (str(n), str(100 + n)), args
        assert args[4 * n + 2] == "-device"
        device = DEVICE.fullmatch(args[4 * n + 3])
        assert device, args
        name, vm_id, timeout, slot, link = device.groups()
        assert int(vm_id or 0) < 2 ** 32 and int(timeout or 0) < 2 ** 32, args
        assert link == str(n), args
        ids.add(name)
        slots.add(slot)
    assert len(ids) == len(slots) == len(args) // 4, args


PIECES = [b"-device ", b"vgpu-stub", b",", b"=", b" ", b"'", b'"', b"\\",
          b",pool_id=", b",priority=", b",vm_id=", b",id=", b",addr=",
          b",request-timeout-ms=", b",queue=", b",chardev=", b"vgpu-link-0",
          b"A", b"high", b"on", b"0", b"4294967295", b"0x1e", b".0", b"-", b"\n", b"\0", b"\xff",
          b" -device vgpu-stub"]


def mutate(rng, value):
    """A value near `value`: one to three small changes."""
    for _ in range(rng.choice([1, 1, 2, 3])):
        start = rng.randint(0, len(value))
        end = min(len(value), start + rng.randint(0, 8))
        kind = rng.randrange(5)
        if kind == 0:                           # a piece put in
            value = value[:start] + rng.choice(PIECES) + value[start:]
        elif kind == 1:                         # a stretch taken out
            value = value[:start] + value[end:]
        elif kind == 2:                         # a byte changed
            value = value[:start] + bytes([rng.randrange(256)]) \
                + value[start + 1:]
        elif kind == 3:                         # a stretch repeated
            value = value[:end] + value[start:end] + value[end:]
        else:                                   # spliced with another value
            other = rng.choice(CASES)[0]
            value = value[:start] + other[rng.randint(0, len(other)):]
    return value


def test_fuzz():
    rng = random.Random(1)
    short = [value for value, _ in CASES if len(value) < 200]
    legal = [value for value, expected in CASES
             if not expected[0].startswith("refused")]
    accepted = 0
    for n in range(100_000):
        value = mutate(rng, rng.choice(legal if n % 2 else short))
        try:
            devices = attach.parse(value)
        except attach.Refused as refusal:
            assert re.fullmatch("[ -~]{1,250}", str(refusal)), value
        else:
            accepted += 1
            assert_ours(attach.arguments(devices, range(100, 104)))
    # Enough of them must get through for the check to mean something.
    assert accepted > 2_000


# What QEMU is given besides.

PLATFORM = ["qemu-dm-7", "-device", "nvme,serial=nvme0,id=nvme0,addr=7",
            "-device", "rtl8139,netdev=tapnet0,mac=0a:0b,addr=1e",
            "-device", "xen-pvdevice,device-id=0xc000,addr=0x1D"]


def test_ids_and_slots_in_use():
    assert attach.in_use(PLATFORM) == ({"nvme0"}, {7, 0x1e, 0x1d})


@pytest.mark.parametrize("value, expected", [
    (b"-device vgpu-stub", "vgpu-stub,id=vgpu-stub-0,addr=0x1c"),
    (b"-device vgpu-stub,addr=0x1e",
     "refused: device 0: addr=0x1e is in use"),
    (b"-device vgpu-stub,id=nvme0", "refused: device 0: id=nvme0 is in use"),
])
def test_what_the_platform_uses_is_not_taken(value, expected):
    try:
        result = attach.parse(value, *attach.in_use(PLATFORM))
    except attach.Refused as refusal:
        result = [f"refused: {refusal}"]
    assert result == [expected]


def test_no_slot_left():
    with pytest.raises(attach.Refused, match="device 1: no PCI slot is free"):
        attach.parse(b"-device vgpu-stub -device vgpu-stub",
                     used_slots=range(0x10, 0x1e))
