# SPDX-License-Identifier: GPL-2.0-or-later
"""vgpu-stub-wrapper: what it knows, what it leaves alone, how it writes."""
import fcntl
import importlib.machinery
import importlib.util
import os
import re
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dom0_host import FAKE_WRAPPER, PATCH, TOOL
from support.wait import PATIENCE, wait_for

STOCK = FAKE_WRAPPER.read_bytes()
ANCHOR = b'    qemu_args += ["-vnc-clipboard-socket-fd", str(s1.fileno())]\n'
NEXT = b'    #qemu_args += ["-trace", "events=/root/trace"]\n'


def load_tool():
    loader = importlib.machinery.SourceFileLoader("vgpu_stub_wrapper",
                                                  str(TOOL))
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


class Wrapper:
    """A qemu-wrapper in a directory of its own."""

    def __init__(self, directory):
        self.directory = directory
        self.path = directory / "qemu-wrapper"
        self.path.write_bytes(STOCK)
        self.path.chmod(0o755)
        self.patch = PATCH

    def call(self, command, **kwargs):
        """Run the tool; returns (exit status, stdout, stderr)."""
        result = subprocess.run(
            [TOOL, command, "--wrapper", self.path, "--patch", self.patch],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            universal_newlines=True, **kwargs)
        return result.returncode, result.stdout, result.stderr

    def content(self):
        return self.path.read_bytes()

    def identity(self):
        """What changes when the file is written or replaced."""
        status = os.stat(self.path)
        return status.st_ino, status.st_mtime_ns, status.st_ctime_ns

    def assert_alone(self):
        assert os.listdir(self.directory) == ["qemu-wrapper"]


@pytest.fixture
def wrapper(as_root, tmp_path):
    (tmp_path / "bin").mkdir()
    return Wrapper(tmp_path / "bin")


def test_apply_and_revert(wrapper):
    path = wrapper.path
    assert wrapper.call("status") == (1, f"{path}: unpatched\n", "")
    assert wrapper.call("revert") == (0, f"{path}: already unpatched\n", "")
    assert wrapper.content() == STOCK
    assert wrapper.call("apply") == (0, f"{path}: now patched\n", "")
    patched = wrapper.content()
    assert b"import vgpu_stub_attach" in patched
    assert wrapper.call("status") == (0, f"{path}: patched\n", "")
    assert wrapper.call("apply") == (0, f"{path}: already patched\n", "")
    assert wrapper.content() == patched
    assert wrapper.call("revert") == (0, f"{path}: now unpatched\n", "")
    assert wrapper.content() == STOCK
    wrapper.assert_alone()


def test_what_is_so_already_is_not_written(wrapper):
    wrapper.call("apply")
    before = wrapper.identity()
    wrapper.call("apply")
    wrapper.call("status")
    assert wrapper.identity() == before


@pytest.mark.parametrize("mode", [0o755, 0o700, 0o511])
def test_mode_owner_time_and_attributes_stay(wrapper, mode):
    os.chown(wrapper.path, 1234, 5678)
    wrapper.path.chmod(mode)
    os.setxattr(wrapper.path, "user.label", b"as it was")
    os.utime(wrapper.path, (1234567890, 1234567890))
    for command in ("apply", "revert"):
        assert wrapper.call(command)[0] == 0
        status = os.stat(wrapper.path)
        assert status.st_mtime == 1234567890
        assert (status.st_uid, status.st_gid) == (1234, 5678)
        assert stat.S_IMODE(status.st_mode) == mode
        assert os.getxattr(wrapper.path, "user.label") == b"as it was"


def test_a_symbolic_link_stays_one(wrapper, tmp_path):
    real = wrapper.path
    wrapper.path = tmp_path / "link"
    wrapper.path.symlink_to(real)
    assert wrapper.call("apply")[0] == 0
    assert wrapper.path.is_symlink()
    assert b"vgpu_stub_attach" in real.read_bytes()


@pytest.mark.parametrize("command", ["apply", "revert", "status"])
@pytest.mark.parametrize("make", [
    os.mkfifo, os.mkdir,
    lambda path: os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))])
def test_what_is_not_a_file_is_left_alone(wrapper, command, make):
    """Nobody writes to this FIFO: who reads it waits."""
    wrapper.path.unlink()
    make(wrapper.path)
    before = wrapper.identity()
    assert wrapper.call(command, timeout=PATIENCE) == (
        2, "", f"vgpu-stub-wrapper: {wrapper.path} is unknown, nothing was "
               f"changed: {wrapper.path} is not a regular file\n")
    assert wrapper.identity() == before
    wrapper.assert_alone()


def test_a_patch_that_is_not_a_file(wrapper, tmp_path):
    wrapper.patch = tmp_path / "fifo"
    os.mkfifo(wrapper.patch)
    status, out, err = wrapper.call("apply", timeout=PATIENCE)
    assert (status, out) == (2, "")
    assert err.endswith(f"{wrapper.patch} is not a regular file\n")
    assert wrapper.content() == STOCK


