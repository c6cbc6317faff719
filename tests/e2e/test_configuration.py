"""A configuration that is not right: `FILE:LINE: text`, exit code 2, nothing started;
or 75 where a start may succeed later."""

import os
import re
import shutil
import signal
import socket

from common import Case, free_port, table
from lab.posternd import run_posternd
from lab.smtp import Client
from mistakes import GOOD, ROWS, Folder, mistaken, pick_line

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# The end of a line about what may pass by itself; the exit code is then 75.
AGAIN = "; starting again may help"


class Configuration(Case):
    @classmethod
    def prepare(cls):
        cls.port = free_port()
        cls.folder = Folder(cls.stage, cls.port)
        cls.directory, cls.state = cls.folder.directory, cls.folder.state
        cls.file = cls.folder.path("postern.conf")
        cls.path, cls.write, cls.fill = cls.folder.path, cls.folder.write, cls.folder.fill

    def assert_refused(self, file, line, pattern):
        """By -t and at the start, in the same words; nothing on standard output."""
        place = f"{file}:{line}: " if line else f"{file}: "
        for arguments in (["-t", "-c", file], ["-c", file]):
            done = run_posternd(self.build, *arguments)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertEqual(done.stdout, "")
            lines = [each for each in done.stderr.splitlines() if ": warning: " not in each]
            self.assertEqual(len(lines), 1, done.stderr)
            self.assertEqual(lines[0][:len(place)], place, lines[0])
            self.assertRegex(lines[0][len(place):], pattern)
        with self.assertRaises(ConnectionRefusedError):
            Client(("127.0.0.1", self.port))

    def start(self, text):
        """A running posternd on this text."""
        daemon = self.stage.posternd(self.write(text))
        self.addCleanup(self.stage.stop, daemon)
        return daemon

    @table(ROWS)
    def test_refused(self, line, replacement, complained, pattern):
        text, number = mistaken(line, replacement, complained)
        self.assert_refused(self.write(self.fill(text)), number, pattern)

    def test_good(self):
        done = run_posternd(self.build, "-t", "-c", self.write(self.fill(GOOD)))
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.start(self.fill(GOOD))

    def test_relative_paths_begin_at_the_file(self):
        self.write(self.fill(GOOD))
        os.symlink(self.directory, self.stage.directory + "/elsewhere")
        done = run_posternd(self.build, "-t", "-c",
                            self.stage.directory + "/elsewhere/postern.conf")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_key_inside_the_chain_file(self):
        for first, second in (("p256.key", "p256.pem"), ("p256.pem", "p256.key")):
            with open(self.path("both.pem"), "wb") as both:
                for name in (first, second):
                    with open(self.path(name), "rb") as file:
                        both.write(file.read())
            text = self.fill(GOOD).replace('    chain = "p256.pem"\n    key = "p256.key"\n',
                                           '    chain = "both.pem"\n')
            done = run_posternd(self.build, "-t", "-c", self.write(text))
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_shipped_file(self):
        shutil.copy(os.path.join(TOP, "conf", "postern.conf"), self.path("shipped.conf"))
        made = self.stage.certificate("p384")
        shutil.copy(made.chain, self.path("p384.pem"))
        shutil.copy(made.key, self.path("p384.key"))
        done = run_posternd(self.build, "-t", "-c", self.path("shipped.conf"))
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)

    def test_brace_never_closed(self):
        text = self.fill(GOOD)
        self.assert_refused(self.write(text[:text.rindex("}")]), pick_line(text, "limits {"),
                            "never closed")

    def test_no_listener_at_all(self):
        text = re.sub(r"(?ms)^listener.*?^}\n", "", self.fill(GOOD))
        self.assert_refused(self.write(text), None, "listener")

    def test_unreadable_files(self):
        self.assert_refused(self.path("none.conf"), None, "No such file or directory")
        self.assert_refused(self.directory, None, "regular file|directory")

    def test_unknown_user(self):
        text = self.fill(GOOD).replace('user = "nobody"', 'user = "no-such-user"')
        done = run_posternd(self.build, "-c", self.write(text))
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertRegex(done.stderr, rf"(?m)^{self.file}:2: .*no-such-user.*no such user")

    def test_root_is_no_user(self):
        text = self.fill(GOOD).replace('user = "nobody"', 'user = "root"')
        done = run_posternd(self.build, "-c", self.write(text))
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, rf"(?m)^{self.file}:2: ")

    def test_state_directory_that_is_not_there(self):
        text = self.fill(GOOD).replace(self.state, self.state + "/none/none")
        done = run_posternd(self.build, "-c", self.write(text))
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertRegex(done.stderr, rf"(?m)^{self.file}:6: .*No such file or directory")

    @table((
        ("a listener of somebody else", "127.0.0.1", False),
        ("with SO_REUSEPORT", "127.0.0.1", True),
        ("on any address", "0.0.0.0", False),
    ))
    def test_port_in_use(self, host, reuse):
        with socket.socket() as other:
            if reuse:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            other.bind((host, 0))
            other.listen()
            text = self.fill(GOOD, other.getsockname()[1])
            done = run_posternd(self.build, "-c", self.write(text))
        self.assertEqual((done.returncode, done.stdout), (75, ""))
        line = pick_line(GOOD, '    address = { "127.0.0.1:PORT" }')
        self.assertRegex(done.stderr, rf"(?m)^{self.file}:{line}: .*Address already in use{AGAIN}$")

    def test_address_of_another_machine(self):
        text = self.fill(GOOD).replace(f"127.0.0.1:{self.port}", f"192.0.2.1:{self.port}")
        done = run_posternd(self.build, "-c", self.write(text))
        self.assertEqual(done.returncode, 75)
        self.assertRegex(done.stderr,
                         rf"(?m)^{self.file}:\d+: .*Cannot assign requested address{AGAIN}$")

    def test_second_daemon_with_this_state_directory(self):
        first = self.start(self.fill(GOOD))
        text = self.fill(GOOD).replace(f"127.0.0.1:{self.port}", "127.0.0.1:0")
        second = self.write(text, "second.conf")
        done = run_posternd(self.build, "-c", second)
        self.assertEqual((done.returncode, done.stdout), (75, ""))
        self.assertRegex(done.stderr,
                         rf"(?m)^{second}:6: .*another posternd uses this state_directory{AGAIN}$")
        # -t says nothing about it: the running one may be the one that is to be reloaded.
        self.assertEqual(run_posternd(self.build, "-t", "-c", second).returncode, 0)
        self.assertIsNone(first.exit_code)
        with Client(first.address()):
            pass

    def test_lock_is_free_after_kill(self):
        first = self.start(self.fill(GOOD))
        first.send_signal(signal.SIGKILL)
        first.wait()
        self.start(self.fill(GOOD))

    def test_usage(self):
        for arguments in (["-x"], ["-c"], ["operand"]):
            done = run_posternd(self.build, *arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("usage: posternd", done.stderr)
        done = run_posternd(self.build, "-V")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^posternd \d+\.\d+\n$")

    @table((
        ("several keys", "", "", "TLSA"),
        ("idle_timeout", "idle_timeout = 1800", "idle_timeout = 60", "idle_timeout"),
        ("hostname", 'hostname = "mail.example.test"', 'hostname = "other.example.test"',
         "other.example.test"),
        ("backend elsewhere", "127.0.0.1:12525", "192.0.2.1:25", "192.0.2.1:25"),
        ("upstreams", "    auth_before_tls = false",
         '    accept_proxy_from = { "192.0.2.7", "10.0.0.0/15" }',
         r'listener "mx": accept_proxy_from: everybody in 10\.0\.0\.0/15 can claim'),
        ("upstreams of IPv6", "    auth_before_tls = false",
         '    accept_proxy_from = "2000::/31"', "accept_proxy_from: everybody in 2000::/31 can"),
        ("exceptions", "    auth_before_tls = false",
         '    starttls_except = { "192.0.2.7", "10.0.0.0/15" }',
         r'listener "mx": starttls_except: nobody in 10\.0\.0\.0/15 is offered STARTTLS: name single '
         "senders$"),
        ("everybody excepted", "    auth_before_tls = false",
         '    starttls_except = "0.0.0.0/0"', "starttls_except: nobody in 0.0.0.0/0 is offered"),
        ("exceptions of IPv6", "    auth_before_tls = false",
         '    starttls_except = "2000::/31"', "starttls_except: nobody in 2000::/31 is offered"),
        ("everybody of IPv6 excepted", "    auth_before_tls = false",
         '    starttls_except = "::/0"', "starttls_except: nobody in ::/0 is offered"),
        ("every v4-mapped address excepted", "    auth_before_tls = false",
         '    starttls_except = "::ffff:0.0.0.0/96"', "nobody in 0.0.0.0/0 is offered"),
    ))
    def test_warning(self, old, new, pattern):
        done = run_posternd(self.build, "-t", "-c", self.write(self.fill(GOOD).replace(old, new)))
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.assertRegex(done.stderr, rf"(?m): warning: {self.file}(:\d+)?: .*{pattern}")

    @table((("upstreams", "accept_proxy_from"), ("exceptions", "starttls_except")))
    def test_no_warning_of_narrow(self, option):
        text = self.fill(GOOD).replace(
            "    auth_before_tls = false",
            f'    {option} = {{ "10.0.0.0/16", "2001:db8::/32", "192.0.2.7", "::1" }}')
        done = run_posternd(self.build, "-t", "-c", self.write(text))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(option, done.stderr)
