# SPDX-License-Identifier: GPL-2.0-or-later
"""The specifications in docs/ say what the headers say."""
import re
import subprocess
from fnmatch import fnmatch

from support import abi, sst, wire
from support.paths import ROOT

DOCS = ROOT / "docs"


def rows(document, *columns):
    """The rows of the table in the document whose header begins so."""
    lines = iter((DOCS / document).read_text().splitlines())
    for line in lines:
        if cells(line)[:len(columns)] == list(columns):
            next(lines)
            break
    else:
        raise AssertionError(f"no table {columns} in {document}")
    for line in lines:
        if not line.startswith("|"):
            return
        yield cells(line)


def cells(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_registers():
    table = {name: int(offset, 16) for offset, name, *_
             in rows("registers.md", "offset", "name")}
    assert table == abi.names("VGPU_STUB_REG_")


def test_buffers():
    table = {name: (int(offset, 16), int(size)) for offset, name, size, *_
             in rows("registers.md", "offset", "buffer")}
    assert table == {
        "REQUEST_BUF": (abi.VGPU_STUB_REQUEST_BUF, abi.VGPU_STUB_BUF_SIZE),
        "RESPONSE_BUF": (abi.VGPU_STUB_RESPONSE_BUF, abi.VGPU_STUB_BUF_SIZE),
        "RESERVED": (abi.VGPU_STUB_RESERVED,
                     abi.VGPU_STUB_BAR_SIZE - abi.VGPU_STUB_RESERVED),
    }


def test_error_codes():
    table = {name: int(code, 16) for code, name, _
             in rows("registers.md", "code", "name")}
    assert table == abi.names("VGPU_STUB_ERR_")


def test_opcodes():
    table = {name: int(opcode, 16) for opcode, name
             in rows("registers.md", "opcode", "name")}
    assert table == abi.names("VGPU_STUB_OP_")


def test_operations():
    table = {link.strip("[").split("]")[0]: int(opcode, 16)
             for opcode, link, _ in rows("operations.md", "opcode", "name")}
    assert table == abi.names("VGPU_STUB_OP_")


def test_message_types():
    table = {name: int(number) for number, name, *_
             in rows("wire-protocol.md", "type", "name")}
    assert table == abi.names("VGPU_STUB_MSG_")


def test_message_header():
    """The offsets in the document are those that the fields' sizes give."""
    check_layout("wire-protocol.md", "field", wire.HEADER.size)
    check_layout("wire-protocol.md", "field of HELLO", wire.HELLO.size)
    for message in ("CONTEXT_OPEN, REFUSED, CONTEXT_CLOSE, CLOSED, QCANCEL",
                    "ARENA", "QREQUEST", "QRESPONSE"):
        check_layout("wire-protocol.md", f"field of {message}", 32)


def test_ring():
    check_layout("queue.md", "field of a submission", 64)
    check_layout("queue.md", "field of a completion", 32)
    check_layout("queue.md", "field of a segment", 16)


def test_rows_of_kernels():
    check_layout("operations.md", "field of a row", 40)


def test_flags_of_a_submission():
    table = {name: int(flag, 16) for flag, name, _
             in rows("queue.md", "flag", "name")}
    assert table == abi.names("VGPU_STUB_SUBMIT_")


def test_functions_of_opencl():
    entries = (ROOT / "guest-tools/opencl/entries.h").read_text()
    table = [(name, kind) for kind, _, names
             in rows("opencl.md", "class", "what becomes of it")
             for name in re.findall("`(.*?)`", names)]
    assert sorted(table) == sorted(re.findall(r"X\((cl\w+), (\w+)\)",
                                              entries))


def test_queue_errors():
    table = {name: int(number) for number, name, _
             in rows("queue.md", "QUEUE_ERROR", "name")}
    assert table == abi.names("VGPU_STUB_QUEUE_ERROR_")


def check_layout(document, column, total):
    sizes = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "char": 1}
    expected = 0
    for offset, field, _ in rows(document, "offset", column):
        assert int(offset) == expected, field
        kind, name = field.split()
        count = re.search(r"\[(\d+)\]", name)
        expected += sizes[kind] * (int(count.group(1)) if count else 1)
    assert expected == total


