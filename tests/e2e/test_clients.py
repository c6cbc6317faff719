"""Clients that send garbage, go away, are slow or silent: their session ends with a logged reason,
and the others go on."""

import select
import socket
import ssl

from common import CERTIFICATES, DISCONNECT, LOST, Case, client_context, cut, reset, table
from lab import hello
from lab.posternd import HOSTNAME
from lab.process import TIMEOUT
from lab.release import openssl_too_long
from lab.smtp import Client

HELLO = hello.records(hello.story())


def record(kind, body, version=b"\x03\x01"):
    return bytes([kind]) + version + len(body).to_bytes(2, "big") + body


# name, what comes instead of a ClientHello, reason, pattern of the detail
GARBAGE = (
    ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "not-tls", r"^HTTP request: GET\b"),
    ("SMTP", b"EHLO client.example.test\r\n", "not-tls", r"^SMTP command: EHLO\b"),
    ("text", b"hello, is there anybody?\r\n", "not-tls", r"^plain text: hello"),
    ("random bytes", bytes.fromhex("c3d6a1b07f12e98844af6b02d95c7710"), "not-tls",
     r"^unknown bytes: "),
    ("zeros", bytes(1000), "not-tls", r"^unknown bytes: "),
    ("quotes and line ends", b'"\n"\r\n"posternd: fake\n', "not-tls", r"^plain text: "),
    ("alert record", record(21, b"\x02\x28"), "malformed", "unexpected message"),
    ("application data record", record(23, bytes(100)), "malformed", "unexpected message"),
    ("change cipher spec record", record(20, b"\x01"), "malformed", "unexpected message"),
    ("ServerHello", record(22, b"\x02\0\0\x26\x03\x03" + bytes(36)), "malformed",
     "unexpected message"),
    ("lengths that contradict", record(22, b"\x01\0\0\x26\x03\x03" + bytes(32) + b"\xff" * 4),
     "malformed", "length mismatch"),
    ("key share of a group not offered", hello.records(hello.tls13(
        group_numbers=(0x0017,), shares=(0x001d, 0x0017))), "malformed", "bad key share"),
    ("record too long", b"\x16\x03\x01\xff\xff" + bytes(1000), "malformed",
     openssl_too_long()),
    ("hello that is too large", hello.records(hello.build(extensions=[
        hello.groups(hello.STORY_GROUPS), hello.schemes(hello.STORY_SCHEMES),
        (21, bytes(17000))])), "hello-too-large", "16384"),
    ("SSL 3.0", hello.records(hello.build(version=0x0300, extensions=None), version=0x0300),
     "protocol-version", "version|protocol"),
)

ENDS = (("FIN", cut), ("reset", reset))


def at_connect(client):
    """Goes at once."""


def at_banner(client):
    client.reply()


def at_half_a_line(client):
    client.reply()
    client.send(b"EHLO cli")


def at_ehlo(client):
    client.greet()


def at_pipeline(client):
    client.reply()
    client.send(b"EHLO x\r\nNOOP\r\n" * 20)


def at_starttls(client):
    client.greet()
    client.command("STARTTLS")


def at_half_a_hello(client):
    at_starttls(client)
    client.send(HELLO[:100])


def at_one_byte(client):
    at_starttls(client)
    client.send(HELLO[:1])


def at_server_flight(client):
    at_starttls(client)
    client.send(HELLO)
    assert hello.read_answer(client).done


def at_no_ehlo(client):
    at_starttls(client)
    client.tls()


def at_tls(client):
    client.starttls()


def at_rcpt(client):
    client.starttls()
    client.command("MAIL FROM:<sender@client.test>")
    client.command("RCPT TO:<lost@example.test>")


def at_data(client):
    at_rcpt(client)
    client.command("DATA")
    client.send(b"Subject: lost\r\n\r\n" + b"x" * 100000)


def at_plain_data(client):
    client.greet()
    client.command("MAIL FROM:<sender@client.test>")
    client.command("RCPT TO:<lost@example.test>")
    client.command("DATA")
    client.send(b"Subject: lost\r\n\r\nhalf of it")


def at_half_a_record(client):
    client.starttls()
    client.socket = socket.socket(fileno=client.socket.detach())
    client.send(b"\x17\x03\x03\x01\x00half")


# name, how far the client goes, what is logged of it: None, the stage that it was lost after, or
# "handshake"
PLACES = (
    ("banner", at_banner, "CONNECT"),
    ("half a line", at_half_a_line, "EHLO"),
    ("EHLO", at_ehlo, "EHLO"),
    ("pipelined commands", at_pipeline, None),
    ("220", at_starttls, "handshake"),
    ("first byte of a hello", at_one_byte, "handshake"),
    ("half a hello", at_half_a_hello, "handshake"),
    ("server's flight", at_server_flight, "handshake"),
    ("handshake", at_no_ehlo, "STARTTLS"),
    ("EHLO under TLS", at_tls, "EHLO"),
    ("half a TLS record", at_half_a_record, "EHLO"),
    ("RCPT", at_rcpt, "MAIL"),
    ("DATA", at_data, "MAIL"),
    ("plaintext DATA", at_plain_data, "MAIL"),
)


