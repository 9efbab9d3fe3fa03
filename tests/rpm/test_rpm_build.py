# SPDX-License-Identifier: GPL-2.0-or-later
"""`make rpm`: what it makes of a source package, and what it refuses."""
import os
import re
from pathlib import Path

import pytest

from packager import ROOT, Packager, find


@pytest.fixture
def source_package(packager, qemu, tmp_path):
    """source_package(edit, tree): a stock source package whose spec file was
    changed by edit(), with the directory tree in the place of QEMU."""
    def make(edit=lambda spec: spec, tree=None):
        top = tmp_path / "source-package"
        spec = qemu.write_sources(top, edit)
        archive = top / f"SOURCES/qemu-{qemu.version}.tar.zst"
        archive.touch()
        if tree is not None:
            packager.run("tar", "--zstd", "-C", tree.parent, "-cf", archive,
                         tree.name)
        packager.run("rpmbuild", "--define", f"_topdir {top}", "-bs",
                     "--nodeps", spec)
        return find(top, "src")
    return make


@pytest.fixture
def refusal(packager, tmp_path):
    """refusal(SRPM=...): the last line that `make rpm` says before it fails,
    and all that it said. What an earlier run made is there until all of the
    source package has been found good."""
    earlier = tmp_path / "build/rpm/RPMS/x86_64/qemu.rpm"

    def run(machine=packager, good=False, **variables):
        earlier.parent.mkdir(parents=True, exist_ok=True)
        earlier.touch()
        done = machine.make("rpm", check=False, BUILD=tmp_path / "build",
                            **variables)
        assert done.returncode != 0
        assert earlier.exists() != good
        *output, last = done.stdout.splitlines()
        assert last.startswith("make: *** [")
        return output[-1].partition(": ")[2], done.stdout
    return run


def test_what_make_rpm_checked(packager, qemu):
    output = (qemu.ours() / "output").read_text()
    assert (f"release 1.2.9.2.0.vgpustub.{packager.version()}.test1 is "
            "between 1.2.9.2.test1 and 1.2.9.3.test1") in output
    assert "qemu-system-x86_64 has the device" in output
    assert f"files and dependencies are those of {find(qemu.stock()).name}" \
        in output


def test_make_srpm_keeps_all_that_is_stock(packager, qemu, tmp_path):
    stock = find(qemu.stock(), "src")
    packager.make("srpm", SRPM=stock, BUILD=tmp_path / "build")
    ours = find(tmp_path / "build/rpm/SRPMS", "src")

    files, specs = [], []
    for n, path in enumerate((stock, ours)):
        tree = tmp_path / str(n)
        tree.mkdir()
        packager.run("sh", "-c", f"rpm2cpio '{path}' | cpio -id --quiet",
                     cwd=tree)
        files.append({file.name: file.read_bytes() for file in tree.iterdir()
                      if file.name != "qemu.spec"})
        specs.append((tree / "qemu.spec").read_text().splitlines())
    patch = packager.run("scripts/make-qemu-patch", "7.2").stdout
    assert files[1] == dict(files[0], **{"vgpu-stub.patch": patch.encode()})

    rest = iter(specs[1])
    assert all(line in rest for line in specs[0]), "a stock line is gone"
    added = list(specs[1])
    for line in specs[0]:
        added.remove(line)
    assert [line for line in added if line and not line.startswith("#")] == [
        f"%global dist .0.vgpustub.{packager.version()}%{{?dist}}",
        "Provides: qemu(vgpu-stub)",
        "Patch9000: vgpu-stub.patch",
        "* Thu Jan 08 2026 vgpu-stub developers <vgpu-stub@example.org>"
        " - %{version}-%{release}",
        "- Add the vgpu-stub PCI device"]


def test_no_source_package(refusal):
    assert refusal()[0].startswith("which source package?")


