# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine with sst-devices is saved to a file and loaded by another QEMU."""
import time

from support import abi, sst
from support.sst import BASE, Device

ONES = 0xffffffff
COUNTERS = ("reads", "writes", "bytes", "errors", "latency-cycles")


def start(start_sst_qemu, sim_path, properties, *args):
    return Device(start_sst_qemu(
        "-chardev", f"socket,id=s0,path={sim_path},reconnect=1",
        "-device", f"sst-device,id=sst0,chardev=s0,{properties}", *args))


def load(start_sst_qemu, sim_path, properties, path):
    device = start(start_sst_qemu, sim_path, properties, "-S",
                   "-incoming", f"exec:cat {path}")
    device.qemu.wait_loaded()
    return device


def test_counters_and_access_go_on(start_sst_qemu, sim_path, tmp_path):
    memory = sst.Memory(latency=10)
    with sst.Listener(sim_path, reply=memory):
        device = start(start_sst_qemu, sim_path, "posted-writes=off")
        device.wait_connected()
        device.write(0x1234)
        device.read(0, 2)
        device.qemu.save(tmp_path / "state")
        before = {name: device.get(name) for name in COUNTERS}
        assert before["latency-cycles"] == 20
        device.qemu.quit()

        restored = load(start_sst_qemu, sim_path, "posted-writes=off",
                        tmp_path / "state")
        assert {name: restored.get(name) for name in COUNTERS} == before
        restored.wait_connected()
        assert restored.read() == 0x1234


def test_posted_writes_are_answered_before_the_state_is_saved(
        start_sst_qemu, sim_path, tmp_path):
    def slow_refusal(sim, request):
        time.sleep(0.1)
        return sim.wire.answer(7, ok=not request.write)

    with sst.Listener(sim_path, reply=slow_refusal):
        device = start(start_sst_qemu, sim_path, "posted-writes=on")
        device.wait_connected()
        for _ in range(5):
            device.write(1)
        device.qemu.save(tmp_path / "state")
        assert device.get("errors") == 5
        device.qemu.quit()

        restored = load(start_sst_qemu, sim_path, "posted-writes=on",
                        tmp_path / "state")
        restored.wait_connected()
        assert restored.get("errors") == 5
        assert restored.read() == ONES
        assert restored.read() == 7


def test_a_silent_simulator_does_not_stop_it(start_sst_qemu, sim_path,
                                             tmp_path):
    with sst.Listener(sim_path, reply=lambda *_: None):
        device = start(start_sst_qemu, sim_path,
                       "posted-writes=on,timeout-ms=200")
        device.wait_connected()
        device.write(1)
        device.qemu.save(tmp_path / "state")
        assert device.get("errors") == 1


def test_the_place_says_which_device_it_is(start_sst_qemu, tmp_path):
    """Two devices in the other order on the command line."""
    def arguments(numbers):
        for number in numbers:
            yield from (
                "-chardev", f"socket,id=s{number},path={tmp_path}/{number},"
                            "reconnect=1",
                "-device", f"sst-device,id=sst{number},chardev=s{number},"
                           f"base={BASE + number * abi.SST_DEVICE_STRIDE:#x}")

    qemu = start_sst_qemu(*arguments((0, 1)))
    Device(qemu, "sst0").read()
    qemu.save(tmp_path / "state")
    qemu.quit()
    restored = start_sst_qemu(*arguments((1, 0)), "-S", "-incoming",
                              f"exec:cat {tmp_path}/state")
    restored.wait_loaded()
    assert Device(restored, "sst0").get("reads") == 1
    assert Device(restored, "sst1").get("reads") == 0
