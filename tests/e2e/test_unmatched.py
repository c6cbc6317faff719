"""What a set does when none of its certificates fits: fail, anonymous, try-anyway."""

import re
import ssl

from common import (CLIENT, ESTABLISHED, FAILED, PROGRAM, SESSION, Case, client_context, endpoint,
                    of_client, table)
from lab import hello
from lab.posternd import run_posternd
from test_story import ECDSA_P256, ECDSA_P384, ECDSA_SUITE, P256, P384, RSA_SHA256, STORY_SCHEMES

UNMATCHED = (f"^{PROGRAM}warning: unmatched=(?P<word>\\S+) for {CLIENT}: outcome=(?P<outcome>\\S+) "
             r"certificate=(?P<certificate>\S+)(?P<facts>( [\w.-]+=[^ \"]+)*?) "
             r"ja4=(?P<ja4>\S+)( detail=\"(?P<detail>[^\"]*)\")? " + SESSION + "$")

AECDH_AES128, AECDH_AES256, ADH_AES128, ADH_AES256_GCM = 0xc018, 0xc019, 0x0034, 0x00a7
ANONYMOUS = (AECDH_AES128, AECDH_AES256, ADH_AES128, ADH_AES256_GCM)
STATIC_RSA, FALLBACK = 0x002f, 0x5600

WHY = "p384=curve-not-in-groups groups=secp256r1 would_fit=ecdsa-p256,rsa"


def tls12(suites, groups=(P256,), schemes=(ECDSA_P256,), version=hello.TLS12, extra=()):
    return hello.build(version=version, suites=suites, extensions=[
        hello.groups(groups), hello.schemes(schemes), *extra])


def either(suites, schemes):
    """TLS 1.3, and 1.2 for servers without."""
    return hello.build(suites=[0x1301, *suites], extensions=[
        hello.groups([P256]), hello.schemes(schemes), hello.key_share(P256),
        hello.supported_versions([hello.TLS13, hello.TLS12])])


# name, hello, suite
SERVED_ANONYMOUSLY = (
    ("ECDHE before DHE", tls12([ADH_AES128, AECDH_AES128, ECDSA_SUITE]), AECDH_AES128),
    ("DHE", tls12([ADH_AES128, ECDSA_SUITE]), ADH_AES128),
    ("TLS 1.1", tls12([AECDH_AES256, 0xc009], version=hello.TLS11), AECDH_AES256),
    ("no extensions", hello.build(suites=[ADH_AES128], extensions=None), ADH_AES128),
    ("TLS 1.3 cannot be", either([AECDH_AES128, ECDSA_SUITE], [0x0603]), AECDH_AES128),
)

# name, hello, alert
NOT_SERVED_ANONYMOUSLY = (
    ("no suite for it", tls12([ECDSA_SUITE, 0xc02f]), 40),
    ("none at all for TLS 1.1", tls12([ADH_AES256_GCM], version=hello.TLS11), 40),
    ("a fallback", tls12([ADH_AES128, FALLBACK]), 86),
    ("SSL 3", hello.build(version=0x0300, suites=[ADH_AES128], extensions=None), 40),
)

# name, hello
NOT_TRIED = (
    ("no ECDSA scheme", tls12([ECDSA_SUITE], schemes=[RSA_SHA256])),
    ("no signature_algorithms", hello.build(suites=[ECDSA_SUITE, 0xc009],
                                            extensions=[hello.groups([P256])])),
    ("no ECDSA suite", tls12([0xc02f], schemes=[ECDSA_P256, RSA_SHA256])),
    ("no supported_groups", hello.build(suites=[ECDSA_SUITE],
                                        extensions=[hello.schemes([ECDSA_P256])])),
    ("TLS 1.3", either([ECDSA_SUITE], [ECDSA_P256])),
    ("anonymous suites", tls12([AECDH_AES128, ADH_AES128])),
    ("leaf's signature not welcome", tls12([ECDSA_SUITE],
                                           extra=[hello.schemes_cert([RSA_SHA256])])),
)


