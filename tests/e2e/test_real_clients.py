"""Clients of seven TLS libraries over STARTTLS, each limited in version, suites, groups and signature
schemes as far as it can be: each gets the certificate that its hello calls for. What was served is
taken from posternd's log and, as a fingerprint, from the client, which also verifies it."""

import collections
import hashlib
import os
import re
import shutil
import socket
import ssl
import threading

from common import ESTABLISHED, FAILED, Case, table
from lab.process import TIMEOUT, LabError, run
from lab.smtp import Client

PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients")
SERVER = "mail.example.test"

REFUSED = re.sub(r"\(\?P<(?!reason)\w+>", "(?:", FAILED)

# Listeners by the order of their certificates. "cross" is a P-256 certificate that an RSA CA signed;
# the first two of "faults-first" are ones that clients refuse (test_choice).
LISTENERS = {
    "p256-first": ["p256", "rsa", "p384", "ed25519"],
    "rsa-first": ["rsa", "p256", "p384", "ed25519"],
    "p384-first": ["p384", "rsa", "p256", "ed25519"],
    "ed25519-first": ["ed25519", "p384", "rsa", "p256"],
    "no-rsa": ["p256", "p384", "ed25519"],
    "cross-first": ["cross", "p384", "p256"],
    "faults-first": ["explicit", "enciphers", "p256", "rsa"],
}

# What a client is limited to. `version`: the only one; `keys`: ECDSA or RSA, of ECDHE suites before
# TLS 1.3; `groups` and `schemes`: lists. None limits nothing.
Limits = collections.namedtuple("Limits", "version keys groups schemes",
                                defaults=(None, None, None, None))

TLS10, TLS11, TLS12, TLS13 = "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"

# The certificate that a scheme is for; its CA has a key of the same kind.
CERTIFICATE_OF = {"P-256": "p256", "RSA": "rsa", "P-384": "p384", "Ed25519": "ed25519"}

# RSA as TLS 1.3 has it no more, and the least digest that signs at the levels up to 2.
PKCS1 = "RSA PKCS#1"
ECDSA_SHA224, RSA_SHA224 = "ECDSA with SHA-224", "RSA with SHA-224"

# What a scheme signs of the certificates here.
SIGNED_WITH = {**CERTIFICATE_OF, PKCS1: "rsa"}

ROWS = []


def add(version, name, listener, expected, **limits):
    """A row of ROWS: name, listener, Limits, certificate or None for a refusal."""
    ROWS.append((f"{version} {name}", listener, Limits(version, **limits), expected))


for VERSION in (TLS10, TLS11, TLS12):
    add(VERSION, "P-256", "rsa-first", "p256", keys="ECDSA", groups=["P-256"])
    add(VERSION, "P-384", "p256-first", "p384", keys="ECDSA", groups=["P-384"])
    add(VERSION, "RSA", "p256-first", "rsa", keys="RSA")
    add(VERSION, "P-384 and RSA", "p256-first", "rsa", groups=["P-384"])
    add(VERSION, "P-256 and RSA", "p384-first", "rsa", groups=["P-256"])
    add(VERSION, "RSA where there is none", "no-rsa", None, keys="RSA")
for VERSION in (TLS10, TLS11):
    add(VERSION, "not Ed25519", "p256-first", None, keys="ECDSA", groups=["X25519"])

# Ed25519 is under ECDSA suites, and X25519 is not its curve.
add(TLS12, "no ECDSA curve", "p256-first", "ed25519", keys="ECDSA", groups=["X25519"])
add(TLS12, "scheme P-256", "rsa-first", "p256", schemes=["P-256"])
add(TLS12, "scheme RSA", "p256-first", "rsa", schemes=["RSA"])
add(TLS12, "scheme Ed25519", "p256-first", "ed25519", schemes=["Ed25519"])
# Before TLS 1.3 a scheme names the digest only, and the groups name the curve.
add(TLS12, "SHA-384 for P-256", "p256-first", "p256", groups=["P-256"], keys="ECDSA",
    schemes=["P-384"])
