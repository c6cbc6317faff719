"""The choice where libssl alone would send what clients refuse, or nothing: certificates with a fault
rank behind those without one, and TLS 1.2 serves whom TLS 1.3 cannot."""

import json
import os
import ssl

from common import ESTABLISHED, Case, client_context, of_client, table
from lab import hello
from lab.posternd import run_posternctl, run_posternd
from lab.process import run

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3

RSA_PKCS1, RSA_PSS, ECDSA = 0x0401, 0x0804, 0x0403

# A certificate, its fault, and whether TLS 1.2 has it with an ECDHE suite, too.
FAULTS = (
    ("key agreement", "agrees", "key-usage", False),
    ("key encipherment", "enciphers", "key-encipherment-only", True),
    ("explicit curve", "explicit", "explicit-parameters", True),
)

# What the fault is in the words of a warning.
WORDS = {"key-usage": "its keyUsage lacks digitalSignature",
         "key-encipherment-only": "its keyUsage allows keyEncipherment but no signature",
         "explicit-parameters": "its curve is given by parameters, not by name"}


def certificates(stage):
    """{name: certificate}"""
    made = [stage.certificate("agrees", "p256", usage="keyAgreement"),
            stage.certificate("enciphers", "rsa2048", usage="keyEncipherment"),
            stage.certificate("explicit", "explicit", issuer="p256"),
            stage.certificate("p256"), stage.certificate("rsa")]
    return {each.name: each for each in made}


class Choice(Case):
    """What the two parts share."""

    def explain(self, listener, *lists, json=False):
        """What posternctl explains for a hello at the listener of self.posternd."""
        return run_posternctl(self.build, "-c", self.posternd.conf, *(["--json"] if json else []),
                              "explain", "--listener", listener, *lists).stdout

    def facts(self, host, port):
        """What posternctl tells of a live session: as text, and the one object of the JSON."""
        told = [run_posternctl(self.build, "-c", self.posternd.conf, *json_option, "facts", host,
                               str(port)).stdout for json_option in ([], ["--json"])]
        return told[0], json.loads(told[1])["facts"][0]


class Ranking(Choice):
    @classmethod
    def prepare(cls):
        cls.certificates = certificates(cls.stage)
        sets = {name: [name, "p256", "rsa"] for _, name, _, _ in FAULTS}
        sets.update({"only-" + name: [name] for _, name, _, _ in FAULTS})
        cls.posternd = cls.stage.front(list(cls.certificates.values()), sets=sets, listeners={
            name: {"certificate_sets": name} for name in sets})

    def line(self, listener, version):
        """What is logged of a client that verifies nothing."""
        client = self.connect(self.posternd.address(listener))
        client.starttls(client_context(minimum_version=version, maximum_version=version))
        client.command("QUIT")
        return self.posternd.wait_log(of_client(ESTABLISHED, client.port))

    @table([(f"{name} {version.name}", name, version)
            for _, name, _, _ in FAULTS for version in (TLS12, TLS13)])
    def test_ranks_behind(self, name, version):
        line = self.line(name, version)
        self.assertEqual((line["certificate"], line["fault"]), ("p256", None))

    @table([(f"{title} {version.name}", name, version, fault)
            for title, name, fault, both in FAULTS
            for version in ((TLS12, TLS13) if both else (TLS13,))])
    def test_is_served_all_the_same(self, name, version, fault):
        line = self.line("only-" + name, version)
        self.assertEqual((line["certificate"], line["fault"], line["capped"]), (name, fault, None))

    @table([(title, name, fault) for title, name, fault, _ in FAULTS])
    def test_facts(self, name, fault):
        client = self.connect(self.posternd.address("only-" + name))
        client.starttls(client_context(minimum_version=TLS13))
        text, facts = self.facts("127.0.0.1", client.port)
        self.assertEqual((facts["certificate"], facts["fault"], facts["capped"]), (name, fault, False))
        self.assertRegex(text, rf"(?m)^    certificate +{name}\n      fault +{fault}$")

    def test_no_fault_where_the_key_deciphers(self):
        """TLS 1.2 with static RSA is what keyEncipherment is for."""
        client = self.connect(self.posternd.address("enciphers"))
        context = client_context(maximum_version=TLS12)
        context.set_ciphers("kRSA:@SECLEVEL=0")
        client.starttls(context)
        line = self.posternd.wait_log(of_client(ESTABLISHED, client.port))
        self.assertEqual((line["certificate"], line["fault"]), ("enciphers", None))

    @table([(title, name) for title, name, _, _ in FAULTS])
    def test_gnutls_takes_what_ranks_first(self, name):
        """It refuses each of the three."""
        host, port = self.posternd.address(name)
        command = ["gnutls-cli", "--starttls-proto=smtp", f"--port={port}",
                   f"--x509cafile={self.stage.authority.roots}",
                   "--verify-hostname=mail.example.test", host]
        done = run(command)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        command[2] = "--port=%d" % self.posternd.address("only-" + name)[1]
        done = run(command)
        self.assertNotEqual(done.returncode, 0, done.stdout + done.stderr)

    def warnings(self, conf):
        done = run_posternd(self.build, "-t", "-c", conf)
        self.assertEqual(done.returncode, 0, done.stderr)
        checked = json.loads(run_posternctl(self.build, "-c", conf, "--json", "check").stdout)
        for line in checked["warnings"]:
            self.assertIn(line, done.stderr)
        return [line for line in checked["warnings"] if "some clients refuse" in line]

    @table([(title, name, fault) for title, name, fault, _ in FAULTS])
    def test_warnings(self, name, fault):
        for names, end in ((["p256", name], None), ([name, "rsa", "p256"], (
                ': it ranks after the others, and "rsa" is served in its place where possible: '
                "with DANE, also publish a TLSA record for that one")),
                           ([name], ", and no other one could be served in its place")):
            conf = self.stage.write(certificates=[self.certificates[each] for each in names],
                                    backend="127.0.0.1:1")
            found = self.warnings(conf)
            if end is None:
                self.assertEqual(found, [])
                continue
            self.assertEqual(len(found), 1, found)
            self.assertTrue(found[0].endswith(
                f'some clients refuse certificate "{name}" ({WORDS[fault]}){end}'), found[0])

    @table([(title, name, fault) for title, name, fault, _ in FAULTS])
    def test_explain(self, name, fault):
        lists = ("--version", "1.3", "--ciphers", "TLS_AES_128_GCM_SHA256", "--groups", "X25519",
                 "--sigalgs", "ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256")
        told = json.loads(self.explain(name, *lists, json=True))
        self.assertEqual((told["chosen"], told["fault"], told["capped"]), ("p256", None, False))
        first = told["verdicts"][0]
        self.assertEqual((first["certificate"], first["usable"], first["fault"]),
                         (name, True, fault))
        self.assertIn("some clients refuse it, " + WORDS[fault], first["text"])
        text = self.explain(name, *lists)
        self.assertIn('Chosen: "p256", the first that is usable and that no client refuses\n', text)
        self.assertNotIn("NOT AS PREDICTED", text)
        self.assertIn(f'Chosen: "{name}", the first that is usable; none is without a fault\n',
                      self.explain("only-" + name, *lists))


