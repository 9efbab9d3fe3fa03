# SPDX-License-Identifier: GPL-2.0-or-later
"""LIST_KERNELS of docs/operations.md: the rows of the package's catalogue."""
import configparser
import struct

from support import abi
from support.paths import ROOT

ROW = struct.Struct("<II32s")
TYPES = {"buffer": abi.VGPU_STUB_ARG_BUFFER, "u32": abi.VGPU_STUB_ARG_U32,
         "f32": abi.VGPU_STUB_ARG_F32}
ACCESSES = {"": 0, "read": abi.VGPU_STUB_ACCESS_READ,
            "write": abi.VGPU_STUB_ACCESS_WRITE}
ACCESSES["readwrite"] = ACCESSES["read"] | ACCESSES["write"]


def catalogue():
    """The (type, detail, name) that the manifests are to give"""
    for path in sorted((ROOT / "mediator/kernels").glob("*.kernel")):
        manifest = configparser.ConfigParser()
        manifest.read(path)
        yield (abi.VGPU_STUB_ROW_KERNEL, int(manifest["kernel"]["dimensions"]),
               path.stem)
        for name, value in manifest["args"].items():
            kind, access = (*value.split(), "")[:2]
            yield TYPES[kind], ACCESSES[access], name


def encode(rows):
    return b"".join(ROW.pack(kind, detail, name.encode())
                    for kind, detail, name in rows)


def decode(data):
    return [(kind, detail, name.rstrip(b"\0").decode())
            for kind, detail, name in ROW.iter_unpack(data)]
