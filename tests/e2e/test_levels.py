"""The levels of a listener before a real Postfix: what plaintext is good for, and TLS from the first
byte."""

import os
import re
import socket

from common import (AUTH_REFUSED, CERTIFICATES, CONNECT, DISCONNECT, ESTABLISHED, LOST, TOO_MANY,
                    Backend, Case, free_port, table)
from lab.posternd import HOSTNAME, postfix_config, run_posternd
from lab.process import run
from lab.sasl import AuthServer

ENCRYPT_FIRST = "530 5.7.0 Must issue a STARTTLS command first"
UNAVAILABLE = f"421 4.3.2 {HOSTNAME} Service currently unavailable"
NOT_AVAILABLE = f"421 4.3.2 {HOSTNAME} Service not available\r\n".encode()
ACTIVE = "554 5.5.1 Error: TLS already active"

# One plaintext command for each that is no way to STARTTLS.
REFUSED = (("MAIL", "MAIL FROM:<sender@client.test>"), ("RCPT", "RCPT TO:<a@example.test>"),
           ("DATA", "DATA"), ("VRFY", "VRFY a"), ("EXPN", "EXPN a"),
           ("ETRN", "ETRN example.test"), ("AUTH", "AUTH PLAIN AGEAYg=="), ("unknown", "FOO"),
           ("XCLIENT", "XCLIENT ADDR=192.0.2.7"), ("VT and MAIL", "\x0bMAIL FROM:<>"),
           ("empty", ""))


