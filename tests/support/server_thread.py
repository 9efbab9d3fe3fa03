# SPDX-License-Identifier: GPL-2.0-or-later
"""Somebody who serves beside the test."""
import threading


class ServerThread(threading.Thread):
    """Calls _serve(), again and again, while `with` lasts. What ends it early
    is raised when that ends."""

    def __init__(self):
        super().__init__(daemon=True)
        self.stopping = threading.Event()
        self.broken = None      # what ended the thread early

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.join()
        if self.broken:
            raise self.broken

    def run(self):
        try:
            while not self.stopping.is_set():
                self._serve()
        except Exception as error:
            self.broken = error
