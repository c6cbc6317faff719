"""Mistakes of a configuration, and what posternd says about each: at its start, with -t, and in a
reload."""

import os
import re
import shutil

from lab.posternd import USER
from lab.process import run

# The good one. A row below replaces one of its lines; PORT and STATE are filled in.
GOOD = """\
hostname = "mail.example.test"
user = "nobody"
workers = 1
log = "stderr"
log_sessions = "all"
state_directory = "STATE"
control = "STATE/control.sock"
certificate "p256" {
    chain = "p256.pem"
    key = "p256.key"
}
certificate "rsa" {
    chain = "rsa.pem"
    key = "rsa.key"
}
certificate_set "mail" {
    names = { "mail.example.test", "*.example.test" }
    certificates = { "p256", "rsa" }
    unmatched = "fail"
}
tls_profile "mine" {
    min_protocol = "TLSv1.2"
    ciphers = "ECDHE+AESGCM"
    groups = "X25519:P-256"
}
backend "postfix" {
    address = { "127.0.0.1:12525", "unix:/nowhere/socket" }
    client_address = "proxy-v2"
    connect_timeout = 10
}
listener "mx" {
    address = { "127.0.0.1:PORT" }
    tls = "may"
    tls_profile = "mine"
    certificate_sets = { "mail" }
    backend = "postfix"
    auth_before_tls = false
}
limits {
    max_sessions = 100
    idle_timeout = 1800
}
"""

