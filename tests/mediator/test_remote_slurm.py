# SPDX-License-Identifier: GPL-2.0-or-later
"""Workers that Slurm places on the nodes of a cluster, a real one."""
import os
import signal

import pytest

from support import abi, operations
from support.fake_queue_device import FakeQueueDevice
from support.processes import wait_gone
from support.remote import named, offspring
from support.slurm import SHARDS, Slurm
from support.wait import PATIENCE, wait_for

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can make network namespaces")

NONE = abi.VGPU_STUB_ERR_NONE
BROKEN = abi.VGPU_STUB_ERR_BACKEND_ERROR
LOST = abi.VGPU_STUB_ERR_CONTEXT_LOST
SYNCHRONIZE = operations.synchronize()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    cluster = Slurm(tmp_path_factory.mktemp("slurm") / "cluster")
    yield cluster
    cluster.close()


@pytest.fixture
def link(start, cluster, tmp_path, sockets, admin, request):
    """The link of a device with a queue, whose workers are in the cluster"""
    partition = getattr(request, "param", "gpu")
    launcher = cluster.launcher.replace("=gpu", f"={partition}")
    # No request's time is over before Slurm knows that a node is lost.
    (tmp_path / "mediatord.conf").write_text(
        f"[pool A]\nlauncher={launcher}\nspares=0\n"
        "[vm]\ndeadline-ms=60000\n")
    daemon = start("--socket-dir", sockets, "--config",
                   tmp_path / "mediatord.conf", "--admin-socket", admin)
    with FakeQueueDevice(sockets / "7-0.sock").greet() as link:
        link.daemon = daemon
        link.sock.settimeout(PATIENCE)
        yield link
    if daemon.process.returncode is None:
        assert daemon.stop() == 0
    wait_for(lambda: not cluster.jobs(), "end of all jobs")


def workers(cluster):
    """{pid: node} of those that serve"""
    return {pid: name for name, host in cluster.nodes.items()
            for pid in named(offspring(host.process.pid), "vgpu-worker")}


def lose(link, sent):
    """The statuses of what was sent in a context that is lost, in that order"""
    statuses = {}
    refused = []
    while len(statuses) < len(sent) or not refused:
        message = link.receive()
        if message.type == abi.VGPU_STUB_MSG_REFUSED:
            refused.append(message.status)
        else:
            answer = link.take(message)
            assert answer.sequence not in statuses
            statuses[answer.sequence] = answer.status
    assert refused == [LOST]
    return [statuses[sequence] for sequence in sent]


def test_it_places_them(link, cluster):
    """As many as there are parts of GPUs, each in a job of its own."""
    numbers = [link.start_open() for _ in range(2 * SHARDS)]
    for _ in numbers:
        link.opened_by(link.expect(abi.VGPU_STUB_MSG_ARENA))
    contexts = [link.contexts[number] for number in numbers]
    for context in contexts:
        assert context.ask(SYNCHRONIZE).status == NONE
    placed = sorted(workers(cluster).values())
    assert placed == ["n1"] * SHARDS + ["n2"] * SHARDS
    assert sorted(cluster.jobs().values()) == placed
    assert cluster.run("squeue", "-h", "-o", "%j %k").splitlines() == \
        ["vgpu-stub vm 7"] * 2 * SHARDS
    for context in contexts:
        assert context.close() == []
    wait_for(lambda: not cluster.jobs(), "end of all jobs")
    assert workers(cluster) == {}


def test_a_job_is_cancelled(link, cluster, wait_busy):
    context = link.open()
    assert context.ask(SYNCHRONIZE).status == NONE
    [worker] = workers(cluster)
    os.kill(worker, signal.SIGSTOP)
    sent = [context.send(SYNCHRONIZE) for _ in range(3)]
    wait_busy()
    [job] = cluster.jobs()
    cluster.run("scancel", job)
    assert lose(link, sent) == [BROKEN, LOST, LOST]
    wait_gone(worker)
    assert context.close() == []
    assert link.open().ask(SYNCHRONIZE).status == NONE


def test_a_node_is_lost(link, cluster, wait_busy):
    """Slurm gives up on it, and the next one is elsewhere."""
    context = link.open()
    assert context.ask(SYNCHRONIZE).status == NONE
    [(worker, node)] = workers(cluster).items()
    os.kill(worker, signal.SIGSTOP)
    sent = context.send(SYNCHRONIZE)
    wait_busy()
    cluster.processes[node].kill()
    cluster.processes[node].wait()
    assert lose(link, [sent]) == [BROKEN]
    wait_gone(worker)
    assert context.close() == []
    other = link.open()
    assert other.ask(SYNCHRONIZE).status == NONE
    assert node not in workers(cluster).values()
    cluster.start_node(node)
    wait_for(lambda: cluster.run("sinfo", "-h", "-n", node, "-o", "%t").split()
             == ["idle"], "the node")


@pytest.mark.parametrize("link", ["gpu", "requeued"], indirect=True)
def test_a_job_is_preempted(link, cluster, wait_busy):
    """By one of a partition that goes first"""
    context = link.open()
    assert context.ask(SYNCHRONIZE).status == NONE
    [(worker, node)] = workers(cluster).items()
    os.kill(worker, signal.SIGSTOP)
    sent = [context.send(SYNCHRONIZE) for _ in range(3)]
    wait_busy()
    [job] = cluster.jobs()
    cluster.run("sbatch", "--partition=urgent", f"--nodelist={node}",
                "--exclusive", "--chdir=/", "--output=/dev/null",
                "--wrap=sleep 1000")
    assert lose(link, sent) == [BROKEN, LOST, LOST]
    wait_gone(worker)
    assert context.close() == []
    wait_for(lambda: list(cluster.jobs().values()) == [node], "its job")
    assert job not in cluster.run("squeue", "-h", "-o", "%i").split()
    assert link.open().ask(SYNCHRONIZE).status == NONE
    [other] = workers(cluster).values()
    assert other != node
    cluster.run("scancel", "--partition=urgent")


def test_a_node_is_drained(link, cluster):
    """What is there goes on, what comes is elsewhere."""
    context = link.open()
    assert context.ask(SYNCHRONIZE).status == NONE
    [(worker, node)] = workers(cluster).items()
    cluster.run("scontrol", "update", f"nodename={node}", "state=drain",
                "reason=test")
    other = link.open()
    assert other.ask(SYNCHRONIZE).status == NONE
    assert context.ask(SYNCHRONIZE).status == NONE
    placed = workers(cluster)
    assert placed.pop(worker) == node and node not in placed.values()
    assert context.close() == []
    wait_gone(worker)
    cluster.run("scontrol", "update", f"nodename={node}", "state=resume")
    assert other.ask(SYNCHRONIZE).status == NONE


def test_the_mediator_is_killed(link, cluster):
    link.open()
    pids = list(workers(cluster))
    link.daemon.process.kill()
    link.daemon.process.wait()
    wait_gone(*pids)
    wait_for(lambda: not cluster.jobs(), "end of all jobs")
