# SPDX-License-Identifier: GPL-2.0-or-later
import time


def wait_for(condition, what, timeout=10):
    """Poll until condition() is true and return it; fail, naming `what`."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"no {what} within {timeout} s"
        time.sleep(0.005)