add(TLS12, "signed by RSA", "cross-first", "p256", schemes=["P-256"])
add(TLS12, "SHA-224 only", "rsa-first", "p256", schemes=[ECDSA_SHA224])
add(TLS12, "SHA-224 only, RSA", "p256-first", "rsa", schemes=[RSA_SHA224])

for KIND, CERTIFICATE in CERTIFICATE_OF.items():
    add(TLS13, f"scheme {KIND}", "rsa-first" if KIND != "RSA" else "p256-first", CERTIFICATE,
        schemes=[KIND])
add(TLS13, "first of ours, not of theirs", "p256-first", "rsa", schemes=["Ed25519", "P-384", "RSA"])
add(TLS13, "group P-384 limits no certificate", "p256-first", "p256", groups=["P-384"])
add(TLS13, "scheme RSA where there is none", "no-rsa", None, schemes=["RSA"])
add(TLS13, "signed by RSA", "cross-first", "p256", schemes=["P-256"])
# A key share for a group that is not served.
add(TLS13, "HelloRetryRequest", "p256-first", "p384", groups=["ffdhe2048", "P-521"],
    schemes=["P-384"])

# Both versions are offered, and only TLS 1.2 has a scheme.
ROWS.append(("PKCS#1 only", "p256-first", Limits(schemes=[PKCS1]), "rsa"))

add(TLS12, "faults rank last", "faults-first", "p256")
add(TLS12, "faults rank last, RSA", "faults-first", "rsa", keys="RSA")
add(TLS13, "faults rank last", "faults-first", "p256")

for LISTENER, ORDER in LISTENERS.items():
    if LISTENER not in ("cross-first", "faults-first"):
        ROWS.append((f"not limited, {LISTENER}", LISTENER, Limits(), ORDER[0]))


def leaf_of(text):
    """The fingerprint of the first certificate in PEM in a client's output, or None."""
    found = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", text, re.DOTALL)
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(found[0])).hexdigest() if found else None


def named(names, given, between):
    """The client's own names, joined; empty when nothing is given."""
    return between.join(names[each] for each in given or ())


class Library:
    """One TLS library as a client. `groups` and `schemes` translate names; what is not in them it
    cannot be limited to. `programs` are what must be installed."""

    programs = ()
    lacks = ()  # certificates that it cannot use
    prepared = None  # what prepare() returned
    slow = False  # starting it takes long: it does without the rows for TLS 1.1
    # Whether the signature of a certificate's issuer is held against the same schemes, with
    # signature_algorithms_cert.
    certificate_schemes = False
    groups = {"P-256": "P-256", "P-384": "P-384", "P-521": "P-521", "X25519": "X25519"}
    schemes = {}

    @classmethod
    def missing(cls):
        """The first of its programs that is not installed."""
        return next((each for each in cls.programs if not shutil.which(each)), None)

    @classmethod
    def prepare(cls, directory, roots):
        """What takes long and is needed once."""

    @classmethod
    def can(cls, limits):
        return (not (cls.slow and limits.version == TLS11) and
                set(limits.groups or ()) <= set(cls.groups) and
                set(limits.schemes or ()) <= set(cls.schemes))

    @classmethod
    def expected(cls, listener, limits, certificate):
        """The certificate, with what this library cannot do left out."""
        if listener == "cross-first" and not cls.certificate_schemes:
            return "cross"
        if limits == Limits():
            return next(each for each in LISTENERS[listener] if each not in cls.lacks)
        signed_for = not cls.certificate_schemes or not limits.schemes or any(
            certificate == SIGNED_WITH.get(each) for each in limits.schemes)
        return certificate if certificate not in cls.lacks and signed_for else None

    @classmethod
    def session(cls, case, address, limits):
        """A session over STARTTLS: the certificate's fingerprint (None without a handshake), and what
        the client said."""
        done = run(cls.command(case, address, limits))
        return cls.result(done), done.stdout + done.stderr

    @classmethod
    def result(cls, done):
        return leaf_of(done.stdout) if done.returncode == 0 else None


