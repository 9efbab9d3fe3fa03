# SPDX-License-Identifier: GPL-2.0-or-later
"""A configuration for SST: a device that interrupts itself again and again, and
a memory whose accesses take long."""
import argparse

import sst

parser = argparse.ArgumentParser()
for name in ("qemu", "firmware", "socket"):
    parser.add_argument("--" + name, required=True)
args = parser.parse_args()

sst.setProgramOption("stop-at", "10s")
cpu = sst.Component("cpu", "qemubridge.QEMUBinary")
cpu.addParams({
    "qemu_path": args.qemu,
    "binary_path": args.firmware,
    "socket_path": args.socket,
    "num_devices": 2,
    "device0_base": 0x10200000,
    "device0_interrupt": 12,
    "device1_base": 0x10300000,
})
echo = sst.Component("echo", "qemubridge.Echo")
echo.addParams({"operation_latency": 1})
memory = sst.Component("memory", "qemubridge.Memory")
memory.addParams({"latency": 100000})
for number, device in enumerate((echo, memory)):
    sst.Link(f"bus{number}").connect((cpu, f"device_port_{number}", "1ns"),
                                     (device, "cpu_port", "1ns"))
sst.Link("circle").connect((echo, "out", "1ns"), (echo, "in", "1ns"))
