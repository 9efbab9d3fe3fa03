#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""run-examples.py FOLDER NAME...

Runs examples of PyOpenCL's, one after the other in one process, since to begin
one takes longer than to run it. Says of each that it ran to its end.
"""
import contextlib
import os
import runpy
import sys
from pathlib import Path

folder, *names = sys.argv[1:]
for name in names:
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        runpy.run_path(str(Path(folder) / f"{name}.py"), run_name="__main__")
    print("example:", name, flush=True)
