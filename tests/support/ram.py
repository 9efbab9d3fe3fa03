# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest's memory that the test shares with QEMU: it reads and writes while
QEMU works, as another processor does, and without a trip to it."""
import mmap
import os

SIZE = 32 << 20
START = 1 << 20         # of what tests use, above what firmware does


class Ram:
    """Addresses are the guest's; the memory ends with the mapping."""

    def __init__(self):
        self._fd = os.memfd_create("ram")
        os.ftruncate(self._fd, SIZE)
        self.path = f"/proc/{os.getpid()}/fd/{self._fd}"    # leaves no file
        self._map = mmap.mmap(self._fd, SIZE)
        self.size = SIZE
        self._next = START

    def qemu_args(self):
        """In the one way that all series know"""
        return ("-object", f"memory-backend-file,id=ram,size={SIZE},share=on,"
                           f"mem-path={self.path}", "-numa", "node,memdev=ram")

    def renew(self):
        """Nobody uses any of it, and it is 0."""
        self.write(START, bytes(SIZE - START))
        self._next = START

    def close(self):
        self._map.close()
        os.close(self._fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def read(self, address, length):
        return self._map[address:address + length]

    def write(self, address, data):
        self._map[address:address + len(data)] = data

    def read32(self, address):
        return int.from_bytes(self._map[address:address + 4], "little")

    def write32(self, address, value):
        self._map[address:address + 4] = value.to_bytes(4, "little")

    def words(self, address, count):
        """The memory itself, as so many words; release() it at last."""
        return memoryview(self._map)[address:address + 4 * count].cast("I")

    def room(self, length, align=4096):
        """The address of memory that nobody else has; a test has 30 MiB."""
        address = -(-self._next // align) * align
        self._next = address + length
        assert self._next <= self.size, "the guest's memory is used up"
        return address
