# SPDX-License-Identifier: GPL-2.0-or-later
"""The results of benches as a table and as JSON."""
import json
import os
import platform
import re
from pathlib import Path

from support.picture import number


def machine():
    """Facts that a reader of the figures needs."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", cpuinfo, re.M)
    return {
        "cpu": model.group(1) if model else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mib": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        >> 20,
        "kernel": platform.release(),
        "load_1min": round(os.getloadavg()[0], 2),
    }


def _columns(lines, left):
    """Lines of cells in columns; those of `left` are not numbers."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    return ["  ".join(f"{cell:{'<' if i in left else '>'}{width}}"
                      for i, (cell, width) in enumerate(zip(line, widths))
                      ).rstrip() for line in lines]


def _rows(rows):
    section = None
    lines = [("", "value", "unit", "peer", "its value", "ratio")]
    for row in rows:
        lines.append((row.name, number(row.value), row.unit, row.peer or "",
                      number(row.peer_value), number(row.ratio)))
    head, *texts = _columns(lines, left=(0, 2, 3))
    yield head
    for row, text in zip(rows, texts):
        if row.section != section:
            section = row.section
            yield f"\n{section}"
        yield text


def _summary(result):
    lines = []
    for name, figure in result.summary.items():
        verdict = ""
        for target in result.targets:
            if target.name == name:
                verdict = (
                    f"target {target.comparison} {target.value}: "
                    + ("met" if target.met_by(figure) else
                       f"MISSED by {number(target.missed_by(figure))} %"))
        lines.append((name, number(figure), verdict))
    return _columns(lines, left=(0, 2)) if lines else []


def table(result):
    return "\n".join([*_rows(result.rows), "", "summary", *_summary(result)])


def save_json(result, facts, path):
    rows = [{"section": row.section, "name": row.name, "value": row.value,
             "unit": row.unit, "peer": row.peer,
             "peer_value": row.peer_value, "ratio": row.ratio,
             "spread": row.spread}
            for row in result.rows]
    targets = [{"name": target.name, "comparison": target.comparison,
                "value": target.value,
                "met": target.met_by(result.summary[target.name])}
               for target in result.targets]
    path.write_text(json.dumps(
        {"machine": facts, "rows": rows, "summary": result.summary,
         "targets": targets}, indent=2) + "\n")
