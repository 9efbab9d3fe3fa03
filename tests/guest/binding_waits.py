# SPDX-License-Identifier: GPL-2.0-or-later
"""What test_kernels.py runs in the guest: the Python binding on a device whose
mediator is that of scripted_mediator.py, and takes as long as it is told."""
import errno
import signal
import struct
import sys
import threading

import vgpu_stub

FOREVER = 60                    # seconds, longer than the test
count = 0


def request(seconds):
    """The bytes of a request that takes so long; see script.h."""
    global count
    count += 1
    return struct.pack("<8I3II", 0x10000, 0x1000, 0, 3, 44, 4, 0, 0,
                       int(seconds * 1000), 0, 0, count)


def test_ctrl_c():
    with vgpu_stub.Device(sys.argv[1]) as device:
        try:
            signal.alarm(1)
            device.call(request(FOREVER))
            raise AssertionError("not interrupted")
        except KeyboardInterrupt:
            pass
        job = device.submit(request(FOREVER))
        try:
            signal.alarm(1)
            job.result()
            raise AssertionError("not interrupted")
        except KeyboardInterrupt:
            pass
        assert not job.done()
        job.cancel()
        try:
            job.result()
            raise AssertionError("not cancelled")
        except OSError as error:
            assert error.errno == errno.ECANCELED
        device.call(request(0))


def test_jobs():
    with vgpu_stub.Device(sys.argv[1]) as device:
        jobs = [device.submit(request(0.01)) for _ in range(10)]
        first = struct.unpack_from("<I", jobs[0].result(), 32)[0]
        for number, job in enumerate(jobs):
            assert struct.unpack_from("<I", job.result(), 32)[0] == \
                first + number
        job = device.submit(request(FOREVER))
        try:
            job.result(0.1)
            raise AssertionError("ended")
        except TimeoutError:
            pass
    assert job.done()               # closing has cancelled it


def test_closing_while_others_call():
    for _ in range(4):
        device = vgpu_stub.Device(sys.argv[1])
        ends = []

        def use():
            try:
                while True:
                    with device.allocate(64) as buffer:
                        buffer.write(b"data")
                        buffer.read()
                        device.call(request(0))
            except OSError as error:
                ends.append(error.errno)

        threads = [threading.Thread(target=use) for _ in range(4)]
        for thread in threads:
            thread.start()
        device.call(request(0.1))
        device.close()
        device.close()
        for thread in threads:
            thread.join()
        assert set(ends) <= {errno.ECANCELED, errno.EBADF}, ends
        assert len(ends) == len(threads)


# As Ctrl-C does it
signal.signal(signal.SIGALRM, signal.default_int_handler)
for name, test in list(globals().items()):
    if name.startswith("test_"):
        test()
        print("ok", name)
