# SPDX-License-Identifier: GPL-2.0-or-later
"""What of the guest's library can be tested without a device."""
import re
import subprocess

import pytest

from support.paths import BUILD, ROOT

LIBRARY = ROOT / "guest-tools/libvgpu-stub"
MAN_PAGE = ROOT / "docs/man/vgpu-stub.3"


def declared():
    """The names of the functions that the header declares."""
    header = re.sub(r"/\*.*?\*/", "", (LIBRARY / "vgpu-stub.h").read_text(),
                    flags=re.DOTALL)
    return set(re.findall(r"^(?:int|void|const char) \*?(vgpu_stub_\w+)\(",
                          header, re.MULTILINE))


def symbols(*args):
    output = subprocess.run(["nm", "--defined-only", "--extern-only", *args],
                            check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    return set(re.findall(r" T (\S+)$", output, re.MULTILINE))


def test_the_shared_library_exports_what_the_header_declares():
    exported = symbols("-D", BUILD / "guest-tools/libvgpu-stub.so.1")
    assert {name.split("@@")[0] for name in exported} == declared()


def test_what_was_released_keeps_its_version():
    """A program that was linked with an older library finds what it had."""
    exported = symbols("-D", BUILD / "guest-tools/libvgpu-stub.so.1")
    first = {name.split("@@")[0] for name in exported
             if name.endswith("@@VGPU_STUB_1.0")}
    assert first == {"vgpu_stub_" + name for name in (
        "version list open close set_stop get_info read_map observe call "
        "submit wait cancel job_free parse error_name error_text message echo "
        "get_accelerator mem_alloc mem_free mem_free_all mem_write mem_read "
        "mem_copy launch submit_launch synchronize").split()}


def test_the_static_library_cannot_clash_with_a_program():
    assert symbols(BUILD / "guest-tools/libvgpu-stub.a") == declared()


def test_the_man_page_has_every_function():
    page = MAN_PAGE.read_text()
    assert set(re.findall(r'^\.BI ".*?\b(vgpu_stub_\w+)\(', page,
                          re.MULTILINE)) == declared()


TRANSPORT = {"bar", "block", "devfile", "device", "flights", "interrupt",
             "mailbox", "notice", "queue", "sysfs", "waiter"}
ABOVE = {"bulk", "calls", "copy", "error", "kernel", "memory", "opened",
         "operation", "reply", "request"}


@pytest.mark.parametrize("name", sorted(ABOVE))
def test_what_is_above_the_transport_does_not_know_it(name):
    for path in LIBRARY.glob(f"{name}.[ch]"):
        included = re.findall(r'#include "(.*)\.h"', path.read_text())
        assert not TRANSPORT & set(included), path


def test_cxx(tmp_path):
    """A C++11 program compiles and links, without a warning."""
    source = tmp_path / "program.cc"
    source.write_text("""\
#include <vgpu-stub.h>
int main()
{
    vgpu_stub_kernel_arg arg = vgpu_stub_arg_f32(1.0f);
    vgpu_stub_kernel kernel = vgpu_stub_kernel();
    vgpu_stub *dev = nullptr;

    kernel.struct_size = sizeof(kernel);
    kernel.args = &arg;
    kernel.arg_count = VGPU_STUB_KERNEL_ARGS_MAX;
    return vgpu_stub_open("no address", &dev) == 0 || kernel.args != &arg;
}
""")
    for library in ("libvgpu-stub.a", "libvgpu-stub.so.1"):
        program = tmp_path / "program"
        subprocess.run(["g++", "-std=c++11", "-pedantic", "-Wall", "-Wextra",
                        "-Wshadow", "-Werror", "-pthread",
                        f"-I{ROOT}/include", f"-I{LIBRARY}", "-o", program,
                        source, BUILD / "guest-tools" / library], check=True)
        subprocess.run([program], check=True, env={
            "LD_LIBRARY_PATH": str(BUILD / "guest-tools")})
