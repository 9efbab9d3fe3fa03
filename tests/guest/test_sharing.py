# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of two network namespaces, as containers have them, on one device.

Each has a sysfs of its own, and so a lock of its own.
"""
import re

import pytest

from support.guest import boot, vgpu_stub
from support.mediatord import UNLIMITED, Host

ROUNDS = 1000

JOB = f"""\
# They begin together.
contain() {{
    unshare -n -m sh -c 'mount -t sysfs sysfs /sys; echo >>ready
        until [ "$(wc -l <ready)" = 2 ]; do :; done; exec "$@"' sh "$@"
}}

echo "== hammer"
contain ./hammer 0 {ROUNDS} & first=$!
contain ./hammer 128 {ROUNDS} & second=$!
wait $first; echo "status $?"
wait $second; echo "status $?"
echo "== alone"; ./hammer 0 100; echo "status $?"
"""


@pytest.fixture(scope="module")
def sections(any_qemu_bin, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sharing")
    with Host(folder, config=UNLIMITED) as host:
        return boot(any_qemu_bin, folder / "job", JOB, ["tests/guest/hammer"],
                    *vgpu_stub(host.sockets / "0.sock"), "-smp", "2")


def test_every_answer_is_right_or_an_error(sections):
    lines = sections["hammer"]
    assert lines.count("status 0") == 2, lines
    reports = [dict(zip(words[::2], map(int, words[1::2])))
               for words in (line.split()[1:] for line in lines
                             if re.match("hammer:", line))]
    assert len(reports) == 2, lines
    for report in reports:
        assert sum(report.values()) == ROUNDS
        assert report["wrong"] == report["undocumented"] == 0
    # Else they have not met, and this shows nothing
    assert all(report["right"] > 0 for report in reports), lines
    assert any(report["busy"] > 0 for report in reports), lines


def test_the_device_is_well_afterwards(sections):
    assert sections["alone"] == [
        "hammer: right 100 busy 0 cancelled 0 undocumented 0 wrong 0",
        "status 0"]
