# SPDX-License-Identifier: GPL-2.0-or-later
"""What xenopsd (26.1.2 to 26.9.0) gives to its qemu-wrapper for an HVM guest,
in its order. There is no -uuid among it, nor in what the wrapper adds."""

NIC = "mac=12:34:56:78:9a:bc"
SANDBOX = ("on,obsolete=deny,elevateprivileges=allow,spawn=deny,"
           "resourcecontrol=deny")


def of_guest(firmware, disks):
    """Returns the arguments of a guest with this firmware, "bios" or "uefi",
    and these image files; the domain and its tap devices are left out."""
    bios = firmware == "bios"
    args = ["-std-vga", "-videoram", "8", "-vnc",
            "unix:/var/run/xen/vnc-7,lock-key-sync=off", "-acpi",
            "-monitor", "null", "-pidfile", "/var/run/xen/qemu-dm-7.pid",
            "-m", "size=2048", "-boot", "order=dc",
            "-usb", "-device", "usb-tablet,port=2", "-smp", "1,maxcpus=2",
            "-serial", "pty", "-display", "none", "-nodefaults",
            "-trace", "enable=xen_platform_log", "-sandbox", SANDBOX, "-S"]
    if bios:
        args += ["-trad-compat", "-global", "PIIX4_PM.revision_id=0x1",
                 "-global", "ide-hd.ver=0.10.2"]
        for device in ("piix3-ide", "piix3-ide-xen", "piix3-usb-uhci",
                       "rtl8139"):
            args += ["-global", f"{device}.subvendor_id=0x5853",
                     "-global", f"{device}.subsystem_id=0x0001"]
    args += ["-parallel", "null"]
    for name in ("libxl", "event"):
        args += ["-qmp", f"unix:/var/run/xen/qmp-{name}-7,server,nowait"]
    args += ["-device", "xen-platform,addr=3,device-id=0x0001,revision=0x2,"
             "class-id=0x0100,subvendor_id=0x5853,subsystem_id=0x0001"
             if bios else "xen-platform,addr=3"]
    if not bios:
        args += ["-device", "nvme,serial=nvme0,mdts=9,id=nvme0,addr=7"]
    for n, path in enumerate(disks):
        args += disk(bios, n, path)
    args += ["-device", "xen-pvdevice,device-id=0xc000,addr=%d"
             % (5 if bios else 6)]
    return args + ["-device", f"rtl8139,netdev=tapnet0,{NIC},addr=4" if bios
                   else f"e1000,netdev=tapnet0,{NIC},addr=4,rombar=0",
                   "-netdev", "tap,id=tapnet0,ifname=tap7.0"]


def disk(bios, n, path):
    if not bios:
        return ["-drive", f"id=disk{n},if=none,file={path},media=disk,"
                          "auto-read-only=off,format=raw",
                "-device", f"nvme-ns,drive=disk{n},bus=nvme0,nsid={n + 1}"]
    name = f"ide{n // 2}-hd{n % 2}"
    return ["-drive", f"file={path},if=none,id={name},auto-read-only=off,"
                      "format=raw",
            "-device", f"ide-hd,drive={name},bus=ide.{n // 2},unit={n % 2},"
                       "bios-chs-trans=forcelba"]
