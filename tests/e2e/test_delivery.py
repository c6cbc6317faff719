"""Mail goes through unchanged, over each kind of address, and keeps the client's address."""

import hashlib
import os
import random
import select
import smtplib
import socket
import ssl
import threading

from common import Backend, Case, table
from lab.posternd import postfix_config
from lab.process import TIMEOUT
from lab.smtp import Client, received

MIB = 1024 * 1024
BIG = 20 * MIB

# name, body as it is sent (already dot-stuffed), without the final dot
BODIES = (
    ("8-bit", b"Subject: odd\r\n\r\n" + bytes(range(0x80, 0x100)) + b"\r\n"),
    ("lone CR", b"Subject: odd\r\n\r\none\rtwo\r\rthree\rfour\r\n\rfive\r\n"),
    ("lone LF", b"Subject: odd\r\n\r\none\ntwo\n\nthree\r\n"),
    ("NUL and controls", b"Subject: odd\r\n\r\n" + bytes(range(1, 10)) + b"\x00\x0b\x0c\x1a\r\n"),
    ("every byte value", b"Subject: odd\r\n\r\n" + bytes(range(256)) * 3 + b"\r\n"),
    ("CRs before the line's end", b"Subject: odd\r\n\r\none\r\r\ntwo\r\r\r\n\r\r\n"),
    ("dots and lone CRs", b"Subject: odd\r\n\r\n..\r.\r\n..\r\r\n..\0\r\nx\r.\r\r\n"),
    ("long lines", b"Subject: odd\r\n\r\n" + b"a" * 100000 + b"\r\n" + b"b" * 2048 + b"\r\n"
     + b"c" * 4096 + b"\r\n"),
    ("stuffed dots", b"Subject: odd\r\n\r\n..\r\n...\r\n..x\r\nx.\r\n"),
    ("commands and replies", b"Subject: odd\r\n\r\nSTARTTLS\r\nQUIT\r\n220 x\r\nAUTH PLAIN\r\n"),
    ("no line at all", b"Subject: odd\r\n\r\n"),
)

# name, chunks as they are sent by BDAT, each behind "Subject: odd"
CHUNKS = (
    ("one", (b"Hello.\r\n",)),
    ("several, the last empty", (b"Hel", b"lo.\r", b"\n", b"\r\n.\r\n", b"")),
    ("single bytes", tuple(bytes([byte]) for byte in b"Hello.\r\n.\r\nQUIT\r\n")),
    ("commands", (b"Hello.\r\n.\r\nSTART", b"TLS\r\nQUIT\r\nBDAT 100000 LAST\r\n")),
    ("binary", (bytes(range(256)) * 4, b"\0\r\n.\r\n\0", bytes(range(255, -1, -1)) * 100)),
    ("lone LF and CR", (b"one\ntwo\rthree\n.\n", b"\nfour\r.\r", b"\r\r\nend\r\n")),
    ("large ones", (b"x" * 70000 + b"\r\n", bytes(range(256)) * 400, b"\r\n" * 40000)),
)


def printable_lines(size, seed):
    """Text of about this size: lines of many lengths, many of them beginning with a dot."""
    source = random.Random(seed)
    letters = bytes(range(0x21, 0x7f))
    block = source.randbytes(1 << 20).translate(bytes(letters[i % 94] for i in range(256)))
    parts = []
    while size > 0:
        length = source.choice((0, 1, 60, 76, 200, 998))
        at = source.randrange(len(block) - length)
        parts.append((b"." if source.random() < 0.2 else b"") + block[at:at + length] + b"\r\n")
        size -= len(parts[-1])
    return b"".join(parts)


