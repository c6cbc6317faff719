"""Throw-away certificates: RSA, ECDSA, Ed25519, each with an issuing and a root CA of its kind."""

import os
import shutil

from lab.process import LabError, run

# kind: arguments of `openssl req` for the key, and the digest that a CA of this kind signs with.
KINDS = {
    "rsa2048": (["-newkey", "rsa:2048"], "sha256"),
    "rsa3072": (["-newkey", "rsa:3072"], "sha256"),
    "rsa4096": (["-newkey", "rsa:4096"], "sha256"),
    "p256": (["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "sha256"),
    "p384": (["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"], "sha384"),
    "p521": (["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"], "sha512"),
    "explicit": (["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                  "-pkeyopt", "ec_param_enc:explicit"], "sha256"),
    "ed25519": (["-newkey", "ed25519"], None),
    "ed448": (["-newkey", "ed448"], None),
    # From OpenSSL 3.5 on.
    "mldsa44": (["-newkey", "ml-dsa-44"], None),
    "mldsa65": (["-newkey", "ml-dsa-65"], None),
    "mldsa87": (["-newkey", "ml-dsa-87"], None),
}

# The short names of the story.
SHORT = {"rsa": "rsa2048"}

CONFIG = """\
[req]
prompt = no
distinguished_name = dn
[dn]
CN = {name}
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, {usage}
extendedKeyUsage = {purpose}
subjectKeyIdentifier = hash
subjectAltName = {names}
"""


class Certificate:
    """A leaf certificate. Files: `chain` (leaf, then the issuing CA) and `key`."""

    def __init__(self, name, kind, base):
        self.name = name
        self.kind = kind
        self.chain = base + ".pem"
        self.key = base + ".key"

    def fingerprint(self):
        """SHA-256 of the leaf in hex, as bytes.hex() writes it."""
        done = run(["openssl", "x509", "-in", self.chain, "-noout", "-fingerprint", "-sha256"])
        return done.stdout.partition("=")[2].strip().replace(":", "").lower()


class Authority:
    """Makes certificates in `directory`. `roots` is the file with every root CA made so far, for a
    client's -CAfile. `owner` is the account that shall read the keys when posternd, started as
    root, has become that account."""

    def __init__(self, directory, owner=None):
        self.directory = directory
        self.roots = os.path.join(directory, "ca.pem")
        self._owner = owner
        self._issuers = set()
        os.makedirs(directory, mode=0o755, exist_ok=True)

    def leaf(self, name, kind=None, *, names=("mail.example.test",), days=90, issuer=None,
             usage=None, purpose="serverAuth"):
        """A Certificate. `kind` is a key of KINDS, by default what `name` says; `issuer` the kind
        of CA that signs it, by default the same; `usage` the keyUsage and `purpose` the
        extendedKeyUsage in openssl's words."""
        kind = SHORT.get(kind or name, kind or name)
        issuer = SHORT.get(issuer or kind, issuer or kind)
        self._issuer(issuer)
        usage = usage or ("digitalSignature, keyEncipherment" if kind.startswith("rsa")
                          else "digitalSignature")
        alternatives = ", ".join("DNS:" + each for each in names)
        self._make(name, kind, issuer, self._path("issuing-" + issuer), "leaf", days, names[0],
                   usage, alternatives, purpose)
        certificate = Certificate(name, kind, self._path(name))
        with open(certificate.chain, "ab") as chain:
            with open(self._path("issuing-" + issuer + ".pem"), "rb") as above:
                chain.write(above.read())
        os.chmod(certificate.chain, 0o644)
        os.chmod(certificate.key, 0o600)
        if self._owner and os.geteuid() == 0:
            shutil.chown(certificate.key, self._owner)
        return certificate

    def _path(self, name):
        return os.path.join(self.directory, name)

    def _issuer(self, kind):
        if kind in self._issuers:
            return
        self._make("root-" + kind, kind, kind, None, "ca", 3650, f"Throw-away root {kind}")
        self._make("issuing-" + kind, kind, kind, self._path("root-" + kind), "ca", 1000,
                   f"Throw-away CA {kind}")
        with open(self.roots, "ab") as roots:
            with open(self._path("root-" + kind + ".pem"), "rb") as root:
                roots.write(root.read())
        self._issuers.add(kind)

    def _make(self, name, kind, issuer, above, section, days, common_name,
              usage="digitalSignature", alternatives="DNS:localhost", purpose="serverAuth"):
        base = self._path(name)
        with open(base + ".cnf", "w", encoding="ascii") as config:
            config.write(CONFIG.format(name=common_name, usage=usage, names=alternatives,
                                       purpose=purpose))
        key_arguments, _ = KINDS[kind]
        digest = KINDS[issuer][1]
        command = ["openssl", "req", "-x509", "-noenc", "-config", base + ".cnf",
                   "-extensions", section, "-days", str(days),
                   "-keyout", base + ".key", "-out", base + ".pem", *key_arguments]
        if digest:
            command += ["-" + digest]
        if above:
            command += ["-CA", above + ".pem", "-CAkey", above + ".key"]
        done = run(command)
        if done.returncode:
            raise LabError("openssl req: " + done.stderr.strip())
        os.remove(base + ".cnf")
