# SPDX-License-Identifier: GPL-2.0-or-later
"""Our units under a real systemd, which is the first process of a guest:
check-systemd."""
import re
import shutil

import pytest

from support.guest import matches, sections_of, start, said
from system import Root, make_system

# Makes what came along a root of its own, and systemd its first process.
INIT = """\
#!/bin/busybox sh
/bin/busybox --install -s /bin
mkdir /new
mount -t tmpfs -o size=80% none /new
cp -a /job/root/. /new
rm -rf /job/root
mkdir -p /new/proc /new/sys /new/dev /new/run /new/tmp
mount -t devtmpfs devtmpfs /new/dev
exec switch_root -c /dev/console /new /usr/lib/systemd/systemd
"""

UNIT = """\
[Unit]
After=basic.target
Requires=basic.target
[Service]
Type=oneshot
Environment=SYSTEMD_COLORS=0 DPKG_COLORS=never
ExecStart=/bin/sh -c '/check; echo; echo "guest: exit $?"; sync'
ExecStopPost=/bin/systemctl --force --force poweroff
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
"""

KERNEL = "rdinit=/job/init systemd.unit=check.service systemd.show_status=no"

WORKER = """\
echo "== install"
dpkg -i --force-depends /package | tail -n 1; echo "status $?"
echo "== units"
systemctl is-enabled vgpu-starter.socket
systemctl is-active vgpu-starter.socket vgpu-worker-root.service \\
    'var-lib-vgpu\\x2dworker-work.mount'
echo "== verify"
systemd-analyze verify --man=no vgpu-starter.socket vgpu-starter@x.service \\
    vgpu-worker-root.service; echo "status $?"
gate() {
    setpriv --reuid=vgpu-worker --regid=vgpu-worker --clear-groups \\
        vgpu-gate --backend=cpu --starter-socket=/run/vgpu-starter.sock "$@"
}
echo "== probe"; gate --probe; echo "status $?"
echo "== worker"
mkfifo /tmp/to
gate </tmp/to | cat >/tmp/from &
exec 3>/tmp/to
for i in $(seq 300); do [ -s /tmp/from ] && break; sleep 0.1; done
systemctl list-units --plain --no-legend 'vgpu-starter@*'
for pid in $(pidof vgpu-worker); do
    echo "uid $(stat -c %u /proc/$pid) $(cat /proc/$pid/cgroup)"
done
exec 3>&-
wait $!; echo "status $?"
echo "== security"
systemd-analyze security --no-pager vgpu-starter@x.service | tail -n 1
echo "== remove"
dpkg --purge vgpu-stub-worker >/dev/null 2>&1; echo "status $?"
systemctl list-units --plain --no-legend 'vgpu*' 'var-lib-vgpu*'
getent passwd vgpu-worker
ls -d /var/lib/vgpu* /run/vgpu* 2>/dev/null
"""

MEDIATOR = """\
echo "== units"
systemctl start vgpu-launcher.socket vgpu-mediatord.service; echo "status $?"
systemctl is-active vgpu-launcher.socket vgpu-mediatord.service
echo "== verify"
systemd-analyze verify --man=no vgpu-mediatord.service vgpu-launcher.socket \\
    vgpu-launcher@x.service; echo "status $?"
echo "== status"
for i in $(seq 100); do
    vgpu-ctl status | grep trying || break
    sleep 0.2
done
vgpu-ctl status
echo "== security"
systemd-analyze security --no-pager vgpu-mediatord.service | tail -n 1
echo "== stop"
systemctl stop vgpu-mediatord.service; echo "status $?"
systemctl is-failed vgpu-mediatord.service
journalctl --no-pager -o cat -u vgpu-mediatord.service | tail -n 20
"""


def boot_systemd(qemu_bin, job, root, script):
    """The sections of what the script prints in a guest whose files are root's"""
    system = root.path
    (system / "usr/lib/systemd/system/check.service").write_text(UNIT)
    (system / "check").write_text("#!/bin/sh\n" + script)
    (system / "check").chmod(0o755)
    (system / "etc/machine-id").write_text("0" * 31 + "1\n")
    job.mkdir()
    for name, text in ("run", "#!/bin/sh\n"), ("init", INIT):
        (job / name).write_text(text)
        (job / name).chmod(0o755)
    shutil.move(system, job / "root")
    return sections_of(said(start(
        qemu_bin, job, "-m", "2G", kernel_args=KERNEL, timeout=500)))


@pytest.fixture
def system(packager, tmp_path):
    """A system with dpkg, without any package of ours"""
    path = tmp_path / "root"
    path.mkdir()
    make_system(path, "dpkg", "diffutils", "procps", "sysvinit-utils",
                "util-linux")
    return Root(path, packager)


def test_the_worker(system, packager, any_qemu_bin, tmp_path):
    packager.make("worker-deb", BUILD=tmp_path / "build")
    package, = (tmp_path / "build/worker-deb").glob("*.deb")
    shutil.copy(package, system.path / "package")
    said_there = boot_systemd(any_qemu_bin, tmp_path / "job", system, WORKER)
    assert said_there["install"][-1] == "status 0"
    assert said_there["units"] == ["enabled", "active", "active", "active"]
    assert said_there["verify"] == ["status 0"]
    assert said_there["probe"] == ["status 0"]
    assert matches(said_there["worker"], r"^vgpu-starter@.* active running")
    assert matches(said_there["worker"],
                   r"^uid 19000\d{5} 0::/system.slice/.*vgpu-starter@")
    assert said_there["worker"][-1] == "status 0"
    assert [line for line in said_there["remove"] if line] == ["status 0"]


def test_the_mediator(system, packages, any_qemu_bin, tmp_path):
    system.rpm("-U", "--nodeps", packages["vgpu-stub-mediator"])
    said_there = boot_systemd(any_qemu_bin, tmp_path / "job", system, MEDIATOR)
    assert said_there["units"] == ["status 0", "active", "active"]
    # Two settings have names that systemd 219 knows, beside those of today.
    assert {line.split()[-1] if "uses" not in line else
            re.search(r"uses (\w+)=", line).group(1)
            for line in said_there["verify"]} == {
                "0", "CPUShares", "MemoryLimit"}
    assert matches(said_there["status"], "^serving .* works ")
    assert said_there["stop"][:2] == ["status 0", "inactive"]
