# SPDX-License-Identifier: GPL-2.0-or-later
"""qemu-wrapper.patch in a wrapper: the device gets to QEMU, and whatever goes
wrong, QEMU is started without it and the log says why."""
import json
import shutil
import subprocess

import pytest
import xenopsd_args

from dom0_host import FAKE_QEMU, FAKE_WRAPPER, PATCH, TOOL, socket_name

KEY = b"-device vgpu-stub,pool_id=B,priority=high,vm_id=200"


def start(dom0, module=None, qemu=FAKE_QEMU, args=("-m", "64"), text=None):
    """Run the wrapper for domain 7; returns the log after its first line, and
    what QEMU saw."""
    output, _ = dom0.run_wrapper(7, qemu, *args, module=module,
                                 text=text).communicate(timeout=60)
    _, *log, seen = output.decode().splitlines()
    return log, json.loads(seen)


def without_device(qemu):
    return qemu == {"args": ["-xen-domid", "7", "-m", "64"], "listening": {}}


def test_the_patch_program_makes_what_the_tool_makes(tmp_path):
    by_patch, by_tool = tmp_path / "by-patch", tmp_path / "by-tool"
    for path in (by_patch, by_tool):
        shutil.copy(FAKE_WRAPPER, path)
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
    assert path == str(dom0.run_dir / socket_name(7))
    assert qemu["args"] == [
        "-xen-domid", "7", "-m", "64",
        "-chardev", f"socket,id=vgpu-link-0,fd={fd},server=on,wait=off",
        "-device", "vgpu-stub,id=vgpu-stub-0,pool_id=B,priority=high,"
                   "vm_id=200,addr=0x1e,chardev=vgpu-link-0"]
    assert log[0] == ("vgpu-stub: domain 7: adding "
                      + " ".join(qemu["args"][4:]))


WRAPPERS = {
    "26.9.0": FAKE_WRAPPER.read_bytes(),
    "26.1.2": FAKE_WRAPPER.read_bytes().replace(
        b"get_qemu_major_version(qemu_dm)\n", b"0\n"),
}


@pytest.mark.parametrize("release", WRAPPERS)
@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_with_all_that_xenopsd_passes(dom0, firmware, release):
    assert len(set(WRAPPERS.values())) == len(WRAPPERS)
    args = xenopsd_args.of_guest(firmware, ["/dev/sm/a", "/dev/sm/b"])
    dom0.start_domain(7, KEY + b" -device vgpu-stub")
    _, qemu = start(dom0, args=args, text=WRAPPERS[release])
    assert "-uuid" not in qemu["args"]
    assert sorted(qemu["listening"].values()) == [
        str(dom0.run_dir / socket_name(7, n)) for n in range(2)]
    ours = [arg for arg in qemu["args"] if "vgpu" in arg]
    others = [arg for arg in qemu["args"] if "vgpu" not in arg]
    assert len(ours) == 4
    assert [arg for arg in ours if arg.startswith("vgpu-stub,")] == [
        "vgpu-stub,id=vgpu-stub-0,pool_id=B,priority=high,vm_id=200,"
        "addr=0x1e,chardev=vgpu-link-0",
        "vgpu-stub,id=vgpu-stub-1,addr=0x1d,chardev=vgpu-link-1"]
    # All else is as it is without the key.
    dom0.start_domain(8)
    plain, _ = dom0.run_wrapper(8, FAKE_QEMU, *args,
                                text=WRAPPERS[release]).communicate()
    plain = json.loads(plain.splitlines()[-1])["args"]
    for _ in range(2):
        others.remove("-chardev")
        others.reverse()
        others.remove("-device")
        others.reverse()
    assert [arg.replace("8", "7") for arg in plain] == [
        arg.replace("8", "7") for arg in others]


def test_four_devices_reach_qemu(dom0):
    dom0.start_domain(7, b"-device vgpu-stub " * 4)
    _, qemu = start(dom0)
    assert sorted(qemu["listening"].values()) == [
        str(dom0.run_dir / socket_name(7, n)) for n in range(4)]


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


ALONE = {"args": ["-xen-domid", "7", "-m", "64", "-device",
                  "vgpu-stub,id=vgpu-stub-0,pool_id=B,priority=high,"
                  "vm_id=200,addr=0x1e"], "listening": {}}


