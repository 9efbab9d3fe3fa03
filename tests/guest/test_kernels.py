# SPDX-License-Identifier: GPL-2.0-or-later
"""The catalogue's kernels, executed on the host for a real guest: by the CLI,
the examples and the Python binding."""
import array
import hashlib
import json
import re
import shutil
import signal
import struct
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import abi, operations, wire
from support.fake_mediator import FakeMediator, connect_to_guest
from support.guest import boot, pack_python, vgpu_stub
from support.mediatord import Host
from support.paths import BUILD, ROOT
from support.scripted_mediator import ScriptedMediator
from support.wait import PATIENCE

N, PARTS = 1000, 10
ROWS, COLUMNS, INNER = 12, 20, 16
ALPHA, BETA = 0.5, -2.0
MESSAGES, LENGTH = 5, 100

RUNS = {
    "vector_add": "--in a --in b --out result --u32 @a/4",
    "saxpy": f"--in a --inout result --u32 {N} --f32 {ALPHA}",
    "sgemm": f"--in a --in b --inout result --u32 {ROWS} --u32 {COLUMNS} "
             f"--u32 @b/{4 * COLUMNS} --f32 {ALPHA} --f32 {BETA} "
             f"--global {COLUMNS},{ROWS}",
    "reduce": f"--in a --out result:{4 * PARTS} --u32 {N} --u32 {PARTS} "
              "--global 8 --local 4",
    "sha256": f"--in a --out result:{32 * MESSAGES} --u32 {LENGTH} "
              f"--u32 {MESSAGES}",
}

JOB = """\
run() { /job/vgpu-stub run "$@" 2>errors; echo "status $?"; cat errors; }

for kernel in KERNELS; do
    echo "== $kernel"; cd /job/data/$kernel
    ../../vgpu-stub run $kernel $(cat options) 2>errors
    echo "status $?"; cat errors; cmp result expected && echo same
done
cd /job/data/vector_add
echo "== bar"; ../../vgpu-stub run vector_add --in a --in b --out r --u32 @a/4
echo "== json"; ../../vgpu-stub run vector_add --in a --in b --out r --u32 @a/4 --json
echo "== stdout"; ../../vgpu-stub run sha256 --in a --out /proc/self/fd/1:32 --u32 @a --u32 1 2>/dev/null | od -An -v -tx1 | tr -d ' \\n'; echo; sha256sum a
echo "== unknown"; run frob
echo "== prints"; run say --device 00:03.0 --u32 2 --global 1
echo "== prints-much"; run say --device 00:03.0 --u32 500 --global 1
echo "== too-small"; run vector_add --in a --in b --out c:8 --u32 @a/4
echo "== too-few"; run vector_add --in a
echo "== no-memory"; run vector_add --out big:2000000
echo "== read-only"; mkdir -p d; run vector_add --in a --in a --out d:4 --u32 1
echo "== link"; echo old >target; ln -s target l
run vector_add --in a --in b --out l --u32 @a/4; cmp target expected && ls -F l
echo "== full"; mkdir f; mount -t tmpfs -o size=8k none f; cp b f/b; chmod 751 f/b
head -c 4096 a >f/filler; run saxpy --in a --inout f/b --u32 1 --f32 1
cmp b f/b && ls -1 f; rm f/filler
echo "== mode"; run saxpy --in a --inout f/b --u32 1 --f32 1
cmp -s b f/b || stat -c %a f/b
cd /job
# Until the device is BUSY with a request that has so many bytes, or more than
# that: STATUS and REQUEST_LEN
read bar rest </sys/bus/pci/devices/0000:00:1e.0/resource
busy() { until [ "$(devmem $((bar + 0x4)) 32)" = 0x00000001 ] &&
               [ $(($(devmem $((bar + 0x18)) 32))) $1 $2 ]; do :; done; }
killed() {
    kill -$1 $!; wait $!; echo "status $?"; cat errors
}
echo "== killed"; ./vgpu-stub run k --device 00:1e.0 --out d:4 2>errors &
busy -gt ALLOCATION; killed TERM
echo "== killed-early"; ./vgpu-stub run k --device 00:1e.0 --out d:4 2>errors &
busy -eq ALLOCATION; killed INT
./vgpu-stub run k --device 00:1e.0 --in run 2>errors &
busy -gt ALLOCATION; killed INT
echo "== free"; ./vgpu-stub free; ./vgpu-stub free --json
echo "== vector-add"; ./vector-add; echo "status $?"
echo "== sha256-file"; ./sha256 /usr/bin/lspci; echo "status $?"; sha256sum /usr/bin/lspci
echo "== sha256-large"; ./sha256 vgpu-stub 2>&1; echo "status $?"
echo "== sgemm-example"; ./sgemm; echo "status $?"
echo "== python"; LD_LIBRARY_PATH=/job:/job/python/lib PYTHONHOME=/job/python \\
    python/python3 -S binding.py 2>&1; echo "status $?"
echo "== python-waits"; LD_LIBRARY_PATH=/job:/job/python/lib PYTHONHOME=/job/python \\
    python/python3 -S binding_waits.py 00:1d.0 2>&1; echo "status $?"
echo "== python-driver"; insmod ./vgpu-stub.ko; chgrp 105 /dev/vgpu-stub*
LD_LIBRARY_PATH=/job:/job/python/lib PYTHONHOME=/job/python \\
    ./as-user python/python3 -S binding.py 2>&1; echo "status $?"
""".replace("KERNELS", " ".join(RUNS)).replace(
    "ALLOCATION", str(len(operations.alloc(4))))


