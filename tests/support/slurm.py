# SPDX-License-Identifier: GPL-2.0-or-later
"""A Slurm cluster: slurmctld and munged here, a slurmd and an sshd on each of
two nodes, which are network namespaces. Each node has a GPU that is shared.

Jobs of the partition `urgent` take the place of others: these are cancelled, or
would be started again if they are of `requeued`."""
import os
import socket
import subprocess

from support.paths import ROOT
from support.sshd import FarHost, ip
from support.wait import PATIENCE, wait_for

SHARDS = 2                      # of each node
DOWN_S = 15                     # after that a node counts as lost


class Slurm:
    """`launcher` allocates a part of a GPU. What its nodes' FarHost is told
    about their gate can be said in `gate`."""

    names = ("n1", "n2")
    host = FarHost
    settings = "ProctrackType=proctrack/linuxproc\n"
    within = ()                 # words before all that it runs

    def __init__(self, folder, **gate):
        folder.mkdir()
        self.folder = folder
        self.config = folder / "slurm.conf"
        self.processes = {}
        self.nodes = {}
        try:
            self._begin(gate)
        except BaseException:
            self.close()
            raise
        self.launcher = (
            f"env SLURM_CONF={self.config} "
            f"{ROOT / 'mediator/launchers/vgpu-stub-slurm'} "
            f"--ssh-config={folder}/ssh_config --partition=gpu --gres=shard:1")

    def _begin(self, gate):
        for name in self.names:
            host = self.host(self.folder / name, **gate)
            ip("-n", host.name, "route", "add", "default", "via", host.here)
            self.nodes[name] = host
        self._make_files()
        self._start_munged()
        self._start("slurmctld", ["/usr/sbin/slurmctld", "-D", "-f",
                                  self.config])
        for name in self.nodes:
            self.start_node(name)
        wait_for(lambda: self.run("sinfo", "-h", "-o", "%t %D").split() ==
                 ["idle", str(len(self.names))], "idle nodes")

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
{self.settings}TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_min_interval=1000
GresTypes=gpu,shard
ReturnToService=2
MpiDefault=none
KillWait=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
{nodes}
PartitionName=gpu Nodes=ALL Default=YES MaxTime=INFINITE State=UP PreemptMode=CANCEL
PartitionName=requeued Nodes=ALL MaxTime=INFINITE State=UP PreemptMode=REQUEUE
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
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

    def _start(self, name, words, before=()):
        with open(self.folder / f"{name}.out", "ab") as out:
            self.processes[name] = subprocess.Popen(
                [*before, *self.within, *words], stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def start_node(self, name):
        # Not by `ip`, which has /sys without cgroups.
        self._start(name, ["/usr/sbin/slurmd", "-D", "-N", name, "-f",
                           self.config], before=[
            "nsenter", f"--net=/run/netns/{self.nodes[name].name}"])

    def run(self, *words):
        return subprocess.run(
            words, stdout=subprocess.PIPE, text=True, timeout=PATIENCE,
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
