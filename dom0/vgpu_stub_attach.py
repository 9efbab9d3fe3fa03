# SPDX-License-Identifier: GPL-2.0-or-later
"""Turns a VM's platform:device-model-args into vgpu-stub devices.

qemu-wrapper calls attach(). Who may set that key may not choose dom0's QEMU
arguments, so the value is parsed and rebuilt, never passed through: only
values that match an exact pattern reach QEMU. docs/attach.md is the
specification. Python 3.6, standard library only.
"""

import grp
import os
import re
import shlex
import socket
import stat
import traceback

import vgpu_stub_qemu

KEY = "/local/domain/%d/platform/device-model-args"
VM_KEY = "/local/domain/%d/vm"  # reads /vm/<uuid>
ERROR_KEY = "/local/domain/%d/vgpu-stub/error"
RUN_DIR = "/run/vgpu-stub"
GROUP = "vgpu-stub"             # the mediator's

MAX_VALUE = 1024                # bytes
MAX_DEVICES = 4
FIRST_SLOT, LAST_SLOT = 0x1e, 0x10

UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
NIL_UUID = "00000000-0000-0000-0000-000000000000"


class Refused(Exception):
    """The value is not acceptable; str() says what is wrong and where."""


# --- the parser: pure ---


def is_uint32(text):
    # No sign and no leading zero: QEMU would read "010" as eight.
    return re.fullmatch("0|[1-9][0-9]{0,9}", text) and int(text) < 1 << 32


def slot_of(addr):
    """Returns the PCI slot of an addr=, or None where it is not a legal one.

    Slots below 0x10 are left to the platform's own devices and to those
    passed through, 0x1f is the ISA bridge on q35; a device on another
    function than 0 of an otherwise empty slot is not seen by the guest.
    """
    match = re.fullmatch(r"(?:0x)?([0-9a-fA-F]{2})(?:\.0)?", addr)
    slot = int(match.group(1), 16) if match else 0
    return slot if LAST_SLOT <= slot <= FIRST_SLOT else None


# In the order in which they are rebuilt: name, test, what is allowed.
PROPERTIES = (
    ("id", re.compile("(?!vgpu-)[A-Za-z][A-Za-z0-9_.-]{0,31}").fullmatch,
     "a letter, then up to 31 of A-Z a-z 0-9 _ . - (vgpu-... is reserved)"),
    ("pool_id", re.compile("[AB]").fullmatch, "A or B"),
    ("priority", re.compile("low|medium|high").fullmatch,
     "low, medium or high (priorities are words here)"),
    ("vm_id", is_uint32, "0 to 4294967295"),
    ("request-timeout-ms", is_uint32, "0 to 4294967295"),
    ("queue", re.compile("on|off").fullmatch, "on or off"),
    ("addr", slot_of, "slot 0x%x to 0x%x, function 0"
     % (LAST_SLOT, FIRST_SLOT)),
)
NAMES = [name for name, _, _ in PROPERTIES]


def shown(text):
    """Quotes a part of the value for a message, cut to a bounded length."""
    return repr(text if len(text) <= 40 else text[:37] + "...")


def parse_device(text):
    """Returns the properties of one -device as a dict of checked strings."""
    driver, *properties = text.split(",")
    if driver != "vgpu-stub":
        raise Refused("%s: only vgpu-stub, the device's name here, is allowed"
                      % shown(driver))
    given = {}
    for item in properties:
        name, equals, value = item.partition("=")
        if name not in NAMES or not equals:
            raise Refused("%s is not one of %s="
                          % (shown(item), "=, ".join(NAMES)))
        if name in given:
            raise Refused("%s is there twice" % name)
        given[name] = value
    for name, is_legal, allowed in PROPERTIES:
        if name in given and not is_legal(given[name]):
            raise Refused("%s=%s: allowed is %s"
                          % (name, shown(given[name]), allowed))
    return given


