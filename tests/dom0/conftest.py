# SPDX-License-Identifier: GPL-2.0-or-later
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "dom0"))

from dom0_host import Dom0  # noqa: E402


@pytest.fixture
def as_root():
    if os.geteuid() != 0:
        pytest.fail("this test sets owners, takes on other users or mounts: "
                    "run it as root")


@pytest.fixture
def open_dir(as_root):
    """A new directory that every user can reach: pytest's tmp_path is not."""
    path = Path(tempfile.mkdtemp(prefix="vgpu-stub-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def dom0(open_dir):
    host = Dom0(open_dir)
    yield host
    host.close()
