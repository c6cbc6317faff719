"""Debian releases beside this machine's own: each in a folder that is kept, made by debootstrap.

    root = Root("/var/cache/postern-roots", "trixie")
    root.make()
    root.run("make --version")

Packages come from the mirrors of this machine's own apt sources, or from those that the variables
MIRROR and MIRROR_SECURITY name. Programs run in a process and a mount namespace of their own: when
the first of them ends, or this process does, the kernel ends the rest and takes the mounts away. All
of this needs root.
"""

import contextlib
import fcntl
import os
import re
import shutil
import subprocess

from lab.process import LabError, run

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# What is tested.
RELEASES = ("bookworm", "trixie")

# What a root has before anything of ours is in it: what README.md asks for, and what a mirror with
# https:// needs.
FIRST_PACKAGES = ("make", "git", "ca-certificates")

# Seconds for a debootstrap.
DEBOOTSTRAP_TIMEOUT = 1200

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# What a program inside may know of the environment outside.
PASSED_ON = ("http_proxy", "https_proxy", "no_proxy")

# Runs a program in a process and a mount namespace of its own.
APART = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private", "--pid",
         "--fork", "--kill-child")

# Shell: runs $2 in the root $1. Its shell stays the first process of the namespace, so that somebody
# reaps what the others leave behind.
INSIDE = """
set -e
mount --rbind /dev "$1/dev"
mount --rbind /sys "$1/sys"
mount -t proc proc "$1/proc"
chroot "$1" /bin/sh -c "$2"
exit $?
"""


def release_here():
    """The code name of this machine's Debian."""
    with open("/etc/os-release", encoding="utf-8") as file:
        fields = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
    return fields.get("VERSION_CODENAME", "").strip('"')


def named_release(name):
    """The code name that is meant: this machine's for "here", the other one of the two tested
    releases for "other". LabError if it is none that is tested."""
    if name == "other":
        return next(each for each in RELEASES if each != release_here())
    found = release_here() if name == "here" else name
    if found not in RELEASES:
        raise LabError(f"RELEASE={name}: not one of {', '.join(RELEASES)}, here, other")
    return found


def mirrors():
    """(address of Debian's packages, address of its security updates or None)."""
    if os.environ.get("MIRROR"):
        return os.environ["MIRROR"], os.environ.get("MIRROR_SECURITY")
    found = _mirrors_of_apt()
    if "Debian" not in found:
        run(["apt-get", "update"], timeout=300)
        found = _mirrors_of_apt()
    if "Debian" not in found:
        raise LabError("apt's sources name no mirror of Debian: set MIRROR, and MIRROR_SECURITY")
    return found["Debian"], found.get("Debian-Security")


def _mirrors_of_apt():
    """{label of an archive: the first address that apt's package lists have for it and that
    debootstrap can use}"""
    listed = run(["apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)",
                  "Created-By: Packages"]).stdout
    found = {}
    for row in listed.splitlines():
        origin, label, address = row.split("|")
        if origin == "Debian" and re.match("(https?|ftp|file):", address):
            found.setdefault(label, address)
    return found


def clean_environment():
    """What a program in a root may know of the environment outside."""
    return {"HOME": "/root", "PATH": PATH, "LANG": "C.UTF-8",
            **{name: os.environ[name] for name in PASSED_ON if name in os.environ}}


def run_inside(folder, script, *, timeout=None, check=True):
    """Runs a shell script in the system at `folder`, its output with ours; its exit code, which
    unless `check` is false has to be 0."""
    command = [*APART, "sh", "-c", INSIDE, "sh", folder, script]
    try:
        code = subprocess.run(command, env=clean_environment(), stdin=subprocess.DEVNULL, cwd="/",
                              timeout=timeout, check=False).returncode
    except subprocess.TimeoutExpired:
        raise LabError(f"not done within {timeout} s in {folder}: {script}") from None
    if check and code:
        raise LabError(f"exit code {code} in {folder}: {script}")
    return code


def clone_into(folder):
    """A fresh clone of what is committed here, at /root/postern of the system at `folder`."""
    if run(["git", "-C", TOP, "status", "--porcelain"]).stdout:
        print("note: what is not committed is not in the clone", flush=True)
    target = os.path.join(folder, "root/postern")
    if os.path.isdir(target):
        shutil.rmtree(target)
    done = run(["git", "clone", "--quiet", "--no-hardlinks", TOP, target], timeout=120)
    if done.returncode:
        raise LabError("git clone: " + done.stderr.strip())


class Root:
    """The release's system in the folder `roots`/`release`."""

    def __init__(self, roots, release):
        self.release = release
        self.folder = os.path.join(os.path.abspath(roots), release)

    def make(self):
        """Makes it, if it is not there, and gives it this machine's way to look up names."""
        if os.geteuid():
            raise LabError("a root of another release can only be made by root")
        if not os.path.isdir(self.folder):
            self._debootstrap()
        # It is a link on some machines, and leads out of the root. Some have none.
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile("/etc/resolv.conf", os.path.join(self.folder, "etc/resolv.conf"))

    @contextlib.contextmanager
    def lock(self):
        """Nobody else uses the root meanwhile: two runs would build in one clone."""
        os.makedirs(os.path.dirname(self.folder), exist_ok=True)
        with open(self.folder + ".lock", "w", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"waiting for another run with {self.folder}", flush=True)
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def run(self, script, **options):
        return run_inside(self.folder, script, **options)

    def install(self, *groups):
        """Installs what tests/lab/packages lists for these purposes, from the clone inside."""
        for group in groups:
            self.run(f"cd /root/postern && sh tests/lab/install-packages {group}", timeout=1800)

    def _debootstrap(self):
        mirror, security = mirrors()
        print(f"debootstrap {self.release} in {self.folder}", flush=True)
        # Renamed when it is whole: one that was broken off is never taken for a root.
        begun = self.folder + ".begun"
        if os.path.isdir(begun):
            shutil.rmtree(begun)
        done = run([*APART, "debootstrap", "--variant=minbase",
                    "--include=" + ",".join(FIRST_PACKAGES), self.release, begun, mirror],
                   timeout=DEBOOTSTRAP_TIMEOUT)
        if done.returncode:
            raise LabError(f"debootstrap {self.release}: " + done.stdout[-2000:] + done.stderr)
        sources = [f"deb {mirror} {self.release} main", f"deb {mirror} {self.release}-updates main"]
        if security:
            sources.append(f"deb {security} {self.release}-security main")
        with open(os.path.join(begun, "etc/apt/sources.list"), "w", encoding="utf-8") as file:
            file.write("\n".join(sources) + "\n")
        with open(os.path.join(begun, "etc/hosts"), "w", encoding="utf-8") as file:
            file.write("127.0.0.1 localhost\n::1 localhost\n")
        os.rename(begun, self.folder)
