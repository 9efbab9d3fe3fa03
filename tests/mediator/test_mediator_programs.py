# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of guests, in real workers with PoCL: what they can reach."""
import json
import os
import struct
from pathlib import Path

import pytest

from support import abi, operations
from support.fake_device import FakeDevice
from support.mediatord import Mediatord
from support.paths import BUILD
from support.processes import wait_gone
from support.wait import wait_for

OK = abi.VGPU_STUB_ERR_NONE
UNSUPPORTED = abi.VGPU_STUB_ERR_UNSUPPORTED_OPERATION
BUILD_FAILED = abi.VGPU_STUB_ERR_BUILD_FAILED
BUFFER = abi.VGPU_STUB_ARG_BUFFER
NOBODY = 65534

CONFIG = ("[pool A]\nbackend=opencl\n[vm]\nguest-kernels=yes\nfaults=1000\n"
          "deadline-ms=60000\n")


class Guest:
    """A VM that brings programs, and one of its devices."""

    def __init__(self, folder, number=0):
        self.device = FakeDevice(folder / f"7-{number}.sock")

    def connect(self):
        self.peer = self.device.greet()
        self.peer.sock.settimeout(60)

    def call(self, payload):
        """Status, results and data"""
        return self.peer.call(payload)

    def store(self, data):
        status, results, why = self.call(operations.alloc(len(data)))
        assert status == OK, why
        handle, = struct.unpack("<Q", results)
        for at in range(0, len(data), 968):
            part = data[at:at + 968]
            status, _, why = self.call(operations.copy(
                abi.VGPU_STUB_COPY_TO_DEVICE, len(part), handle, at,
                data=part))
            assert status == OK, why
        return handle

    def load(self, handle, length):
        status, _, data = self.call(operations.copy(
            abi.VGPU_STUB_COPY_FROM_DEVICE, length, handle))
        assert status == OK, data
        return data

    def answer(self, source, *arguments, name=b"k", **options):
        """Status, results and data of the kernel, which runs once"""
        text = source if isinstance(source, bytes) else source.encode()
        program = self.store(text + b"\0")
        answer = self.call(operations.kernel(
            name, b"".join(operations.argument(*argument)
                           for argument in arguments),
            program=program, length=len(text), **options))
        self.call(operations.free(program))
        return answer

    def run(self, source, *arguments, **options):
        """Status and message of the kernel"""
        status, _, why = self.answer(source, *arguments, **options)
        return status, why.decode()


@pytest.fixture(scope="module")
def guest(tmp_path_factory):
    """One daemon with one worker for all tests"""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "mediatord.conf").write_text(CONFIG)
    guest = Guest(folder)
    with Mediatord(BUILD / "mediator/vgpu-mediatord", folder / "log",
                   "--config", folder / "mediatord.conf",
                   "--socket-dir", folder) as daemon:
        guest.daemon = daemon
        guest.connect()
        yield guest
        guest.device.close()


# --- What the compiler reads ---

SECRET = "secret_of_the_host"

# Ways to make a compiler read the file at PATH
READERS = {
    "include": '#include "PATH"\n',
    "angle brackets": "#include <PATH>\n",
    "backslash and CR": '#inc\\\r\nlude "PATH"\n',
    "backslash and LF": '#inc\\\nlude "PATH"\n',
    "trigraph": '#inc??/\nlude "PATH"\n',
    "digraph": '%:include "PATH"\n',
    "import": '#import "PATH"\n',
    "include_next": '#include_next "PATH"\n',
    "macro": '#define F "PATH"\n#include F\n',
    "way up": '#include "../../../../../../../../..PATH"\n',
    "embed": 'int x[] = {\n#embed "PATH"\n};\n',
    "assembler": '__asm__(".incbin \\"PATH\\"");\n',
    "assembler's include": '__asm__(".include \\"PATH\\"");\n',
    "pragma": '#pragma comment(lib, "PATH")\n#pragma GCC dependency "PATH"\n',
    "module": '#pragma clang module build x "PATH"\n',
}


@pytest.fixture(scope="module")
def secret(tmp_path_factory):
    """A file that everybody can read, with an error that names its words"""
    path = tmp_path_factory.mktemp("secret") / "secret"
    path.write_text(f"{SECRET} {SECRET};\n#define {SECRET}_READ\n")
    path.chmod(0o644)
    return path


