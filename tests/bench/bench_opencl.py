# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs that use OpenCL, in a guest and on the host itself.

The same programs on the same device: in a Debian guest under TCG through our
driver, the queue, the mediator and a worker, and natively on the host's driver.
In turns is not possible; both are in the same run. clpeak takes minutes and is
left out of a quick run.
"""
import os
import re
import subprocess

from driver_guest import Figures, rounds
from result import Result, Target
from support.guest import numbers, vgpu_stub
from support.mediatord import Host
from support.opencl_guest import CONFIG, boot_opencl

MAKE = ["opencl-guest", "qemu", "QEMU=7.2", "mediator", "opencl-tests",
        "build/driver/6.1/vgpu-stub.ko", "build/bench/opencl-speed"]

NATIVE = "/etc/OpenCL/vendors/pocl.icd"
MIB = 64
ROUNDS = 5

TARGETS = [
    Target("opencl_nop_vs_native", "<=", 6),
    Target("opencl_pipelined_per_second", ">=", 20000),
    Target("opencl_write_vs_guest_memcpy", ">=", 0.8),
    Target("opencl_read_vs_guest_memcpy", ">=", 0.8),
    Target("opencl_clpeak_compute_vs_native", ">=", 0.95),
]

# The first sum of a program after the start of the mediator finds nothing that
# was built, the others what that one has left.
JOB = """\
echo "== first cold"; as_user /job/vector-sum
for i in $(seq ROUNDS); do echo "== first $i"; as_user /job/vector-sum; done
echo "== speed"; as_user "/job/opencl-speed ROUNDS NOPS MIB"
"""

CLPEAK = """\
for i in $(seq ROUNDS); do
    echo "== clpeak $i"; as_user "clpeak --compute-sp"
done
"""


def first_ms(lines):
    return float(re.search(r"first_ms ([0-9.]+)", "\n".join(lines))[1])


def gflops(lines):
    """The most that clpeak has for numbers of single precision"""
    return max(float(value) for value in
               re.findall(r"^ +float\d* *: ([0-9.]+)", "\n".join(lines),
                          re.MULTILINE))


def speeds(lines):
    """{word: its values, one of each round}"""
    reports = [numbers(line) for line in lines if line.startswith("nop ")]
    return {word: [report[word] for report in reports]
            for word in reports[0]}


def figures_of(sections, count):
    """Of what a guest's job says, or a host's in the same sections"""
    return {"cold": [first_ms(sections["first cold"])],
            "warm": [first_ms(sections[f"first {i}"]) for i in count],
            "clpeak": [gflops(lines) for name, lines in sections.items()
                       if name.startswith("clpeak ")],
            **speeds(sections["speed"])}


def in_guest(context, count, nops):
    folder = context.scratch / "opencl"
    folder.mkdir()
    job = JOB if context.quick else JOB + CLPEAK
    job = job.replace("ROUNDS", str(len(count))).replace("NOPS", str(nops))
    with Host(folder, config=CONFIG) as host:
        sections = boot_opencl(
            context.build / "qemu-7.2/qemu-system-x86_64", folder / "job",
            job.replace("MIB", str(MIB)),
            ["tests/opencl/vector-sum", "bench/opencl-speed"],
            *vgpu_stub(host.sockets / "0.sock"), timeout=1500)
    return figures_of(sections, count)


def natively(context, count, nops):
    cache = context.scratch / "cache"
    cache.mkdir()
    environment = {**os.environ, "OCL_ICD_VENDORS": NATIVE,
                   "POCL_CACHE_DIR": str(cache)}

    def run(*command):
        return subprocess.run(
            [str(part) for part in command], env=environment, check=True,
            stdout=subprocess.PIPE, text=True).stdout.splitlines()

    program = context.build / "tests/opencl/vector-sum"
    sections = {"first cold": run(program)}
    for number in count:
        sections[f"first {number}"] = run(program)
    sections["speed"] = run(context.build / "bench/opencl-speed", len(count),
                            nops, MIB)
    for number in [] if context.quick else count:
        sections[f"clpeak {number}"] = run("clpeak", "--compute-sp")
    return figures_of(sections, count)


def run(context):
    count = [number + 1 for number in rounds(context, ROUNDS)]
    nops = 2000 if context.quick else 40000
    guest = in_guest(context, count, nops)
    native = natively(context, count, nops)
    figures = Figures()
    section = "OpenCL, small kernels"
    figures.add(section, "an empty kernel and its end", "us", guest["nop"],
                "natively", native["nop"], "opencl_nop_vs_native")
    figures.add(section, "empty kernels, one behind the other", "kernels/s",
                guest["rate"], "natively", native["rate"])
    figures.add(section, "the same", "kernels/s", guest["rate"],
                figure="opencl_pipelined_per_second")
    section = f"OpenCL, {MIB} MiB"
    for word in "write", "read":
        figures.add(section, word, "MiB/s", guest[word], "memcpy in the guest",
                    guest["memcpy"], f"opencl_{word}_vs_guest_memcpy")
        figures.add(section, f"the same {word}", "MiB/s", guest[word],
                    "natively", native[word])
    section = "OpenCL, programs"
    if not context.quick:
        figures.add(section, "clpeak, single precision", "GFLOPS",
                    guest["clpeak"], "natively", native["clpeak"],
                    "opencl_clpeak_compute_vs_native")
    for word in "cold", "warm":
        figures.add(section, f"first sum of a program, {word}", "ms",
                    guest[word], "natively", native[word],
                    f"opencl_first_result_{word}_vs_native")
    return Result(figures.rows, figures.summary,
                  [target for target in TARGETS
                   if target.name in figures.summary])
