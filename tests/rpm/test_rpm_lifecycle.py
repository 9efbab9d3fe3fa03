# SPDX-License-Identifier: GPL-2.0-or-later
"""The packages in a system: installed, upgraded, downgraded, removed; and what
is left then."""
import shutil
from pathlib import Path

import pytest

from packager import ROOT, WORK

FAKE_WRAPPER = ROOT / "tests/support/fake_wrapper.py"
WRAPPER = "/usr/lib64/xen/bin/qemu-wrapper"
QEMU = "/usr/lib64/xen/bin/qemu-system-x86_64"
OURS = ["vgpu-stub-dom0", "vgpu-stub-mediator"]
HAS_DEVICE = "qemu(vgpu-stub)"


@pytest.fixture(scope="session")
def xenopsd(packager):
    """xenopsd(version): a package with a wrapper of its own; that of version 9
    is one that the hook does not fit."""
    made = {}

    def make(version):
        if version not in made:
            text = FAKE_WRAPPER.read_bytes() + b"# version %d\n" % version
            if version == 9:
                text = text.replace(b"-vnc-clipboard-socket-fd", b"-other")
            made[version] = packager.package("xenopsd", version,
                                             {WRAPPER: text})
        return made[version]

    return make


@pytest.fixture(scope="session")
def base(packager, stock_qemu, packages):
    """A package that provides what the system has: all that ours and the stock
    QEMU require, but for each other."""
    required = set()
    for path in (stock_qemu, *(packages[name] for name in OURS)):
        required |= set(packager.run("rpm", "-qp", "--requires", path)
                        .stdout.splitlines())
    return packager.package("base", 1, Provides=sorted(
        name for name in required
        if name not in ("xenopsd", HAS_DEVICE)
        and not name.startswith("rpmlib(")))


@pytest.fixture
def host(root, base, stock_qemu, xenopsd):
    """A dom0 in small: the stock packages are installed."""
    root.rpm("-U", base, stock_qemu, xenopsd(1))
    return root


def wrapper_status(host):
    return host.run("/usr/sbin/vgpu-stub-wrapper", "status",
                    check=False).returncode


def wrapper(host):
    return Path(f"{host.path}{WRAPPER}").read_bytes()


def test_from_stock_and_back(host, packages, stock_qemu, our_qemu, xenopsd):
    before = host.snapshot()
    assert host.verify() == []

    host.rpm("-U", our_qemu, *(packages[name] for name in OURS))
    assert host.installed() == ["base", "qemu", *OURS, "xenopsd"]
    assert b"vgpu_stub_attach" in wrapper(host)
    assert wrapper_status(host) == 0
    host.run("python3", "-c", "import vgpu_stub_attach")
    devices = host.packager.run(f"{host.path}{QEMU}", "-device", "help")
    assert 'name "vgpu-stub"' in devices.stdout
    changed, = host.verify()
    assert changed.split()[-1] == WRAPPER

    # xenopsd's update brings a wrapper without the hook.
    host.rpm("-U", xenopsd(2))
    assert b"# version 2" in wrapper(host)
    assert wrapper_status(host) == 0

    host.rpm("-U", "--oldpackage", xenopsd(1))
    assert wrapper_status(host) == 0
    host.rpm("-e", *OURS)
    host.rpm("-U", "--oldpackage", stock_qemu)
    assert host.installed() == ["base", "qemu", "xenopsd"]
    assert host.verify() == []
    after = host.snapshot()
    assert {path for path in before.keys() | after.keys()
            if before.get(path) != after.get(path)} == set()


def test_user_and_directory_of_the_mediator(host, packages):
    host.rpm("-U", packages["vgpu-stub-mediator"])
    user = host.run("getent", "passwd", "vgpu-stub").stdout.split(":")
    assert user[5:] == ["/", "/sbin/nologin\n"]
    group = host.run("getent", "group", "vgpu-stub").stdout.split(":")
    assert user[3] == group[2]
    run = host.run("stat", "-c", "%U %G %a", "/run/vgpu-stub").stdout
    assert run == "root vgpu-stub 750\n"
    state = host.run("stat", "-c", "%U %G %a", "/run/vgpu-stub/state").stdout
    assert state == "vgpu-stub vgpu-stub 700\n"
    own = host.run("stat", "-c", "%U %G %a", "/run/vgpu-mediatord").stdout
    assert own == "vgpu-stub vgpu-stub 750\n"
    root = host.run("stat", "-c", "%U %G %a", "/var/lib/vgpu-worker").stdout
    assert root == "root root 555\n"
    worker = host.path / "usr/libexec/vgpu-stub/vgpu-worker"
    assert worker.stat().st_mode == 0o100711
    assert host.verify() == []
    version = host.run("/usr/sbin/vgpu-mediatord", "--version").stdout
    assert version.startswith("vgpu-mediatord ")

    # The sockets of running virtual machines are not the package's to remove.
    sock = host.path / "run/vgpu-stub/7-0.sock"
    sock.touch()
    # What is kept of quarantined ones is.
    (host.path / "run/vgpu-stub/state/quarantines").touch()
    (host.path / "var/lib/vgpu-worker/files").mkdir()
    host.rpm("-e", "vgpu-stub-mediator")
    assert sock.exists()
    assert not (host.path / "run/vgpu-stub/state").exists()
    assert not (host.path / "var/lib/vgpu-worker").exists()
    assert host.run("getent", "passwd", "vgpu-stub", check=False).returncode