@pytest.mark.parametrize("way", READERS)
def test_the_compiler_finds_no_file(guest, secret, way):
    directive = READERS[way].replace("PATH", str(secret))
    source = (f"{directive}"
              f"#ifdef {SECRET}_READ\n#error it was read\n#endif\n"
              "__kernel void k(__global char *a) { a[0] = 1; }\n")
    memory = guest.store(bytes(1))
    status, why = guest.run(source, (BUFFER, memory))
    assert f"{SECRET};" not in why and "was read" not in why, why
    assert status in (OK, BUILD_FAILED), why


@pytest.mark.parametrize("path", [
    "/etc/passwd", "/etc/hostname", "/proc/self/environ", "/proc/self/maps",
    "/proc/cpuinfo", "/sys/devices/system/cpu/online", "/dev/zero",
    "/usr/include/stdio.h", "/proc/self/root/etc/passwd",
    "/proc/self/cwd/../etc/passwd", "/proc/1/cmdline"])
def test_there_is_no_such_file(guest, path):
    source = (f"__kernel void k(__global int *a) {{\n"
              f'#if __has_include("{path}")\n    a[0] = 1;\n#else\n'
              "    a[0] = 2;\n#endif\n}\n")
    memory = guest.store(bytes(4))
    assert guest.run(source, (BUFFER, memory)) == (OK, "")
    assert guest.load(memory, 4) == struct.pack("<I", 2)


@pytest.mark.parametrize("text", [
    "/* This notice shall be included in all copies. */",
    "// an important import",
    "/* embedded */",
    "// C:\\include\\",
])
def test_words_are_not_judged(guest, text):
    memory = guest.store(bytes(4))
    assert guest.run(f"{text}\n\n__kernel void k(__global int *include) "
                     "{ *include = 5; }\n", (BUFFER, memory)) == (OK, "")
    assert guest.load(memory, 4) == struct.pack("<I", 5)


def test_a_header_of_its_own_is_not_needed(guest):
    """What PoCL itself reads is there: builtins, images, math."""
    source = """
        __kernel void k(__global float *a)
        {
            a[0] = native_exp(1.0f) + sin(a[0]) + pow(2.0f, 3.0f);
            a[1] = convert_float_rtz(fma(2.0, 3.0, 4.0));
            a[2] = dot((float4)(1), (float4)(2));
            if (get_global_id(0) == 0) { printf("%d\\n", 1); }
        }
        __kernel void i(read_only image2d_t in, sampler_t s,
                        __global float4 *out)
        { *out = read_imagef(in, s, (int2)(0, 0)); }
        """
    memory = guest.store(bytes(12))
    assert guest.run(source, (BUFFER, memory)) == (OK, "1\n")
    values = struct.unpack("<3f", guest.load(memory, 12))
    assert values == pytest.approx((2.71828 + 8, 10, 8), 1e-5)


# --- What code in the worker reaches ---

# x86-64's system calls, from the kernel, which is native code
CALLS = """
long sys(long n, long a, long b, long c)
{
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return r;
}
"""
OPEN, CHROOT, MKDIR, FCHDIR, OPENAT, CHMOD, UNLINK, CHDIR = (
    2, 161, 83, 81, 257, 90, 87, 80)


def native(guest, body, path=b""):
    """Four results of C in the worker, with `path` and its own `out`"""
    out, text = guest.store(bytes(32)), guest.store(path + b"\0")
    assert guest.run(
        CALLS + "__kernel void k(__global long *out, __global char *path) "
        f"{{ {body} }}", (BUFFER, out), (BUFFER, text)) == (OK, "")
    return struct.unpack("<4q", guest.load(out, 32))


@pytest.mark.parametrize("path", ["/etc/passwd", "/proc/self/maps", "/dev/null",
                                  "/root", "/home", "/var", "/run"])
def test_code_opens_no_file(guest, path):
    assert native(guest, f"out[0] = sys({OPEN}, (long)path, 0, 0);",
                  path.encode())[0] == -2      # ENOENT


