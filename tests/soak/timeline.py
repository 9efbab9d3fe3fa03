# SPDX-License-Identifier: GPL-2.0-or-later
"""What a soak looked like: its counters and the daemon over time."""
import json
import re
import time
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.ticker import MaxNLocator

from support.picture import save

# Of each panel: its title, and what is drawn; a rate is of a counter.
PANELS = [
    ("per second", True, {"requests": "requests", "NONE": "done",
                          "cancelled": "cancelled"}),
    ("trouble, per second", True, {
        "kill_worker": "workers killed", "vanished": "VMs vanished",
        "garbage": "garbage sent", "reload": "configurations"}),
    ("the daemon has", False, {"workers": "workers",
                               "descriptors": "descriptors"}),
    # The sanitizers keep what is freed, up to 256 MiB of it.
    ("the daemon's memory, MiB", False, {"memory_mib": "memory"}),
]


def memory_mib(pid):
    """0 when the process has gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    kib = re.search(r"^RssAnon:\s+(\d+) kB$", text, re.M)
    return int(kib.group(1)) / 1024 if kib else 0


class Timeline:
    def __init__(self):
        self.start = time.monotonic()
        self.samples = []

    def add(self, counters, **daemon):
        self.samples.append({"seconds": time.monotonic() - self.start,
                             **daemon, "counters": dict(counters)})

    def _values(self, name, rate):
        """[(seconds, value)]; a rate is that since the sample before."""
        if not rate:
            return [(sample["seconds"], sample[name])
                    for sample in self.samples]
        return [(now["seconds"],
                 (now["counters"].get(name, 0) -
                  before["counters"].get(name, 0)) /
                 (now["seconds"] - before["seconds"]))
                for before, now in zip(self.samples, self.samples[1:])]

    def _draw(self, quiet):
        figure, panels = plt.subplots(len(PANELS), sharex=True,
                                      figsize=(9, 7.5))
        for axes, (title, rate, names) in zip(panels, PANELS):
            for name, label in names.items():
                axes.plot(*zip(*self._values(name, rate)), label=label,
                          linewidth=1.5)
            axes.set_title(title, loc="left", fontsize="medium", color=quiet)
            axes.set_ylim(bottom=0)
            axes.yaxis.set_major_locator(MaxNLocator(4))
            axes.grid(axis="y")
            axes.tick_params(length=0)
            if len(names) > 1 and axes.lines:
                axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1),
                            frameon=False, borderaxespad=0)
        panels[-1].set_xlabel("seconds")
        figure.subplots_adjust(left=0.09, right=0.8, top=0.95, bottom=0.07,
                               hspace=0.35)
        return figure

    def save(self, folder):
        """Into soak.json, soak.svg and soak-dark.svg; two samples at least."""
        (folder / "soak.json").write_text(json.dumps(self.samples) + "\n")
        save(folder / "soak.svg", self._draw)
