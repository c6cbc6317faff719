"""Certificates of clients that mean no good: what they say is escaped, and what is in them bounded."""

import re
import ssl

from certificate_requests import NAME, VERSIONS, Certificates, both
from common import table
from lab import hello


class Hostile(Certificates):
    @classmethod
    def prepare(cls):
        cls.certificates = {}
        cls.directory = cls.stage.authority.directory
        cls.posternd = cls.stage.front(["p256"], log_sessions="all",
                                       listeners={"mx": {"client_certificate": "ask"}})
        cls.made("known", "/CN=" + NAME)

    # --- names ---

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

    # --- what no library would send ---

    def answered(self, *certificates, signature=b"\x04\x03\0\x02\x30\0"):
        """What a client is told, in TLS 1.2 where nothing is encrypted yet, that shows these DER
        certificates and this CertificateVerify; and its line."""
        client = self.connect(self.posternd.address("mx"))
        client.greet()
        client.command("STARTTLS")
        client.send(hello.records(hello.story()))
        answer = hello.read_answer(client)
        self.assertTrue(answer.done, answer.text)
        chain = b"".join(len(each).to_bytes(3, "big") + each for each in certificates)
        share = hello.SHARES[0x0017]
        for kind, body in ((11, len(chain).to_bytes(3, "big") + chain),
                           (16, bytes([len(share)]) + share), (15, signature)):
            client.send(hello.records(bytes([kind]) + len(body).to_bytes(3, "big") + body,
                                      version=hello.TLS12))
        alert = hello.read_answer(client).alert
        line = self.handshake_failure(self.posternd, client)
        self.assertEqual(line["reason"], "client-certificate", line.string)
        return alert[1], line

    def der(self, name):
        with open(self.certificates[name].chain, encoding="ascii") as file:
            return ssl.PEM_cert_to_DER_cert(file.read().partition("-----END")[0]
                                            + "-----END CERTIFICATE-----\n")

    def test_of_another(self):
        """Anybody can show a certificate; who has not its key is not let in with it."""
        alert, line = self.answered(self.der("known"))
        self.assertEqual((alert, line["detail"]), (51, "bad signature"))
        self.shown(line, "known")

    def test_curve_that_is_not_offered(self):
        self.made("k1", "/CN=" + NAME, key="secp256k1")
        alert, line = self.answered(self.der("k1"))
        self.assertEqual((alert, line["detail"]), (47, "wrong curve"))
        self.shown(line, "k1")

    def test_bytes_behind_a_certificate(self):
        alert, line = self.answered(self.der("known") + b"x")
        self.assertEqual((alert, line["detail"]), (50, "cert length mismatch"))

    @table((
        ("no certificate at all", b"\x30\x03\x02\x01\0"),
        ("nothing", b""),
        ("nested without end", b"\x30\x80" * 2000),
    ))
    def test_garbage(self, data):
        alert, _ = self.answered(data)
        self.assertIn(alert, (42, 50))
