# SPDX-License-Identifier: GPL-2.0-or-later
"""A system in a directory, in which rpm installs packages and runs their
scripts: Debian's programs, without a hypervisor, with a package database of its
own."""
import hashlib
import os
import re
import stat
import subprocess
from pathlib import Path

# What packages' scripts and programs call, with everything under it.
PROGRAMS = ["bash", "bsdutils", "coreutils", "grep", "libc-bin", "passwd",
            "python3", "sed", "systemd", "libglib2.0-0"]
LEFT_OUT = re.compile("/usr/share/(doc|man|locale|info|i18n)/|/boot/")

# What changes whenever a user is added or removed, or a program is run.
VOLATILE = re.compile(r"/var/lib/rpm/.*|/etc/(passwd|group|shadow|gshadow|"
                      r"subuid|subgid)-|/etc/\.pwd\.lock|"
                      r"/usr/lib/python3\.\d+/.*__pycache__.*")


def closure(names):
    """Debian packages with all that they depend on, of those installed."""
    listing = subprocess.run(
        ["dpkg-query", "-W", "-f",
         "${db:Status-Status}|${Package}|${Provides}|${Pre-Depends},"
         "${Depends}\n"],
        check=True, text=True, stdout=subprocess.PIPE).stdout
    depends, providers = {}, {}
    for line in listing.splitlines():
        status, package, provides, needs = line.split("|", 3)
        if status == "installed":
            depends[package] = re.findall(r"[a-z0-9][a-z0-9+.-]+(?=[ :,(|]|$)",
                                          re.sub(r"\([^)]*\)", "", needs))
            for name in re.findall(r"[a-z0-9][a-z0-9+.-]+",
                                   re.sub(r"\([^)]*\)", "", provides)):
                providers[name] = package
    found, todo = set(), list(names)
    while todo:
        name = todo.pop()
        name = name if name in depends else providers.get(name)
        if name and name not in found:
            found.add(name)
            todo += depends[name]
    missing = set(names) - found
    assert not missing, f"not installed: {missing}"
    return sorted(found)


def make_system(path, *more):
    """Fill the directory path with Debian's programs, and those of more packages."""
    files = subprocess.run(["dpkg-query", "-L", *closure([*PROGRAMS, *more])],
                           check=True, text=True,
                           stdout=subprocess.PIPE).stdout.splitlines()
    files = sorted({file for file in files
                    if os.path.lexists(file) and not LEFT_OUT.match(file)})
    for name in ("bin", "sbin", "lib", "lib64"):    # what /bin and so on are
        (path / "usr" / name).mkdir(parents=True)
    subprocess.run(f"tar -C / -c --no-recursion --files-from=- | "
                   f"tar -C {path} -x", shell=True, check=True, text=True,
                   input="".join(f".{file}\n" for file in files))
    (path / "usr/bin/sh").symlink_to("bash")
    for name in ("man/man5", "man/man8", "licenses"):   # that every dom0 has
        (path / "usr/share" / name).mkdir(parents=True)
    (path / "usr/lib/python3/dist-packages/__pycache__").mkdir(exist_ok=True)
    for name, content in {"passwd": "root:x:0:0::/root:/bin/sh\n",
                          "group": "root:x:0:\n",
                          "shadow": "root:*:::::::\n", "gshadow": "root:*::\n",
                          "subuid": "", "subgid": "",
                          "nsswitch.conf": "passwd: files\ngroup: files\n",
                          "ld.so.cache": ""}.items():
        (path / "etc" / name).write_text(content)
    os.mknod(path / "dev/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    subprocess.run(["ldconfig", "-r", path], check=True)


class Root:
    def __init__(self, path, packager):
        self.path = path
        self.packager = packager

    def rpm(self, *args, check=True):
        return self.packager.run("rpm", "--root", self.path,
                                 "--dbpath", "/var/lib/rpm", *args,
                                 check=check)

    def run(self, *command, check=True):
        """Run command in this system; returns its CompletedProcess."""
        return self.packager.run("chroot", self.path, *command, check=check,
                                 env={"PATH": "/usr/sbin:/usr/bin",
                                      "LC_ALL": "C"})

    def installed(self):
        return sorted(self.rpm("-qa", "--queryformat", "%{NAME}\n")
                      .stdout.split())

    def verify(self):
        """What rpm finds changed in the packages' files."""
        return self.rpm("-Va", check=False).stdout.splitlines()

    def snapshot(self):
        """Every file: what it is, whose, and what it holds."""
        result = {}
        for directory, names, files in os.walk(self.path):
            for name in names + files:
                path = Path(directory, name)
                inside = "/" + str(path.relative_to(self.path))
                if VOLATILE.fullmatch(inside):
                    continue
                status = path.lstat()
                content = ""
                if path.is_symlink():
                    content = os.readlink(path)
                elif stat.S_ISREG(status.st_mode):
                    content = hashlib.sha256(path.read_bytes()).hexdigest()
                result[inside] = (status.st_mode, status.st_uid,
                                  status.st_gid, content)
        return result