def test_code_does_not_leave_its_root(guest):
    """The ways out of a chroot: another one, and open folders"""
    made, entered, up, _ = native(guest, f"""
        out[0] = sys({MKDIR}, (long)path, 0700, 0);
        out[1] = sys({CHROOT}, (long)path, 0, 0);
        for (int i = 0; i < 20; i++) {{ sys({CHDIR}, (long)"..", 0, 0); }}
        out[2] = sys({OPEN}, (long)"etc/passwd", 0, 0);
        """, b"/new")
    assert made < 0 and entered == -1 and up == -2
    reached, _, _, _ = native(guest, f"""
        out[0] = 0;
        for (long fd = 0; fd < 1024; fd++) {{
            if (sys({OPENAT}, fd, (long)path, 0) >= 0 ||
                (sys({FCHDIR}, fd, 0, 0) == 0 &&
                 sys({OPEN}, (long)path, 0, 0) >= 0)) {{ out[0]++; }}
        }}
        """, b"../../../../../../../../etc/passwd")
    assert reached == 0


def test_code_does_not_change_its_root(guest):
    """It is that of other workers, too, perhaps of the same user."""
    changed, written, removed, _ = native(guest, f"""
        out[0] = sys({CHMOD}, (long)path, 0666, 0);
        out[1] = sys({OPEN}, (long)path, 1, 0);
        out[2] = sys({UNLINK}, (long)path, 0, 0);
        """, b"/usr/bin/ld")
    assert changed == -1 and written == -13 and removed < 0


def test_a_worker_has_no_capability(guest):
    worker, = guest.daemon.workers()
    for task in Path(f"/proc/{worker}/task").iterdir():
        status = (task / "status").read_text()
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert f"{name}:\t0000000000000000\n" in status
    if os.geteuid() == 0:
        root = os.readlink(f"/proc/{worker}/root")
        assert root.startswith("/tmp/vgpu-workers-")
        assert os.readlink(f"/proc/{worker}/cwd").startswith(root)


# --- Files of an earlier daemon ---

def test_what_a_daemon_has_left_that_was_killed(mediatord_bin, tmp_path,
                                                open_folder):
    """Half of a copy is no copy, and workers' folders are no more."""
    sockets = tmp_path / "sockets"
    sockets.mkdir()
    config = tmp_path / "mediatord.conf"
    config.write_text(CONFIG)
    root = open_folder()
    linker = root / "files/usr/bin/ld"

    def run():
        guest = Guest(sockets)
        with Mediatord(BUILD / "mediator/vgpu-mediatord", tmp_path / "log",
                       "--config", config, "--socket-dir", sockets,
                       "--scratch-dir", root) as daemon:
            guest.connect()
            assert guest.run("__kernel void k(void) { }") == (OK, "")
            left = daemon.starter(), *daemon.workers()
            daemon.process.kill()
            daemon.process.wait()
        wait_gone(*left)        # They clear their folders.
        guest.device.close()
        guest.device.path.unlink()
    run()
    while linker.is_symlink():
        linker = linker.with_name(os.readlink(linker))
    whole = linker.read_bytes()
    linker.parent.chmod(0o755)
    linker.with_name(linker.name + ".part").write_bytes(whole[:4096])
    linker.with_name(linker.name + ".part").chmod(0o444)
    linker.chmod(0o755)
    linker.write_bytes(whole[:4096])
    left = root / "work/90"
    left.mkdir(mode=0o700)
    (left / "old").write_text("")
    run()
    assert linker.read_bytes() == whole
    assert not linker.with_name(linker.name + ".part").exists()
    wait_for(lambda: not left.exists(), "end of an old folder")


# --- What a program prints ---

# What an answer has room for
ROOM = abi.VGPU_STUB_BUF_SIZE - 32


def printing(statement):
    return f"__kernel void k(void) {{ {statement} }}"


def test_a_program_prints_for_its_guest(guest):
    """Every byte as it is, and nothing of it in the host's log"""
    logged = guest.daemon.log()
    assert guest.answer(printing(
        r'printf("<0>vgpu-mediatord: vm 8: forged\n\033[2J%d \xff\\\n", 7);'
    )) == (OK, b"", b"<0>vgpu-mediatord: vm 8: forged\n\033[2J7 \xff\\\n")
    assert guest.answer(printing("")) == (OK, b"", b"")
    assert guest.daemon.log() == logged


