# SPDX-License-Identifier: GPL-2.0-or-later
import subprocess

import pytest

import debian_programs
from direct import LIBRARY, PROGRAMS, Direct


@pytest.fixture(scope="session")
def folder():
    """Before a test changes HOME, under which it is"""
    return debian_programs.folder()


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
                  LD_PRELOAD=runtime.stdout.strip(),
                  # As in tests/mediator/unit/test-session.c
                  ASAN_OPTIONS="intercept_tls_get_addr=0",
                  LSAN_OPTIONS="suppressions="
                  f"{debian_programs.HERE}/libmcpp.supp")
