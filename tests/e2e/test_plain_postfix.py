"""What `posternctl explain` says of a Postfix with default settings, held against a real one that
has the same certificates and gets the same hello."""

import re
import struct
import subprocess

from common import Case, endpoint, table
from lab import hello
from lab.posternd import program
from lab.process import TIMEOUT, sanitizer_environment

P256, P384, P521, X25519, X448 = 0x0017, 0x0018, 0x0019, 0x001d, 0x001e
BRAINPOOL = 0x001a
ECDSA_P256, ECDSA_P384, ECDSA_P521, ED25519 = 0x0403, 0x0503, 0x0603, 0x0807
PSS, RSA, RSA_SHA1, ECDSA_SHA1 = 0x0804, 0x0401, 0x0201, 0x0203
MOST = (ECDSA_P256, ECDSA_P384, ECDSA_P521, ED25519, PSS, RSA, RSA_SHA1, ECDSA_SHA1)

# As explain calls what Postfix's answer has in numbers.
SUITES = {
    0x002f: "AES128-SHA", 0x0033: "DHE-RSA-AES128-SHA", 0x0041: "CAMELLIA128-SHA",
    0x009c: "AES128-GCM-SHA256", 0x009e: "DHE-RSA-AES128-GCM-SHA256", 0xc018: "AECDH-AES128-SHA",
    0xc009: "ECDHE-ECDSA-AES128-SHA", 0xc013: "ECDHE-RSA-AES128-SHA",
    0xc02b: "ECDHE-ECDSA-AES128-GCM-SHA256", 0xc02c: "ECDHE-ECDSA-AES256-GCM-SHA384",
    0xc02f: "ECDHE-RSA-AES128-GCM-SHA256", 0xc030: "ECDHE-RSA-AES256-GCM-SHA384",
    0x1301: "TLS_AES_128_GCM_SHA256", 0x1302: "TLS_AES_256_GCM_SHA384",
    0x1303: "TLS_CHACHA20_POLY1305_SHA256",
}
GROUPS = {P256: "secp256r1", P384: "secp384r1", P521: "secp521r1", X25519: "x25519",
          X448: "x448", BRAINPOOL: "brainpoolP256r1"}
SCHEMES = {ECDSA_P256: "ecdsa_secp256r1_sha256", ECDSA_P384: "ecdsa_secp384r1_sha384",
           ECDSA_P521: "ecdsa_secp521r1_sha512", ED25519: "ed25519", PSS: "rsa_pss_rsae_sha256",
           RSA: "rsa_pkcs1_sha256", RSA_SHA1: "rsa_pkcs1_sha1", ECDSA_SHA1: "ecdsa_sha1"}

# The certificates that a Postfix has; one of each type is all that it can have.
SETS = {"p256-rsa": ["p256", "rsa"], "rsa-p384": ["rsa", "p384"], "p384": ["p384"],
        "p521-ed25519": ["p521", "ed25519"]}


def tls12(suites, groups=(P256, P384), schemes=MOST, extra=()):
    return hello.build(suites=suites, extensions=[hello.groups(groups), hello.schemes(schemes),
                                                  *extra])


