# SPDX-License-Identifier: GPL-2.0-or-later
"""How requests of a queue and their contexts end: each once, in any case.

A worker that a test has stopped has what was sent to it, and never answers.
"""
import json
import os
import signal
import threading

import pytest

from support import abi, operations, wire
from support.fake_queue_device import FakeQueueDevice, context_message
from support.wait import PATIENCE, wait_for
from support.wire import Closed, Message

NONE = abi.VGPU_STUB_ERR_NONE
CANCELLED = abi.VGPU_STUB_ERR_CANCELLED
LOST = abi.VGPU_STUB_ERR_CONTEXT_LOST
UNAVAILABLE = abi.VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE


@pytest.fixture
def device(tmp_path):
    device = FakeQueueDevice(tmp_path / "7-0.sock")
    yield device
    device.close()


@pytest.fixture
def config(tmp_path):
    return tmp_path / "conf"


@pytest.fixture
def serve(start, device, admin, config):
    """serve(text): a daemon with this configuration"""
    def run(text=""):
        config.write_text(text)
        return start("--connect", device.path, "--admin-socket", admin,
                     "--config", config)
    return run


def worker_of(ctl, context=0):
    """The process of the VM's context, by the order of their coming"""
    rows = [line.split() for line in ctl("workers").splitlines()]
    pid = rows[0].index("pid")
    return [int(row[pid]) for row in rows[1:] if row[0] == "7"][context]


def stop(ctl, context=0):
    pid = worker_of(ctl, context)
    os.kill(pid, signal.SIGSTOP)
    return pid


def statuses(answers):
    """{sequence: status}, each sequence once"""
    found = {answer.sequence: answer.status for answer in answers}
    assert len(found) == len(answers)
    return found


def works(peer):
    """A new context does what one can."""
    context = peer.open()
    assert context.ask(operations.synchronize()).status == NONE
    assert context.ask(operations.echo(b"x")).status == NONE
    assert context.close() == []


def send_all(context, count, order=0):
    """So many requests for the worker, and behind them for the mediator"""
    return [context.send(payload, order=order)
            for payload in [operations.synchronize()] * count +
            [operations.echo(b"x")] * count]


def test_orders(serve, device, ctl):
    """The mediator waits for the worker where the order says so."""
    serve()
    with device.greet() as peer:
        context = peer.open()
        pid = stop(ctl)
        first = send_all(context, 3, order=1)
        again = context.send(operations.synchronize(), order=1)
        os.kill(pid, signal.SIGCONT)
        assert [answer.sequence for answer in peer.answers(7)] == \
            [*first, again]
        assert context.close() == []


def test_orders_wait_for_no_other(serve, device, ctl):
    """What one order waits for holds up nothing of another."""
    serve()
    with device.greet() as peer:
        context = peer.open()
        pid = stop(ctl)
        first = send_all(context, 1, order=1)
        beside = context.send(operations.echo(b"x"), order=2)
        answer = peer.answer()
        assert (answer.sequence, answer.status) == (beside, NONE)
        second = send_all(context, 1, order=2)
        os.kill(pid, signal.SIGCONT)
        assert statuses(peer.answers(4)) == dict.fromkeys(first + second, NONE)
        assert context.close() == []


def test_several_of_an_order_are_at_the_worker(serve, device, ctl):
    """So that a program which goes ahead keeps it busy"""
    serve()
    with device.greet() as peer:
        context = peer.open()
        pid = stop(ctl)
        sent = [context.send(operations.synchronize(), order=1)
                for _ in range(4)]
        wait_for(lambda: json.loads(ctl("vms", "--json"))[0]["running"] == 4,
                 "four requests at the worker")
        peer.send(*[context.cancel(sequence) for sequence in sent])
        os.kill(pid, signal.SIGCONT)
        assert [(answer.sequence, answer.status)
                for answer in peer.answers(4)] == [(one, NONE) for one in sent]
        assert context.close() == []


def test_cancels(serve, device, ctl):
    serve()
    with device.greet() as peer:
        context = peer.open()
        pid = stop(ctl)
        worker, held = send_all(context, 1)
        peer.send(context.cancel(held))
        answer = peer.answer()
        assert (answer.sequence, answer.status) == (held, CANCELLED)
        # What is at the worker goes on, what was answered is nobody's.
        peer.send(context.cancel(worker), context.cancel(held),
                  context.cancel(999999))
        os.kill(pid, signal.SIGCONT)
        answer = peer.answer()
        assert (answer.sequence, answer.status) == (worker, NONE)
        assert context.close() == []


