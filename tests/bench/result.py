# SPDX-License-Identifier: GPL-2.0-or-later
"""What a bench hands to the runner; run.py says how."""
import operator
from dataclasses import dataclass, field


class Unavailable(Exception):
    """This machine lacks what the bench measures; str() says what."""


@dataclass
class Row:
    """One measured value, and the same of a peer that was measured beside it.

    `unit` is that of both; where it ends in "/s", more is better. `figure` is
    the name of the summary's figure that this value decides: it grows as the
    value does, so that the figure's target is a goal for the value. `spread` is
    the least and the greatest of the values that `value` is the median of.
    """
    section: str
    name: str
    value: float
    unit: str
    peer: str = None
    peer_value: float = None
    figure: str = None
    spread: tuple = None

    @property
    def ratio(self):
        """value / peer_value; None without a peer."""
        return self.value / self.peer_value if self.peer_value else None


@dataclass
class Target:
    """What a figure of the summary should be: Target("jain", ">=", 0.99)."""
    name: str
    comparison: str             # ">=" or "<="
    value: float

    def met_by(self, figure):
        compare = {">=": operator.ge, "<=": operator.le}[self.comparison]
        return compare(figure, self.value)

    def missed_by(self, figure):
        """In percent of the target."""
        return abs(figure - self.value) / self.value * 100


@dataclass
class Result:
    rows: list                                      # Row
    summary: dict                                   # name: number
    targets: list = field(default_factory=list)     # Target


@dataclass
class Context:
    """What the runner gives to a bench."""
    root: object                # Path of the source tree
    build: object               # Path of what is built
    scratch: object             # Path of an empty folder, removed afterwards
    quick: bool                 # only show that it works, in few seconds
