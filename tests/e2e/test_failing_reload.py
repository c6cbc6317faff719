"""A reload that fails changes nothing and hurts nobody, whatever the mistake is; the one that asked is
told where it is."""

import os
import re
import shutil
import signal
import socket

from common import PROGRAM, Case, free_port, table
from lab.posternd import USER, run_posternctl
from mistakes import GOOD, ROWS, Folder, mistaken, pick_line

ADDRESS = '    address = { "127.0.0.1:PORT" }'

# What only a running posternd can find: name, the line of GOOD that is replaced, its replacement,
# what the text must tell. FIXED: what a reload cannot change.
FIXED = (
    ("workers", "workers = 1", "workers = 2", "workers"),
    ("user", 'user = "nobody"', 'user = "daemon"', "user"),
    ("state_directory", 'state_directory = "STATE"', 'state_directory = "STATE/other"',
     "state_directory"),
)


class FailingReload(Case):
    """One posternd for all: after each mistake it must be as good as new. The test plays the backend
    of the sessions, so that each is known to be alive in its phase."""

    @classmethod
    def prepare(cls):
        cls.port = free_port()
        cls.folder = Folder(cls.stage, cls.port)
        cls.good = cls.folder.fill(GOOD)
        postfix = cls.stage.make_postfix()
        cls.good = cls.good.replace("127.0.0.1:12525", postfix.smtpd("postern").address)
        cls.stage.start_postfix()
        cls.file = cls.folder.write(cls.good)
        for name in os.listdir(cls.folder.directory):
            if name.endswith(".key") and os.geteuid() == 0:
                shutil.chown(cls.folder.path(name), USER)
        cls.posternd = cls.stage.posternd(cls.file)

    def setUp(self):
        super().setUp()
        self.addCleanup(self.folder.write, self.good)
        self.sessions = {"greeted": self.begin(False), "under TLS": self.begin(True),
                         "in DATA": self.begin(True)}
        self.sessions["in DATA"].command("MAIL FROM:<a@client.test>")
        self.sessions["in DATA"].command("RCPT TO:<b@example.test>")
        self.assert_code(self.sessions["in DATA"].command("DATA"), 354)

    def begin(self, tls):
        client = self.connect(("127.0.0.1", self.port))
        client.starttls() if tls else client.greet()
        return client

    def reload(self):
        return run_posternctl(self.build, "-c", self.file, "reload")

    def assert_refused(self, pattern):
        """The reload fails with one line that matches, which the log has as well."""
        mark = self.posternd.mark()
        done = self.reload()
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        lines = [line for line in done.stderr.splitlines() if "warning: " not in line]
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertRegex(lines[0], pattern)
        self.posternd.wait_log(rf"^{PROGRAM}error: .*" + pattern.lstrip("^"), after=mark)
        self.assert_unhurt()

    def assert_unhurt(self):
        """Sessions from before go on, and new ones are served as before."""
        self.sessions["in DATA"].send(b"Subject: x\r\n\r\nx\r\n.\r\n")
        for client in self.sessions.values():
            self.assert_code(client.reply() if client is self.sessions["in DATA"]
                             else client.command("NOOP"), 250)
            self.assert_code(client.command("QUIT"), 221)
        client = self.begin(True)
        self.assert_code(client.mail(), 250)
        self.assert_code(client.command("QUIT"), 221)
        self.assertEqual(len(self.posternd.addresses), 1)

    # Where the socket's path cannot be one, posternctl asks nobody.
    @table([row for row in ROWS if row[0] != "control path of 108 bytes"])
    def test_mistake(self, line, replacement, complained, pattern):
        text, number = mistaken(line, replacement, complained)
        self.folder.write(self.folder.fill(text))
        begin = "" if pattern.startswith("^") else ".*"
        self.assert_refused(f"{re.escape(self.file)}:{number}: {begin}(?:{pattern.lstrip('^')})")

    @table(FIXED)
    def test_fixed(self, line, replacement, pattern):
        text, number = mistaken(line, replacement, None)
        os.makedirs(self.folder.state + "/other", exist_ok=True)
        self.folder.write(self.folder.fill(text))
        self.assert_refused(f"{re.escape(self.file)}:{number}: .*{pattern}")

    def test_fixed_control(self):
        """posternctl would look for the new one; a signal has no answer, but a line in the log."""
        text, number = mistaken('control = "STATE/control.sock"', 'control = "STATE/other.sock"', None)
        self.folder.write(self.folder.fill(text))
        mark = self.posternd.mark()
        self.posternd.send_signal(signal.SIGHUP)
        self.posternd.wait_log(rf"error: .*{re.escape(self.file)}:{number}: .*control", after=mark)
        self.assert_unhurt()

    def mistaken_address(self, address):
        """Writes a configuration that listens there, too; the line's number."""
        number = pick_line(GOOD, ADDRESS)
        self.folder.write(self.good.replace(f'"127.0.0.1:{self.port}"',
                                            f'"127.0.0.1:{self.port}", "{address}"'))
        return number

    @table((("127.0.0.1", "127.0.0.1", False), ("with SO_REUSEPORT", "127.0.0.1", True),
            ("any address", "0.0.0.0", False)))
    def test_port_in_use(self, host, reuse):
        with socket.socket() as other:
            if reuse:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            other.bind((host, 0))
            other.listen()
            number = self.mistaken_address(f"127.0.0.1:{other.getsockname()[1]}")
            self.assert_refused(f"{re.escape(self.file)}:{number}: .*Address already in use$")

    def test_address_of_another_machine(self):
        number = self.mistaken_address(f"192.0.2.1:{self.port}")
        self.assert_refused(f"{re.escape(self.file)}:{number}: .*Cannot assign requested address$")

    def test_nothing_of_a_refused_reload_listens(self):
        """A first new address could be bound, a second one not."""
        spare = free_port()
        self.folder.write(self.good.replace(
            f'"127.0.0.1:{self.port}"',
            f'"127.0.0.1:{self.port}", "127.0.0.1:{spare}", "192.0.2.1:{spare}"'))
        self.assert_refused("Cannot assign requested address$")
        with self.assertRaises(ConnectionRefusedError):
            self.connect(("127.0.0.1", spare))

    def test_unreadable_key(self):
        """What the account that posternd runs as cannot read."""
        if os.geteuid():
            self.skipTest("only root can make a file unreadable to posternd")
        key = self.folder.path("unreadable.key")
        shutil.copy(self.folder.path("p256.key"), key)
        os.chmod(key, 0o600)
        text, number = mistaken('    key = "p256.key"', '    key = "unreadable.key"', None)
        self.folder.write(self.folder.fill(text))
        self.assert_refused(f"{re.escape(self.file)}:{number}: .*unreadable.key.*Permission denied")

    def test_configuration_that_is_gone(self):
        os.unlink(self.file)
        # posternctl reads it, too, to find the control socket.
        done = self.reload()
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assert_unhurt()

    def test_after_all_of_them(self):
        """The next good one is taken."""
        self.folder.write(self.good.replace("workers = 1", "workers = x"))
        self.assertEqual(self.reload().returncode, 1)
        self.folder.write(self.good.replace('hostname = "mail.example.test"',
                                            'hostname = "other.example.test"'))
        done = self.reload()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_unhurt()
