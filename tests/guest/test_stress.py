# SPDX-License-Identifier: GPL-2.0-or-later
"""Two processes of eight threads in a guest, whose mediator keeps dying.

GUEST_STRESS_SECONDS is how long, 20 unless told.
"""
import os
import re
import signal
import threading

import pytest

from support.guest import boot, vgpu_stub
from support.mediatord import UNLIMITED, Host

SECONDS = int(os.environ.get("GUEST_STRESS_SECONDS", "20"))
THREADS = 8
LIFE = 2.5                      # seconds, of a mediator

pytestmark = pytest.mark.strictest_qemu

# An open device is its process's own: two devices for two processes. The
# second one has its interrupt.
JOB = f"""\
modprobe uio_pci_generic
echo 1af4 1111 >/sys/bus/pci/drivers/uio_pci_generic/new_id
echo 0000:00:1d.0 >/sys/bus/pci/drivers/uio_pci_generic/unbind
echo "== stress"
./stress 00:1d.0 {THREADS} {SECONDS} & first=$!
./stress 00:1e.0 {THREADS} {SECONDS} & second=$!
wait $first; echo "status $?"
wait $second; echo "status $?"
"""


class MortalMediator(threading.Thread):
    """Mediators one after the other, each killed after its LIFE."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder = folder
        self.over = threading.Event()
        self.deaths = 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()

    def run(self):
        while not self.over.is_set():
            host = Host(self.folder, config=UNLIMITED)
            self.over.wait(LIFE)
            host.stop(signal.SIGKILL)
            self.deaths += 1


@pytest.fixture(scope="module")
def stress(qemu_bin, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stress")
    sockets = folder / "sockets"
    sockets.mkdir()
    with MortalMediator(folder) as mediator:
        sections = boot(
            qemu_bin, folder / "job", JOB, ["tests/guest/stress"],
            *vgpu_stub(sockets / "0.sock", 0, "id=gpu0", "addr=0x1d"),
            *vgpu_stub(sockets / "1.sock", 1, "id=gpu1", "addr=0x1e"),
            timeout=SECONDS + 300)
    assert mediator.deaths > SECONDS // LIFE - 1
    return sections["stress"]


def test_every_request_ends_once_and_as_documented(stress):
    assert stress.count("status 0") == 2, stress
    reports = [dict(zip(words[::2], map(int, words[1::2])))
               for words in (line.split()[2:] for line in stress
                             if re.match("stress ", line))]
    print(*stress, sep="\n")
    assert len(reports) == 2, stress
    for report in reports:
        assert report["begun"] == report["ended"]
        assert report["wrong"] + report["undocumented"] + report["twice"] == 0
        # Else it has not been what this is about
        assert report["NONE"] > 0 and report["MEDIATOR_UNAVAILABLE"] > 0
