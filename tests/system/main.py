"""Boots a Debian release, and runs every test of test_*.py on it.

    main.py --roots DIR --release NAME [--only PATTERN]

The root in DIR/NAME (tests/lab/root.py) is made if it is missing; it gets the packages that
tests/lab/packages lists for `build`, `run` and `system`, and keeps them. All else happens in layers
above it, which are thrown away. The last line has Check's form; the exit code is 0 if all is well.
"""

import argparse
import glob
import os
import re
import sys
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]

from common import SystemCase  # noqa: E402 pylint: disable=wrong-import-position
from lab import tally  # noqa: E402 pylint: disable=wrong-import-position
from lab.process import LabError  # noqa: E402 pylint: disable=wrong-import-position
from lab.root import (  # noqa: E402 pylint: disable=wrong-import-position
    Root, clone_into, named_release, run_inside)
from machine import Layers  # noqa: E402 pylint: disable=wrong-import-position


def prepare(root):
    """Layers above the root, the first of which has a fresh clone, built."""
    root.make()
    clone_into(root.folder)
    root.install("build", "run", "system")
    layers = Layers(root.folder)
    try:
        built = layers.add(keep=True)
        run_inside(built, "make -s -C /root/postern -j$(nproc) all", timeout=600)
    except LabError:
        layers.remove()
        raise
    return layers


def run_all(root, only):
    """Runs the tests that are wanted on machines above the root; the exit code."""
    SystemCase.layers = prepare(root)
    try:
        names = [os.path.splitext(os.path.basename(path))[0]
                 for path in sorted(glob.glob(os.path.join(HERE, "test_*.py")))]
        found = unittest.defaultTestLoader.loadTestsFromNames(names)
        wanted = unittest.TestSuite(each for each in tally.tests_in(found)
                                    if re.search(only, each.id()))
        result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(wanted)
    finally:
        SystemCase.layers.remove()
    failures, errors = len(result.failures), len(result.errors)
    # A class that could not be set up is an error without a test.
    return tally.close(max(result.testsRun, failures + errors), failures, errors)


def main():
    parser = argparse.ArgumentParser(description="tests on a booted Debian release")
    parser.add_argument("--roots", required=True, help="the folder where roots are kept")
    parser.add_argument("--release", required=True, help="code name, or: here, other")
    parser.add_argument("--only", default="", help="regular expression for test_file.Class.test")
    arguments = parser.parse_args()
    try:
        root = Root(arguments.roots, named_release(arguments.release))
        with root.lock():
            return run_all(root, arguments.only)
    except LabError as problem:
        print(f"system: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
