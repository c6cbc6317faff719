"""The tree that the house laws are held against: its files, its rooms and its build."""

import glob
import os
import re
import shlex
import subprocess

HOUSE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HOUSE))

# Folders that a copy of the tree needs for its laws to be held.
FOLDERS = (".ci", ".githooks", "conf", "daemon", "lib", "man", "systemd", "tests")

# clang-format and clang-tidy are those of Debian 12: what others say differs in details.
CLANG = 14

# What the programs share.
SHARED = ("daemon/common", "daemon/tls")

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)


class Skipped(Exception):
    """A law cannot be held here; the text says why."""


def tool(command, **options):
    """Runs a program; CompletedProcess with its text. Skipped if it is not installed."""
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", check=False, **options)
    except FileNotFoundError:
        raise Skipped(f"{command[0]} is not installed") from None


def clang_tool(name):
    """The name again, if this program of clang's is of the release that the tree is written for."""
    version = re.search(r"version (\d+)", tool([name, "--version"]).stdout)
    if not version or int(version[1]) != CLANG:
        raise Skipped(f"{name} is version {version[1] if version else '?'}, not {CLANG}")
    return name


def compiler():
    return shlex.split(os.environ.get("CC", "cc"))


def table(path):
    """The rows of a file of words, without comments."""
    with open(path, encoding="utf-8") as file:
        rows = [line.partition("#")[0].split() for line in file]
    return [row for row in rows if row]


class Room:
    def __init__(self, folder, name, files, rank):
        self.folder = folder
        self.name = name
        self.files = files
        self.rank = rank
        # "lib", or "daemon/NAME" for all that is below it.
        self.program = "/".join(folder.split("/")[:1 if folder.startswith("lib/") else 2])

    def holds(self, folder, stem):
        return folder == self.folder and (stem == self.name or stem in self.files
                                          or stem.startswith(self.name + "_"))

    def __str__(self):
        return f"{self.folder}/{self.name}"


class Tree:
    """`top`: the sources. `build`: what make has built of them."""

    def __init__(self, top, build):
        self.top = top
        self.build = os.path.abspath(build)
        self.rooms = [Room(row[0], row[1], row[2:], rank)
                      for rank, row in enumerate(table(self.path("tests/house/rooms")))]

    def path(self, name):
        return os.path.join(self.top, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def glob(self, *patterns):
        """Files by patterns from the top, in order, named from the top."""
        found = set()
        for pattern in patterns:
            found.update(glob.glob(pattern, root_dir=self.top, recursive=True))
        return sorted(name for name in found if os.path.isfile(self.path(name)))

    def sources(self, *folders):
        return self.glob(*(f"{folder}/**/*.{end}" for folder in folders for end in ("c", "h")))

    def includes(self, name):
        """Pairs (line, header) of what a file includes: `"lib/..."` and `<stdio.h>` headers, the
        latter in their brackets."""
        text = self.read(name)
        for match in _INCLUDE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield line, match[1] or f"<{match[2]}>"

    def room(self, name):
        """The room of a file, or None."""
        folder, base = os.path.split(name)
        stem = base.partition(".")[0]
        # The longest name wins, should there be a room X_Y beside X.
        fitting = [room for room in self.rooms if room.holds(folder, stem)]
        return max(fitting, key=lambda room: len(room.name), default=None)

    def room_of_object(self, name):
        """The name of the room of a member of libpostern.a, which has no folder."""
        stem = name.partition(".")[0]
        for room in self.rooms:
            if room.folder.startswith("lib/") and room.holds(room.folder, stem):
                return room.name
        return stem
