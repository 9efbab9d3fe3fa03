# SPDX-License-Identifier: GPL-2.0-or-later
"""The memory that device, mediator and worker share for a context, and what
could be sent in its stead."""
import fcntl
import mmap
import os

from support import abi

SMALL = abi.VGPU_STUB_ARENA_SMALL
LARGE = abi.VGPU_STUB_ARENA_LARGE
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


def size(small, large):
    """Bytes of an arena with so many places"""
    return small * SMALL + large * LARGE


def memory(length, seals=SEALS, flags=0):
    """The descriptor of a memfd of this length, sealed"""
    fd = os.memfd_create("arena", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC | flags)
    os.ftruncate(fd, length)
    if seals:
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


class Arena:
    """A good one; close() it, or it goes with the test's process."""

    def __init__(self, small=64, large=2):
        self.small, self.large = small, large
        self.size = size(small, large)
        self.fd = memory(self.size)
        self._map = mmap.mmap(self.fd, self.size)

    def close(self):
        self._map.close()
        os.close(self.fd)

    def is_small(self, place):
        return place < self.small

    def room(self, place):
        """Bytes for a request, a response and bulk in the place"""
        if self.is_small(place):
            return (abi.VGPU_STUB_ARENA_SMALL_REQUEST,
                    abi.VGPU_STUB_ARENA_SMALL_RESPONSE, 0)
        return (abi.VGPU_STUB_ARENA_LARGE_REQUEST,
                abi.VGPU_STUB_ARENA_LARGE_RESPONSE,
                abi.VGPU_STUB_ARENA_LARGE_BULK)

    def _parts(self, place):
        """Where the place's request, response and bulk begin"""
        start = (place * SMALL if self.is_small(place)
                 else size(self.small, place - self.small))
        request, response, _ = self.room(place)
        return start, start + request, start + request + response

    def request(self, place, length):
        start, _, _ = self._parts(place)
        return self._map[start:start + length]

    def bulk(self, place, length):
        _, _, start = self._parts(place)
        return self._map[start:start + length]

    def put_request(self, place, data):
        start, _, _ = self._parts(place)
        self._map[start:start + len(data)] = data

    def response(self, place, length):
        _, start, _ = self._parts(place)
        return self._map[start:start + length]

    def put_response(self, place, data):
        _, start, _ = self._parts(place)
        self._map[start:start + len(data)] = data

    def put_bulk(self, place, data):
        _, _, start = self._parts(place)
        self._map[start:start + len(data)] = data

    def fill(self, byte):
        """Write everywhere, whatever is in use."""
        self._map[:] = bytes([byte]) * self.size

    def resident(self):
        """Bytes of memory that it takes up"""
        return os.fstat(self.fd).st_blocks * 512