# A kernel that prints, in OpenCL C alone
SAY = {"say.kernel": "[kernel]\ndimensions=1\n[args]\nn=u32\n",
       "say.cl": "__kernel void say(uint n)\n"
                 '{ for (uint i = 0; i < n; i++) { printf("%u\\n", i); } }\n'}


def floats(values):
    return array.array("f", values).tobytes()


def inputs_and_results():
    """{kernel: {file: contents}}; small numbers, so that sums are exact."""
    a = [float(i % 13 - 6) for i in range(N)]
    b = [float(i % 7) for i in range(N)]
    left, right = a[:ROWS * INNER], b[:INNER * COLUMNS]
    sums = a[-ROWS * COLUMNS:]
    message = bytes(i % 251 for i in range(MESSAGES * LENGTH))
    return {
        "vector_add": {"a": floats(a), "b": floats(b),
                       "expected": floats(map(sum, zip(a, b)))},
        "saxpy": {"a": floats(a), "result": floats(b),
                  "expected": floats(ALPHA * x + y for x, y in zip(a, b))},
        "sgemm": {"a": floats(left), "b": floats(right),
                  "result": floats(sums),
                  "expected": floats(
                      ALPHA * sum(left[i * INNER + k] * right[k * COLUMNS + j]
                                  for k in range(INNER))
                      + BETA * sums[i * COLUMNS + j]
                      for i in range(ROWS) for j in range(COLUMNS))},
        "reduce": {"a": floats(a),
                   "expected": floats(sum(a[i::PARTS]) for i in range(PARTS))},
        "sha256": {"a": message,
                   "expected": b"".join(
                       hashlib.sha256(message[at:at + LENGTH]).digest()
                       for at in range(0, len(message), LENGTH))},
    }


def hold(path):
    """A mediator whose kernel does not end, then an allocation, then a copy;
    returns what it was sent of the first."""
    with connect_to_guest(FakeMediator.welcome, path) as mediator:
        allocate = mediator.expect_request()
        mediator.send_response(allocate, wire.response([7, 0]))
        launch = mediator.expect_request()
        cancel = mediator.expect(abi.VGPU_STUB_MSG_CANCEL)
        free = mediator.expect_request()
        mediator.send_response(free, wire.response())

        mediator.expect_request()                   # an allocation
        mediator.expect(abi.VGPU_STUB_MSG_CANCEL)

        mediator.send_response(mediator.expect_request(),
                               wire.response([8, 0]))
        mediator.expect_request()                   # a copy
        mediator.expect(abi.VGPU_STUB_MSG_CANCEL)
        last = mediator.expect_request()
        assert struct.unpack_from("<4xI", last.payload)[0] == \
            abi.VGPU_STUB_OP_MEMORY_FREE
        assert struct.unpack_from("<Q", last.payload, 32) == (8,)
        mediator.send_response(last, wire.response())
    return allocate, launch, cancel, free


