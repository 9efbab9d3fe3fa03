# SPDX-License-Identifier: GPL-2.0-or-later
"""The device model that docs/sst.md shows works when it is added as said."""
import re
import shutil
import subprocess

from sst_sim import ECHO, SstSim
from support.paths import ROOT


def test_model_of_the_document(tmp_path, connect):
    code, = re.findall(r"model-alarm\.c`.*?```c\n(.*?)```",
                       (ROOT / "docs/sst.md").read_text(), re.DOTALL)
    sources = tmp_path / "simulator"
    shutil.copytree(ROOT / "sst/simulator", sources)
    (sources / "model-alarm.c").write_text(code)
    for name, old, new in (
            ("model.h", "extern const Model model_echo;",
             "extern const Model model_alarm, model_echo;"),
            ("models.c", "&model_echo,", "&model_alarm, &model_echo,")):
        text = (sources / name).read_text()
        assert old in text
        (sources / name).write_text(text.replace(old, new))
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "glib-2.0",
                            "gio-unix-2.0"], check=True, text=True,
                           stdout=subprocess.PIPE).stdout.split()
    subprocess.run(["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Wshadow",
                    "-Werror", f"-I{ROOT}/sst/models", "-o",
                    tmp_path / "sst-sim", f"-I{ROOT}/sst/include",
                    *(ROOT / "sst/models").glob("*.c"), *sources.glob("*.c"),
                    *flags], check=True)

    sim = SstSim(tmp_path / "sst-sim", tmp_path, "sim",
                 "[clock c]\nfrequency=1GHz\n[device a]\nmodel=alarm\n"
                 f"socket=a.sock\nclock=c\nbase={ECHO:#x}\ntick=10\n")
    client = connect("a")
    client.write(ECHO, 3)
    assert [client.read(ECHO) for _ in range(11)] == [0] * 10 + [1]
    assert client.access(False, ECHO).latency == 3
    assert not client.access(False, ECHO, 8).ok
    sim.stop()
