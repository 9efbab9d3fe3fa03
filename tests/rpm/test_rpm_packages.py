# SPDX-License-Identifier: GPL-2.0-or-later
"""Our own packages: what is in them, and that they are made the same again."""
import gzip
import re

import pytest

from packager import OUR_PACKAGES, ROOT, WORK


def test_the_same_commit_makes_the_same_packages(built, build_all):
    made = [{path.name: path.read_bytes() for path in folder.iterdir()}
            for folder in (built, build_all(0o077))]
    assert len(made[0]) == len(OUR_PACKAGES) + 3
    assert made[0].keys() == made[1].keys()
    assert [name for name in made[0] if made[0][name] != made[1][name]] == []


def test_rpmlint(packager, packages):
    output = packager.run("rpmlint", "--config", "SPECS/rpmlint.toml",
                          "SPECS/vgpu-stub.spec", *packages.values()).stdout
    assert "0 errors, 0 warnings" in output


def files_of(packager, package):
    return packager.run("rpm", "-qpl", package).stdout.splitlines()


def test_every_program_has_a_man_page(packager, packages):
    programs = set()
    for package in packages.values():
        files = files_of(packager, package)
        names = {path.rpartition("/")[2] for path in files
                 if re.match("/usr/s?bin/", path)}
        programs |= names
        pages = {re.sub(r"\.[18]\.gz$", "", path.rpartition("/")[2])
                 for path in files if re.search("/man/man[18]/", path)}
        assert pages == names
    assert programs == {"vgpu-ctl", "vgpu-gate", "vgpu-mediatord",
                        "vgpu-stub", "vgpu-stub-mmap-test",
                        "vgpu-stub-slurm", "vgpu-stub-wrapper"}


@pytest.mark.parametrize("name", sorted(set(OUR_PACKAGES)
                                        - {"vgpu-stub-debuginfo"}))
def test_every_package_has_its_licence(packager, packages, name):
    path, = (path for path in files_of(packager, packages[name])
             if path.endswith(".txt"))
    licence = packager.run("rpm", "-qp", "--queryformat", "%{LICENSE}",
                           packages[name]).stdout
    assert path.endswith(f"/{licence}.txt")


def test_man_pages_say_what_help_says(packager, packages, root):
    """Every option of a program's --help is in its man page, and no other."""
    root.rpm("-U", "--nodeps", packages["vgpu-stub-mediator"],
             packages["vgpu-stub-dom0"], packages["vgpu-stub-guest-tools"])
    for program, section in (("vgpu-mediatord", 8), ("vgpu-stub-wrapper", 8),
                             ("vgpu-stub", 1)):
        text = root.run(program, "--help").stdout
        # A program with commands has a help for each of them, too.
        for command in re.findall("^  ([a-z]+)  ", text, re.MULTILINE):
            text += root.run(program, command, "--help").stdout
        told = set(re.findall("--[a-z][a-z0-9-]+", text))
        page = gzip.decompress(
            (root.path / f"usr/share/man/man{section}"
             / f"{program}.{section}.gz").read_bytes()).decode()
        assert set(re.findall("--[a-z][a-z0-9-]+", page.replace("\\-", "-"))) \
            - {"--version"} == told - {"--version"}, program


def test_systemd_knows_the_unit(packager, root, packages):
    root.rpm("-U", "--nodeps", packages["vgpu-stub-mediator"])
    unit = root.path / "usr/lib/systemd/system/vgpu-mediatord.service"
    done = packager.run("systemd-analyze", "security", "--offline=yes",
                        "--threshold=30", unit)
    assert "Unknown" not in done.stdout


def test_the_version_is_the_same_everywhere(packager, packages, root):
    root.rpm("-U", "--nodeps", packages["vgpu-stub-mediator"],
             packages["vgpu-stub-guest-tools"])
    version = packager.version()
    assert root.run("vgpu-mediatord", "--version").stdout.split() == [
        "vgpu-mediatord", version]
    assert root.run("vgpu-stub", "--version").stdout.split()[:2] == [
        "vgpu-stub", version]