class Unmatched(Case):
    @classmethod
    def prepare(cls):
        cls.stage.certificate("p256")
        sets = {word: {"certificates": ["p384"], "unmatched": word}
                for word in ("fail", "anonymous", "try-anyway")}
        sets["both"] = {"certificates": ["rsa", "p384"], "unmatched": "try-anyway"}
        sets["curves"] = {"certificates": ["p521", "p384"], "unmatched": "try-anyway"}
        for word, each in sets.items():
            each["names"] = [f"{word}.example.test"]
        cls.posternd = cls.stage.front(["p384", "p521", "rsa"], sets=sets, log_sessions="all", listeners={
            **{word: {"certificate_sets": word} for word in sets},
            "all": {"certificate_sets": list(sets)}})

    def ask(self, listener, message):
        """(Answer, client) of a hello that is not followed by anything. Its lines in the log come
        behind client.mark: a port may have been another client's before."""
        mark = self.posternd.mark()
        client = self.connect(self.posternd.address(listener))
        client.mark = mark
        client.greet()
        client.command("STARTTLS")
        client.send(hello.records(message))
        return hello.read_answer(client), client

    def unmatched(self, client):
        return self.posternd.wait_log(of_client(UNMATCHED, client.port), after=client.mark)

    def assert_unused(self, client):
        """The line of the failure has come, and before it no use of unmatched."""
        self.posternd.wait_log(of_client(FAILED, client.port), after=client.mark)
        self.assertIsNone(self.posternd.log.find(of_client(UNMATCHED, client.port), client.mark))

    # --- fail ---

    @table((("ECDSA", tls12([ECDSA_SUITE])), ("anonymous suites", tls12(ANONYMOUS)),
            ("the story", hello.story())))
    def test_fail(self, message):
        answer, client = self.ask("fail", message)
        self.assertEqual(answer.alert, (2, 40), answer.text)
        self.assert_unused(client)

    # --- anonymous ---

    @table(SERVED_ANONYMOUSLY)
    def test_anonymous(self, message, suite):
        answer, _ = self.ask("anonymous", message)
        self.assertTrue(answer.done, answer.text)
        self.assertEqual((answer.suite, answer.certificates), (suite, []))

    @table(NOT_SERVED_ANONYMOUSLY)
    def test_not_anonymous(self, message, alert):
        answer, client = self.ask("anonymous", message)
        self.assertEqual(answer.alert, (2, alert), answer.text)
        self.assert_unused(client)

    def test_a_certificate_before_anonymous(self):
        answer, _ = self.ask("anonymous", tls12([*ANONYMOUS, ECDSA_SUITE], groups=[P384]))
        self.assertEqual((answer.suite, answer.certificate), (ECDSA_SUITE, "p384"))

    def test_each_set_of_a_listener_has_its_own(self):
        def suites(name):
            return [hello.server_name(name + ".example.test"), hello.groups([P256]),
                    hello.schemes([ECDSA_P256])]

        for name, expected in (("fail", None), ("anonymous", AECDH_AES128),
                               ("try-anyway", ECDSA_SUITE), ("curves", ECDSA_SUITE)):
            answer, _ = self.ask("all", hello.build(suites=[AECDH_AES128, ECDSA_SUITE],
                                                    extensions=suites(name)))
            self.assertEqual(answer.suite, expected, f"{name}: {answer.text}")
            self.assertEqual(answer.alert, None if expected else (2, 40), name)

    @table((("TLS 1.2", "-tls1_2", STORY_SCHEMES, WHY),
            ("TLS 1.3 cannot be", "-no_ssl3", "ECDSA+SHA512",
             "p384=no-signature-scheme groups=secp256r1 would_fit=ecdsa-p256,ecdsa-p521")))
    def test_anonymous_delivers(self, version, schemes, why):
        mark = self.posternd.mark()
        client = self.program([
            "openssl", "s_client", "-quiet", "-crlf", "-starttls", "smtp", version,
            "-curves", "P-256", "-sigalgs", schemes, "-cipher", "ALL:aNULL:@SECLEVEL=0",
            "-connect", endpoint(self.posternd.address("anonymous"))])
        client.expect(rb"^250 .*\n")
        client.mail(self.id())
        client.end()
        self.stage.postfix.wait_for_mail(lambda each: each.subject == self.id())
        line = self.posternd.wait_log(ESTABLISHED, after=mark)
        self.assertEqual((line["certificate"], line["signature"], line["exchange"]),
                         ("none", None, "ECDHE (P-256)"))
        self.assertRegex(line["cipher"], "^AECDH-")
        line = self.posternd.wait_log(UNMATCHED, after=mark)
        self.assertEqual((line["word"], line["outcome"], line["certificate"], line["facts"].strip(),
                          line["detail"]), ("anonymous", "accepted", "none", why, None))
        line = self.posternd.wait_log("disconnect from .* tls=yes certificate=none ", after=mark)
        self.assertTrue(line)

    def test_anonymous_has_no_ticket(self):
        context = client_context(maximum_version=ssl.TLSVersion.TLSv1_2)
        context.set_ciphers("AECDH:@SECLEVEL=0")
        context.set_ecdh_curve("prime256v1")
        client = self.connect(self.posternd.address("anonymous"))
        client.starttls(context)
        session = client.socket.session
        self.assertEqual((session.has_ticket, session.id), (False, b""))

    # --- try-anyway ---

    @table((("first of the story", hello.story()),
            ("with SHA-384", tls12([ECDSA_SUITE], schemes=[ECDSA_P384])),
            ("TLS 1.0", tls12([0xc009], version=hello.TLS10)),
            ("P-256 and X25519", tls12([ECDSA_SUITE], groups=[0x001d, P256]))))
    def test_try_anyway(self, message):
        answer, client = self.ask("try-anyway", message)
        self.assertTrue(answer.done, answer.text)
        self.assertEqual(answer.certificate, "p384")
        self.assertIn(answer.exchange["group"], (P256, 0x001d))
        leaf = ssl.PEM_cert_to_DER_cert(re.search(
            "-----BEGIN.*?-----END CERTIFICATE-----",
            open(self.stage.certificate("p384").chain, encoding="ascii").read(), re.DOTALL)[0])
        self.assertEqual(answer.certificates[0], leaf)
        self.assertEqual(len(answer.certificates), 2, "the chain is not whole")
        client.close()
        line = self.unmatched(client)
        self.assertEqual((line["word"], line["outcome"], line["certificate"]),
                         ("try-anyway", "client-gone", "p384"))

    @table(NOT_TRIED)
    def test_not_tried(self, message):
        answer, client = self.ask("try-anyway", message)
        self.assertEqual(answer.alert, (2, 40), answer.text)
        self.assert_unused(client)

    def test_what_fits_is_served(self):
        for listener, message, certificate in (
                ("both", hello.story(), "rsa2048"),
                ("try-anyway", tls12([ECDSA_SUITE], groups=[P384]), "p384")):
            answer, client = self.ask(listener, message)
            self.assertEqual(answer.certificate, certificate)
            client.close()
            self.assert_unused(client)

    def test_the_first_of_the_set_is_tried(self):
        answer, client = self.ask("curves", hello.story())
        self.assertEqual(answer.certificate, "p521", answer.text)
        client.close()
        line = self.unmatched(client)
        self.assertEqual((line["certificate"], line["outcome"]), ("p521", "client-gone"))

    def test_the_servers_order_stays(self):
        """What SSL_set_SSL_CTX() leaves behind still counts."""
        answer, _ = self.ask("try-anyway", tls12([0xc009, ECDSA_SUITE], groups=[P256, 0x001d]))
        self.assertEqual((answer.suite, answer.exchange["group"]), (ECDSA_SUITE, 0x001d))

    def test_a_client_that_takes_it(self):
        mark = self.posternd.mark()
        client = self.gnutls_cli(self.posternd.address("try-anyway"),
                                 "NORMAL:-VERS-ALL:+VERS-TLS1.2:-GROUP-ALL:+GROUP-SECP256R1")
        client.expect(rb"Simple Client Mode:\n\n")
        client.mail(self.id())
        client.end()
        self.stage.postfix.wait_for_mail(lambda each: each.subject == self.id())
        line = self.posternd.wait_log(ESTABLISHED, after=mark)
        self.assertEqual((line["certificate"], line["signature"], line["exchange"]),
                         ("p384", "ECDSA (P-384)", "ECDHE (P-256)"))
        line = self.posternd.wait_log(UNMATCHED, after=mark)
        self.assertEqual((line["word"], line["outcome"], line["certificate"], line["facts"].strip(),
                          line["detail"]), ("try-anyway", "accepted", "p384", WHY + ",ed25519", None))
        self.assertIsNone(self.posternd.log.find("verdict=wrong"))

    def test_a_client_that_does_not(self):
        mark = self.posternd.mark()
        client = self.s_client(self.posternd.address("try-anyway"), "-tls1_2", "-curves", "P-256")
        client.expect(rb"wrong curve")
        self.assertNotEqual(client.end(), 0)
        line = self.posternd.wait_log(UNMATCHED, after=mark)
        self.assertEqual((line["word"], line["outcome"], line["certificate"], line["facts"].strip(),
                          line["detail"]),
                         ("try-anyway", "client-alert", "p384", WHY + ",ed25519",
                          "illegal parameter"))


