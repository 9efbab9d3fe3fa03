# SPDX-License-Identifier: GPL-2.0-or-later
"""A Slurm cluster whose node lets in whom pam_slurm_adopt does: a user who has a
job there. That user is known in a mount namespace, where all of it runs."""
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from support.paths import BUILD
from support.slurm import Slurm
from support.sshd import FarHost

USER, UID = "vgpu-launcher", 1900300000
FREEZER = Path("/sys/fs/cgroup/freezer")
# Without it, Slurm has groups of processes only where there is systemd.
HAS_FREEZER = os.access(FREEZER, os.W_OK)
# Another cluster here would have the same groups of processes.
NODE = f"adopt{os.getpid()}"

FILES = {
    "passwd": f"{USER}:x:{UID}:{UID}::/tmp:/bin/sh\n",
    "group": f"{USER}:x:{UID}:\n",
    "shadow": f"{USER}:*:19000:0:99999:7:::\n",
    "pam.d/sshd": "auth required pam_permit.so\n"
                  f"account required pam_slurm_adopt.so nodename={NODE}\n"
                  "session required pam_permit.so\n",
}


class Users:
    """`within` are the words before a command that knows the user."""

    def __init__(self, folder):
        (folder / "pam.d").mkdir(parents=True)
        mounts = []
        for name, text in FILES.items():
            if name in ("passwd", "group"):
                text = Path("/etc", name).read_text() + text
            (folder / name).write_text(text)
            mounts.append(f"mount --bind {folder}/{name} /etc/{name}")
        self.process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-ec", "\n".join(
                [*mounts, "echo ready", "exec cat"])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"ready\n"
        self.within = ["nsenter", f"--mount=/proc/{self.process.pid}/ns/mnt"]

    def close(self):
        self.process.communicate()


class PamHost(FarHost):
    def _make_files(self):
        super()._make_files()
        config = self.folder / "sshd_config"
        config.write_text(config.read_text().replace("UsePAM no", "UsePAM yes"))
        config = self.folder / "ssh_config"
        config.write_text(config.read_text() + f"    User {USER}\n")
        shutil.chown(self.folder / "key", UID, UID)


class AdoptingSlurm(Slurm):
    """One node; where Linux has the groups of processes that Slurm needs for that
    here, what is let in belongs to the job."""

    names = (NODE,)
    settings = "PrologFlags=contain\nProctrackType=proctrack/" + (
        "cgroup\n" if HAS_FREEZER else "linuxproc\n")

    def __init__(self, folder):
        self.users = Users(folder.with_name("users"))
        self.within = self.users.within
        super().__init__(folder)
        self.launcher = " ".join([*self.as_user, self.launcher])

    @property
    def as_user(self):
        return [*self.within, "setpriv", f"--reuid={UID}", f"--regid={UID}",
                "--clear-groups"]

    def host(self, folder, **gate):
        """What is run by the user cannot write a sanitizer's files."""
        PamHost.within = [*self.within, "env",
                          f"SLURM_CONF={self.config}"]
        return PamHost(folder, built=BUILD / "mediator", **gate)

    def _make_files(self):
        super()._make_files()
        (self.folder / "cgroup.conf").write_text(
            f"CgroupPlugin=cgroup/v1\nCgroupMountpoint={FREEZER.parent}\n")

    def close(self):
        super().close()
        self.users.close()
        groups = FREEZER / f"slurm_{NODE}"
        for path in sorted(groups.glob("**/"), reverse=True):
            with suppress(OSError):
                path.rmdir()