@pytest.fixture(scope="module")
def job(any_qemu_bin, tmp_path_factory):
    """{section: lines} of the job above."""
    path = tmp_path_factory.mktemp("kernels")
    directory = path / "job"
    for kernel, files in inputs_and_results().items():
        data = directory / "data" / kernel
        data.mkdir(parents=True)
        (data / "options").write_text(RUNS[kernel])
        for name, contents in files.items():
            (data / name).write_bytes(contents)
    pack_python(directory / "python", "ctypes", "contextlib", "hashlib",
                "array", "select", "signal", "struct", "threading")
    for module in ("guest-tools/python/vgpu_stub.py",
                   "guest-tools/python/vgpu_stub_library.py",
                   "guest-tools/python/vgpu_stub_values.py",
                   "tests/guest/binding.py", "tests/guest/binding_waits.py"):
        shutil.copy(ROOT / module, directory)
    shutil.copytree(BUILD / "kernels", path / "kernels")
    for name, text in SAY.items():
        (path / "kernels" / name).write_text(text)
    config = (f"[workers]\nkernels={path}/kernels\n[vm]\nmemory-mib=1\n"
              "[pool B]\nbackend=opencl\n")
    with Host(path, config=config) as host, \
            ScriptedMediator(path / "scripted.sock") as mediator, \
            ThreadPoolExecutor() as pool:
        held = pool.submit(hold, path / "held.sock")
        sections = boot(any_qemu_bin, directory, JOB,
                    ["guest-tools/vgpu-stub", "guest-tools/libvgpu-stub.so.1",
                     "driver/6.1/vgpu-stub.ko", "tests/driver/as-user",
                     *(f"guest-tools/examples/{name}"
                       for name in ("vector-add", "sha256", "sgemm"))],
                    *vgpu_stub(host.sockets / "7-0.sock", 0, "addr=0x2"),
                    *vgpu_stub(host.sockets / "7-1.sock", 3, "addr=0x3",
                               "pool_id=B"),
                    *vgpu_stub(path / "held.sock", 1, "addr=0x1e"),
                    *vgpu_stub(path / "scripted.sock", 2, "addr=0x1d"))
        sections["scripted"] = mediator
        sections["held"] = held.result(PATIENCE)
    return sections


@pytest.mark.parametrize("kernel", RUNS)
def test_run(job, kernel):
    status, told, same = job[kernel]
    assert (status, same) == ("status 0", "same")
    bytes_in = sum(len(contents) for name, contents
                   in inputs_and_results()[kernel].items()
                   if name != "expected")
    bytes_out = len(inputs_and_results()[kernel]["expected"])
    assert re.fullmatch(rf"{kernel}: {bytes_in} bytes to the host, \d+ us "
                        rf"there, {bytes_out} bytes back", told)


def test_progress_is_for_a_terminal(job):
    """The guest's console is one, a file is not: see test_run()."""
    bar, = (line for line in job["bar"] if line.startswith("["))
    assert re.search(r"\[ {50}\]   0 %.*\[#{50}\] 100 %", bar)


def test_free(job):
    """What killed programs have left, of which nobody knows how much"""
    line, answer = job["free"]
    assert re.fullmatch(r"free: \d+ bytes freed", line)
    assert json.loads(answer)["freed_bytes"] == 0


def test_run_as_json(job):
    line = job["json"][-1]
    answer = json.loads(line[line.index("{"):])
    assert answer.pop("exec_us") >= 0
    assert answer == {"device": "0000:00:02.0", "kernel": "vector_add",
                      "bytes_in": 8 * N, "bytes_out": 4 * N}