class OpenSSL(Library):
    programs = ("openssl",)
    groups = {**Library.groups, "ffdhe2048": "ffdhe2048"}
    schemes = {"P-256": "ecdsa_secp256r1_sha256", "P-384": "ecdsa_secp384r1_sha384",
               "RSA": "rsa_pss_rsae_sha256:rsa_pkcs1_sha256", "Ed25519": "ed25519",
               PKCS1: "rsa_pkcs1_sha256", ECDSA_SHA224: "ECDSA+SHA224", RSA_SHA224: "RSA+SHA224"}
    versions = {TLS10: "-tls1", TLS11: "-tls1_1", TLS12: "-tls1_2", TLS13: "-tls1_3"}

    @staticmethod
    def ciphers(limits):
        return {None: "DEFAULT", "RSA": "aRSA+kECDHE",
                "ECDSA": "aECDSA"}[limits.keys] + ":@SECLEVEL=0"

    @classmethod
    def command(cls, case, address, limits):
        options = ["-cipher", cls.ciphers(limits)]
        if limits.version:
            options += [cls.versions[limits.version]]
        if limits.groups:
            options += ["-groups", named(cls.groups, limits.groups, ":")]
        if limits.schemes:
            options += ["-sigalgs", named(cls.schemes, limits.schemes, ":")]
        return ["openssl", "s_client", "-starttls", "smtp", "-connect", "%s:%d" % address,
                "-CAfile", case.stage.authority.roots, "-verify_return_error",
                "-verify_hostname", SERVER, *options]


class GnuTLS(Library):
    """It refuses to be limited to SHA-224."""

    programs = ("gnutls-cli",)
    groups = {"P-256": "+GROUP-SECP256R1", "P-384": "+GROUP-SECP384R1",
              "P-521": "+GROUP-SECP521R1", "X25519": "+GROUP-X25519"}
    schemes = {"P-256": "+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SECP256R1-SHA256",
               "P-384": "+SIGN-ECDSA-SHA384:+SIGN-ECDSA-SECP384R1-SHA384",
               "RSA": "+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-SHA256",
               "Ed25519": "+SIGN-EDDSA-ED25519", PKCS1: "+SIGN-RSA-SHA256"}
    versions = {TLS10: "TLS1.0", TLS11: "TLS1.1", TLS12: "TLS1.2", TLS13: "TLS1.3"}

    @classmethod
    def command(cls, case, address, limits):
        priority = ["NORMAL"]
        if limits.version:
            priority += ["-VERS-ALL", "+VERS-" + cls.versions[limits.version]]
        if limits.keys:
            priority += ["-KX-ALL", "+ECDHE-" + limits.keys]
        if limits.groups:
            priority += ["-GROUP-ALL", named(cls.groups, limits.groups, ":")]
        if limits.schemes:
            priority += ["-SIGN-ALL", named(cls.schemes, limits.schemes, ":")]
        host, port = address
        return ["gnutls-cli", "--starttls-proto=smtp", f"--port={port}", "--print-cert",
                f"--x509cafile={case.stage.authority.roots}", "--verify-hostname=" + SERVER,
                "--priority=" + ":".join(priority), host]


