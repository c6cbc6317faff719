"""Post-quantum groups and certificates: served where OpenSSL has them (3.5), left out or refused with
clear words where not."""

import base64
import json
import os
import re
import shutil

from common import ESTABLISHED, Case, of_client, table
from lab import hello
from lab.posternd import run_posternctl, run_posternd
from lab.process import run
from lab.release import has_post_quantum

CLIENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients")

HYBRID, X25519, P256 = 0x11ec, 0x001d, 0x0017

GROUPS = ("X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024", "MLKEM768")

LACKS = r"this machine's OpenSSL, 3\.\d+\.\d+, has no \"{}\""


def der(tag, *parts):
    """One element of DER."""
    content = b"".join(parts)
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    return bytes([tag, 0x82]) + length.to_bytes(2, "big") + content


def mldsa_certificate(last):
    """In PEM: a certificate whose key is of ML-DSA, made without it; `last` of its object identifier
    2.16.840.1.101.3.4.3.x, 17 for ML-DSA-44. Nobody could verify it."""
    algorithm = der(0x30, der(0x06, bytes([0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, last])))
    name = der(0x30, der(0x31, der(0x30, der(0x06, b"\x55\x04\x03"), der(0x0c, b"x"))))
    validity = der(0x30, der(0x17, b"260101000000Z"), der(0x17, b"360101000000Z"))
    key = der(0x30, algorithm, der(0x03, b"\0", bytes(1312)))
    body = der(0x30, der(0xa0, der(0x02, b"\2")), der(0x02, b"\1"), algorithm, name, validity, name,
               key)
    whole = der(0x30, body, algorithm, der(0x03, b"\0", bytes(2420)))
    return ("-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(whole).decode()
            + "-----END CERTIFICATE-----\n")


