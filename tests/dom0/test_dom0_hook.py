# SPDX-License-Identifier: GPL-2.0-or-later
"""qemu-wrapper.patch in a wrapper: the device gets to QEMU, and whatever goes
wrong, QEMU is started without it and the log says why."""
import json
import shutil
import subprocess

import pytest

from dom0_host import HERE, PATCH, STAND_IN, TOOL

FAKE_QEMU = HERE / "fake_qemu.py"
KEY = b"-device vgpu-stub,pool_id=B,priority=high,vm_id=200"


def start(dom0, module=None):
    """Run the wrapper for domain 7; returns its log and what QEMU saw."""
    output, _ = dom0.run_wrapper(7, FAKE_QEMU, "-m", "64",
                                 module=module).communicate(timeout=60)
    *log, qemu = output.decode().splitlines()
    return log, json.loads(qemu)


def without_device(qemu):
    return qemu == {"args": ["-xen-domid", "7", "-m", "64"], "listening": {}}


def test_the_patch_program_makes_what_the_tool_makes(tmp_path):
    by_patch, by_tool = tmp_path / "by-patch", tmp_path / "by-tool"
    for path in (by_patch, by_tool):
        shutil.copy(STAND_IN, path)
    subprocess.run(["patch", "--fuzz=0", "--silent", by_patch, PATCH],
                   check=True)
    subprocess.run([TOOL, "apply", "--wrapper", by_tool, "--patch", PATCH],
                   check=True, stdout=subprocess.DEVNULL)
    assert by_patch.read_bytes() == by_tool.read_bytes()
    compile(by_tool.read_bytes(), "wrapper", "exec")


def test_the_patch_is_small():
    added = [line for line in PATCH.read_text().splitlines()
             if line.startswith("+") and not line.startswith("+++")]
    assert len(added) <= 16


def test_the_device_reaches_qemu(dom0):
    dom0.start_domain(7, KEY)
    log, qemu = start(dom0)
    (fd, path), = qemu["listening"].items()
    assert path == str(dom0.run_dir / "7-0.sock")
    assert qemu["args"] == [
        "-xen-domid", "7", "-m", "64",
        "-chardev", f"socket,id=vgpu-link-0,fd={fd},server=on,wait=off",
        "-device", "vgpu-stub,id=vgpu-stub-0,pool_id=B,priority=high,"
                   "vm_id=200,addr=0x1e,chardev=vgpu-link-0"]
    assert log[0] == ("vgpu-stub: domain 7: adding "
                      + " ".join(qemu["args"][4:]))


def test_four_devices_reach_qemu(dom0):
    dom0.start_domain(7, b"-device vgpu-stub " * 4)
    _, qemu = start(dom0)
    assert sorted(qemu["listening"].values()) == [
        str(dom0.run_dir / f"7-{n}.sock") for n in range(4)]


def test_a_hostile_key(dom0):
    dom0.start_domain(7, KEY + b" -readconfig /etc/passwd")
    log, qemu = start(dom0)
    assert without_device(qemu)
    assert log[0] == ("vgpu-stub: domain 7: device-model-args refused: "
                      "'-readconfig': only -device is allowed")
    assert dom0.error(7).decode() == log[0]


def test_no_key(dom0):
    dom0.start_domain(7)
    log, qemu = start(dom0)
    assert without_device(qemu)
    assert not any("vgpu-stub:" in line for line in log)


def test_no_place_for_the_socket(dom0):
    dom0.start_domain(7, KEY)
    dom0.run_dir.write_text("in the way")
    log, qemu = start(dom0)
    assert without_device(qemu)
    assert log[0] == (f"vgpu-stub: domain 7: no device: no socket in "
                      f"{dom0.run_dir}: [Errno 17] File exists: "
                      f"'{dom0.run_dir}'")
    assert dom0.error(7).decode() == log[0]


ATTACH = "def attach(domid, xenstore, qemu_args):\n    "


@pytest.mark.parametrize("module, reason", [
    ("import no_such_module", "No module named 'no_such_module'"),
    ("def attach(:", "SyntaxError: "),
    ("", "has no attribute 'attach'"),
    ("def attach(): pass", "takes 0 positional arguments"),
    (ATTACH + "raise RuntimeError('of its own')", "RuntimeError: of its own"),
    (ATTACH + "raise RuntimeError('\\u00e9')", "RuntimeError: \\xe9"),
    (ATTACH + "raise OSError(28, 'No space')", "OSError: [Errno 28] No space"),
    (ATTACH + "raise SystemExit(0)", "SystemExit: 0"),
    (ATTACH + "return attach(domid, xenstore, qemu_args)", "RecursionError"),
    (ATTACH + "return None", "TypeError"),
    (ATTACH + "return 7", "TypeError"),
    (ATTACH + "return []", "ValueError"),
    (ATTACH + "return '-S', []", "TypeError"),
    (ATTACH + "return ('-S',), []", "TypeError"),
    (ATTACH + "return [None], []", "TypeError"),
    (ATTACH + "return [b'-S'], []", "TypeError"),
    (ATTACH + "return [['-S']], []", "TypeError"),
    (ATTACH + "return (arg for arg in ['-S']), []", "TypeError"),
    (ATTACH + "return ['-S'], None", "TypeError"),
    (ATTACH + "return ['-S'], 3", "TypeError"),
    (ATTACH + "return ['-S'], ['3']", "TypeError"),
    (ATTACH + "return ['-S'], [-1]", "OSError: [Errno 9]"),
    (ATTACH + "return ['-S'], [1000]", "OSError: [Errno 9]"),
    (ATTACH + "return ['-S'], (0,)", "TypeError"),
    (ATTACH + "return ['-S'], {0: 1}", "TypeError"),
])
def test_a_faulty_module(dom0, module, reason):
    dom0.start_domain(7, KEY)
    log, qemu = start(dom0, module)
    assert without_device(qemu)
    text = "\n".join(log)
    assert "Traceback (most recent call last):" in text
    assert reason in text
    assert "vgpu-stub: domain 7: no device: see the traceback" in log


@pytest.mark.parametrize("method", ["read", "write", "ls"])
def test_xenstore_fails(dom0, method):
    """As xen.lowlevel.xs does, with an exception that is not an OSError."""
    key = KEY if method != "write" else b"-device e1000"
    dom0.start_domain(7, key)
    module = dom0.module() + f"""
class Broken:
    def __init__(self, xenstore): self.xenstore = xenstore
    def __getattr__(self, name):
        if name == {method!r}: raise Exception(2, "connection lost")
        return getattr(self.xenstore, name)
real = attach
def attach(domid, xenstore, qemu_args):
    return real(domid, Broken(xenstore), qemu_args)
"""
    log, qemu = start(dom0, module)
    assert without_device(qemu)
    assert "Exception: (2, 'connection lost')" in log