# name, the line of GOOD that is replaced, its replacement (None: left out), the line that is
# complained about if it is another one, what the text must tell
ROWS = (
    # words
    ("unknown option", 'hostname = "mail.example.test"', 'hostnam = "x"', None, "hostnam"),
    ("unknown section", "limits {", "limit {", None, "limit"),
    ("unknown option in a section", "    max_sessions = 100", "    max_session = 100", None,
     "max_session"),
    ("option given twice", 'log_sessions = "all"', 'log = "stderr"', None, "log"),
    ("option given twice in a section", '    tls = "may"', '    backend = "postfix"', "+3",
     "backend is given twice"),
    ("word that is not allowed", 'log = "stderr"', 'log = "file"', None, "log"),
    ("word of a listener that is not allowed", '    tls = "may"', '    tls = "maybe"', None, "tls"),
    ("word of a set that is not allowed", '    unmatched = "fail"', '    unmatched = "never"',
     None, "unmatched"),
    ("no client address", '    client_address = "proxy-v2"', '    client_address = "none"', None,
     "client_address"),
    ("XCLIENT", '    client_address = "proxy-v2"', '    client_address = "xclient"', None,
     "client_address"),
    ("word in wrong case", 'log = "stderr"', 'log = "STDERR"', None, "log"),
    # types
    ("text for a number", "workers = 1", 'workers = "1"', None, "workers"),
    ("negative number", "workers = 1", "workers = -1", None, "workers"),
    ("hexadecimal number", "workers = 1", "workers = 0x10", None, "workers"),
    ("octal number", "workers = 1", "workers = 010", None, "workers"),
    ("fraction", "workers = 1", "workers = 1.5", None, "workers"),
    ("number with a unit", "    idle_timeout = 1800", "    idle_timeout = 30m", None,
     "idle_timeout"),
    ("number too large", "    max_sessions = 100", "    max_sessions = 99999999999", None,
     "max_sessions"),
    ("number too small", "    max_sessions = 100", "    max_sessions = 0", None, "max_sessions"),
    ("yes for a boolean", "    auth_before_tls = false", "    auth_before_tls = yes", None,
     "auth_before_tls"),
    ("control path of 108 bytes", 'control = "STATE/control.sock"', f'control = "/{"x" * 107}"', None,
     "control: the path of a socket may have at most 107 bytes"),
    ("failures, another word", 'log_sessions = "all"', 'failures = "file"', None,
     '"off", "memory", "disk"'),
    ("number for a text", 'hostname = "mail.example.test"', "hostname = 5", None, "hostname"),
    ("list for a text", 'hostname = "mail.example.test"', 'hostname = { "a", "b" }', None,
     "unexpected"),
    ("empty list", '    certificates = { "p256", "rsa" }', "    certificates = { }",
     "} of certificate_set", "certificates"),
    # form
    ("missing quote", 'log_sessions = "all"', 'log_sessions = "all', None, "quote"),
    ("missing value", "workers = 1", "workers =", None, "value"),
    ("missing equal sign", "workers = 1", "workers 1", None, "equal|="),
    ("semicolon", "workers = 1", "workers = 1;", None, ";"),
    ("two commas", '    certificates = { "p256", "rsa" }',
     '    certificates = { "p256",, "rsa" }', None, "comma|','"),
    ("stray brace", "workers = 1", "}", None, "brace"),
    ("section without a name", 'certificate "rsa" {', "certificate {", None, "certificate"),
    ("control character", "workers = 1", "workers = 1\x07", None, "0x07"),
    ("environment in a text", 'hostname = "mail.example.test"', 'hostname = "${HOME}"', None,
     "hostname"),
    ("include", "workers = 1", 'include("other.conf")', None, r"\("),
    # names and references
    ("certificate given twice", 'certificate "rsa" {', 'certificate "p256" {', None, "p256"),
    ("no such certificate", '    certificates = { "p256", "rsa" }',
     '    certificates = { "p256", "p384" }', None, "p384"),
    ("no such set", '    certificate_sets = { "mail" }', '    certificate_sets = { "male" }',
     None, "male"),
    ("no such backend", '    backend = "postfix"', '    backend = "exim"', None, "exim"),
    ("no such profile", '    tls_profile = "mine"', '    tls_profile = "yours"', None, "yours"),
    ("built-in profile redefined", 'tls_profile "mine" {', 'tls_profile "modern" {', None,
     "modern"),
    ("listener without sets", '    certificate_sets = { "mail" }', None, "} of listener",
     "certificate_sets"),
    ("set without certificates", '    certificates = { "p256", "rsa" }', None,
     "} of certificate_set", "certificates"),
    ("listener without address", '    address = { "127.0.0.1:PORT" }', None, "} of listener",
     "address"),
    ("listener without backend", '    backend = "postfix"', None, "} of listener", "backend"),
    ("backend without address", '    address = { "127.0.0.1:12525", "unix:/nowhere/socket" }',
     None, "} of backend", "address"),
    ("certificate without chain", '    chain = "p256.pem"', None, "} of certificate", "chain"),
    # TLS
    ("no such cipher", '    ciphers = "ECDHE+AESGCM"', '    ciphers = "ECDHE-ROT13"', None,
     "ciphers"),
    ("no such group", '    groups = "X25519:P-256"', '    groups = "X25519:P-257"', None, "P-257"),
    ("no such protocol", '    min_protocol = "TLSv1.2"', '    min_protocol = "SSLv3"', None,
     "min_protocol"),
    ("min above max", '    min_protocol = "TLSv1.2"',
     '    min_protocol = "TLSv1.3"\n    max_protocol = "TLSv1.2"', "+1", "max_protocol"),
    ("name that is not a host name", '    names = { "mail.example.test", "*.example.test" }',
     '    names = { "mail example" }', None, "names"),
    # addresses
    ("host name for an address", '    address = { "127.0.0.1:PORT" }',
     '    address = { "localhost:25" }', None, "address"),
    ("address without port", '    address = { "127.0.0.1:PORT" }',
     '    address = { "127.0.0.1" }', None, "address"),
    ("port too large", '    address = { "127.0.0.1:PORT" }',
     '    address = { "127.0.0.1:65536" }', None, "address"),
    ("IPv6 without brackets", '    address = { "127.0.0.1:PORT" }', '    address = { "::1:25" }',
     None, "address"),
    ("listener on a unix socket", '    address = { "127.0.0.1:PORT" }',
     '    address = { "unix:/tmp/x" }', None, "address"),
    ("address given twice", '    address = { "127.0.0.1:PORT" }',
     '    address = { "127.0.0.1:PORT", "127.0.0.1:PORT" }', None, "address"),
    ("backend is our own listener", '    address = { "127.0.0.1:12525", "unix:/nowhere/socket" }',
     '    address = { "127.0.0.1:PORT" }', None, "listener"),
    ("backend is our own listener in a trial", "    auth_before_tls = false",
     '    trial_address = { "127.0.0.1:12525" }',
     '    address = { "127.0.0.1:12525", "unix:/nowhere/socket" }', "listener"),
    ("trial at the address", "    auth_before_tls = false", '    trial_address = "127.0.0.1:PORT"', None,
     '^trial_address: listener "mx" already has this address$'),
    ("exceptions where TLS is demanded", '    tls = "may"',
     '    tls = "encrypt"\n    starttls_except = "192.0.2.0/24"', "+1",
     '^starttls_except: needs tls = "may", but listener "mx" has tls = "encrypt"$'),
    ("exception that is no network", "    auth_before_tls = false",
     '    starttls_except = "sender.example"', None, '^starttls_except: "sender.example": not ADDR'),
    ("backend is our own listener on any address",
     '    address = { "127.0.0.1:PORT" }', '    address = { "0.0.0.0:12525" }',
     '    address = { "127.0.0.1:12525", "unix:/nowhere/socket" }', "listener"),
    # files
    ("missing chain", '    chain = "p256.pem"', '    chain = "none.pem"', None,
     "none.pem.*No such file"),
    ("missing key", '    key = "p256.key"', '    key = "none.key"', None, "none.key.*No such file"),
    ("key of another certificate", '    key = "p256.key"', '    key = "rsa.key"', None, "rsa.key"),
    ("key of another certificate of this type", '    key = "p256.key"', '    key = "other.key"',
     None, "other.key"),
    ("encrypted key", '    key = "p256.key"', '    key = "encrypted.key"', None, "encrypted"),
    ("encrypted key, old form", '    key = "rsa.key"', '    key = "old-encrypted.key"', None,
     "encrypted"),
    ("chain without a certificate", '    chain = "p256.pem"', '    chain = "p256.key"', None,
     "certificate"),
    ("key file without a key", '    key = "p256.key"', '    key = "p256.pem"', None, "key"),
    ("broken PEM", '    chain = "p256.pem"', '    chain = "broken.pem"', None, "broken.pem"),
    ("empty file", '    chain = "p256.pem"', '    chain = "empty.pem"', None, "empty.pem"),
    ("directory for a file", '    chain = "p256.pem"', '    chain = "."', None, "regular file"),
    ("key missing in the chain file", '    key = "p256.key"', None, "    chain = \"p256.pem\"",
     "key"),
    ("curve that is not supported", '    chain = "p256.pem"', '    chain = "k256.pem"', None,
     "k256.pem"),
)


