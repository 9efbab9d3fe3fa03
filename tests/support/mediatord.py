# SPDX-License-Identifier: GPL-2.0-or-later
"""The real mediator, as a process."""
import re
import signal
import subprocess

from support.paths import BUILD
from support.processes import children
from support.wait import PATIENCE, wait_for


def starter(binary):
    """The options of a daemon for what was built with it"""
    return "--starter", binary.with_name("vgpu-starter")


class Mediatord:
    """A running daemon; what it logs goes to a file.

    Its workers are those that were built with it, unless `worker` says
    something else, and the kernels are those that were built.
    """

    def __init__(self, binary, log, *args, worker=None):
        self.log_path = log
        worker = worker or binary.with_name("vgpu-worker")
        with open(log, "wb") as stderr:
            self.process = subprocess.Popen(
                [binary, *starter(binary), "--worker", worker,
                 "--kernels", BUILD / "kernels", *map(str, args)],
                stderr=stderr)

    def log(self):
        """Its lines, but the one that says that there is no --user."""
        return [line for line in self.log_path.read_text().splitlines()
                if not line.endswith(": there is no --user")]

    def wait_log(self, pattern):
        """The log's lines that match, as soon as there is one."""
        return wait_for(
            lambda: [line for line in self.log() if re.search(pattern, line)],
            f"log line like {pattern!r} in {self.log_path}")

    def starter(self):
        """The pid of what starts its workers"""
        return next((pid for pid, arguments
                     in children(self.process.pid).items()
                     if arguments[0].endswith("vgpu-starter")), None)

    def workers(self):
        """{pid: arguments} of those that live and serve a VM."""
        return {pid: arguments
                for pid, arguments in children(self.starter()).items()
                if "--probe" not in arguments and
                any(a.startswith("--kernels=") for a in arguments)}

    def stop(self, signum=signal.SIGTERM):
        """Returns the exit status."""
        self.process.send_signal(signum)
        try:
            return self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.returncode is None:
            assert self.stop() == 0, self.log()


# Limits that no test meets
UNLIMITED = "[vm]\nrate=1000000\nburst=1000000\n"


class Host(Mediatord):
    """The daemon that is shipped, beside guests: the devices whose sockets are
    in `sockets` are theirs."""

    def __init__(self, folder, *args, config=""):
        self.sockets = folder / "sockets"
        self.sockets.mkdir(exist_ok=True)
        (folder / "mediatord.conf").write_text(config)
        super().__init__(BUILD / "mediator/vgpu-mediatord",
                         folder / "mediator.log", "--socket-dir", self.sockets,
                         "--config", folder / "mediatord.conf", *args)