def test_deadline(serve, device, ctl):
    """It is of what is executed: what waits for it has not begun."""
    serve("[vm]\ndeadline-ms=300\nfaults=2\n")
    with device.greet() as peer:
        context = peer.open()
        stop(ctl)
        sent = send_all(context, 2)
        answers = []
        while len(answers) < len(sent):
            message = peer.receive()
            if message.type != abi.VGPU_STUB_MSG_REFUSED:
                answers.append(peer.take(message))
        assert statuses(answers) == dict.fromkeys(sent, LOST) | {
            sent[0]: abi.VGPU_STUB_ERR_TIMEOUT}
        context.close()
        # That was one fault.
        ctl("set", "7", "deadline-ms", "60000")
        works(peer)


def test_close(serve, device, ctl):
    daemon = serve()
    with device.greet() as peer:
        context = peer.open()
        pid = stop(ctl)
        sent = send_all(context, 5)
        wait_for(lambda: "busy" in ctl("workers"), "request at the worker")
        assert statuses(context.close()) == dict.fromkeys(sent, CANCELLED)
        # It is gone when CLOSED comes.
        assert not os.path.exists(f"/proc/{pid}")
        works(peer)
    assert not any(f"worker {pid} " in line for line in daemon.log())


def test_close_before_it_is_served(serve, device):
    serve()
    with device.greet() as peer:
        number = peer.start_open()
        peer.send(context_message(abi.VGPU_STUB_MSG_CONTEXT_CLOSE, number))
        message = peer.receive()
        if message.type == abi.VGPU_STUB_MSG_ARENA:
            message = peer.receive()
        assert message.type == abi.VGPU_STUB_MSG_CLOSED
        assert message.sequence == number


def test_the_worker_dies(serve, device, ctl):
    """One request is to blame, the context has lost the rest."""
    serve()
    with device.greet() as peer:
        context, other = peer.open(), peer.open()
        pid = stop(ctl)
        sent = send_all(context, 3)
        wait_for(lambda: "busy" in ctl("workers"), "request at the worker")
        os.kill(pid, signal.SIGKILL)
        answers, refusals = [], 0
        while len(answers) < len(sent) or not refusals:
            message = peer.receive()
            if message.type == abi.VGPU_STUB_MSG_REFUSED:
                assert message.status == LOST
                refusals += 1
            else:
                answers.append(peer.take(message))
        assert statuses(answers) == dict.fromkeys(sent, LOST) | {
            sent[0]: abi.VGPU_STUB_ERR_BACKEND_ERROR}
        # Nothing begins anew behind its back.
        for payload in operations.synchronize(), operations.echo(b"x"):
            assert context.ask(payload).status == LOST
        assert other.ask(operations.synchronize()).status == NONE
        assert context.close() == []
        works(peer)


def test_reset(serve, device, ctl):
    """No answer and no CLOSED follow."""
    serve()
    with device.greet() as peer:
        contexts = [peer.open(), peer.open()]
        pid = stop(ctl)
        for context in contexts:
            send_all(context, 3)
        peer.send(Message(abi.VGPU_STUB_MSG_RESET),
                  Message(abi.VGPU_STUB_MSG_PING, b"after"))
        while peer.receive().type != abi.VGPU_STUB_MSG_PONG:
            pass
        works(peer)
        wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "its end")


def test_end_of_the_connection(serve, device, ctl):
    serve()
    with device.greet() as peer:
        contexts = [peer.open(), peer.open()]
        pid = stop(ctl)
        for context in contexts:
            send_all(context, 3)
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "its end")
    with device.greet() as peer:
        works(peer)


def test_drain(serve, device, ctl):
    """What has begun is answered, and the contexts end with the link."""
    daemon = serve("[workers]\ndrain-ms=45000\n")
    with device.greet() as peer:
        context = peer.open()
        pid = stop(ctl)
        sent = send_all(context, 3)
        drain = threading.Thread(target=ctl, args=["drain"])
        drain.start()
        daemon.wait_log("draining$")
        os.kill(pid, signal.SIGCONT)
        assert statuses(peer.answers(6)) == dict.fromkeys(sent, NONE)
        with pytest.raises(Closed):
            peer.receive()
    assert daemon.process.wait(timeout=PATIENCE) == 0
    drain.join(timeout=PATIENCE)
    assert not drain.is_alive()