class Faults(Case):
    @classmethod
    def prepare(cls):
        cls.stage.make_postfix(main_cf={"smtpd_junk_command_limit": "100000"})
        cls.posternd = cls.stage.front(CERTIFICATES, log_sessions="all", listeners={
            "mx": {}, "modern": {"tls_profile": "modern"}})
        # Sessions that live through all of it, whichever worker has them.
        cls.healthy = [Client(cls.posternd.address()) for _ in range(6)]
        for number, client in enumerate(cls.healthy):
            cls.addClassCleanup(client.close)
            client.starttls() if number % 2 else client.greet()

    def tearDown(self):
        for client in self.healthy:
            self.assert_code(client.command("NOOP"), 250)
        self.assertIsNone(self.posternd.exit_code)

    def open(self, listener="mx"):
        client = self.connect(self.posternd.address(listener))
        client.greet()
        self.assert_code(client.command("STARTTLS"), 220)
        return client

    @table(GARBAGE)
    def test_instead_of_a_hello(self, data, reason, detail):
        client = self.open()
        client.send(data)
        answer = client.rest()
        if reason == "not-tls":
            self.assertEqual(answer, b"")
        else:
            # At most an alert, never SMTP.
            self.assertIn(answer[:1], (b"", b"\x15"), answer)
        line = self.handshake_failure(self.posternd, client)
        self.assertEqual(line["reason"], reason)
        self.assertRegex(line["detail"] or "", detail)
        self.disconnect(self.posternd, client)

    def test_protocol_version(self):
        client = self.open("modern")
        client.send(hello.records(hello.build(version=hello.TLS11, extensions=None)))
        self.assertEqual(hello.read_answer(client).alert, (2, 70))
        self.assertEqual(self.handshake_failure(self.posternd, client)["reason"],
                         "protocol-version")

    def test_client_does_not_trust_us(self):
        client = self.open()
        context = ssl.create_default_context()
        with self.assertRaises(ssl.SSLCertVerificationError):
            client.tls(context, "mail.example.test")
        line = self.handshake_failure(self.posternd, client)
        self.assertEqual((line["reason"], line["detail"]), ("client-alert", "unknown CA"))

    @table(tuple((f"{end} at {place}", way, go, logged)
                 for place, go, logged in PLACES for end, way in ENDS))
    def test_gone(self, way, go, logged):
        client = self.connect(self.posternd.address())
        go(client)
        way(client.socket)
        self.of_log(self.posternd, DISCONNECT, client)
        if logged == "handshake":
            self.assertEqual(self.handshake_failure(self.posternd, client)["reason"],
                             "client-gone")
        elif logged:
            self.assertEqual(self.of_log(self.posternd, LOST, client)["stage"], logged)
        # And Postfix knows it, too.
        self.stage.postfix.log.wait(rf"disconnect from unknown\[127.0.0.1\]:{client.port}\b")
        self.assertIsNone(self.stage.postfix.log.find("to=<lost@example.test>"))

    @table(ENDS)
    def test_gone_at_once(self, way):
        for _ in range(20):
            client = self.connect(self.posternd.address())
            way(client.socket)
            self.of_log(self.posternd, DISCONNECT, client)

    @table((
        ("1-byte segments", {"segment_size": 1}),
        ("1-byte records", {"record_size": 1}),
        ("1-byte records in 1-byte segments", {"record_size": 1, "segment_size": 1}),
        ("7-byte records in 3-byte segments", {"record_size": 7, "segment_size": 3}),
    ))
    def test_hello_in_pieces(self, pieces):
        self.assertEqual(hello.ask(self.posternd.address(), hello.story(), **pieces).certificate,
                         "p256")
        answer = hello.ask(self.posternd.address(), hello.tls13(), **pieces)
        self.assertEqual((answer.version, answer.alert), (hello.TLS13, None))

    def test_whole_session_in_1_byte_segments(self):
        client = self.connect(self.posternd.address())
        client.reply()
        for line in (b"EHLO x\r\n", b"STARTTLS\r\n"):
            hello.send(client, line, 1)
            client.reply()
        drip = Drip(client.socket)
        drip.handshake()
        for line, code in ((b"EHLO x", b"250"), (b"MAIL FROM:<sender@client.test>", b"250"),
                           (b"RCPT TO:<drip@example.test>", b"250"), (b"DATA", b"354"),
                           (b"Subject: drip\r\n\r\n..\r\nHello.\r\n.", b"250"), (b"QUIT", b"221")):
            self.assertEqual(drip.say(line)[:3], code)
        mail = self.stage.postfix.wait_for_mail(
            lambda each: each.recipient == "drip@example.test")
        self.assertEqual(mail.body, b".\nHello.\n")

    def test_many_at_one_time(self):
        """Each kind of fault ten times, all of them open together."""
        clients = []
        for _ in range(10):
            for _, go, _ in PLACES:
                client = self.connect(self.posternd.address())
                go(client)
                clients.append(client)
        for number, client in enumerate(clients):
            (cut if number % 2 else reset)(client.socket)
        for client in clients:
            self.of_log(self.posternd, DISCONNECT, client)


