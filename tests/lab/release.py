"""What differs between the releases of Debian that the tests run on, in this one place.

Each function asks the installed program what it can do, where the program can tell, and not for
the name of a release. A function has its reason; where every release does the same, it goes.
"""

import functools
import re

from lab.process import LabError, run


@functools.cache
def _said(*command):
    """What a program says of itself, on whichever of its two outputs."""
    done = run(list(command))
    return done.stdout + done.stderr


def _version(*command):
    """The first number with a dot in what it says, as a tuple."""
    found = re.search(r"\d+(\.\d+)+", _said(*command))
    if found is None:
        raise LabError(f"{' '.join(command)} tells no version")
    return tuple(int(each) for each in found[0].split("."))


def openssl_dates(days):
    """Arguments of `openssl x509` for a certificate that is valid for so many days; -1: that has
    expired. OpenSSL 3.5 refuses `-days -1` ("end date before start date"), and has -not_before,
    which 3.0 has not."""
    if days < 0 and "-not_before" in _said("openssl", "x509", "-help"):
        return ["-not_before", "20200101000000Z", "-not_after", "20200201000000Z"]
    return ["-days", str(days)]


def openssl_name(name):
    """A regular expression for a name as openssl's programs print it: OpenSSL 3.0 writes `CN = x`,
    3.5 `CN=x`. `name` is written with "=" alone."""
    return re.escape(name).replace("=", " ?= ?")


def dovecot_syntax():
    """The settings of a Dovecot that differ, with {directory} for its files: Dovecot 2.4 wants to
    be told first which version's settings these are, and has other ones for passdb and userdb."""
    version = _version("/usr/sbin/dovecot", "--version")
    if version < (2, 4):
        return """\
passdb {{
    driver = passwd-file
    args = scheme=PLAIN {directory}/users
}}
userdb {{
    driver = static
    args = uid=65534 gid=65534 home=/nonexistent
}}
"""
    return """\
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
passdb passwd-file {{
    default_password_scheme = PLAIN
    passwd_file_path = {directory}/users
}}
userdb static {{
    fields {{
        uid = 65534
        gid = 65534
        home = /nonexistent
    }}
}}
"""


def swaks_verify_option(name):
    """Options of swaks that make it verify the certificate of a server that is called `name`. From
    2024 on --tls-verify compares the name, too; the server's is 127.0.0.1 in the lab."""
    if "Unknown option" in _said("swaks", "--dump", "--server", "localhost", "--to",
                                 "recipient@example.test", "--tls-verify-target", name):
        return ["--tls-verify"]
    return ["--tls-verify", "--tls-verify-target", name]


# Curves in the words of OpenSSL, and in ours.
CURVES = (("prime256v1", "P-256"), ("secp384r1", "P-384"), ("secp521r1", "P-521"))


def postfix_tls_words(words):
    """What Postfix logs of a session under TLS, in posternd's words, which are the same in every
    release: those of Postfix 3.7, with NIST's names for curves. Postfix 3.10 calls the key exchange
    of TLS 1.3 by the group's name in TLS (`x25519`, `secp256r1`), where 3.7 writes `X25519` and
    `ECDHE (prime256v1)`."""
    words = re.sub(r"key-exchange x(25519|448)\b", r"key-exchange X\1", words)
    words = words.replace("key-exchange secp256r1", "key-exchange ECDHE (prime256v1)")
    words = re.sub(r"key-exchange (secp\d+r1)", r"key-exchange ECDHE (\1)", words)
    for theirs, ours in CURVES:
        words = words.replace(f"({theirs})", f"({ours})")
    return words


@functools.cache
def has_post_quantum():
    """Whether OpenSSL has ML-KEM and ML-DSA, as from 3.5 on."""
    return "ML-DSA" in _said("openssl", "list", "-signature-algorithms")


def best_group():
    """What a key exchange of TLS 1.3 is called with a client that offers all that OpenSSL does by
    itself: from 3.5 on that begins with the hybrid."""
    return "X25519MLKEM768" if has_post_quantum() else "X25519"


def without_hybrid(context):
    """Limits a client of TLS 1.3 to X25519, where OpenSSL would begin with the hybrid, which Postfix
    does not have."""
    if has_post_quantum():
        context.set_ecdh_curve("X25519")


def openssl_too_long():
    """OpenSSL's words for a record that is longer than any may be; 3.5 reads records in another
    way than 3.0."""
    old = _version("openssl", "version") < (3, 2)
    return "packet length too long" if old else "data length too long"