def debian_tree(tmp_path):
    """A root that dpkg installs packages in"""
    tree = tmp_path / "tree"
    (tree / "var/lib/dpkg/updates").mkdir(parents=True)
    (tree / "var/lib/dpkg/info").mkdir()
    (tree / "var/lib/dpkg/status").touch()
    return tree


def test_the_deb(packager, built, tmp_path):
    package = built / f"vgpu-stub-guest-tools_{packager.version()}_amd64.deb"
    tree = debian_tree(tmp_path)
    packager.run("dpkg", "--root", tree, "-i", package)

    usage = packager.run(tree / "usr/bin/vgpu-stub", "--help").stdout
    assert usage.startswith("Usage: vgpu-stub")
    program = tmp_path / "program.c"
    program.write_text("#include <vgpu-stub.h>\n"
                       "int main(void) { return !vgpu_stub_error_name(0); }\n")
    env = {**packager.env, "PKG_CONFIG_LIBDIR": tree / "usr/lib/pkgconfig",
           "PKG_CONFIG_SYSROOT_DIR": tree, "LD_LIBRARY_PATH": tree / "usr/lib"}
    for kind in (), ("-static",):
        flags = packager.run("pkg-config", "--cflags", "--libs",
                             *(arg.replace("-", "--") for arg in kind),
                             "vgpu-stub", env=env).stdout.split()
        packager.run("gcc", *kind, program, *flags, "-o",
                     tmp_path / "program")
        packager.run(tmp_path / "program", env=env)

    packager.run("/usr/bin/python3", "-B", "-c", "import vgpu_stub",
                 env=dict(packager.env, LD_LIBRARY_PATH=tree / "usr/lib",
                          PYTHONPATH=tree / "usr/lib/python3/dist-packages"))

    packager.run("dpkg", "--root", tree, "-r", "vgpu-stub-guest-tools")
    assert [path.name for path in tree.iterdir()] == ["var"]


def test_the_deb_of_the_opencl_driver(packager, built, tmp_path):
    package = built / f"vgpu-stub-opencl_{packager.version()}_amd64.deb"
    fields = packager.run("dpkg-deb", "-f", package).stdout.splitlines()
    assert "Provides: opencl-icd" in fields
    assert any(re.match(r"Depends: libc6 \(>= [\d.]+\), libmcpp0$", field)
               for field in fields)
    tree = debian_tree(tmp_path)
    packager.run("dpkg", "--root", tree, "--force-depends", "-i", package)
    named = (tree / "etc/OpenCL/vendors/vgpu-stub.icd").read_text().strip()
    assert (tree / "usr/lib/x86_64-linux-gnu" / named).is_file()
    packager.run("dpkg", "--root", tree, "--purge", "vgpu-stub-opencl")
    assert [path.name for path in tree.iterdir()] == ["var"]


def files_but_dpkgs(root):
    return {path: what for path, what in root.snapshot().items()
            if not path.startswith("/var/lib/dpkg")}


def test_the_deb_of_the_workers(packager, root, tmp_path):
    packager.make("worker-deb", BUILD=WORK / "worker")
    package, = (WORK / "worker/worker-deb").glob("*.deb")
    assert package.name == f"vgpu-stub-worker_{packager.version()}_amd64.deb"
    (root.path / "var/lib/dpkg/status").touch()
    before = files_but_dpkgs(root)
    packager.run("dpkg", "--root", root.path, "--force-depends", "-i", package)
    user = root.run("getent", "passwd", "vgpu-worker").stdout.split(":")
    assert user[5:] == ["/var/lib/vgpu-gate", "/bin/sh\n"]
    assert root.run("stat", "-c", "%U %G %a", "/var/lib/vgpu-gate").stdout == \
        "root vgpu-worker 750\n"
    worker = root.path / "usr/libexec/vgpu-stub/vgpu-worker"
    assert worker.stat().st_mode == 0o100711
    assert root.run("vgpu-gate", "--help").stdout.startswith("Usage:")

    packager.run("dpkg", "--root", root.path, "--purge", "vgpu-stub-worker")
    # Folders that nothing is left in are removed, too.
    assert {path for path, what in files_but_dpkgs(root).items()
            if before.get(path) != what} == set()
