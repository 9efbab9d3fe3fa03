# SPDX-License-Identifier: GPL-2.0-or-later
"""--config and SIGHUP; what a file may say is tested in unit/test-config.c."""
import re
import signal
import subprocess

import pytest

from support import abi, wire
from support.fake_device import FakeDevice
from support.operations import nop
from support.paths import ROOT
from support.wait import PATIENCE, wait_for

OK = abi.VGPU_STUB_ERR_NONE
LIMITED = abi.VGPU_STUB_ERR_RATE_LIMITED


@pytest.fixture
def config(tmp_path):
    return tmp_path / "mediatord.conf"


def ask(peer):
    """The answers to 200 NOPs that are sent in one piece."""
    return peer.ask(nop(), 200)


def admitted(peer):
    """How many of 200 requests were, where the others are RATE_LIMITED."""
    statuses = [answer.status for answer in ask(peer)]
    assert set(statuses) <= {OK, LIMITED}
    return statuses.count(OK)


def check_limited(peer):
    """To 1 per s: 200 would take more time than a peer waits."""
    assert admitted(peer) < 100


def test_refusals_tell_the_guest_why(start, device, config):
    config.write_text("[vm]\nrate=1\nburst=1\n")
    start("--config", config, "--connect", device.path)
    with device.greet() as peer:
        refused = [answer for answer in ask(peer) if answer.status]
    assert refused
    for answer in refused:
        assert answer.status == LIMITED
        assert wire.RESPONSE.unpack_from(answer.payload)[1] == LIMITED
        assert answer.payload[wire.RESPONSE.size:] == \
            b"too many requests of this VM in too short a time"


def test_devices_of_a_vm_share_its_limits(start, tmp_path, config):
    """Whatever they say that they are; another VM has its own."""
    config.write_text("[vm web]\nrate=1\nburst=1\n")
    devices = [FakeDevice(tmp_path / name)
               for name in ("web-0.sock", "web-1.sock", "db-0.sock")]
    start("--config", config, "--socket-dir", tmp_path)
    first, second, other = (
        device.greet(vm_id=vm_id, vm_uuid=bytes([vm_id]) * 16)
        for device, vm_id in zip(devices, (8, 9, 7)))
    check_limited(first)
    check_limited(second)
    assert admitted(other) == 200


def test_reload(start, device, config):
    """New limits hold at once, on the connection that is there."""
    config.write_text("[vm]\nrate=1\nburst=1\n")
    daemon = start("--config", config, "--connect", device.path)
    with device.greet() as peer:
        check_limited(peer)
        config.write_text("[vm]\nrate=1000000\nburst=1000\n")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_log(f"^vgpu-mediatord: {re.escape(str(config))}: loaded$")
        # At 1 µs each it has some at once, and all of them soon.
        wait_for(lambda: admitted(peer) == 200, "the new rate")


@pytest.mark.parametrize("text, reason", [
    ("[vm]\nrate=1\nburst=0\n",
     ":3: [vm] burst is '0', 1 to 1000000 is allowed"),
    ("[vm]\nrate=1\nburst=1\n[disk]\n",
     ":4: [disk] is not known, there are [classes], [log], [workers], "
     "[queue], [pool A], [pool B], [vm] and [vm NAME]"),
    (None, ": No such file or directory"),
])
def test_bad_reload_changes_nothing(start, device, config, text, reason):
    config.write_text("")
    daemon = start("--config", config, "--connect", device.path)
    with device.greet() as peer:
        if text is None:
            config.unlink()
        else:
            config.write_text(text)
        daemon.process.send_signal(signal.SIGHUP)
        line, = daemon.wait_log("stays as it was")
        assert line == ("vgpu-mediatord: warning: the configuration stays as "
                        f"it was: {config}{reason}")
        assert admitted(peer) == 200
        # And the next good one is taken.
        config.write_text("[vm]\nrate=1\nburst=1\n")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_log("loaded$")
        check_limited(peer)


def test_nothing_to_reload(daemon, peer):
    daemon.process.send_signal(signal.SIGHUP)
    line, = daemon.wait_log("nothing to reload:")
    assert line == ("vgpu-mediatord: warning: nothing to reload: "
                    "there is no --config")
    assert admitted(peer) == 200


@pytest.mark.parametrize("text, reason", [
    (None, ": No such file or directory"),
    ("[vm]\nweight=0\n", ":2: [vm] weight is '0', 1 to 10000 is allowed"),
])
def test_start_with_a_bad_file(mediatord_bin, config, text, reason):
    if text is not None:
        config.write_text(text)
    result = subprocess.run([mediatord_bin, "--config", config],
                            timeout=PATIENCE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"vgpu-mediatord: --config: {config}{reason}\n"


def test_more_memory_than_the_host_has(start, device, config):
    """It is said at the start and at a reload, with the lines."""
    large = "[pool A]\nworkers=1024\n[vm]\nmemory-mib=1048576\n"
    small = ("[pool A]\nworkers=1\n[pool B]\nbackend=none\n"
             "[vm]\nmemory-mib=1\n")
    config.write_text(large)
    daemon = start("--config", config, "--connect", device.path)
    pattern = (r"MiB of this host's \d+ MiB: \[pool A\] workers=1024 in line "
               r"2; .*; \[vm\] memory-mib=1048576 in line 4$")
    device.greet()
    for text, count in (small, 1), (large, 2):
        assert len(daemon.wait_log(pattern)) == 1
        config.write_text(text)
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(daemon.wait_log("loaded$")) == count, "reload")
    assert len(daemon.wait_log(pattern)) == 2


def numbers():
    """(group, key, what mediatord.conf says before it) of its numbers"""
    group, said = None, ""
    for line in (ROOT / "SOURCES/mediatord.conf").read_text().splitlines():
        setting = re.match(r"#([a-z-]+)=(.*)$", line)
        if re.match(r"#?\[", line):
            group = line.strip("#")
        elif setting and group != "[pool B]" and \
                not group.startswith("[vm "):
            if setting[2].isdigit():
                yield group, setting[1], said
        elif line.startswith("# "):
            said += line[1:]
        else:
            said = ""


@pytest.mark.parametrize("group, key, said", [
    pytest.param(*number, id=number[1]) for number in numbers()])
def test_the_documents_have_the_ranges(mediatord_bin, config, group, key,
                                       said):
    config.write_text(f"{group}\n{key}=x\n")
    result = subprocess.run([mediatord_bin, "--config", config],
                            timeout=PATIENCE, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)
    known, = re.findall(r" is 'x', (\d+ to \d+) is allowed", result.stderr)
    page = (ROOT / "docs/man/mediatord.conf.5").read_text()
    entry, = re.findall(rf"^\.B {key}=.*\n((?:(?!\.TP).*\n)*)", page,
                        re.MULTILINE)
    assert known + "." in entry
    assert known in said