OLDER_GUIDE = ANCHOR + b"""\
    extra = xenstore_read("/local/domain/%d/platform/device-model-args" % domid)
    if extra:
        qemu_args += extra.split()
"""
PUT_BACK = "; put the stock one back (yum reinstall xenopsd) and try again"
OR_UPDATE = PUT_BACK + ("; if this is the stock one, its release needs a newer "
                        "vgpu-stub-dom0")


def patched(content=STOCK):
    added = [line[1:] for line in PATCH.read_bytes().splitlines(keepends=True)
             if line.startswith(b"+") and not line.startswith(b"+++")]
    return content.replace(ANCHOR, ANCHOR + b"".join(added))


def number(line, content=STOCK):
    """Of that line in the file, as an editor counts."""
    return content[:content.index(line)].count(b"\n") + 1


AFTER_NEXT = STOCK.partition(NEXT)[2].decode().splitlines()[0]
LENGTH = len(STOCK.splitlines())
AT = number(ANCHOR)
TEXT = ascii(ANCHOR.decode().rstrip("\n"))
NEXT_TEXT = ascii(NEXT.decode().rstrip("\n"))
HOOK = patched().splitlines().index(b"        import vgpu_stub_attach") + 1
NO_SCRIPT = ("it is not a python3 script, as XCP-ng 8.3 and later have it: "
             "line 1 is ")
OTHER_HOOK = " is of another hook, or of one that was edited" + PUT_BACK
TWICE = ("the place of the hook is there more than once: unpatched in %s, "
         "patched in %s" + PUT_BACK)


def follows(text):
    return (f"the hook goes between line {AT} and {NEXT_TEXT}, but line "
            f"{AT + 1} is {text}" + OR_UPDATE)


def instead(text):
    return f"the hook goes after {TEXT}, {text}" + OR_UPDATE


UNKNOWN = {
    "empty": (b"", NO_SCRIPT + "''"),
    "binary": (bytes(range(10)) + bytes(range(11, 256)),
               NO_SCRIPT + ascii(bytes([*range(10), *range(11, 78)])
                                 .decode() + "...")),
    "python2": (STOCK.replace(b"python3", b"python"),
                NO_SCRIPT + "'#!/usr/bin/python'"),
    "no-interpreter": (STOCK.split(b"\n", 1)[1], NO_SCRIPT +
                       "'# SPDX-License-Identifier: GPL-2.0-or-later'"),
    "no-anchor": (STOCK.replace(ANCHOR, b""),
                  instead("and no line is like that")),
    "no-next-line": (STOCK.replace(NEXT, b""),
                     follows(ascii(AFTER_NEXT))),
    "nothing-after-it": (STOCK[:STOCK.index(NEXT)], follows("''")),
    "line-between": (STOCK.replace(ANCHOR, ANCHOR + b"    pass\n"),
                     follows("'    pass'")),
    "two-places": (STOCK.replace(ANCHOR, ANCHOR + NEXT + ANCHOR),
                   TWICE % (f"line {AT}, line {AT + 2}", "nowhere")),
    "commented-out": (
        STOCK.replace(ANCHOR, b"#" + ANCHOR),
        instead(f"but line {AT} is '#{TEXT[1:]}")),
    "other-indentation": (
        STOCK.replace(ANCHOR, b"    " + ANCHOR),
        instead(f"but line {AT} is '    {TEXT[1:]}")),
    "other-name": (
        STOCK.replace(b"str(s1.fileno())]", b"str(clip.fileno())]"),
        instead(f"but line {AT} is {TEXT.replace('s1', 'clip')}")),
    "crlf": (STOCK.replace(b"\n", b"\r\n"),
             "its lines end with CR LF" + OR_UPDATE),
    "patched-twice": (patched(patched()),
                      f"line {HOOK - 3}" + OTHER_HOOK),
    "patched-and-another-place": (
        patched() + ANCHOR + NEXT,
        TWICE % (f"line {LENGTH + 16}", f"line {AT}")),
    "another-hook": (
        patched().replace(b"os.fstat(fd)", b"pass"),
        f"line {HOOK - 3}" + OTHER_HOOK),
    "half-reverted": (
        patched().replace(b"import traceback\n", b""),
        f"line {HOOK - 3}" + OTHER_HOOK),
    "older-guide": (STOCK.replace(ANCHOR, OLDER_GUIDE),
                    f"line {AT + 1}" + OTHER_HOOK),
    "older-guide-elsewhere": (
        STOCK + b"# reads platform/device-model-args\n",
        f"line {LENGTH + 1}" + OTHER_HOOK),
}


@pytest.mark.parametrize("command", ["apply", "revert", "status"])
@pytest.mark.parametrize("content, reason", UNKNOWN.values(),
                         ids=list(UNKNOWN))
