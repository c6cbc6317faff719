"""What the tests share: a stage for each class, tables of tests, a backend played by the test, and
client programs that are talked to."""

import errno
import os
import re
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import threading
import unittest

from lab import proxyheader
from lab.acceptor import Acceptor
from lab.process import TIMEOUT, LabError, Timeout
from lab.smtp import Client
from lab.stage import Stage

CERTIFICATES = ["p256", "rsa", "p384"]

# --- the lines of the log, word for word ---

PROGRAM = r"posternd\[\d+\]: "
CLIENT = r"unknown\[(?P<host>[0-9a-f.:]+)\]:(?P<port>\d+)"
SESSION = r"session=(?P<session>[0-9A-Za-z]{10})"
CONNECT = (f"^{PROGRAM}connect from {CLIENT} to "
           rf"(?P<listener>\S+)\[(?P<to_host>[0-9a-f.:]+)\]:(?P<to_port>\d+)"
           rf"( via \[(?P<via_host>[0-9a-f.:]+)\]:(?P<via_port>\d+))? {SESSION}$")
ESTABLISHED = (f"^{PROGRAM}(?P<trust>Anonymous|Untrusted|Trusted) TLS connection established from "
               f"{CLIENT}: "
               r"(?P<protocol>TLSv1(\.[123])?) with cipher (?P<cipher>\S+) "
               r"\((?P<bits>\d+)/(?P<of_bits>\d+) bits\)"
               r"( key-exchange (?P<exchange>\S+( \([^)]*\))?))?"
               r"( server-signature (?P<signature>\S+( \([^)]*\))?)"
               r"( server-digest (?P<digest>\S+))?)?"
               r"( client-signature (?P<client_signature>\S+( \([^)]*\))?)"
               r"( client-digest (?P<client_digest>\S+))?)?"
               r" certificate=(?P<certificate>\S+)( sni=(?P<sni>\S+))? reused=(?P<reused>yes|no) "
               r"(client_certificate=(?P<client>\S+) client_fingerprint=(?P<fingerprint>\S+) "
               r"client_issuer=(?P<issuer>\S+) (client_error=\"(?P<error>[^\"]+)\" )?)?"
               r"(fault=(?P<fault>\S+) )?(capped=(?P<capped>yes) )?"
               f"{SESSION}$")
FAILED = (f"^{PROGRAM}warning: TLS handshake failed from {CLIENT}: reason=(?P<reason>\\S+)"
          r"(?P<facts>( [\w.-]+=[^ \"]+)*?)( detail=\"(?P<detail>[^\"]*)\")? " + SESSION + "$")
DISCONNECT = (f"^{PROGRAM}disconnect from {CLIENT} tls=(?P<tls>yes|no)"
              r"( certificate=(?P<certificate>\S+))? received=(?P<received>\d+) "
              r"sent=(?P<sent>\d+) seconds=(?P<seconds>\d+\.\d\d)"
              r"( starttls_except=(?P<excepted>yes))? " + SESSION + "$")
LOST = f"^{PROGRAM}lost connection after (?P<stage>[A-Z]+) from {CLIENT} {SESSION}$"
AUTH_REFUSED = (f"^{PROGRAM}warning: {CLIENT}: SASL (?P<mechanism>\\S+ )?authentication failed: "
                f"encryption required {SESSION}$")
TOO_MANY = f"^{PROGRAM}too many errors after (?P<stage>[A-Z]+) from {CLIENT}$"
WARNING = (PROGRAM + r"(?P<level>warning|error): (?P<text>.*): client=" + CLIENT +
           r"( detail=\"(?P<detail>[^\"]*)\")? " + SESSION + "$")


def of_client(pattern, port):
    """A pattern above for one client only."""
    return pattern.replace(r"(?P<port>\d+)", f"(?P<port>{port})")


