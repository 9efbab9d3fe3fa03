# SPDX-License-Identifier: GPL-2.0-or-later
"""Random use of the queue; `make soak-queue` does a million things."""
import os
import time

import pytest

from support.queue_actions import RandomUse
from support.queue_vandal import Vandal

ACTIONS = int(os.environ.get("QUEUE_ACTIONS", "16000"))    # of all seeds
SEEDS = 4

pytestmark = pytest.mark.strictest_qemu


@pytest.mark.parametrize("seed", range(SEEDS))
def test_random_use(queue, seed):
    """Nothing is completed twice, nothing is lost, everything is as the
    mediator said or has a reason."""
    use = RandomUse(queue, seed)
    start = time.monotonic()
    use.run(ACTIONS // SEEDS)
    print(f"seed {seed}: {use.actions} actions, {use.ended} submissions ended,"
          f" {time.monotonic() - start:.0f} s, {use.statuses}")


@pytest.mark.parametrize("seed", range(SEEDS))
def test_vandals(queue, seed):
    """Nothing that they do ends QEMU, or what comes after them."""
    vandal = Vandal(queue, seed)
    vandal.run(ACTIONS // SEEDS)
    print(f"seed {seed}: {ACTIONS // SEEDS} actions, {vandal.links} links")
    queue.renew()
    queue.work()
