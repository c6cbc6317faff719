"""Plays what clients do, and starts our programs, while allocations fail.

    main.py --build DIR [--whole] [--only PATTERN]

Three kinds of rows (scenes.py), in each of which the n-th allocation fails in one program:

a scene     counted from the client's first byte on, in a program that has served such clients
            before; once that allocation alone, and once it and those that follow
anew        the same as the first thing in a program that has just been started
start       counted from the program's own beginning, with -t and without

Afterwards the program must be there, hold nothing of the session any more, serve the next client
well, and, in a scene, have lost no memory. A start may fail, with exit code 2 or 75 and a message, or
must serve. With --whole n is nearly every number, else one of each so many: the row's line tells.
--only: rows whose name matches. The last line has Check's form; the exit code is 0 if all is well.
"""

import argparse
import os
import re
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
from known import FAULTS, fault_of  # noqa: E402
from lab import tally  # noqa: E402
from lab.process import LabError  # noqa: E402
from lab.stage import Stage  # noqa: E402
from programs import Program  # noqa: E402
from scenes import ANEW, REFUSALS, SCENES, STARTS, World, Wrong  # noqa: E402

# Allocations that fail in a row when memory is short.
SHORTAGE = 200

# How often a failure is repeated that may have lost memory: what is lost is lost each time.
REPEATED = 4

# So many blocks are told of those that may be lost: a reload makes thousands that are not.
STACKS_MAX = 40

# What a start that has failed says; and where libmilter fails only after it.
MESSAGE = re.compile(r"out of (dynamic )?memory|Cannot allocate memory|libmilter logs the reason"
                     r"|libssl cannot be initialised|cannot start a thread: ")
MILTER_ENDED = "libmilter ended by itself"

# OpenSSL's functions that only free.
FREEING = ("OSSL_LIB_CTX_free", "OPENSSL_cleanup")


