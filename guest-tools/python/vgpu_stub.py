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
else is an OSError: PermissionError where the user is neither a member of the
group render nor root, TimeoutError when a request took longer than the device's
`timeout`. One that ends a copy early has the attribute `copied`: how many bytes
were copied, from the first on; so has a RequestError.

`idempotent=True` is for requests that do no harm when they are executed twice:
they are sent again when a reset, a migration or a restart of the mediator has
interrupted them.

Data are anything with the buffer protocol: bytes, array.array, an array of
numpy; those of any size are copied from where they are, and, by read_into(), to
where they are to be. Sizes and offsets are bytes, and any integer, such as one
of numpy.

Requests of one `order`, a number, are executed one after the other.
"""
import contextlib
import ctypes
import errno
import functools
import os
import threading
import time
from ctypes import byref, c_uint64, c_void_p

import vgpu_stub_library as _c
import vgpu_stub_values as _v
from vgpu_stub_library import library as _library

__all__ = ["Buffer", "Device", "Job", "Printed", "Program", "RequestError",
           "list_devices", "version"]

_WAIT_MS = 100                  # between two looks at Python's signals


class RequestError(Exception):
    """A request ended in an error: `code` and `name` are the device's, the
    text is what the host says about it."""

    def __init__(self, outcome):
        text = ctypes.create_string_buffer(_c.BUF_SIZE)
        _library.vgpu_stub_message(byref(outcome), text, _c.BUF_SIZE)
        self.code = outcome.error_code
        self.name = _library.vgpu_stub_error_name(self.code).decode()
        super().__init__(f"{self.name}: {text.value.decode()}")


def version():
    """The version of libvgpu-stub."""
    return _library.vgpu_stub_version().decode()


def list_devices():
    """The PCI addresses of this machine's devices."""
    count = 16
    while True:
        addresses = ((ctypes.c_char * _c.BDF_SIZE) * count)()
        found = _check(_library.vgpu_stub_list(addresses, count), "list")
        if found <= count:
            return [address.value.decode() for address in addresses[:found]]
        count = found


class Buffer:
    """Memory of the accelerator; it is freed with free(), with the `with`
    block, or with its Device."""

    def __init__(self, device, size):
        self.device = device
        self.size = _v.integer(size, "the size of a buffer", 1)
        self._freeing = threading.Lock()
        handle = c_uint64()
        with device._using():       # until it is among those that close frees
            try:
                device._request("mem_alloc", self.size, byref(handle))
            finally:
                self.handle = handle.value
                if self.handle:
                    device._buffers.add(self)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            self.free()
        except (OSError, RequestError):
            if kind is None:        # else that is what the program is to see
                raise

    def free(self):
        """Free the memory, if that has not been done. When this fails, the
        memory is still there, and `handle` names it. A child of os.fork()
        cannot free its parent's."""
        if self.device._is_inherited():
            return
        with self.device._using():
            self._free()

    def _free(self):
        with self._freeing:
            if self.handle:
                self.device._send("mem_free", self.handle)
                self._discard()

    def _forget(self):
        with self._freeing:
            self._discard()

    def _discard(self):
        self.handle = 0
        self.device._buffers.discard(self)

    def write(self, data, offset=0, idempotent=False):
        with _v.memory(data) as (address, size):
            self._copy(_c.COPY_TO_DEVICE, address, size, offset, idempotent)

    def read(self, size=None, offset=0, idempotent=False):
        """`size` bytes from `offset`; all there are, if that is not given."""
        offset = _v.integer(offset, "an offset")
        size = max(self.size - offset, 0) if size is None else size
        size = _v.integer(size, "a size")
        self._range(offset, size)
        data = bytearray(size)
        self.read_into(data, offset, idempotent)
        return bytes(data)

    def read_into(self, data, offset=0, idempotent=False):
        """Fill data, which can be written to, such as a bytearray or an array
        of numpy, from `offset` on."""
        with _v.memory(data, writable=True) as (address, size):
            self._copy(_c.COPY_FROM_DEVICE, address, size, offset, idempotent)

    def _copy(self, direction, address, size, offset, idempotent):
        copy = _c.Copy(direction=direction, handle=self.handle, data=address,
                       offset=self._range(offset, size), length=size)
        try:
            self.device._request("transfer", byref(copy),
                                 idempotent=idempotent)
        except (OSError, RequestError) as error:
            error.copied = copy.done
            raise

    def copy_from(self, source, size=None, offset=0, source_offset=0,
                  idempotent=False):
        """Copy from another Buffer of the device, on the host: `size` bytes,
        all that it has from `source_offset` on if that is not given."""
        if source.device is not self.device:
            raise ValueError("the buffers are of different devices")
        source_offset = _v.integer(source_offset, "an offset")
        if size is None:
            size = max(source.size - source_offset, 0)
        size = _v.integer(size, "a size")
        offset = self._range(offset, size)
        source._range(source_offset, size)
        self.device._request("mem_copy", self.handle, offset, source.handle,
                             source_offset, size, idempotent=idempotent)

    def _range(self, offset, size):
        offset = _v.integer(offset, "an offset")
        if offset + size > self.size:
            raise ValueError(f"{size} bytes at {offset} of a buffer of "
                             f"{self.size} bytes")
        return offset


