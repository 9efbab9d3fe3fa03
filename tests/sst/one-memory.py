# SPDX-License-Identifier: GPL-2.0-or-later
"""A configuration for SST: a memory of two pages, and what ends a run."""
import argparse

import sst

parser = argparse.ArgumentParser()
for name in ("qemu", "firmware", "socket"):
    parser.add_argument("--" + name, required=True)
parser.add_argument("--max-idle", default="1s")
parser.add_argument("--silence-limit", default="600")
parser.add_argument("--stop-at", default="10s")
args = parser.parse_args()

sst.setProgramOption("stop-at", args.stop_at)
cpu = sst.Component("cpu", "qemubridge.QEMUBinary")
cpu.addParams({
    "qemu_path": args.qemu,
    "binary_path": args.firmware,
    "socket_path": args.socket,
    "max_idle": args.max_idle,
    "silence_limit": args.silence_limit,
    "device0_size": 8192,
})
memory = sst.Component("memory", "qemubridge.Memory")
memory.addParams({"size": 8192})
sst.Link("bus").connect((cpu, "device_port", "1ns"),
                        (memory, "cpu_port", "1ns"))
