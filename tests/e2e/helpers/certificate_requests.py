"""What the tests of client certificates share: certificates, and listeners that ask for them."""

import os
import ssl

from common import DISCONNECT, ESTABLISHED, Case, client_context, of_client
from lab.certs import Certificate
from lab.process import LabError, run
from lab.release import openssl_dates

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
VERSIONS = (TLS12, TLS13)

NAME = "client.example.test"

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
    """A test of `posternd`, whose clients have `certificates`."""

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
        curve = {"p256": "P-256"}.get(key, key)
        new = ["rsa:2048"] if key == "rsa" else ["ec", "-pkeyopt", "ec_paramgen_curve:" + curve]
        above = os.path.join(cls.directory, issuer) if issuer else None
        with open(base + ".ext", "w", encoding="ascii") as file:
            file.write("basicConstraints = critical, CA:TRUE\n" if ca else
                       "extendedKeyUsage = clientAuth\n")
        cls.openssl("req", "-utf8", "-newkey", *new, "-noenc", "-subj", subject, "-keyout",
                    base + ".key", "-out", base + ".csr")
        cls.openssl("x509", "-req", "-in", base + ".csr", *openssl_dates(days),
                    "-extfile", base + ".ext", "-out", base + ".pem",
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
