"""What posternctl says when it is not posternd that it asks, or posternd answers in another way than
it should."""

import json
import os

from common import Case, table
from fake_control import FakeControl
from lab.posternd import run_posternctl


class Client(Case):
    @classmethod
    def prepare(cls):
        cls.conf = cls.stage.write(certificates=["p384"], backend="127.0.0.1:1")
        cls.path = os.path.join(os.path.dirname(cls.conf), "state", "control.sock")

    def fake(self, answer):
        """A FakeControl that answers so until the end of the test."""
        control = FakeControl(self.path)
        control.answer = answer if callable(answer) else lambda request: answer
        self.addCleanup(control.close)
        return control

    def ctl(self, *words):
        return run_posternctl(self.build, "-c", self.conf, *words)

    def assert_fails(self, code, text, command=("failures",)):
        done = self.ctl(*command)
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (code, "", f"posternctl: {self.path}: {text}\n"))

    @table([
        ("not JSON", b"250 ok\n"), ("no object", b"[]\n"), ("text", b'"failures"\n'),
        ("twice", b'{"failures":[],"failures":[]}\n'), ("two lines", b"{}\n{}\n"),
        ("empty line", b"\n"),
    ])
    def test_not_posternd(self, answer):
        self.fake(answer)
        self.assert_fails(69, "what answered is not posternd")

    @table([("nothing", b""), ("half a line", b'{"failures":')])
    def test_not_whole(self, answer):
        self.fake(answer).closes = True
        self.assert_fails(69, "no posternd answers: Connection reset by peer")

    def test_too_long(self):
        self.fake(b"x" * (5 << 20))
        self.assert_fails(69, "no posternd answers: Message too long")

    def test_refused(self):
        control = self.fake(b'{"error":"not today"}\n')
        self.assert_fails(1, "not today")
        self.assertEqual(control.asked, [{"request": "failures"}])

    def test_long_answer(self):
        """Longer than what a socket takes at one time."""
        failures = [{"id": number, "reason": "x" * 1000} for number in range(1000)]
        self.fake(json.dumps({"failures": failures}).encode() + b"\n")
        done = self.ctl("--json", "failures")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(json.loads(done.stdout), {"failures": failures})

    @table([("none", b"{}\n"), ("number", b'{"hello":5}\n'), ("half", b'{"hello":"010"}\n'),
            ("no hex", b'{"hello":"xy"}\n'), ("too long", b'{"hello":"%s"}\n' % (b"00" * 70000))])
    def test_no_hello(self, answer):
        self.fake(answer)
        self.assert_fails(69, "what answered is not posternd", ("explain", "--failure", "1"))

    def test_silent(self):
        self.fake(None)
        self.assert_fails(69, "no posternd answers: timeout")
