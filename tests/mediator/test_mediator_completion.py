# SPDX-License-Identifier: GPL-2.0-or-later
"""What bash offers for vgpu-ctl and vgpu-mediatord."""
import re
import subprocess

import pytest

from support.fake_device import FakeDevice
from support.paths import ROOT
from support.wait import PATIENCE
from test_mediator_ctl import KNOWN, LIMITS

LIMIT_NAMES = LIMITS.split(", ")
ORDERS = {*KNOWN.replace("there are ", "").split(", "), "top"}


@pytest.fixture
def complete(mediatord_bin):
    """complete(*words): what is offered for the last one"""
    def run(*words):
        program = words[0]
        result = subprocess.run(
            ["bash", "-c", """
            PATH=$1:$PATH
            . "$2"
            COMP_WORDS=("${@:3}") COMP_CWORD=$(($# - 3))
            "_${3//-/_}"
            printf '%s\n' "${COMPREPLY[@]}"
            """, "bash", mediatord_bin.parent,
             ROOT / "mediator/completion" / program, *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=PATIENCE)
        assert result.stderr == ""
        return set(result.stdout.split())
    return run


def test_orders(complete):
    assert complete("vgpu-ctl", "") == ORDERS | {"--help", "--socket",
                                                 "--json"}
    assert complete("vgpu-ctl", "qu") == {"queues", "quarantine"}
    assert complete("vgpu-ctl", "--json", "rel") == {"release", "reload"}


def test_vms_and_limits(complete, start, admin, sockets):
    devices = [FakeDevice(sockets / f"{domid}-0.sock")
               for domid in (7, 8, 70)]
    start("--admin-socket", admin, "--socket-dir", sockets)
    for device in devices:
        device.accept()
    for socket in ["--socket", str(admin)], ["--socket", "=", str(admin)]:
        assert complete("vgpu-ctl", *socket, "quarantine", "7") == {"7", "70"}
        assert complete("vgpu-ctl", *socket, "set", "") == {"7", "8", "70"}
    assert complete("vgpu-ctl", "set", "7", "") == set(LIMIT_NAMES)
    assert complete("vgpu-ctl", "set", "7", "pool", "") == {"any", "A", "B"}
    assert complete("vgpu-ctl", "set", "7", "weight", "") == set()
    assert complete("vgpu-ctl", "vms", "") == set()


def test_no_daemon(complete):
    assert complete("vgpu-ctl", "--socket", "/nonexistent", "set", "") == set()


def test_options_of_the_daemon(complete, mediatord_bin):
    text = subprocess.run([mediatord_bin, "--help"], timeout=PATIENCE,
                          text=True, stdout=subprocess.PIPE).stdout
    options = set(re.findall("--[a-z-]+", text))
    assert complete("vgpu-mediatord", "--") == options
    page = (ROOT / "docs/man/vgpu-mediatord.8").read_text().replace("\\-", "-")
    assert options == set(re.findall(r"^\.B[IR]* (--[a-z-]+)", page, re.M)) \
        | {"--help"}


def test_files(complete, tmp_path):
    (tmp_path / "the.conf").touch()
    assert complete("vgpu-mediatord", "--config", "=",
                    f"{tmp_path}/the") == {f"{tmp_path}/the.conf"}
