"""The main job: each client gets a certificate that it can use, and mail through."""

import shutil

from common import CERTIFICATES, ESTABLISHED, FAILED, Case, client_context, endpoint, table
from lab import hello
from lab.process import run
from lab.release import swaks_verify_option

# What the story's client offers, as `openssl s_client` is told. Its twelfth suite (3DES) and DSA
# are not in every libssl, which is no matter: neither could be chosen.
STORY_CIPHERS = ("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                 "ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES128-SHA:"
                 "AES256-GCM-SHA384:AES128-GCM-SHA256:AES256-SHA256:AES128-SHA256:"
                 "AES256-SHA:AES128-SHA")
STORY_SCHEMES = ("RSA+SHA256:RSA+SHA384:RSA+SHA1:ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA1:"
                 "RSA+SHA512:ECDSA+SHA512")
STORY = ("-tls1_2", "-curves", "P-256", "-sigalgs", STORY_SCHEMES, "-cipher", STORY_CIPHERS)

P256, P384, P521, X25519 = 0x0017, 0x0018, 0x0019, 0x001d
ECDSA_P256, ECDSA_P384, RSA_SHA256, PSS_SHA256 = 0x0403, 0x0503, 0x0401, 0x0804
ECDSA_SUITE, RSA_SUITE = 0xc02b, 0xc02f


def tls12(suites, groups, schemes):
    return hello.build(suites=suites, extensions=[hello.groups(groups), hello.schemes(schemes)])


# name, hello, listener, certificate
CHOICES = (
    ("story gets P-256 of all", hello.story(), "full", "p256"),
    ("story gets RSA without P-256", hello.story(), "rsa-p384", "rsa2048"),
    ("story with SNI gets P-256", hello.story("mail.example.test"), "full", "p256"),
    ("story with unknown SNI gets P-256", hello.story("no.such.name"), "full", "p256"),
    ("only P-384", tls12([ECDSA_SUITE], [P384], [ECDSA_P384]), "full", "p384"),
    ("only P-384 group, RSA too", tls12([ECDSA_SUITE, RSA_SUITE], [P384], [ECDSA_P384, RSA_SHA256]),
     "full", "rsa2048"),
    ("only RSA suites", tls12([RSA_SUITE], [P256], [ECDSA_P256, RSA_SHA256]), "full", "rsa2048"),
    ("static RSA without groups", hello.build(suites=[0x009c], extensions=None), "full",
     "rsa2048"),
    ("administrator's order before the client's", tls12([RSA_SUITE, ECDSA_SUITE], [P384, P256],
                                                        [RSA_SHA256, ECDSA_P384, ECDSA_P256]),
     "full", "p256"),
    ("administrator's order, P-384 first", tls12([RSA_SUITE, ECDSA_SUITE], [P256, P384],
                                                 [RSA_SHA256, ECDSA_P256, ECDSA_P384]),
     "p384-first", "p384"),
    ("TLS 1.0", hello.build(version=hello.TLS10, suites=[0xc009, 0xc013],
                            extensions=[hello.groups([P256])]), "full", "p256"),
)

# name, hello, listener, what the log says behind reason=no-certificate-fits
REFUSALS = (
    ("story and P-384", hello.story(), "p384",
     "p384=curve-not-in-groups groups=secp256r1 would_fit=ecdsa-p256,rsa"),
    ("only ECDSA suites, P-521", tls12([ECDSA_SUITE], [P521], [0x0603]), "full",
     "p256=curve-not-in-groups rsa=no-suite p384=curve-not-in-groups groups=secp521r1 "
     "would_fit=ecdsa-p521"),
    ("only SHA-384 ECDSA with RSA suites", tls12([RSA_SUITE], [P256], [ECDSA_P384]), "rsa-p384",
     "rsa=no-signature-scheme p384=no-suite groups=secp256r1 would_fit=none"),
    ("TLS 1.3, only P-521's scheme", hello.tls13(scheme_numbers=[0x0603]), "full",
     "p256=no-signature-scheme rsa=no-signature-scheme p384=no-signature-scheme "
     "groups=x25519,secp256r1 would_fit=ecdsa-p521"),
)

# name, options of openssl s_client, listener, certificate, protocol
OPENSSL = (
    ("story", STORY, "full", "p256", "TLSv1.2"),
    ("story, RSA and P-384", STORY, "rsa-p384", "rsa", "TLSv1.2"),
    ("only P-384, TLS 1.2", ("-tls1_2", "-curves", "P-384", "-sigalgs", "ECDSA+SHA384", "-cipher",
                             "ECDHE-ECDSA-AES256-GCM-SHA384"), "full", "p384", "TLSv1.2"),
    ("TLS 1.3", ("-tls1_3",), "full", "p256", "TLSv1.3"),
    ("TLS 1.3, only P-384 scheme", ("-tls1_3", "-sigalgs", "ecdsa_secp384r1_sha384"), "full",
     "p384", "TLSv1.3"),
    ("TLS 1.3, only RSA-PSS", ("-tls1_3", "-sigalgs", "rsa_pss_rsae_sha256:RSA+SHA256"), "full",
     "rsa", "TLSv1.3"),
    ("TLS 1.3, only P-384 set", ("-tls1_3",), "p384", "p384", "TLSv1.3"),
    ("TLS 1.3, retried with P-521", ("-tls1_3", "-curves", "P-521"), "full", "p256", "TLSv1.3"),
    ("TLS 1.2, plain RSA", ("-tls1_2", "-cipher", "AES128-GCM-SHA256"), "full", "rsa", "TLSv1.2"),
    ("TLS 1.1", ("-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"), "full", "p256", "TLSv1.1"),
    ("TLS 1.0", ("-tls1", "-cipher", "DEFAULT@SECLEVEL=0"), "full", "p256", "TLSv1"),
    ("TLS 1.0, only RSA", ("-tls1", "-cipher", "kRSA@SECLEVEL=0"), "full", "rsa", "TLSv1"),
)

