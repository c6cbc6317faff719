"""tls_address: sessions under TLS go on at a second service, here a real smtpd that alone has SASL,
through Dovecot, and a name of its own in the log."""

import base64
import socket

from common import CERTIFICATES, DISCONNECT, ESTABLISHED, LOST, Backend, Case, reset, table
from lab.dovecot import Dovecot
from lab.posternd import HOSTNAME, postfix_config, run_posternd

UNAVAILABLE = f"421 4.3.2 {HOSTNAME} Service currently unavailable"
NOT_AVAILABLE = f"421 4.3.2 {HOSTNAME} Service not available"

EHLO = b"EHLO client.example.test\r\n"


def plain(user, password):
    return "AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode()


class Submission(Case):
    """Two services of one Postfix: "first" for plaintext, "second" (over TCP and over a unix-domain
    socket) for TLS."""

    @classmethod
    def prepare(cls):
        cls.dovecot = Dovecot(cls.stage.directory, {"user": "good"},
                              on_line=lambda line: cls._on_line("dovecot", line))
        cls.addClassCleanup(cls.dovecot.stop)
        cls.dovecot.start()
        postfix = cls.stage.make_postfix(main_cf={
            "smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": cls.dovecot.path})
        first = postfix.smtpd("first", "unix", options=("syslog_name=postfix/plain",))
        second = postfix.smtpd("second", options=(
            "syslog_name=postfix/submission", "smtpd_banner=second",
            "smtpd_relay_restrictions=permit_sasl_authenticated,reject"))
        third = postfix.smtpd("third", "unix", options=("syslog_name=postfix/third",))
        listeners = {name: {"tls": name} for name in ("may", "encrypt", "implicit", "none")}
        listeners["none"]["certificate_sets"] = None
        listeners["unix"] = {"backend": "unix"}
        conf = cls.stage.write(
            certificates=["p256"], backend=first.address, log_sessions="all", workers=1,
            backends={"postfix": {"tls_address": second.address},
                      "unix": {"address": first.address, "tls_address": third.address}},
            listeners=listeners)
        postfix.paste(postfix_config(cls.build, conf, postfix))
        cls.stage.start_postfix()
        cls.posternd = cls.stage.posternd(conf)

    def open(self, listener):
        """A client, its banner and EHLO's reply read: under TLS, after STARTTLS or from the first
        byte, or without at listener "none"."""
        client = self.connect(self.posternd.address(listener))
        if listener == "none":
            reply = client.greet()
        elif listener == "implicit":
            client.tls()
            reply = client.greet()
        else:
            reply = client.starttls()
        return client, reply

    def at(self, service, client, text):
        """Postfix's line about the client at the service."""
        return self.stage.postfix.log.wait(
            rf"postfix/{service}/smtpd\[\d+\]: {text} from unknown\[127.0.0.1\]:{client.port}\b(.*)")

    def never_at(self, service, client):
        self.assertIsNone(self.stage.postfix.log.find(
            rf"postfix/{service}/smtpd.*unknown\[127.0.0.1\]:{client.port}\b"))

    @table((("STARTTLS", "may"), ("encrypt", "encrypt"), ("implicit", "implicit")))
    def test_auth_and_a_mail(self, listener):
        client, reply = self.open(listener)
        self.assertTrue(reply.offers("AUTH"))
        self.assert_code(client.command("MAIL FROM:<sender@client.test>"), 250)
        self.assert_code(client.command("RCPT TO:<recipient@example.test>"), 554)
        self.assert_code(client.command("RSET"), 250)
        self.assert_code(client.command(plain("user", "good")), 235)
        subject = f"at {listener}"
        self.assert_code(client.mail(f"Subject: {subject}\r\n\r\nHello.\r\n".encode()), 250)
        mail = self.stage.postfix.wait_for_mail(lambda each: each.subject == subject)
        self.assertRegex(mail.received, r"unknown \[127\.0\.0\.1\].* with ESMTPA ")
        self.assert_code(client.command("QUIT"), 221)
        self.at("submission", client, "connect")
        self.at("submission", client, "disconnect")
        self.of_log(self.posternd, ESTABLISHED, client)

    def test_auth_refused_by_dovecot(self):
        client, _ = self.open("implicit")
        mark = self.dovecot.log.mark()
        self.assert_code(client.command(plain("user", "bad")), 535)
        self.dovecot.log.wait("user,.*[Pp]assword mismatch", after=mark)
        self.at("submission", client, "connect")
        self.stage.postfix.log.wait(
            rf"postfix/submission/smtpd.*\]:{client.port}: SASL PLAIN authentication failed")

    @table((("AUTH", "AUTH PLAIN x"), ("EHLO", None)))
    def test_plaintext_stays_at_the_first(self, command):
        client, reply = self.open("none")
        self.assertFalse(reply.offers("AUTH"))
        if command:
            self.assert_code(client.command(command), 538)
        self.assert_code(client.mail(), 250)
        self.stage.postfix.wait_for_mail()
        self.assert_code(client.command("QUIT"), 221)
        self.at("plain", client, "disconnect")
        self.never_at("submission", client)

    def test_plaintext_before_starttls_is_at_the_first(self):
        client = self.connect(self.posternd.address("may"))
        self.assertFalse(client.greet().offers("AUTH"))
        self.assert_code(client.mail(), 250)
        self.stage.postfix.wait_for_mail()
        self.never_at("submission", client)

    def test_the_first_one_is_left_with_quit(self):
        client, _ = self.open("may")
        self.assertEqual(self.at("plain", client, "disconnect")[1], " ehlo=1 quit=1 commands=2")
        self.at("submission", client, "connect")

    def test_implicit_goes_straight_to_the_second(self):
        client = self.connect(self.posternd.address("implicit"))
        client.tls()
        self.assertEqual(str(client.reply()), "220 second")
        self.at("submission", client, "connect")
        self.assert_code(client.command("QUIT"), 221)
        self.at("submission", client, "disconnect")
        self.never_at("plain", client)

    def test_no_second_banner(self):
        """And no 503 rule: this Postfix has seen no plaintext and decides itself."""
        client = self.connect(self.posternd.address("may"))
        client.greet()
        self.assert_code(client.command("STARTTLS"), 220)
        client.tls()
        client.send(b"NOOP\r\nMAIL FROM:<sender@client.test>\r\nQUIT\r\n")
        self.assertEqual([client.reply().code for _ in range(3)], [250, 250, 221])
        self.assertEqual(self.at("submission", client, "disconnect")[1],
                         " mail=1 noop=1 quit=1 commands=3")

    def test_unix(self):
        client, reply = self.open("unix")
        self.assertTrue(reply.offers("AUTH"))
        self.at("plain", client, "disconnect")
        self.at("third", client, "connect")