class Capped(Choice):
    """A client of both versions, whose schemes fit no certificate in TLS 1.3."""

    @classmethod
    def prepare(cls):
        sets = {"both": ["p256", "rsa"], "ecdsa": ["p256"]}
        cls.posternd = cls.stage.front(
            ["p256", "rsa"], sets=sets, log_sessions="all",
            extra='tls_profile "only13" { min_protocol = "TLSv1.3" }\n',
            listeners={"both": {"certificate_sets": "both"}, "ecdsa": {"certificate_sets": "ecdsa"},
                       "only13": {"certificate_sets": "both", "tls_profile": "only13"}})

    @staticmethod
    def offer(schemes, versions=(hello.TLS13, hello.TLS12), suites=(0x1301, 0xc02f, 0xc02b)):
        return hello.build(version=hello.TLS12, suites=suites, extensions=[
            hello.groups([0x0017]), hello.schemes(schemes), hello.supported_versions(versions),
            hello.key_share(0x0017)])

    def answer(self, listener, message):
        client = self.connect(self.posternd.address(listener))
        client.greet()
        client.command("STARTTLS")
        client.send(hello.records(message))
        return client, hello.read_answer(client)

    def test_goes_down(self):
        _, answer = self.answer("both", self.offer([RSA_PKCS1]))
        self.assertEqual(answer.version, hello.TLS12)

    @table([("PSS", [RSA_PKCS1, RSA_PSS]), ("ECDSA", [RSA_PKCS1, ECDSA])])
    def test_stays(self, schemes):
        _, answer = self.answer("both", self.offer(schemes))
        self.assertEqual(answer.version, hello.TLS13)

    @table([
        ("only TLS 1.3 is offered", "both", {"schemes": [RSA_PKCS1], "versions": [hello.TLS13]}),
        ("only TLS 1.3 is allowed", "only13", {"schemes": [RSA_PKCS1]}),
        ("no certificate in TLS 1.2 either", "ecdsa", {"schemes": [RSA_PKCS1]}),
        ("no suite in TLS 1.2", "both", {"schemes": [RSA_PKCS1], "suites": [0x1301]}),
    ])
    def test_refused(self, listener, offer):
        client, answer = self.answer(listener, self.offer(**offer))
        self.assertIsNotNone(answer.alert)
        line = self.handshake_failure(self.posternd, client)
        self.assertEqual(line["reason"], "no-certificate-fits")

    def test_no_downgrade_sentinel(self):
        """RFC 8446 section 4.1.3: a client that offers TLS 1.3 has to refuse such a random."""
        _, answer = self.answer("both", self.offer([RSA_PKCS1]))
        self.assertNotIn(b"DOWNGRD", answer.random)

    def openssl(self, *options):
        """The line of a session of OpenSSL's client with these schemes."""
        command = ["openssl", "s_client", "-starttls", "smtp", "-sigalgs", "RSA+SHA256",
                   "-connect", "%s:%d" % self.posternd.address("both"), "-verify_return_error",
                   "-CAfile", self.stage.authority.roots, *options]
        mark = self.posternd.mark()
        done = run(command, stdin="QUIT\r\n")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        line = self.posternd.wait_log(ESTABLISHED, after=mark)
        self.assertEqual((line["protocol"], line["certificate"]), ("TLSv1.2", "rsa"))
        return line

    def test_facts(self):
        mark = self.posternd.mark()
        client = self.program([
            "openssl", "s_client", "-quiet", "-crlf", "-starttls", "smtp", "-sigalgs", "RSA+SHA256",
            "-connect", "%s:%d" % self.posternd.address("both")])
        client.expect(rb"^250 .*\n")
        line = self.posternd.wait_log(ESTABLISHED, after=mark)
        text, facts = self.facts(line["host"], line["port"])
        self.assertEqual((facts["protocol"], facts["fault"], facts["capped"]),
                         ("TLSv1.2", None, True))
        self.assertRegex(text, r"(?m)^    tls +TLSv1\.2 with cipher \S+ \(\d+/\d+ bits\), capped$")
        client.line("QUIT", 221)

    def test_resumed(self):
        """The ticket is of TLS 1.2, and so is the session that begins with it."""
        ticket = os.path.join(self.stage.directory, "ticket")
        line = self.openssl("-sess_out", ticket)
        self.assertEqual((line["reused"], line["capped"]), ("no", "yes"))
        line = self.openssl("-sess_in", ticket)
        self.assertEqual((line["reused"], line["capped"]), ("yes", None))

    def test_explain(self):
        lists = ("--ciphers", "TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES128-GCM-SHA256", "--groups", "P-256",
                 "--sigalgs", "rsa_pkcs1_sha256", "--version", "1.3")
        told = json.loads(self.explain("both", *lists, json=True))
        self.assertEqual((told["chosen"], told["version"], told["capped"]),
                         ("rsa", "TLSv1.2", True))
        text = self.explain("both", *lists)
        self.assertIn("in TLS 1.2: the client also offers TLS 1.3", text)
        self.assertNotIn("NOT AS PREDICTED", text)

    def test_would_fit(self):
        client, _ = self.answer("ecdsa", self.offer([RSA_PKCS1]))
        self.assertIn("would_fit=rsa ", self.handshake_failure(self.posternd, client).string)


