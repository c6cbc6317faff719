"""Debian's fail2ban, with its filter for Postfix as it is shipped, knows what posternd logs of clients
that guess passwords without TLS."""

import os

from common import AUTH_REFUSED, TOO_MANY, Backend, Case, of_client, table
from lab.process import run

# As rsyslog writes it.
PREFIX = "Nov 24 06:24:42 mail "

NAME = "postfix/postern"


class Fail2ban(Case):
    def begin(self, **options):
        """(A client that has greeted, posternd)"""
        backend = Backend(self)
        daemon = self.stage.posternd(certificates=["p256"], backend=backend.address,
                                     syslog_name=NAME, log_sessions="problems", **options)
        self.addCleanup(self.stage.stop, daemon)
        client = self.connect(daemon.address())
        backend.greet(client)
        return client, daemon

    def line(self, daemon, pattern, client):
        """The line that posternd writes, as syslog keeps it."""
        pattern = of_client(pattern, client.port).replace("posternd", NAME)
        return PREFIX + daemon.wait_log(pattern).string

    def matches(self, line, mode):
        """Whether fail2ban's filter takes the line, in a mode of it, and for whom."""
        path = os.path.join(self.stage.directory, "mail.log")
        with open(path, "w", encoding="utf-8") as file:
            file.write(line + "\n")
        done = run(["fail2ban-regex", "-o", "<ip>", path, f"postfix[mode={mode}]"],
                   env=dict(os.environ, LC_ALL="C.UTF-8"))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.split()

    @table((("may, PLAIN", "may", "AUTH PLAIN AGEAYg=="), ("may, login", "may", "auth  login"),
            ("encrypt", "encrypt", "AUTH CRAM-MD5"), ("none", "none", "AUTH DIGEST-MD5")))
    def test_auth_refused(self, tls, command):
        client, daemon = self.begin(listeners={"mx": {"tls": tls}})
        client.command(command)
        line = self.line(daemon, AUTH_REFUSED, client)
        for mode in ("auth", "extra", "aggressive"):
            self.assertEqual(self.matches(line, mode), ["127.0.0.1"], line)
        self.assertEqual(self.matches(line, "normal"), [])

    @table((("of 20 bytes", "A" * 20, "A" * 20), ("cut", "B" * 100, "B" * 20),
            ("escaped", "C[192.0.2.1]:\x1b", r"C\x5b192.0.2.1\x5d:\x1b")))
    def test_mechanism(self, sent, logged):
        """No client puts words of its own, or another's address, into the line."""
        client, daemon = self.begin()
        client.command(f"AUTH {sent} unknown[192.0.2.2]:1: SASL PLAIN authentication failed:")
        line = self.line(daemon, AUTH_REFUSED, client)
        self.assertNotIn("192.0.2.2", line)
        self.assertIn(f"SASL {logged} authentication failed: ", line)

    def test_no_mechanism(self):
        client, daemon = self.begin()
        client.command("AUTH")
        self.assertIn(": SASL authentication failed: ", self.line(daemon, AUTH_REFUSED, client))

    def test_too_many_errors(self):
        client, daemon = self.begin()
        client.send(b"AUTH PLAIN AGEAYg==\r\n" * 20)
        self.assertEqual([client.reply().code for _ in range(21)], [538] * 20 + [421])
        line = self.line(daemon, TOO_MANY, client)
        self.assertTrue(
            line.endswith(f"too many errors after AUTH from unknown[127.0.0.1]:{client.port}"), line)
        for mode in ("errors", "normal", "more", "extra", "aggressive"):
            self.assertEqual(self.matches(line, mode), ["127.0.0.1"], line)
