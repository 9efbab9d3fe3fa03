# SPDX-License-Identifier: MIT
"""libvgpu-stub's functions and structures, for the module vgpu_stub.

vgpu-stub.h says what they are; nothing here is for programs.
"""
import ctypes
from ctypes import (POINTER, Structure, c_bool, c_char, c_char_p, c_int,
                    c_size_t, c_uint8, c_uint32, c_uint64, c_void_p, sizeof)

BUF_SIZE = 1024
BDF_SIZE = 17
IDEMPOTENT, MORE, LARGE = 1, 2, 4
ORDERS = 1 << 24
COPY_TO_DEVICE, COPY_FROM_DEVICE = 0, 1
KERNEL_ARGS_MAX = 57

ARG_BUFFER = 1
ARG_TYPES = {ctypes.c_uint32: 2, ctypes.c_int32: 2, ctypes.c_float: 3,
             ctypes.c_uint64: 4, ctypes.c_int64: 4, ctypes.c_double: 5}

ERR_INVALID_HANDLE = 0xf1

# Asked by calls that wait: are they to end early?
Stop = ctypes.CFUNCTYPE(c_bool, c_void_p)


class Sized(Structure):
    """A structure that may grow: its first member is its size."""

    def __init__(self, **values):
        super().__init__(sizeof(type(self)), **values)

    def dictionary(self):
        values = {name: getattr(self, name) for name, _ in self._fields_[1:]}
        return {name: value.decode(errors="replace")
                if isinstance(value, bytes) else value
                for name, value in values.items()}


class Info(Sized):
    _fields_ = [("struct_size", c_size_t),
                ("bdf", c_char * BDF_SIZE),
                ("pool", c_char),
                ("priority", c_uint32),
                ("vm_id", c_uint32),
                ("protocol_version", c_uint32),
                ("capabilities", c_uint32),
                ("request_timeout_ms", c_uint32),
                ("access_ns", c_uint32),
                ("link_up", c_bool),
                ("interrupts", c_bool),
                ("driver", c_bool),
                ("queue", c_bool),
                ("bulk_max", c_uint32)]


class Accelerator(Sized):
    _fields_ = [("struct_size", c_size_t),
                ("present", c_bool),
                ("opcodes", c_uint32),
                ("backend", c_uint32),
                ("compute_units", c_uint32),
                ("memory_quota", c_uint64),
                ("memory_used", c_uint64),
                ("name", c_char * 256),
                ("opencl", c_bool)]


class Copy(Sized):
    _fields_ = [("struct_size", c_size_t),
                ("direction", c_uint32),
                ("handle", c_uint64),
                ("offset", c_uint64),
                ("source", c_uint64),
                ("source_offset", c_uint64),
                ("data", c_void_p),
                ("length", c_uint64),
                ("done", c_uint64)]


class Row(Structure):
    _fields_ = [("type", c_uint32), ("detail", c_uint32), ("name", c_char * 32)]


class Arg(Structure):
    _fields_ = [("type", c_uint32), ("reserved", c_uint32),
                ("value", c_uint64)]


class Kernel(Sized):
    _fields_ = [("struct_size", c_size_t),
                ("name", c_char_p),
                ("dimensions", c_uint32),
                ("global_size", c_uint32 * 3),
                ("local_size", c_uint32 * 3),
                ("args", POINTER(Arg)),
                ("arg_count", c_size_t),
                ("program", c_uint64),
                ("program_length", c_uint32)]


class Outcome(Structure):
    _fields_ = [("error_code", c_uint32),
                ("length", c_uint32),
                ("data", c_uint8 * BUF_SIZE)]

    def response(self):
        return bytes(self.data[:self.length])


class Answer(Sized):
    _fields_ = [("struct_size", c_size_t),
                ("error_code", c_uint32),
                ("length", c_uint32),
                ("data", c_void_p)]

    def response(self):
        return ctypes.string_at(self.data, self.length)


class Reply(Structure):
    _fields_ = [("status", c_uint32),
                ("exec_time_us", c_uint32),
                ("result_count", c_uint32),
                ("data_length", c_uint32),
                ("results", POINTER(c_uint32)),
                ("data", c_void_p)]


def _load():
    library = ctypes.CDLL("libvgpu-stub.so.1")
    dev, job, outcome = c_void_p, c_void_p, POINTER(Outcome)
    data, flags = c_char_p, ctypes.c_uint
    for result, name, *types in (
            (c_char_p, "version"),
            (c_int, "list", POINTER(c_char * BDF_SIZE), c_int),
            (c_int, "open", c_char_p, POINTER(dev)),
            (None, "close", dev),
            (None, "set_stop", dev, Stop, c_void_p),
            (c_int, "get_info", dev, POINTER(Info)),
            (c_int, "call", dev, data, c_size_t, c_int, outcome),
            (c_int, "submit", dev, data, c_size_t, c_int, flags,
             POINTER(job)),
            (c_int, "wait", job, c_int, outcome),
            (c_int, "wait_answer", job, c_int, POINTER(Answer)),
            (None, "cancel", job),
            (None, "job_free", job),
            (c_int, "parse", outcome, POINTER(Reply)),
            (c_int, "parse_answer", POINTER(Answer), POINTER(Reply)),
            (None, "message", outcome, c_char_p, c_size_t),
            (c_char_p, "error_name", c_uint32),
            (c_int, "echo", dev, data, c_size_t, c_int, outcome),
            (c_int, "get_accelerator", dev, POINTER(Accelerator), c_int,
             flags, outcome),
            (c_int, "mem_alloc", dev, c_uint64, POINTER(c_uint64), c_int,
             outcome),
            (c_int, "mem_free", dev, c_uint64, c_int, outcome),
            (c_int, "mem_free_all", dev, POINTER(c_uint64), c_int, outcome),
            (c_int, "transfer", dev, POINTER(Copy), c_int, flags, outcome),
            (c_int, "mem_copy", dev, c_uint64, c_uint64, c_uint64, c_uint64,
             c_uint64, c_int, flags, outcome),
            (c_int, "fd", dev),
            (c_int, "list_kernels", dev, POINTER(Row), c_int, c_int, flags,
             outcome),
            (c_int, "launch", dev, POINTER(Kernel), c_int, flags, outcome),
            (c_int, "submit_launch", dev, POINTER(Kernel), c_int, flags,
             POINTER(job)),
            (c_int, "synchronize", dev, c_int, flags, outcome)):
        function = getattr(library, "vgpu_stub_" + name)
        function.restype, function.argtypes = result, types
    return library


library = _load()
