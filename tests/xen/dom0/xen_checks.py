#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The checks on a real Xen: run in its dom0, reported in TAP on stdout.

One after another: they share a guest. test_xen.py on the development machine
takes from here what checks there are.
"""
import json
import os
import re
import select
import socket
import statistics
import subprocess
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from support import abi

# Seconds to wait for anything: many for an emulated machine on a busy one.
PATIENCE = 400

RUN = Path("/run/check-xen")
RESULTS = Path("/results")

KEY = b"-device vgpu-stub,pool_id=B,priority=high,vm_id=200"
HOSTILE_KEY = b"-device vgpu-stub -chardev file,id=x,path=/etc/passwd"
SLOT = 0x1e                     # the first device's
LSPCI_LINE = ("00:1e.0 Processing accelerators [1200]: "
              "Red Hat, Inc. Device [1af4:1111] (rev 02)")

# Each character on the console costs exits, and so does the search for an AGP
# bridge, which would take 10 s.
CONFIG = """\
name = "{name}"
type = "hvm"
memory = 256
vcpus = 1
kernel = "/job/guest/vmlinuz"
ramdisk = "/job/guest/initrd"
cmdline = "console=ttyS0 quiet mitigations=off pci=noearly panic=1"
serial = "unix:{run}/{name}.serial,server=on,wait=off"
vga = "none"
vnc = 0
device_model_version = "qemu-xen"
device_model_override = "/job/tests/xen/dom0/device-model"
on_crash = "destroy"
on_reboot = "destroy"
"""


def run(*command):
    """Run a command in dom0 and return what it prints; fail if it fails."""
    result = subprocess.run(command, timeout=PATIENCE, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = result.stdout.decode(errors="replace").strip()
    assert result.returncode == 0, f"{' '.join(command)}: {output}"
    return output


def connect(path):
    """Returns a Unix socket, and the same as a text file."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(PATIENCE)
    sock.connect(str(path))
    return sock, sock.makefile("rw", encoding="utf-8", errors="replace")


