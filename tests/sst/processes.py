# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes that are not the test's own children."""
import os
import random
import select
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path


def expect_end(pid, kill):
    """The process lives until kill(), and not after."""
    process = os.pidfd_open(pid)
    try:
        assert not select.select([process], [], [], 0)[0], f"{pid} has ended"
        kill()
        assert select.select([process], [], [], 30)[0], f"{pid} goes on"
    finally:
        os.close(process)


def child(pid):
    """The only child of a process, or None while it has none."""
    children = [int(word) for task in Path(f"/proc/{pid}/task").glob("*")
                for word in (task / "children").read_text().split()]
    assert len(children) < 2
    return children[0] if children else None


@contextmanager
def interrupted(pid):
    """That process is stopped again and again, as on a host with much to do."""
    rng = random.Random(1)
    over = threading.Event()

    def interrupt():
        while not over.is_set():
            try:
                os.kill(pid, signal.SIGSTOP)
                time.sleep(rng.uniform(0, 0.1))
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                return
            over.wait(rng.uniform(0, 0.02))

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