# name, priority string of GnuTLS, certificate, protocol
GNUTLS = (
    ("TLS 1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.3", "p256", "TLSv1.3"),
    ("TLS 1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.2", "p256", "TLSv1.2"),
    ("TLS 1.3, only P-384 scheme",
     "NORMAL:-VERS-ALL:+VERS-TLS1.3:-SIGN-ALL:+SIGN-ECDSA-SECP384R1-SHA384:+SIGN-ECDSA-SHA384",
     "p384", "TLSv1.3"),
    ("TLS 1.2, only P-384",
     "NORMAL:-VERS-ALL:+VERS-TLS1.2:-GROUP-ALL:+GROUP-SECP384R1:-KX-ALL:+ECDHE-ECDSA:"
     "-SIGN-ALL:+SIGN-ECDSA-SHA384", "p384", "TLSv1.2"),
    ("TLS 1.2, only RSA", "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-RSA", "rsa", "TLSv1.2"),
    ("TLS 1.0", "NORMAL:-VERS-ALL:+VERS-TLS1.0", "p256", "TLSv1"),
)

SWAKS = (
    ("TLS 1.3", "tlsv1_3", "TLSv1.3"),
    ("TLS 1.2", "tlsv1_2", "TLSv1.2"),
)


class Story(Case):
    @classmethod
    def prepare(cls):
        sets = {"full": CERTIFICATES, "rsa-p384": ["rsa", "p384"], "p384": ["p384"],
                "p384-first": ["p384", "p256"]}
        cls.posternd = cls.stage.front(CERTIFICATES, sets=sets, listeners={
            name: {"certificate_sets": name} for name in sets})

    def delivered(self, subject, certificate, protocol, mark):
        """The mail with this subject has come through a handshake logged after the mark."""
        mail = self.stage.postfix.wait_for_mail(lambda each: each.subject == subject)
        self.assertEqual(mail.body.strip(), b"Hello.")
        line = self.posternd.wait_log(ESTABLISHED, after=mark)
        self.assertEqual((line["certificate"], line["protocol"]), (certificate, protocol))
        self.assertIn("unknown [127.0.0.1]", mail.received)

    @table(CHOICES)
    def test_hello(self, message, listener, certificate):
        answer = hello.ask(self.posternd.address(listener), message)
        self.assertEqual(answer.certificate, certificate, answer.text)
        self.assertTrue(answer.done)

    def test_what_the_story_gets(self):
        answer = hello.ask(self.posternd.address("full"), hello.story())
        self.assertEqual((answer.version, answer.suite, answer.exchange),
                         (hello.TLS12, ECDSA_SUITE, {"group": P256, "scheme": ECDSA_P256}))

    @table(REFUSALS)
    def test_refused_and_explained(self, message, listener, explained):
        client = self.connect(self.posternd.address(listener))
        client.greet()
        client.command("STARTTLS")
        client.send(hello.records(message))
        answer = hello.read_answer(client)
        self.assertEqual(answer.alert, (2, 40), answer.text)
        self.assertEqual(len(answer.raw), 7, "something else than the alert")
        self.assert_closed(client)
        line = self.handshake_failure(self.posternd, client)
        facts, _, ja4 = line["facts"].strip().rpartition(" ")
        self.assertEqual((line["reason"], facts, line["detail"]),
                         ("no-certificate-fits", explained, None))
        self.assertRegex(ja4, r"^ja4=t1[23][di]\d{4}00_[0-9a-f]{12}_[0-9a-f]{12}$")

    def test_s_client_is_refused_with_an_alert(self):
        client = self.s_client(self.posternd.address("p384"), *STORY)
        mark = self.posternd.mark()
        client.expect(rb"alert number 40")
        self.assertNotEqual(client.end(), 0)
        line = self.posternd.wait_log(FAILED, after=mark)
        self.assertEqual(line["reason"], "no-certificate-fits")

    @table(OPENSSL)
    def test_openssl_delivers(self, options, listener, certificate, protocol):
        mark = self.posternd.mark()
        client = self.s_client(self.posternd.address(listener), *options)
        client.expect(rb"^250 .*\n")  # the end of the EHLO reply before TLS
        client.mail(self.id())
        client.end()
        self.delivered(self.id(), certificate, protocol, mark)

    @table(GNUTLS)
    def test_gnutls_delivers(self, priority, certificate, protocol):
        mark = self.posternd.mark()
        client = self.gnutls_cli(self.posternd.address("full"), priority)
        client.expect(rb"Simple Client Mode:\n\n")
        client.mail(self.id())
        client.end()
        self.delivered(self.id(), certificate, protocol, mark)

    @table(SWAKS)
    def test_swaks_delivers(self, name, protocol):
        if not shutil.which("swaks"):
            self.skipTest("swaks is not installed")
        mark = self.posternd.mark()
        done = run(["swaks", "--server", endpoint(self.posternd.address("full")), "--tls",
                    "--tls-protocol", name,
                    *swaks_verify_option("mail.example.test"),
                    "--tls-ca-path", self.stage.authority.roots,
                    "--from", "sender@client.test", "--to", "recipient@example.test",
                    "--header", "Subject: " + self.id(), "--body", "Hello."])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.delivered(self.id(), "p256", protocol, mark)

    def test_sni_is_logged(self):
        client = self.connect(self.posternd.address("full"))
        client.starttls(client_context(), "mail.example.test")
        line = self.of_log(self.posternd, ESTABLISHED, client)
        self.assertEqual(line["sni"], "mail.example.test")
