# SPDX-License-Identifier: GPL-2.0-or-later
"""What sst-sim answers, whatever it is sent."""
import random
import re
import resource
import signal
import socket
import subprocess

import pytest

from processes import expect_end
from sst_sim import COMPUTE, ECHO, MEMORY, Client, config
from support import abi, sst
from support.wait import PATIENCE

START = abi.SST_DEVICE_CONTROL_START
BUSY = abi.SST_DEVICE_STATUS_BUSY


def test_every_size(start_sim, connect, wire):
    sim = start_sim(config(format=wire.name))
    memory = connect("memory0", wire)
    for size in (1, 2, 4, 8):
        value = 0x8877665544332211 & (1 << 8 * size) - 1
        memory.write(MEMORY + 8 * size, 0x8877665544332211, size)
        assert memory.read(MEMORY + 8 * size, size) == value
        assert memory.read(MEMORY + 8 * size, 8) == value
    row = sim.stop()["memory0"]
    assert (row["reads"], row["writes"]) == ("8", "4")
    assert row["bytes"] == str(4 * 8 + 2 * (1 + 2 + 4 + 8))


def test_operation_takes_its_time(start_sim, connect):
    sim = start_sim()
    compute = connect("compute0")
    compute.write(COMPUTE + abi.SST_DEVICE_REG_DATA_IN, 12)
    compute.write(COMPUTE + abi.SST_DEVICE_REG_CONTROL, START)
    polls = 0
    while compute.read(COMPUTE + abi.SST_DEVICE_REG_STATUS) & BUSY:
        polls += 1
    # 100 cycles, of which the write takes one and each poll another
    assert polls == 99
    assert compute.read(COMPUTE + abi.SST_DEVICE_REG_DATA_OUT) == 144
    assert sim.stop()["compute0"]["latency_cycles"] == str(2 + 99 + 2)


def test_latency(start_sim, connect):
    sim = start_sim()
    memory = connect("memory0")
    assert memory.access(False, MEMORY).latency == 4
    assert memory.access(True, MEMORY).latency == 4
    assert sim.stop()["memory0"]["latency_cycles"] == "8"


def test_link(start_sim, connect):
    sim = start_sim()
    compute, memory = connect("compute0"), connect("memory0")
    for number in (3, 1 << 31):
        compute.write(COMPUTE + abi.SST_DEVICE_REG_DATA_IN, number)
        compute.write(COMPUTE + abi.SST_DEVICE_REG_CONTROL, START)
        while compute.read(COMPUTE + abi.SST_DEVICE_REG_STATUS) & BUSY:
            pass
    while memory.read(MEMORY + 8, 8) == 0:
        pass
    assert memory.read(MEMORY, 8) == 9
    assert memory.read(MEMORY + 8, 8) == 1 << 62
    rows = sim.stop()
    assert rows["compute0"]["messages_sent"] == "2"
    assert rows["memory0"]["messages_received"] == "2"


def test_errors(start_sim, connect, wire):
    sim = start_sim(config(format=wire.name))
    echo = connect("echo0", wire)
    for address, size in ((ECHO + 0x10, 4), (ECHO + 0x0C, 8), (ECHO + 1, 2),
                          (COMPUTE, 4), (0, 1), (2**64 - 8, 8)):
        for write in (False, True):
            answer = echo.access(write, address, size, 1)
            assert not answer.ok and answer.data == 0
    echo.write(ECHO, 5)
    rows = sim.stop()
    assert rows["echo0"]["errors"] == "6"
    assert rows["-"]["errors"] == "6"
    assert rows["compute0"]["errors"] == "0"


def test_posted(start_sim, connect, wire):
    """Many requests before the first answer; the answers are in order."""
    sim = start_sim(config(format=wire.name))
    memory = connect("memory0", wire)
    memory.send(b"".join(
        memory.encode(True, MEMORY + 4 * n, 4, n) +
        memory.encode(False, MEMORY + 4 * n, 4) for n in range(1000)))
    for n in range(1000):
        assert memory.receive().ok
        assert memory.receive().data == n
    row = sim.stop()["memory0"]
    assert row["reads"] == row["writes"] == "1000"