class NSS(Library):
    """tstclnt knows no STARTTLS: a relay speaks it, and hands on what follows."""

    programs = ("tstclnt", "certutil")
    lacks = ("ed25519",)
    groups = {"P-256": "P256", "P-384": "P384", "P-521": "P521", "X25519": "x25519",
              "ffdhe2048": "FF2048"}
    schemes = {"P-256": "ecdsa_secp256r1_sha256", "P-384": "ecdsa_secp384r1_sha384",
               "RSA": "rsa_pss_rsae_sha256,rsa_pkcs1_sha256"}
    versions = {TLS10: "tls1.0", TLS11: "tls1.1", TLS12: "tls1.2", TLS13: "tls1.3"}
    # ECDHE with AES.
    suites = {"ECDSA": ":C009:C00A:C023:C02B:C02C", "RSA": ":C013:C014:C027:C02F:C030"}

    @classmethod
    def prepare(cls, directory, roots):
        database = os.path.join(directory, "nss")
        os.mkdir(database)
        run(["certutil", "-d", "sql:" + database, "-N", "--empty-password"])
        with open(roots, encoding="ascii") as file:
            for number, root in enumerate(file.read().split("-----END CERTIFICATE-----\n")[:-1]):
                path = os.path.join(database, f"root{number}.pem")
                with open(path, "w", encoding="ascii") as one:
                    one.write(root + "-----END CERTIFICATE-----\n")
                # The Ed25519 root is refused, and not needed.
                run(["certutil", "-d", "sql:" + database, "-A", "-n", f"root{number}",
                     "-t", "C,,", "-i", path])
        return database

    @classmethod
    def session(cls, case, address, limits):
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(TIMEOUT)
            relay = threading.Thread(target=cls._relay, args=(server, address))
            relay.start()
            options = []
            if limits.version:
                options += ["-V", f"{cls.versions[limits.version]}:{cls.versions[limits.version]}"]
            if limits.keys:
                options += ["-c", cls.suites[limits.keys]]
            if limits.groups:
                options += ["-I", named(cls.groups, limits.groups, ",")]
            if limits.schemes:
                options += ["-J", named(cls.schemes, limits.schemes, ",")]
            done = run(["tstclnt", "-h", "127.0.0.1", "-p", str(server.getsockname()[1]),
                        "-a", SERVER, "-d", "sql:" + cls.prepared, "-Q", "-C", "-C", "-C", *options],
                       stdin="QUIT\r\n")
            relay.join()
        # It exits with 0 after a handshake only, and prints to standard error.
        output = done.stdout + done.stderr
        return (leaf_of(output) if done.returncode == 0 else None), output

    @staticmethod
    def _relay(server, address):
        near, _ = server.accept()
        with near, Client(address) as client:
            client.greet()
            client.command("STARTTLS")
            back = threading.Thread(target=pump, args=(client.socket, near))
            back.start()
            pump(near, client.socket)
            back.join()


def pump(source, sink):
    """Copies to the end."""
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        # One of the ends is gone: so is the session.
        for each in (source, sink):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Own(Library):
    """A program of clients/, which prints the fingerprint."""

    @classmethod
    def arguments(cls, case, address, limits):
        return [address[0], str(address[1]), case.stage.authority.roots, limits.version or ""]

    @classmethod
    def result(cls, done):
        return done.stdout.strip() or None


class Java(Own):
    programs = ("javac", "java")
    slow = True
    certificate_schemes = True
    groups = {"P-256": "secp256r1", "P-384": "secp384r1", "P-521": "secp521r1",
              "X25519": "x25519", "ffdhe2048": "ffdhe2048"}
    schemes = {"P-256": "ecdsa_secp256r1_sha256", "P-384": "ecdsa_secp384r1_sha384",
               "RSA": "rsa_pss_rsae_sha256,rsa_pkcs1_sha256", "Ed25519": "ed25519",
               PKCS1: "rsa_pkcs1_sha256", ECDSA_SHA224: "ecdsa_sha224", RSA_SHA224: "rsa_sha224"}

    @classmethod
    def prepare(cls, directory, roots):
        done = run(["javac", "-d", directory, os.path.join(PROGRAMS, "StarttlsClient.java")])
        if done.returncode:
            raise LabError("javac: " + done.stderr)
        return directory

    @classmethod
    def command(cls, case, address, limits):
        return ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", cls.prepared,
                "StarttlsClient", *cls.arguments(case, address, limits), limits.keys or "",
                named(cls.groups, limits.groups, ","), named(cls.schemes, limits.schemes, ",")]


class Node(Own):
    programs = ("node",)
    slow = True
    groups = OpenSSL.groups
    schemes = OpenSSL.schemes

    @classmethod
    def command(cls, case, address, limits):
        # Without suites of TLS 1.3 in the list Node offers none.
        ciphers = "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:" + OpenSSL.ciphers(limits)
        return ["node", os.path.join(PROGRAMS, "starttls_client.js"),
                *cls.arguments(case, address, limits), ciphers,
                named(cls.groups, limits.groups, ":"), named(cls.schemes, limits.schemes, ":")]