class Played(Case):
    """The test is both services."""

    def daemon(self):
        self.first, self.second = Backend(self), Backend(self)
        daemon = self.stage.posternd(
            certificates=["p256"], backend=self.first.address, log_sessions="all", workers=1,
            backends={"postfix": {"tls_address": self.second.address}},
            listeners={"mx": {}, "implicit": {"tls": "implicit"}})
        self.addCleanup(self.stage.stop, daemon)
        return daemon

    def begin(self, daemon=None):
        """(Client behind the handshake, the first service's Peer behind its QUIT, posternd)"""
        daemon = daemon or self.daemon()
        client = self.connect(daemon.address())
        peer = self.first.greet(client)
        self.assert_code(client.command("STARTTLS"), 220)
        client.tls()
        self.assertEqual(peer.line(), b"QUIT\r\n")
        return client, peer, daemon

    def move(self, client, peer):
        """The second service's Peer."""
        peer.send(b"221 2.0.0 Bye\r\n")
        peer.close()
        second = self.second.accept()
        self.assertEqual(second.client, ("127.0.0.1", client.port))
        return second

    def round_trip(self, daemon):
        """Another session's: behind it the only worker has seen everything that was sent before."""
        other = self.connect(daemon.address())
        self.first.greet(other).close()
        other.close()

    def test_what_the_client_sends_waits(self):
        client, peer, daemon = self.begin()
        client.send(EHLO)
        self.round_trip(daemon)
        self.assertTrue(self.second.nobody_came(), "the first one has not closed")
        second = self.move(client, peer)
        second.send(b"220-second teaser\r\n")
        self.round_trip(daemon)
        second.socket.setblocking(False)
        with self.assertRaises(BlockingIOError):
            second.socket.recv(1)
        second.socket.setblocking(True)
        second.send(b"220 second ESMTP\r\n")
        second.answer_ehlo()
        self.assertEqual(client.line(), b"250-backend.example.test\r\n")

    def test_what_the_first_says_is_thrown_away(self):
        client, peer, _ = self.begin()
        peer.send(b"250-2.0.0 no\r\n221 2.0.0 Bye\r\n220 x\r\n")
        second = self.move(client, peer)
        second.send(b"220 second ESMTP\r\n")
        client.send(EHLO)
        second.answer_ehlo()
        self.assertEqual(client.line(), b"250-backend.example.test\r\n")

    @table((("reset", "reset"), ("closed without a word", "close")))
    def test_the_first_goes(self, way):
        client, peer, _ = self.begin()
        getattr(peer, way)()
        second = self.second.accept()
        second.send(b"220 second ESMTP\r\n")
        client.send(EHLO)
        second.answer_ehlo()
        self.assertEqual(client.line(), b"250-backend.example.test\r\n")

    def test_the_first_does_not_close(self):
        """It has 5 seconds. Whose first service closes goes on at once."""
        client, peer, daemon = self.begin()
        other, closing, _ = self.begin(daemon)
        closing.close()
        self.assertEqual(self.second.accept().client, ("127.0.0.1", other.port))
        peer.send(b"221 2.0.0 Bye\r\n")
        second = self.second.accept()
        self.assertEqual(peer.rest(), b"")
        second.send(b"220 second ESMTP\r\n")
        client.send(EHLO)
        second.answer_ehlo()
        self.assertEqual(client.line(), b"250-backend.example.test\r\n")

    def test_the_first_speaks_in_the_handshake(self):
        daemon = self.daemon()
        client = self.connect(daemon.address())
        peer = self.first.greet(client)
        self.assert_code(client.command("STARTTLS"), 220)
        peer.send(b"421 4.4.2 backend.example.test Error: timeout exceeded\r\n")
        client.tls()
        self.assertEqual(client.rest().decode(), UNAVAILABLE + "\r\n")
        self.assertEqual(self.handshake_failure(daemon, client)["reason"], "backend-spoke")

    @table((("554", b"554 5.3.2 no\r\n"), ("421", b"421 4.3.2 busy\r\n"),
            ("several lines", b"554-5.3.2 no\r\n")))
    def test_another_banner(self, banner):
        client, peer, daemon = self.begin()
        second = self.move(client, peer)
        second.send(banner)
        self.assertEqual(client.rest().decode(), NOT_AVAILABLE + "\r\n")
        self.assertEqual(second.rest(), b"")
        self.warning(daemon, client,
                     "the backend at tls_address does not greet with 220: connection closed")

    def test_no_banner(self):
        client, peer, daemon = self.begin()
        self.move(client, peer).close()
        self.assertEqual(client.rest().decode(), UNAVAILABLE + "\r\n")
        self.warning(daemon, client, "the backend closed the connection without a greeting")

    @table((("STARTTLS", "mx"), ("implicit", "implicit")))
    def test_second_down(self, listener):
        daemon = self.daemon()
        self.second.stop()
        client = self.connect(daemon.address(listener))
        if listener == "mx":
            peer = self.first.greet(client)
            self.assert_code(client.command("STARTTLS"), 220)
        client.tls()
        if listener == "mx":
            self.assertEqual(peer.line(), b"QUIT\r\n")
            peer.close()
        self.assertEqual(client.rest().decode(), UNAVAILABLE + "\r\n")
        self.warning(daemon, client, f"connect to backend {self.second.address}: .*refused")

    def test_client_goes_meanwhile(self):
        client, peer, daemon = self.begin()
        client.socket.shutdown(socket.SHUT_WR)
        self.round_trip(daemon)
        second = self.move(client, peer)
        second.send(b"220 second ESMTP\r\n")
        self.assertEqual(second.rest(), b"")
        second.close()
        self.assertEqual(self.of_log(daemon, LOST, client)["stage"], "STARTTLS")

    def test_client_resets_meanwhile(self):
        client, peer, daemon = self.begin()
        reset(client.socket)
        self.assertEqual(self.of_log(daemon, LOST, client)["stage"], "STARTTLS")
        self.of_log(daemon, DISCONNECT, client)
        self.assertEqual(peer.rest(), b"")
        self.assertTrue(self.second.nobody_came())


class Configuration(Case):
    """What a start says of a tls_address."""

    def write(self, address, listen="127.0.0.1:0", **listener):
        return self.stage.write(certificates=CERTIFICATES, backend=address,
                                backends={"postfix": {"tls_address": "127.0.0.1:10030"}},
                                listeners={"mx": {"address": listen, **listener}})

    @table((("may", {}, True), ("encrypt", {"tls": "encrypt"}, True),
            ("none", {"tls": "none"}, False)))
    def test_port_25_is_warned_of(self, listener, warned):
        conf = self.write("127.0.0.1:10029", "127.0.0.1:25", **listener)
        done = run_posternd(self.build, "-t", "-c", conf)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual("port 25, and backend \"postfix\" has a tls_address" in done.stderr,
                         warned, done.stderr)

    def test_other_ports_are_not(self):
        done = run_posternd(self.build, "-t", "-c", self.write("127.0.0.1:10029"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("tls_address", done.stderr)