class Row:
    """One row of a table: who it is about, and what it finds."""

    met = []  # known faults, of all rows

    def __init__(self, world, program, name, step):
        self.world = world
        self.program = program
        self.name = name
        self.step = step
        self.steps = [step]
        self.checks = 0
        self.failures = 0
        self.places = set()

    # --- telling ---

    def problem(self, number, text, *stacks):
        self.failures += 1
        print(f"FAILED {self.name}, n={number}: {text}")
        for title, stack in (("failed allocation", self.program.memory.failed_at), *stacks):
            print(f"    {title}:")
            for line in stack:
                print(f"        {line}")
        sys.stdout.flush()

    def is_known(self, hangs=False):
        """Whether a signal ended the program by a known fault of a library (known.py), or it had to
        be ended because it `hangs`."""
        memory = self.program.memory
        row = fault_of(memory.failed_at) if memory.signal or hangs else None
        if row and row not in Row.met:
            Row.met.append(row)
        return row is not None

    def ended(self, number):
        """The program ended where it must not, unless a library is known for it."""
        memory = self.program.memory
        if self.is_known():
            return
        text = f"{self.program.name} ended with {self.program.daemon.exit_code}"
        self.problem(number, text, *([(f"signal {memory.signal} in", memory.ended_at)]
                                     if memory.signal else []))
        print(self.program.daemon.log.tail(3), flush=True)

    # --- playing ---

    def normal(self, play):
        """None, or what went wrong although nothing failed."""
        try:
            play(self.world)
        except (Wrong, *REFUSALS) as error:
            return f"{type(error).__name__}: {error}"
        return None

    def failing(self, play, number, num):
        """Plays while `num` allocations fail; None or what was wrong."""
        wrong = None
        self.program.memory.arm(number, num)
        try:
            play(self.world)
        except TimeoutError as error:
            wrong = f"hangs: {error}"
        except Wrong as error:
            wrong = str(error)
        except REFUSALS:
            pass
        self.program.memory.disarm()
        self.places.add(tuple(self.program.memory.failed_at[:8]))
        return wrong

    def one(self, play, number, num):
        """Plays with failures, and again without. False if there is no such allocation."""
        self.checks += 1
        wrong = self.failing(play, number, num)
        there = self.program.memory.failed > 0
        if wrong:
            self.problem(number, wrong)
        if not self.program.settle():
            self.problem(number, "the session does not end")
        wrong = self.normal(play) if self.program.runs else None
        if not self.program.runs:
            self.ended(number)
            self.program.stop()
            self.program.start()
            self.warm_up(play)
        elif wrong:
            self.problem(number, f"the next client: {wrong}")
        self.program.settle()
        return there

    def warm_up(self, play):
        """Lets the program make what it makes once."""
        for _ in range(4):
            wrong = self.normal(play)
            if wrong:
                raise LabError(f"{self.name}, although nothing failed: {wrong}\n" +
                               self.program.daemon.log.tail())
        self.program.note_idle()

    # --- what is lost ---

    def look_for_losses(self, play, number, num, before):
        """Whether this number loses memory each time."""
        memory = self.program.memory
        for last in range(REPEATED):
            if memory.blocks <= before:
                return
            before = memory.blocks
            memory.trace(last == REPEATED - 1)
            self.failing(play, number, num)
            self.program.settle()
            self.normal(play)
            self.program.settle()
        memory.trace(False)
        if memory.blocks > before:
            self.problem(number, "memory is lost",
                         *((f"{size} bytes of", stack)
                           for size, stack in memory.traced()[:STACKS_MAX]))

    # --- rows ---

    def numbers(self):
        """Numbers to be tried, until found(False) has said twice that there is none."""
        self.misses = 0
        number = 1
        while self.misses < 2:
            yield number
            number += self.step if self.misses == 0 else 1

    def found(self, there):
        self.misses = 0 if there else self.misses + 1

    def play_scene(self, play):
        self.warm_up(play)
        for num in (1, SHORTAGE):
            for number in self.numbers():
                before = self.program.memory.blocks
                self.found(self.one(play, number, num))
                if self.program.memory.blocks > before:
                    self.look_for_losses(play, number, num, before)

    def play_anew(self, play):
        self.program.stop()
        self.program.start()
        self.warm_up(play)
        for num in (1, SHORTAGE):
            for number in self.numbers():
                self.program.stop()
                self.program.start()
                self.found(self.one(play, number, num))
        self.program.stop()
        self.program.start()

    def start(self, play):
        conf = (self.world.small_conf if self.program.name == "posternd" else self.world.conf)
        for number in self.numbers():
            self.checks += 1
            code, said = self.program.check(conf, number)
            self.found(self.program.memory.failed > 0)
            self.places.add(tuple(self.program.memory.failed_at[:8]))
            if code != 0:
                self.judge_end(number, code, said)
            elif self.is_openssl():
                self.problem(number, "OpenSSL has lost something, and -t finds nothing wrong")
        self.step *= 16
        self.steps.append(self.step)
        self.program.stop()
        for number in self.numbers():
            self.checks += 1
            self.found(self.try_to_serve(play, conf, number))
        self.program.start()

    def is_openssl(self):
        """Whether the allocation that failed was OpenSSL's, for something that is kept: 3.5 also
        allocates while it frees a library context."""
        stack = self.program.memory.failed_at
        return "tls_memory.c" in "".join(stack[:2]) and not any(
            function in line for line in stack for function in FREEING)

    def try_to_serve(self, play, conf, number):
        """Starts it with a failure. False if there is no such allocation."""
        try:
            self.program.start(number, conf=conf)
        except LabError:
            self.judge_end(number, self.program.stop(), "\n".join(self.program.daemon.log.lines))
            return self.program.memory.failed > 0
        there = self.program.memory.failed > 0
        wrong = self.normal(play)
        if wrong:
            self.problem(number, f"it has started, but: {wrong}")
        self.program.stop()
        return there

    def judge_end(self, number, code, text):
        """A start that fails must say so; one that does not need not."""
        memory = self.program.memory
        if self.is_known(hangs=code == -signal.SIGTERM):
            return
        if code == 1 and MILTER_ENDED in text:
            return
        if memory.signal or code not in (2, 75):
            self.problem(number, f"exit code {code}, signal {memory.signal}: {text}",
                         ("signal in", memory.ended_at))
        elif not MESSAGE.search(text):
            self.problem(number, f"refused without its reason: {text!r}")


def rows(world, programs, pattern, whole):
    """(Row, how to run it) of those that are wanted."""
    for table, how in ((SCENES, Row.play_scene), (ANEW, Row.play_anew), (STARTS, Row.start)):
        for name, kind, play, every, step in table:
            if re.search(pattern, name) and not whole and step == 0:
                print(f"{name}: only with --whole, it takes long")
            elif re.search(pattern, name):
                row = Row(world, programs[kind], name, every if whole else step)
                yield row, lambda row=row, how=how, play=play: how(row, play)


def main():
    parser = argparse.ArgumentParser(description="our programs while allocations fail")
    parser.add_argument("--build", required=True, help="where the programs and failnth.so are")
    parser.add_argument("--whole", action="store_true", help="as many allocations as scenes.py says for that")
    parser.add_argument("--only", default="", help="regular expression for a row's name")
    arguments = parser.parse_args()
    build = os.path.abspath(arguments.build)
    checks = failures = 0
    with Stage(build) as stage:
        world = World(stage)
        programs = {name: Program(world, name, os.path.join(build, "failnth.so"))
                    for name in Program.KINDS}
        try:
            for program in programs.values():
                program.start()
            for row, run in rows(world, programs, arguments.only, arguments.whole):
                began = time.monotonic()
                run()
                steps = " and ".join(map(str, row.steps))
                print(f"{row.name}: {row.checks} checks, every {steps}, {len(row.places)} places, "
                      f"{time.monotonic() - began:.1f} s", flush=True)
                checks += row.checks
                failures += row.failures
        finally:
            for program in reversed(programs.values()):
                program.stop()
    for row in FAULTS:
        print(f"{'met' if row in Row.met else 'not met'}: {row[0]} {row[1]} {row[3]}")
    return tally.close(checks, failures)


if __name__ == "__main__":
    sys.exit(main())
