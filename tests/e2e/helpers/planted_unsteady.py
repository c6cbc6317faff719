"""Tests for test_second_try: how each ends is told by files in the folder PLANTED."""

import os
import signal
import unittest

from lab.process import run


def first_time(name):
    """Whether nobody asked for this name before."""
    path = os.path.join(os.environ["PLANTED"], name)
    if os.path.exists(path):
        return False
    with open(path, "w", encoding="ascii"):
        return True


class Unsteady(unittest.TestCase):
    def test_fails_once(self):
        self.assertFalse(first_time("once"), "this was the first time")

    def test_fails_once_and_again(self):
        self.fail("its name begins like that of one that passes")

    def test_errs_once(self):
        if first_time("error"):
            raise OSError("this was the first time")

    def test_passes(self):
        pass


class SetUp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if first_time("class"):
            raise OSError("this was the first time")

    def test_first(self):
        pass

    def test_second(self):
        pass


class Fault(unittest.TestCase):
    def test_program_faults_once(self):
        if first_time("fault"):
            done = run(["sh", "-c", f"kill -{signal.SIGSEGV.value} $$"])
            self.assertEqual(done.returncode, 0)
