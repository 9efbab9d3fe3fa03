# SPDX-License-Identifier: GPL-2.0-or-later
"""dom0 has Python 3.6 and its standard library, nothing else."""
import ast
import sys

import pytest

from dom0_host import ROOT


@pytest.mark.parametrize("name", ["vgpu_stub_attach.py", "vgpu_stub_qemu.py",
                                  "vgpu-stub-wrapper"])
def test_language_and_imports(name):
    tree = ast.parse((ROOT / "dom0" / name).read_text(), name,
                     feature_version=(3, 6))
    imported = [alias.name for node in ast.walk(tree)
                if isinstance(node, ast.Import) for alias in node.names]
    ours = {"vgpu_stub_qemu"}
    assert imported and set(imported) <= set(sys.stdlib_module_names) | ours
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(tree))