HELLOS = (
    ("the story", hello.story()),
    ("the story with a server name", hello.story("mail.example.test")),
    ("RSA suites only", tls12([0xc02f, 0x009c])),
    ("the client's order, RSA first", tls12([0xc02f, 0xc02b])),
    ("the client's order, ECDSA first", tls12([0xc02b, 0xc02f])),
    ("the client's order, the weaker suite first", tls12([0xc013, 0xc030, 0xc02f])),
    ("the client's order of groups", tls12([0xc02f, 0xc02b], groups=[P384, P256, X25519])),
    ("only P-384", tls12([0xc02b], groups=[P384], schemes=[ECDSA_P384])),
    ("only P-521", tls12([0xc02b], groups=[P521], schemes=[ECDSA_P521])),
    ("Ed25519", tls12([0xc02b], groups=[X25519], schemes=[ED25519])),
    ("DHE only", tls12([0x009e, 0x0033])),
    ("X448 only", tls12([0xc02b, 0xc02f], groups=[X448])),
    ("P-521 only, RSA", tls12([0xc02f], groups=[P521])),
    ("no supported_groups", hello.build(suites=[0xc02b, 0xc02f, 0x009c],
                                        extensions=[hello.schemes(MOST)])),
    ("groups that Postfix has not", tls12([0xc02b, 0xc02f, 0x002f], groups=[BRAINPOOL])),
    ("no signature_algorithms", hello.build(suites=[0xc02b, 0xc02f],
                                            extensions=[hello.groups([P256])])),
    ("SHA-1 only", tls12([0xc02b, 0xc02f], schemes=[RSA_SHA1, ECDSA_SHA1])),
    ("signature_algorithms_cert", tls12([0xc02b, 0xc02f], extra=[
        hello.schemes_cert([ECDSA_P384])])),
    ("compressed points only", tls12([0xc02b, 0xc02f], extra=[
        (hello.POINT_FORMATS, b"\x01\x01")])),
    ("TLS 1.0", hello.build(version=hello.TLS10, suites=[0xc009, 0xc013, 0x002f],
                            extensions=[hello.groups([P256, P384])])),
    ("TLS 1.0 without extensions", hello.build(version=hello.TLS10, suites=[0x002f],
                                               extensions=None)),
    ("TLS 1.1", hello.build(version=hello.TLS11, suites=[0xc013, 0xc009],
                            extensions=[hello.groups([P256])])),
    ("SSL 3", hello.build(version=0x0300, suites=[0x002f], extensions=None)),
    ("3DES and RC4 only", hello.build(suites=[0x000a, 0x0005], extensions=None)),
    ("Camellia", tls12([0x0041])),
    ("a suite without a certificate first", tls12([0xc018, 0xc02b, 0xc02f])),
    ("a suite without a certificate only", tls12([0xc018])),
    ("a fallback", tls12([0xc02b, 0xc02f, 0x5600])),
    ("odd groups", hello.build(extensions=[(hello.GROUPS, b"\0\1\0")])),
    ("TLS 1.3", hello.tls13()),
    ("TLS 1.3, the client's order of suites", hello.tls13(suites=[0x1301, 0x1303, 0x1302])),
    ("TLS 1.3, no key share that fits", hello.tls13(
        group_numbers=[P384, P256], scheme_numbers=MOST, shares=())),
    ("TLS 1.3, the scheme of P-384 only", hello.tls13(scheme_numbers=[ECDSA_P384])),
    ("TLS 1.3, PKCS#1 only", hello.tls13(scheme_numbers=[RSA])),
    ("TLS 1.3, P-256 before X25519", hello.tls13(group_numbers=[P256, X25519],
                                                 shares=[P256, X25519])),
)

# name, what openssl s_client is told: whole handshakes, so that TLS 1.3 shows its certificate.
CLIENTS = (
    ("as it is", ()),
    ("TLS 1.3, P-256 only", ("-tls1_3", "-groups", "P-256", "-sigalgs",
                              "ECDSA+SHA256:RSA-PSS+SHA256")),
    ("TLS 1.3, RSA before ECDSA", ("-tls1_3", "-sigalgs",
                                   "RSA-PSS+SHA256:ECDSA+SHA256:ECDSA+SHA384")),
    ("TLS 1.3, ECDSA before RSA", ("-tls1_3", "-sigalgs",
                                   "ECDSA+SHA384:ECDSA+SHA256:RSA-PSS+SHA256")),
    ("TLS 1.2, RSA before ECDSA", ("-tls1_2", "-sigalgs", "RSA-PSS+SHA256:ECDSA+SHA256")),
    ("TLS 1.2, ECDSA suites", ("-tls1_2", "-cipher", "ECDHE+ECDSA")),
)