def test_sst_messages():
    for format_name, form in sst.FORMATS.items():
        check_layout("sst.md", f"{format_name} request", form.REQUEST.size)
        check_layout("sst.md", f"{format_name} response", form.RESPONSE.size)
    check_layout("sst.md", "guide interrupt", sst.Guide.INTERRUPT.size)


def test_sst_registers():
    table = {name: int(offset, 16) for offset, name, *_
             in rows("sst.md", "offset", "register of an example device")}
    assert table == abi.names("SST_DEVICE_REG_")


def settings(text, group, setting):
    """{group: {key: value}} of lines that match one of the two patterns"""
    found = {}
    for line in text.splitlines():
        match = re.match(group, line)
        if match:
            names = re.findall(r"\[([^]]+)\]", line)
            for name in names:
                found[name] = {}
        match = re.match(setting, line)
        if match and found:
            for name in names:
                found[name][match[1]] = match[2]
    return found


def test_settings():
    """The man page has the keys and defaults of the file that is installed,
    which has those of the code, as its unit test says."""
    shipped = settings((ROOT / "SOURCES/mediatord.conf").read_text(),
                       r"#?\[", "#([a-z-]+)=(.*)$")
    example, = (group for group in shipped if group.startswith("vm "))
    del shipped[example]
    page = settings((DOCS / "man/mediatord.conf.5").read_text(),
                    r"\.SS \[", r"\.B ([a-z-]+)=(.*)$")
    assert page.pop("vm NAME") == {}
    assert page == shipped


def test_the_device_s_timeout():
    preset = f"| {abi.VGPU_STUB_TIMEOUT_MS_DEFAULT} |"
    for path in (ROOT / "README.md", DOCS / "attach.md"):
        line, = re.findall(r"^\| `request-timeout-ms` .*$", path.read_text(),
                           re.MULTILINE)
        assert line.endswith(preset), path


def test_version():
    """What has it in itself has that of the packages."""
    spec = (ROOT / "SPECS/vgpu-stub.spec").read_text()
    version, = re.findall(r"^Version: *(.*)$", spec, re.MULTILINE)
    header = ROOT / "guest-tools/libvgpu-stub/vgpu-stub.h"
    assert f'#define VGPU_STUB_LIBRARY_VERSION "{version}"\n' in \
        header.read_text()
    assert re.search(r"^%changelog\n\* .* - (.*)-\d+$", spec,
                     re.MULTILINE)[1] == version
    install = (DOCS / "install.md").read_text()
    assert f".vgpustub.{version}." in install
    assert f"vgpu-stub-guest-tools_{version}_" in install


def tracked():
    return subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, text=True,
                          stdout=subprocess.PIPE).stdout.splitlines()


def test_files_that_are_to_be_changed():
    """Those that CONTRIBUTING.md names are there, wherever it is that they
    are."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    names = {name for name in re.findall(r"`([\w./*-]+)`", text)
             if "." in name.strip(".") or name.endswith("/")}
    names -= {"backend-NAME.c", ".cl", ".kernel", "~/.cache/vgpu-stub"}
    assert len(names) > 30
    paths = ["/" + path for path in tracked()]
    for name in names:
        pattern = f"*/{name}*" if name.endswith("/") else f"*/{name}"
        assert any(fnmatch(path, pattern) for path in paths), name


def maintained(path, pattern):
    """As QEMU has it: a folder with all below, files of a folder alone."""
    if pattern.endswith("/"):
        return path.startswith(pattern)
    return fnmatch(path, pattern) and path.count("/") == pattern.count("/")


def test_each_file_has_a_maintainer():
    patterns = re.findall(r"^F: (.*)$", (ROOT / "MAINTAINERS").read_text(),
                          re.MULTILINE)
    paths = tracked()
    for path in paths:
        assert any(maintained(path, pattern) for pattern in patterns), path
    for pattern in patterns:
        assert any(maintained(path, pattern) for path in paths), pattern