class Program(Buffer):
    """A program of kernels, in the accelerator's memory, for
    launch(program=...)."""

    def __init__(self, device, source):
        if isinstance(source, str):
            source = source.encode()
        source = _v.to_bytes(source)
        super().__init__(device, len(source))
        device._fill(self, source)


class Printed(bytes):
    """What a kernel has printed; `missing` is how many bytes there were more,
    at least, which the host did not keep."""

    def __new__(cls, response):
        reply = _c.Reply()
        parse = _library.vgpu_stub_parse_answer \
            if isinstance(response, _c.Answer) else _library.vgpu_stub_parse
        _check(parse(byref(response), byref(reply)), "response")
        printed = super().__new__(
            cls, ctypes.string_at(reply.data, reply.data_length))
        printed.missing = reply.results[0] if reply.result_count else 0
        return printed


class Job:
    """A request that was submitted, until it has ended."""

    def __init__(self, device, job):
        self._device = device       # lives as long as its jobs
        self._job = job

    def __del__(self):
        if self._job and _library:
            _library.vgpu_stub_job_free(self._job)
            self._job = None

    def done(self):
        return self._wait(0, _c.Answer()) != -errno.EAGAIN

    def cancel(self):
        """End it soon, as an OSError of ECANCELED, unless it has ended."""
        _library.vgpu_stub_cancel(self._job)

    def result(self, timeout=None):
        """The response's bytes, once it has ended; TimeoutError when that is
        not so within `timeout` seconds."""
        return self._answer(timeout).response()

    def printed(self, timeout=None):
        """As result(), of a launch: the Printed of its kernel."""
        return Printed(self._answer(timeout))

    def _answer(self, timeout):
        end = None if timeout is None else \
            time.monotonic() + _v.milliseconds(timeout) / 1000
        answer = _c.Answer()
        while True:
            left = _WAIT_MS if end is None else \
                max(0, min(_WAIT_MS, int((end - time.monotonic()) * 1000) + 1))
            rc = self._wait(left, answer)
            if rc == -errno.EREMOTEIO:
                raise RequestError(self._outcome())
            if rc != -errno.EAGAIN:
                _check(rc, "job")
                return answer
            if end is not None and time.monotonic() >= end:
                raise TimeoutError(errno.ETIMEDOUT, "the job has not ended")

    def _outcome(self):
        """That of an error"""
        outcome = _c.Outcome()
        _library.vgpu_stub_wait(self._job, 0, byref(outcome))
        return outcome

    def _wait(self, timeout_ms, answer):
        return _library.vgpu_stub_wait_answer(self._job, timeout_ms,
                                              byref(answer))