def test_run_into_a_pipe(job):
    ours, theirs = job["stdout"]
    assert theirs.split()[0] == ours


def test_run_of_a_kernel_that_prints(job):
    status, *printed, told = job["prints"]
    assert (status, printed) == ("status 0", ["0", "1"])
    assert told.startswith("say: 0 bytes to the host, ")


def test_run_of_a_kernel_that_prints_much(job):
    """1890 bytes in all"""
    status, *printed, missing, told = job["prints-much"]
    assert status == "status 0"
    assert "\n".join(printed) == "".join(f"{n}\n" for n in range(500))[:988]
    assert missing == ("vgpu-stub: say: it printed more: at least 902 bytes "
                       "that the host did not keep")
    assert told.startswith("say: 0 bytes to the host, ")


@pytest.mark.parametrize("case, message", [
    ("unknown", "frob: request failed: UNKNOWN_KERNEL (0xf2): "),
    ("too-small", "vector_add: request failed: INVALID_REQUEST (0x01): "),
    ("too-few", "vector_add: request failed: INVALID_REQUEST (0x01): "),
    ("no-memory", "vector_add: request failed: OUT_OF_MEMORY (0xf0): "),
    ("read-only", "d: Is a directory"),
])
def test_run_fails(job, case, message):
    status, told = job[case]
    assert status == "status 1"
    assert told.startswith("vgpu-stub: " + message)


def test_run_writes_through_a_link(job):
    status, _, link = job["link"]
    assert (status, link) == ("status 0", "l@")


def test_run_onto_a_full_disk(job):
    """What was in the file is still there, and there is no other."""
    status, told, *files = job["full"]
    assert status == "status 1"
    assert told == "vgpu-stub: f/b: No space left on device"
    assert files == ["b", "filler"]


def test_run_keeps_the_mode(job):
    status, _, mode = job["mode"]
    assert (status, mode) == ("status 0", "751")


def test_run_is_killed(job):
    """The kernel is cancelled and its memory freed."""
    status, told = job["killed"]
    assert status == f"status {128 + signal.SIGTERM}"
    assert told == "vgpu-stub: k: ended by a signal (Terminated)"
    allocate, launch, cancel, free = job["held"]
    assert cancel.sequence == launch.sequence
    assert [struct.unpack_from("<4xI", request.payload)[0]
            for request in (allocate, launch, free)] == [
        abi.VGPU_STUB_OP_MEMORY_ALLOC, abi.VGPU_STUB_OP_KERNEL,
        abi.VGPU_STUB_OP_MEMORY_FREE]
    assert struct.unpack_from("<Q", free.payload, 32) == (7,)


def test_run_is_killed_before_its_kernel(job):
    """While an allocation waits, and while a copy does; see hold()."""
    assert job["killed-early"] == 2 * [
        f"status {128 + signal.SIGINT}",
        "vgpu-stub: k: ended by a signal (Interrupt)"]


def test_example_vector_add(job):
    assert job["vector-add"] == [
        "vector-add: 1000 sums, all as the CPU has them", "status 0"]


def test_example_sha256(job):
    ours, status, theirs = job["sha256-file"]
    assert status == "status 0"
    assert ours == theirs


def test_an_example_says_why_it_fails(job):
    told, status = job["sha256-large"]
    assert status == "status 1"
    assert told.startswith("sha256: allocate: ")


def test_example_sgemm(job):
    assert job["sgemm-example"] == [
        "sgemm: 24 x 16 elements, all as the CPU has them", "status 0"]


def test_python(job):
    """The memory of all who came before is free by then."""
    assert job["python"][-1] == "status 0", job["python"]
    assert len(job["python"]) == 20


def test_python_by_the_driver(job):
    """As an ordinary user"""
    assert job["python-driver"][-1] == "status 0", job["python-driver"]
    assert len(job["python-driver"]) == 20


def test_python_waits(job):
    assert job["python-waits"][-1] == "status 0", job["python-waits"]
    assert len(job["python-waits"]) == 4
    assert job["scripted"].memory == {}, "it was not freed"
