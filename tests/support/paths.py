# SPDX-License-Identifier: GPL-2.0-or-later
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
FAKE_WORKER = ROOT / "tests/support/fake_worker.py"