class Guest:
    """An HVM domain that runs what it is told over its serial port."""

    def __init__(self, name, key=None):
        self.name = name
        if key is not None:
            (RUN / f"{name}.key").write_bytes(key)
        config = RUN / f"{name}.cfg"
        config.write_text(CONFIG.format(name=name, run=RUN))
        run("xl", "create", str(config))
        self._connect()

    def _connect(self):
        self.domid = int(run("xl", "domid", self.name))
        self._socket, self._serial = connect(RUN / f"{self.name}.serial")

    def _send(self, line):
        self._serial.write(f"{line}\n")
        self._serial.flush()

    def _read_until(self, pattern):
        """Returns the lines before the one that matches, and the match."""
        lines = []
        with open(RESULTS / f"{self.name}.serial", "a") as transcript:
            for line in self._serial:
                transcript.write(line)
                match = re.match(pattern, line)
                if match:
                    return lines, match
                lines.append(line.strip())
        raise AssertionError(f"the guest went away; last it said: {lines[-3:]}")

    def wait_until_up(self):
        self._read_until("guest: ready")

    def __call__(self, command):
        """Run a command in the guest and return what it prints; fail if it
        fails."""
        self._send(command)
        lines, match = self._read_until("guest: status ([0-9]+)")
        output = "\n".join(lines)
        assert match.group(1) == "0", f"{command}: {output}"
        return output

    def save_and_restore(self):
        saved = RUN / "saved"
        self._serial.close()
        run("xl", "save", self.name, str(saved))
        run("xl", "restore", str(saved))
        saved.unlink()
        self._connect()
        # A kernel that resumes resets its serial port: what it has been sent
        # before that is lost.
        wait_for(self._knock, "guest that answers")
        self._send("echo guest: back")
        self._read_until("guest: back")
        self._read_until("guest: status")

    def _knock(self):
        self._send("")
        return select.select([self._socket], [], [], 1)[0]

    def destroy(self):
        self._serial.close()
        run("xl", "destroy", self.name)

    def xenstore(self, key):
        """The value as text, None where there is no such key."""
        import xen.lowlevel.xs as xs    # there is none outside of dom0
        value = xs.xs().read("", f"/local/domain/{self.domid}/{key}")
        return value if value is None else value.decode()

    def device_model_log(self):
        return Path(f"/var/log/xen/qemu-dm-{self.name}.log").read_text()

    def qmp(self, command, **arguments):
        sock, monitor = connect(f"/run/xen/qmp-libxenstat-{self.domid}")
        with sock, monitor:
            monitor.readline()          # the greeting
            for request in ({"execute": "qmp_capabilities"},
                            {"execute": command, "arguments": arguments}):
                monitor.write(json.dumps(request) + "\n")
                monitor.flush()
                answer = json.loads(monitor.readline())
                assert "return" in answer, answer
        return answer["return"]

    def device(self):
        """What QEMU says of the PCI device in the slot; None if it is free."""
        devices = self.qmp("query-pci")[0]["devices"]
        return next((device for device in devices if device["slot"] == SLOT),
                    None)

    def requests_during(self, command):
        """Run a command in the guest; returns the requests to the device
        model that Xen made of its accesses to the BAR: tuples of "read" or
        "write", the offset of the first access, and how many accesses."""
        trace = RESULTS / f"{self.name}-{self.domid}.trace"
        begin = trace.stat().st_size
        self.qmp("trace-event-set-state", name="handle_ioreq", enable=True)
        self(command)
        self.qmp("trace-event-set-state", name="handle_ioreq", enable=False)
        bar = self.device()["regions"][0]["address"]
        requests = re.findall(
            r"handle_ioreq .* dir=(\d) .* port=0x([0-9a-f]+) .* count=(\d+)",
            trace.read_text()[begin:])
        return [("read" if direction == "1" else "write",
                 int(address, 16) - bar, int(count))
                for direction, address, count in requests
                if bar <= int(address, 16) < bar + abi.VGPU_STUB_BAR_SIZE]


