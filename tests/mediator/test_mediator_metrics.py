# SPDX-License-Identifier: GPL-2.0-or-later
"""What Prometheus is told, read with Prometheus's own parser."""
import json
import os
import re
import signal
import socket
import stat
import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families

from support import abi, operations
from support.fake_device import FakeDevice
from support.fake_queue_device import FakeQueueDevice
from support.mediatord import starter
from support.paths import ROOT
from support.wait import PATIENCE, wait_for

UUID = "12345678-9abc-def0-1234-56789abcdef0"


@pytest.fixture
def metrics_socket(tmp_path):
    return tmp_path / "metrics"


@pytest.fixture
def scrape(metrics_socket):
    """scrape(): {(name, *sorted labels): value}, after checks of the form."""
    def run():
        result = subprocess.run(
            ["curl", "--silent", "--show-error", "--fail", "--max-time", "20",
             "--unix-socket", metrics_socket, "http://localhost/metrics"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE)
        assert (result.returncode, result.stderr) == (0, b"")
        return read(result.stdout.decode())
    return run


def read(text):
    assert text.endswith("\n")
    samples = {}
    for family in text_string_to_metric_families(text):
        assert re.fullmatch("vgpu_[a-z_]+", family.name)
        assert family.documentation and family.type != "unknown", family
        check_family(family)
        for sample in family.samples:
            key = (sample.name, *sorted(sample.labels.items()))
            assert key not in samples, key
            samples[key] = sample.value
    names = re.findall("^# TYPE (.*) ", text, re.M)
    assert len(names) == len(set(names))
    return samples


def check_family(family):
    if family.type == "counter":
        assert all(sample.name == family.name + "_total"
                   for sample in family.samples)
    if family.type != "histogram":
        return
    series = {}
    for sample in family.samples:
        labels = dict(sample.labels)
        bound = labels.pop("le", None)
        row = series.setdefault(tuple(sorted(labels.items())),
                                {"buckets": []})
        if bound is None:
            row[sample.name.rpartition("_")[2]] = sample.value
        else:
            row["buckets"].append((float(bound), sample.value))
    for row in series.values():
        assert row["buckets"] == sorted(row["buckets"])
        counts = [count for _, count in row["buckets"]]
        assert counts == sorted(counts)
        assert row["buckets"][-1] == (float("inf"), row["count"])


def test_outcomes(server, scrape):
    """They are called as the errors are that a mediator answers with."""
    outcomes = {dict(key[1:])["outcome"] for key in scrape()
                if key[0] == "vgpu_requests_total"}
    of_the_device = {"REQUEST_TOO_LARGE", "MEDIATOR_UNAVAILABLE",
                     "INVALID_LENGTH", "PROTOCOL_ERROR"}
    limits = {"BACKEND_FIRST", "BACKEND_LAST"}
    errors = abi.names("VGPU_STUB_ERR_").keys() - of_the_device - limits
    assert outcomes == {"done", "other"} | {
        error.lower() for error in errors if error != "NONE"}


def test_documented(server, metrics_socket):
    """docs/operating.md has each metric, its type and labels."""
    text = exchange(metrics_socket,
                    b"GET /metrics HTTP/1.0\r\n\r\n").decode()
    types = dict(re.findall("^# TYPE (.*) (.*)$", text, re.M))
    table = re.findall(r"^\| (vgpu_\w+) \| (counter|gauge|histogram) \|",
                       (ROOT / "docs/operating.md").read_text(), re.M)
    assert dict(table) == types and len(table) == len(types)


def test_pools_that_are_to_be_served(start, sockets, tmp_path,
                                     metrics_socket, scrape):
    """A pool that is closed on purpose is no reason for an alarm."""
    config = tmp_path / "mediatord.conf"
    config.write_text("[pool A]\nbackend=opencl\ndevice=99\n"
                      "[pool B]\nbackend=none\n")
    daemon = start("--socket-dir", sockets, "--config", config,
                   "--metrics-socket", metrics_socket)
    daemon.wait_log("pool A: opencl device 99 does not work")
    assert {key: value for key, value in scrape().items()
            if key[0] == "vgpu_pool_works"} == {
        ("vgpu_pool_works", ("pool", "A")): 0}


def of_class(name, pool, priority, **more):
    return (name, *sorted({"pool": pool, "priority": priority,
                           **more}.items()))


def test_requests(start, sockets, metrics_socket, scrape):
    devices = [FakeDevice(sockets / f"{UUID}.7-0.sock"),
               FakeDevice(sockets / "8-0.sock")]
    start("--socket-dir", sockets, "--metrics-socket", metrics_socket)
    first = devices[0].greet(pool=abi.VGPU_STUB_POOL_B, priority=2)
    second = devices[1].greet()
    before = scrape()
    assert not any(value for (name, *_), value in before.items()
                   if name != "vgpu_pool_works")
    first.ask(operations.synchronize(), 30)
    first.ask(operations.call(0x1000), 4)
    second.ask(operations.call(abi.VGPU_STUB_OP_NOP, version=0), 3)
    after = scrape()
    assert after.keys() == before.keys()
    ended = {key: value for key, value in after.items()
             if key[0] == "vgpu_requests_total" and value}
    assert ended == {
        of_class("vgpu_requests_total", "B", "high", outcome="done"): 30,
        of_class("vgpu_requests_total", "B", "high",
                 outcome="unsupported_operation"): 4,
        of_class("vgpu_requests_total", "A", "medium",
                 outcome="invalid_request"): 3,
    }
    for kind in ("wait", "execution"):
        count = f"vgpu_request_{kind}_seconds_count"
        assert after[of_class(count, "B", "high")] == 34
        assert after[of_class(count, "A", "medium")] == 0
    seven, eight = (("vm", UUID),), (("vm", "8"),)
    assert after[("vgpu_vm_requests_total", *seven)] == 34
    assert after[("vgpu_vm_requests_failed_total", *seven)] == 4
    # Each request for an accelerator is charged at least 1 us.
    assert 30e-6 <= after[("vgpu_vm_device_seconds_total", *seven)] < 20
    assert after[("vgpu_vm_requests_total", *eight)] == 3
    assert after[("vgpu_vm_requests_failed_total", *eight)] == 3
    assert after[("vgpu_vm_device_seconds_total", *eight)] == 0


def test_quarantine(start, sockets, metrics_socket, admin, ctl, scrape):
    device = FakeDevice(sockets / "7-0.sock")
    start("--socket-dir", sockets, "--metrics-socket", metrics_socket,
          "--admin-socket", admin)
    peer = device.greet()
    ctl("quarantine", "7")
    peer.ask(operations.nop(), 5)
    samples = scrape()
    assert samples[("vgpu_vm_quarantined", ("vm", "7"))] == 1
    assert samples[of_class("vgpu_requests_total", "A", "medium",
                            outcome="vm_quarantined")] == 5
    # Which are those that their requests brought about
    assert samples[("vgpu_quarantines_total",)] == 0


def test_workers(start, sockets, metrics_socket, admin, ctl, scrape):
    device = FakeDevice(sockets / "7-0.sock")
    start("--socket-dir", sockets, "--metrics-socket", metrics_socket,
          "--admin-socket", admin)
    peer = device.greet(pool=abi.VGPU_STUB_POOL_B)
    peer.ask(operations.info())
    samples = scrape()
    idle = ("vgpu_workers", ("pool", "B"), ("state", "idle"))
    assert {key for key, value in samples.items()
            if key[0] == "vgpu_workers" and value} == {idle}
    assert samples[idle] == samples["vgpu_worker_starts_total",] == 1
    worker, = json.loads(ctl("workers", "--json"))
    os.kill(worker["pid"], signal.SIGKILL)
    wait_for(lambda: scrape()[("vgpu_worker_deaths_total",)] == 1,
             "death of the worker")


def test_contexts(start, sockets, metrics_socket, scrape):
    device = FakeQueueDevice(sockets / "7-0.sock")
    start("--socket-dir", sockets, "--metrics-socket", metrics_socket)
    peer = device.greet(pool=abi.VGPU_STUB_POOL_B)
    peer.open()
    samples = scrape()
    served = ("vgpu_contexts", ("pool", "B"), ("state", "served"))
    assert {key: value for key, value in samples.items()
            if key[0] == "vgpu_contexts" and value} == {served: 1}
    assert samples[("vgpu_arena_bytes",)] == 2816 * 1024


def test_a_vm_that_goes(start, sockets, metrics_socket, scrape):
    device = FakeDevice(sockets / "7-0.sock")
    start("--socket-dir", sockets, "--metrics-socket", metrics_socket)
    with device.greet() as peer:
        peer.ask(operations.nop(), 5)
        device.remove()
    wait_for(lambda: not any("vgpu_vm_" in key[0] for key in scrape()),
             "end of the VM's figures")
    assert scrape()[of_class("vgpu_requests_total", "A", "medium",
                             outcome="done")] == 5


def test_names_of_all_sorts(start, sockets, metrics_socket, scrape):
    names = ['a "b" \\', "tab\tand\nline", "größe", "7", "\\n", b"\xff\xfe"]
    devices = [FakeDevice(os.fsdecode(
        os.fsencode(sockets) + b"/" + os.fsencode(name) + b"-0.sock"))
        for name in names]
    start("--socket-dir", sockets, "--metrics-socket", metrics_socket)
    for device in devices:
        device.greet()
    shown = {dict(key[1:])["vm"] for key in scrape()
             if key[0] == "vgpu_vm_requests_total"}
    assert shown == {*names[:-1], "\ufffd\ufffd"}


def exchange(path, request):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(str(path))
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


def listens(path):
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


@pytest.fixture
def server(start, sockets, metrics_socket):
    start("--socket-dir", sockets, "--metrics-socket", metrics_socket)
    wait_for(lambda: listens(metrics_socket), "metrics socket")


@pytest.mark.parametrize("request_line, status", [
    ("GET /metrics HTTP/1.0", "200 OK"),
    ("GET /metrics HTTP/1.1", "200 OK"),
    ("HEAD /metrics HTTP/1.0", "200 OK"),
    ("GET /metrics?x=1 HTTP/1.1", "200 OK"),
    ("GET /metrics? HTTP/1.1", "200 OK"),
    ("HEAD /metrics?a=/b&c=? HTTP/1.1", "200 OK"),
    ("GET http://localhost/metrics HTTP/1.1", "200 OK"),
    ("GET HTTPS://[::1]:9950/metrics?x=1 HTTP/1.1", "200 OK"),
    ("GET /%6detrics HTTP/1.1", "200 OK"),
    ("GET http://localhost HTTP/1.1", "404 Not Found"),
    ("GET http://localhost?/metrics HTTP/1.1", "404 Not Found"),
    ("GET http:/metrics HTTP/1.1", "404 Not Found"),
    ("GET /metrics%00 HTTP/1.1", "404 Not Found"),
    ("GET /metrics%zz HTTP/1.1", "404 Not Found"),
    ("GET /x?/metrics HTTP/1.1", "404 Not Found"),
    ("OPTIONS * HTTP/1.1", "405 Method Not Allowed"),
    ("GET / HTTP/1.0", "404 Not Found"),
    ("GET /metrics/../etc HTTP/1.0", "404 Not Found"),
    ("HEAD /x HTTP/1.0", "404 Not Found"),
    ("POST /metrics HTTP/1.0", "405 Method Not Allowed"),
    ("get /metrics HTTP/1.0", "405 Method Not Allowed"),
    ("GET /metrics", "400 Bad Request"),
    ("GET  /metrics HTTP/1.0", "400 Bad Request"),
    ("GET /metrics SPDY/1", "400 Bad Request"),
    ("\0\0\0", "400 Bad Request"),
    ("", "400 Bad Request"),
])
def test_http(server, metrics_socket, request_line, status):
    answer = exchange(metrics_socket, request_line.encode() +
                      b"\r\nHost: localhost\r\nX: y\r\n\r\n").decode()
    head, _, body = answer.partition("\r\n\r\n")
    first, *fields = head.split("\r\n")
    fields = dict(field.split(": ", 1) for field in fields)
    assert first == "HTTP/1.0 " + status
    assert fields["Content-Type"].startswith("text/plain; version=0.0.4")
    assert ("Allow" in fields) == status.startswith("405")
    if request_line.startswith("HEAD "):
        assert body == ""
        assert int(fields["Content-Length"]) > 0
    else:
        assert len(body.encode()) == int(fields["Content-Length"])
    if body and status == "200 OK":
        read(body)


@pytest.mark.parametrize("request_bytes", [
    b"", b"GET /metrics HTTP/1.0\r\n", b"GET /metrics HTTP/1.0\n\n",
    b"x" * 5000, b"GET /metrics HTTP/1.0\r\nX: " + b"x" * 5000 + b"\r\n\r\n",
])
def test_incomplete_and_endless_requests(server, metrics_socket, scrape,
                                         request_bytes):
    try:
        assert exchange(metrics_socket, request_bytes) == b""
    except (BrokenPipeError, ConnectionResetError):
        pass
    scrape()


def test_idle_clients_do_not_lock_prometheus_out(server, metrics_socket,
                                                 scrape):
    clients = []
    for _ in range(50):
        clients.append(socket.socket(socket.AF_UNIX))
        clients[-1].connect(str(metrics_socket))
    for _ in range(3):
        scrape()


def test_only_owner_and_group_may_connect(server, metrics_socket):
    assert stat.S_IMODE(os.stat(metrics_socket).st_mode) == 0o660


def test_bad_path(mediatord_bin):
    result = subprocess.run([mediatord_bin, *starter(mediatord_bin),
                             "--worker=/bin/true",
                             "--metrics-socket", "/x/y"],
                            timeout=PATIENCE, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == ("vgpu-mediatord: --metrics-socket: /x/y: "
                             "No such file or directory\n")
