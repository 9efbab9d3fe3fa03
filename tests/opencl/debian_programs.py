# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs that use OpenCL, and what runs them on this machine.

Each is Debian's, unmodified. They run on the first platform that the loader
finds: in a guest our driver's, here that of `Platform`.
"""
import os
import re
import subprocess
from pathlib import Path

from support.paths import BUILD, ROOT

HERE = Path(__file__).resolve().parent

# One for each of piglit's programs that differ in what they use
PIGLIT = ("custom@run simple kernel", "api@clenqueuecopybufferrect",
          "api@clenqueuefillbuffer", "program@execute@vector-load-int4",
          "program@execute@local-memory")

# Of PyOpenCL's; the others need what Debian does not have, or use what this
# driver does not have.
EXAMPLES = ("demo", "demo_array", "demo_elementwise", "demo_meta_template",
            "narray")


def folder():
    """What is the same here and in the guest's /opt: piglit, pyopencl"""
    made = subprocess.run(
        [ROOT / "scripts/build-opencl-guest"], check=True,
        stdout=subprocess.PIPE, text=True, env={**os.environ,
                                                "BUILD": str(BUILD)})
    return Path(made.stdout.strip()) / "programs"


class Platform:
    """The platform of one driver, whatever else is installed here."""

    def __init__(self, icd, **environment):
        """`icd` is the file that names the driver to the loader."""
        self.environment = {**os.environ, "OCL_ICD_VENDORS": str(icd),
                            "PYOPENCL_CTX": "0", **environment}

    def run(self, *command, **options):
        """The command's output; it has to succeed."""
        ended = subprocess.run(command, env=self.environment,
                               stdin=subprocess.DEVNULL, text=True,
                               stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, **options)
        assert ended.returncode == 0, f"{command}: {ended.returncode}\n" \
                                      f"{ended.stdout}"
        return ended.stdout

    def python(self, *arguments, **options):
        return self.run("/usr/bin/python3", *arguments, **options)


def natively(**environment):
    """The host's own driver, that which the worker uses"""
    return Platform("/etc/OpenCL/vendors/pocl.icd", **environment)


def native_clinfo():
    """The fields of the host's own"""
    return clinfo_fields(natively().run("clinfo", "--raw"))


def compare_clinfo(output, before):
    """Compare what `clinfo --raw` prints, on our driver, with what it prints on
    the host's: the fields that differ are those that docs/opencl.md has. Some
    go by the memory that the host has, which is given more of it if it is a
    virtual machine: `before` are the host's of an earlier time."""
    ours, now = clinfo_fields(output), native_clinfo()
    differ = {field for field in {*ours, *now, *before}
              if ours.get(field) not in (before.get(field), now.get(field))}
    assert differ == differences_in_docs(), \
        {field: (before.get(field), now.get(field), ours.get(field))
         for field in differ ^ differences_in_docs()}


def differences_in_docs():
    """The fields of the table"""
    text = (ROOT / "docs/opencl.md").read_text()
    table = text.partition("| fields of clinfo |")[2].partition("\n\n")[0]
    return set(re.findall("`(CL_[A-Z0-9_]+)`",
                          "\n".join(line.split("|")[1] for line
                                    in table.splitlines()[2:])))


def clinfo_fields(output):
    """{field: value} of what `clinfo --raw` prints for a single device"""
    found = re.findall(r"^(?:\[.*?\])? +(CL_(?:PLATFORM|DEVICE|DRIVER|KERNEL)"
                       r"\w*) +(.*?) *$", output, re.MULTILINE)
    return dict(found)