def wait_for(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {PATIENCE} s"
        time.sleep(0.1)


def median_us(command, pattern):
    """What the guest's command says it took, the median of three times."""
    return statistics.median(
        float(re.search(pattern, guest(command)).group(1)) for _ in range(3))


def numbers(text):
    """{word: number} of what a program says in turns: a word, its number"""
    words = text.split()
    return dict(zip(words[::2], map(float, words[1::2])))


# --- the checks ---

guest = None                    # the one with the device


def check_device():
    """a guest whose key asks for it sees the device in its slot"""
    global guest
    guest = Guest("device", KEY)
    guest.wait_until_up()
    assert guest("lspci -nn -d 1af4:1111") == LSPCI_LINE
    uuid = guest.xenstore("vm").rpartition("/")[2]
    assert Path(f"/run/vgpu-stub/{uuid}.{guest.domid}-0.sock").is_socket()


def check_mmap_test():
    """vgpu-stub-mmap-test finds the key's values"""
    output = guest("./vgpu-stub-mmap-test B high 200")
    for line in ("Pool ID: 'B'", "Priority: 2 (high)", "VM ID: 200"):
        assert line in output.splitlines(), output


def check_echo():
    """an echo of 1024 bytes comes back from the mediator"""
    output = guest("./vgpu-stub echo")
    assert ("1024-byte request, 1024-byte response, "
            "992 data bytes identical" in output), output


def check_locked_in():
    """its QEMU is locked in: chrooted, a user without capabilities"""
    process = Path("/proc", guest.xenstore("image/device-model-pid"))
    assert os.readlink(process / "root") == os.environ["WRAPPER_ROOT"]
    status = dict(line.split(":\t", 1) for line in
                  (process / "status").read_text().splitlines())
    assert set(status["Uid"].split()) == {os.environ["WRAPPER_UID"]}
    assert int(status["CapEff"], 16) == 0


def check_trips():
    """an echo takes one request to submit and one to collect"""
    requests = guest.requests_during("./vgpu-stub echo")
    words = (abi.VGPU_STUB_REQUEST_BUF + abi.VGPU_STUB_BUF_SIZE) // 8
    submit = ("write", (words - 1) * 8, words)          # descends
    poll = ("read", 0, (abi.VGPU_STUB_REG_TIMESTAMP_LO + 4) // 8)
    words = (abi.VGPU_STUB_RESPONSE_BUF + abi.VGPU_STUB_BUF_SIZE) // 8
    collect = ("read", (words - 1) * 8, words)          # descends, too
    assert [r for r in requests if r[0] == "write"] == [submit], requests
    before = requests.index(submit)
    polls = requests[before + 1:-1]
    assert polls and set(polls) == {poll}, requests
    assert requests[-1] == collect, requests
    print(f"# one 1 KiB echo: {2 + len(polls)} device-model requests: 1 to "
          f"submit, {len(polls)} to poll, 1 to collect; {before} before, to "
          "open the device")


def check_register_by_register():
    """the same echo register by register takes over 500 requests"""
    requests = guest.requests_during("./register-echo")
    assert len(requests) > 500 and {r[2] for r in requests} == {1}
    print(f"# the same register by register: {len(requests)} requests")
    # Again, without the trace's cost
    fast = median_us("./round-trips device 20", "p50 ([0-9.]+)")
    slow = median_us("./register-echo", "([0-9]+) us")
    print(f"# median: {fast:.0f} us for a 1 KiB echo, {slow:.0f} us register "
          f"by register, {slow / fast:.0f} times as long")


def check_save_and_restore():
    """xl save and xl restore keep the registers"""
    guest("./register-echo")
    before = guest("./vgpu-stub regs")
    assert "0x5c5c5c5c" in before, before
    domid = guest.domid
    guest.save_and_restore()
    assert guest.domid != domid
    wait_for(lambda: "Link:             up" in guest("./vgpu-stub info"),
             "mediator")
    assert guest("./vgpu-stub regs") == before


def check_echo_after_restore():
    """after that the next echo comes back, and QEMU is locked in again"""
    check_echo()
    check_locked_in()


def check_driver():
    """ordinary users of the guest compute through the driver's queue"""
    guest("insmod ./vgpu-stub.ko && chgrp 105 /dev/vgpu-stub0")
    output = guest("./as-user ./compute 5 >other & ./as-user ./compute; wait; "
                   "cat other")
    assert output.splitlines().count("compute: ok, by the queue") == 2, output


def check_queue_trips():
    """32 echoes in flight take few requests to the device model"""
    requests = guest.requests_during("./as-user ./echo-speed 32 5000 >speed")
    total = numbers(guest("cat speed"))["total"]
    print(f"# {len(requests)} device-model requests for {total:.0f} echoes by "
          f"the queue, {len(requests) / total:.3f} each")
    assert len(requests) < total


def check_queue_speed():
    """1 MiB by the queue takes less time than by 1 KiB blocks"""
    # What fits beside a request in the mailbox
    blocks = (1 << 20) / 968
    cold = numbers(guest("./as-user ./bulk-speed 4"))["first"]
    warm = numbers(guest("./as-user ./bulk-speed 32"))["write"]
    guest("rmmod vgpu-stub")
    block = median_us("./round-trips device 20", "p50 ([0-9.]+)")
    guest("insmod ./vgpu-stub.ko && chgrp 105 /dev/vgpu-stub0")
    print(f"# 1 MiB: {1e6 / warm:.0f} us by the queue, {1e6 / cold:.0f} us "
          f"where it is new, {blocks * block:.0f} us by 1 KiB blocks")
    assert 1e6 / warm < blocks * block


def streams(times):
    """Three programs that fill the queue work, and go on until they have begun
    anew so many times."""
    for number in range(3):
        guest(f"./as-user ./stream 1000 64 {times} >stream{number} & "
              f"until grep -q works stream{number}; do sleep 0.2; done; "
              "echo begun")


def end_of_streams():
    return guest("while pidof stream >/dev/null; do sleep 0.2; done; "
                 "cat stream0 stream1 stream2 | grep ok").splitlines()


def check_driver_is_restored():
    """xl save and xl restore with a full queue: programs begin anew"""
    streams(1)
    guest.save_and_restore()
    assert end_of_streams() == ["stream: ok, begun anew: 1"] * 3


def memory_mib():
    """What the guest has, as Xen says"""
    return int(run("xl", "list", guest.name).splitlines()[-1].split()[2])


def check_balloon():
    """the guest gives memory back and takes it again while DMA goes on"""
    guest("./as-user ./stream 15 32 >stream0 & echo begun")
    for mib in 200, 256:
        run("xl", "mem-set", guest.name, str(mib))
        wait_for(lambda: abs(memory_mib() - mib) <= 2, f"guest of {mib} MiB")
    assert guest("while pidof stream >/dev/null; do sleep 0.2; done; "
                 "grep ok stream0") == "stream: ok, begun anew: 0"


def check_driver_ends():
    """the driver has no complaint, and can be unloaded"""
    guest("rmmod vgpu-stub")
    assert guest("dmesg | grep -E 'BUG|WARNING|Oops|vgpu-stub.*(does not|of "
                 "nothing)' || true") == ""


def check_holes():
    """a ring, and what is submitted, in memory that the guest gave back"""
    run("xl", "mem-set", guest.name, "200")
    wait_for(lambda: abs(memory_mib() - 200) <= 2, "guest of 200 MiB")
    output = guest("./hole-test")
    lines = output.splitlines()
    assert f"1..{output.count('ok ')}" in lines and "not ok" not in output, \
        output


def check_end():
    """the guest ends"""
    guest.destroy()


def check_hostile_key():
    """a guest with a hostile key starts without the device, which is said"""
    hostile = Guest("hostile", HOSTILE_KEY)
    hostile.wait_until_up()
    assert hostile("lspci -n -d 1af4:1111") == ""
    error = hostile.xenstore("vgpu-stub/error")
    assert re.match(f"vgpu-stub: domain {hostile.domid}: device-model-args "
                    "refused: .*-chardev", error), error
    log = hostile.device_model_log().splitlines()
    assert error in log, log
    command_line = next(line for line in log if line.startswith("Exec: "))
    assert "passwd" not in command_line and "vgpu" not in command_line
    hostile.destroy()


def check_no_key():
    """a guest without a key is untouched"""
    plain = Guest("plain")
    assert plain.device() is None
    assert plain.xenstore("vgpu-stub/error") is None
    log = plain.device_model_log()
    assert "Exec: " in log and "vgpu" not in log, log
    plain.destroy()


# Of the driver, on demand: they take minutes.
ON_DEMAND = (check_queue_trips, check_queue_speed, check_driver_is_restored,
             check_balloon, check_driver_ends, check_holes)

ALL = (check_device, check_mmap_test, check_echo, check_locked_in,
       check_trips, check_register_by_register, check_save_and_restore,
       check_echo_after_restore, check_driver, *ON_DEMAND, check_end,
       check_hostile_key, check_no_key)

CHECKS = tuple(check for check in ALL if check not in ON_DEMAND)


def wanted(names):
    """The checks that are named; `driver` stands for all of the driver."""
    if names == ["driver"]:
        return (check_device, check_driver, *ON_DEMAND, check_end)
    return [check for check in ALL if check.__name__ in names] or CHECKS


def main():
    """Stops at the first failure: what comes after it builds on it."""
    checks = wanted(sys.argv[1:])
    RUN.mkdir()
    print(f"1..{len(checks)}", flush=True)
    for number, check in enumerate(checks, 1):
        try:
            check()
        except Exception as error:
            traceback.print_exc()
            print("# " + str(error).replace("\n", "\n# "))
            print(f"not ok {number} - {check.__doc__}", flush=True)
            break
        print(f"ok {number} - {check.__doc__}", flush=True)


if __name__ == "__main__":
    main()
