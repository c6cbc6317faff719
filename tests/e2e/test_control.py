"""The control socket: where it is, who may ask, and what is answered."""

import os
import pwd
import re
import signal
import socket
import stat

from common import FAILED, table
from kept_failures import Kept
from lab import hello
from lab.posternd import USER, run_posternd


class Socket(Kept):
    def test_file(self):
        daemon = self.start()
        found = os.lstat(self.socket_of(daemon))
        user = pwd.getpwnam(USER)
        self.assertTrue(stat.S_ISSOCK(found.st_mode))
        self.assertEqual((stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid),
                         (0o660, user.pw_uid, user.pw_gid))
        self.stop(daemon)
        self.assertFalse(os.path.lexists(self.socket_of(daemon)))

    def test_left_over(self):
        daemon = self.start()
        daemon.send_signal(signal.SIGKILL)
        daemon.wait()
        self.assertTrue(os.path.lexists(self.socket_of(daemon)))
        daemon = self.begin(daemon.conf)
        self.assertIn("version", self.control(daemon).ask("version"))

    def test_not_ours_any_more(self):
        daemon = self.start()
        path = self.socket_of(daemon)
        os.unlink(path)
        with open(path, "w", encoding="ascii"):
            pass
        self.stop(daemon)
        self.assertTrue(os.path.exists(path), "somebody else's file was removed")

    def refused(self, conf, pattern, line=True, code=2):
        done = run_posternd(self.build, "-c", conf)
        self.assertEqual((done.returncode, done.stdout), (code, ""))
        with open(conf, encoding="utf-8") as opened:
            at = [number for number, text in enumerate(opened, 1) if text.startswith("control = ")]
        place = f":{at[0]}: " if line else ": "
        self.assertRegex(done.stderr, "(?m)^" + re.escape(conf + place) + "control: " + pattern)

    def test_another_program_listens(self):
        conf = self.stage.write(certificates=["p384"], backend="127.0.0.1:1")
        path = os.path.join(os.path.dirname(conf), "state", "control.sock")
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(path)
            other.listen()
            os.chmod(path, 0o777)
            self.refused(conf, r"cannot listen on \S+: another program is listening there; starting "
                               "again may help$", code=75)
            self.assertTrue(os.path.lexists(path))

    def test_another_file(self):
        conf = self.stage.write(certificates=["p384"], backend="127.0.0.1:1")
        path = os.path.join(os.path.dirname(conf), "state", "control.sock")
        with open(path, "w", encoding="ascii"):
            pass
        self.refused(conf, r"cannot listen on \S+: a file with this name exists and is not a "
                           r"socket")
        self.assertTrue(os.path.isfile(path))

    def test_no_directory(self):
        conf = self.stage.write(certificates=["p384"], backend="127.0.0.1:1",
                                control="none/none/control.sock")
        self.refused(conf, r"cannot listen on \S+/none/none/control\.sock: its directory does not "
                           "exist")

    def test_missing_directory_is_made_for_the_user(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        daemon = self.start(control="run/control.sock")
        directory = os.path.join(os.path.dirname(daemon.conf), "run")
        self.assertEqual(os.stat(directory).st_uid, pwd.getpwnam(USER).pw_uid)
        done = self.ctl(daemon.conf, "failures")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_directory_not_ours(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        conf = self.stage.write(certificates=["p384"], backend="127.0.0.1:1",
                                control="control.sock")
        self.refused(conf, r"cannot listen on \S+/control.sock: Permission denied")

    def test_none(self):
        daemon = self.start(control="")
        self.turn_away(daemon)
        daemon.wait_log(FAILED)
        done = self.ctl(daemon.conf, "failures")
        self.assertEqual((done.returncode, done.stdout), (69, ""))
        self.assertEqual(done.stderr, f'posternctl: {daemon.conf}: control = "": there is no '
                                      "control socket\n")

    def test_check_opens_nothing(self):
        conf = self.stage.write(certificates=["p384"], backend="127.0.0.1:1",
                                control="none/none/control.sock")
        self.assertEqual(run_posternd(self.build, "-t", "-c", conf).returncode, 0)


class Protocol(Kept):
    @classmethod
    def prepare(cls):
        super().prepare()
        cls.daemon = cls.stage.front(["p384"])

    def test_version(self):
        told = self.control(self.daemon).ask("version")
        printed = run_posternd(self.build, "-V").stdout.split()
        self.assertEqual(told, {"version": printed[1]})

    @table((
        ("no JSON", b"failures\n", "not a JSON object"),
        ("an empty line", b"\n", "not a JSON object"),
        ("a list", b"[]\n", "not a JSON object"),
        ("something behind it", b'{"request":"version"} x\n', "not a JSON object"),
        ("a key twice", b'{"request":"version","request":"failures"}\n', "not a JSON object"),
        ("NUL", b'{"request":"version"}\0\n', "not a JSON object"),
        ("deep", b"[" * 5000 + b"]" * 5000 + b"\n", "not a JSON object"),
        ("no request", b"{}\n", '"request" is missing'),
        ("request of a wrong type", b'{"request":1}\n', '"request" is missing'),
        ("unknown request", b'{"request":"fail"}\n', "unknown request"),
        ("failure without id", b'{"request":"failure"}\n', '"id" is not a number above 0'),
        ("failure with a text", b'{"request":"failure","id":"1"}\n',
         '"id" is not a number above 0'),
        ("failure with a negative id", b'{"request":"failure","id":-1}\n',
         '"id" is not a number above 0'),
        ("failure that is not there", b'{"request":"failure","id":99}\n', "there is no failure 99"),
    ))
    def test_refused(self, request, why):
        mark = self.daemon.mark()
        control = self.control(self.daemon)
        control.send(request)
        self.assertEqual(control.answer(), {"error": why})
        self.daemon.wait_log(rf"warning: control request from uid={os.geteuid()} pid={os.getpid()} "
                             rf"refused: {re.escape(why)}$", after=mark)
        # It goes on after that.
        self.assertIn("version", control.ask("version"))

    def test_longest_request(self):
        control = self.control(self.daemon)
        request = b'{"request":"version"}'
        control.send(request + b" " * (65536 - len(request) - 1) + b"\n")
        self.assertIn("version", control.answer())
        self.assertIn("version", control.ask("version"))

    def test_request_too_long(self):
        control = self.control(self.daemon)
        control.send(b" " * 65536)
        self.assertEqual(control.answer(), {"error": "the request is too long"})
        self.assertIsNone(control.answer())

    def test_in_pieces(self):
        control = self.control(self.daemon)
        for byte in b'{"request":"version"}\n':
            control.send(bytes([byte]))
        self.assertIn("version", control.answer())

    def test_many_in_one_write_and_the_end(self):
        control = self.control(self.start())
        control.send(b'{"request":"version"}\n{"request":"x"}\n' * 200)
        control.socket.shutdown(socket.SHUT_WR)
        for _ in range(200):
            self.assertIn("version", control.answer())
            self.assertEqual(control.answer(), {"error": "unknown request"})
        self.assertIsNone(control.answer())

    def test_end_without_a_request(self):
        control = self.control(self.daemon)
        control.send(b'{"request":"version"}')
        control.socket.shutdown(socket.SHUT_WR)
        self.assertIsNone(control.answer())

    def test_who_takes_no_answer_holds_up_nobody(self):
        deaf = self.control(self.daemon)
        deaf.socket.setblocking(False)
        with self.assertRaises(BlockingIOError):
            while True:
                deaf.send(b'{"request":"version"}\n' * 1000)
        self.assertIn("version", self.control(self.daemon).ask("version"))
        answer = hello.ask(self.daemon.address(), hello.story())
        self.assertEqual(answer.alert, (2, 40))

    def test_stopped_with_clients(self):
        daemon = self.start()
        clients = [self.control(daemon) for _ in range(3)]
        clients[0].ask("version")
        clients[1].send(b'{"request":')
        self.assertEqual(self.stop(daemon), 0)
        for client in clients:
            self.assertIsNone(client.answer())
