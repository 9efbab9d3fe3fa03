# SPDX-License-Identifier: GPL-2.0-or-later
"""A Slurm cluster: slurmctld and munged here, a slurmd and an sshd on each of
two nodes, which are network namespaces. Each node has a GPU that is shared."""
import os
import socket
import subprocess

from support.paths import ROOT
from support.sshd import FarHost, ip
from support.wait import wait_for

SHARDS = 2                      # of each node
DOWN_S = 5                      # after that a node counts as lost


class Slurm:
    """`launcher` allocates a part of a GPU."""

    def __init__(self, folder):
        folder.mkdir()
        self.folder = folder
        self.config = folder / "slurm.conf"
        self.processes = {}
        self.nodes = {}
        try:
            self._begin()
        except BaseException:
            self.close()
            raise
        self.launcher = (
            f"env SLURM_CONF={self.config} "
            f"{ROOT / 'mediator/launchers/vgpu-stub-slurm'} "
            f"--ssh-config={folder}/ssh_config --partition=gpu --gres=shard:1")

    def _begin(self):
        for name in ("n1", "n2"):
            host = FarHost(self.folder / name)
            ip("-n", host.name, "route", "add", "default", "via", host.here)
            self.nodes[name] = host
        self._make_files()
        self._start_munged()
        self._start("slurmctld", ["/usr/sbin/slurmctld", "-D", "-f",
                                  self.config])
        for name in self.nodes:
            self.start_node(name)
        wait_for(lambda: self.run("sinfo", "-h", "-o", "%t %D").split() ==
                 ["idle", "2"], "idle nodes", 20)

    def _make_files(self):
        here = next(iter(self.nodes.values())).here
        with socket.socket() as sock:
            sock.bind((here, 0))
            port = sock.getsockname()[1]
        nodes = "".join(
            f"NodeName={name} NodeHostname={os.uname().nodename} "
            f"NodeAddr={host.address} Port=7003 CPUs=4 Gres=gpu:1,shard:{SHARDS}\n"
            for name, host in self.nodes.items())
        for name in ("state", *(f"spool-{name}" for name in self.nodes)):
            (self.folder / name).mkdir()
        self.config.write_text(f"""
ClusterName=test
SlurmctldHost={os.uname().nodename}({here})
SlurmctldPort={port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={self.folder}/munge.socket
CredType=cred/munge
StateSaveLocation={self.folder}/state
SlurmdSpoolDir={self.folder}/spool-%n
SlurmctldPidFile={self.folder}/slurmctld.pid
SlurmdPidFile={self.folder}/slurmd-%n.pid
SlurmctldLogFile={self.folder}/slurmctld.log
SlurmdLogFile={self.folder}/slurmd-%n.log
SlurmdParameters=config_overrides
SlurmdTimeout={DOWN_S}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_min_interval=1000
GresTypes=gpu,shard
ReturnToService=2
MpiDefault=none
KillWait=1
{nodes}
PartitionName=gpu Nodes=ALL Default=YES MaxTime=INFINITE State=UP
""")
        (self.folder / "gpu").touch()
        (self.folder / "gres.conf").write_text(
            f"Name=gpu File={self.folder}/gpu\nName=shard Count={SHARDS}\n")
        (self.folder / "ssh_config").write_text("".join(
            (host.folder / "ssh_config").read_text().replace("gpu1", name)
            for name, host in self.nodes.items()))

    def _start_munged(self):
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        # It is particular about the folders above, which are pytest's.
        self._start("munged", [
            "/usr/sbin/munged", "-F", "--force", f"--key-file={key}",
            f"--socket={self.folder}/munge.socket",
            f"--pid-file={self.folder}/munged.pid",
            f"--log-file={self.folder}/munged.log",
            f"--seed-file={self.folder}/munged.seed"])
        wait_for((self.folder / "munge.socket").exists, "munged")

    def _start(self, name, words):
        with open(self.folder / f"{name}.out", "ab") as out:
            self.processes[name] = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def start_node(self, name):
        # Not by `ip`, which has /sys without cgroups.
        self._start(name, ["nsenter", f"--net=/run/netns/{self.nodes[name].name}",
                           "/usr/sbin/slurmd", "-D", "-N", name, "-f",
                           self.config])

    def run(self, *words):
        return subprocess.run(
            words, stdout=subprocess.PIPE, text=True, timeout=20,
            env={**os.environ, "SLURM_CONF": str(self.config)}).stdout

    def jobs(self):
        """{number: node} of those that have one"""
        return dict(line.split() for line in self.run(
            "squeue", "-h", "-t", "running", "-o", "%i %N").splitlines())

    def close(self):
        for process in reversed(self.processes.values()):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for host in self.nodes.values():
            host.close()
