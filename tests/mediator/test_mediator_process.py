# SPDX-License-Identifier: GPL-2.0-or-later
"""Options, signals and exit statuses."""
import re
import signal
import subprocess

import pytest

from support.mediatord import starter
from support.paths import ROOT
from support.wait import PATIENCE
from support.wire import Closed

TOO_LONG = "/" + "x" * 107


def run(binary, *args):
    return subprocess.run([binary, *args], timeout=PATIENCE, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_version(mediatord_bin):
    result = run(mediatord_bin, "--version")
    assert (result.returncode, result.stderr) == (0, "")
    version, = re.findall(r"^Version: *(.*)$",
                          (ROOT / "SPECS/vgpu-stub.spec").read_text(), re.M)
    assert result.stdout == f"vgpu-mediatord {version}\n"


def test_help(mediatord_bin):
    result = run(mediatord_bin, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    for word in ("--socket-dir=DIR", "/run/vgpu-stub", "--connect=PATH",
                 "--config=FILE", "--admin-socket=PATH", "--metrics-socket=PATH",
                 "--rrdd-file=PATH", "--state-dir=DIR", "--user=NAME",
                 "--starter=PATH", "/usr/libexec/vgpu-stub/vgpu-starter",
                 "--scratch-dir=DIR", "/var/lib/vgpu-worker", "--worker=PATH",
                 "/usr/libexec/vgpu-stub/vgpu-worker", "--kernels=DIR",
                 "/usr/share/vgpu-stub/kernels", "--version",
                 "Exit status"):
        assert word in result.stdout


@pytest.mark.parametrize("args, message", [
    (["--frob"], "Unknown option --frob (see --help)"),
    (["-x"], "Unknown option -x (see --help)"),
    (["frob"], "Unexpected argument frob (see --help)"),
    (["--connect", "a", "b"], "Unexpected argument b (see --help)"),
    (["--connect"], "Missing argument for --connect (see --help)"),
    (["--socket-dir"], "Missing argument for --socket-dir (see --help)"),
    (["--connect", ""],
     "--connect: socket path '' has 0 bytes, 1 to 107 are allowed"),
    (["--connect", TOO_LONG],
     f"--connect: socket path '{TOO_LONG}' has 108 bytes, "
     "1 to 107 are allowed"),
    (["--connect", "good.sock", "--connect", TOO_LONG],
     f"--connect: socket path '{TOO_LONG}' has 108 bytes, "
     "1 to 107 are allowed"),
])
def test_bad_options(mediatord_bin, args, message):
    result = run(mediatord_bin, *starter(mediatord_bin),
                 "--worker=/bin/true", *args)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"vgpu-mediatord: {message}\n"


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it(daemon, device, signum):
    connected, greeted = device.accept(), None
    connected.close()
    greeted = device.greet()
    assert daemon.stop(signum) == 0
    with pytest.raises(Closed):
        greeted.receive()


def test_signal_without_any_device(start, tmp_path):
    daemon = start("--socket-dir", tmp_path / "absent")
    daemon.wait_log("absent")
    assert daemon.stop() == 0


def test_a_backend_that_dies_without_a_word(start, device):
    daemon = start("--connect", device.path, worker="/bin/false")
    assert daemon.wait_log("exit status 1$")
    # What needs no backend is answered.
    device.greet().close()
