# SPDX-License-Identifier: GPL-2.0-or-later
"""What sst-sim says about a configuration that is wrong."""
import subprocess

import pytest

from sst_sim import config

CLOCK = "[clock c]\nfrequency=1GHz\n"
DEVICE = ("[device d]\nmodel=memory\nsocket=s\nclock=c\nbase=0x1000\n"
          "size=4096\n")
GOOD = CLOCK + DEVICE
SECOND = ("[device e]\nmodel=echo\nsocket=s\nclock=c\nbase=0x2000\n")


@pytest.fixture
def message(sst_sim_bin, tmp_path):
    """message(text): what is said about it."""
    def load(text):
        conf = tmp_path / "test.conf"
        if isinstance(text, bytes):
            conf.write_bytes(text)
        else:
            conf.write_text(text)
        result = subprocess.run(
            [sst_sim_bin, "--socket-dir", tmp_path, conf, "true"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=60)
        if result.returncode == 0:
            return result.stdout
        prefix = f"sst-sim: {conf}: "
        assert result.returncode == 2, result.stdout
        assert result.stdout.startswith(prefix), result.stdout
        return result.stdout[len(prefix):].rstrip("\n")
    return load


@pytest.mark.parametrize("text", [
    GOOD, config(), DEVICE + CLOCK, GOOD + SECOND,
    GOOD + SECOND + "[link l]\nfrom=e\nto=d\nlatency=0ps\n",
    GOOD + DEVICE.replace("device d", "device e").replace("=s", "=other"),
    "# nothing\n\n" + GOOD, GOOD.replace("=", " = ").replace("\n", " \n")])
def test_right(message, text):
    assert message(text) == ""


@pytest.mark.parametrize("text, expected", [
    ("", "there is no [device NAME]"),
    (CLOCK, "there is no [device NAME]"),
    ("rubbish", "Key file contains line"),
    ("a=b\n" + GOOD, "Key file does not start with a group"),
    (b"\xff\xfe\n", "Key file contains line"),
    (GOOD.encode() + b"latency=1\0\n", "byte 98 is NUL, this has to be text"),
    (GOOD + "latency[de]=5\n", "[device d] latency[de] is not known here"),
    (GOOD + DEVICE, "line 9: [device d] is in line 3 already"),
    (GOOD + "base =0\n", "line 9: [device d] base is in line 7 already"),
    ("[nonsense]\n" + GOOD,
     "[nonsense] is not known, there are [simulator], [clock NAME], "
     "[device NAME] and [link NAME]"),
    (GOOD + "[device]\n", "[device] is not known"),
    (GOOD + "[device a b]\n",
     "[device a b] a name has up to 31 letters, digits, '_', '.' and '-', "
     "the first of them a letter"),
    (GOOD + "[device 1a]\n", "[device 1a] a name has"),
    (GOOD + f"[device {'a' * 32}]\n", "a name has up to 31"),
    (GOOD + "[device a,b=c]\n", "[device a,b=c] a name has"),
    (GOOD + "[simulator]\nformat=text\n",
     "[simulator] format=text: this has to be guide or acalsim"),
    (GOOD + "[simulator]\nspeed=9\n",
     "[simulator] speed is not known here, there are: format"),
    (GOOD.replace("frequency=1GHz", "frequency=0Hz"),
     "[clock c] frequency=0Hz: this has to be a whole number of Hz, kHz, MHz "
     "or GHz, up to 1000GHz"),
    (GOOD.replace("frequency=1GHz\n", ""), "[clock c] frequency= is missing"),
    (GOOD.replace("model=memory", "model=disk"),
     "[device d] model=disk: this has to be one of: compute, echo, memory"),
    (GOOD.replace("model=memory\n", ""),
     "[device d] model= is missing: one of: compute, echo, memory"),
    (GOOD.replace("model=memory", r"model=\q"), r"[device d] model=\q: this"),
    (GOOD.replace("clock=c", "clock=x"),
     "[device d] clock=x: this has to be the name of a [clock NAME]; there "
     "are: c"),
    (DEVICE, "[device d] clock=c: this has to be the name of a [clock NAME]; "
             "there are: none"),
    (GOOD.replace("socket=s\n", ""),
     "[device d] socket= is missing: the path of a Unix socket"),
    (GOOD.replace("socket=s", "socket="), "[device d] socket=: this has to"),
    (GOOD.replace("base=0x1000\n", ""), "[device d] base= is missing"),
    (GOOD.replace("base=0x1000", "base=-1"),
     "[device d] base=-1: this has to be a whole number from 0 to "),
    (GOOD.replace("base=0x1000", "base=0xfffffffffffff000"),
     "[device d] base=0xfffffffffffff000: this has to be a whole number"),
    (GOOD.replace("base=0x1000", "base=0x1800"),
     "[device d] base= and size= have to be multiples of 4096"),
    (GOOD.replace("size=4096", "size=0"),
     "[device d] size=0: this has to be a whole number from 4096 to 67108864"),
    (GOOD + "latency=0\n",
     "[device d] latency=0: this has to be a whole number from 1 to "
     "1000000000"),
    (GOOD + "operation-latency=5\n",
     "[device d] operation-latency is not known here, there are: model, "
     "clock, base, size, latency, interrupt, socket"),
    (GOOD + SECOND + "operation-latency=1e3\n",
     "[device e] operation-latency=1e3: this has to be a whole number from 1 "
     "to 1000000000"),
    (GOOD + SECOND.replace("0x2000", "0x1000"),
     "[device e] base= and size= overlap with those of [device d] on the same "
     "socket"),
    (GOOD + "[link l]\n",
     "[link l] from= is missing: the name of a [device NAME]; there are: d"),
    (GOOD + "[link l]\nfrom=x\n", "[link l] from=x: this has to be the name"),
    (GOOD + "[link l]\nfrom=d\nto=x\n", "[link l] to=x: this has to be"),
    (GOOD + "[link l]\nfrom=d\nto=d\n",
     "[link l] latency= is missing: a whole number of ps, ns, us, ms or s, up "
     "to an hour"),
    (GOOD + "[link l]\nfrom=d\nto=d\nlatency=5\n",
     "[link l] latency=5: this has to be a whole number of ps"),
], ids=lambda value: repr(value)[-60:])
def test_wrong(message, text, expected):
    assert expected in message(text)


def test_no_file(sst_sim_bin, tmp_path):
    result = subprocess.run([sst_sim_bin, tmp_path / "none"], text=True,
                            stderr=subprocess.PIPE, timeout=60)
    assert result.returncode == 2
    assert f"{tmp_path}/none" in result.stderr
    assert "No such file" in result.stderr


@pytest.mark.parametrize("args", [[], ["--nonsense"]])
def test_usage(sst_sim_bin, args):
    result = subprocess.run([sst_sim_bin, *args], text=True,
                            stderr=subprocess.PIPE, timeout=60)
    assert result.returncode == 2
    assert "(see --help)" in result.stderr


def test_path_that_is_too_long(sst_sim_bin, tmp_path):
    conf = tmp_path / "test.conf"
    conf.write_text(GOOD.replace("socket=s", f"socket={'s' * 120}"))
    result = subprocess.run([sst_sim_bin, "--socket-dir", tmp_path, conf],
                            text=True, stderr=subprocess.PIPE, timeout=60)
    assert result.returncode == 1
    assert "a socket's path has at most 107 bytes" in result.stderr