@pytest.mark.parametrize("length", [ROOM - 1, ROOM])
def test_output_fits(guest, length):
    assert guest.answer(printing(
        f'for (int i = 0; i < {length}; i++) {{ printf("%c", 97 + i % 26); }}'
    )) == (OK, b"", bytes(97 + i % 26 for i in range(length)))


def test_output_does_not_fit(guest):
    """The first of it comes, and how many bytes are missing."""
    assert guest.answer(printing(
        f'for (int i = 0; i <= {ROOM}; i++) {{ printf("%c", 97 + i % 26); }}'
    )) == (OK, struct.pack("<I", 5),
           bytes(97 + i % 26 for i in range(ROOM - 4)))


def test_output_without_end(guest):
    """21 MB: it neither waits for a reader nor is any of it left behind."""
    logged = guest.daemon.log()
    worker = guest.daemon.workers()
    status, results, data = guest.answer(printing(
        'for (int i = 0; i < 50; i++) { printf("%s\\n", "'
        + 99 * "x" + '"); }'), size=(4200, 1, 1), group=(1, 1, 1))
    assert (status, data) == (OK, (10 * (99 * b"x" + b"\n"))[:ROOM - 4])
    missing, = struct.unpack("<I", results)
    assert missing >= 32768
    assert guest.answer(printing("")) == (OK, b"", b"")
    assert guest.run(printing(r'printf("after");')) == (OK, "after")
    assert (guest.daemon.log(), guest.daemon.workers()) == (logged, worker)


def test_output_is_of_one_device(guest):
    """What one device's program leaves behind is no other's."""
    other = Guest(guest.device.path.parent, 1)
    other.connect()
    try:
        for n in range(5):
            first, second = f"first {n}\n", f"second {n}\n"
            long = printing(f'printf("{n}%100000d", 0);')
            assert guest.answer(long)[0] == OK
            assert other.answer(printing("")) == (OK, b"", b"")
            assert other.run(printing(f'printf("second {n}\\n");')) == \
                (OK, second)
            assert guest.run(printing(f'printf("first {n}\\n");')) == \
                (OK, first)
    finally:
        other.peer.close()
        other.device.close()


def test_code_that_writes_itself(guest):
    """Past the driver"""
    text = guest.store(b"by itself\n")
    source = CALLS + ("__kernel void k(__global char *text) "
                      "{ sys(1, 1, (long)text, 10); }")
    assert guest.run(source, (BUFFER, text)) == (OK, "by itself\n")


# --- Hosts that cannot close it ---

def test_a_driver_that_is_not_closed(start, tmp_path, admin, ctl):
    """Guests' programs are refused, and told why; the catalogue goes on."""
    worker = tmp_path / "worker"
    worker.write_text("#!/bin/sh\n"
                      'case "$*" in *--make-root*) echo no right >&2; exit 1;;'
                      f' esac\nexec {BUILD}/mediator/vgpu-worker "$@"\n')
    worker.chmod(0o755)
    sockets = tmp_path / "sockets"
    sockets.mkdir()
    config = tmp_path / "mediatord.conf"
    config.write_text(CONFIG)
    guest = Guest(sockets)
    daemon = start("--config", config, "--socket-dir", sockets,
                   "--admin-socket", admin, worker=worker)
    guest.connect()
    status, why = guest.run("__kernel void k(void) { }")
    assert status == UNSUPPORTED
    assert why == ("no VM's own programs run here: the host cannot keep its "
                   "files from them, and its log says why")
    daemon.wait_log("pool A: programs of VMs are refused, since the host "
                    "cannot keep its files from them: no right$")
    said = ("works: programs of VMs are refused, since the host cannot keep "
            "its files from them: no right")
    assert json.loads(ctl("--json", "status"))[0]["pool_A"] == said
    assert said in ctl("status")
    memory = [guest.store(struct.pack("<f", 1)) for _ in range(2)]
    status, _, why = guest.call(operations.kernel(
        b"reduce", operations.argument(BUFFER, memory[0]) +
        operations.argument(BUFFER, memory[1]) +
        operations.argument(abi.VGPU_STUB_ARG_U32, 1) * 2))
    assert (status, why) == (OK, b"")
    guest.device.close()
