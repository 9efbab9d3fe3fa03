# SPDX-License-Identifier: GPL-2.0-or-later
"""A build machine for RPM packages: stock ones of ours, and `make rpm`."""
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CACHE = Path(os.environ.get("CACHE") or
             Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
             / "vgpu-stub")

# Where our packages are built: always there, so that the compiler's cache has what
# was compiled from the same source before.
WORK = ROOT / "build/rpm-test"

# What the spec files ask for: the stock QEMU's, by names that no package of the
# distribution has, and that of our own packages.
BUILD_REQUIRES = ["stock-compiler", "stock-libs-devel", "stock-tools",
                  "stock-malloc-devel",
                  "gcc", "glibc-static", "make", "python3", "clang",
                  "opencl-headers", "libmcpp-devel",
                  "pkgconfig(gio-unix-2.0) = 2.74",
                  "pkgconfig(libseccomp) = 2.5", "pkgconfig(zlib) = 1.2"]

OUR_PACKAGES = {"vgpu-stub-dom0": "noarch", "vgpu-stub-mediator": "x86_64",
                "vgpu-stub-worker": "x86_64",
                "vgpu-stub-guest-tools": "x86_64",
                "vgpu-stub-guest-tools-devel": "x86_64",
                "vgpu-stub-guest-tools-python": "noarch",
                "vgpu-stub-opencl": "x86_64",
                "vgpu-stub-debuginfo": "x86_64"}

# The settings of a distribution that is made of RPM packages, as XCP-ng is: sh
# is bash, and debug information gets packages of its own.
MACROS = """\
%_topdir {home}/rpmbuild
%_dbpath {home}/db
%dist .test1
%python3_sitelib /usr/lib/python3/dist-packages
%_buildshell /bin/bash
%__brp_compress /bin/bash /usr/lib/rpm/brp-compress %{{_prefix}}
%_enable_debug_packages 1
%install %{{?buildsubdir:%{{debug_package}}}}\\
%%install\\
%{{nil}}
"""

PACKAGE = """\
Name: {name}
Epoch: 2
Version: {version}
Release: {release}
Summary: A package that the tests make
License: GPL-2.0-or-later
BuildArch: noarch
AutoReqProv: no
{tags}
%description
A package that the tests make.
%install
{install}
%files
{files}
"""