class Schemes(Choice):
    """SHA-224 and SHA-1 sign where libssl itself would let them."""

    @classmethod
    def prepare(cls):
        cls.posternd = cls.stage.front(
            ["p256", "rsa"],
            listeners={"opportunistic": {"tls_profile": "opportunistic"},
                       "modern": {"tls_profile": "modern"}})
        cls.level3 = cls.stage.front(
            ["p256"], extra='tls_profile "level3" { ciphers = "ALL:@SECLEVEL=3" }\n',
            listeners={"level3": {"tls_profile": "level3"}})

    @table([(f"{name} {listener}", scheme, suite, listener, certificate)
            for name, scheme, suite, certificate, served in (
                ("ECDSA with SHA-224", 0x0303, 0xc02b, "p256", ("opportunistic", "modern")),
                ("ECDSA with SHA-1", 0x0203, 0xc02b, "p256", ("opportunistic",)),
                ("RSA with SHA-224", 0x0301, 0xc02f, "rsa2048", ("opportunistic", "modern")),
                ("RSA with SHA-1", 0x0201, 0xc02f, "rsa2048", ("opportunistic",)))
            for listener in served])
    def test_served(self, scheme, suite, listener, certificate):
        answer = hello.ask(self.posternd.address(listener), self.offer(scheme, suite))
        self.assertEqual((answer.certificate, answer.exchange["scheme"]), (certificate, scheme))

    @table([("ECDSA with SHA-1", 0x0203, 0xc02b, "modern"),
            ("RSA with SHA-1", 0x0201, 0xc02f, "modern"),
            ("ECDSA with SHA-224", 0x0303, 0xc02b, "level3")])
    def test_below_the_level(self, scheme, suite, listener):
        daemon = self.level3 if listener == "level3" else self.posternd
        self.assertEqual(hello.ask(daemon.address(listener), self.offer(scheme, suite)).alert[1], 40)

    @staticmethod
    def offer(scheme, suite):
        return hello.build(suites=[suite], extensions=[hello.groups([0x0017]),
                                                       hello.schemes([scheme])])