class Go(Own):
    programs = ("go",)

    @classmethod
    def prepare(cls, directory, roots):
        program = os.path.join(directory, "starttls-client-go")
        environment = {**os.environ, "GOCACHE": os.path.join(directory, "go"), "GOFLAGS": "",
                       "GO111MODULE": "off"}
        done = run(["go", "build", "-o", program, os.path.join(PROGRAMS, "starttls_client.go")],
                   env=environment, timeout=300)
        if done.returncode:
            raise LabError("go build: " + done.stderr)
        return program

    @classmethod
    def command(cls, case, address, limits):
        return [cls.prepared, *cls.arguments(case, address, limits), limits.keys or "",
                named(cls.groups, limits.groups, ",")]


class Python(Library):
    """The ssl module: one group, and no choice of schemes."""

    groups = {"P-256": "prime256v1", "P-384": "secp384r1", "P-521": "secp521r1"}
    versions = {TLS10: ssl.TLSVersion.TLSv1, TLS11: ssl.TLSVersion.TLSv1_1,
                TLS12: ssl.TLSVersion.TLSv1_2, TLS13: ssl.TLSVersion.TLSv1_3}

    @classmethod
    def can(cls, limits):
        return super().can(limits) and len(limits.groups or ()) <= 1

    @classmethod
    def session(cls, case, address, limits):
        context = ssl.create_default_context(cafile=case.stage.authority.roots)
        context.set_ciphers(OpenSSL.ciphers(limits))
        context.minimum_version = cls.versions[limits.version or TLS10]
        context.maximum_version = cls.versions[limits.version or TLS13]
        if limits.groups:
            context.set_ecdh_curve(cls.groups[limits.groups[0]])
        client = case.connect(address)
        try:
            client.starttls(context, SERVER)
        except ssl.SSLError as error:
            return None, str(error)
        leaf = client.socket.getpeercert(True)
        client.command("QUIT")
        return hashlib.sha256(leaf).hexdigest(), ""


LIBRARIES = (OpenSSL, GnuTLS, NSS, Java, Node, Python, Go)


def rows():
    """A row for each library and what it can be limited to; only one that skips if the library is
    not installed."""
    for library in LIBRARIES:
        if library.missing():
            yield library.__name__, library, None, None, None
            continue
        for name, listener, limits, certificate in ROWS:
            if library.can(limits):
                yield (f"{library.__name__} {name}", library, listener, limits,
                       library.expected(listener, limits, certificate))


class RealClients(Case):
    @classmethod
    def prepare(cls):
        names = ["p256", "rsa", "p384", "ed25519"]
        certificates = [cls.stage.certificate(name) for name in names]
        certificates += [cls.stage.certificate("cross", "p256", issuer="rsa"),
                         cls.stage.certificate("explicit", issuer="p256"),
                         cls.stage.certificate("enciphers", "rsa", usage="keyEncipherment")]
        cls.fingerprints = {each.name: each.fingerprint() for each in certificates}
        cls.posternd = cls.stage.front(certificates, sets=LISTENERS, listeners={
            name: {"certificate_sets": name} for name in LISTENERS})

    @table(tuple(rows()))
    def test_gets(self, library, listener, limits, certificate):
        if library.missing():
            self.skipTest(f"{library.missing()} is not installed")
        if library.prepared is None:
            library.prepared = library.prepare(self.stage.directory, self.stage.authority.roots)
        # Not every client tells its port, but there is one client at a time.
        mark = self.posternd.mark()
        leaf, output = library.session(self, self.posternd.address(listener), limits)
        line = self.posternd.wait_log(f"{ESTABLISHED}|{REFUSED}", after=mark)
        if certificate is None:
            self.assertEqual(line["reason"], "no-certificate-fits", output)
            self.assertIsNone(leaf, output)
        else:
            capped = limits.schemes == [PKCS1]
            version = limits.version or (TLS12 if capped else TLS13)
            self.assertEqual((line["certificate"], line["protocol"], line["capped"]),
                             (certificate, version, "yes" if capped else None), output)
            self.assertEqual(leaf, self.fingerprints[certificate], output)