# name, profile options, unmatched, certificates, exit code, what is said
SETUPS = (
    ("anonymous and modern", None, "anonymous", ["p384"], 2,
     r'unmatched = "anonymous" is not possible with tls_profile "modern" of listener "mx"'),
    ("anonymous and level 1", 'ciphers = "ALL:@SECLEVEL=1"', "anonymous", ["p384"], 2,
     r'unmatched = "anonymous" is not possible with tls_profile "mine" of listener "mx"'),
    ("anonymous and TLS 1.3", 'min_protocol = "TLSv1.3"', "anonymous", ["p384"], 2,
     r'unmatched = "anonymous" is not possible with tls_profile "mine" of listener "mx"'),
    ("anonymous and level 0", 'ciphers = "ALL:@SECLEVEL=0"', "anonymous", ["p384"], 0, ""),
    ("try-anyway", 'min_protocol = "TLSv1.2"', "try-anyway", ["p384"], 0, ""),
    ("try-anyway with P-256", 'min_protocol = "TLSv1.2"', "try-anyway", ["p256"], 0, ""),
    ("try-anyway, modern", None, "try-anyway", ["p384"], 0, ""),
    ("try-anyway without ECDSA suites", 'ciphers = "kRSA:ECDHE-RSA-AES128-SHA"', "try-anyway",
     ["p384"], 0, r'unmatched = "try-anyway" is disabled for certificate "p384", because its '
                  r'test failed: no shared cipher'),
    ("try-anyway and TLS 1.3", 'min_protocol = "TLSv1.3"', "try-anyway", ["p384"], 0,
     r'is disabled for certificate "p384", because its test failed: '),
    ("try-anyway with one group", 'groups = "P-384"', "try-anyway", ["p384"], 0,
     r'is disabled for certificate "p384", because its test failed: this tls_profile allows no '
     r'test hello for it'),
    ("try-anyway with RSA alone", None, "try-anyway", ["rsa"], 0,
     r'unmatched = "try-anyway" has no effect: the set has no ECDSA certificate'),
    ("try-anyway with RSA, too", None, "try-anyway", ["rsa", "p384"], 0, ""),
)


