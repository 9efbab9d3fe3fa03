# SPDX-License-Identifier: GPL-2.0-or-later
"""What benches measured, as a picture: a line for each figure, on which ours,
the peer's and the goal are."""
import re
from itertools import accumulate, groupby

import matplotlib.pyplot as plt
from matplotlib.textpath import TextPath

from support.picture import few_ticks, number, save

# Inches
ROW, GAP, AREA_GAP, MARGIN = 0.27, 0.55, 0.3, 0.5
WIDTH, SPACE = 3.6, 0.15        # of an axis; between words, and to the edges


def _panels(rows):
    """[(area, unit, rows)]: figures of one area and unit have one axis."""
    def key(row):
        return re.match(r"[^:,]+", row.section).group(), row.unit

    areas, units = {}, {}
    for row in rows:
        area, unit = key(row)
        areas.setdefault(area, len(areas))
        units.setdefault(unit, len(units))
    rows = sorted(rows, key=lambda row: (areas[key(row)[0]], units[row.unit]))
    return [(*of, list(group)) for of, group in groupby(rows, key)]


def _goal(row, result):
    """The value that meets the row's target, and in words; None without."""
    for target in result.targets:
        if target.name == row.figure and result.summary[row.figure]:
            value = row.value * target.value / result.summary[row.figure]
            sign = {">=": "\u2265", "<=": "\u2264"}[target.comparison]
            return value, f"goal: {sign} {number(value)}"
    return None, ""


def _words(row, result):
    """What is written behind the row, in three columns"""
    peer = f"{row.peer}: {number(row.peer_value)}" if row.peer else ""
    return number(row.value), peer, _goal(row, result)[1]


def _inches(words):
    """How wide they are"""
    size = plt.rcParams["font.size"]
    return TextPath((0, 0), words, size=size).get_extents().width / 72


def _label(area, row):
    return f"{row.section[len(area):].lstrip(':, ')}: {row.name}".lstrip(": ")


def _draw_row(axes, y, row, goal, quiet):
    both = [value for value in (row.value, row.peer_value) if value]
    axes.plot(both, [y] * len(both), color=quiet, linewidth=1, zorder=1)
    if row.spread:
        axes.plot(row.spread, [y, y], color="C0", linewidth=3, alpha=0.4,
                  zorder=2)
    if row.peer_value:
        axes.plot(row.peer_value, y, "D", markersize=5, color="C1", zorder=2)
    if row.value:
        axes.plot(row.value, y, "o", markersize=6.5, color="C0", zorder=3)
    if goal:
        axes.plot(goal, y, "|", markersize=13, markeredgewidth=2, color="C2",
                  zorder=4)


def _draw_words(axes, y, words, columns):
    for text, column in zip(words, columns):
        axes.annotate(text, (1, y), (72 * column, 0),
                      xycoords=("axes fraction", "data"),
                      textcoords="offset points", verticalalignment="center",
                      annotation_clip=False)


def _draw_panel(axes, area, rows, result, columns, quiet):
    goals = [_goal(row, result)[0] for row in rows]
    values = [value for row, goal in zip(rows, goals)
              for value in (row.value, row.peer_value, goal,
                            *(row.spread or ())) if value]
    axes.set_xscale("log")
    # At least a decade, so that there is a tick to read it by
    low, high = min(values, default=1), max(values, default=1)
    axes.set_xlim(min(low / 1.6, high / 16), max(high * 1.6, low * 1.6))
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [_label(area, row) for row in rows])
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    few_ticks(axes.xaxis)
    for y, (row, goal) in enumerate(zip(rows, goals)):
        _draw_row(axes, y, row, goal, quiet)
        _draw_words(axes, y, _words(row, result), columns)


def _unit(unit):
    better = "more" if unit.endswith("/s") else "less"
    return f"{unit} ({better} is better)" if unit else ""


def _legend(figure):
    points = [plt.Line2D([], [], linestyle="", marker=marker, color=color,
                         markeredgewidth=edge, label=label)
              for marker, color, edge, label in (
                  ("o", "C0", 1, "vgpu-stub"), ("D", "C1", 1, "its peer"),
                  ("|", "C2", 2, "goal"), ("_", "C0", 3, "spread"))]
    figure.legend(handles=points, loc="upper right", ncol=4, frameon=False)


def _columns(result):
    """Where they begin, to the right of the axes, and where the last ends"""
    widths = [max((_inches(words) for words in column), default=0)
              for column in zip(*(_words(row, result) for row in result.rows))]
    return list(accumulate((width + SPACE for width in widths),
                           initial=SPACE))


def draw(result, facts, quiet):
    panels = _panels(result.rows)
    heights = [ROW * len(rows) for _, _, rows in panels]
    *columns, right = _columns(result)
    left = 2 * SPACE + max((_inches(_label(area, row))
                            for area, _, rows in panels for row in rows),
                           default=0)
    width = left + WIDTH + right
    areas = len({area for area, _, _ in panels})
    height = MARGIN + sum(heights) + GAP * len(panels) + AREA_GAP * areas
    figure = plt.figure(figsize=(width, height))
    figure.text(SPACE / width, 1 - 0.3 / height,
                f"{facts['cpu']}, {facts['cores']} cores, load "
                f"{facts['load_1min']}", color=quiet)
    _legend(figure)
    top = height - MARGIN
    above = None
    for (area, unit, rows), tall in zip(panels, heights):
        if area != above:
            top -= AREA_GAP
            figure.text(SPACE / width, (top + 0.06) / height, area,
                        fontweight="bold")
            above = area
        axes = figure.add_axes((left / width, (top - tall) / height,
                                WIDTH / width, tall / height))
        _draw_panel(axes, area, rows, result, columns, quiet)
        axes.set_xlabel(_unit(unit), labelpad=1)
        top -= tall + GAP
    return figure


def save_picture(result, facts, path):
    save(path, lambda quiet: draw(result, facts, quiet))