def pick_line(text, wanted):
    """The number of the line that is `wanted`, or of the closing brace of a section: "} of X"."""
    lines = text.splitlines()
    if not wanted.startswith("} of "):
        return lines.index(wanted) + 1
    section = next(number for number, line in enumerate(lines)
                   if re.match(wanted[len("} of "):] + r"\b", line))
    return lines.index("}", section) + 1


class Folder:
    """A folder with the files that GOOD and the rows name, and a state directory."""

    def __init__(self, stage, port):
        self.directory = os.path.join(stage.directory, "conf")
        self.state = os.path.join(self.directory, "state")
        self.port = port
        os.makedirs(self.state)
        if os.geteuid() == 0:
            shutil.chown(self.state, USER)
        for name, kind in (("p256", None), ("rsa", None), ("other", "p256")):
            made = stage.certificate(name, kind)
            shutil.copy(made.chain, self.path(name + ".pem"))
            shutil.copy(made.key, self.path(name + ".key"))
        self.openssl("pkcs8", "-topk8", "-in", "p256.key", "-out", "encrypted.key",
                     "-passout", "pass:secret")
        self.openssl("rsa", "-in", "rsa.key", "-aes128", "-traditional",
                     "-out", "old-encrypted.key", "-passout", "pass:secret")
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1",
                     "-noenc", "-subj", "/CN=k256", "-keyout", "k256.key", "-out", "k256.pem")
        with open(self.path("p256.pem"), encoding="ascii") as good, \
                open(self.path("broken.pem"), "w", encoding="ascii") as broken:
            broken.write(good.read().replace("M", "*", 1))
        with open(self.path("empty.pem"), "w", encoding="ascii"):
            pass

    def path(self, name):
        return os.path.join(self.directory, name)

    def openssl(self, *arguments):
        done = run(["openssl", *(self.path(each) if each.endswith((".key", ".pem")) else each
                                 for each in arguments)])
        if done.returncode:
            raise AssertionError(done.stderr)

    def write(self, text, name="postern.conf"):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def fill(self, text, port=None):
        return text.replace("PORT", str(port or self.port)).replace("STATE", self.state)


def mistaken(line, replacement, complained):
    """(GOOD with this mistake, the number of the line that is complained about)."""
    good = GOOD.splitlines()
    at = good.index(line)
    good[at:at + 1] = [] if replacement is None else [replacement]
    text = "\n".join(good) + "\n"
    if complained is None:
        return text, at + 1
    if complained.startswith("+"):
        return text, at + 1 + int(complained)
    return text, pick_line(text, complained)