class Drip:
    """TLS whose bytes are written one by one."""

    def __init__(self, connection):
        self._socket = connection
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = client_context().wrap_bio(self._in, self._out)

    def _turn(self, step):
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self._write()
                data = self._socket.recv(65536)
                if not data:
                    raise AssertionError("closed") from None
                self._in.write(data)

    def _write(self):
        for byte in self._out.read():
            self._socket.sendall(bytes([byte]))

    def handshake(self):
        self._turn(self._tls.do_handshake)
        self._write()

    def say(self, line):
        """The last line of the reply."""
        self._tls.write(line + b"\r\n")
        self._write()
        reply = b""
        while not reply.endswith(b"\r\n") or reply.splitlines()[-1][3:4] != b" ":
            data = self._turn(lambda: self._tls.read(65536))
            if not data:
                raise AssertionError("closed")
            reply += data
        return reply.splitlines()[-1]


class Time(Case):
    """The timeouts themselves are the events."""

    @classmethod
    def prepare(cls):
        cls.posternd = cls.stage.front(CERTIFICATES, log_sessions="all", limits={
            "handshake_timeout": 1, "idle_timeout": 1})

    @table((("banner", at_banner), ("half a line", at_half_a_line), ("EHLO", at_ehlo),
            ("handshake", at_no_ehlo), ("EHLO under TLS", at_tls), ("RCPT", at_rcpt)))
    def test_silent_after(self, go):
        client = self.connect(self.posternd.address())
        go(client)
        self.assertEqual(client.rest().decode(),
                         f"421 4.4.2 {HOSTNAME} Error: timeout exceeded\r\n")
        self.warning(self.posternd, client, "timeout: the client is silent")
        self.disconnect(self.posternd, client)

    @table((("220", at_starttls), ("first byte of a hello", at_one_byte),
            ("half a hello", at_half_a_hello), ("server's flight", at_server_flight)))
    def test_handshake_stops_after(self, go):
        client = self.connect(self.posternd.address())
        go(client)
        answer = client.rest()
        self.assertIn(answer[:1], (b"", b"\x15"), answer)
        self.assertEqual(self.handshake_failure(self.posternd, client)["reason"], "timeout")
        self.disconnect(self.posternd, client)

    def test_one_deadline_for_the_whole_handshake(self):
        """A client that always sends a little is ended all the same."""
        client = self.connect(self.posternd.address())
        at_starttls(client)
        for byte in HELLO:
            if select.select([client.socket], [], [], 0.1)[0]:
                break
            client.send(bytes([byte]))
        else:
            self.fail("nothing came")
        self.assertEqual(self.handshake_failure(self.posternd, client)["reason"], "timeout")

    def test_idle_timeout_begins_anew(self):
        """With every command: a session may live longer than idle_timeout."""
        client = self.connect(self.posternd.address())
        client.greet()
        other = self.connect(self.posternd.address())
        other.greet()
        while not select.select([other.socket], [], [], 0.1)[0]:
            self.assert_code(client.command("NOOP"), 250)
        self.assertIn(b"421 4.4.2", other.rest())
        self.assert_code(client.command("NOOP"), 250)


class Sessions(Case):
    def test_max_sessions(self):
        daemon = self.stage.front(["p256"], log_sessions="all", limits={"max_sessions": 3})
        clients = [self.connect(daemon.address()) for _ in range(3)]
        for client in clients:
            self.assert_code(client.reply(), 220)
        for _ in range(3):
            extra = self.connect(daemon.address())
            self.assertEqual(extra.rest().decode(),
                             f"421 4.3.2 {HOSTNAME} Service currently unavailable\r\n")
        daemon.wait_log("warning: .*max_sessions=3")
        self.disconnect(daemon, clients[0])
        # The log line comes a moment before the slot is free.
        for _ in range(TIMEOUT * 1000):
            reply = self.connect(daemon.address()).reply()
            if reply.code == 220:
                break
        self.assert_code(reply, 220)
        for client in clients[1:]:
            self.assert_code(client.command("EHLO x"), 250)
