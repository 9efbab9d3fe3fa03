# SPDX-License-Identifier: GPL-2.0-or-later
from pathlib import Path


class FakeXenStore:
    """A directory in the place of XenStore: a key is a file. It has what the
    wrapper uses of xen.lowlevel.xs, with the same types."""

    def __init__(self, root):
        self.root = Path(root)

    def _path(self, key):
        return self.root / key.lstrip("/")

    def read(self, _transaction, key):
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, _transaction, key, value):
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(value.encode() if isinstance(value, str) else value)

    def ls(self, _transaction, key):
        try:
            return [path.name for path in self._path(key).iterdir()]
        except FileNotFoundError:
            return None