class Device:
    """An open device: the one at the PCI address `bdf`, or the first one.

    `timeout` is what a request may take, in seconds; None is as long as the
    device itself allows.
    """

    def __init__(self, bdf=None, timeout=None):
        self._dev = None
        self.timeout = timeout
        self._buffers = set()
        self._pid = os.getpid()
        self._state = threading.Condition()     # for what follows
        self._users = 0             # threads in a call
        self._closed = False        # no call begins any more
        self._closing = False       # all calls are to end
        self._stopped = set()       # threads whose call is to end
        dev = c_void_p()
        _check(_library.vgpu_stub_open(bdf and bdf.encode(), byref(dev)),
               bdf or "first device")
        self._dev = dev
        self._stop = _c.Stop(self._is_stopped)
        _library.vgpu_stub_set_stop(dev, self._stop, None)

    @property
    def timeout(self):
        return self._timeout

    @timeout.setter
    def timeout(self, seconds):
        self._timeout_ms = -1 if seconds is None else _v.milliseconds(seconds)
        self._timeout = seconds

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            self.close()
        except (OSError, RequestError):
            if kind is None:        # else that is what the program is to see
                raise

    def close(self):
        """Free the buffers that are left, and close the device. Calls of
        other threads end as an OSError of ECANCELED. If memory cannot be
        freed, the first error is raised when all else is done.

        In a child of os.fork() the parent's device and memory stay."""
        if self._is_inherited():
            dev, self._dev = self._dev, None
            _library.vgpu_stub_close(dev)
            return
        with self._state:
            if self._closed:
                self._state.wait_for(lambda: self._dev is None)
                return
            self._closed = self._closing = True
            self._state.wait_for(lambda: self._users == 0)
            self._closing = False
        failure = None
        try:
            failure = self._free_buffers()
        finally:
            with self._state:
                dev, self._dev = self._dev, None
                _library.vgpu_stub_close(dev)
                self._state.notify_all()
        if failure:
            raise failure

    def _free_buffers(self):
        """Returns the first failure, or None."""
        failure = None
        for buffer in list(self._buffers):
            try:
                buffer._free()
            except RequestError as error:
                # Where a worker has ended, its memory has gone
                if error.code != _c.ERR_INVALID_HANDLE:
                    failure = failure or error
            except OSError as error:
                failure = failure or error
        return failure

    def info(self):
        """What the device is, as a dictionary; vgpu_stub_info has the keys."""
        info = _c.Info()
        with self._using():
            _check(_library.vgpu_stub_get_info(self._dev, byref(info)), "info")
        return info.dictionary()

    def accelerator(self, idempotent=False):
        """What executes the requests, as a dictionary with the keys of
        vgpu_stub_accelerator."""
        accelerator = _c.Accelerator()
        self._request("get_accelerator", byref(accelerator),
                      idempotent=idempotent)
        return accelerator.dictionary()

    def kernels(self, idempotent=False):
        """The kernels of the host's catalogue: {name: [(argument's name,
        type), ...]}, where a type is "in", "out" or "inout" of a buffer, or
        "u32", "f32", "u64" or "f64"."""
        count = 0
        with self._using():
            while True:
                rows = (_c.Row * count)()
                outcome = _c.Outcome()
                rc = self._call("list_kernels", rows, count, self._timeout_ms,
                                *_flags(idempotent), byref(outcome))
                _take(rc, "list_kernels", outcome)
                if rc <= count:
                    return _v.kernels(rows[:rc])
                count = rc

    def fileno(self):
        """For select, poll and asyncio's add_reader(): it is readable while
        there are Jobs that have ended and of which that is not known yet."""
        with self._using():
            return _check(_library.vgpu_stub_fd(self._dev), "fileno")

    def call(self, request):
        """Send these bytes as a request; returns the response's bytes."""
        request = _v.to_bytes(request)
        return self._request("call", request, len(request)).response()

    def submit(self, request, idempotent=False, order=0, large=False):
        """Send these bytes as a request and do not wait; returns a Job.

        By the driver's queue, the response of a large one may have 64 KiB
        instead of 1."""
        request = _v.to_bytes(request)
        return self._submit("submit", request, len(request),
                            flags=_flags(idempotent, order, large))

    def echo(self, data):
        """Send data to the mediator and back, and compare."""
        data = _v.to_bytes(data)
        self._request("echo", data, len(data))

    def allocate(self, size):
        """A Buffer of zeros."""
        return Buffer(self, size)

    def upload(self, data):
        """A Buffer with these bytes."""
        with memoryview(data) as view:
            size = view.nbytes
        return self._fill(self.allocate(size), data)

    def program(self, source):
        """A Program of this source, where the host allows own programs."""
        return Program(self, source)

    def free_all(self):
        """Free all memory that was allocated through the device, also by
        other programs, and return how many bytes that were. The Buffers that
        there are can be used no more."""
        freed = c_uint64()
        with self._using():
            buffers = list(self._buffers)
            self._send("mem_free_all", byref(freed))
            for buffer in buffers:
                buffer._forget()
        return freed.value

    def launch(self, name, *args, global_size, local_size=None, program=None,
               idempotent=False, large=False):
        """Run a kernel of the catalogue, or of a Program; returns what it has
        Printed.

        An argument is a Buffer or a number of ctypes: c_uint32, c_float, …
        Sizes are work items in each dimension, a number or a tuple; without
        local_size the host chooses. A kernel is idempotent if it does not read
        what it writes. By the driver's queue, one that prints much, up to
        64 KiB instead of 1, is a large one.
        """
        if large:
            return self.submit_launch(
                name, *args, global_size=global_size, local_size=local_size,
                program=program, idempotent=idempotent, large=True).printed()
        kernel = _v.kernel(name, args, global_size, local_size, program)
        return Printed(self._request("launch", byref(kernel),
                                     idempotent=idempotent))

    def submit_launch(self, name, *args, global_size, local_size=None,
                      program=None, idempotent=False, order=0, large=False):
        """As launch(), but do not wait; returns a Job."""
        kernel = _v.kernel(name, args, global_size, local_size, program)
        return self._submit("submit_launch", byref(kernel),
                            flags=_flags(idempotent, order, large))

    def synchronize(self, idempotent=False):
        """Wait until the host has executed what was sent before."""
        self._request("synchronize", idempotent=idempotent)

    def _is_inherited(self):
        return os.getpid() != self._pid

    def _is_stopped(self, _):
        """Asked by calls that wait, in their thread"""
        return self._closing or threading.get_ident() in self._stopped

    @contextlib.contextmanager
    def _using(self):
        """The device is not closed meanwhile."""
        if self._is_inherited():
            raise OSError(errno.ECANCELED, "the device is the parent's")
        with self._state:
            if self._closed:
                raise OSError(errno.EBADF, "the device is closed")
            self._users += 1
        try:
            yield
        finally:
            with self._state:
                self._users -= 1
                self._state.notify_all()

    def _fill(self, buffer, data):
        """The buffer, with the data; it is freed if that fails."""
        try:
            buffer.write(data)
        except BaseException:
            buffer.free()
            raise
        return buffer

    def _request(self, name, *args, idempotent=None):
        """The outcome of a request that the library's function sends; that
        takes flags unless `idempotent` is None."""
        with self._using():
            return self._send(name, *args, idempotent=idempotent)

    def _send(self, name, *args, idempotent=None):
        outcome = _c.Outcome()
        rc = self._call(name, *args, self._timeout_ms, *_flags(idempotent),
                        byref(outcome))
        return _take(rc, name, outcome)

    def _submit(self, name, *args, flags):
        job = c_void_p()
        with self._using():
            _check(_function(name)(self._dev, *args, self._timeout_ms,
                                   *flags, byref(job)), name)
        return Job(self, job)

    def _call(self, name, *args):
        """What the library's function returns; within _using()"""
        call = functools.partial(_function(name), self._dev, *args)
        rc = self._interruptible(call)
        return -errno.ECANCELED if rc == -errno.EINTR else rc

    def _interruptible(self, call):
        """Python runs signal handlers in its main thread alone, and not while
        that is in a function of C; so there another thread makes the call."""
        if threading.current_thread() is not threading.main_thread():
            return call()
        result = []
        thread = threading.Thread(target=lambda: result.append(call()))
        try:
            thread.start()
            thread.join()
        except BaseException:
            self._stopped.add(thread.ident)
            while thread.is_alive():
                with contextlib.suppress(KeyboardInterrupt):
                    thread.join()
            raise
        finally:
            self._stopped.discard(thread.ident)
        return result[0]


def _function(name):
    return getattr(_library, "vgpu_stub_" + name)


def _check(rc, what):
    if rc < 0:
        raise OSError(-rc, f"{what}: {os.strerror(-rc)}")
    return rc


def _take(rc, what, outcome):
    """The outcome of what returned `rc`, unless that was an error."""
    if rc == -errno.EREMOTEIO:
        raise RequestError(outcome)
    _check(rc, what)
    return outcome


def _flags(idempotent, order=0, large=False):
    if idempotent is None:
        return []
    order = _v.integer(order, "an order", 0, _c.ORDERS - 1)
    return [(_c.IDEMPOTENT if idempotent else 0) |
            (_c.LARGE if large else 0) | order << 8]
