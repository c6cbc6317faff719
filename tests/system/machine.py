"""A whole Debian system under systemd-nspawn: installed into, booted, spoken with, powered off.

    layers = Layers(root.folder)                  # throws away what was changed, at the end
    with Machine(layers.add()) as machine:
        machine.chroot("make -C /root/postern install")
        machine.boot()
        machine.run("systemctl is-active postern")
        machine.power_off()

The root below is never written to: each machine has a layer of its own above it.
"""

import ctypes
import os
import re
import socket

from lab import namespace
from lab.process import (TIMEOUT, Child, LabError, Timeout, make_directory, remove_directory, run)
from lab.root import clean_environment, run_inside

CLONE_NEWNS = 0x00020000

# Seconds for a boot, or a power-off, before it counts as hanging.
BOOT_TIMEOUT = 120


def _private_mounts():
    """What this process and its children mount from now on is nobody else's, and goes with them."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        raise LabError(f"unshare: {os.strerror(ctypes.get_errno())}")
    _mount("--make-rprivate", "/")


def _mount(*arguments):
    done = run(["mount", *arguments])
    if done.returncode:
        raise LabError(done.stderr.strip())


class Layers:
    """Layers above the system in the folder `root`. This process gets a mount namespace of its own."""

    def __init__(self, root):
        self._lower = [root]
        # Before the mounts are private: whoever cleans up after this process sees none of them.
        self._directory = make_directory()
        _private_mounts()
        self._number = 0

    def add(self, keep=False):
        """The folder of a system with a fresh layer of its own; with `keep` later ones see it."""
        self._number += 1
        upper, work, merged = (os.path.join(self._directory, f"{kind}{self._number}")
                               for kind in ("changes", "work", "system"))
        for path in (upper, work, merged):
            os.mkdir(path)
        _mount("-t", "overlay", "overlay", merged, "-o",
               f"lowerdir={':'.join(self._lower)},upperdir={upper},workdir={work}")
        if keep:
            self._lower.insert(0, upper)
        return merged

    def remove(self):
        for number in range(1, self._number + 1):
            run(["umount", os.path.join(self._directory, f"system{number}")])
        remove_directory(self._directory)


class Machine:
    """The system in `folder`. Before boot(), chroot() runs in it; after it, run() and follow()."""

    def __init__(self, folder):
        self.folder = folder
        self._nspawn = None
        self._init = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._nspawn is not None:
            self._nspawn.stop(timeout=BOOT_TIMEOUT)

    def chroot(self, script):
        """Runs a shell script in the system while it is not booted."""
        run_inside(self.folder, script, timeout=600)

    def write(self, path, text, mode=0o644):
        """Writes a file of the system."""
        where = os.path.join(self.folder, path.lstrip("/"))
        with open(where, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(where, mode)

    def boot(self):
        """Returns when every service that is started at boot has been started."""
        where = os.path.join(os.path.dirname(self.folder), "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(where)
            notify.settimeout(BOOT_TIMEOUT)
            self._nspawn = Child(["systemd-nspawn", "--quiet", "-D", self.folder,
                                  "--private-network", "--register=no", "--keep-unit",
                                  "--notify-ready=yes", "--boot", "--console=pipe"],
                                 env={**os.environ, "NOTIFY_SOCKET": where})
            try:
                self._init = self._wait_ready(notify)
            except TimeoutError:
                raise LabError("not booted:\n" + self._nspawn.log.tail()) from None
            finally:
                os.unlink(where)

    @staticmethod
    def _wait_ready(notify):
        """The process id of the system's first process, once that one says that it is ready."""
        said = ""
        while not re.search(r"^READY=1$", said, re.MULTILINE):
            said += notify.recv(4096).decode() + "\n"
        return re.search(r"^X_NSPAWN_LEADER_PID=(\d+)$", said, re.MULTILINE)[1]

    def _inside(self, script):
        return ["nsenter", "--target", self._init, "--mount", "--pid", "--net", "--uts", "--ipc",
                "--root", "--wd", "--", "env", "-i",
                *(f"{name}={value}" for name, value in clean_environment().items()),
                "/bin/sh", "-c", script]

    def run(self, script, *, timeout=TIMEOUT, check=True):
        """Runs a shell script in the booted system; its output. LabError if it fails, unless
        `check` is false."""
        done = run(self._inside(script), timeout=timeout)
        if check and done.returncode:
            raise LabError(f"exit code {done.returncode}: {script}\n{done.stdout}{done.stderr}")
        return done.stdout

    def follow(self, script):
        """A Child that runs a shell script in the booted system; its log is the output."""
        return Child(self._inside(script))

    def network(self):
        """The command before a command of this machine's that puts it into the booted system's
        network."""
        return ["nsenter", "--target", self._init, "--net"]

    def call(self, function):
        """What the function returns when it is called in the booted system's network."""
        return namespace.call(self._init, function)

    def power_off(self):
        """Returns when the system has ended by itself."""
        self.run("systemctl --no-block poweroff")
        nspawn, self._nspawn = self._nspawn, None
        try:
            code = nspawn.wait(BOOT_TIMEOUT)
        except Timeout:
            nspawn.stop()
            raise
        if code:
            raise LabError(f"systemd-nspawn ended with {code}:\n" + nspawn.log.tail())
