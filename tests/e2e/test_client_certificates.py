"""Certificates of clients: asked for, required, verified, and described in Postfix's words."""

import os
import re
import ssl

from certificate_requests import KINDS, NAME, TLS12, TLS13, UNTRUSTED, VERSIONS, Certificates, both
from common import ESTABLISHED, FAILED, client_context, table
from lab.certs import Certificate
from lab.release import openssl_name, postfix_tls_words, without_hybrid


class Listeners(Certificates):
    @classmethod
    def prepare(cls):
        cls.certificates = {}
        cls.prepare_certificates()
        postfix = cls.stage.make_postfix(main_cf={"smtpd_client_port_logging": "yes"})
        cls.inner = postfix.smtpd("postern", "unix")
        cls.asking_postfix = postfix.starttls("asking", cls.stage.certificate("p256"), options=(
            "smtpd_tls_ask_ccert=yes", "smtpd_tls_CAfile=" + cls.ca,
            "smtpd_tls_eecdh_auto_curves=X25519,prime256v1", "tls_preempt_cipherlist=yes"))
        cls.stage.start_postfix()
        ask = {"client_certificate": "ask"}
        require = {"client_certificate": "require"}
        ca = {"client_ca": cls.ca}
        cls.posternd = cls.stage.posternd(
            certificates=["p256", "p384"], backend=cls.inner.address, log_sessions="all",
            sets={"mail": ["p256"],
                  "anonymous": {"certificates": ["p384"], "unmatched": "anonymous"},
                  "try-anyway": {"certificates": ["p384"], "unmatched": "try-anyway"}},
            listeners={"none": {}, "ask": {**ask, **ca}, "ask-nobody": ask,
                       "require": {**require, **ca}, "require-any": require,
                       "ask-anonymous": {**ask, **ca, "certificate_sets": "anonymous"},
                       "require-anonymous": {**require, **ca, "certificate_sets": "anonymous"},
                       "try-anyway": {**require, **ca, "certificate_sets": "try-anyway"},
                       "modern": {**ask, **ca, "tls_profile": "modern"},
                       "encrypt": {**require, **ca, "tls": "encrypt"},
                       "implicit": {**require, **ca, "tls": "implicit"},
                       "plain": {**require, "tls": "none", "client_ca": "/nowhere"}})

    # --- words ---

    @table([("no certificate", None), ("deep enough", "deep-enough"),
            *((name, name) for name, *_ in KINDS + UNTRUSTED)])
    def test_as_postfix_says_it(self, name):
        """The line of a Postfix that asks this client, and ours. Postfix names signatures in TLS 1.3
        only."""
        for version in VERSIONS:
            mark = self.stage.postfix.log.mark()
            context = self.context(version, name)
            if version == TLS13:
                without_hybrid(context)
            client = self.connect(("127.0.0.1", self.asking_postfix.port))
            client.starttls(context)
            theirs = self.stage.postfix.log.wait(
                r"(?P<trust>\w+) TLS connection established from \S+ "
                r"(?P<words>TLSv1\S+ with cipher \S+ \(\d+/\d+ bits\))(?P<more>.*)", after=mark)
            more = postfix_tls_words(theirs["more"])
            client, ours = self.session("ask", context)
            begin = (f"posternd[{self.posternd.pid}]: {theirs['trust']} TLS connection established "
                     f"from unknown[127.0.0.1]:{client.port}: {theirs['words']}{more}")
            self.assertEqual(ours.string[:len(begin)], begin)
            if version == TLS13:
                self.assertTrue(ours.string[len(begin):].startswith(" certificate=p256 "))
                self.assertEqual(ours["client_signature"] is not None, name is not None)

    @table([(f"{name} {version.name}", version, name, signature)
            for name, _, signature in KINDS for version in VERSIONS])
    def test_trusted(self, version, name, signature):
        client, line = self.session("ask", self.context(version, name))
        self.assertEqual((line["trust"], line["client"], line["fingerprint"], line["error"]),
                         ("Trusted", NAME, self.fingerprint(name), None))
        kind = next(kind for each, kind, _ in KINDS if each == name)
        kind = "rsa2048" if kind == "rsa" else kind
        self.assertEqual(line["issuer"], rf"Throw-away\x20CA\x20{kind}")
        self.assertEqual(line["client_signature"].split()[0], signature.split()[0])
        self.assert_code(client.command("NOOP"), 250)

    @table([(f"{name} {version.name}", version, name, why)
            for name, why in UNTRUSTED for version in VERSIONS])
    def test_untrusted(self, version, name, why):
        """Asked for, it is a fact, and never a reason to do without TLS."""
        client, line = self.session("ask", self.context(version, name))
        self.assertEqual((line["trust"], line["error"]), ("Untrusted", why))
        self.shown(line, name)
        self.assert_code(client.mail(), 250)
        client, line = self.session("require-any", self.context(version, name))
        self.assertEqual((line["trust"], line["error"]), ("Untrusted", "there is no client_ca"))
        self.assert_code(client.command("NOOP"), 250)

    @table(both([("ask", "ask"), ("ask, without client_ca", "ask-nobody")]))
    def test_without_a_certificate(self, version, listener):
        client, line = self.session(listener, self.context(version))
        self.assertEqual((line["trust"], line["client"], line["client_signature"]),
                         ("Anonymous", None, None))
        self.assert_code(client.mail(), 250)

    @table(both([("ask", "ask-nobody"), ("require", "require-any")]))
    def test_without_authorities(self, version, listener):
        _, line = self.session(listener, self.context(version, "c256"))
        self.assertEqual((line["trust"], line["error"]), ("Untrusted", "there is no client_ca"))
        self.shown(line, "c256")

    @table(both([("deep enough", "deep-enough")]))
    def test_as_deep_as_can_be(self, version, name):
        _, line = self.session("require", self.context(version, name))
        self.assertEqual(line["trust"], "Trusted")

    # --- required ---

    @table([(f"{name} {version.name}", version, name, why)
            for name, why in UNTRUSTED for version in VERSIONS])
    def test_required_and_untrusted(self, version, name, why):
        line = self.refused("require", self.context(version, name),
                            "unknown ca|certificate expired|unsupported certificate")
        self.assertEqual(line["detail"], why)
        self.shown(line, name)

    @table(both([("require", "require"), ("require any", "require-any")]))
    def test_required_and_missing(self, version, listener):
        line = self.refused(listener, self.context(version),
                            "certificate required" if version == TLS13 else "handshake failure")
        self.assertEqual(line["detail"], "peer did not return a certificate")
        self.assertRegex(line["facts"], r"^ ja4=\S+$")

    @table(both([("", "c384")]))
    def test_required_and_trusted(self, version, name):
        client, line = self.session("require", self.context(version, name))
        self.assertEqual(line["trust"], "Trusted")
        self.assert_code(client.mail(), 250)

    # --- what the client is asked with ---

    @table(both([("ask", "ask"), ("require", "require"), ("require any", "require-any")]))
    def test_request(self, version, listener):
        """The names of the authorities go to the client, as Postfix sends them; there is no
        ticket."""
        mark = self.posternd.mark()
        program = self.program(["openssl", "s_client", "-connect",
                                "%s:%d" % self.posternd.address(listener), "-starttls", "smtp",
                                "-tls1_" + version.name[-1], "-cert",
                                self.certificates["c256"].chain, "-cert_chain",
                                self.certificates["c256"].chain, "-key",
                                self.certificates["c256"].key])
        program.expect(rb"^250 .*\n")
        if listener != "require-any":
            for name in ("Throw-away root p256", "Throw-away root ed25519"):
                self.assertRegex(program.output, b"Acceptable client certificate CA names\n"
                                 rb"(CN ?=.*\n)*" + openssl_name("CN=" + name).encode())
        else:
            self.assertIn(b"No client certificate CA names sent", program.output)
        program.line("EHLO program.example.test", 250)
        program.send(b"Q\n")
        program.end()
        self.assertNotIn(b"Session Ticket", program.output)
        self.posternd.wait_log(ESTABLISHED, after=mark)

    @table((("ask", "ask"), ("require", "require")))
    def test_no_compression(self, listener):
        """OpenSSL's client compresses its certificate for a server that says it can unpack it (RFC
        8879), in releases that know how. posternd does not say so, and compresses none itself."""
        files = self.certificates["c256"]
        program = self.program(["openssl", "s_client", "-connect",
                                "%s:%d" % self.posternd.address(listener), "-starttls", "smtp",
                                "-tls1_3", "-msg", "-cert", files.chain, "-cert_chain",
                                files.chain, "-key", files.key])
        program.expect(rb"^250 .*\n")
        program.line("EHLO program.example.test", 250)
        program.send(b"Q\n")
        program.end()
        self.assertEqual(
            re.findall(rb"([<>]+) TLS 1.3, Handshake \[length \w+\], (\w*Certificate)\n",
                       program.output), [(b"<<<", b"Certificate"), (b">>>", b"Certificate")])

    @table(both([("", "none")]))
    def test_none_asks_nobody(self, version, listener):
        client, line = self.session(listener, self.context(version, "c256"))
        self.assertEqual((line["trust"], line["client"]), ("Anonymous", None))
        self.assertTrue(client.socket.session.has_ticket)

    @table(both([("", "c256")]))
    def test_every_level(self, version, name):
        for context, trust in ((self.context(version, name), "Trusted"),
                               (self.context(version), None)):
            if not trust:
                self.refused("encrypt", context, "certificate required|handshake failure")
            else:
                self.assertEqual(self.session("encrypt", context)[1]["trust"], trust)
            client = self.connect(self.posternd.address("implicit"))
            if trust:
                client.tls(context)
                client.greet()
                self.assertEqual(self.of_log(self.posternd, ESTABLISHED, client)["trust"], trust)
                continue
            with self.assertRaisesRegex(ssl.SSLError, "certificate required|handshake failure"):
                client.tls(context)
                client.reply()
            self.assertEqual(self.handshake_failure(self.posternd, client)["reason"],
                             "client-certificate")

    def test_plaintext_listener(self):
        client = self.connect(self.posternd.address("plain"))
        self.assertFalse(client.greet().offers("STARTTLS"))
        self.assert_code(client.mail(), 250)

    def test_security_level(self):
        """A profile can ask for more than a client's certificate has; asked for, that is a fact."""
        self.openssl("req", "-x509", "-newkey", "rsa:1024", "-noenc", "-subj", "/CN=" + NAME,
                     "-keyout", self.directory + "/small.key", "-out",
                     self.directory + "/small.pem", "-days", "3")
        self.certificates["small"] = Certificate("small", "rsa",
                                                 os.path.join(self.directory, "small"))
        context = client_context()
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.load_cert_chain(self.certificates["small"].chain, self.certificates["small"].key)
        _, line = self.session("modern", context)
        self.assertEqual((line["trust"], line["client_signature"]),
                         ("Untrusted", "RSA-PSS (1024 bits)"))

    # --- real clients ---

    @table([(f"{name} {version}", name, version) for name in ("s_client", "gnutls-cli")
            for version in ("1.2", "1.3")])
    def test_real_clients(self, name, version):
        files = self.certificates["c256"]

        def program(listener, with_certificate):
            address = self.posternd.address(listener)
            if name == "s_client":
                return self.s_client(address, "-tls1_" + version[-1], *(
                    ("-cert", files.chain, "-cert_chain", files.chain, "-key", files.key)
                    if with_certificate else ()))
            return self.gnutls_cli(address, "NORMAL:-VERS-ALL:+VERS-TLS" + version, *(
                ("--x509certfile=" + files.chain, "--x509keyfile=" + files.key)
                if with_certificate else ()))

        for listener, with_certificate, trust in (
                ("ask", False, "Anonymous"), ("ask", True, "Trusted"), ("require", True, "Trusted"),
                ("require-any", True, "Untrusted"), ("require", False, None)):
            mark = self.posternd.mark()
            client = program(listener, with_certificate)
            if trust:
                client.expect(rb"^250 .*\n" if name == "s_client" else rb"Handshake was completed")
                client.mail(self.id())
                self.stage.postfix.wait_for_mail(lambda each: each.subject == self.id())
                self.assertEqual(self.posternd.wait_log(ESTABLISHED, after=mark)["trust"], trust)
            else:
                line = self.posternd.wait_log(FAILED, after=mark)
                self.assertEqual(line["reason"], "client-certificate")
                client.end()

    # --- where no certificate of ours fits ---

    def test_try_anyway(self):
        """It has an SSL_CTX of its own, which asks in the same way."""
        files = self.certificates["c256"]
        priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-GROUP-ALL:+GROUP-SECP256R1"
        for options, trust in (
                (("--x509certfile=" + files.chain, "--x509keyfile=" + files.key), "Trusted"),
                ((), None)):
            mark = self.posternd.mark()
            client = self.gnutls_cli(self.posternd.address("try-anyway"), priority, *options)
            if trust:
                client.expect(rb"Handshake was completed")
                line = self.posternd.wait_log(ESTABLISHED, after=mark)
                self.assertEqual((line["trust"], line["certificate"]), (trust, "p384"))
                self.posternd.wait_log("unmatched=try-anyway .*outcome=accepted", after=mark)
            else:
                self.posternd.wait_log("reason=client-certificate", after=mark)
                self.posternd.wait_log("unmatched=try-anyway .*outcome=client-certificate",
                                       after=mark)

    def test_anonymous(self):
        """Who has no certificate may not ask for one; where one is required that helps nobody."""
        context = client_context(maximum_version=TLS12)
        context.set_ciphers("AECDH:@SECLEVEL=0")
        context.set_ecdh_curve("prime256v1")
        _, line = self.session("ask-anonymous", context)
        self.assertEqual((line["trust"], line["certificate"]), ("Anonymous", "none"))
        client = self.connect(self.posternd.address("require-anonymous"))
        with self.assertRaises(ssl.SSLError):
            client.starttls(context)
        self.assertEqual(self.handshake_failure(self.posternd, client)["reason"],
                         "no-certificate-fits")
