"""A reload with a mistake: it says where, and nothing changes."""

import os
import pwd
import signal
import socket

from common import free_port, table
from lab.posternd import USER, section
from lab.smtp import Client
from reloading import REFUSED, Reloading

LISTENER = {"tls": "none", "backend": "postfix"}


class Mistakes(Reloading):
    def setUp(self):
        super().setUp()
        self.begin(certificates=["p256", "rsa"], sets={"mail": ["p256", "rsa"]})
        self.chain, self.key = self.own_certificate()
        self.reload()
        self.before = self.greeted()
        self.certificate = self.handshake(self.greeted())

    def assert_unchanged(self, text):
        """All is as it was, for running and for new sessions, and a reload of what was there before
        succeeds."""
        self.finish(self.before)
        self.assertEqual(self.handshake(self.greeted()), self.certificate)
        self.write(text)
        match = self.reload()
        self.assertEqual((match["new"], match["addresses"]), ("0", "1"))

    @table((
        ("syntax", "\n} ", r"{conf}:{line}: .*"),
        ("option", '\nnonsense = "x"', r"{conf}:{line}: .*nonsense.*"),
        ("certificate", '\ncertificate "x" { chain = "nowhere.pem" }',
         r"{conf}:{line}: cannot (open|read) \S+/nowhere.pem: No such file or directory"),
        ("set", '\ncertificate_set "x" { certificates = "y" }', r'{conf}:{line}: .*"y".*'),
        ("profile", '\ntls_profile "x" { ciphers = "NONSENSE" }\nlistener "x" { address = '
         '"127.0.0.1:0" backend = "postfix" certificate_sets = "mail" tls_profile = "x" }',
         r"{conf}:{line}: .*NONSENSE.*"),
        ("backend", '\nlistener "x" { address = "127.0.0.1:0" backend = "y" tls = "none" }',
         r'{conf}:{line}: .*"y".*'),
        ("limit", "\nlimits { max_sessions = 0 }", r"{conf}:{line}: max_sessions: .*"),
        ("workers", "\nworkers = 3", r"{conf}:{line}: workers: a changed value needs a restart"),
        ("user", '\nuser = "daemon"', r"{conf}:{line}: user: a changed value needs a restart"),
        ("failures", '\nfailures = "off"',
         r"{conf}:{line}: failures: a changed value needs a restart"),
        ("state_directory", '\nstate_directory = "/tmp"',
         r"{conf}:{line}: state_directory: a changed value needs a restart"),
        ("milter's user", '\nmilter { user = "daemon" }',
         r"{conf}:{line}: user: a changed value needs a restart"),
    ))
    def test_in_the_file(self, addition, text):
        before = self.text()
        # An option may be there once.
        name = addition.strip().split(" ")[0]
        kept = "".join(line for line in before.splitlines(True) if not line.startswith(name + " =")
                       ) if "=" in addition and "{" not in addition else before
        self.write(kept + addition + "\n")
        line = len(kept.splitlines()) + 2
        self.refuse(text.format(conf=self.daemon.conf, line=line))
        self.assert_unchanged(before)

    def test_control(self):
        """posternctl would ask at the new socket."""
        before = self.text()
        path = self.line_of("control = ")
        self.write(before.replace("control.sock", "other.sock"))
        mark = self.daemon.mark()
        self.daemon.send_signal(signal.SIGHUP)
        self.daemon.wait_log(REFUSED.replace("(?P<text>.*)", rf"{self.daemon.conf}:{path}: control: "
                                             "a changed value needs a restart"), after=mark)
        self.assertEqual(self.ctl("reload").returncode, 69)
        self.assert_unchanged(before)

    def broken(self, path, content, text):
        with open(path, "rb") as file:
            good = file.read()
        with open(path, "wb") as file:
            file.write(content(good))
        self.refuse(rf"{self.daemon.conf}:\d+: {text}")
        self.finish(self.before)
        self.assertEqual(self.handshake(self.greeted()), self.certificate)
        with open(path, "wb") as file:
            file.write(good)
        self.assertEqual(self.reload()["new"], "0")

    @table((
        ("half a chain", "chain", lambda good: good[:300], ".*"),
        ("an empty chain", "chain", lambda good: b"", ".* is empty"),
        ("half a key", "key", lambda good: good[:100], ".*"),
        ("nonsense", "key", lambda good: b"nonsense\n" * 30, ".*"),
    ))
    def test_file(self, which, content, text):
        self.broken(getattr(self, which), content, text)

    def test_key_of_another_chain(self):
        other = self.stage.certificate("another", "p256")
        with open(other.key, "rb") as file:
            key = file.read()
        self.broken(self.key, lambda _: key, ".*key.*")

    def test_unreadable_key(self):
        """What only root can read was read at the start; a reload says that it is not root."""
        if os.geteuid() != 0:
            self.skipTest("needs root")
        os.chown(self.key, 0, 0)
        os.chmod(self.key, 0o600)
        self.refuse(rf"{self.daemon.conf}:\d+: cannot (open|read) {self.key}: Permission denied "
                    r"\(posternd was started by root and is not root any more: it needs a restart\)")
        self.finish(self.before)
        os.chown(self.key, pwd.getpwnam(USER).pw_uid, 0)
        self.reload()

    def test_low_port(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
            if int(file.read()) < 1024:
                self.skipTest("every user may use low ports here")
        before = self.text()
        self.append(section("listener", "low", {"address": "127.0.0.77:587", **LISTENER}))
        self.refuse(rf"{self.daemon.conf}:{self.line_of('127.0.0.77:587')}: cannot listen on "
                    r"\S+: Permission denied \(posternd was started by root and is not root any "
                    r"more: it needs a restart\)")
        self.assert_unchanged(before)

    def test_address_in_use(self):
        """Addresses that were opened before it are closed again."""
        before = self.text()
        port = free_port()
        with socket.create_server(("127.0.0.1", 0)) as other:
            self.append(section("listener", "free", {"address": f"127.0.0.1:{port}", **LISTENER})
                        + section("listener", "used", {
                            "address": "127.0.0.1:%d" % other.getsockname()[1], **LISTENER}))
            self.refuse(rf"{self.daemon.conf}:\d+: cannot listen on \S+: Address already in use")
        with self.assertRaises(ConnectionRefusedError):
            Client(("127.0.0.1", port))
        self.assert_unchanged(before)

    def test_missing_file(self):
        before = self.text()
        os.unlink(self.daemon.conf)
        mark = self.daemon.mark()
        self.daemon.send_signal(signal.SIGHUP)
        self.daemon.wait_log(REFUSED.replace(
            "(?P<text>.*)", f"{self.daemon.conf}: No such file or directory"), after=mark)
        self.assertEqual(self.ctl("reload").returncode, 2)
        self.assert_unchanged(before)

    def test_many_failures(self):
        """They leave nothing open."""
        before = self.text()

        def descriptors():
            return len(os.listdir(f"/proc/{self.daemon.pid}/fd"))

        opened = descriptors()
        port = free_port()
        with socket.create_server(("127.0.0.1", 0)) as other:
            self.append(section("listener", "free", {"address": f"127.0.0.1:{port}", **LISTENER})
                        + section("listener", "used", {
                            "address": "127.0.0.1:%d" % other.getsockname()[1], **LISTENER}))
            for _ in range(20):
                self.assertEqual(self.ctl("reload").returncode, 1)
        # The last caller may not be closed yet.
        self.assertLessEqual(descriptors(), opened + 1)
        self.assert_unchanged(before)
