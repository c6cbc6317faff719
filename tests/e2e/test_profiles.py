"""What the TLS profiles allow, in which order, and that nothing else has a say in it."""

import functools
import os
import re
import struct

from common import ESTABLISHED, FAILED, Case, client_context, of_client, table
from lab import hello
from lab.process import run
from lab.release import best_group

P256, P384, P521, X25519, X448 = 0x0017, 0x0018, 0x0019, 0x001d, 0x001e
GROUPS = (P256, P384, P521, X25519, X448)
SCHEMES = (0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201)
ECDHE_RSA, STATIC_RSA, DHE_RSA = 0xc02f, 0x002f, 0x009e
FALLBACK = 0x5600
VERSIONS = {"SSLv3": hello.TLS10, "TLSv1": hello.TLS10, "TLSv1.2": hello.TLS12,
            "TLSv1.3": hello.TLS13}

# A system-wide configuration of an administrator who wants something else.
HOSTILE = """\
openssl_conf = init
[init]
ssl_conf = ssl
[ssl]
system_default = system
[system]
MinProtocol = TLSv1.3
CipherString = kRSA:@SECLEVEL=4
Ciphersuites = TLS_CHACHA20_POLY1305_SHA256
Groups = P-521
SignatureAlgorithms = ecdsa_secp521r1_sha512
Options = -SessionTicket,-ServerPreference
"""


class Suite:
    """A row of `openssl ciphers -V`."""

    def __init__(self, line):
        number, _, self.name, version, *rest = line.split()
        first, second = number.split(",")
        self.number = int(first, 16) << 8 | int(second, 16)
        self.version = VERSIONS[version]
        fields = dict(each.split("=", 1) for each in rest)
        self.exchange, self.authentication = fields["Kx"], fields["Au"]
        self.encryption = fields["Enc"]