# Signals that would end a process that knows nothing of them: (name, number, word in the log).
MISTAKEN = [(name, getattr(signal, name), "POLL" if name == "SIGIO" else name[3:]) for name in (
    "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGPWR", "SIGXCPU",
    "SIGXFSZ", "SIGSTKFLT") if hasattr(signal, name)] + [
        (f"SIGRTMIN+{number}", signal.SIGRTMIN + number, rf"RTMIN\+{number}")
        for number in (0, 1, signal.SIGRTMAX - signal.SIGRTMIN)]


# Servers there see their clients come from the same address.
LOOPBACK = ("127.0.0.1", "::1")

# Ports that the kernel is asked for, before all of them count as new again: some tests have
# thousands of clients, and none of these is looked up in the log.
PORTS_TRIED = 20


# --- cases ---

def table(rows):
    """Makes a test method of a Case one test for each row: (name, further arguments)."""
    def mark(method):
        method.table = rows
        return method
    return mark


class Case(unittest.TestCase):
    """Tests on one Stage for the class. prepare() fills it."""

    build = None  # set by main.py
    current = None  # the class whose stage is open
    longMessage = True
    maxDiff = None
    _ports = set()  # that the clients of connect() have had

    def __init_subclass__(cls, **keywords):
        super().__init_subclass__(**keywords)
        for name, method in list(vars(cls).items()):
            if hasattr(method, "table"):
                delattr(cls, name)
                for row in method.table:
                    cls._add(f"{name}_{re.sub(r'[^a-z0-9]+', '_', row[0].lower())}", method, row)

    @classmethod
    def _add(cls, name, method, row):
        if hasattr(cls, name):
            raise ValueError(f"two tests are called {name}")
        setattr(cls, name, lambda self: method(self, *row[1:]))

    @classmethod
    def setUpClass(cls):
        Case.current = cls
        cls.logged = []
        cls.stage = Stage(cls.build, cls._on_line)
        cls.stage.__enter__()
        cls.addClassCleanup(cls.stage.close)
        cls.prepare()

    @classmethod
    def prepare(cls):
        """Starts what all tests of the class use."""

    @classmethod
    def _on_line(cls, program, line):
        if line is not None:
            cls.logged.append((program, line))

    def setUp(self):
        self.logged_before = len(self.logged)
        self._marks = self.stage.marks()

    @staticmethod
    def logs_of(test):
        """[(program, line)] that came since the test began; of a class, all."""
        if isinstance(test, Case):
            return test.logged[getattr(test, "logged_before", 0):]
        return Case.current.logged if Case.current else []

    # --- clients ---

    def connect(self, address, source=None):
        """A lab.smtp.Client that is closed after the test. On loopback, its port is that of no other
        client of these tests, so that of_client() finds its lines alone: the kernel gives a port
        again at once, to another server even while it is in use."""
        if source is None and address[0] in LOOPBACK:
            source = address[0]
        while True:
            port = self._new_port(source) if source else 0
            try:
                client = Client(address, source, port=port)
                break
            except OSError as problem:
                # Another process has taken it since.
                if problem.errno != errno.EADDRINUSE:
                    raise
        self.addCleanup(client.close)
        client.port = client.socket.getsockname()[1]
        return client

    @classmethod
    def _new_port(cls, source):
        """One that no client of connect() has had, as long as there are such."""
        for _ in range(PORTS_TRIED):
            with socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET) as probe:
                probe.bind((source, 0))
                port = probe.getsockname()[1]
            if port not in cls._ports:
                break
        else:
            cls._ports.clear()
        cls._ports.add(port)
        return port

    def program(self, command, **options):
        """A Program that is ended after the test."""
        program = Program(command, **options)
        self.addCleanup(program.kill)
        return program

    def s_client(self, address, *options):
        """openssl s_client over STARTTLS that verifies the certificate, as a Program."""
        return self.program(["openssl", "s_client", "-quiet", "-crlf", "-starttls", "smtp",
                             "-connect", endpoint(address), "-verify_return_error",
                             "-verify_hostname", "mail.example.test",
                             "-CAfile", self.stage.authority.roots, *options])

    def gnutls_cli(self, address, priority, *options):
        """gnutls-cli over STARTTLS that verifies the certificate, as a Program."""
        if not shutil.which("gnutls-cli"):
            self.skipTest("gnutls-cli is not installed")
        host, port = address
        return self.program(["gnutls-cli", "--starttls-proto=smtp", f"--port={port}",
                             f"--x509cafile={self.stage.authority.roots}",
                             "--verify-hostname=mail.example.test", "--priority=" + priority,
                             *options, host],
                            line_end="\r\n")

    # --- assertions ---

    def assert_code(self, reply, code):
        self.assertEqual(reply.code, code, str(reply))

    def assert_closed(self, client):
        """The server has closed, and has said nothing more."""
        self.assertEqual(client.rest(), b"")

    def of_log(self, daemon, pattern, client):
        """The first line of posternd's log with the pattern that is about this client (a
        lab.smtp.Client or a port). Lines from before the test are of others: ports come again."""
        port = client if isinstance(client, int) else client.port
        return daemon.wait_log(of_client(pattern, port), after=self._marks.get(daemon, 0))

    def disconnect(self, daemon, client):
        """Closes the client, and returns the match of DISCONNECT for it."""
        client.close()
        return self.of_log(daemon, DISCONNECT, client)

    def handshake_failure(self, daemon, client):
        """The match of FAILED for this client."""
        return self.of_log(daemon, FAILED, client)

    def warning(self, daemon, client, text):
        """Waits for the line of this client with this text, and returns its match of WARNING."""
        return self.of_log(daemon, WARNING.replace("(?P<text>.*)", f"(?P<text>{text})"), client)


