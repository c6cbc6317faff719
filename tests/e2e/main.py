"""End-to-end tests: posternd between real clients and a real Postfix.

    main.py --build DIR [--only PATTERN] [--test-seconds N]

Runs every test of test_*.py, two files at a time, each file in a process of its own. A failure is
shown with what posternd and Postfix logged during that test, and named again at the end. The last
line has Check's form; the exit code is 0 if all is well. --only: the tests whose name (test_file.Class.test) matches this
regular expression. --test-seconds: after so long a test has failed, and the next one begins; what a
class does before and after its tests has this limit, too.
"""

import argparse
import concurrent.futures
import faulthandler
import glob
import importlib
import json
import os
import re
import subprocess
import sys
import threading
import time
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE, os.path.join(HERE, "helpers")]
sys.dont_write_bytecode = True

from common import Case  # noqa: E402 pylint: disable=wrong-import-position
from lab import tally  # noqa: E402 pylint: disable=wrong-import-position
from lab.process import keeper  # noqa: E402 pylint: disable=wrong-import-position
from timelimit import TimeLimit  # noqa: E402 pylint: disable=wrong-import-position

FILES_AT_A_TIME = 2

# Seconds for one test: one of them compiles a program in Go, sanitizers are slow, and a machine may
# have other work.
TEST_SECONDS = 600

# Seconds for a thread that a file's tests have left.
THREAD_SECONDS = 5

# How many of an error's last lines stand in the list at the end, behind its first.
PROBLEM_LINES = 5

# The first word of the line in which a file's process tells its result: [[checks, failures, errors],
# [a line for each problem]].
RESULT = "@result "

# Files that take long begin first.
LONG = ("test_load", "test_delivery", "test_clients")


class Result(unittest.TestResult):
    """Prints each problem as it comes, with the logs that belong to it. A test with several
    problems (subTest) counts once. `limit`: the TimeLimit of each test, and of what is between
    two."""

    def __init__(self, limit):
        super().__init__()
        self._limit = limit
        self.checks = 0
        self.failed = set()
        self.broken = set()
        self.problems = []
        self.longest = (0.0, "")
        self._began = 0.0

    def startTest(self, test):
        super().startTest(test)
        self._began = time.monotonic()
        self._limit.begin(name_of(test))

    def stopTest(self, test):
        super().stopTest(test)
        self._limit.begin("what follows " + name_of(test))
        self.checks += 1
        self.longest = max(self.longest, (time.monotonic() - self._began, name_of(test)))

    def addFailure(self, test, err):
        self.failed.add(test.id())
        self._show("FAILED", test, name_of(test), err)

    def addError(self, test, err):
        # A class that could not be set up or closed is an error without a test.
        self.checks += not isinstance(test, unittest.TestCase)
        self.broken.add(test.id())
        self._show("ERROR", test, name_of(test), err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            failed = issubclass(err[0], test.failureException)
            (self.failed if failed else self.broken).add(test.id())
            self._show("FAILED" if failed else "ERROR", test, name_of(subtest), err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print(f"SKIPPED {name_of(test)}: {reason}")

    def counts(self):
        """[checks, failures, errors]; an error outweighs a failure of the same test."""
        return [self.checks, len(self.failed - self.broken), len(self.broken)]

    def _show(self, word, test, name, err):
        lines = (str(err[1]).strip() or err[0].__name__).splitlines()
        self.problems.append(f"{word} {name}: " + " | ".join(lines[:1] + lines[1:][-PROBLEM_LINES:]))
        print(f"{word} {name}")
        for line in "".join(traceback.format_exception(*err)).splitlines():
            print("    " + line)
        logs = Case.logs_of(test)
        if logs:
            print("  logged meanwhile:")
            for program, line in logs:
                print(f"    {program + ':':9} {line}")


def name_of(test):
    return re.sub(r"^(setUpClass|tearDownClass) \((.*)\)$", r"\2: \1", test.id())


def load(module_name, only):
    """The tests of a file that are wanted, as a suite."""
    found = unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module(module_name))
    return unittest.TestSuite(each for each in tally.tests_in(found)
                              if not only or re.search(only, each.id()))


def threads_left():
    """Names of threads that do not end; the interpreter would wait for them."""
    own = [each for each in threading.enumerate()
           if each is not threading.main_thread() and not each.daemon]
    for each in own:
        each.join(THREAD_SECONDS)
    return [each.name for each in own if each.is_alive()]


def run_file(module_name, only, seconds):
    """In a process of its own: runs one file's tests and tells the result."""
    faulthandler.enable()
    # What is told before the process ends too early is not lost.
    sys.stdout.reconfigure(line_buffering=True)
    limit = TimeLimit(seconds)
    result = Result(limit)
    tests = load(module_name, only)
    limit.begin("what comes before the first test")
    tests.run(result)
    limit.end()
    checks, failures, errors = result.counts()
    left = threads_left()
    if left:
        result.problems.append(f"ERROR {module_name}: threads are still running: {', '.join(left)}")
        print(result.problems[-1])
        checks, errors = checks + 1, errors + 1
    print("longest: %.1f s, %s" % result.longest)
    print(RESULT + json.dumps([[checks, failures, errors], result.problems]))
    if left:
        keeper.end()
        os._exit(1)


def start_file(arguments, module_name):
    """Runs one file in its process; ([checks, failures, errors], a line for each problem)."""
    command = [sys.executable, os.path.abspath(__file__), "--build", arguments.build,
               "--file", module_name, "--test-seconds", str(arguments.test_seconds)]
    if arguments.only:
        command += ["--only", arguments.only]
    began = time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    lines = done.stdout.splitlines()
    told = [line for line in lines if line.startswith(RESULT)]
    if told and done.returncode in (0, 1):
        counts, problems = json.loads(told[-1][len(RESULT):])
    else:
        counts, problems = [1, 0, 1], [f"ERROR {module_name}: ended with exit code {done.returncode}"]
        lines += problems
    lines = [line for line in lines if not line.startswith(RESULT)]
    lines.append(f"{module_name}: {counts[0]} checks in {time.monotonic() - began:.1f} s")
    print("\n".join(lines), flush=True)
    return counts, problems


def main():
    parser = argparse.ArgumentParser(description="postern's end-to-end tests")
    parser.add_argument("--build", required=True, help="where posternd and posternctl are")
    parser.add_argument("--only", help="regular expression for test_file.Class.test")
    parser.add_argument("--test-seconds", type=float, default=TEST_SECONDS,
                        help=f"limit for one test ({TEST_SECONDS})")
    parser.add_argument("--file", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    Case.build = arguments.build = os.path.abspath(arguments.build)
    if arguments.file:
        run_file(arguments.file, arguments.only, arguments.test_seconds)
        return 0

    names = [os.path.splitext(os.path.basename(path))[0]
             for path in sorted(glob.glob(os.path.join(HERE, "test_*.py")))]
    names = [name for name in names if load(name, arguments.only).countTestCases()]
    names.sort(key=lambda name: name not in LONG)
    with concurrent.futures.ThreadPoolExecutor(FILES_AT_A_TIME) as pool:
        results = list(pool.map(lambda name: start_file(arguments, name), names))
    checks, failures, errors = (sum(column)
                                for column in zip((0, 0, 0), *(counts for counts, _ in results)))
    for _, problems in results:
        for line in problems:
            print(line)
    return tally.close(checks, failures, errors)


if __name__ == "__main__":
    sys.exit(main())
