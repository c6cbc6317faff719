"""End-to-end tests: posternd between real clients and a real Postfix.

    main.py --build DIR [--only PATTERN] [--test-seconds N]

Runs every test of test_*.py, two files at a time, each file in a process of its own. A failure is
shown with what posternd and Postfix logged during that test, and named again at the end. Of up to
two tests that failed, each then runs once more, with no other test beside it; what passes
then is named UNSTEADY, with its failure, and is no failure of the run. None has a second try when
there are more, or when one of our programs was ended by a fault or a sanitizer's report. The last
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
from lab.process import faults, keeper  # noqa: E402 pylint: disable=wrong-import-position
from timelimit import TimeLimit  # noqa: E402 pylint: disable=wrong-import-position

FILES_AT_A_TIME = 2

# Seconds for one test: one of them compiles a program in Go, sanitizers are slow, and a machine may
# have other work.
TEST_SECONDS = 600

# Seconds for a thread that a file's tests have left.
THREAD_SECONDS = 5

# How many of an error's last lines stand in the list at the end, behind its first.
PROBLEM_LINES = 5

# The first word of the line in which a file's process tells its result: {"checks": their number,
# "problems": [{"test": id or "", "word": "FAILED" or "ERROR", "line": what is named at the end}],
# "faults": what ended our programs or was found by a sanitizer}.
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
        self._show("FAILED", test, name_of(test), err)

    def addError(self, test, err):
        # A class that could not be set up or closed is an error without a test.
        self.checks += not isinstance(test, unittest.TestCase)
        self._show("ERROR", test, name_of(test), err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            failed = issubclass(err[0], test.failureException)
            self._show("FAILED" if failed else "ERROR", test, name_of(subtest), err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print(f"SKIPPED {name_of(test)}: {reason}")

    def _show(self, word, test, name, err):
        lines = (str(err[1]).strip() or err[0].__name__).splitlines()
        said = " | ".join(lines[:1] + lines[1:][-PROBLEM_LINES:])
        self.problems.append(problem(word, test.id(), f"{name}: {said}"))
        print(f"{word} {name}")
        for line in "".join(traceback.format_exception(*err)).splitlines():
            print("    " + line)
        logs = Case.logs_of(test)
        if logs:
            print("  logged meanwhile:")
            for program, line in logs:
                print(f"    {program + ':':9} {line}")


def problem(word, test, said):
    return {"word": word, "test": test, "line": f"{word} {said}"}


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
    left = threads_left()
    if left:
        result.checks += 1
        result.problems.append(problem("ERROR", module_name, f"{module_name}: threads are still "
                                       f"running: {', '.join(left)}"))
        print(result.problems[-1]["line"])
    print("longest: %.1f s, %s" % result.longest)
    print(RESULT + json.dumps({"checks": result.checks, "problems": result.problems,
                               "faults": faults}))
    if left:
        keeper.end()
        os._exit(1)


def start_file(arguments, module_name, only):
    """Runs those tests of one file in its process; its result."""
    command = [sys.executable, os.path.abspath(__file__), "--build", arguments.build,
               "--file", module_name, "--test-seconds", str(arguments.test_seconds)]
    if only:
        command += ["--only", only]
    began = time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    lines = done.stdout.splitlines()
    told = [line for line in lines if line.startswith(RESULT)]
    if told and done.returncode in (0, 1):
        result = json.loads(told[-1][len(RESULT):])
    else:
        said = f"{module_name}: ended with exit code {done.returncode}"
        result = {"checks": 1, "problems": [problem("ERROR", module_name, said)], "faults": [said]}
        lines.append(result["problems"][0]["line"])
    lines = [line for line in lines if not line.startswith(RESULT)]
    lines.append(f"{module_name}: {result['checks']} checks in {time.monotonic() - began:.1f} s")
    print("\n".join(lines), flush=True)
    return result


def tests_of(problems, word):
    return {each["test"] for each in problems if each["word"] == word}


def after_second_tries(arguments, results):
    """The problems that count."""
    left = [each for result in results for each in result["problems"]]
    if any(result["faults"] for result in results):
        return left
    for name in tally.names_for_second_try(each["test"] for each in left):
        print(f"{name}: once more, alone", flush=True)
        second = start_file(arguments, name.split(".")[0], tally.pattern_of(name))
        if second["checks"] and not second["problems"] and not second["faults"]:
            for each in left:
                if tally.tests_again(each["test"]) == name:
                    print(f"UNSTEADY {each['line']}")
            left = [each for each in left if tally.tests_again(each["test"]) != name]
    return left


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
        results = list(pool.map(lambda name: start_file(arguments, name, arguments.only), names))
    problems = after_second_tries(arguments, results)
    for each in problems:
        print(each["line"])
    # An error outweighs a failure of the same test.
    errors = tests_of(problems, "ERROR")
    failures = tests_of(problems, "FAILED") - errors
    return tally.close(sum(result["checks"] for result in results), len(failures), len(errors))


if __name__ == "__main__":
    sys.exit(main())
