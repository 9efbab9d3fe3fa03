# SPDX-License-Identifier: GPL-2.0-or-later
import subprocess

import pytest

from direct import LIBRARY, PROGRAMS, Direct


@pytest.fixture(scope="session", params=("plain", "sanitizers"))
def direct(request, tmp_path_factory):
    """Workers, and the environment of programs: with the sanitizers' both"""
    folder = tmp_path_factory.mktemp("direct")
    if request.param == "plain":
        return Direct(folder, "mediator", PROGRAMS / LIBRARY)
    runtime = subprocess.run(["gcc", "-print-file-name=libasan.so"],
                             check=True, stdout=subprocess.PIPE, text=True)
    return Direct(folder, "mediator-sanitizers",
                  PROGRAMS / "sanitizers" / LIBRARY,
                  LD_PRELOAD=runtime.stdout.strip())