def place(devices, used_ids, used_slots):
    """Gives each device a unique id and slot.

    The slot is part of the section name in the migration stream, so it
    depends on nothing but QEMU's arguments, which are the same on both hosts.
    """
    ids, slots = set(used_ids), set(used_slots)
    for n, device in enumerate(devices):
        if device.setdefault("id", "vgpu-stub-%d" % n) in ids:
            raise Refused("device %d: id=%s is in use" % (n, device["id"]))
        ids.add(device["id"])
        if "addr" in device:
            slot = slot_of(device["addr"])
            if slot in slots:
                raise Refused("device %d: addr=0x%x is in use" % (n, slot))
            slots.add(slot)
            device["addr"] = "0x%x" % slot
    free = [slot for slot in range(FIRST_SLOT, LAST_SLOT - 1, -1)
            if slot not in slots]
    for n, device in enumerate(devices):
        if "addr" not in device:
            if not free:
                raise Refused("device %d: no PCI slot is free" % n)
            device["addr"] = "0x%x" % free.pop(0)


def parse(value, used_ids=(), used_slots=()):
    """Returns the key's devices, each as -device text without its chardev.

    value is the key's bytes; used_ids and used_slots are those that QEMU's
    other arguments name. Raises Refused.
    """
    if not value:
        raise Refused("it is empty")
    if len(value) > MAX_VALUE:
        raise Refused("%d bytes: at most %d are allowed"
                      % (len(value), MAX_VALUE))
    bad = re.search(b"[^ -~]", value)
    if bad:
        raise Refused("byte 0x%02x at offset %d: only printable ASCII is "
                      "allowed" % (ord(bad.group()), bad.start()))
    # All that shlex can do with printable ASCII is to group by quotes and
    # backslashes; each word is then matched exactly, however it was quoted.
    try:
        words = shlex.split(value.decode("ascii"))
    except ValueError:
        raise Refused("a quote that does not close, or a backslash at the end")
    if not words:
        raise Refused("there is no -device in it")
    devices = []
    while words:
        n = len(devices)
        if words[0] != "-device":
            raise Refused("%s: only -device is allowed" % shown(words[0]))
        if len(words) == 1:
            raise Refused("-device at the end: nothing follows it")
        if n == MAX_DEVICES:
            raise Refused("more than %d devices" % MAX_DEVICES)
        try:
            devices.append(parse_device(words[1]))
        except Refused as refusal:
            raise Refused("device %d: %s" % (n, refusal))
        del words[:2]
    place(devices, used_ids, used_slots)
    return [",".join(["vgpu-stub"] + ["%s=%s" % (name, device[name])
                                      for name in NAMES if name in device])
            for device in devices]


def in_use(qemu_args):
    """Returns the sets of ids and PCI slots that qemu_args name."""
    options = ",".join(qemu_args)
    return (set(re.findall(",id=([^,]*)", options)),
            set(int(slot, 16) for slot in
                re.findall(",addr=(?:0x)?([0-9a-fA-F]+)", options)))


def arguments(devices, fds):
    """Returns QEMU's arguments for devices, each linked to its socket; one
    whose descriptor is None has no link."""
    args = []
    for n, (device, fd) in enumerate(zip(devices, fds)):
        if fd is not None:
            link = "vgpu-link-%d" % n
            args += ["-chardev",
                     "socket,id=%s,fd=%d,server=on,wait=off" % (link, fd)]
            device += ",chardev=%s" % link
        args += ["-device", device]
    return args


# --- the effects: log, XenStore, sockets ---


def log(domid, text):
    """Prints one line, which the wrapper's stdout takes to syslog."""
    line = "vgpu-stub: domain %d: %s" % (domid, text)
    print(line)
    return line


def reason(error):
    """Returns an exception as a part of a line. One that is neither the
    system's nor ours may be a mistake in here: the log has where it was."""
    text = str(error)
    if not isinstance(error, (OSError, vgpu_stub_qemu.Unanswered)):
        traceback.print_exc()
        text = "%s: %s" % (type(error).__name__, text)
    return ascii(text)[1:-1]


def complain(domid, xenstore, text):
    """Says in the log and in XenStore what is wrong."""
    line = log(domid, text)
    try:
        xenstore.write("", ERROR_KEY % domid, line)
    except Exception as error:
        log(domid, "that cannot be written to XenStore: %s" % reason(error))


def lacks_device(domid, qemu):
    """Returns whether qemu says that it has no such device."""
    try:
        return not vgpu_stub_qemu.has_device(qemu, RUN_DIR)
    except Exception as error:
        # If it does not start, it does so without the device as well.
        log(domid, "cannot tell whether %s has the device: %s"
            % (qemu, reason(error)))
        return False