def endpoint(address):
    """host:port, as programs take it."""
    return "[%s]:%d" % address if ":" in address[0] else "%s:%d" % address


def client_context(**options):
    """An ssl.SSLContext that verifies nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for name, value in options.items():
        setattr(context, name, value)
    return context


def reset(connection):
    """Ends a socket's connection with a TCP reset, whatever TLS is on it."""
    with socket.socket(fileno=connection.detach()) as below:
        below.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def cut(connection):
    """Ends a socket's connection with a FIN, without close_notify."""
    socket.socket(fileno=connection.detach()).close()


_kept_ports = []


def free_port(host="127.0.0.1"):
    """A port of this address that nobody listens on now. It is kept for this process: bound but not
    listening, so that nobody else is given it, and a server can listen at this address (at 0.0.0.0
    only if that is `host`: others are given the same port of other addresses) all the same."""
    keeper = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeper.bind((host, 0))
    _kept_ports.append(keeper)
    return keeper.getsockname()[1]


def own_address():
    """An address of this machine that is not a loopback one, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))
        except OSError:
            return None
        return probe.getsockname()[0]


# --- a backend played by the test ---

class Peer:
    """The backend's end of one connection. `header` is the PROXY header, which must be whole in the
    first read; `client` is (host, port) in it, `destination` likewise, `version` 1 or 2."""

    def __init__(self, connection):
        self.socket = connection
        self.socket.settimeout(TIMEOUT)
        if self.socket.family != socket.AF_UNIX:
            # What it sends is there at once, whatever is not acknowledged yet.
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        first = self.socket.recv(4096)
        length = proxyheader.length_of(first)
        self.header, self._buffer = first[:length], first[length:]
        self.version, self.client, self.destination = proxyheader.parse(self.header)

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        """The next line with its end; what there is at the end of the connection."""
        while b"\n" not in self._buffer:
            data = self.socket.recv(65536)
            if not data:
                rest, self._buffer = self._buffer, b""
                return rest
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line + b"\n"

    def rest(self):
        """Everything until posternd closes."""
        data, self._buffer = self._buffer, b""
        try:
            while more := self.socket.recv(65536):
                data += more
        except ConnectionResetError:
            pass
        return data

    def answer_ehlo(self):
        """Takes an EHLO and answers it."""
        line = self.line()
        if not line.upper().startswith(b"EHLO"):
            raise LabError(f"EHLO was to come, not {line!r}")
        self.send(b"250-backend.example.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n")

    def close(self):
        self.socket.close()

    def reset(self):
        """Ends the connection with a TCP reset."""
        reset(self.socket)


class Backend:
    """For what a real Postfix cannot be made to do: the test itself is the backend, at a port of
    127.0.0.1 or, with `path`, at a unix-domain socket."""

    def __init__(self, case, backlog=16, path=None):
        self._case = case
        self._backlog = backlog
        self._path = path
        self.endpoint = path or ("127.0.0.1", 0)
        self._socket = None
        self.start()
        self.address = "unix:" + path if path else "%s:%d" % self.endpoint

    def start(self):
        """Listens (again)."""
        self._socket = socket.socket(socket.AF_UNIX if self._path else socket.AF_INET)
        self._case.addCleanup(self._socket.close)
        self._socket.settimeout(TIMEOUT)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(self.endpoint)
        if self._path:
            os.chmod(self._path, 0o666)
        self._socket.listen(self._backlog)
        self.endpoint = self._socket.getsockname()

    def stop(self):
        """Listens no more."""
        self._socket.close()

    def accept(self):
        """The next Peer."""
        return self._peer(self._socket.accept()[0])

    def _peer(self, connection):
        self._case.addCleanup(connection.close)
        return Peer(connection)

    def each(self, on_peer):
        """Gives each Peer to on_peer(), in a thread of its own."""
        def begin(connection):
            try:
                peer = self._peer(connection)
            except ValueError:
                return  # it has gone, and sent no header
            threading.Thread(target=on_peer, args=[peer], daemon=True).start()

        self._case.addCleanup(Acceptor(self._socket, begin).close)

    def nobody_came(self):
        """Whether there is no connection that accept() would give."""
        return not select.select([self._socket], [], [], 0)[0]

    def greet(self, client):
        """The next Peer, with banner and EHLO exchanged with the test's client."""
        peer = self.accept()
        peer.send(b"220 backend.example.test ESMTP\r\n")
        client.reply()
        client.send(b"EHLO client.example.test\r\n")
        peer.answer_ehlo()
        client.reply()
        return peer


