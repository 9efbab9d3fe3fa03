# SPDX-License-Identifier: GPL-2.0-or-later
"""SST's own simulation of what sst-sim.conf describes, but for the links to the
processor, which take their time here.

    sst --add-lib-path=build/sst-elements sst/elements/three-devices.py -- \\
        --qemu QEMU --firmware FILE.elf [--statistics FILE.csv]

It ends with QEMU, or at --stop-at.
"""
import argparse

import sst

parser = argparse.ArgumentParser()
parser.add_argument("--qemu", default="qemu-system-riscv32")
parser.add_argument("--firmware", required=True)
parser.add_argument("--socket", default="/tmp/qemu-sst-mmio.sock")
parser.add_argument("--format", default="guide")
parser.add_argument("--statistics")
parser.add_argument("--stop-at", default="10s")
args = parser.parse_args()

sst.setProgramOption("stop-at", args.stop_at)

cpu = sst.Component("cpu", "qemubridge.QEMUBinary")
cpu.addParams({
    "clock": "1GHz",
    "verbose": 1,
    "qemu_path": args.qemu,
    "binary_path": args.firmware,
    "socket_path": args.socket,
    "format": args.format,
    "num_devices": 3,
})

devices = []
for number, (name, element, params) in enumerate((
        ("echo0", "Echo", {"clock": "1GHz", "operation_latency": 10}),
        ("compute0", "Compute", {"clock": "1GHz", "operation_latency": 100}),
        ("memory0", "Memory", {"clock": "200MHz", "latency": 4}))):
    device = sst.Component(name, "qemubridge." + element)
    device.addParams(params)
    devices.append(device)
    cpu.addParams({
        f"device{number}_name": name,
        f"device{number}_base": hex(0x10200000 + number * 0x100000),
    })
    if args.format == "guide" and element != "Memory":
        cpu.addParams({f"device{number}_interrupt": 12 + number})
    sst.Link(f"bus{number}").connect(
        (cpu, f"device_port_{number}", "1ns"), (device, "cpu_port", "1ns"))

sst.Link("results").connect((devices[1], "out", "20ns"),
                            (devices[2], "in", "20ns"))

if args.statistics:
    sst.setStatisticLoadLevel(1)
    sst.setStatisticOutput("sst.statOutputCSV",
                           {"filepath": args.statistics, "separator": ","})
    sst.enableAllStatisticsForAllComponents()