class Setup(Case):
    @table(SETUPS)
    def test_start(self, profile, unmatched, certificates, code, said):
        conf = self.stage.write(
            certificates=certificates, backend="127.0.0.1:1",
            sets={"mail": {"certificates": certificates, "unmatched": unmatched}},
            listeners={"mx": {"tls_profile": "mine" if profile else "modern"}},
            extra=f'tls_profile "mine" {{ {profile} }}\n' if profile else "")
        done = run_posternd(self.stage.build, "-c", conf, "-t")
        self.assertEqual(done.returncode, code, done.stderr)
        found = [line for line in done.stderr.splitlines() if "unmatched" in line]
        if not said:
            self.assertEqual(found, [])
            return
        self.assertEqual(len(found), 1, done.stderr)
        with open(conf, encoding="utf-8") as file:
            text = file.read()
        line = 2 + text[:text.index("\n}\n", text.index("certificate_set"))].count("\n")
        self.assertRegex(found[0], f'{re.escape(conf)}:{line}: certificate_set "mail".*{said}')

    def test_problems_only(self):
        """The uses are warnings: they are logged whatever log_sessions says."""
        daemon = self.stage.front(["p384"], log_sessions="problems", sets={
            "mail": {"certificates": ["p384"], "unmatched": "anonymous"}})
        context = client_context(maximum_version=ssl.TLSVersion.TLSv1_2)
        context.set_ciphers("AECDH:@SECLEVEL=0")
        context.set_ecdh_curve("prime256v1")
        client = self.connect(daemon.address("mx"))
        client.starttls(context)
        self.assertEqual(daemon.wait_log(of_client(UNMATCHED, client.port))["outcome"], "accepted")
        self.assertIsNone(daemon.log.find("established"))