def test_upgrade_over_older_builds(host, packager, packages, our_qemu):
    """The older hook is another one, which only the older patch takes out."""
    tree = WORK / "older"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(
        "build", ".git", "__pycache__"))
    for name, old, new in (
            ("SPECS/vgpu-stub.spec", "Version: 0.", "Version: 0.0."),
            ("qemu-wrapper.patch", "that platform:", "which platform:")):
        path = tree / name
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))
    packager.run("git", "init", "-q", tree)
    packager.run("git", "-C", tree, "add", "-A")
    packager.run("make", "-C", tree, "packages",
                 env=dict(packager.env, SOURCE_DATE_EPOCH="1767225600"))
    older = {name: path for name in OURS
             for path in tree.rglob(f"{name}-0.0.*.rpm")}
    older_qemu = packager.package("qemu", host.packager.run(
        "rpm", "-qp", "--queryformat", "%{VERSION}", our_qemu).stdout,
        {QEMU: b""}, release="1.2.9.2.0.vgpustub.0.0.1.test1",
        Provides=[HAS_DEVICE])

    stock = wrapper(host)
    host.rpm("-U", "--oldpackage", older_qemu, *older.values())
    assert b"which platform:" in wrapper(host)
    host.rpm("-U", our_qemu, *(packages[name] for name in OURS))
    assert wrapper_status(host) == 0
    assert b"which platform:" not in wrapper(host)
    host.rpm("-e", *OURS)
    assert wrapper(host) == stock


def test_no_update_of_qemu_loses_the_device(host, packager, packages, qemu,
                                            our_qemu, stock_qemu):
    """As `yum update` would have it: the next stock release. Ours of that
    release goes through, as does the stock one when ours are gone."""
    def next_release(*names, **tags):
        return packager.package("qemu", qemu.version, {QEMU: b""},
                                release=".".join(["1.2.9.3", *names, "test1"]),
                                **tags)

    def qemu_release():
        return host.rpm("-q", "--queryformat", "%{RELEASE}", "qemu").stdout

    host.rpm("-U", our_qemu, packages["vgpu-stub-dom0"])
    ours = qemu_release()
    stock = next_release()
    for package in ("-U", stock), ("-U", "--oldpackage", stock_qemu), (
            "-e", "qemu"):
        done = host.rpm(*package, check=False)
        assert done.returncode != 0
        assert (f"{HAS_DEVICE} is needed by (installed) vgpu-stub-dom0"
                in done.stdout)
        assert qemu_release() == ours

    host.rpm("-U", next_release("0.vgpustub", Provides=[HAS_DEVICE]))
    assert qemu_release() == "1.2.9.3.0.vgpustub.test1"
    host.rpm("-e", "vgpu-stub-dom0")
    host.rpm("-U", "--oldpackage", stock)
    assert qemu_release() == "1.2.9.3.test1"


def test_a_wrapper_that_the_hook_does_not_fit(host, packages, our_qemu,
                                              xenopsd):
    host.rpm("-U", our_qemu, packages["vgpu-stub-dom0"])
    done = host.rpm("-U", xenopsd(9))
    assert f"{WRAPPER} is unknown, nothing was changed" in done.stdout
    assert "scriptlet failed, exit status 2" in done.stdout
    assert b"vgpu_stub" not in wrapper(host)

    # A wrapper that fits makes it good; and removal is possible in any case.
    host.rpm("-U", "--oldpackage", xenopsd(2))
    assert wrapper_status(host) == 0
    host.rpm("-U", xenopsd(9))
    host.rpm("-e", "vgpu-stub-dom0")
    assert host.verify() == []


def test_xenopsd_and_the_device_are_needed(root, packages, packager):
    done = root.rpm("-U", packages["vgpu-stub-dom0"], check=False)
    assert done.returncode != 0
    assert "xenopsd is needed by vgpu-stub-dom0" in done.stdout
    assert f"{HAS_DEVICE} is needed by vgpu-stub-dom0" in done.stdout
