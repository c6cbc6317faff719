"""Certificates of clients: asked for, required, verified, and described in Postfix's words."""

import os
import re
import shutil
import ssl

from common import DISCONNECT, ESTABLISHED, FAILED, Case, client_context, of_client, table
from lab.certs import Certificate
from lab.posternd import USER, run_posternd
from lab.process import LabError, run

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
VERSIONS = (TLS12, TLS13)

NAME = "client.example.test"

BACKEND = "127.0.0.1:1"

# Authorities between a client's certificate and client_ca; one more is too much, as for Postfix.
DEPTH_MAX = 10

# name, kind of key, how Postfix writes its signature in TLS 1.3
KINDS = (
    ("c256", "p256", "ECDSA (prime256v1) client-digest SHA256"),
    ("c384", "p384", "ECDSA (secp384r1) client-digest SHA384"),
    ("c521", "p521", "ECDSA (secp521r1) client-digest SHA512"),
    ("crsa", "rsa", "RSA-PSS (2048 bits) client-digest SHA256"),
    ("ced", "ed25519", "ED25519"),
)

# Certificates that client_ca does not lead to: name, why
UNTRUSTED = (
    ("self-signed", "self-signed certificate"),
    ("unknown", "unable to get local issuer certificate"),
    ("expired", "certificate has expired"),
    ("server", "unsuitable certificate purpose"),
    ("deep", "certificate chain too long"),
)


def both(rows):
    """Each row for TLS 1.2 and 1.3."""
    return [(f"{row[0]} {version.name}", version, *row[1:]) for row in rows for version in VERSIONS]


