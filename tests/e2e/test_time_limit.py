"""A test that never ends fails, and hides none behind it (planted_endless has such tests)."""

import json
import os
import re
import sys

from common import Case
from lab.process import run

MAIN = os.path.join(os.path.dirname(__file__), "main.py")

TIMEOUT = 200


class TimeLimit(Case):
    @classmethod
    def prepare(cls):
        cls.done = run([sys.executable, MAIN, "--build", cls.build, "--test-seconds", "3",
                        "--file", "planted_endless"], timeout=TIMEOUT)
        cls.output = cls.done.stdout + cls.done.stderr

    def found(self, pattern):
        match = re.search(pattern, self.output, re.MULTILINE)
        self.assertIsNotNone(match, self.output)
        return match

    def block(self, head):
        """What is shown of a problem."""
        return self.found(rf"^{re.escape(head)}\n((  .*\n)*)")[1]

    def too_long(self, head, name):
        self.assertIn(f"TooLong: {name} did not end within 3 s", self.block(head))

    def test_each_fails_alone(self):
        for name in ("1_takes_the_end_for_data", "2_waits_for_bytes", "3_waits_for_a_thread",
                     "4_goes_on_when_an_assertion_fails", "5_does_not_clean_up"):
            with self.subTest(name):
                name = f"planted_endless.Endless.test_{name}"
                self.too_long("FAILED " + name, name)
        self.assertEqual(len(re.findall("^FAILED", self.output, re.MULTILINE)), 5)

    def test_what_a_class_does(self):
        # unittest calls them errors.
        self.too_long("ERROR planted_endless.Beginning: setUpClass",
                      "what comes before the first test")
        self.too_long("ERROR planted_endless.End: tearDownClass",
                      "what follows planted_endless.End.test_ends")

    def test_thread(self):
        self.found("^ERROR planted_endless: threads are still running: left$")

    def test_logs_are_shown(self):
        self.assertIn("logged by the test",
                      self.block("FAILED planted_endless.Endless.test_1_takes_the_end_for_data"))

    def test_the_others_are_counted(self):
        """Eight tests, a class before its tests and one behind them, and the thread."""
        counts, problems = json.loads(self.found(r"^@result (.*)$")[1])
        self.assertEqual(counts, [11, 5, 3])
        self.assertEqual(len(problems), 8)

    def test_nothing_is_left(self):
        process = self.found(r"^ +planted: +(\d+)$")[1]
        self.assertFalse(os.path.exists("/proc/" + process))
