# SPDX-License-Identifier: GPL-2.0-or-later
"""That the benches run; their figures mean nothing here."""
import json
import subprocess
import sys

import pytest

from support.operations import free
from support.paths import BUILD, ROOT

sys.path.append(str(ROOT / "tests/bench"))
from bench_mediator import Bench
from result import Context


@pytest.mark.parametrize("name, figures", [
    ("mediator", {"throughput_1vm_vs_echo", "throughput_8vm_vs_echo",
                  "throughput_64vm_vs_echo", "jain_equal",
                  "share_error_weighted", "high_p99_vs_idle"}),
    ("contexts", {"context_open_to_first_answer_cpu_spare_vs_none",
                  "context_open_to_first_answer_opencl_spare_vs_none"}),
    ("queue", {"queue_requests_vs_virtio_serial", "driver_processes_8_vs_1",
               "driver_syscalls_per_request_depth32",
               "queue_exits_per_request_depth32",
               "rtt_queue_vs_virtio_serial"}),
    ("bulk", {"bulk_write_vs_virtio_blk", "bulk_read_vs_virtio_blk",
              "bulk_write_vs_memcpy"}),
    ("opencl", {"opencl_nop_vs_native", "opencl_pipelined_per_second",
                "opencl_write_vs_guest_memcpy", "opencl_read_vs_guest_memcpy",
                "opencl_first_result_cold_vs_native",
                "opencl_first_result_warm_vs_native"}),
])
def test_bench(tmp_path, name, figures):
    result = subprocess.run(
        ["/usr/bin/python3", ROOT / "tests/bench/run.py", "--quick",
         "--out", tmp_path, name], timeout=600, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert result.returncode == 0, result.stdout
    summary = json.loads((tmp_path / "bench.json").read_text())["summary"]
    assert figures <= set(summary)
    assert all(figure >= 0 for figure in summary.values())


def test_requests_that_fail_are_no_figures(tmp_path):
    bench = Bench(Context(ROOT, BUILD, tmp_path, True))
    path = bench.file("nobodys", free(1))
    with pytest.raises(AssertionError, match="'errors': [1-9]"):
        bench.measure(0.1, [f"1:1:1:{path}"], bench.mediator)