class Levels(Case):
    @classmethod
    def prepare(cls):
        auth = AuthServer(os.path.join(cls.stage.directory, "auth"))
        cls.addClassCleanup(auth.stop)
        postfix = cls.stage.make_postfix(main_cf={
            "smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": "unix:" + auth.server_address,
            "smtpd_soft_error_limit": "1000", "smtpd_hard_error_limit": "1000"})
        inner = postfix.smtpd("postern", "unix")
        cls.own = postfix.starttls("own", cls.stage.certificate("p256"),
                                   options=("smtpd_tls_security_level=encrypt",))
        conf = cls.stage.write(
            certificates=CERTIFICATES, backend=inner.address, log_sessions="all",
            listeners={"mx": {}, "encrypt": {"tls": "encrypt"},
                       "encrypt-auth": {"tls": "encrypt", "auth_before_tls": True},
                       "implicit": {"tls": "implicit"},
                       "none": {"tls": "none", "certificate_sets": None},
                       "none-auth": {"tls": "none", "auth_before_tls": True}})
        postfix.paste(postfix_config(cls.build, conf, postfix))
        cls.stage.start_postfix()
        cls.posternd = cls.stage.posternd(conf)

    def open(self, listener):
        client = self.connect(self.posternd.address(listener))
        self.assert_code(client.reply(), 220)
        return client

    def open_implicit(self):
        """A session with TLS from the first byte, the banner read."""
        client = self.connect(self.posternd.address("implicit"))
        client.tls()
        self.assert_code(client.reply(), 220)
        return client

    def postfix_end(self, client):
        """What Postfix says of the commands that it got of a session that has ended."""
        return self.stage.postfix.log.wait(
            rf"disconnect from unknown\[127.0.0.1\]:{client.port} (.*)")[1]

    def deliver(self, client):
        """A mail through an open session, to its Received header."""
        subject = f"from {client.port}"
        self.assert_code(client.mail(f"Subject: {subject}\r\n\r\nHello.\r\n".encode()), 250)
        mail = self.stage.postfix.wait_for_mail(lambda each: each.subject == subject)
        self.assertIn("unknown [127.0.0.1]", mail.received)

    # --- encrypt ---

    @table(REFUSED)
    def test_encrypt_refuses(self, command):
        client = self.open("encrypt")
        self.assertEqual(str(client.command(command)), ENCRYPT_FIRST)
        self.assert_code(client.command("EHLO x"), 250)
        self.assertEqual(str(client.command(command)), ENCRYPT_FIRST)
        self.assert_code(client.command("QUIT"), 221)
        self.assertEqual(self.postfix_end(client), "ehlo=1 quit=1 commands=2")

    @table((("MAIL", "MAIL FROM:<>"), ("DATA", "DATA"), ("AUTH", "AUTH PLAIN x"), ("VRFY", "VRFY a"),
            ("NOOP", "NOOP"), ("EHLO", "HELO x"), ("HELP", "HELP"),
            ("STARTTLS with an argument", "STARTTLS x")))
    def test_encrypt_as_postfix_does(self, command):
        """The same words as from a Postfix with smtpd_tls_security_level = encrypt."""
        replies = []
        for address in (self.posternd.address("encrypt"), ("127.0.0.1", self.own.port)):
            client = self.connect(address)
            client.greet("x")
            replies.append(str(client.command(command)))
        self.assertEqual(replies[0], replies[1])

    def test_encrypt_lets_pass(self):
        client = self.open("encrypt")
        for command in ("HELO x", "NOOP", "RSET", "EHLO x", "QUIT"):
            self.assertIn(client.command(command).code, (250, 221), command)
        self.assertEqual(self.postfix_end(client), "helo=1 ehlo=1 rset=1 noop=1 quit=1 commands=5")

    @table((("", "encrypt"), ("with auth_before_tls", "encrypt-auth")))
    def test_encrypt_hides_auth(self, listener):
        client = self.open(listener)
        reply = client.command("EHLO x")
        self.assertTrue(reply.offers("STARTTLS"))
        self.assertFalse(reply.offers("AUTH"))
        self.assertEqual(str(client.command("AUTH LOGIN")), ENCRYPT_FIRST)
        line = self.of_log(self.posternd, AUTH_REFUSED, client)
        self.assertEqual(line["mechanism"].strip(), "LOGIN")

    def test_encrypt_ends_behind_bdat(self):
        client = self.open("encrypt")
        client.send(b"BDAT 6 LAST\r\nQUIT\r\n")
        self.assertEqual(client.rest().decode(), ENCRYPT_FIRST + "\r\n")
        self.assertEqual(self.postfix_end(client), "commands=0/0")

    def test_encrypt_in_one_segment(self):
        """Replies in order, nothing of the refused lines at the backend."""
        client = self.open("encrypt")
        client.send(b"EHLO x\r\nMAIL FROM:<a@b.test>\r\nNOOP\r\nRCPT TO:<c@example.test>\r\nQUIT\r\n")
        self.assertEqual([client.reply().code for _ in range(5)], [250, 530, 250, 530, 221])
        self.assertEqual(self.postfix_end(client), "ehlo=1 noop=1 quit=1 commands=3")

    def test_encrypt_and_a_mail(self):
        client = self.connect(self.posternd.address("encrypt"))
        self.assertTrue(client.starttls().offers("AUTH"))
        self.assert_code(client.command("AUTH PLAIN AHVzZXIAcGFzc3dvcmQ="), 235)
        self.deliver(client)

    def test_encrypt_too_many_refusals(self):
        client = self.open("encrypt")
        client.send(b"MAIL FROM:<>\r\n" * 19 + b"AUTH PLAIN x\r\n")
        codes = [client.reply().code for _ in range(21)]
        self.assertEqual(codes, [530] * 20 + [421])
        self.assert_closed(client)
        self.assertEqual(self.of_log(self.posternd, TOO_MANY, client)["stage"], "AUTH")

    # --- none ---

    def test_none_has_no_starttls(self):
        client = self.open("none")
        reply = client.command("EHLO x")
        self.assertFalse(reply.offers("STARTTLS"))
        self.assertFalse(reply.offers("AUTH"))
        self.assertEqual(str(client.command("STARTTLS")),
                         "502 5.5.1 Error: command not implemented")
        self.assert_code(client.command("AUTH PLAIN x"), 538)
        self.deliver(client)
        # A word of ours: it never got there.
        self.assert_code(client.command("QUIT"), 221)
        self.assertNotIn("starttls", self.postfix_end(client))
        client.close()
        end = self.of_log(self.posternd, DISCONNECT, client)
        self.assertEqual((end["tls"], end["excepted"]), ("no", None))
        self.assertIsNone(self.posternd.log.find(rf"starttls_except.*\]:{client.port}\b"))

    def test_none_with_auth(self):
        client = self.open("none-auth")
        self.assertTrue(client.command("EHLO x").offers("AUTH"))
        self.assert_code(client.command("AUTH PLAIN AHVzZXIAcGFzc3dvcmQ="), 235)
        self.deliver(client)

    # --- implicit ---

    def test_implicit_and_a_mail(self):
        client = self.open_implicit()
        reply = client.command("EHLO x")
        self.assertTrue(reply.offers("AUTH"))
        self.assertFalse(reply.offers("STARTTLS"))
        self.assertEqual(str(client.command("STARTTLS")), ACTIVE)
        self.assert_code(client.command("AUTH PLAIN AHVzZXIAcGFzc3dvcmQ="), 235)
        self.deliver(client)
        self.assert_code(client.command("QUIT"), 221)
        client.close()
        connect = self.of_log(self.posternd, CONNECT, client)
        established = self.of_log(self.posternd, ESTABLISHED, client)
        end = self.of_log(self.posternd, DISCONNECT, client)
        self.assertEqual((connect["listener"], established["session"], end["session"]),
                         ("implicit", connect["session"], connect["session"]))
        self.assertEqual((end["tls"], end["certificate"]), ("yes", established["certificate"]))

    def test_implicit_needs_no_ehlo_before(self):
        """No 503 rule: this backend connection has seen no plaintext. Postfix decides."""
        client = self.open_implicit()
        self.assert_code(client.command("VRFY a@example.test"), 252)
        self.assert_code(client.command("MAIL FROM:<sender@client.test>"), 250)

    @table((
        ("SMTP", b"EHLO x\r\n"),
        ("STARTTLS", b"STARTTLS\r\n"),
        ("HTTP", b"GET / HTTP/1.0\r\n\r\n"),
        ("zeros", b"\0" * 64),
    ))
    def test_implicit_plaintext(self, data):
        """Whoever speaks something else gets no SMTP, and no connection to the backend."""
        mark = self.stage.postfix.log.mark()
        client = self.connect(self.posternd.address("implicit"))
        client.send(data)
        self.assertEqual(client.rest(), b"")
        client.close()
        self.assertEqual(self.handshake_failure(self.posternd, client)["reason"], "not-tls")
        self.of_log(self.posternd, DISCONNECT, client)
        self.assertIsNone(self.stage.postfix.log.find(rf"\]:{client.port}\b", mark))

    def test_implicit_gone_before_the_handshake(self):
        client = self.connect(self.posternd.address("implicit"))
        client.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(client.rest(), b"")
        self.assertEqual(self.handshake_failure(self.posternd, client)["reason"], "client-gone")

    def test_implicit_gone_behind_the_handshake(self):
        client = self.open_implicit()
        client.socket.close()
        self.assertEqual(self.of_log(self.posternd, LOST, client)["stage"], "CONNECT")

    def test_implicit_resumption(self):
        common = ["openssl", "s_client", "-quiet", "-crlf", "-tls1_2", "-bind", "127.0.0.88:0",
                  "-connect", "%s:%d" % self.posternd.address("implicit")]
        session = os.path.join(self.stage.directory, "session")
        first = self.program([*common, "-sess_out", session])
        first.expect(rb"^220 .*\n")
        first.send(b"QUIT\n")
        first.expect(rb"^221 .*\n")
        first.end()
        second = self.program([*common, "-sess_in", session])
        second.expect(rb"^220 .*\n")
        line = self.posternd.wait_log(ESTABLISHED.replace("[0-9a-f.:]+", r"127\.0\.0\.88", 1),
                                      times=2)
        self.assertEqual(line["reused"], "yes")

    def test_swaks(self):
        """A client that is not ours, at each level."""
        for listener, options in (("implicit", ["-tlsc"]), ("encrypt", ["-tls"]), ("none", [])):
            host, port = self.posternd.address(listener)
            subject = f"swaks at {listener}"
            done = run(["swaks", *options, "-s", host, "-p", str(port), "-f", "sender@client.test",
                        "-t", "recipient@example.test", "--header", "Subject: " + subject])
            self.assertEqual(done.returncode, 0, done.stdout)
            self.stage.postfix.wait_for_mail(lambda each, subject=subject: each.subject == subject)