class PostQuantum(Case):
    @classmethod
    def prepare(cls):
        cls.certificates = [cls.stage.certificate(each) for each in ("p256", "rsa")]
        sets = {"mail": ["p256", "rsa"]}
        if has_post_quantum():
            kinds = ["mldsa44", "mldsa65", "mldsa87"]
            cls.certificates += [cls.stage.certificate(each) for each in kinds]
            cls.certificates.append(cls.stage.certificate("mldsa-by-p384", "mldsa65", issuer="p384"))
            sets.update({each: [each, "p256", "rsa"] for each in (*kinds, "mldsa-by-p384")})
        listeners = {each: {"certificate_sets": each} for each in sets}
        cls.posternd = cls.stage.front(cls.certificates, sets=sets, listeners=listeners,
                                       log_sessions="all")

    def openssl(self, listener, *options, code=0):
        """What is logged of a session of OpenSSL's client."""
        mark = self.posternd.mark()
        done = run(["openssl", "s_client", "-starttls", "smtp", "-connect",
                    "%s:%d" % self.posternd.address(listener), "-verify_return_error",
                    "-CAfile", self.stage.authority.roots, *options], stdin="QUIT\r\n")
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return self.posternd.wait_log(ESTABLISHED, after=mark)

    def needs(self):
        if not has_post_quantum():
            self.skipTest("this machine's OpenSSL has neither ML-KEM nor ML-DSA")

    # --- groups ---

    @table([("alone", "X25519MLKEM768", "X25519MLKEM768"),
            ("first", "X25519MLKEM768:X25519", "X25519MLKEM768"),
            ("default", "DEFAULT", "X25519MLKEM768"),
            ("behind a share that we take", "X25519:X25519MLKEM768", "X25519"),
            ("P-256", "P-256", "ECDHE (P-256)")])
    def test_group(self, groups, exchange):
        self.needs()
        line = self.openssl("mail", "-groups", groups)
        self.assertEqual((line["exchange"], line["certificate"]), (exchange, "p256"))

    def test_go_takes_it_unasked(self):
        """Go does by its own list of groups, from 1.24 on."""
        self.needs()
        if not shutil.which("go"):
            self.skipTest("go is not installed")
        version = re.search(r"go1\.(\d+)", run(["go", "version"]).stdout)
        program = os.path.join(self.stage.directory, "starttls-client-go")
        done = run(["go", "build", "-o", program, os.path.join(CLIENTS, "starttls_client.go")],
                   env={**os.environ, "GOCACHE": os.path.join(self.stage.directory, "go"),
                        "GOFLAGS": "", "GO111MODULE": "off"}, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        mark = self.posternd.mark()
        host, port = self.posternd.address("mail")
        # A program without a module has the defaults of Go 1.20.
        done = run([program, host, str(port), self.stage.authority.roots, "", "", ""],
                   env={**os.environ, "GODEBUG": "tlsmlkem=1"})
        self.assertEqual(done.returncode, 0, done.stderr)
        line = self.posternd.wait_log(ESTABLISHED, after=mark)
        self.assertEqual(line["exchange"], "X25519MLKEM768" if int(version[1]) >= 24 else "X25519")

    def test_not_in_tls12(self):
        self.needs()
        line = self.openssl("mail", "-groups", "X25519MLKEM768:P-256", "-tls1_2")
        self.assertEqual(line["exchange"], "ECDHE (P-256)")

    def test_fallback_without_it(self):
        """A client that offers the hybrid first, with shares of both: whom OpenSSL lacks it gets
        the other one, without a retry."""
        message = hello.tls13(group_numbers=(HYBRID, X25519), shares=(HYBRID, X25519))
        answer = hello.ask(self.posternd.address("mail"), message)
        chosen = int.from_bytes(answer.extensions[hello.KEY_SHARE][:2], "big")
        self.assertEqual((answer.retry, chosen), (False, HYBRID if has_post_quantum() else X25519))

    def test_retry(self):
        message = hello.tls13(group_numbers=(HYBRID, X25519), shares=())
        answer = hello.ask(self.posternd.address("mail"), message)
        chosen = int.from_bytes(answer.extensions[hello.KEY_SHARE][:2], "big")
        self.assertEqual((answer.retry, chosen), (True, HYBRID if has_post_quantum() else X25519))

    def test_facts(self):
        self.needs()
        mark = self.posternd.mark()
        client = self.program([
            "openssl", "s_client", "-quiet", "-crlf", "-starttls", "smtp", "-connect",
            "%s:%d" % self.posternd.address("mail"), "-groups", "X25519MLKEM768"])
        client.expect(rb"^250 .*\n")
        line = self.posternd.wait_log(ESTABLISHED, after=mark)
        told = run_posternctl(self.build, "-c", self.posternd.conf, "--json", "facts",
                              line["host"], line["port"])
        self.assertEqual(told.returncode, 0, told.stderr)
        facts = json.loads(told.stdout)["facts"][0]
        self.assertEqual((facts["protocol"], facts["key_exchange"]), ("TLSv1.3", "X25519MLKEM768"))
        client.line("QUIT", 221)

    @table([(name, name) for name in GROUPS])
    def test_configured(self, name):
        conf = self.stage.write(
            certificates=["p256"], backend="127.0.0.1:1",
            listeners={"mx": {"tls_profile": "own"}},
            extra=f'tls_profile "own" {{ groups = "{name}:P-256" }}\n')
        done = run_posternd(self.build, "-t", "-c", conf)
        if has_post_quantum():
            self.assertEqual(done.returncode, 0, done.stderr)
        else:
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stderr, r"postern\.conf:\d+: groups: " + LACKS.format(name))

    @table([("one", "X25519MLKEM512"), ("small letters", "x25519mlkem768"),
            ("draft", "X25519Kyber768Draft00"), ("brainpool", "brainpoolP256r1tls13")])
    def test_no_group(self, name):
        conf = self.stage.write(
            certificates=["p256"], backend="127.0.0.1:1",
            listeners={"mx": {"tls_profile": "own"}},
            extra=f'tls_profile "own" {{ groups = "{name}" }}\n')
        done = run_posternd(self.build, "-t", "-c", conf)
        self.assertEqual(done.returncode, 2)
        self.assertIn(f'groups: "{name}" matches nothing', done.stderr)

    def test_check_tells_of_the_group(self):
        done = run_posternctl(self.build, "-c", self.posternd.conf, "check")
        found = re.search("this machine's OpenSSL, .*, has no X25519MLKEM768.*", done.stdout)
        self.assertEqual(found is None, has_post_quantum(), done.stdout)

    def test_explain(self):
        done = run_posternctl(
            self.build, "-c", self.posternd.conf, "--json", "explain", "--version", "1.3",
            "--ciphers", "TLS_AES_128_GCM_SHA256", "--sigalgs", "ecdsa_secp256r1_sha256",
            "--groups", "X25519MLKEM768:X25519")
        told = json.loads(done.stdout)
        self.assertEqual(told["group"], "X25519MLKEM768" if has_post_quantum() else "x25519")
        self.assertEqual(done.stderr, "")

    @table([(kind, kind) for kind in ("mldsa44", "mldsa65", "mldsa87")])
    def test_hypothetical(self, kind):
        done = run_posternctl(
            self.build, "explain", "--version", "1.3", "--ciphers", "TLS_AES_128_GCM_SHA256",
            "--sigalgs", f"{kind}:ecdsa_secp256r1_sha256", "--groups", "X25519MLKEM768:X25519",
            "--certificates", f"{kind},p256")
        if has_post_quantum():
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(f'Chosen: "{kind}"', done.stdout)
            self.assertNotIn("NOT AS PREDICTED", done.stdout)
        else:
            self.assertEqual((done.returncode, done.stderr), (
                2, f"posternctl: cannot generate certificate {kind}: this machine's OpenSSL does "
                   "not support this kind of key\n"))

    # --- certificates ---

    @table([(kind, kind) for kind in ("mldsa44", "mldsa65", "mldsa87")])
    def test_mldsa(self, kind):
        self.needs()
        line = self.openssl(kind, "-sigalgs", kind, "-groups", "X25519MLKEM768")
        self.assertEqual((line["certificate"], line["protocol"]), (kind, "TLSv1.3"))
        self.assertRegex(line["signature"], f"(?i)ml-?dsa-?{kind[-2:]}")
        self.assertEqual(self.openssl(kind)["certificate"], kind)
        self.assertEqual(self.openssl(kind, "-tls1_2")["certificate"], "p256")
        line = self.openssl(kind, "-sigalgs", "ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256")
        self.assertEqual(line["certificate"], "p256")
        other = "mldsa65" if kind != "mldsa65" else "mldsa87"
        line = self.openssl(kind, "-sigalgs", f"{other}:rsa_pss_rsae_sha256")
        self.assertEqual(line["certificate"], "rsa")

    def test_mldsa_signed_by_another(self):
        self.needs()
        line = self.openssl("mldsa-by-p384", "-sigalgs", "mldsa65")
        self.assertEqual(line["certificate"], "mldsa-by-p384")

    @table([("44", 17), ("65", 18), ("87", 19)])
    def test_refused_at_load(self, last):
        """Where OpenSSL does not know the kind; where it does, this one has no key that fits."""
        conf = self.stage.write(certificates=["p256"], backend="127.0.0.1:1")
        chain = os.path.join(os.path.dirname(conf), "mldsa.pem")
        with open(chain, "w", encoding="ascii") as file:
            file.write(mldsa_certificate(last))
        with open(conf, encoding="utf-8") as file:
            text = file.read()
        with open(conf, "w", encoding="utf-8") as file:
            file.write(re.sub(r"chain = .*", f'chain = "{chain}"', text, count=1))
        done = run_posternd(self.build, "-t", "-c", conf)
        self.assertEqual(done.returncode, 2)
        if not has_post_quantum():
            self.assertRegex(done.stderr, r"postern\.conf:\d+: .*mldsa\.pem: this machine's OpenSSL "
                                          r"has no ML-DSA, which came with 3\.5\n")

    def test_client_without_anything(self):
        """Nobody is the worse for the hybrid being first."""
        client = self.connect(self.posternd.address("mail"))
        client.starttls()
        line = self.posternd.wait_log(of_client(ESTABLISHED, client.port))
        self.assertEqual(line["certificate"], "p256")
