"""A configuration that is not right: `FILE:LINE: text`, exit code 2, nothing started;
or 75 where a start may succeed later."""

import os
import re
import shutil
import signal
import socket

from common import Case, free_port, table
from lab.posternd import USER, run_posternd
from lab.process import run
from lab.smtp import Client

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# The end of a line about what may pass by itself; the exit code is then 75.
AGAIN = "; starting again may help"

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


class Configuration(Case):
    @classmethod
    def prepare(cls):
        cls.directory = os.path.join(cls.stage.directory, "conf")
        cls.state = os.path.join(cls.directory, "state")
        os.makedirs(cls.state)
        shutil.chown(cls.state, USER)
        cls.file = os.path.join(cls.directory, "postern.conf")
        cls.port = free_port()
        for name, kind in (("p256", None), ("rsa", None), ("other", "p256")):
            made = cls.stage.certificate(name, kind)
            shutil.copy(made.chain, cls.path(name + ".pem"))
            shutil.copy(made.key, cls.path(name + ".key"))
        cls.openssl("pkcs8", "-topk8", "-in", "p256.key", "-out", "encrypted.key",
                    "-passout", "pass:secret")
        cls.openssl("rsa", "-in", "rsa.key", "-aes128", "-traditional",
                    "-out", "old-encrypted.key", "-passout", "pass:secret")
        cls.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1",
                    "-noenc", "-subj", "/CN=k256", "-keyout", "k256.key", "-out", "k256.pem")
        with open(cls.path("p256.pem"), encoding="ascii") as good, \
                open(cls.path("broken.pem"), "w", encoding="ascii") as broken:
            broken.write(good.read().replace("M", "*", 1))
        with open(cls.path("empty.pem"), "w", encoding="ascii"):
            pass

    @classmethod
    def path(cls, name):
        return os.path.join(cls.directory, name)

    @classmethod
    def openssl(cls, *arguments):
        done = run(["openssl", *(cls.path(each) if each.endswith((".key", ".pem")) else each
                                 for each in arguments)])
        if done.returncode:
            raise AssertionError(done.stderr)

    def write(self, text, name="postern.conf"):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def fill(self, text, port=None):
        return text.replace("PORT", str(port or self.port)).replace("STATE", self.state)

    def assert_refused(self, file, line, pattern):
        """By -t and at the start, in the same words; nothing on standard output."""
        place = f"{file}:{line}: " if line else f"{file}: "
        for arguments in (["-t", "-c", file], ["-c", file]):
            done = run_posternd(self.build, *arguments)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertEqual(done.stdout, "")
            lines = [each for each in done.stderr.splitlines() if ": warning: " not in each]
            self.assertEqual(len(lines), 1, done.stderr)
            self.assertEqual(lines[0][:len(place)], place, lines[0])
            self.assertRegex(lines[0][len(place):], pattern)
        with self.assertRaises(ConnectionRefusedError):
            Client(("127.0.0.1", self.port))

    def start(self, text):
        """A running posternd on this text."""
        daemon = self.stage.posternd(self.write(text))
        self.addCleanup(self.stage.stop, daemon)
        return daemon

    @table(ROWS)
    def test_refused(self, line, replacement, complained, pattern):
        good = GOOD.splitlines()
        at = good.index(line)
        good[at:at + 1] = [] if replacement is None else [replacement]
        text = self.fill("\n".join(good) + "\n")
        if complained is None:
            number = at + 1
        elif complained.startswith("+"):
            number = at + 1 + int(complained)
        else:
            number = pick_line(text, complained)
        self.assert_refused(self.write(text), number, pattern)

    def test_good(self):
        done = run_posternd(self.build, "-t", "-c", self.write(self.fill(GOOD)))
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.start(self.fill(GOOD))

    def test_relative_paths_begin_at_the_file(self):
        self.write(self.fill(GOOD))
        os.symlink(self.directory, self.stage.directory + "/elsewhere")
        done = run_posternd(self.build, "-t", "-c",
                            self.stage.directory + "/elsewhere/postern.conf")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_key_inside_the_chain_file(self):
        for first, second in (("p256.key", "p256.pem"), ("p256.pem", "p256.key")):
            with open(self.path("both.pem"), "wb") as both:
                for name in (first, second):
                    with open(self.path(name), "rb") as file:
                        both.write(file.read())
            text = self.fill(GOOD).replace('    chain = "p256.pem"\n    key = "p256.key"\n',
                                           '    chain = "both.pem"\n')
            done = run_posternd(self.build, "-t", "-c", self.write(text))
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_shipped_file(self):
        shutil.copy(os.path.join(TOP, "conf", "postern.conf"), self.path("shipped.conf"))
        made = self.stage.certificate("p384")
        shutil.copy(made.chain, self.path("p384.pem"))
        shutil.copy(made.key, self.path("p384.key"))
        done = run_posternd(self.build, "-t", "-c", self.path("shipped.conf"))
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)

    def test_brace_never_closed(self):
        text = self.fill(GOOD)
        self.assert_refused(self.write(text[:text.rindex("}")]), pick_line(text, "limits {"),
                            "never closed")

    def test_no_listener_at_all(self):
        text = re.sub(r"(?ms)^listener.*?^}\n", "", self.fill(GOOD))
        self.assert_refused(self.write(text), None, "listener")

    def test_unreadable_files(self):
        self.assert_refused(self.path("none.conf"), None, "No such file or directory")
        self.assert_refused(self.directory, None, "regular file|directory")

    def test_unknown_user(self):
        text = self.fill(GOOD).replace('user = "nobody"', 'user = "no-such-user"')
        done = run_posternd(self.build, "-c", self.write(text))
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertRegex(done.stderr, rf"(?m)^{self.file}:2: .*no-such-user.*no such user")

    def test_root_is_no_user(self):
        text = self.fill(GOOD).replace('user = "nobody"', 'user = "root"')
        done = run_posternd(self.build, "-c", self.write(text))
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, rf"(?m)^{self.file}:2: ")

    def test_state_directory_that_is_not_there(self):
        text = self.fill(GOOD).replace(self.state, self.state + "/none/none")
        done = run_posternd(self.build, "-c", self.write(text))
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertRegex(done.stderr, rf"(?m)^{self.file}:6: .*No such file or directory")

    @table((
        ("a listener of somebody else", "127.0.0.1", False),
        ("with SO_REUSEPORT", "127.0.0.1", True),
        ("on any address", "0.0.0.0", False),
    ))
    def test_port_in_use(self, host, reuse):
        with socket.socket() as other:
            if reuse:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            other.bind((host, 0))
            other.listen()
            text = self.fill(GOOD, other.getsockname()[1])
            done = run_posternd(self.build, "-c", self.write(text))
        self.assertEqual((done.returncode, done.stdout), (75, ""))
        line = pick_line(GOOD, '    address = { "127.0.0.1:PORT" }')
        self.assertRegex(done.stderr, rf"(?m)^{self.file}:{line}: .*Address already in use{AGAIN}$")

    def test_address_of_another_machine(self):
        text = self.fill(GOOD).replace(f"127.0.0.1:{self.port}", f"192.0.2.1:{self.port}")
        done = run_posternd(self.build, "-c", self.write(text))
        self.assertEqual(done.returncode, 75)
        self.assertRegex(done.stderr,
                         rf"(?m)^{self.file}:\d+: .*Cannot assign requested address{AGAIN}$")

    def test_second_daemon_with_this_state_directory(self):
        first = self.start(self.fill(GOOD))
        text = self.fill(GOOD).replace(f"127.0.0.1:{self.port}", "127.0.0.1:0")
        second = self.write(text, "second.conf")
        done = run_posternd(self.build, "-c", second)
        self.assertEqual((done.returncode, done.stdout), (75, ""))
        self.assertRegex(done.stderr,
                         rf"(?m)^{second}:6: .*another posternd uses this state_directory{AGAIN}$")
        # -t says nothing about it: the running one may be the one that is to be reloaded.
        self.assertEqual(run_posternd(self.build, "-t", "-c", second).returncode, 0)
        self.assertIsNone(first.exit_code)
        with Client(first.address()):
            pass

    def test_lock_is_free_after_kill(self):
        first = self.start(self.fill(GOOD))
        first.send_signal(signal.SIGKILL)
        first.wait()
        self.start(self.fill(GOOD))

    def test_usage(self):
        for arguments in (["-x"], ["-c"], ["operand"]):
            done = run_posternd(self.build, *arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("usage: posternd", done.stderr)
        done = run_posternd(self.build, "-V")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^posternd \d+\.\d+\n$")

    @table((
        ("several keys", "", "", "TLSA"),
        ("idle_timeout", "idle_timeout = 1800", "idle_timeout = 60", "idle_timeout"),
        ("hostname", 'hostname = "mail.example.test"', 'hostname = "other.example.test"',
         "other.example.test"),
        ("backend elsewhere", "127.0.0.1:12525", "192.0.2.1:25", "192.0.2.1:25"),
        ("upstreams", "    auth_before_tls = false",
         '    accept_proxy_from = { "192.0.2.7", "10.0.0.0/15" }',
         r'listener "mx": accept_proxy_from: everybody in 10\.0\.0\.0/15 can claim'),
        ("upstreams of IPv6", "    auth_before_tls = false",
         '    accept_proxy_from = "2000::/31"', "accept_proxy_from: everybody in 2000::/31 can"),
        ("exceptions", "    auth_before_tls = false",
         '    starttls_except = { "192.0.2.7", "10.0.0.0/15" }',
         r'listener "mx": starttls_except: nobody in 10\.0\.0\.0/15 is offered STARTTLS: name single '
         "senders$"),
        ("everybody excepted", "    auth_before_tls = false",
         '    starttls_except = "0.0.0.0/0"', "starttls_except: nobody in 0.0.0.0/0 is offered"),
        ("exceptions of IPv6", "    auth_before_tls = false",
         '    starttls_except = "2000::/31"', "starttls_except: nobody in 2000::/31 is offered"),
        ("everybody of IPv6 excepted", "    auth_before_tls = false",
         '    starttls_except = "::/0"', "starttls_except: nobody in ::/0 is offered"),
        ("every v4-mapped address excepted", "    auth_before_tls = false",
         '    starttls_except = "::ffff:0.0.0.0/96"', "nobody in 0.0.0.0/0 is offered"),
    ))
    def test_warning(self, old, new, pattern):
        done = run_posternd(self.build, "-t", "-c", self.write(self.fill(GOOD).replace(old, new)))
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.assertRegex(done.stderr, rf"(?m): warning: {self.file}(:\d+)?: .*{pattern}")

    @table((("upstreams", "accept_proxy_from"), ("exceptions", "starttls_except")))
    def test_no_warning_of_narrow(self, option):
        text = self.fill(GOOD).replace(
            "    auth_before_tls = false",
            f'    {option} = {{ "10.0.0.0/16", "2001:db8::/32", "192.0.2.7", "::1" }}')
        done = run_posternd(self.build, "-t", "-c", self.write(text))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(option, done.stderr)