def test_byte_by_byte(start_sim, connect, wire):
    start_sim(config(format=wire.name))
    memory = connect("memory0", wire)
    for byte in memory.encode(True, MEMORY, 8, 77):
        memory.send(bytes([byte]))
    assert memory.receive().ok
    assert memory.read(MEMORY) == 77


def test_who_does_not_read(start_sim, connect):
    """Nobody takes the answers: no memory grows, others are served."""
    sim = start_sim()
    echo, memory = connect("echo0"), connect("memory0")
    echo.sock.setblocking(False)
    request = echo.encode(False, ECHO + abi.SST_DEVICE_REG_STATUS, 4) * 1000
    sent = 0
    with pytest.raises(BlockingIOError):
        while True:
            sent += echo.sock.send(request[sent % 28:])
            memory.read(MEMORY)
    assert sent < 4 << 20
    echo.sock.settimeout(PATIENCE)
    for _ in range(sent // 28):
        assert echo.receive().ok
    memory.read(MEMORY)
    assert sim.stop()["echo0"]["reads"] == str(sent // 28)


def guide(magic=abi.SST_MMIO_REQUEST_MAGIC, kind=0, size=4):
    return sst.Guide.REQUEST.pack(magic, kind, ECHO, size, 0)


def acalsim(kind=0, size=4, reserved=0):
    return sst.Acalsim.REQUEST.pack(kind, size, reserved, ECHO, 0)


@pytest.mark.parametrize("wire, garbage", [
    (sst.Guide, guide(magic=abi.SST_MMIO_RESPONSE_MAGIC)),
    (sst.Guide, guide(magic=0)),
    (sst.Guide, guide(kind=2)),
    (sst.Guide, guide(kind=2**32 - 1)),
    (sst.Guide, guide(size=0)),
    (sst.Guide, guide(size=3)),
    (sst.Guide, guide(size=16)),
    (sst.Guide, guide(size=2**32 - 1)),
    (sst.Guide, b"GET / HTTP/1.1\r\nHost: sst-sim\r\n\r\n"),
    (sst.Acalsim, acalsim(kind=2)),
    (sst.Acalsim, acalsim(kind=255)),
    (sst.Acalsim, acalsim(size=0)),
    (sst.Acalsim, acalsim(size=5)),
    (sst.Acalsim, acalsim(size=128)),
    (sst.Acalsim, acalsim(reserved=1)),
], ids=str)
def test_garbage(start_sim, connect, wire, garbage):
    """It ends its own connection, after what came before it was answered."""
    sim = start_sim(config(format=wire.name))
    other, culprit = connect("echo0", wire), connect("echo0", wire)
    other.write(ECHO, 1)
    culprit.send(culprit.encode(False, ECHO, 4) + garbage)
    assert culprit.receive().data == 1
    culprit.expect_closed()
    assert other.read(ECHO) == 1
    assert connect("echo0", wire).read(ECHO) == 1
    assert "echo0.sock: connection ended: " in sim.log()


@pytest.mark.parametrize("kept", [0, 1, 27])
def test_vanishing_client(start_sim, connect, kept):
    sim = start_sim()
    other, culprit = connect("echo0"), connect("echo0")
    culprit.send(culprit.encode(False, ECHO, 4) +
                 culprit.encode(False, ECHO, 4)[:kept])
    culprit.sock.close()
    other.write(ECHO, 1)
    assert int(sim.stop()["echo0"]["writes"]) == 1


def test_random_bytes(start_sim, connect, wire):
    sim = start_sim(config(format=wire.name))
    rng = random.Random(7)
    for _ in range(300):
        client = connect("memory0", wire)
        request = bytearray(client.encode(
            rng.randrange(2), MEMORY + rng.randrange(4100),
            1 << rng.randrange(4), rng.getrandbits(64)) * 2)
        for _ in range(rng.randrange(3)):
            request[rng.randrange(len(request))] = rng.randrange(256)
        client.send(request[:rng.randrange(len(request) + 1)])
        client.sock.shutdown(socket.SHUT_WR)
        while client.sock.recv(4096):
            pass
    connect("memory0", wire).read(MEMORY)
    sim.stop()


def test_many_clients(start_sim, tmp_path):
    """N devices on one socket, and a connection for each"""
    count = 64
    devices = "".join(
        f"[device d{n}]\nmodel=memory\nsocket=all.sock\nclock=c\n"
        f"base={ECHO + n * 4096:#x}\n" for n in range(count))
    sim = start_sim(f"[clock c]\nfrequency=1GHz\n{devices}")
    clients = [Client(tmp_path / "all.sock", sst.Guide) for _ in range(count)]
    for n, client in enumerate(clients):
        client.send(client.encode(True, ECHO + n * 4096, 4, n))
    for client in clients:
        assert client.receive().ok
    for n in range(count):
        assert clients[-n].read(ECHO + n * 4096) == n
    rows = sim.stop()
    assert {rows[f"d{n}"]["writes"] for n in range(count)} == {"1"}
    for client in clients:
        client.sock.close()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_signals(start_sim, connect, tmp_path, signum):
    sim = start_sim()
    echo = connect("echo0")
    sim.stop(signum)
    echo.expect_closed()
    assert not list(tmp_path.glob("*.sock"))


def test_restart(start_sim, connect):
    """A socket that a killed simulator left is no obstacle; a used one is."""
    first = start_sim()
    second = start_sim(config(), "true")
    assert second.wait() == 1
    assert "another process listens on " in second.log()
    assert connect("echo0").read(ECHO) == 0
    first.kill()
    start_sim()
    assert connect("echo0").read(ECHO) == 0


def test_file_in_place_of_the_socket(start_sim, tmp_path):
    (tmp_path / "echo0.sock").write_text("precious")
    sim = start_sim(config(), "true")
    assert sim.wait() == 1
    assert "is there already and not a socket" in sim.log()
    assert (tmp_path / "echo0.sock").read_text() == "precious"


def test_only_the_user_may_connect(start_sim, tmp_path):
    start_sim()
    assert (tmp_path / "echo0.sock").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("script, status", [
    ("exit 0", 0), ("exit 3", 3), ("kill -KILL $$", 137)])
def test_command(start_sim, tmp_path, script, status):
    sim = start_sim(config(), "sh", "-c", f'echo "$@"; {script}', "-")
    assert sim.wait() == status
    assert (f"-device sst-device,id=memory0,socket={tmp_path}/memory0.sock,"
            "base=0x10400000,size=4096,format=guide") in sim.output()
    assert sim.statistics().keys() == {"echo0", "compute0", "memory0", "-"}


def test_command_is_not_there(start_sim):
    sim = start_sim(config(), "/no/such/qemu")
    assert sim.wait() == 1
    assert "/no/such/qemu" in sim.log()


def test_command_gets_the_signal(start_sim):
    sim = start_sim(config(), "sh", "-c", "echo begun >&2; exec sleep 60")
    sim.wait_log("begun")
    sim.process.terminate()
    assert sim.wait() == 128 + signal.SIGTERM


def test_command_dies_with_the_simulator(start_sim):
    """Also when that is killed."""
    sim = start_sim(config(), "sh", "-c", "echo pid $$. >&2; exec sleep 600")
    sim.wait_log(".")
    expect_end(int(re.search(r"pid (\d+)\.", sim.log()).group(1)), sim.kill)


def test_too_many_files(start_sim, connect, tmp_path):
    """Without a descriptor for one more connection, the others go on."""
    sim = start_sim()
    echo = connect("echo0")
    echo.read(ECHO)
    resource.prlimit(sim.process.pid, resource.RLIMIT_NOFILE, (16, 16))
    clients = [Client(tmp_path / "memory0.sock", sst.Guide)
               for _ in range(16)]
    assert echo.read(ECHO) == 0
    for client in clients:
        client.sock.close()
    assert connect("memory0").read(MEMORY) == 0


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_at_the_begin(sst_sim_bin, tmp_path, signum):
    """As soon as there is a socket's file; none is left."""
    conf = tmp_path / "test.conf"
    conf.write_text(config())
    with subprocess.Popen([sst_sim_bin, "--socket-dir", tmp_path, conf],
                          stderr=subprocess.DEVNULL) as sim:
        while not list(tmp_path.glob("*.sock")) and sim.poll() is None:
            pass
        sim.send_signal(signum)
        assert sim.wait(60) == 0
    assert not list(tmp_path.glob("*.sock"))
