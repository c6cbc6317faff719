"""Plants a change of one rule at a time, and sees that the tests fail.

    main.py [--only REGEX]

The tree's sources are copied and built once. Then each planted change (planted_*.py) is made in
turn, what it touches is built again, and the check that it names is run: it must fail. A change
that its check does not see, or whose place in the source is gone, is a failure, told by name. An
error is a change that cannot be built, or a check that fails without any. The last line has Check's
form; the exit code is 0 if all is well. All of it takes three to seven minutes on two cores. The
house check sees at once when a planted change has lost its place.
"""

import argparse
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]

import rows  # noqa: E402 pylint: disable=wrong-import-position
from lab import tally  # noqa: E402 pylint: disable=wrong-import-position
from planted import applies  # noqa: E402 pylint: disable=wrong-import-position

TOP = os.path.dirname(os.path.dirname(HERE))

# What the two programs are built of and read.
NEEDED = ("Makefile", "lib", "daemon/common", "daemon/tls", "tests/unit", "tests/differential", "conf", "man")
PROGRAMS = ("build/unit", "build/differential")

# Seconds until a check counts as failed because it hangs; only a failing one runs that long.
TIMEOUT = 600

# The differential test tells a disagreement in a line of this kind, and its end in another.
DISAGREEMENT = "hello "
CLOSING = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$", re.MULTILINE)


class Broken(Exception):
    """A copy cannot be built, or a check cannot be run: the text says why."""


class Copy:
    """A copy of the tree with a build of its own."""

    def __init__(self, directory):
        self.directory = directory
        self.changed = None

    def fill(self):
        for name in NEEDED:
            source, target = os.path.join(TOP, name), os.path.join(self.directory, name)
            if os.path.isdir(source):
                shutil.copytree(source, target)
            else:
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copy2(source, target)

    def _path(self, name):
        return os.path.join(self.directory, name)

    def read(self, name):
        with open(self._path(name), encoding="utf-8") as file:
            return file.read()

    def _write(self, name, text):
        with open(self._path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def plant(self, planted):
        """False if the place of the change is not there, or not there alone."""
        self.restore()
        text = self.read(planted.file)
        if not applies(planted, text):
            return False
        self.changed = (planted.file, text)
        self._write(planted.file, text.replace(planted.old, planted.new))
        return True

    def restore(self):
        if self.changed is not None:
            self._write(*self.changed)
        self.changed = None

    def build(self, programs, jobs=1):
        # -w: a change may leave a function without a caller. What a make above us has been told
        # is not for this one.
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("MAKE", "MFLAGS"))}
        done = subprocess.run(
            ["make", f"-j{jobs}", "BUILD=build", "CFLAGS=-O1 -w", "WERROR=", *programs],
            cwd=self.directory, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
            check=False)
        if done.returncode != 0:
            raise Broken("cannot be built:\n" + done.stderr)

    def fails(self, check):
        """Runs a check; whether it fails."""
        if program_of(check) == "build/unit":
            return self._unit_fails(check)
        return self._differential_fails(check.split()[1:])

    def _unit_fails(self, suite):
        environment = dict(os.environ, CK_RUN_SUITE=suite)
        done = subprocess.run(["build/unit"], cwd=self.directory, env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, errors="replace",
                              timeout=TIMEOUT, check=False)
        closing = CLOSING.search(done.stdout)
        if closing and closing.group(1) == "0":
            raise Broken(f"{suite} is no suite of the unit program")
        return done.returncode != 0

    def _differential_fails(self, arguments):
        """The first disagreement is enough."""
        with subprocess.Popen(["stdbuf", "-oL", "build/differential", *arguments],
                              cwd=self.directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, errors="replace") as child:
            watch = threading.Timer(TIMEOUT, child.kill)
            watch.start()
            try:
                for line in child.stdout:
                    if line.startswith(DISAGREEMENT):
                        child.kill()
                        return True
                return child.wait() != 0
            finally:
                watch.cancel()


def program_of(check):
    return "build/differential" if check.startswith("differential") else "build/unit"


class Result:
    def __init__(self):
        self._lock = threading.Lock()
        self.checks = 0
        self.failures = 0
        self.errors = 0

    def add(self, planted, began, problem=None, is_error=False):
        with self._lock:
            self.checks += 1
            self.errors += is_error
            self.failures += problem is not None and not is_error
            words = problem or f"seen by {planted.check}"
            print(f"mutants: {planted.rule} ({planted.file}): {words}"
                  f" [{time.monotonic() - began:.1f} s]", flush=True)

    def close(self):
        return tally.close(self.checks, self.failures, self.errors)


def try_one(copy, planted, result):
    began = time.monotonic()
    if not copy.plant(planted):
        result.add(planted, began, "no longer applies: its place is not there exactly once")
        return
    try:
        copy.build([program_of(planted.check)])
        seen = copy.fails(planted.check)
    except subprocess.TimeoutExpired:
        seen = True
    except Broken as why:
        result.add(planted, began, str(why), is_error=True)
        return
    result.add(planted, began, None if seen else f"SURVIVES {planted.check}")


def work(copy, jobs, result):
    while True:
        try:
            planted = jobs.get_nowait()
        except queue.Empty:
            return
        try_one(copy, planted, result)


def prepare(directory, wanted, num):
    """Copies of the tree, built, in which every check that is wanted passes."""
    first = os.path.join(directory, "0")
    copy = Copy(first)
    copy.fill()
    copy.build(PROGRAMS, jobs=num)
    for check in sorted({planted.check for planted in wanted}):
        if copy.fails(check):
            raise Broken(f"{check} fails without any change")
    copies = [copy]
    for i in range(1, num):
        # With the times of the files, by which make sees what is built.
        copies.append(Copy(shutil.copytree(first, os.path.join(directory, str(i)))))
    return copies


def main():
    parser = argparse.ArgumentParser(prog="main.py", description="postern's planted changes")
    parser.add_argument("--only", default="", help="regular expression for rule or file")
    only = parser.parse_args().only
    wanted = [planted for planted in rows.ALL
              if re.search(only, planted.rule) or re.search(only, planted.file)]
    jobs = queue.SimpleQueue()
    for planted in wanted:
        jobs.put(planted)
    result = Result()
    with tempfile.TemporaryDirectory(prefix="postern-mutants-") as directory:
        try:
            copies = prepare(directory, wanted, os.cpu_count() or 1)
        except Broken as why:
            print(f"mutants: {why}", file=sys.stderr)
            return 1
        workers = [threading.Thread(target=work, args=(copy, jobs, result)) for copy in copies]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    return result.close()


if __name__ == "__main__":
    sys.exit(main())
