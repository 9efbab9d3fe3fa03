# SPDX-License-Identifier: GPL-2.0-or-later
"""What test_kernels.py runs in the guest: the Python binding on a device whose
mediator has 1 MiB of memory for the VM."""
import array
import errno
import hashlib
import os
import select
import struct
import sys
from ctypes import c_float, c_uint32

import vgpu_stub


def floats(data):
    return array.array("f", data).tolist()


def raises(kind, function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def test_info(device):
    info = device.info()
    assert info["bdf"] in vgpu_stub.list_devices()
    assert (info["pool"], info["link_up"]) == ("A", True)
    accelerator = device.accelerator()
    assert accelerator["present"] and accelerator["name"]
    assert accelerator["memory_quota"] == 1 << 20


def test_echo(device):
    device.echo(b"")
    device.echo(bytes(range(256)))


def test_vector_add(device):
    n = 500
    a, b = (array.array("f", values)
            for values in (range(n), range(0, 3 * n, 3)))
    with device.upload(a.tobytes()) as in_a, device.upload(b.tobytes()) as in_b, \
            device.allocate(4 * n) as out:
        device.launch("vector_add", in_a, in_b, out, c_uint32(n), global_size=n)
        assert floats(out.read()) == [x + y for x, y in zip(a, b)]
        assert floats(out.read(8, offset=40)) == [40, 44]


def test_sha256(device):
    data = bytes(i * 7 % 251 for i in range(3000))
    message, digest = device.upload(data), device.allocate(32)
    device.launch("sha256", message, digest, c_uint32(len(data)), c_uint32(1),
                  global_size=1)
    assert digest.read() == hashlib.sha256(data).digest()


def test_sgemm(device):
    m, n, k, alpha, beta = 5, 7, 3, 2, -1
    a, b, c = ([float(i * factor % 11 - 5) for i in range(count)]
               for factor, count in ((3, m * k), (4, k * n), (5, m * n)))
    in_a, in_b, inout = (device.upload(array.array("f", matrix).tobytes())
                         for matrix in (a, b, c))
    device.launch("sgemm", in_a, in_b, inout, c_uint32(m), c_uint32(n),
                  c_uint32(k), c_float(alpha), c_float(beta),
                  global_size=(n, m))
    assert floats(inout.read()) == [
        alpha * sum(a[i * k + x] * b[x * n + j] for x in range(k))
        + beta * c[i * n + j] for i in range(m) for j in range(n)]


def test_lengths_are_bytes(device):
    values = array.array("f", range(8))
    shaped = memoryview(values.tobytes()).cast("B", (4, 8))
    for data in (values, shaped):
        assert device.upload(data).read() == values.tobytes()
    device.echo(values)


class Index:
    """An integer that is no int, as numpy has them"""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


def test_integers(device):
    buffer = device.allocate(Index(8))
    buffer.write(b"1234", offset=Index(4))
    assert buffer.read(Index(2), Index(5)) == b"23"
    for function, *args in ((buffer.write, 5), (device.upload, "text"),
                            (device.allocate, 1.5), (device.call, 3)):
        raises(TypeError, function, *args)
    for function, *args in ((device.allocate, 0), (device.allocate, 1 << 64),
                            (buffer.read, 9), (buffer.read, 1, 8),
                            (buffer.read, 1, -1), (buffer.write, b"12", 7)):
        raises(ValueError, function, *args)
    raises(ValueError, device.launch, "sha256", global_size=(1 << 32) + 4)
    for timeout in (-1, 1e9, float("nan")):
        raises(ValueError, setattr, device, "timeout", timeout)


def test_copies_and_jobs(device):
    n = 16
    a = device.upload(array.array("f", range(n)))
    b, out = device.allocate(4 * n), device.allocate(4 * n)
    b.copy_from(a, idempotent=True)
    b.copy_from(a, 4, offset=4, source_offset=8)
    assert floats(b.read(idempotent=True)) == [0, 2, *range(2, n)]
    job = device.submit_launch("vector_add", a, b, out, c_uint32(n),
                               global_size=n, idempotent=True)
    job.result(timeout=30)
    assert job.done()
    assert floats(out.read()) == [0, 3, *range(4, 2 * n, 2)]
    error = raises(vgpu_stub.RequestError,
                   device.submit_launch("frob", global_size=1).result)
    assert error.name == "UNKNOWN_KERNEL"


def test_read_into(device):
    values = array.array("f", range(1000))
    back = array.array("f", bytes(4000))
    buffer = device.upload(values)
    buffer.read_into(back)
    assert back == values
    buffer.read_into(memoryview(back)[500:], offset=8)
    assert back[500:] == values[2:502]
    buffer.write(memoryview(values)[::2])
    assert buffer.read(2000) == values[::2].tobytes()
    raises(TypeError, buffer.read_into, bytes(8))
    raises(TypeError, buffer.read_into, memoryview(back)[::2])
    raises(ValueError, buffer.read_into, bytearray(4001))
    buffer.free()


def test_how_far_a_copy_got(device):
    buffer = device.upload(bytes(5000))
    handle, buffer.handle = buffer.handle, buffer.handle ^ 1
    error = raises(vgpu_stub.RequestError, buffer.write, bytes(5000))
    assert (error.name, error.copied) == ("INVALID_HANDLE", 0)
    buffer.handle = handle


def test_kernels(device):
    kernels = device.kernels()
    assert kernels["saxpy"] == [("x", "in"), ("y", "inout"), ("n", "u32"),
                                ("a", "f32")]
    assert list(kernels) == sorted(kernels)


def test_poll(device):
    jobs = [device.submit(struct.pack("<8I", 0x10000, 6, 0, 0, 0, 0, 0, 0),
                          order=number) for number in range(5)]
    while not all(job.done() for job in jobs):
        assert select.select([device], [], [], 30)[0]
    assert not select.select([device], [], [], 0)[0]
    raises(ValueError, device.submit, bytes(32), order=1 << 24)


def test_own_program(device):
    """The host of this test does not allow them; the request is one."""
    program = device.program("kernel void k() {}")
    assert program.read() == b"kernel void k() {}"
    error = raises(vgpu_stub.RequestError, device.launch, "k", global_size=1,
                   program=program)
    assert error.name != "UNKNOWN_KERNEL", error
    program.free()
    raises(ValueError, device.launch, "sha256", global_size=1, program=program)


def test_printing(_):
    """On the device whose catalogue has a kernel for it"""
    with vgpu_stub.Device("00:03.0") as device:
        printed = device.launch("say", c_uint32(2), global_size=1)
        assert (printed, printed.missing) == (b"0\n1\n", 0)
        job = device.submit_launch("say", c_uint32(500), global_size=1)
        printed = job.printed()
        assert printed.startswith(b"0\n1\n2\n")
        assert (len(printed), printed.missing) == (988, 902)
        printed = device.launch("say", c_uint32(500), global_size=1,
                                large=True)
        assert (len(printed), printed.missing) == \
            ((1890, 0) if device.info()["queue"] else (988, 902))
        assert device.launch("say", c_uint32(0), global_size=1) == b""


def test_a_handle_stays_until_it_is_free(device):
    buffer = device.allocate(8)
    good, buffer.handle = buffer.handle, 1 << 63
    raises(vgpu_stub.RequestError, buffer.free)
    assert buffer.handle == 1 << 63
    buffer.handle = good
    buffer.free()
    assert buffer.handle == 0


def test_fork(device):
    buffer = device.upload(b"parent's")
    child = os.fork()
    if child == 0:
        with device, buffer:
            raises(OSError, buffer.read)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert buffer.read() == b"parent's"


def test_closing_frees(device):
    """By the driver nobody waits for that."""
    while device.info()["queue"] and device.accelerator()["memory_used"]:
        pass
    assert device.accelerator()["memory_used"] == 0


def test_free_all(device):
    buffer, other = device.upload(b"mine"), device.allocate(5000)
    assert device.free_all() == 4096 + 8192
    assert device.accelerator()["memory_used"] == 0
    raises(vgpu_stub.RequestError, buffer.read)
    buffer.free()
    other.free()
    assert device.free_all() == 0


def test_errors(device):
    error = raises(vgpu_stub.RequestError, device.launch, "frob",
                   global_size=1)
    assert (error.code, error.name) == (0xf2, "UNKNOWN_KERNEL")
    assert str(error).startswith("UNKNOWN_KERNEL: ")
    error = raises(vgpu_stub.RequestError, device.allocate, 2 << 20)
    assert error.name == "OUT_OF_MEMORY"
    raises(TypeError, device.launch, "vector_add", 5, global_size=1)
    raises(ValueError, device.launch, "vector_add", global_size=())
    if device.info()["driver"]:
        vgpu_stub.Device(device.info()["bdf"]).close()
    else:
        assert raises(OSError, vgpu_stub.Device,
                      device.info()["bdf"]).errno == errno.EBUSY
    assert raises(OSError, vgpu_stub.Device, "ff:1f.7").errno == errno.ENODEV
    device.close()
    raises(OSError, device.echo, b"")
    device.close()


for name, test in list(globals().items()):
    if name.startswith("test_"):
        with vgpu_stub.Device() as opened:
            test(opened)
        print("ok", name)