def test_what_comes_late_to_a_drain(serve, device, ctl):
    """It is refused in words, and what had begun before is waited for."""
    daemon = serve("[workers]\ndrain-ms=45000\n")
    with device.greet() as peer:
        before, during = peer.open(), peer.open()
        pids = [stop(ctl, context) for context in (0, 1)]
        old = before.send(operations.synchronize())
        drain = threading.Thread(target=ctl, args=["drain"])
        drain.start()
        daemon.wait_log("draining$")
        running = send_all(during, 2)
        os.kill(pids[0], signal.SIGCONT)
        answer = peer.answer()
        assert (answer.sequence, answer.status) == (old, NONE)
        # It takes requests until it has seen that.
        while (late := before.ask(operations.echo(b"x"))).status == NONE:
            pass
        assert late.status == UNAVAILABLE
        assert b"the mediator ends" in late.payload
        assert during.ask(operations.synchronize()).status == UNAVAILABLE
        assert peer.refused(peer.start_open()) == UNAVAILABLE
        peer.send(wire.request(operations.nop(), 1))
        late = peer.expect(abi.VGPU_STUB_MSG_RESPONSE)
        assert late.status == UNAVAILABLE
        assert b"the mediator ends" in late.payload
        os.kill(pids[1], signal.SIGCONT)
        assert statuses(peer.answers(4)) == dict.fromkeys(running, NONE)
        peer.expect_closed()
    assert daemon.process.wait(timeout=PATIENCE) == 0
    drain.join(timeout=PATIENCE)
    assert not drain.is_alive()


def test_drain_of_what_never_ends(serve, device, ctl, admin):
    daemon = serve("[workers]\ndrain-ms=100\n[vm]\nfaults=1\n")
    with device.greet() as peer:
        context = peer.open()
        stop(ctl)
        sent = send_all(context, 3)
        ctl("drain")
        answers = []
        while len(answers) < len(sent):
            message = peer.receive()
            if message.type != abi.VGPU_STUB_MSG_REFUSED:
                answers.append(peer.take(message))
        assert set(statuses(answers).values()) <= {CANCELLED, LOST}
        peer.expect_closed()
    assert daemon.process.wait(timeout=PATIENCE) == 0
    assert not any("quarantined" in line for line in daemon.log())


# --- Contexts that are not served ---

def test_too_many(serve, device):
    serve("[vm]\ncontexts=2\n")
    with device.greet() as peer:
        one, _ = peer.open(), peer.open()
        number = peer.start_open()
        assert peer.refused(number) == abi.VGPU_STUB_ERR_QUEUE_FULL
        peer.send(context_message(abi.VGPU_STUB_MSG_CONTEXT_CLOSE, number))
        assert peer.expect(abi.VGPU_STUB_MSG_CLOSED).sequence == number
        # What is closed does not count any more.
        assert one.close() == []
        assert peer.open().ask(operations.synchronize()).status == NONE


def test_no_room_for_arenas(serve, device):
    daemon = serve("[queue]\narena-mib=3\n")
    with device.greet() as peer:
        context = peer.open()
        assert peer.refused(peer.start_open()) == \
            abi.VGPU_STUB_ERR_QUEUE_FULL
        assert context.close() == []
        works(peer)
    assert len(daemon.wait_log(
        r"vm 7: a context is refused: all arenas together take \[queue\] "
        "arena-mib=3$")) == 1


def test_places(serve, device):
    serve("[queue]\narena-small=0\narena-large=3\n")
    with device.greet() as peer:
        context = peer.open()
        assert (context.arena.small, context.arena.large) == (0, 3)
        assert context.ask(operations.echo(b"x"), room=0,
                           capacity=65536).status == NONE


def test_pool_that_is_closed(serve, device):
    serve("[pool A]\nbackend=none\n")
    with device.greet() as peer:
        assert peer.refused(peer.start_open()) == \
            abi.VGPU_STUB_ERR_INVALID_POOL


def test_quarantine(serve, device, ctl):
    serve()
    with device.greet() as peer:
        context = peer.open()
        ctl("quarantine", "7")
        for payload in operations.synchronize(), operations.echo(b"x"):
            assert context.ask(payload).status == \
                abi.VGPU_STUB_ERR_VM_QUARANTINED
        assert peer.refused(peer.start_open()) == \
            abi.VGPU_STUB_ERR_VM_QUARANTINED
        ctl("release", "7")
        assert context.ask(operations.synchronize()).status == NONE
        works(peer)


def test_rate_and_depth_delay(serve, device):
    """What would fail by the mailbox waits here."""
    serve("[vm]\nrate=200\nburst=2\nqueue=1\n")
    with device.greet() as peer:
        context = peer.open()
        sent = send_all(context, 20)
        assert statuses(peer.answers(40)) == dict.fromkeys(sent, NONE)
        assert context.close() == []
