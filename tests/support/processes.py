# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes, as /proc tells of them."""
from pathlib import Path

from support.wait import wait_for


def _stat(pid):
    """State, parent and so on; of one that is gone, None."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def alive(pid):
    stat = _stat(pid)
    return stat is not None and stat[0] not in "ZX"


def wait_gone(*pids):
    wait_for(lambda: not any(map(alive, pids)), f"end of {pids}")


def children(parent):
    """{pid: arguments} of those that live"""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        stat = _stat(path.name)
        if stat is None or int(stat[1]) != parent or stat[0] in "ZX":
            continue
        try:
            found[int(path.name)] = \
                (path / "cmdline").read_text().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found