def test_files_that_are_no_source_package_of_qemu(refusal, packages,
                                                  stock_qemu, tmp_path):
    nowhere = tmp_path / "nowhere.src.rpm"
    assert refusal(SRPM=nowhere)[0] == f"{nowhere}: no such file"
    text = ROOT / "README.md"
    assert refusal(SRPM=text)[0] == f"{text} is not an RPM package"
    assert refusal(SRPM=stock_qemu)[0] == (
        f"{stock_qemu} is a binary package, not a source package")
    assert refusal(SRPM=packages["src"])[0] == (
        f"{packages['src']} is the source of vgpu-stub, not of qemu")


def test_a_source_package_in_the_way(refusal, source_package, tmp_path):
    for name in ("rpm", "rpm.new"):
        path = tmp_path / "build" / name / "qemu.src.rpm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        assert refusal(SRPM=path)[0] == (
            f"{path} is in {tmp_path}/build/rpm, which is made anew: move it "
            "elsewhere first")
        assert path.exists()


def flip(content, at):
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1:]


@pytest.mark.parametrize("damage", [
    lambda content: content[:-1],
    lambda content: content[:len(content) // 2],
    lambda content: content[:len(content) - len(content) // 3],
    lambda content: content[:200],
    lambda content: content[:4],
    lambda content: flip(content, len(content) - 20),
    lambda content: flip(content, len(content) // 2),
    lambda content: flip(content, content.index(b"qemu.spec")),
    lambda content: content.replace(b"qemu.spec", b"qemu.spex"),
    lambda content: content[:300] + content[301:],
])
def test_a_damaged_package(refusal, source_package, damage):
    path = source_package()
    path.write_bytes(damage(path.read_bytes()))
    last, output = refusal(SRPM=path)
    assert last.startswith(f"{path} is damaged: ")
    assert len(output.splitlines()) == 2    # make's own is the other


def test_a_damaged_stock_package(refusal, source_package, stock_qemu,
                                 tmp_path):
    path = tmp_path / stock_qemu.name
    path.write_bytes(stock_qemu.read_bytes()[:-1])
    assert refusal(SRPM=source_package(), STOCK=path)[0].startswith(
        f"{path} is damaged: ")


def test_a_fifo_in_the_place_of_a_package(refusal, source_package, tmp_path):
    path = tmp_path / "qemu.src.rpm"
    os.mkfifo(path)
    assert refusal(SRPM=path)[0] == f"{path} is not a regular file"
    assert refusal(SRPM=source_package(), STOCK=path)[0] == (
        f"{path} is not a regular file")


def test_a_package_that_has_the_device(refusal, qemu):
    srpm = find(qemu.ours(), "src")
    assert refusal(SRPM=srpm)[0] == (
        f"{srpm} has the device already: give XCP-ng's own package")


def test_a_stock_package_of_another_source(refusal, qemu, our_qemu):
    srpm = find(qemu.stock(), "src")
    assert refusal(SRPM=srpm, STOCK=our_qemu)[0] == (
        f"{our_qemu} was not made of {srpm.name}")


@pytest.mark.parametrize("line, hunk", [
    ("Name: qemu", 1), ("%description", 2), ("%changelog", 3)])
def test_a_spec_file_that_the_patch_does_not_fit(refusal, source_package,
                                                 line, hunk):
    srpm = source_package(
        lambda spec: spec.replace(f"{line}\n", f"{line}  \n"))
    last, output = refusal(SRPM=srpm)
    assert last.startswith(
        f"SPECS/qemu.spec.patch does not fit {srpm.name}")
    assert re.findall("Hunk #([0-9]) FAILED", output) == [str(hunk)]


@pytest.mark.parametrize("lines, found", [
    (None, ""),
    ([], ", which does not fit these sources (see above)"),
    (["softmmu_ss.add(when: 'CONFIG_PCI_TESTDEV', if_true: "
      "files('pci-testdev.c'))",
      "softmmu_ss.add(when: 'CONFIG_SGA', if_true: files('sga.c'))"],
     ", which fits these sources. Nobody has tried it: copy patches/qemu-7.2 "
     "to patches/qemu-7.1, build again, and have the result pass 'make "
     "device-check QEMU_BIN=...'"),
])
def test_a_series_without_an_integration(refusal, source_package, qemu,
                                         tmp_path, lines, found):
    """Where the sources can be unpacked, it is tried whether the nearest
    integration fits them."""
    tree = None
    if lines is not None:
        tree = tmp_path / "qemu-7.1.0"
        (tree / "hw/misc").mkdir(parents=True)
        (tree / "VERSION").write_text("7.1.0\n")
        (tree / "hw/misc/meson.build").write_text("\n".join(lines) + "\n")
        (tree / "meson.build").write_text(
            "    'hw/misc/macio',\n    'hw/net',\n")
    srpm = source_package(lambda spec: spec.replace(
        f"usver {qemu.version}", "usver 7.1.0"), tree)
    last, output = refusal(SRPM=srpm)
    assert last == ("no integration for QEMU 7.1; there are: 4.2 7.2 10.0. The "
                    "nearest is that of 7.2" + found)
    assert ("cannot be unpacked" in output) == (lines is None)


def test_a_version_that_qemu_never_had(refusal, source_package, qemu):
    srpm = source_package(lambda spec: spec.replace(
        f"usver {qemu.version}", "usver 7"))
    assert refusal(SRPM=srpm)[0] == (
        f"{srpm.name} is of version 7, which QEMU never had")


def test_a_release_that_takes_no_suffix(refusal, source_package):
    srpm = source_package(lambda spec: spec.replace("%{?dist}\n", "\n"))
    assert refusal(SRPM=srpm)[0] == (
        "release 1.2.9.2 is not newer than 1.2.9.2")


def test_missing_build_dependencies(refusal, source_package, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    machine = Packager(home)
    machine.run("rpm", "-U", machine.package(
        "build-requires", 1, Provides=["stock-compiler", "stock-tools"]))
    last, _ = refusal(machine, good=True, SRPM=source_package())
    assert last.startswith("not installed, but needed to build this: "
                           "stock-libs-devel, stock-malloc-devel; ")


def test_missing_tools(packager, qemu, tmp_path):
    for tool in Path("/usr/bin").iterdir():
        if tool.name not in ("rpm2cpio", "cpio"):
            (tmp_path / tool.name).symlink_to(tool)
    done = packager.run("scripts/build-rpm", find(qemu.stock(), "src"),
                        check=False, env=dict(packager.env, PATH=tmp_path))
    assert done.stdout == "build-rpm: not installed: rpm2cpio cpio\n"
    assert done.returncode == 1


@pytest.fixture
def build_of(packager, qemu, tmp_path):
    """build_of(package, stock): what build-rpm says when package comes out of
    the build."""
    def run(package, stock):
        rpmbuild = tmp_path / "bin/rpmbuild"
        rpmbuild.parent.mkdir()
        rpmbuild.write_text(
            "#!/bin/bash\n"
            "[ \"$1 $2\" = \"--define _topdir $BUILD/rpm\" ] &&\n"
            f"mkdir $BUILD/rpm/RPMS && cp {package} $BUILD/rpm/RPMS\n")
        rpmbuild.chmod(0o755)
        env = dict(packager.env, BUILD=str(tmp_path / "build"),
                   PATH=f"{rpmbuild.parent}:{packager.env['PATH']}")
        return packager.run("scripts/build-rpm", find(qemu.stock(), "src"),
                            stock, check=False, env=env)
    return run


def test_a_build_without_the_device(build_of, stock_qemu):
    done = build_of(stock_qemu, stock_qemu)
    assert done.returncode == 1
    assert done.stdout.endswith("has no vgpu-stub device\n")


def test_a_build_with_other_files(build_of, packager, qemu, our_qemu):
    stock = packager.package("qemu", qemu.version, {"/usr/share/other": b""},
                             release="1.2.9.2.test1",
                             Requires=["stock-clipboardd"])
    done = build_of(our_qemu, stock)
    assert done.returncode == 1
    assert "< /usr/share/other -rwxr-xr-x root:root" in done.stdout
    assert "> /usr/lib64/xen/bin/qemu-system-x86_64 -rwxr-xr-x root:root" \
        in done.stdout
    assert done.stdout.endswith(
        f"files or dependencies are not those of {stock.name}, see above\n")