class Certificates(Case):
    """What the classes below share: certificates of clients, and listeners that ask for them."""

    @classmethod
    def prepare_certificates(cls):
        options = {"names": (NAME,), "purpose": "clientAuth"}
        cls.certificates = {name: cls.stage.certificate(name, kind, **options)
                            for name, kind, _ in KINDS}
        cls.certificates["server"] = cls.stage.certificate("server", "p256")
        cls.directory = cls.stage.authority.directory
        cls.made("self-signed", "/CN=" + NAME)
        cls.made("expired", "/CN=" + NAME, days=-1, issuer="root-p256")
        cls.made("unknown-ca", "/CN=Nobody's CA", ca=True)
        cls.made("unknown", "/CN=" + NAME, issuer="unknown-ca")
        cls.deep()
        cls.ca = cls.stage.authority.roots

    @classmethod
    def openssl(cls, *arguments):
        done = run(["openssl", *arguments])
        if done.returncode:
            raise LabError(done.stderr)

    @classmethod
    def made(cls, name, subject, *, days=30, issuer=None, ca=False, key="p256"):
        """A certificate with exactly this subject, by default its own issuer."""
        base = os.path.join(cls.directory, name)
        new = {"p256": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"]}[key]
        above = os.path.join(cls.directory, issuer) if issuer else None
        with open(base + ".ext", "w", encoding="ascii") as file:
            file.write("basicConstraints = critical, CA:TRUE\n" if ca else
                       "extendedKeyUsage = clientAuth\n")
        cls.openssl("req", "-utf8", "-newkey", *new, "-noenc", "-subj", subject, "-keyout",
                    base + ".key", "-out", base + ".csr")
        cls.openssl("x509", "-req", "-in", base + ".csr", "-days", str(days), "-extfile",
                    base + ".ext", "-out", base + ".pem",
                    *(["-CA", above + ".pem", "-CAkey", above + ".key"] if above
                      else ["-signkey", base + ".key"]))
        cls.certificates[name] = Certificate(name, key, base)
        return cls.certificates[name]

    @classmethod
    def deep(cls):
        """A client's certificate below more authorities than are looked at, and one that is not."""
        above, chain = "root-p256", ""
        for number in range(DEPTH_MAX + 1):
            authority = cls.made(f"deep-{number}", f"/CN=Authority {number}", issuer=above, ca=True)
            above = authority.name
            with open(authority.chain, encoding="ascii") as file:
                chain = file.read() + chain
            if number >= DEPTH_MAX - 1:
                leaf = cls.made("deep" if number == DEPTH_MAX else "deep-enough", "/CN=" + NAME,
                                issuer=above)
                with open(leaf.chain, "a", encoding="ascii") as file:
                    file.write(chain)

    def context(self, version, name=None, **options):
        context = client_context(minimum_version=version, maximum_version=version, **options)
        if name:
            context.load_cert_chain(self.certificates[name].chain, self.certificates[name].key)
        return context

    def session(self, listener, context):
        """A client after its handshake, and its line in the log."""
        client = self.connect(self.posternd.address(listener))
        client.starttls(context)
        return client, self.of_log(self.posternd, ESTABLISHED, client)

    def shown(self, line, name):
        """Asserts that the line, of either kind, names this certificate of a client."""
        self.assertIn(f" client_fingerprint={self.fingerprint(name)} ", line.string)
        self.assertIn(f" client_certificate={NAME if name != 'server' else 'mail.example.test'} ",
                      line.string)

    def fingerprint(self, name):
        """As openssl writes it."""
        return run(["openssl", "x509", "-in", self.certificates[name].chain, "-noout",
                    "-fingerprint", "-sha256"]).stdout.partition("=")[2].strip()

    def refused(self, listener, context, alert):
        """Fails with this alert, in TLS 1.3 when the client reads first; the line of it."""
        mark = self.posternd.mark()
        client = self.connect(self.posternd.address(listener))
        client.greet()
        client.command("STARTTLS")
        with self.assertRaisesRegex((ssl.SSLError, ConnectionError), alert):
            client.tls(context)
            self.assertEqual(client.socket.version(), "TLSv1.3")
            client.command("EHLO client.example.test")
        client.close()
        line = self.handshake_failure(self.posternd, client)
        self.assertEqual(line["reason"], "client-certificate")
        end = self.of_log(self.posternd, DISCONNECT, client)
        self.assertEqual((end["tls"], end["certificate"]), ("no", None))
        self.assertIsNone(self.posternd.log.find(of_client(ESTABLISHED, client.port), after=mark))
        return line


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
        """The line of a Postfix that asks this client, and ours. Postfix calls curves by the names
        of OpenSSL, and names signatures in TLS 1.3 only."""
        for version in VERSIONS:
            mark = self.stage.postfix.log.mark()
            context = self.context(version, name)
            client = self.connect(("127.0.0.1", self.asking_postfix.port))
            client.starttls(context)
            theirs = self.stage.postfix.log.wait(
                r"(?P<trust>\w+) TLS connection established from \S+ "
                r"(?P<words>TLSv1\S+ with cipher \S+ \(\d+/\d+ bits\))(?P<more>.*)", after=mark)
            more = theirs["more"]
            for theirs_name, ours_name in (("prime256v1", "P-256"), ("secp384r1", "P-384"),
                                           ("secp521r1", "P-521")):
                more = more.replace(f"({theirs_name})", f"({ours_name})")
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
            for name in (rb"Throw-away root p256", rb"Throw-away root ed25519"):
                self.assertRegex(program.output, rb"Acceptable client certificate CA names\n"
                                 rb"(CN = .*\n)*CN = " + name)
        else:
            self.assertIn(b"No client certificate CA names sent", program.output)
        program.line("EHLO program.example.test", 250)
        program.send(b"Q\n")
        program.end()
        self.assertNotIn(b"Session Ticket", program.output)
        self.posternd.wait_log(ESTABLISHED, after=mark)

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


class Names(Certificates):
    """Certificates are the client's own words until somebody vouches for them."""

    @classmethod
    def prepare(cls):
        cls.certificates = {}
        cls.directory = cls.stage.authority.directory
        cls.posternd = cls.stage.front(["p256"], log_sessions="all",
                                       listeners={"mx": {"client_certificate": "ask"}})

    # name, subject in openssl's words, how the log shows it
    @table((
        ("common name", "/O=Example/CN=client.example.test", "client.example.test"),
        ("no common name", "/C=XX/O=Example", r"O\x3dExample\x2cC\x3dXX"),
        ("nothing", "/", '""'),
        ("two common names", "/CN=one/CN=two", r"CN\x3dtwo\x2cCN\x3done"),
        ("a field of its own", '/CN=x" session=0000000000 \\\\y', r"x\x22\x20session\x3d0000000000"
         r"\x20\x5cy"),
        ("a line of its own", "/CN=x\nposternd[1]: y", r"CN\x3dx\x5c0Aposternd\x5b1\x5d:\x20y"),
        ("an escape", "/CN=\x1b[2J", r"CN\x3d\x5c1B\x5b2J"),
        ("umlauts", "/CN=M\u00fcller", r"M\xc3\xbcller"),
        ("umlauts without a common name", "/O=M\u00fcller", r"O\x3dM\xc3\xbcller"),
        ("as long as is shown", "/OU=" + "u" * 61, r"OU\x3d" + "u" * 61),
        ("too long", "/OU=" + "u" * 62, r"OU\x3d" + "u" * 61 + "..."),
    ))
    def test_subject(self, subject, expected):
        name = re.sub(r"\W", "-", self.id().rpartition(".")[2])
        self.made(name, subject)
        for version in VERSIONS:
            _, line = self.session("mx", self.context(version, name))
            self.assertEqual((line["client"], line["issuer"]), (expected, expected))
            self.assertEqual(line["fingerprint"], self.fingerprint(name))

    @table(both([("", None)]))
    def test_too_many_certificates(self, version, _):
        """More bytes than are read: libssl ends the handshake before it reads them."""
        leaf = self.made(f"leaf-{version.name}", "/CN=" + NAME)
        filler = self.made(f"filler-{version.name}", "/CN=Filler", key="rsa")
        with open(filler.chain, encoding="ascii") as file:
            text = file.read()
        with open(leaf.chain, "a", encoding="ascii") as file:
            file.write(text * 12)
        _, line = self.session("mx", self.context(version, leaf.name))
        self.assertEqual(line["client"], NAME)
        with open(leaf.chain, "a", encoding="ascii") as file:
            file.write(text * 12)
        line = self.refused("mx", self.context(version, leaf.name), "illegal parameter|reset")
        self.assertEqual(line["detail"], "excessive message size")


class Configuration(Certificates):
    @classmethod
    def prepare(cls):
        cls.certificates = {}
        cls.stage.certificate("p256")
        cls.directory = cls.stage.authority.directory
        cls.good = cls.made("good", "/CN=An authority", ca=True).chain

    def checked(self, code, **options):
        """What posternd -t says of a listener with these options, which end in client_ca."""
        conf = self.stage.write(certificates=["p256"], backend=BACKEND, sets=options.pop(
            "sets", None), listeners={"mx": options})
        done = run_posternd(self.stage.build, "-c", conf, "-t")
        self.assertEqual(done.returncode, code, done.stderr)
        with open(conf, encoding="utf-8") as file:
            lines = file.read().splitlines()
        return conf, lines, done.stderr

    def file(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path

    def assert_refused(self, client_ca, text, **options):
        conf, lines, said = self.checked(2, client_certificate="ask", client_ca=client_ca,
                                         **options)
        line = 1 + next(number for number, each in enumerate(lines) if "client_ca" in each)
        self.assertRegex(said, f"^{re.escape(conf)}:{line}: .*{text}.*\n$")

    @table((
        ("empty", "", "is empty"),
        ("no certificate", "nothing of the kind\n", "no certificate in it"),
        ("broken", "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
         "bad base64 decode"),
        ("not a certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
         "client_ca: .*bad.pem: not a certificate in PEM: wrong tag"),
    ))
    def test_bad_file(self, text, said):
        self.assert_refused(self.file("bad.pem", text), said)

    def test_good_and_bad(self):
        with open(self.good, encoding="ascii") as file:
            good = file.read()
        self.assert_refused(self.file("both.pem", good + "-----BEGIN CERTIFICATE-----\n!!!!\n"
                                      "-----END CERTIFICATE-----\n"), "bad base64 decode")

    def test_missing_file(self):
        self.assert_refused("nowhere.pem", "cannot open .*nowhere.pem: No such file or directory")

    def test_directory(self):
        self.assert_refused(self.directory, "is not a regular file")

    def test_names_too_long(self):
        """What would not fit into a handshake is found at start."""
        text = ""
        for number in range(14):
            # Attributes are 64 bytes long at most, so a long name has many.
            subject = "".join(f"/OU={number:02}{each:02}{'x' * 60}" for each in range(34))
            with open(self.made(f"long-{number}", subject, ca=True).chain,
                      encoding="ascii") as file:
                text += file.read()
        self.assert_refused(self.file("long.pem", text),
                            "the names of its authorities, which are sent to clients, are longer "
                            "than 32768 bytes")

    def test_read_by_the_user_only(self):
        """It is read before root is given up, like the keys."""
        path = shutil.copy(self.good, os.path.join(self.directory, "private.pem"))
        os.chmod(path, 0o600)
        if os.geteuid() == 0:
            shutil.chown(path, "root")
        _, _, said = self.checked(0, client_certificate="ask", client_ca=path)
        self.assertNotIn("client_ca", said)

    @table((
        ("require without client_ca", {"client_certificate": "require"},
         'listener "mx": client_certificate = "require" without client_ca takes any certificate'),
        ("client_ca without a use", {"client_ca": True},
         'listener "mx": client_ca does nothing while client_certificate is "none"'),
        ("require with client_ca", {"client_certificate": "require", "client_ca": True}, None),
        ("ask without client_ca", {"client_certificate": "ask"}, None),
        ("ask with client_ca", {"client_certificate": "ask", "client_ca": True}, None),
        ("no TLS", {"client_certificate": "require", "client_ca": "nowhere", "tls": "none"}, None),
        ("anonymous", {"client_certificate": "require", "client_ca": True,
                       "sets": {"mail": {"certificates": ["p256"], "unmatched": "anonymous"}}},
         'unmatched = "anonymous" of certificate_set "mail" does nothing where client '
         'certificates are required'),
    ))
    def test_warning(self, options, text):
        options = dict(options)
        if options.get("client_ca") is True:
            options["client_ca"] = self.good
        conf, lines, said = self.checked(0, **options)
        found = [line for line in said.splitlines() if "client" in line]
        if text is None:
            self.assertEqual(found, [])
            return
        self.assertEqual(len(found), 1, said)
        number = next((at for at, line in enumerate(lines) if "client_ca =" in line), None)
        if number is None or "sets" in options:
            # Of something missing, or of the whole: the line of the section's closing brace.
            number = next(at for at, line in enumerate(lines)
                          if line == "}" and at > lines.index('listener "mx" {'))
        self.assertIn(f"{conf}:{number + 1}: ", found[0])
        self.assertIn(text, found[0])
