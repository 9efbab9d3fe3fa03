# SPDX-License-Identifier: GPL-2.0-or-later
"""A QEMU whose guest is the test itself (qtest), with its QMP monitor."""
import json
import os
import socket
import subprocess

from support.wait import PATIENCE, wait_for

# A QEMU with sanitizers is to stop at what it finds, not to print and go on.
ENVIRONMENT = {**os.environ, "UBSAN_OPTIONS": "halt_on_error=1"}

FIRMWARE = ["-L", "/usr/share/seabios", "-L", "/usr/share/qemu"]


def run(binary, *args, machine="pc"):
    """Run a QEMU that is to end by itself; what it says is in .stdout."""
    return subprocess.run(
        [binary, "-machine", machine, "-accel", "qtest", "-nodefaults",
         "-display", "none", "-m", "32", *FIRMWARE, *map(str, args)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=PATIENCE, text=True, env=ENVIRONMENT)


class Lines:
    """A socket to QEMU, read line by line, with a limit on every wait."""

    def __init__(self, listener):
        self.sock, _ = listener.accept()
        self.sock.settimeout(PATIENCE)
        self.file = self.sock.makefile("r", encoding="utf-8")

    def write(self, line):
        self.sock.sendall(line.encode() + b"\n")

    def read(self):
        line = self.file.readline()
        if not line:
            raise EOFError("QEMU has closed the connection")
        return line.rstrip("\n")


def listen(path):
    """A socket to which a QEMU that is about to start connects"""
    listener = socket.socket(socket.AF_UNIX)
    listener.settimeout(PATIENCE)
    listener.bind(str(path))
    listener.listen(1)
    return listener


class Monitor:
    """A QEMU's QMP monitor, as soon as QEMU has connected to the listener"""

    def __init__(self, listener):
        self._lines = Lines(listener)
        self._lines.read()
        self("qmp_capabilities")

    def __call__(self, command, **arguments):
        """The command's return value; an error raises RuntimeError."""
        self._lines.write(json.dumps({"execute": command,
                                      "arguments": arguments}))
        while True:
            answer = json.loads(self._lines.read())
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise RuntimeError(answer["error"]["desc"])

    def wait_for_event(self, name):
        """Until QEMU says so, as long as that takes. EOFError: it has ended."""
        self._lines.sock.settimeout(None)
        while json.loads(self._lines.read()).get("event") != name:
            pass
        self._lines.sock.settimeout(PATIENCE)

    def save(self, path):
        """Stop the machine and save its state into the file."""
        self("migrate", uri=f"exec:cat > {path}.part && mv {path}.part {path}")

        def completed():
            status = self("query-migrate")
            assert status.get("status") != "failed", status
            return status.get("status") == "completed"

        wait_for(completed, "end of the migration")
        # It is said to be complete before the last of it is in the file.
        wait_for(path.exists, f"{path}")

    def close(self):
        self._lines.sock.close()


class Qemu:
    """One process; stops with the `with` block. Its stderr is in log()."""

    def __init__(self, binary, tmp_path, *args, machine="pc", accel="qtest",
                 name="qemu"):
        self.log_path = tmp_path / f"{name}.log"
        listeners = {kind: listen(tmp_path / f"{name}.{kind}")
                     for kind in ("qtest", "qmp")}
        command = [str(binary), "-machine", machine, "-accel", accel,
                   "-nodefaults", "-display", "none", "-m", "32", *FIRMWARE,
                   "-qtest", f"unix:{tmp_path}/{name}.qtest",
                   "-qtest-log", "none",
                   "-qmp", f"unix:{tmp_path}/{name}.qmp", *map(str, args)]
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log,
                                            env=ENVIRONMENT)
        try:
            self._qtest = Lines(listeners["qtest"])
            self.qmp = Monitor(listeners["qmp"])
        except (socket.timeout, OSError, EOFError) as error:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"QEMU did not start: {self.log()}") from error
        finally:
            for kind, listener in listeners.items():
                listener.close()
                (tmp_path / f"{name}.{kind}").unlink()
        self.irqs = {}
        self._posted = 0        # answers that nobody waited for

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._qtest.sock.close()
        self.qmp.close()
        if self.process.poll() is None:
            self.process.terminate()
        # A sanitizer's report would come at the end, with a status of its own.
        status = self.process.wait(PATIENCE)
        assert status == 0, f"QEMU ended with status {status}: {self.log()}"

    def log(self):
        return self.log_path.read_text(errors="replace")

    # The monitor

    def hmp(self, command):
        return self.qmp("human-monitor-command", **{"command-line": command})

    def save(self, path):
        """Stop the machine and save its state into the file."""
        self.qmp.save(path)

    def quit(self):
        """Return when it has ended: until then it may remove the sockets that
        it listened on, and take its successor's for them."""
        self.qmp("quit")
        self.process.wait(PATIENCE)

    def wait_loaded(self):
        """Return when a QEMU that was started with -incoming has its state."""
        wait_for(lambda: self.qmp("query-status")["status"] != "inmigrate",
                 "end of the load")

    # The guest's side

    def _command(self, line):
        self._qtest.write(line)
        while True:
            answer = self._qtest.read().split()
            if answer[0] == "IRQ":
                self.irqs[int(answer[2])] = answer[1] == "raise"
                continue
            assert answer[0] == "OK", (line, answer)
            if not self._posted:
                return answer[1] if len(answer) > 1 else None
            self._posted -= 1

    def read(self, addr, size):
        """One load of 1, 2, 4 or 8 bytes."""
        return int(self._command(f"read{'_bw_l___q'[size]} {addr:#x}"), 0)

    def write(self, addr, value, size):
        """One store of 1, 2, 4 or 8 bytes."""
        self._command(f"write{'_bw_l___q'[size]} {addr:#x} {value:#x}")

    def qtest_fd(self):
        """For another process that is the guest for a while"""
        return self._qtest.sock.fileno()

    def post(self, addr, value, size):
        """One store that is on its way on return."""
        self._qtest.write(f"write{'_bw_l___q'[size]} {addr:#x} {value:#x}")
        self._posted += 1

    def read_block(self, addr, size):
        """A block read: ascending accesses, as wide as their alignment."""
        return bytes.fromhex(self._command(f"read {addr:#x} {size:#x}")[2:])

    def write_block(self, addr, data):
        """A block write: ascending accesses, as wide as their alignment."""
        self._command(f"write {addr:#x} {len(data):#x} 0x{data.hex()}")

    def pci_read(self, devfn, reg, size=4):
        self._command(f"outl 0xcf8 {0x80000000 | devfn << 8 | reg & ~3:#x}")
        command = {1: "inb", 2: "inw", 4: "inl"}[size]
        return int(self._command(f"{command} {0xcfc + (reg & 3):#x}"), 0)

    def pci_write(self, devfn, reg, value, size=4):
        self._command(f"outl 0xcf8 {0x80000000 | devfn << 8 | reg & ~3:#x}")
        command = {1: "outb", 2: "outw", 4: "outl"}[size]
        self._command(f"{command} {0xcfc + (reg & 3):#x} {value:#x}")

    def outl(self, port, value):
        self._command(f"outl {port:#x} {value:#x}")

    def clock_step(self, milliseconds):
        """Let the virtual clock pass this time, with the timers due in it."""
        self._command(f"clock_step {round(milliseconds * 1_000_000)}")

    def intercept_irqs(self):
        """From now on self.irqs tells the level of the I/O APIC's inputs."""
        self._command("irq_intercept_in ioapic")