class Silent(Case):
    """Nothing is said to a client that expects TLS before it is there."""

    def daemon(self, backend, **options):
        daemon = self.stage.posternd(
            certificates=["p256"], backend=backend, log_sessions="all", workers=1,
            listeners={"mx": {}, "encrypt": {"tls": "encrypt"}, "implicit": {"tls": "implicit"}},
            **options)
        self.addCleanup(self.stage.stop, daemon)
        return daemon

    def test_backend_waits_for_the_handshake(self):
        backend = Backend(self)
        daemon = self.daemon(backend.address)
        first = self.connect(daemon.address("implicit"))
        second = self.connect(daemon.address("implicit"))
        second.tls()
        peer = backend.accept()
        self.assertEqual(peer.client, ("127.0.0.1", second.port))
        first.tls()
        self.assertEqual(backend.accept().client, ("127.0.0.1", first.port))
        # What the client sends before the banner is the backend's to judge.
        second.send(b"EHLO early\r\n")
        self.assertEqual(peer.line(), b"EHLO early\r\n")
        peer.send(b"220-teaser\r\n")
        self.assertEqual(second.line(), b"220-teaser\r\n")

    @table((("for good", b"554 5.5.0 Error: SMTP protocol synchronization\r\n", b""),
            ("for good, in lines", b"554-5.7.1 no\r\n554 5.7.1 no\r\n", b""),
            ("for now", b"450 4.3.2 no\r\n", NOT_AVAILABLE),
            ("with good-bye", b"421 4.3.2 no\r\n", b"")))
    def test_encrypt_banner_that_refuses(self, said, added):
        """The end, also for a client that has spoken before it. After a whole 5xx nothing is
        added: the backend has said why."""
        backend = Backend(self)
        daemon = self.daemon(backend.address)
        for early in (b"", b"EHLO x\r\nMAIL FROM:<>\r\nSTARTTLS\r\n"):
            client = self.connect(daemon.address("encrypt"))
            client.send(early)
            peer = backend.accept()
            if early:
                self.assertEqual(peer.line(), b"EHLO x\r\n")
            peer.send(said)
            self.assertEqual(client.rest(), said + added)

    def test_backend_down(self):
        daemon = self.daemon(f"127.0.0.1:{free_port()}")
        client = self.connect(daemon.address("implicit"))
        client.tls()
        self.assertEqual(client.rest().decode(), UNAVAILABLE + "\r\n")
        self.warning(daemon, client, "connect to backend .*Connection refused")

    def test_too_many_sessions(self):
        backend = Backend(self)
        daemon = self.daemon(backend.address, limits={"max_sessions": 1})
        first = self.connect(daemon.address())
        backend.greet(first)
        self.assertEqual(self.connect(daemon.address("implicit")).rest(), b"")
        self.assertRegex(self.connect(daemon.address()).rest(), rb"^421 4\.3\.2 ")

    def test_timeout(self):
        daemon = self.daemon("127.0.0.1:1", limits={"handshake_timeout": 1})
        client = self.connect(daemon.address("implicit"))
        self.assertEqual(client.rest(), b"")
        self.assertEqual(self.handshake_failure(daemon, client)["reason"], "timeout")

    def test_shutdown(self):
        daemon = self.stage.posternd(certificates=["p256"], backend="127.0.0.1:1",
                                     listeners={"implicit": {"tls": "implicit"}},
                                     log_sessions="all")
        client = self.connect(daemon.address("implicit"))
        self.of_log(daemon, CONNECT, client)
        self.stage.stop(daemon)
        self.assertEqual(client.rest(), b"")


class NoCertificate(Case):
    """A configuration in which nobody speaks TLS needs no certificate."""

    def test_no_certificate_at_all(self):
        backend = Backend(self)
        conf = self.stage.write(certificates=[], backend=backend.address, sets={"unused": []},
                                listeners={"mx": {"tls": "none", "certificate_sets": None}})
        with open(conf, encoding="utf-8") as file:
            text = re.sub(r'certificate_set "unused" \{[^}]*\}[^}]*\}\n', "", file.read())
        with open(conf, "w", encoding="utf-8") as file:
            file.write(text)
        done = run_posternd(self.build, "-t", "-c", conf)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        daemon = self.stage.posternd(conf)
        client = self.connect(daemon.address())
        peer = backend.greet(client)
        client.send(b"MAIL FROM:<>\r\n")
        self.assertEqual(peer.line(), b"MAIL FROM:<>\r\n")
