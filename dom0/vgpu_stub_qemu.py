# SPDX-License-Identifier: GPL-2.0-or-later
"""Says whether a QEMU has the vgpu-stub device.

QEMU itself is asked. Its answer is kept in a file, together with what tells
this program from any other, so that after an update of QEMU one start of a VM
asks and the others do not. Python 3.6, standard library only.
"""

import os
import re
import signal
import stat
import subprocess

KEPT = "qemu-has-device"
KEPT_NEW = KEPT + ".new"
NOTHING_STRANGE = os.O_NOFOLLOW | os.O_NONBLOCK     # nor anything that waits
PATIENCE = 20                   # seconds; xenopsd waits for 300


class Unanswered(Exception):
    """QEMU does not say which devices it has; str() says why."""


def identity(path):
    """Returns what changes when another program is put at path."""
    status = os.stat(path)
    return "%d:%d:%d:%d:%d" % (status.st_dev, status.st_ino, status.st_size,
                               status.st_mtime_ns, status.st_ctime_ns)


def ask(qemu):
    """Returns whether qemu has the device; raises Unanswered."""
    try:
        process = subprocess.Popen(
            [qemu, "-device", "help"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True)
    except OSError as error:
        raise Unanswered(error)
    try:
        output, _ = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        # All that it started, too. It is not waited for: what hangs in the
        # kernel does not even die.
        os.killpg(process.pid, signal.SIGKILL)
        raise Unanswered("no answer within %d s" % PATIENCE)
    if process.returncode != 0 or b'name "' not in output:
        raise Unanswered("exit status %d, output %r"
                         % (process.returncode, output[-100:]))
    return re.search(b'^name "vgpu-stub"', output, re.MULTILINE) is not None


def line(program, answer):
    return b"%s %s\n" % (program.encode(), b"yes" if answer else b"no")


def kept_answer(folder, program):
    """Returns the answer that the folder has of this program, or None."""
    try:
        fd = os.open(KEPT, os.O_RDONLY | NOTHING_STRANGE, dir_fd=folder)
    except OSError:
        return None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != 0:
            return None
        content = os.read(fd, 200)
    finally:
        os.close(fd)
    return {line(program, True): True,
            line(program, False): False}.get(content)


def keep_answer(folder, program, answer):
    """Best effort: who finds nothing there, or half of it, asks again."""
    try:
        fd = os.open(KEPT_NEW, os.O_WRONLY | os.O_CREAT | os.O_TRUNC
                     | NOTHING_STRANGE, 0o644, dir_fd=folder)
        with open(fd, "wb", buffering=0) as file:
            file.write(line(program, answer))
        os.rename(KEPT_NEW, KEPT, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        pass


def has_device(qemu, directory):
    """Returns whether qemu, the path of a program, has the device.

    The answer is kept in directory, which is root's; where there is no such
    directory, QEMU is asked each time. Raises Unanswered where QEMU does not
    say, OSError where there is none.
    """
    program = identity(qemu)
    try:
        folder = os.open(directory, os.O_DIRECTORY | NOTHING_STRANGE)
    except OSError:
        return ask(qemu)
    try:
        answer = kept_answer(folder, program)
        if answer is None:
            answer = ask(qemu)
            if identity(qemu) == program:
                keep_answer(folder, program, answer)
        return answer
    finally:
        os.close(folder)