def told(answer):
    """In the words of explain, what a real Postfix's answer shows of the parameters."""
    if answer.alert:
        return f"alert {answer.alert[1]}"
    parts = [f"{hello.VERSIONS[answer.version]} {SUITES[answer.suite]}"]
    if answer.version == hello.TLS13:
        group, = struct.unpack(">H", answer.extensions[hello.KEY_SHARE][:2])
        parts.append(GROUPS[group])
    elif answer.exchange:
        parts += [GROUPS[answer.exchange["group"]]] if "group" in answer.exchange else []
        parts += [SCHEMES[answer.exchange["scheme"]]] if "scheme" in answer.exchange else []
    return ", ".join(parts)


class PlainPostfix(Case):
    @classmethod
    def prepare(cls):
        names = sorted({name for names in SETS.values() for name in names})
        cls.conf = cls.stage.write(
            certificates=names, backend="127.0.0.1:9",
            sets={name: {"certificates": members} for name, members in SETS.items()},
            listeners={name: {"certificate_sets": name} for name in SETS})
        postfix = cls.stage.make_postfix()
        services = {name: postfix.starttls(name, [cls.stage.certificate(each) for each in members])
                    for name, members in SETS.items()}
        cls.addresses = {name: ("127.0.0.1", service.port) for name, service in services.items()}
        cls.stage.start_postfix()

    def explain(self, listener, given):
        """The line of explain about a Postfix with this listener's certificates: what it does."""
        done = subprocess.run(
            [program(self.build, "posternctl"), "-c", self.conf, "explain", "--listener", listener,
             "--hello", "-"], input=given, capture_output=True, timeout=TIMEOUT, cwd="/",
            env=sanitizer_environment(), check=False)
        text = done.stdout.decode()
        self.assertIn(done.returncode, (0, 1), done.stderr.decode())
        self.assertNotIn("NOT AS PREDICTED", text)
        said = re.sub(r"\n {20}", " ", text.partition("a Postfix with default TLS settings")[2])
        lines = re.findall(r"^    (\w+(?:, \w+)*) +(\S.*)$", said, re.MULTILINE)
        self.assertEqual([names for names, _ in lines], [", ".join(SETS[listener])], text)
        return lines[0][1]

    def expected(self, listener, answer):
        """A pattern for what explain must have said of Postfix's answer."""
        shown = re.escape(told(answer))
        if answer.alert:
            return rf"refuses: .+; {shown}, [a-z ]+"
        if answer.version == hello.TLS13:
            # The certificate comes encrypted; test_whole_handshake looks at it.
            return rf"serves \S+: {shown}, \S+"
        if answer.certificate is None:
            return f"continues without a certificate: {shown}"
        name = next(each for each in SETS[listener]
                    if self.stage.certificate(each).kind == answer.certificate)
        return f"serves {name}: {shown}"

    @table(HELLOS)
    def test(self, message):
        for listener, address in self.addresses.items():
            said = self.explain(listener, hello.records(message))
            answer = hello.ask(address, message)
            with self.subTest(listener, postfix=answer.text):
                self.assertRegex(said, f"^({self.expected(listener, answer)})$")

    @table(CLIENTS)
    def test_whole_handshake(self, options):
        for listener, address in self.addresses.items():
            done = subprocess.run(
                ["openssl", "s_client", "-starttls", "smtp", "-connect", endpoint(address), "-msg",
                 *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, timeout=TIMEOUT, check=False)
            output = done.stdout.decode(errors="replace")
            first = re.search(r"^>>> [^\n]*ClientHello\n((?: {4}[0-9a-f ]+\n)+)", output,
                              re.MULTILINE)
            said = self.explain(listener, first[1].encode())
            new = re.search(r"^New, (?P<version>\S+), Cipher is (?P<suite>\S+)$", output,
                            re.MULTILINE)
            with self.subTest(listener):
                if new["suite"] == "(NONE)":
                    self.assertRegex(said, "^refuses: ")
                    continue
                der = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", output,
                                re.DOTALL)[0]
                name = next(each for each in SETS[listener] if der in self._pem(each))
                self.assertRegex(said, rf"^serves {name}: {new['version']} {new['suite']}, ")

    def _pem(self, name):
        with open(self.stage.certificate(name).chain, encoding="ascii") as file:
            return file.read()
