"""The memory of a program under failnth.so: which allocations fail, and what is allocated.

    memory = Memory(directory, "posternd")
    with Posternd(build, conf, wrapper=memory.wrapper(library)) as posternd:
        memory.arm(7)                       # the seventh allocation from now on
        ...
        memory.disarm()                     # how many failed
        memory.blocks                       # what is allocated
"""

import bisect
import functools
import mmap
import os
import re
import struct
import subprocess

FRAMES, MAPS_SIZE, TRACED = 32, 1 << 16, 1 << 15

# struct shared of failnth.c.
(ARMED, FIRST, NUM, COUNT, FAILED, BLOCKS, BYTES, TRACING, SIGNAL,
 MAPPED) = range(10)
FAILED_AT = 10 * 8
ENDED_AT = FAILED_AT + FRAMES * 8
MAPS = ENDED_AT + FRAMES * 8
TRACE = MAPS + MAPS_SIZE
TRACE_ROW = struct.Struct(f"<QQ{FRAMES}Q")
SIZE = TRACE + TRACED * TRACE_ROW.size


class Memory:
    def __init__(self, directory, name):
        self.path = os.path.join(directory, name + ".faults")
        # Made anew, so that nothing of a process before is in it.
        with open(self.path, "w+b") as file:
            os.truncate(file.fileno(), SIZE)
            os.chmod(self.path, 0o666)
            self._map = mmap.mmap(file.fileno(), SIZE)
        self._words = memoryview(self._map)[:FAILED_AT].cast("Q")

    def wrapper(self, library):
        """The command before a program's command that puts it under failnth.so."""
        return ["env", "LD_PRELOAD=" + library, "POSTERN_FAULTS=" + self.path]

    def close(self):
        self._words.release()
        self._map.close()
        os.unlink(self.path)

    # --- failing ---

    def arm(self, first, num=1):
        """From now on allocations are counted, and those from number `first` on fail, `num` of
        them; 0: none."""
        self._words[ARMED] = 0
        self._words[FIRST] = first
        self._words[NUM] = num
        self._words[COUNT] = 0
        self._words[FAILED] = 0
        self._map[FAILED_AT:ENDED_AT] = bytes(ENDED_AT - FAILED_AT)
        self._words[ARMED] = 1

    def disarm(self):
        """How many failed."""
        self._words[ARMED] = 0
        return self._words[FAILED]

    @property
    def count(self):
        """Allocations since arm()."""
        return self._words[COUNT]

    @property
    def failed(self):
        return self._words[FAILED]

    # --- what is allocated ---

    @property
    def used(self):
        """Whether a program has begun under failnth.so."""
        return self._words[MAPPED] == 1

    @property
    def blocks(self):
        return self._words[BLOCKS]

    def trace(self, on):
        """Whether callers are noted of what is allocated from now on."""
        if on:
            self._map[TRACE:] = bytes(SIZE - TRACE)
        self._words[TRACING] = int(on)

    def traced(self):
        """[(bytes, stack)] of what was allocated while it was traced and is there still."""
        rows = TRACE_ROW.iter_unpack(self._map[TRACE:])
        return [(size, self._stack(frames)) for block, size, *frames in rows if block]

    # --- where ---

    @property
    def signal(self):
        """The signal that ended the program, or 0."""
        return self._words[SIGNAL]

    @property
    def failed_at(self):
        """The callers of the allocation that failed first, the innermost first."""
        return self._stack(self._frames(FAILED_AT))

    @property
    def ended_at(self):
        """The callers of what got the signal."""
        return self._stack(self._frames(ENDED_AT))

    def _frames(self, at):
        return struct.unpack_from(f"<{FRAMES}Q", self._map, at)

    def _stack(self, frames):
        maps = self._map[MAPS:TRACE].rstrip(b"\0").decode()
        named = [name_of(maps, address) for address in frames if address]
        return [each for each in named if not each.startswith("failnth.so")]


@functools.cache
def _files(maps):
    """[(first address, last address, base, path)]; base: where the file's first byte is."""
    bases = {}
    files = []
    for match in re.finditer(r"^([0-9a-f]+)-([0-9a-f]+) \S+ ([0-9a-f]+) \S+ \S+ +(/\S+)$", maps,
                             re.MULTILINE):
        begin, end = int(match[1], 16), int(match[2], 16)
        base = bases.setdefault(match[4], begin - int(match[3], 16))
        files.append((begin, end, base, match[4]))
    return files


@functools.cache
def _exported(path):
    """[(address, name)] of a library's functions, in order."""
    done = subprocess.run(["nm", "-D", "--defined-only", path], capture_output=True, text=True,
                          check=False)
    rows = (line.split() for line in done.stdout.splitlines())
    return sorted((int(row[0], 16), row[2].partition("@")[0]) for row in rows
                  if len(row) == 3 and row[1] in "TtWi")


@functools.cache
def _own(path, address):
    """The function of a program with its place in the source, or None."""
    done = subprocess.run(["addr2line", "-fs", "-e", path, hex(address)], capture_output=True,
                          text=True, check=False)
    lines = done.stdout.split("\n")
    if done.returncode or lines[0] == "??":
        return None
    return f"{lines[0]} {lines[1]}"


@functools.cache
def name_of(maps, address):
    """`file function`: of a library the exported function below the address, so that a static one
    has the name of another one with its distance."""
    for begin, end, base, path in _files(maps):
        if begin <= address < end:
            # A return address is behind the call.
            at = address - base - 1
            name = os.path.basename(path)
            own = None if name.startswith("lib") or name.startswith("ld-") else _own(path, at)
            if own:
                return f"{name} {own}"
            exported = _exported(path)
            below = bisect.bisect_right(exported, (at, "~")) - 1
            if below < 0:
                return f"{name} {at:#x}"
            return f"{name} {exported[below][1]}+{at - exported[below][0]:#x}"
    return f"{address:#x}"
