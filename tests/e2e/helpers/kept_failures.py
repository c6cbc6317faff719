"""A posternd that keeps failures, and its control socket."""

import json
import os
import socket
import time

from common import Case
from lab import hello
from lab.posternd import run_posternctl
from lab.process import TIMEOUT


class Control:
    """A connection to a control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        # Without a time limit, with which a full backlog would be an error.
        self.socket.connect(path)
        self.socket.settimeout(TIMEOUT)
        self._buffer = b""

    def send(self, data):
        self.socket.sendall(data)

    def answer(self):
        """The next line as JSON; None at the end of the connection."""
        while b"\n" not in self._buffer:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return json.loads(line)

    def ask(self, name, **values):
        self.send(json.dumps({"request": name, **values}).encode() + b"\n")
        return self.answer()

    def close(self):
        self.socket.close()


class Kept(Case):
    """Tests with a posternd of their own: it begins without failures."""

    @classmethod
    def prepare(cls):
        cls.stage.front(["p384", "p256"])

    def start(self, certificates=("p384",), **options):
        """A posternd that turns away whoever cannot use P-384: with one worker, so that failures
        are kept in the order in which their clients came."""
        daemon = self.stage.front(list(certificates), **{"workers": 1, **options})
        self.begun.append(daemon)
        return daemon

    def setUp(self):
        super().setUp()
        self.begun = []
        self.addCleanup(lambda: [self.stop(daemon) for daemon in list(self.begun)])

    def stop(self, daemon):
        self.begun.remove(daemon)
        return self.stage.stop(daemon)

    def again(self, daemon):
        """Stops it and starts another one on the same configuration."""
        self.stop(daemon)
        return self.begin(daemon.conf)

    def begin(self, conf):
        daemon = self.stage.posternd(conf)
        self.begun.append(daemon)
        return daemon

    @staticmethod
    def state(daemon):
        return os.path.join(os.path.dirname(daemon.conf), "state")

    def socket_of(self, daemon):
        return os.path.join(self.state(daemon), "control.sock")

    def control(self, daemon):
        control = Control(self.socket_of(daemon))
        self.addCleanup(control.close)
        return control

    def turn_away(self, daemon, message=None, *, source=None, listener="mx"):
        """A client that no certificate fits."""
        answer = hello.ask(daemon.address(listener), message or hello.story(), source=source)
        self.assertEqual(answer.alert, (2, 40), answer.text)

    def entries(self, daemon, number=None, count=None):
        """The list, when it has this number of entries, and as many failures in them."""
        control = self.control(daemon)
        end = time.monotonic() + TIMEOUT
        while True:
            found = control.ask("failures")["failures"]
            if number is None or (len(found) == number and count in (
                    None, sum(each["count"] for each in found))):
                control.close()
                return found
            self.assertLess(time.monotonic(), end, found)

    def main_until(self, daemon, condition):
        """Lets the daemon's main thread work until the condition holds."""
        control = self.control(daemon)
        end = time.monotonic() + TIMEOUT
        while not condition():
            self.assertIn("version", control.ask("version"))
            self.assertLess(time.monotonic(), end)
        control.close()

    def ctl(self, conf, *arguments):
        return run_posternctl(self.build, "-c", conf, *arguments)
