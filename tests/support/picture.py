# SPDX-License-Identifier: GPL-2.0-or-later
"""Pictures as SVG, one for light pages and one for dark ones."""
import logging

# It would say, the first time, that it looks for fonts.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

# Of each theme: paper, ink, what is less important, lines behind the data,
# and colours that also differ where one sees no difference of hue
THEMES = {
    "": ("#ffffff", "#1a1a1a", "#6b6b6b", "#e3e3e3",
         ("#0b62a3", "#c4500c", "#2e7d32", "#7b3fa0")),
    "-dark": ("#15181c", "#e8e8e8", "#9aa0a6", "#33383e",
              ("#6cb6ff", "#ff9e64", "#7fd487", "#d2a8ff")),
}


def number(value):
    """Three digits that mean something, and all those before the point."""
    if value is None:
        return ""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _style(paper, ink, quiet, lines, colours):
    return {
        "font.family": "DejaVu Sans", "font.size": 9,
        "figure.facecolor": paper, "axes.facecolor": paper,
        "savefig.facecolor": paper, "text.color": ink,
        "axes.labelcolor": quiet, "axes.edgecolor": lines,
        "xtick.color": quiet, "ytick.color": ink, "grid.color": lines,
        "axes.prop_cycle": matplotlib.cycler(color=colours),
        "axes.spines.top": False, "axes.spines.right": False,
        # Text stays text, and the same figures make the same file.
        "svg.fonttype": "none", "svg.hashsalt": "vgpu-stub",
    }


def save(path, draw):
    """Write PATH and, for dark pages, PATH with -dark in its name.

    draw(quiet) returns a figure; quiet is the colour of what is less
    important."""
    for suffix, theme in THEMES.items():
        with matplotlib.rc_context(_style(*theme)):
            figure = draw(theme[2])
            figure.savefig(path.with_name(path.stem + suffix + path.suffix),
                           metadata={"Date": None})
            plt.close(figure)


def few_ticks(axis):
    """A logarithmic axis with some of its powers of ten, or where it has only
    few of them, their threefolds too."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(
        subs=(1,) if high / low > 300 else (1, 3), numticks=5))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axis.set_minor_locator(NullLocator())
