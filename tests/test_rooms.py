# SPDX-License-Identifier: GPL-2.0-or-later
"""The rooms of the daemon's source: each knows those that come after it."""
import re

import pytest

from support.paths import ROOT

MEDIATOR = ROOT / "mediator"

# What passes through them is in CONTRIBUTING.md. Rooms of one tuple don't know
# each other. "" is the folder itself: the daemon's life.
ROOMS = [("",), ("operate",), ("links", "executors"), ("schedule",), ("vms",),
         ("protocol",)]

# Programs of their own, with what they share with the daemon
PROGRAMS = {"worker": {"worker", "worker/opencl", "protocol"},
            "worker/opencl": {"worker", "worker/opencl", "protocol"},
            "starter": {"starter"},
            "gate": {"gate", "executors", "protocol", "starter"},
            "ctl": {"ctl", "protocol"}}


def known_to(room):
    if room in PROGRAMS:
        return PROGRAMS[room]
    level = next(i for i, rooms in enumerate(ROOMS) if room in rooms)
    below = {name for rooms in ROOMS[level + 1:] for name in rooms}
    return {room} | below | ({"starter"} if room == "executors" else set())


def room_of(path):
    return path.parent.relative_to(MEDIATOR).as_posix().replace(".", "")


@pytest.mark.parametrize(
    "path", sorted(path.relative_to(MEDIATOR).as_posix()
                   for path in MEDIATOR.rglob("*.[ch]")
                   if "kernels" not in path.parts))
def test_a_room_knows_only_those_below(path):
    path = MEDIATOR / path
    included = re.findall(r'#include "([^"]+)"', path.read_text())
    # Beside the file, or from the top; the rest are the interfaces of include/.
    found = {room_of(place) for name in included
             for place in (path.parent / name, MEDIATOR / name)
             if place.exists()}
    assert found <= known_to(room_of(path)), path
