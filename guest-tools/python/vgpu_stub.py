# SPDX-License-Identifier: MIT
"""Send requests through a vgpu-stub device, from Python.

    import hashlib
    from ctypes import c_uint32
    import vgpu_stub

    data = b"some bytes"
    with vgpu_stub.Device() as device:
        message, digest = device.upload(data), device.allocate(32)
        device.launch("sha256", message, digest, c_uint32(len(data)),
                      c_uint32(1), global_size=1)
        assert digest.read() == hashlib.sha256(data).digest()

It is libvgpu-stub, whose header has the details. Threads may share a Device.
What the device or the host says about a request is a RequestError; anything
else is an OSError: PermissionError when not root, TimeoutError when a request
took longer than the device's `timeout`.
"""
import ctypes
import errno
import os
from ctypes import (POINTER, byref, c_char, c_int, c_size_t, c_uint8, c_uint32,
                    c_uint64)

__all__ = ["Buffer", "Device", "RequestError", "list_devices"]

_BUF_SIZE = 1024
_BDF_SIZE = 17

_ARG_BUFFER = 1
_ARG_TYPES = {ctypes.c_uint32: 2, ctypes.c_int32: 2, ctypes.c_float: 3,
              ctypes.c_uint64: 4, ctypes.c_int64: 4, ctypes.c_double: 5}


class _Info(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t),
                ("bdf", c_char * _BDF_SIZE),
                ("pool", c_char),
                ("priority", c_uint32),
                ("vm_id", c_uint32),
                ("protocol_version", c_uint32),
                ("capabilities", c_uint32),
                ("request_timeout_ms", c_uint32),
                ("access_ns", c_uint32),
                ("link_up", ctypes.c_bool),
                ("interrupts", ctypes.c_bool)]


class _Accelerator(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t),
                ("present", ctypes.c_bool),
                ("opcodes", c_uint32),
                ("backend", c_uint32),
                ("compute_units", c_uint32),
                ("memory_quota", c_uint64),
                ("memory_used", c_uint64),
                ("name", c_char * 256)]


class _Outcome(ctypes.Structure):
    _fields_ = [("error_code", c_uint32),
                ("length", c_uint32),
                ("data", c_uint8 * _BUF_SIZE)]


class _Arg(ctypes.Structure):
    _fields_ = [("type", c_uint32), ("reserved", c_uint32),
                ("value", c_uint64)]


class _Kernel(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t),
                ("name", ctypes.c_char_p),
                ("dimensions", c_uint32),
                ("global_size", c_uint32 * 3),
                ("local_size", c_uint32 * 3),
                ("args", POINTER(_Arg)),
                ("arg_count", c_size_t),
                ("program", c_uint64),
                ("program_length", c_uint32)]


def _load():
    library = ctypes.CDLL("libvgpu-stub.so.1")
    dev, outcome = ctypes.c_void_p, POINTER(_Outcome)
    data, flags = ctypes.c_char_p, ctypes.c_uint
    for name, *types in (
            ("list", POINTER(c_char * _BDF_SIZE), c_int),
            ("open", ctypes.c_char_p, POINTER(dev)),
            ("get_info", dev, POINTER(_Info)),
            ("call", dev, data, c_size_t, c_int, outcome),
            ("echo", dev, data, c_size_t, c_int, outcome),
            ("get_accelerator", dev, POINTER(_Accelerator), c_int, flags,
             outcome),
            ("mem_alloc", dev, c_uint64, POINTER(c_uint64), c_int, outcome),
            ("mem_free", dev, c_uint64, c_int, outcome),
            ("mem_write", dev, c_uint64, c_uint64, data, c_size_t, c_int,
             flags, outcome),
            ("mem_read", dev, c_uint64, c_uint64, data, c_size_t, c_int,
             flags, outcome),
            ("launch", dev, POINTER(_Kernel), c_int, flags, outcome),
            ("synchronize", dev, c_int, flags, outcome)):
        getattr(library, "vgpu_stub_" + name).argtypes = types
    library.vgpu_stub_close.argtypes = [dev]
    library.vgpu_stub_close.restype = None
    library.vgpu_stub_message.argtypes = [outcome, ctypes.c_char_p, c_size_t]
    library.vgpu_stub_message.restype = None
    library.vgpu_stub_error_name.argtypes = [c_uint32]
    library.vgpu_stub_error_name.restype = ctypes.c_char_p
    return library


_library = _load()


class RequestError(Exception):
    """A request ended in an error: `code` and `name` are the device's, the
    text is what the host says about it."""

    def __init__(self, outcome):
        text = ctypes.create_string_buffer(_BUF_SIZE)
        _library.vgpu_stub_message(byref(outcome), text, _BUF_SIZE)
        self.code = outcome.error_code
        self.name = _library.vgpu_stub_error_name(self.code).decode()
        super().__init__(f"{self.name}: {text.value.decode()}")


def _check(rc, what):
    if rc < 0:
        raise OSError(-rc, f"{what}: {os.strerror(-rc)}")
    return rc


def list_devices():
    """The PCI addresses of this machine's devices."""
    most = 256
    addresses = ((c_char * _BDF_SIZE) * most)()
    count = _check(_library.vgpu_stub_list(addresses, most), "list")
    return [address.value.decode() for address in addresses[:count]]


