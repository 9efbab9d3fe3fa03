# SPDX-License-Identifier: GPL-2.0-or-later
"""The library's queue and its ways to wait, in a real guest."""
import re

import pytest

from support.guest import boot, vgpu_stub
from support.scripted_mediator import ScriptedMediator

SLOW_CALLS = 20

pytestmark = pytest.mark.strictest_qemu

# The first time the device's driver is that of nobody. The second time an
# outcome of the first, which nobody was interrupted for, is still in it.
JOB = f"""\
interrupts() {{ awk '/uio_pci_generic/ {{ print $2 }}' /proc/interrupts; }}

echo "== polling"; ./queue-test polling; echo "status $?"
echo "== opened-polling"; ./opened-test; echo "status $?"
modprobe uio_pci_generic
echo 1af4 1111 >/sys/bus/pci/drivers/uio_pci_generic/new_id
echo "== slow"; ./slow-calls {SLOW_CALLS} 20; echo "status $?"; interrupts
echo "== interrupts"; ./queue-test interrupts; echo "status $?"
echo "== opened-interrupts"; ./opened-test; echo "status $?"
echo "== unbound"; ./slow-calls 1 3000 & calls=$!
until [ "$(./vgpu-stub watch --count 1 | grep -c BUSY)" = 1 ]; do :; done
sleep 1
echo 0000:00:02.0 >/sys/bus/pci/drivers/uio_pci_generic/unbind
wait $calls; echo "status $?"
"""


@pytest.fixture(scope="module")
def sections(qemu_bin, tmp_path_factory):
    directory = tmp_path_factory.mktemp("queue")
    with ScriptedMediator(directory / "link.sock") as mediator:
        sections = boot(
            qemu_bin, directory / "job", JOB,
            ["tests/guest/queue-test", "tests/guest/opened-test",
             "tests/guest/slow-calls", "guest-tools/vgpu-stub"],
            *vgpu_stub(directory / "link.sock", 0, "addr=0x2"))
    sections["mediator"] = mediator
    return sections


@pytest.mark.parametrize("how", ["polling", "opened-polling", "interrupts",
                                 "opened-interrupts"])
def test_queue(sections, how):
    lines = sections[how]
    assert [line for line in lines if line.startswith("not ok")] == [], lines
    assert lines[-1] == "status 0", lines


def test_a_slow_request_is_waited_for_by_interrupt(sections):
    done, status, count = sections["slow"]
    assert re.fullmatch(rf"slow-calls: {SLOW_CALLS} done, \d+ sleeps", done)
    assert status == "status 0"
    # One whose answer was there at the first look has none.
    assert int(count) >= SLOW_CALLS // 2


def test_a_driver_that_is_unbound_meanwhile(sections):
    """The library goes on to look, with sleeps between: it does not spin."""
    done, status = sections["unbound"][-2:]
    sleeps, = re.fullmatch(r"slow-calls: 1 done, (\d+) sleeps", done).groups()
    assert status == "status 0"
    assert int(sleeps) > 100


def test_the_mediator_hears_of_what_is_not_wanted_any_more(sections):
    assert sections["mediator"].cancelled > 0
