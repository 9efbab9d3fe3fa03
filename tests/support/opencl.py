# SPDX-License-Identifier: GPL-2.0-or-later
"""OpenCL's commands as a guest's library sends them: docs/opencl.md.

Opcodes and what a command is made of come from include/vgpu-stub-opencl.h.
"""
import re
import struct
from dataclasses import dataclass

from support import abi
from support.paths import ROOT

HEADER = (ROOT / "include/vgpu-stub-opencl.h").read_text()
BATCH = struct.Struct("<QII")
COMMAND = struct.Struct("<HHI")
ANSWER = struct.Struct("<QII")
RESULT = struct.Struct("<QiI")
TIMES = struct.Struct("<4Q")
BUILD = struct.Struct("<iIQQ")
KERNEL = struct.Struct("<4I")
ARGUMENT = struct.Struct("<6IQ")

FLAG_TIMES, FLAG_BULK = abi.VGPU_STUB_CL_FLAG_TIMES, abi.VGPU_STUB_CL_FLAG_BULK
ARG_VALUE, ARG_LOCAL, ARG_OBJECT = (
    abi.VGPU_STUB_CL_ARG_VALUE, abi.VGPU_STUB_CL_ARG_LOCAL,
    abi.VGPU_STUB_CL_ARG_OBJECT)
READ_LOG, READ_KERNELS = (abi.VGPU_STUB_CL_READ_LOG,
                          abi.VGPU_STUB_CL_READ_KERNELS)
OP_OPENCL = abi.VGPU_STUB_OP_OPENCL

_LETTERS = {"uint64_t": "Q", "uint32_t": "I", "uint16_t": "H", "int32_t": "i"}


def _structure(name):
    """The layout of a structure of the header"""
    body, = re.findall(r"^struct vgpu_stub_cl_%s \{(.*?)^\};" % name, HEADER,
                       re.M | re.S)
    fields = re.findall(r"(\w+_t) \w+(?:\[(\d+)\])?;", body)
    return struct.Struct("<" + "".join(
        (count or "") + _LETTERS[kind] for kind, count in fields))


# name: (opcode, layout)
COMMANDS = {name: (int(opcode), _structure(structure))
            for name, opcode, structure in re.findall(
                r"X\((\w+), (\d+), (\w+), ", HEADER)}
OPCODE = {name: opcode for name, (opcode, _) in COMMANDS.items()}


def pad(data):
    return data + bytes(-len(data) % 8)


def raw(opcode, body=b"", flags=0, length=None):
    """Any command, with its length as it is given"""
    size = COMMAND.size + len(body)
    return COMMAND.pack(opcode, flags, size if length is None else length) \
        + body


def command(name, *fields, tail=b"", flags=0):
    opcode, layout = COMMANDS[name]
    return raw(opcode, layout.pack(*fields) + tail, flags)


def batch(first, commands, count=None, reserved=0):
    """The data of a request with these commands"""
    return BATCH.pack(first, len(commands) if count is None else count,
                      reserved) + b"".join(map(pad, commands))


@dataclass
class Result:
    number: int
    status: int
    payload: bytes


@dataclass
class Answer:
    next: int
    results: list
    output: bytes

    @classmethod
    def parse(cls, data):
        following, count, printed = ANSWER.unpack_from(data)
        at, results = ANSWER.size, []
        for _ in range(count):
            number, status, length = RESULT.unpack_from(data, at)
            at += RESULT.size
            results.append(Result(number, status, data[at:at + length]))
            assert len(results[-1].payload) == length
            at += len(pad(bytes(length)))
        assert len(data) == at + printed
        return cls(following, results, data[at:])


# --- Commands ---

def device_info(param):
    return command("DEVICE_INFO", 0, param)


def buffer_create(number, size, flags=1):
    return command("BUFFER_CREATE", number, 0, flags, size)


def sub_buffer_create(number, whole, origin, size, flags=0):
    return command("SUB_BUFFER_CREATE", number, whole, flags, origin, size)


def release(number):
    return command("RELEASE", number, 0)


def marker(**kwargs):
    return command("MARKER", 0, 0, **kwargs)


def write(buffer, offset, data, **kwargs):
    return command("BUFFER_WRITE", buffer, 0, offset, len(data), tail=data,
                   **kwargs)


def write_bulk(buffer, offset, size):
    return command("BUFFER_WRITE", buffer, 0, offset, size, flags=FLAG_BULK)


def read(buffer, offset, size, **kwargs):
    return command("BUFFER_READ", buffer, 0, offset, size, **kwargs)


def fill(buffer, offset, size, pattern, **kwargs):
    return command("BUFFER_FILL", buffer, 0, offset, size, tail=pattern,
                   **kwargs)


def write_rect(buffer, origin, region, pitches, data, **kwargs):
    return command("BUFFER_WRITE_RECT", buffer, 0, *origin, *region, *pitches,
                   tail=data, **kwargs)


def read_rect(buffer, origin, region, pitches, **kwargs):
    return command("BUFFER_READ_RECT", buffer, 0, *origin, *region, *pitches,
                   **kwargs)


