# SPDX-License-Identifier: GPL-2.0-or-later
"""Software in QEMU reaches a memory of memHierarchy, as a device of two pages.

    sst --add-lib-path=build/sst-elements sst/elements/standard-memory.py -- \\
        --qemu QEMU --firmware FILE.elf
"""
import argparse

import sst

SIZE = 8192

parser = argparse.ArgumentParser()
parser.add_argument("--qemu", default="qemu-system-riscv32")
parser.add_argument("--firmware", required=True)
parser.add_argument("--socket", default="/tmp/qemu-sst-mmio.sock")
parser.add_argument("--stop-at", default="10s")
args = parser.parse_args()

sst.setProgramOption("stop-at", args.stop_at)

cpu = sst.Component("cpu", "qemubridge.QEMUBinary")
cpu.addParams({
    "verbose": 1,
    "qemu_path": args.qemu,
    "binary_path": args.firmware,
    "socket_path": args.socket,
    "device0_size": SIZE,
})

adapter = sst.Component("adapter", "qemubridge.StandardMem")
interface = adapter.setSubComponent("memory", "memHierarchy.standardInterface")

memory = sst.Component("memory", "memHierarchy.MemController")
memory.addParams({
    "clock": "1GHz",
    "addr_range_start": 0,
    "addr_range_end": SIZE - 1,
})
backend = memory.setSubComponent("backend", "memHierarchy.simpleMem")
backend.addParams({"mem_size": f"{SIZE}B", "access_time": "100ns"})

sst.Link("bus").connect((cpu, "device_port", "1ns"),
                        (adapter, "cpu_port", "1ns"))
sst.Link("memory").connect((interface, "lowlink", "1ns"),
                           (memory, "highlink", "1ns"))