# --- client programs ---

class Program:
    """A client program that is talked to through its standard input and output (with standard
    error in it)."""

    def __init__(self, command, environment=None, line_end="\n", pass_fds=()):
        self.line_end = line_end
        self._popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, bufsize=0, env=environment,
                                       cwd="/", pass_fds=pass_fds)
        self.output = b""
        self._seen = 0

    def send(self, data):
        self._popen.stdin.write(data)

    def expect(self, pattern, timeout=TIMEOUT):
        """Waits until the pattern has come in the output behind what was expected before."""
        wanted = re.compile(pattern, re.MULTILINE)
        while not (match := wanted.search(self.output, self._seen)):
            if not select.select([self._popen.stdout], [], [], timeout)[0]:
                raise Timeout(f"{pattern!r} did not come; there is {self.output!r}")
            data = os.read(self._popen.stdout.fileno(), 65536)
            if not data:
                raise Timeout(f"{pattern!r} did not come before the end; "
                              f"there is {self.output!r}")
            self.output += data
        self._seen = match.end()
        return match

    def line(self, text, code):
        """Sends a command and waits for the last line of its reply."""
        self.send(text.replace("\n", self.line_end).encode() + self.line_end.encode())
        return self.expect(rb"^%d .*\n" % code)

    def mail(self, subject):
        """A whole session after the handshake, EHLO to QUIT."""
        self.line("EHLO program.example.test", 250)
        self.line("MAIL FROM:<sender@client.test>", 250)
        self.line("RCPT TO:<recipient@example.test>", 250)
        self.line("DATA", 354)
        self.line(f"Subject: {subject}\n\nHello.\n.", 250)
        self.line("QUIT", 221)

    def end(self):
        """Waits until it has ended by itself; its exit code."""
        self._popen.stdin.close()
        code = self._popen.wait(TIMEOUT)
        self.output += self._popen.stdout.read()
        return code

    def kill(self):
        if self._popen.poll() is None:
            self._popen.kill()
            self._popen.wait()
        for stream in (self._popen.stdin, self._popen.stdout):
            stream.close()