@functools.cache
def system_suites():
    """Every suite that the system's OpenSSL has."""
    done = run(["openssl", "ciphers", "-V", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"])
    return [Suite(line) for line in done.stdout.splitlines()]


def offers(*suites, version=hello.TLS12, groups=GROUPS):
    extensions = [hello.schemes(SCHEMES)]
    if groups:
        extensions.insert(0, hello.groups(groups))
    return hello.build(version=version, suites=suites, extensions=extensions)


def sslv2(version, suites):
    """An SSLv2-format hello in its record: the suites with a zero byte in front of each."""
    specs = b"".join(struct.pack(">BH", 0, each) for each in suites)
    body = struct.pack(">BHHHH", 1, version, len(specs), 0, 16) + specs + os.urandom(16)
    return struct.pack(">H", 0x8000 | len(body)) + body


class Profiles(Case):
    @classmethod
    def prepare(cls):
        sets = {"mail": ["p256", "rsa"], "rsa": ["rsa"]}
        profiles = {
            "old": 'max_protocol = "TLSv1.1"',
            "own": 'min_protocol = "TLSv1.1" max_protocol = "TLSv1.2" groups = "P-384:P-256" '
                   'ciphers = "AES128-SHA:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-SHA:'
                   '@SECLEVEL=0"',
            "suites": 'ciphersuites = "TLS_CHACHA20_POLY1305_SHA256"',
        }
        listeners = {"opportunistic": {"tls_profile": "opportunistic"},
                     "modern": {"tls_profile": "modern"}, "default": {}}
        listeners.update((name, {"tls_profile": name, "certificate_sets": "rsa"})
                         for name in profiles)
        extra = "".join(f'tls_profile "{name}" {{ {options} }}\n'
                        for name, options in profiles.items())
        hostile = os.path.join(cls.stage.directory, "hostile.cnf")
        with open(hostile, "w", encoding="ascii") as file:
            file.write(HOSTILE)
        cls.hostile = hostile
        cls.posternd = cls.stage.front(["p256", "rsa"], sets=sets, listeners=listeners, extra=extra)
        # All tests are about both: with and without it everything is the same.
        cls.under_hostile = cls.stage.posternd(
            certificates=["p256", "rsa"], backend=cls.stage.postfix.services["postern"].address,
            sets=sets, listeners=listeners, extra=extra,
            wrapper=("env", f"OPENSSL_CONF={hostile}"))

    def ask(self, listener, message):
        """The Answer, which is the same under any openssl.cnf."""
        answers = [hello.ask(daemon.address(listener), message)
                   for daemon in (self.posternd, self.under_hostile)]
        first, second = ((each.alert, each.version, each.suite, each.retry, each.certificate,
                          each.exchange, each.done) for each in answers)
        self.assertEqual(first, second)
        return answers[0]

    def served(self, suite, listener):
        """Whether the suite, offered alone in its version, is served."""
        if suite.version == hello.TLS13:
            answer = self.ask(listener, hello.tls13([suite.number]))
        else:
            answer = self.ask(listener, offers(suite.number))
        if answer.alert:
            self.assertEqual(answer.alert, (2, 40), suite.name)
            return False
        self.assertEqual(answer.suite, suite.number, suite.name)
        return True

    # --- which suites ---

    def test_opportunistic_has_every_suite(self):
        for suite in system_suites():
            expected = (suite.version == hello.TLS13 or
                        suite.authentication in ("RSA", "ECDSA") and
                        suite.exchange in ("RSA", "DH", "ECDH") and suite.encryption != "None")
            self.assertEqual(self.served(suite, "opportunistic"), expected, suite.name)

    def test_modern_has_forward_secrecy(self):
        kept = 0
        for suite in system_suites():
            served = self.served(suite, "modern")
            kept += served
            if served:
                self.assertIn(suite.exchange, ("any", "DH", "ECDH"), suite.name)
                self.assertIn(suite.authentication, ("any", "RSA", "ECDSA"), suite.name)
                self.assertRegex(suite.encryption, "AESGCM|CHACHA20")
        self.assertGreaterEqual(kept, 12)

    @table(((name, name) for name in ("opportunistic", "default")))
    def test_old_versions(self, listener):
        for version in (hello.TLS10, hello.TLS11):
            for suites in ([0xc009], [0xc013], [STATIC_RSA], [0x0033]):
                answer = self.ask(listener, offers(*suites, version=version))
                self.assertEqual((answer.version, answer.suite, answer.done),
                                 (version, suites[0], True))

    # --- which versions ---

    def reason(self, listener, message, alert):
        """The reason in the log for a hello that is answered with this alert."""
        # Among so many connections a client's port comes more than once.
        mark = self.posternd.mark()
        client = self.connect(self.posternd.address(listener))
        client.greet()
        client.command("STARTTLS")
        client.send(hello.records(message))
        answer = hello.read_answer(client)
        self.assertEqual(answer.alert, (2, alert), answer.text)
        return self.posternd.wait_log(of_client(FAILED, client.port), after=mark)["reason"]

    @table((("modern and TLS 1.1", "modern", hello.TLS11, 70),
            ("modern and TLS 1.0", "modern", hello.TLS10, 70),
            ("own and TLS 1.0", "own", hello.TLS10, 70),
            ("opportunistic and SSL 3", "opportunistic", 0x0300, 40)))
    def test_version_refused(self, listener, version, alert):
        self.assertEqual(self.reason(listener, offers(STATIC_RSA, 0xc014, version=version), alert),
                         "protocol-version")

    def test_highest_version(self):
        answer = self.ask("old", offers(STATIC_RSA, 0xc014))
        self.assertEqual((answer.version, answer.suite), (hello.TLS11, 0xc014))
        answer = self.ask("own", hello.build(suites=[0x1301, 0xc030], extensions=[
            hello.groups([P256]), hello.schemes(SCHEMES), hello.key_share(P256),
            hello.supported_versions([hello.TLS13, hello.TLS12])]))
        self.assertEqual((answer.version, answer.suite), (hello.TLS12, 0xc030))

    def test_fallback(self):
        """TLS_FALLBACK_SCSV (RFC 7507): refused where a higher version was to be had."""
        for listener, version, alert in (
                ("opportunistic", hello.TLS12, 86), ("opportunistic", hello.TLS10, 86),
                ("own", hello.TLS11, 86), ("own", hello.TLS12, None), ("old", hello.TLS11, None)):
            answer = self.ask(listener, offers(0xc013, STATIC_RSA, FALLBACK, version=version))
            self.assertEqual(answer.alert, (2, alert) if alert else None, f"{listener} {version}")
        self.assertEqual(self.reason("opportunistic", offers(STATIC_RSA, FALLBACK), 86),
                         "protocol-version")
        # With TLS 1.3 in the hello it means nothing.
        answer = self.ask("opportunistic", hello.tls13([0x1301, FALLBACK]))
        self.assertEqual(answer.version, hello.TLS13, answer.text)

    # --- which order ---

    def test_dhe_is_the_last_resort(self):
        dhe = [each for each in system_suites()
               if each.exchange == "DH" and each.authentication == "RSA" and
               each.encryption != "None"]
        self.assertGreater(len(dhe), 10)
        for suite in dhe:
            for message, expected in (
                    (offers(suite.number, STATIC_RSA, 0xc013), 0xc013),
                    (offers(suite.number, 0xc013), 0xc013),
                    (offers(suite.number, STATIC_RSA), STATIC_RSA),
                    (offers(suite.number, 0xc013, STATIC_RSA, groups=()), STATIC_RSA),
                    (offers(suite.number, 0xc013, groups=()), suite.number),
                    (offers(suite.number), suite.number)):
                answer = self.ask("opportunistic", message)
                self.assertEqual(answer.suite, expected, f"{suite.name}: {answer.text}")

    def test_own_order(self):
        answer = self.ask("own", offers(0xc013, 0xc030, STATIC_RSA))
        self.assertEqual(answer.suite, STATIC_RSA)
        answer = self.ask("own", offers(0xc013, 0xc030))
        self.assertEqual((answer.suite, answer.exchange["group"]), (0xc030, P384))
        self.assertEqual(self.ask("own", offers(ECDHE_RSA)).alert, (2, 40))
        self.assertEqual(self.ask("own", offers(0xc030, groups=[X25519, P521])).alert, (2, 40))

    def test_own_ciphersuites(self):
        answer = self.ask("suites", hello.tls13([0x1301, 0x1302, 0x1303]))
        self.assertEqual(answer.suite, 0x1303)
        self.assertEqual(self.ask("suites", hello.tls13([0x1301, 0x1302])).alert, (2, 40))

    # --- openssl.cnf ---

    def test_the_hostile_file_is_hostile(self):
        """Else the comparisons above compare nothing."""
        done = run(["openssl", "s_client", "-connect", "%s:%d" % self.posternd.address("default"),
                    "-starttls", "smtp", "-tls1_2"], env={**os.environ, "OPENSSL_CONF": self.hostile})
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn("BEGIN CERTIFICATE", done.stdout)

    def test_a_whole_session_under_it(self):
        for version in ("TLSv1_2", "TLSv1_3"):
            context = client_context()
            context.minimum_version = context.maximum_version = getattr(
                type(context.minimum_version), version)
            mark = self.under_hostile.mark()
            client = self.connect(self.under_hostile.address("default"))
            client.starttls(context)
            session = client.socket.session
            line = self.under_hostile.wait_log(of_client(ESTABLISHED, client.port), after=mark)
            exchange = best_group() if version == "TLSv1_3" else "X25519"
            self.assertEqual((line["certificate"], line["exchange"], line["reused"]),
                             ("p256", exchange, "no"))
            self.assertTrue(session.has_ticket)


class Formats(Case):
    """Hellos that are seldom seen, through the whole of libssl."""

    @classmethod
    def prepare(cls):
        cls.posternd = cls.stage.front(["p256", "rsa"])

    def client(self):
        client = self.connect(self.posternd.address())
        client.greet()
        client.command("STARTTLS")
        return client

    @table((("TLS 1.0", hello.TLS10), ("TLS 1.1", hello.TLS11), ("TLS 1.2", hello.TLS12)))
    def test_sslv2_format(self, version):
        client = self.client()
        client.send(sslv2(version, [0xc009, 0x000a, STATIC_RSA]))
        answer = hello.read_answer(client)
        self.assertEqual((answer.version, answer.suite, answer.certificate, answer.done),
                         (version, STATIC_RSA, "rsa2048", True), answer.text)

    def test_sslv2_format_refused(self):
        client = self.client()
        client.send(sslv2(hello.TLS10, [0xc009]))
        self.assertEqual(hello.read_answer(client).alert, (2, 40))
        line = self.handshake_failure(self.posternd, client)
        self.assertEqual((line["reason"], line["facts"].partition(" ja4=")[0].strip()),
                         ("no-certificate-fits", "p256=no-shared-group rsa=no-suite groups=none "
                                                 "would_fit=none"))

    def test_sslv2_itself(self):
        client = self.client()
        client.send(sslv2(0x0002, [STATIC_RSA]))
        answer = hello.read_answer(client)
        self.assertTrue(answer.alert or answer.closed, answer.text)
        self.assertIsNone(answer.version)
        line = self.handshake_failure(self.posternd, client)
        self.assertEqual(line["reason"], "protocol-version")

    def retried(self, first, second):
        """The answer to the second hello after a HelloRetryRequest, and the client."""
        client = self.client()
        client.send(hello.records(first))
        answer = hello.read_answer(client)
        self.assertTrue(answer.retry, answer.text)
        client.send(hello.records(second))
        return hello.read_answer(client), client

    def test_retry_keeps_the_choice(self):
        """P-256 was chosen for the first hello; a second one that rules it out gets no other."""
        random = os.urandom(32)
        session = os.urandom(32)

        def retried(schemes, shares):
            return hello.build(suites=[0x1301], session_id=session, random=random, extensions=[
                hello.groups([P256]), hello.schemes(schemes),
                hello.supported_versions([hello.TLS13]), hello.key_share(*shares)])

        answer, client = self.retried(retried([0x0403, 0x0804], []), retried([0x0804], [P256]))
        self.assertEqual(answer.alert, (2, 40), answer.text)
        line = self.handshake_failure(self.posternd, client)
        self.assertEqual(line["detail"], "no suitable signature algorithm")
        # The same hellos, but that the first one rules it out: RSA, and the handshake goes on.
        answer, _ = self.retried(retried([0x0804], []), retried([0x0804], [P256]))
        self.assertEqual((answer.version, answer.alert), (hello.TLS13, None), answer.text)

    def test_retry_by_a_real_client(self):
        for options, certificate in (((), "p256"), (("-sigalgs", "rsa_pss_rsae_sha256"), "rsa")):
            mark = self.posternd.mark()
            program = self.s_client(self.posternd.address(), "-tls1_3", "-curves", "P-521",
                                    *options)
            program.expect(rb"^250 .*\n")
            program.line("EHLO program.example.test", 250)
            program.line("QUIT", 221)
            program.end()
            # Without a share of ours in common there was a HelloRetryRequest.
            line = self.posternd.wait_log(ESTABLISHED, after=mark)
            self.assertEqual((line["certificate"], line["exchange"]),
                             (certificate, "ECDHE (P-521)"))