class Packager:
    """A HOME with rpmbuild's settings and a package database of its own."""

    def __init__(self, home):
        self.home = home
        self.env = dict(os.environ, HOME=str(home), CACHE=str(CACHE),
                        CCACHE_DIR=str(CACHE / "ccache"),
                        PATH=f"/usr/lib/ccache:{os.environ['PATH']}")
        for name in ("BUILD", "MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
            self.env.pop(name, None)    # those of a make that runs the tests
        (home / ".rpmmacros").write_text(MACROS.format(home=home))

    def run(self, *command, check=True, **kwargs):
        """Run command; returns its CompletedProcess, output in stdout."""
        done = subprocess.run(list(map(str, command)), text=True,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT,
                              **{"env": self.env, "cwd": ROOT, **kwargs})
        assert not check or done.returncode == 0, done.stdout
        return done

    def version(self):
        """Ours, which is part of the names of packages."""
        spec = (ROOT / "SPECS/vgpu-stub.spec").read_text()
        return re.search("^Version: (.*)$", spec, re.MULTILINE).group(1)

    def make(self, target, check=True, **variables):
        return self.run("make", "--no-print-directory", target,
                        *(f"{name}={value}"
                          for name, value in variables.items()), check=check)

    def package(self, name, version, files=(), release="1", **tags):
        """Build a package with files, a dict of path to what it holds; tags
        are lists for Provides and so on. Returns its path."""
        work = self.home / "packages" / f"{name}-{version}-{release}"
        work.mkdir(parents=True)
        install = []
        for n, (path, content) in enumerate(dict(files).items()):
            (work / str(n)).write_bytes(content)
            install.append(f"install -D -m 755 {work}/{n} %{{buildroot}}{path}")
        spec = work / "spec"
        spec.write_text(PACKAGE.format(
            name=name, version=version, release=release,
            install="\n".join(install),
            files="\n".join(dict(files)),
            tags="\n".join(f"{tag}: {value}" for tag, values in tags.items()
                           for value in values)))
        self.run("rpmbuild", "--define", f"_rpmdir {work}", "-bb", spec)
        path, = work.rglob("*.rpm")
        return path

    def install_build_requires(self):
        self.run("rpm", "-U", self.package("build-requires", 1,
                                           Provides=BUILD_REQUIRES))


def digest(*parts):
    """A name for what was made of these strings, bytes and files."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            part = part.read_bytes()
        elif isinstance(part, str):
            part = part.encode()
        total.update(b"%d:" % len(part) + part)
    return total.hexdigest()[:16]


class Qemu:
    """The stock source package of QEMU, and what is built of it. What was made
    is kept in the cache until something changes of which it was made."""

    def __init__(self, packager):
        self.packager = packager
        self.cache = CACHE / "rpm-test"
        self.build = self.cache / "build"       # BUILD of build-rpm
        self.top = self.build / "rpm"
        self.sources = Path(packager.run(
            ROOT / "scripts/fetch-qemu", "7.2").stdout.splitlines()[-1])
        self.version = (self.sources / "VERSION").read_text().strip()
        self.key = digest(HERE / "qemu.spec.in",
                          self.sources / "debian/changelog")

    def cached(self, name, make):
        """The directory of that name, which make() fills when it is not
        there yet; another of the same kind, older then, goes."""
        path = self.cache / name
        if not path.is_dir():
            kind = name.partition("-")[0]
            for old in self.cache.glob(f"{kind}-*"):
                shutil.rmtree(old)
            new = self.cache / f"new-{kind}"
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(parents=True)
            make(new)
            new.rename(path)
        return path

    def stock(self):
        """The directory of the stock package, source and binary."""
        return self.cached(f"stock-{self.key}", self._build_stock)

    def ours(self):
        """The same with the device, and what `make rpm` said: file output."""
        made_of = [self.packager.run("scripts/make-qemu-patch", "7.2").stdout,
                   ROOT / "SPECS/qemu.spec.patch", ROOT / "scripts/build-rpm",
                   ROOT / "scripts/run-rpmbuild", self.packager.version()]
        return self.cached(f"ours-{digest(self.key, *made_of)}",
                           self._build_ours)

    def _build_stock(self, out):
        shutil.rmtree(self.top, ignore_errors=True)
        spec = self.write_sources(self.top)
        self.packager.run(
            "tar", "--zstd", "-C", self.sources,
            "--transform", f"s,^[.],qemu-{self.version},",
            "--exclude=./roms", "--exclude=./debian",
            "-cf", self.top / f"SOURCES/qemu-{self.version}.tar.zst", ".")
        self.packager.run("rpmbuild", "--define", f"_topdir {self.top}",
                          "-ba", spec)
        for path in self.top.rglob("*.rpm"):
            shutil.copy(path, out)

    def _build_ours(self, out):
        done = self.packager.make("rpm", SRPM=find(self.stock(), "src"),
                                  STOCK=find(self.stock()), BUILD=self.build)
        for path in self.top.rglob("*.rpm"):
            shutil.copy(path, out)
        (out / "output").write_text(done.stdout)

    def write_sources(self, top, edit=lambda spec: spec):
        """Write into the directory top all of the source package but the big
        archive. edit() may change the spec file, whose path is returned."""
        sources = top / "SOURCES"
        sources.mkdir(parents=True)
        for name in ("first", "last", "own"):
            (sources / f"{name}.patch").write_text(
                f"--- /dev/null\n+++ b/{name}\n@@ -0,0 +1 @@\n+{name}\n")
        spec = top / "SPECS/qemu.spec"
        spec.parent.mkdir()
        spec.write_text(edit((HERE / "qemu.spec.in").read_text()
                             .replace("@VERSION@", self.version)))
        return spec


def find(directory, arch="x86_64", name="qemu"):
    """The one package of that name and architecture in directory."""
    path, = directory.rglob(f"{name}-[0-9]*.{arch}.rpm")
    return path
