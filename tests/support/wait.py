# SPDX-License-Identifier: GPL-2.0-or-later
import socket
import time

# Seconds in which a machine with much else to do gets anything done that does
# not take time of its own
PATIENCE = 60

# … and in which it is done with a program that computes for half a minute when
# it has nothing else to do, as those with sanitizers
LONG_PATIENCE = 600


def wait_for(condition, what, timeout=PATIENCE):
    """Poll until condition() is true and return it; fail, naming `what`."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"no {what} within {timeout} s"
        time.sleep(0.005)


def wait_connection(path, timeout=PATIENCE):
    """A connection to who listens there. That its socket is there is not
    enough: it is bound first."""
    def attempt():
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            sock.close()
            return None
        return sock

    return wait_for(attempt, f"listener at {path}", timeout)
