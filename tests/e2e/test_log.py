"""The log is a contract: its lines have exactly these shapes, and say what really was."""

import re
import ssl
import warnings

from common import (AUTH_REFUSED, CERTIFICATES, CONNECT, DISCONNECT, ESTABLISHED, FAILED, Case,
                    client_context, of_client, table)
from lab import hello
from lab.release import best_group, postfix_tls_words, without_hybrid

X25519 = "key-exchange X25519 server-signature "
TLS12 = {"maximum_version": ssl.TLSVersion.TLSv1_2}
TLS10 = {"minimum_version": ssl.TLSVersion.TLSv1, "maximum_version": ssl.TLSVersion.TLSv1}


class Log(Case):
    @classmethod
    def prepare(cls):
        postfix = cls.stage.make_postfix(main_cf={"smtpd_client_port_logging": "yes"})
        cls.inner = postfix.smtpd("postern", "unix")
        cls.postfix_tls = postfix.starttls("tls", [cls.stage.certificate("p256"),
                                                   cls.stage.certificate("rsa")], options=(
            "smtpd_tls_eecdh_auto_curves=X25519,prime256v1,secp384r1,secp521r1,X448",
            "tls_preempt_cipherlist=yes"))
        cls.stage.start_postfix()
        cls.daemons = {each: cls.stage.posternd(
            certificates=CERTIFICATES, backend=cls.inner.address, log_sessions=each,
            sets={"all": CERTIFICATES, "p384": ["p384"]},
            listeners={"mx": {}, "p384": {"certificate_sets": "p384"}})
            for each in ("all", "tls", "problems")}
        cls.daemon = cls.daemons["all"]

    def setUp(self):
        super().setUp()
        self.logged_by_postfix = self.stage.postfix.log.mark()

    def about(self, daemon, client):
        """All lines of posternd's log that name the client's port."""
        return daemon.log.find_all(rf"unknown\[127\.0\.0\.1\]:{client.port}\b")

    def session(self, daemon, tls, context=None, listener="mx"):
        """A whole session with a mail; (client, bytes sent, bytes received)."""
        client = self.connect(daemon.address(listener))
        sent, received = 0, len(client.reply().raw)
        commands = ["EHLO x", "STARTTLS", None, "EHLO x"] if tls else ["EHLO x"]
        commands += ["MAIL FROM:<a@client.test>", "RCPT TO:<recipient@example.test>", "DATA",
                     "Subject: x\r\n\r\nHello.\r\n.", "QUIT"]
        for command in commands:
            if command is None:
                client.tls(context)
                continue
            received += len(client.command(command).raw)
            sent += len(command) + 2
        self.assert_closed(client)
        client.close()
        self.stage.postfix.wait_for_mail()
        self.stage.postfix.log.wait(rf"disconnect from unknown\[127\.0\.0\.1\]:{client.port}\b")
        return client, sent, received

    def settle(self, daemon):
        """When this returns, what earlier sessions of each worker had to log is logged: both
        workers have taken and ended a later session, whose failure is logged always."""
        for _ in range(8):
            client = self.connect(daemon.address("p384"))
            client.greet()
            client.command("STARTTLS")
            client.send(hello.records(hello.story()))
            client.rest()
            self.handshake_failure(daemon, client)

    @table((("plaintext", False), ("TLS", True)))
    def test_lines_of_a_session(self, tls):
        client, sent, received = self.session(self.daemon, tls)
        end = self.of_log(self.daemon, DISCONNECT, client)
        lines = [match.string for match in self.about(self.daemon, client)]
        self.assertEqual(len(lines), 3 if tls else 2, lines)
        begin = re.match(of_client(CONNECT, client.port), lines[0])
        self.assertEqual(begin["host"], "127.0.0.1")
        self.assertEqual((begin["listener"], begin["to_host"], int(begin["to_port"])),
                         ("mx", "127.0.0.1", self.daemon.port()))
        self.assertEqual((end["tls"], end["certificate"]), ("yes", "p256") if tls else ("no", None))
        self.assertEqual((int(end["received"]), int(end["sent"])), (sent, received))
        self.assertLess(float(end["seconds"]), 30)
        self.assertEqual(end["session"], begin["session"])
        if tls:
            self.assertEqual(re.match(ESTABLISHED, lines[1])["session"], begin["session"])

    @table((
        ("TLS 1.3", {}, None, X25519 + "ECDSA (P-256) server-digest SHA256", "p256"),
        ("TLS 1.2, ECDSA", TLS12, "ECDHE-ECDSA-AES128-GCM-SHA256",
         X25519 + "ECDSA (P-256) server-digest SHA256", "p256"),
        ("TLS 1.2, ECDHE RSA", TLS12, "ECDHE-RSA-AES256-GCM-SHA384",
         X25519 + "RSA-PSS (2048 bits) server-digest SHA256", "rsa"),
        ("TLS 1.2, DHE", TLS12, "DHE-RSA-AES128-GCM-SHA256",
         "key-exchange DHE server-signature RSA-PSS (2048 bits) server-digest SHA256", "rsa"),
        ("TLS 1.2, static RSA", TLS12, "AES128-SHA256", "key-exchange RSA", "rsa"),
        ("TLS 1.2, CBC", TLS12, "ECDHE-ECDSA-AES256-SHA",
         X25519 + "ECDSA (P-256) server-digest SHA256", "p256"),
        ("TLS 1.0, ECDSA", TLS10, "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0",
         X25519 + "ECDSA (P-256) server-digest SHA1", "p256"),
        ("TLS 1.0, static RSA", TLS10, "AES256-SHA:@SECLEVEL=0", "key-exchange RSA", "rsa"),
    ))
    def test_established(self, versions, ciphers, behind, certificate):
        """The words that a Postfix with TLS of its own has for this client, and then ours: Postfix
        names key exchange and signature for TLS 1.3 only."""
        context = client_context()
        if not versions:
            without_hybrid(context)
        if ciphers:
            context.set_ciphers(ciphers)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            for name, version in versions.items():
                setattr(context, name, version)
        self.says_as_postfix(context, behind, certificate)

    @table((("P-256", "prime256v1", "ECDHE (P-256)"), ("P-384", "secp384r1", "ECDHE (P-384)"),
            ("P-521", "secp521r1", "ECDHE (P-521)"), ("X448", "X448", "X448")))
    def test_established_with_group(self, name, exchange):
        """Each group of TLS 1.3, by the name that the log has for it in every release."""
        context = client_context()
        try:
            context.set_ecdh_curve(name)
        except ssl.SSLError as error:
            # Python 3.11.2, of Debian 12, knows curves only that have an EC_KEY.
            self.skipTest(f"this Python cannot limit a client to {name}: {error}")
        self.says_as_postfix(context, f"key-exchange {exchange} server-signature ECDSA (P-256) "
                             "server-digest SHA256", "p256")

    def says_as_postfix(self, context, behind, certificate):
        """Asserts what Postfix and posternd log of this client."""
        client = self.connect(("127.0.0.1", self.postfix_tls.port))
        client.starttls(context)
        theirs = self.stage.postfix.log.wait(
            r"Anonymous TLS connection established from unknown\[127\.0\.0\.1\](:\d+)?: "
            r"(?P<words>\S+ with cipher \S+ \(\d+/\d+ bits\))(?P<more>.*)",
            after=self.logged_by_postfix)
        if theirs["more"]:
            self.assertEqual(postfix_tls_words(theirs["more"]), " " + behind)
        client = self.connect(self.daemon.address())
        client.starttls(context)
        ours = self.of_log(self.daemon, ESTABLISHED, client)
        self.assertRegex(
            ours.string, rf"^posternd\[{self.daemon.pid}\]: Anonymous TLS connection established "
            rf"from unknown\[127\.0\.0\.1\]:{client.port}: {re.escape(theirs['words'])} "
            rf"{re.escape(behind)} certificate={certificate} reused=no session=\w{{10}}$")
        self.assertEqual(client.socket.cipher()[0], ours["cipher"])

    def test_established_with_p384(self):
        client = self.connect(self.daemon.address("p384"))
        client.starttls()
        line = self.of_log(self.daemon, ESTABLISHED, client)
        self.assertEqual((line["exchange"], line["signature"], line["digest"]),
                         (best_group(), "ECDSA (P-384)", "SHA384"))

    def test_failed(self):
        """The whole line of the story, as the manual shows it."""
        client = self.connect(self.daemon.address("p384"))
        client.greet()
        client.command("STARTTLS")
        client.send(hello.records(hello.story("mail.example.test")))
        client.rest()
        line = self.handshake_failure(self.daemon, client)
        self.assertRegex(
            line.string, rf"^posternd\[{self.daemon.pid}\]: warning: TLS handshake failed from "
            rf"unknown\[127\.0\.0\.1\]:{client.port}: reason=no-certificate-fits "
            r"p384=curve-not-in-groups groups=secp256r1 would_fit=ecdsa-p256,rsa "
            r"(ja4=\S+ )?session=\w{10}$")
        end = self.disconnect(self.daemon, client)
        self.assertEqual((end["tls"], end["certificate"], end["session"]),
                         ("no", None, line["session"]))

    def test_log_sessions_tls(self):
        daemon = self.daemons["tls"]
        plain, _, _ = self.session(daemon, False)
        encrypted, sent, received = self.session(daemon, True)
        end = self.of_log(daemon, DISCONNECT, encrypted)
        self.assertEqual((int(end["received"]), int(end["sent"])), (sent, received))
        self.settle(daemon)
        self.assertEqual([each.string for each in self.about(daemon, plain)], [])
        lines = [match.string for match in self.about(daemon, encrypted)]
        self.assertEqual([bool(re.match(pattern, line)) for pattern, line in
                          zip((CONNECT, ESTABLISHED, DISCONNECT), lines)], [True] * 3, lines)

    def test_log_sessions_problems(self):
        daemon = self.daemons["problems"]
        plain, _, _ = self.session(daemon, False)
        encrypted, _, _ = self.session(daemon, True)
        self.settle(daemon)
        for client in (plain, encrypted):
            self.assertEqual([each.string for each in self.about(daemon, client)], [])
        other = [line for line in daemon.log.lines if not re.match(FAILED, line)
                 and not re.search("listening on|warning:|error:", line)]
        self.assertEqual(other, [])
        # A warning is a problem, too.
        client = self.connect(daemon.address())
        client.greet()
        client.command("AUTH PLAIN")
        self.of_log(daemon, AUTH_REFUSED, client)

    def test_bytes_of_the_network_are_escaped(self):
        """One event is one line, and nothing in it can be taken for another field."""
        name = 'a"b c\nposternd[1]: x session=0000000000\\\x7f\xe9'
        program = self.program(["openssl", "s_client", "-quiet", "-crlf", "-starttls", "smtp",
                                "-connect", "%s:%d" % self.daemon.address(),
                                "-servername", name])
        mark = self.daemon.mark()
        program.expect(rb"^250 .*\n")
        line = self.daemon.wait_log(ESTABLISHED, after=mark)
        shown = re.sub(r"\\x([0-9a-f]{2})", lambda hexed: chr(int(hexed[1], 16)), line["sni"])
        self.assertEqual(shown.encode("latin-1"), name.encode())
        self.assertNotRegex(line["sni"], r'["\s=]')

    def test_names_of_listener_and_certificate(self):
        daemon = self.stage.posternd(
            certificates=[self.stage.certificate("rsa-2026_a.b", "rsa")],
            backend=self.inner.address, log_sessions="all", listeners={"Mx-1_a.b": {}})
        client = self.connect(daemon.address("Mx-1_a.b"))
        client.starttls()
        self.assertEqual(self.of_log(daemon, CONNECT, client)["listener"], "Mx-1_a.b")
        self.assertEqual(self.of_log(daemon, ESTABLISHED, client)["certificate"], "rsa-2026_a.b")

    def test_syslog_name(self):
        daemon = self.stage.posternd(certificates=["p256"], backend=self.inner.address,
                                     log_sessions="all", syslog_name="postfix/postern")
        client = self.connect(daemon.address())
        client.greet()
        daemon.wait_log(rf"^postfix/postern\[{daemon.pid}\]: connect from unknown\[127\.0\.0\.1\]:"
                        rf"{client.port} to mx\[127\.0\.0\.1\]:{daemon.port()} session=\w{{10}}$")

    def test_ipv6_addresses(self):
        daemon = self.stage.posternd(certificates=["p256"], backend=self.inner.address,
                                     log_sessions="all", listeners={"mx": {"address": "[::1]:0"}})
        client = self.connect(daemon.address())
        client.greet()
        line = self.of_log(daemon, CONNECT, client)
        self.assertEqual((line["host"], line["to_host"]), ("::1", "::1"))