class Buffer:
    """Memory of the accelerator; it is freed with free(), with the `with`
    block, or with its Device."""

    def __init__(self, device, size):
        self.device = device
        self.size = size
        handle = c_uint64()
        device._request("mem_alloc", size, byref(handle))
        self.handle = handle.value
        device._buffers.add(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.free()

    def free(self):
        if self.handle:
            self.device._buffers.discard(self)
            handle, self.handle = self.handle, 0
            self.device._request("mem_free", handle)

    def write(self, data, offset=0):
        data = bytes(data)
        self.device._request("mem_write", self.handle, offset, data,
                             len(data), flags=True)

    def read(self, size=None, offset=0):
        """`size` bytes from `offset`; all there are, if that is not given."""
        size = self.size - offset if size is None else size
        data = ctypes.create_string_buffer(size)
        self.device._request("mem_read", self.handle, offset, data, size,
                             flags=True)
        return data.raw


class Device:
    """An open device: the one at the PCI address `bdf`, or the first one.

    `timeout` is what a request may take, in seconds; None is as long as the
    device itself allows.
    """

    def __init__(self, bdf=None, timeout=None):
        self.timeout = timeout
        self._buffers = set()
        self._dev = ctypes.c_void_p()
        _check(_library.vgpu_stub_open(bdf and bdf.encode(),
                                       byref(self._dev)), bdf or "first device")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Free the buffers that are left, and close the device."""
        if self._dev:
            try:
                for buffer in list(self._buffers):
                    buffer.free()
            except (OSError, RequestError):
                pass            # the memory has gone with its worker
            finally:
                _library.vgpu_stub_close(self._dev)
                self._dev = None

    def _request(self, name, *args, flags=False):
        """The outcome of a request that the library's function sends."""
        if not self._dev:
            raise OSError(errno.EBADF, "the device is closed")
        outcome = _Outcome()
        timeout = -1 if self.timeout is None else int(self.timeout * 1000)
        rc = getattr(_library, "vgpu_stub_" + name)(
            self._dev, *args, timeout, *([0] if flags else []), byref(outcome))
        if rc == -errno.EREMOTEIO:
            raise RequestError(outcome)
        _check(rc, name)
        return outcome

    def info(self):
        """What the device is, as a dictionary; vgpu_stub_info has the keys."""
        if not self._dev:
            raise OSError(errno.EBADF, "the device is closed")
        info = _Info(ctypes.sizeof(_Info))
        _check(_library.vgpu_stub_get_info(self._dev, byref(info)), "info")
        return _dictionary(info)

    def accelerator(self):
        """What executes the requests, as a dictionary with the keys of
        vgpu_stub_accelerator."""
        accelerator = _Accelerator(ctypes.sizeof(_Accelerator))
        self._request("get_accelerator", byref(accelerator), flags=True)
        return _dictionary(accelerator)

    def call(self, request):
        """Send these bytes as a request; returns the response's bytes."""
        outcome = self._request("call", bytes(request), len(request))
        return bytes(outcome.data[:outcome.length])

    def echo(self, data):
        """Send data to the mediator and back, and compare."""
        self._request("echo", bytes(data), len(data))

    def allocate(self, size):
        """A Buffer of zeros."""
        return Buffer(self, size)

    def upload(self, data):
        """A Buffer with these bytes."""
        buffer = self.allocate(len(data))
        buffer.write(data)
        return buffer

    def launch(self, name, *args, global_size, local_size=None):
        """Run a kernel of the catalogue.

        An argument is a Buffer or a number of ctypes: c_uint32, c_float, …
        Sizes are work items in each dimension, a number or a tuple; without
        local_size the host chooses.
        """
        arguments = (_Arg * len(args))(*map(_argument, args))
        dimensions, sizes = _nd_range(global_size)
        kernel = _Kernel(ctypes.sizeof(_Kernel), name.encode(), dimensions, sizes,
                         _nd_range(local_size)[1] if local_size else
                         (c_uint32 * 3)(), arguments, len(args))
        self._request("launch", byref(kernel), flags=True)

    def synchronize(self):
        """Wait until the host has executed what was sent before."""
        self._request("synchronize", flags=True)


def _dictionary(structure):
    values = {name: getattr(structure, name)
              for name, _ in structure._fields_[1:]}
    return {name: value.decode() if isinstance(value, bytes) else value
            for name, value in values.items()}


def _argument(value):
    if isinstance(value, Buffer):
        return _Arg(_ARG_BUFFER, 0, value.handle)
    if type(value) not in _ARG_TYPES:
        raise TypeError(f"{value!r} is neither a Buffer nor a c_uint32, "
                        "c_int32, c_uint64, c_int64, c_float or c_double")
    return _Arg(_ARG_TYPES[type(value)], 0,
                int.from_bytes(bytes(value), "little"))


def _nd_range(size):
    """(dimensions, sizes of all three)"""
    size = (size,) if isinstance(size, int) else tuple(size)
    if not 1 <= len(size) <= 3:
        raise ValueError(f"{size}: one to three dimensions")
    return len(size), (c_uint32 * 3)(*size, *[1] * (3 - len(size)))