class Delivery(Case):
    @classmethod
    def prepare(cls):
        postfix = cls.stage.make_postfix(main_cf={"smtpd_junk_command_limit": "1000000"},
                                         message_size_limit=200 * MIB)
        unix, tcp = postfix.smtpd("postern", "unix"), postfix.smtpd("tcp")
        cls.direct = postfix.smtpd("direct", proxied=False)
        listeners = {"mx": {}, "tcp": {"backend": "tcp"},
                     "any": {"address": ["0.0.0.0:0"]}}
        if socket.has_ipv6 and os.path.exists("/proc/net/if_inet6"):
            listeners["v6"] = {"address": ["[::1]:0"]}
            listeners["v6tcp"] = {"address": ["[::]:0"], "backend": "tcp"}
        conf = cls.stage.write(certificates=["p256"], backend=unix.address, listeners=listeners,
                               backends={"tcp": {"address": tcp.address}})
        postfix.paste(postfix_config(cls.build, conf, postfix))
        cls.stage.start_postfix()
        cls.posternd = cls.stage.posternd(conf)

    def deliver(self, client, body=None):
        """Sends a mail whose subject is the test's name, and returns it as it was delivered."""
        subject = b"Subject: " + self.id().encode() + b"\r\n\r\nHello.\r\n"
        self.assert_code(client.mail(body or subject), 250)
        return self.stage.postfix.wait_for_mail(
            lambda mail: mail.subject == (self.id() if body is None else "odd"))

    def check_client(self, listener, host, source=None, tls=True, to_host=None):
        _, port = self.posternd.address(listener)
        client = self.connect((to_host or self.posternd.address(listener)[0], port), source)
        if tls:
            client.starttls()
        else:
            client.greet()
        mail = self.deliver(client)
        shown = f"IPv6:{host}" if ":" in host else host
        self.assertIn(f"from client.example.test (unknown [{shown}]) by backend.example.test "
                      "(Postfix) with ESMTP id ", mail.received)
        self.stage.postfix.log.wait(rf"smtpd\[\d+\]: \w+: client=unknown\[{host}\]:{client.port}$")

    @table((
        ("unix backend", "mx", "127.0.0.1"),
        ("unix backend, another client", "mx", "127.0.0.99", "127.0.0.99"),
        ("unix backend, plaintext", "mx", "127.0.0.98", "127.0.0.98", False),
        ("TCP backend", "tcp", "127.0.0.97", "127.0.0.97"),
        ("TCP backend, plaintext", "tcp", "127.0.0.96", "127.0.0.96", False),
        ("listener on 0.0.0.0", "any", "127.0.0.95", "127.0.0.95", True, "127.0.0.3"),
    ))
    def test_client_in_received(self, *arguments):
        self.check_client(*arguments)

    @table((
        ("unix backend", "v6"),
        ("unix backend, plaintext", "v6", False),
        ("TCP backend, listener on any", "v6tcp", True, "::1"),
    ))
    def test_ipv6_client_in_received(self, listener, tls=True, to_host=None):
        if listener not in self.posternd.addresses:
            self.skipTest("this machine has no IPv6")
        self.check_client(listener, "::1", None, tls, to_host)

    def test_ipv6_listener_takes_no_ipv4(self):
        if "v6tcp" not in self.posternd.addresses:
            self.skipTest("this machine has no IPv6")
        _, port = self.posternd.address("v6tcp")
        with self.assertRaises(ConnectionRefusedError):
            Client(("127.0.0.1", port))

    @table(BODIES)
    def test_body_as_if_sent_directly(self, body):
        """What Postfix makes of a body is the same with and without posternd before it."""
        direct = self.connect(("127.0.0.1", self.direct.port))
        direct.greet()
        expected = self.deliver(direct, body).body
        plain = self.connect(self.posternd.address())
        plain.greet()
        self.assertEqual(self.deliver(plain, body).body, expected)
        encrypted = self.connect(self.posternd.address())
        encrypted.starttls()
        self.assertEqual(self.deliver(encrypted, body).body, expected)

    def deliver_chunks(self, client, chunks, pipelined):
        """Sends a mail by BDAT, and returns it as it was delivered."""
        chunks = [b"Subject: odd\r\n\r\n", *chunks]
        sent = [b"MAIL FROM:<sender@client.test>\r\n", b"RCPT TO:<recipient@example.test>\r\n"]
        for number, chunk in enumerate(chunks, 1):
            last = b" LAST" if number == len(chunks) else b""
            sent.append(b"BDAT %d%s\r\n%s" % (len(chunk), last, chunk))
        for data in [b"".join(sent)] if pipelined else sent:
            client.send(data)
            for _ in range(len(sent) if pipelined else 1):
                self.assert_code(client.reply(), 250)
        return self.stage.postfix.wait_for_mail(lambda mail: mail.subject == "odd")

    @table(CHUNKS)
    def test_chunks_as_if_sent_directly(self, chunks):
        direct = self.connect(("127.0.0.1", self.direct.port))
        direct.greet()
        expected = self.deliver_chunks(direct, chunks, False).body
        for tls in (False, True):
            for pipelined in (False, True):
                client = self.connect(self.posternd.address())
                if tls:
                    client.starttls()
                else:
                    client.greet()
                self.assertEqual(self.deliver_chunks(client, chunks, pipelined).body, expected)

    def test_100_mib(self):
        """One mail of 100 MiB, under TLS."""
        block = printable_lines(MIB, 1)
        stuffed = (b"\r\n" + block)[:-2].replace(b"\r\n.", b"\r\n..")
        client = self.connect(self.posternd.address())
        client.starttls()
        for line, code in (("MAIL FROM:<sender@client.test>", 250),
                           ("RCPT TO:<recipient@example.test>", 250), ("DATA", 354)):
            self.assert_code(client.command(line), code)
        client.send(b"Subject: " + self.id().encode() + b"\r\n")
        for _ in range(100):
            client.send(stuffed)
        client.send(b"\r\n.\r\n")
        self.assert_code(client.reply(), 250)
        mail = self.stage.postfix.wait_for_mail(lambda each: each.subject == self.id())
        expected = hashlib.sha256()
        for _ in range(100):
            expected.update(block.replace(b"\r\n", b"\n"))
        self.assertGreaterEqual(len(mail.body), 99 * MIB)
        self.assertEqual(hashlib.sha256(mail.body).hexdigest(), expected.hexdigest())

    def test_20_mib_in_plaintext(self):
        text = b"Subject: " + self.id().encode() + b"\r\n\r\n" + printable_lines(BIG, 1)
        with smtplib.SMTP(*self.posternd.address(), timeout=60) as client:
            client.ehlo()
            self.assertEqual(client.sendmail("sender@client.test", ["recipient@example.test"],
                                             text), {})
        mail = self.stage.postfix.wait_for_mail(lambda each: each.subject == self.id())
        sent = text.partition(b"\r\n\r\n")[2].replace(b"\r\n", b"\n")
        self.assertEqual((len(mail.body), hashlib.sha256(mail.body).hexdigest()),
                         (len(sent), hashlib.sha256(sent).hexdigest()))

    def test_20_mib_of_openssl(self):
        """The same with `openssl s_client`, which writes without looking for replies."""
        body = printable_lines(BIG, 2)
        client = self.s_client(self.posternd.address())
        client.expect(rb"^250 .*\n")
        client.line("EHLO program.example.test", 250)
        client.line("MAIL FROM:<sender@client.test>", 250)
        client.line("RCPT TO:<recipient@example.test>", 250)
        client.line("DATA", 354)
        stuffed = body.replace(b"\r\n.", b"\r\n..").replace(b"\r\n", b"\n")
        if stuffed.startswith(b"."):
            stuffed = b"." + stuffed
        client.send(b"Subject: " + self.id().encode() + b"\n\n" + stuffed)
        client.line(".", 250)
        client.line("QUIT", 221)
        mail = self.stage.postfix.wait_for_mail(lambda each: each.subject == self.id())
        self.assertEqual(hashlib.sha256(mail.body).hexdigest(),
                         hashlib.sha256(body.replace(b"\r\n", b"\n")).hexdigest())

    def test_slow_reader_gets_every_reply(self):
        """Back-pressure: the client reads only when nothing more can be written, all the way to
        Postfix and back; no reply is lost or repeated."""
        client = self.connect(self.posternd.address())
        client.starttls()
        self.assert_code(client.command("MAIL FROM:<sender@client.test>"), 250)
        number, name = 10000, b"a" * 1000
        unsent = memoryview(b"".join(b"VRFY %s%d@example.test\r\n" % (name, i)
                                     for i in range(number)))
        replies, lines, stalled = [], 0, 0
        client.socket.setblocking(False)
        while unsent or lines < number:
            try:
                if unsent:
                    unsent = unsent[client.socket.send(unsent[:16384]):]
                    continue
            except ssl.SSLWantWriteError:
                stalled += 1
            writing = [client.socket] if unsent else []
            self.assertTrue(any(select.select([client.socket], writing, [], TIMEOUT)), "stuck")
            try:
                replies.append(received(client.socket, 1 << 20))
                lines += replies[-1].count(b"\n")
            except ssl.SSLWantReadError:
                pass
        self.assertEqual(b"".join(replies).splitlines(),
                         [b"252 2.0.0 %s%d@example.test" % (name, i) for i in range(number)])
        self.assertGreater(stalled, 0)


class Unchanged(Case):
    """The test is the backend, and sees what a Postfix would be given."""

    @table((("in plaintext", False), ("under TLS", True)))
    def test_every_byte(self, tls):
        backend = Backend(self)
        daemon = self.stage.posternd(certificates=["p256"], backend=backend.address)
        client = self.connect(daemon.address())
        peer = backend.greet(client)
        if tls:
            self.assert_code(client.command("STARTTLS"), 220)
            client.tls()
            client.send(b"EHLO client.example.test\r\n")
            peer.answer_ehlo()
            client.reply()
        data = b"MAIL FROM:<>\r\n" + random.Random(3).randbytes(4 * MIB)
        sender = threading.Thread(target=client.send, args=(data,))
        sender.start()
        got = b""
        while len(got) < len(data):
            got += received(peer.socket, 1 << 20)
        sender.join()
        self.assertEqual(hashlib.sha256(got).hexdigest(), hashlib.sha256(data).hexdigest())