def copy(source, target, source_offset, target_offset, size, **kwargs):
    return command("BUFFER_COPY", source, target, source_offset,
                   target_offset, size, **kwargs)


def copy_rect(source, target, source_origin, target_origin, region,
              source_pitches=(0, 0), target_pitches=(0, 0), **kwargs):
    return command("BUFFER_COPY_RECT", source, target, *source_origin,
                   *target_origin, *region, *source_pitches, *target_pitches,
                   **kwargs)


def program_create(number, length):
    return command("PROGRAM_CREATE", number, 0, length)


def program_source(number, text, offset=0):
    return command("PROGRAM_SOURCE", number, 0, offset, len(text), tail=text)


def build(number, options=b""):
    return command("PROGRAM_BUILD", number, 0, tail=options)


def compile_only(number, options=b""):
    return command("PROGRAM_COMPILE", number, 0, tail=options)


def link(number, inputs, options=b""):
    """Of the programs with these ids, one with a new id"""
    return command("PROGRAM_LINK", number, len(inputs),
                   tail=struct.pack(f"<{len(inputs)}I", *inputs) + options)


def program_read(number, what, offset, size):
    return command("PROGRAM_READ", number, what, offset, size)


def kernel_create(number, program, name):
    return command("KERNEL_CREATE", number, program, tail=name)


def arg_value(kernel, index, data):
    return command("KERNEL_ARG", kernel, index, ARG_VALUE, 0, 0, tail=data)


def arg_local(kernel, index, size):
    return command("KERNEL_ARG", kernel, index, ARG_LOCAL, 0, size)


def arg_buffer(kernel, index, buffer):
    """Or an image, or a sampler"""
    return command("KERNEL_ARG", kernel, index, ARG_OBJECT, buffer, 0)


def launch(kernel, sizes, local=(0, 0, 0), offset=(0, 0, 0), **kwargs):
    """`sizes` has as many as there are dimensions."""
    def three(numbers):
        return (*numbers, 0, 0, 0)[:3]

    return command("KERNEL_LAUNCH", kernel, len(sizes), *three(offset),
                   *three(sizes), *three(local), **kwargs)


def kernel_info(kernel, param):
    return command("KERNEL_INFO", kernel, param)


def sub_group_info(kernel, param, value=b""):
    return command("KERNEL_SUB_GROUP_INFO", kernel, param, tail=value)


def image_formats(kind, flags=1):
    return command("IMAGE_FORMATS", kind, 0, flags)


def image_create(number, kind, size, channels, buffer=0, flags=1,
                 row_pitch=0):
    """`size` has up to three numbers, `channels` are order and type."""
    return command("IMAGE_CREATE", number, kind, *channels, buffer, 0, flags,
                   *(*size, 1, 1)[:3], row_pitch)


def image_write(image, origin, region, data, **kwargs):
    return command("IMAGE_WRITE", image, 0, *origin, *region, len(data),
                   tail=data, **kwargs)


def image_read(image, origin, region, size, **kwargs):
    return command("IMAGE_READ", image, 0, *origin, *region, size, **kwargs)


def image_fill(image, origin, region, color, **kwargs):
    return command("IMAGE_FILL", image, 0, *origin, *region, *color, **kwargs)


def image_copy(source, target, source_origin, target_origin, region,
               **kwargs):
    return command("IMAGE_COPY", source, target, *source_origin,
                   *target_origin, *region, **kwargs)


def image_to_buffer(image, buffer, origin, region, offset=0, **kwargs):
    return command("IMAGE_TO_BUFFER", image, buffer, *origin, *region, offset,
                   **kwargs)


def buffer_to_image(image, buffer, origin, region, offset=0, **kwargs):
    return command("BUFFER_TO_IMAGE", image, buffer, *origin, *region, offset,
                   **kwargs)


def sampler_create(number, normalized, addressing, filtering):
    return command("SAMPLER_CREATE", number, normalized, addressing, filtering)


# --- OpenCL's own numbers, of its header ---

def _numbers():
    text = open("/usr/include/CL/cl.h").read()
    for name, value in re.findall(
            r"^#define\s+(CL_\w+)\s+(-?\d+|0x[0-9A-Fa-f]+)\s*$", text, re.M):
        yield name, int(value, 0)


CL = dict(_numbers())


def kernels(data):
    """{name: (attributes, [(name, type, address, access, qualifiers)])}"""
    found, at = {}, 0
    while at < len(data):
        length, count, name_length, attributes_length = \
            KERNEL.unpack_from(data, at)
        text = at + KERNEL.size
        name = data[text:text + name_length].decode()
        attributes = data[text + name_length:][:attributes_length].decode()
        argument = text + len(pad(bytes(name_length + attributes_length)))
        arguments = []
        for _ in range(count):
            size, address, access, name_size, type_size, reserved, \
                qualifiers = ARGUMENT.unpack_from(data, argument)
            assert reserved == 0 and size % 8 == 0
            words = data[argument + ARGUMENT.size:][:name_size + type_size]
            arguments.append((words[:name_size].decode(),
                              words[name_size:].decode(), address, access,
                              qualifiers))
            argument += size
        assert length % 8 == 0 and argument == at + length
        found[name] = (attributes, arguments)
        at += length
    return found

