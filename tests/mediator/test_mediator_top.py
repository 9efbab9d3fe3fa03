# SPDX-License-Identifier: GPL-2.0-or-later
"""vgpu-ctl top, on a terminal and elsewhere."""
import json
import os
import pty
import select
import signal
import subprocess
import termios
import time

import pytest

from support.fake_device import FakeDevice
from support.operations import synchronize
from support.wait import PATIENCE, wait_for

COLUMNS = ["vm", "requests/s", "failed/s", "device%",
           "waiting", "running", "quarantined_s"]


@pytest.fixture
def peers(start, admin, sockets, ctl):
    """Connections of the domains 7 and 8."""
    devices = [FakeDevice(sockets / f"{domid}-0.sock") for domid in (7, 8)]
    start("--admin-socket", admin, "--socket-dir", sockets)
    return [device.greet() for device in devices]


def popen(mediatord_bin, admin, *args, **kwargs):
    return subprocess.Popen([mediatord_bin.with_name("vgpu-ctl"), "--socket",
                             admin, *args], text=True, **kwargs)


def test_tables(peers, mediatord_bin, admin):
    """A VM's work shows, and it stands first."""
    def shows():
        process = popen(mediatord_bin, admin, "top", "1", "2",
                        stdout=subprocess.PIPE)
        while process.poll() is None:
            peers[1].ask(synchronize(), 50)
            time.sleep(0.05)
        assert process.returncode == 0
        with process.stdout:
            output = process.stdout.read()
        tables = [[line.split() for line in table.splitlines()]
                  for table in output.split("\n\n") if table]
        assert len(tables) == 2
        assert all(table[0] == COLUMNS and len(table) == 3
                   for table in tables)
        first, second = tables[1][1:]
        assert [row[1] for row in (first, second) if row[0] == "7"] == ["0.0"]
        return first[0] == "8" and float(first[1]) > 0

    # In a second in which this stands still there is no work.
    wait_for(shows, "work in the last second")


def test_json(peers, ctl):
    text = ctl("top", "--json", "1", "1")
    rows = json.loads(text)
    assert [row["vm"] for row in rows] == ["7", "8"]
    assert all(set(row) == set(COLUMNS) for row in rows)


@pytest.mark.parametrize("args, message", [
    (["0"], "SECONDS is '0', 1 to 3600 is allowed"),
    (["3601"], "SECONDS is '3601', 1 to 3600 is allowed"),
    (["x"], "SECONDS is 'x', 1 to 3600 is allowed"),
    (["1", "0"], "COUNT is '0', 1 to 2147483647 is allowed"),
    (["1", "2", "3"], "it has to be: top [SECONDS [COUNT]]"),
])
def test_bad_arguments(mediatord_bin, admin, args, message):
    process = popen(mediatord_bin, admin, "top", *args,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.communicate(timeout=PATIENCE) == \
        ("", f"vgpu-ctl: {message} (see --help)\n")
    assert process.returncode == 2


def test_no_daemon(ctl, admin):
    assert ctl.fails("top").startswith(f"vgpu-ctl: {admin}: ")


class Terminal:
    """vgpu-ctl top on a terminal of its own."""

    def __init__(self, mediatord_bin, admin):
        self.master, slave = pty.openpty()
        self.slave = slave
        self.before = termios.tcgetattr(slave)
        self.output = ""
        self.process = popen(mediatord_bin, admin, "top", "1", stdin=slave,
                             stdout=slave, stderr=slave,
                             start_new_session=True)

    def read_until(self, text):
        deadline = time.monotonic() + PATIENCE
        while text not in self.output:
            assert time.monotonic() < deadline, self.output
            if select.select([self.master], [], [], 0.1)[0]:
                self.output += os.read(self.master, 65536).decode()

    def close(self):
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal(peers, mediatord_bin, admin):
    terminal = Terminal(mediatord_bin, admin)
    yield terminal
    terminal.close()


@pytest.mark.parametrize("how", ["q", "\x03", signal.SIGTERM, signal.SIGINT])
def test_terminal(terminal, how):
    """It is refreshed in place, and left as it was."""
    terminal.read_until("q quits")
    assert termios.tcgetattr(terminal.slave) != terminal.before
    terminal.output = ""
    terminal.read_until("q quits")
    assert "\x1b[H" in terminal.output
    assert all(word in terminal.output for word in ["serving", *COLUMNS])
    if isinstance(how, str):
        os.write(terminal.master, how.encode())
    else:
        terminal.process.send_signal(how)
    terminal.read_until("\x1b[?1049l")
    assert terminal.process.wait(timeout=PATIENCE) == 0
    assert termios.tcgetattr(terminal.slave) == terminal.before


def test_the_daemon_goes(terminal, ctl):
    terminal.read_until("q quits")
    ctl("drain")
    terminal.read_until("\x1b[?1049l")
    assert terminal.process.wait(timeout=PATIENCE) == 1
    assert termios.tcgetattr(terminal.slave) == terminal.before
    terminal.read_until("vgpu-ctl: ")