def uuid_of(domid, xenstore):
    """Returns the VM's UUID, None where XenStore does not have it. Only root
    writes there; QEMU is not told it by xenopsd."""
    value = xenstore.read("", VM_KEY % domid) or b""
    match = re.fullmatch(b"/vm/(%s)" % UUID.encode(), value)
    uuid = match.group(1).decode() if match else NIL_UUID
    return None if uuid == NIL_UUID else uuid


def mediator_gid():
    """Returns the gid of the mediator's group, None where there is none."""
    try:
        return grp.getgrnam(GROUP).gr_gid
    except KeyError:
        return None


def make_run_dir(gid):
    """Makes RUN_DIR, or takes it over: root's, readable by the group."""
    try:
        os.mkdir(RUN_DIR, 0o700)
    except FileExistsError:
        if not stat.S_ISDIR(os.lstat(RUN_DIR).st_mode):
            raise
    os.chown(RUN_DIR, 0, gid or 0)
    os.chmod(RUN_DIR, 0o750)


def remove(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass                    # another domain's wrapper swept it


def sweep(domid, xenstore):
    """Removes old sockets of this domid and those of domains that are gone."""
    # The files before the domains: whose file is there, but who is not in a
    # list made later, is gone, not just about to start.
    names = os.listdir(RUN_DIR)
    others = set(int(name) for name in xenstore.ls("", "/local/domain"))
    others.discard(domid)
    for name in names:
        match = re.fullmatch(r"(?:%s\.)?([0-9]+)-[0-9]+\.sock" % UUID, name)
        if match and int(match.group(1)) not in others:
            remove(os.path.join(RUN_DIR, name))


def listen(path, gid):
    """Returns the descriptor of a socket that listens at path.

    QEMU does not call listen() on a descriptor that it is given. The caller
    owns the descriptor, no Python object closes it.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        umask = os.umask(0o177)     # nobody's but root's from the start
        try:
            sock.bind(path)
        finally:
            os.umask(umask)
        if gid is not None:
            os.chown(path, 0, gid)
            os.chmod(path, 0o660)
        sock.listen(1)              # a device has one mediator
        return sock.detach()


def make_sockets(vm, count, gid):
    """Returns count listening descriptors; raises OSError and leaves none."""
    paths = [os.path.join(RUN_DIR, "%s-%d.sock" % (vm, n))
             for n in range(count)]
    fds = []
    try:
        for path in paths:
            fds.append(listen(path, gid))
    except OSError:
        for fd in fds:
            os.close(fd)
        for path in paths:
            remove(path)
        raise
    return fds


def links(domid, xenstore, count):
    """Returns the descriptors of count sockets for the mediator. Where they
    cannot be made, says why and returns as many times None."""
    try:
        gid = mediator_gid()
        if gid is None:
            log(domid, "there is no group %s: only root can connect" % GROUP)
        uuid = uuid_of(domid, xenstore)
        if uuid is None:
            log(domid, "%s names no UUID: the mediator knows this VM by its "
                "domain id alone" % (VM_KEY % domid))
        make_run_dir(gid)
        sweep(domid, xenstore)
        vm = "%d" % domid if uuid is None else "%s.%d" % (uuid, domid)
        return make_sockets(vm, count, gid)
    except Exception as error:
        # Whatever it is: a VM that is resumed or migrated has the state of a
        # device, and would not live without one.
        complain(domid, xenstore, "no mediator: no socket in %s: %s"
                 % (RUN_DIR, reason(error)))
        return [None] * count


def attach(domid, xenstore, qemu, qemu_args):
    """Returns the QEMU arguments and descriptors of the domain's devices.

    xenstore is an xs.xs(), qemu the program that is to run, qemu_args what it
    is to be given besides. Both results are empty without a key, with a key
    that is refused, and where qemu has no such device. Where only the sockets
    cannot be made, the devices are there without them. What is wrong is in the
    log and in XenStore.
    """
    value = xenstore.read("", KEY % domid)
    if value is None:
        return [], []
    try:
        devices = parse(value, *in_use(qemu_args))
    except Refused as refusal:
        complain(domid, xenstore, "device-model-args refused: %s" % refusal)
        return [], []
    if lacks_device(domid, qemu):
        complain(domid, xenstore, "no device: %s has no vgpu-stub: install "
                 "the package qemu that has it" % qemu)
        return [], []
    fds = links(domid, xenstore, len(devices))
    args = arguments(devices, fds)
    log(domid, "adding %s" % " ".join(args))
    return args, [fd for fd in fds if fd is not None]