def test_an_unknown_wrapper_is_left_alone(wrapper, command, content, reason):
    wrapper.path.write_bytes(content)
    before = wrapper.identity()
    assert wrapper.call(command) == (
        2, "", f"vgpu-stub-wrapper: {wrapper.path} is unknown, "
               f"nothing was changed: {reason}\n")
    assert wrapper.content() == content
    assert wrapper.identity() == before
    wrapper.assert_alone()


PATCH_BYTES = PATCH.read_bytes()


@pytest.mark.parametrize("content, reason", [
    (b"", "has 0 hunks, not one"),
    (PATCH_BYTES[:PATCH_BYTES.index(b"+    try:")],
     "is cut short or damaged"),
    (PATCH_BYTES.replace(b"+        \" \".join(vgpu_args)\n", b""),
     "is cut short or damaged"),
    (PATCH_BYTES + PATCH_BYTES, "has 2 hunks, not one"),
])
def test_a_damaged_patch_is_not_applied(wrapper, tmp_path, content, reason):
    wrapper.patch = tmp_path / "some.patch"
    wrapper.patch.write_bytes(content)
    assert wrapper.call("apply") == (
        2, "", f"vgpu-stub-wrapper: {wrapper.path} is unknown, "
               f"nothing was changed: {wrapper.patch} {reason}\n")
    assert wrapper.content() == STOCK


@pytest.mark.parametrize("missing", ["path", "patch"])
def test_a_file_that_is_not_there(wrapper, tmp_path, missing):
    setattr(wrapper, missing, tmp_path / "nowhere" / "file")
    status, out, err = wrapper.call("apply")
    assert (status, out) == (3, "")
    assert err.startswith("vgpu-stub-wrapper: nothing was changed: [Errno 2] ")
    assert "nowhere" in err


def test_wrong_usage(wrapper):
    assert wrapper.call("patch")[0] == 2


@pytest.mark.parametrize("command", ["apply", "revert"])
def test_a_full_disk(wrapper, tmp_path, command):
    """On a file system that something else has filled."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk],
                   check=True)
    try:
        wrapper = Wrapper(disk)
        if command == "revert":
            wrapper.path.write_bytes(patched())
        before = wrapper.content()
        with open(disk / "filler", "wb", buffering=0) as filler:
            with pytest.raises(OSError):
                while True:
                    filler.write(bytes(4096))
        status, out, err = wrapper.call(command)
        assert (status, out) == (3, "")
        assert err == ("vgpu-stub-wrapper: nothing was changed: [Errno 28] "
                       "No space left on device\n")
        assert wrapper.content() == before
        (disk / "filler").unlink()
        wrapper.assert_alone()
        assert wrapper.call(command)[0] == 0
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_file_size_limit(wrapper):
    limit = (1000, 1000)
    status, _, err = wrapper.call("apply", preexec_fn=lambda:
                                  resource.setrlimit(resource.RLIMIT_FSIZE,
                                                     limit))
    assert status == 3
    assert "File too large" in err
    assert wrapper.content() == STOCK
    wrapper.assert_alone()


def killed_after(calls, tool, wrapper):
    """Run `apply` in a child that is killed when replace(), which does all
    the writing, has called or returned from that many functions; returns
    whether it came to that."""
    pid = os.fork()
    if pid == 0:
        count = 0

        def step(_frame, _event, _arg):
            nonlocal count
            count += 1
            if count > calls:
                os.kill(os.getpid(), signal.SIGKILL)

        replace = tool.replace

        def replace_stepwise(*args):
            sys.setprofile(step)
            replace(*args)
            sys.setprofile(None)

        tool.replace = replace_stepwise
        try:
            tool.run("apply", str(wrapper.path), str(wrapper.patch))
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def test_killed_anywhere(wrapper):
    """Before and after every call that it makes: old or new, never half."""
    tool = load_tool()
    calls = 0
    seen = set()
    while killed_after(calls, tool, wrapper):
        content = wrapper.content()
        assert content in (STOCK, patched()), calls
        seen.add(content)
        # What it may have left behind does not disturb the next run.
        assert not killed_after(sys.maxsize, tool, wrapper)
        assert wrapper.content() == patched()
        wrapper.path.write_bytes(STOCK)
        calls += 1
    assert seen == {STOCK, patched()}
    assert wrapper.content() == patched()


def test_two_at_a_time(wrapper):
    """One that finds the other at work waits for it."""
    directory = os.open(wrapper.directory, os.O_RDONLY)
    fcntl.flock(directory, fcntl.LOCK_EX)
    second = subprocess.Popen(
        [TOOL, "apply", "--wrapper", wrapper.path, "--patch", wrapper.patch],
        stdout=subprocess.DEVNULL)
    wait_for(lambda: re.search(rf"-> FLOCK .* {second.pid} ",
                               Path("/proc/locks").read_text()),
             "process that waits for the lock")
    assert wrapper.content() == STOCK
    os.close(directory)
    assert second.wait(60) == 0
    assert wrapper.content() == patched()