def test_no_place_for_the_socket(dom0):
    """The device is there all the same: a VM may be resumed that has one."""
    dom0.start_domain(7, KEY)
    dom0.run_dir.write_text("in the way")
    log, qemu = start(dom0)
    assert qemu == ALONE
    assert log[0] == (f"vgpu-stub: domain 7: no mediator: no socket in "
                      f"{dom0.run_dir}: [Errno 17] File exists: "
                      f"'{dom0.run_dir}'")
    assert dom0.error(7).decode() == log[0]


def test_a_qemu_without_the_device(dom0, tmp_path):
    stock = tmp_path / "qemu"
    stock.write_text(FAKE_QEMU.read_text().replace(
        'name "vgpu-stub", bus PCI', ""))
    stock.chmod(0o755)
    dom0.start_domain(7, KEY)
    log, qemu = start(dom0, qemu=stock)
    assert without_device(qemu)
    assert log[0] == (f"vgpu-stub: domain 7: no device: {stock} has no "
                      "vgpu-stub: install the package qemu that has it")
    assert dom0.error(7).decode() == log[0]


def test_a_qemu_that_does_not_say_what_it_has(dom0, tmp_path):
    """It is given the device: without it, a VM that is resumed is lost."""
    silent = tmp_path / "qemu"
    silent.write_text(FAKE_QEMU.read_text().replace("print('Misc", "0 and ('"))
    silent.chmod(0o755)
    dom0.start_domain(7, KEY)
    log, qemu = start(dom0, qemu=silent)
    assert len(qemu["listening"]) == 1
    assert log[0] == (f"vgpu-stub: domain 7: cannot tell whether {silent} has "
                      "the device: exit status 0, output b''")
    assert dom0.error(7) is None


ATTACH = "def attach(domid, xenstore, qemu, qemu_args):\n    "


@pytest.mark.parametrize("module, reason", [
    ("import no_such_module", "No module named 'no_such_module'"),
    ("def attach(:", "SyntaxError: "),
    ("", "has no attribute 'attach'"),
    ("def attach(): pass", "takes 0 positional arguments"),
    (ATTACH + "raise RuntimeError('of its own')", "RuntimeError: of its own"),
    (ATTACH + "raise RuntimeError('\\u00e9')", "RuntimeError: \\xe9"),
    (ATTACH + "raise OSError(28, 'No space')", "OSError: [Errno 28] No space"),
    (ATTACH + "raise SystemExit(0)", "SystemExit: 0"),
    (ATTACH + "return attach(domid, xenstore, qemu, qemu_args)",
     "RecursionError"),
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


def test_a_fault_of_ours_after_the_key_was_read(dom0):
    dom0.start_domain(7, KEY)
    log, qemu = start(dom0, dom0.module() + "def sweep(*args): 1 / 0\n")
    assert qemu == ALONE
    assert "Traceback (most recent call last):" in log
    error = dom0.error(7).decode()
    assert error in log
    assert error.endswith("ZeroDivisionError: division by zero")


XENSTORE_FAILS = """
class Broken:
    def __init__(self, xenstore): self.xenstore = xenstore
    def __getattr__(self, name):
        real = getattr(self.xenstore, name)
        def method(transaction, key, *args):
            if (name, key) == %r: raise Exception(2, "connection lost")
            return real(transaction, key, *args)
        return method
real = attach
def attach(domid, xenstore, qemu, qemu_args):
    return real(domid, Broken(xenstore), qemu, qemu_args)
"""


@pytest.mark.parametrize("method, key, what_qemu_sees", [
    ("read", "/local/domain/7/platform/device-model-args", without_device),
    ("read", "/local/domain/7/vm", ALONE.__eq__),
    ("ls", "/local/domain", ALONE.__eq__),
])
def test_xenstore_fails(dom0, method, key, what_qemu_sees):
    """As xen.lowlevel.xs does, with an exception that is not an OSError."""
    dom0.start_domain(7, KEY)
    log, qemu = start(dom0, dom0.module() + XENSTORE_FAILS % ((method, key),))
    assert what_qemu_sees(qemu)
    assert "Exception: (2, 'connection lost')" in log


def test_xenstore_takes_no_error(dom0):
    dom0.start_domain(7, b"-device e1000")
    log, qemu = start(dom0, dom0.module() + XENSTORE_FAILS % (
        ("write", "/local/domain/7/vgpu-stub/error"),))
    assert without_device(qemu)
    assert log[0].startswith("vgpu-stub: domain 7: device-model-args refused")
    assert ("vgpu-stub: domain 7: that cannot be written to XenStore: "
            "Exception: (2, 'connection lost')") in log
