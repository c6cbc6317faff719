"""Mail goes through unchanged, over each kind of address, and keeps the client's address."""

import hashlib
import os
import random
import select
import smtplib
import socket
import ssl

from common import Case, client_context, table
from lab.posternd import postfix_config
from lab.process import TIMEOUT
from lab.smtp import Client

BIG = 50 * 1024 * 1024

# name, body as it is sent (already dot-stuffed), without the final dot
BODIES = (
    ("8-bit", b"Subject: odd\r\n\r\n" + bytes(range(0x80, 0x100)) + b"\r\n"),
    ("lone CR", b"Subject: odd\r\n\r\none\rtwo\r\rthree\rfour\r\n\rfive\r\n"),
    ("lone LF", b"Subject: odd\r\n\r\none\ntwo\n\nthree\r\n"),
    ("NUL and controls", b"Subject: odd\r\n\r\n" + bytes(range(1, 10)) + b"\x00\x0b\x0c\x1a\r\n"),
    ("long lines", b"Subject: odd\r\n\r\n" + b"a" * 100000 + b"\r\n" + b"b" * 2048 + b"\r\n"
     + b"c" * 4096 + b"\r\n"),
    ("stuffed dots", b"Subject: odd\r\n\r\n..\r\n...\r\n..x\r\nx.\r\n"),
    ("commands and replies", b"Subject: odd\r\n\r\nSTARTTLS\r\nQUIT\r\n220 x\r\nAUTH PLAIN\r\n"),
    ("no line at all", b"Subject: odd\r\n\r\n"),
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
        postfix = cls.stage.make_postfix(main_cf={"smtpd_junk_command_limit": "1000000"})
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

    def test_binary_chunks(self):
        """BDAT: what looks like the end of a message, or a command, is data."""
        client = self.connect(self.posternd.address())
        client.starttls()
        self.assert_code(client.command("MAIL FROM:<sender@client.test>"), 250)
        self.assert_code(client.command("RCPT TO:<recipient@example.test>"), 250)
        first = b"Subject: " + self.id().encode() + b"\r\n\r\nHello.\r\n.\r\nSTART"
        second = b"TLS\r\nQUIT\r\nBDAT 100000 LAST\r\n"
        client.send(b"BDAT %d\r\n%sBDAT %d LAST\r\n%s" % (len(first), first, len(second), second))
        self.assert_code(client.reply(), 250)
        self.assert_code(client.reply(), 250)
        mail = self.stage.postfix.wait_for_mail(lambda each: each.subject == self.id())
        self.assertEqual(mail.body, b"Hello.\n.\nSTARTTLS\nQUIT\nBDAT 100000 LAST\n")

    @table((("after a STARTTLS", True), ("in plaintext", False)))
    def test_50_mib(self, tls):
        text = b"Subject: " + self.id().encode() + b"\r\n\r\n" + printable_lines(BIG, 1)
        with smtplib.SMTP(*self.posternd.address(), timeout=60) as client:
            client.ehlo()
            if tls:
                client.starttls(context=client_context())
                client.ehlo()
            self.assertEqual(client.sendmail("sender@client.test", ["recipient@example.test"],
                                             text), {})
        mail = self.stage.postfix.wait_for_mail(lambda each: each.subject == self.id())
        sent = text.partition(b"\r\n\r\n")[2].replace(b"\r\n", b"\n")
        self.assertEqual((len(mail.body), hashlib.sha256(mail.body).hexdigest()),
                         (len(sent), hashlib.sha256(sent).hexdigest()))

    def test_50_mib_of_openssl(self):
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
                replies.append(client.socket.recv(1 << 20))
                lines += replies[-1].count(b"\n")
            except ssl.SSLWantReadError:
                pass
        self.assertEqual(b"".join(replies).splitlines(),
                         [b"252 2.0.0 %s%d@example.test" % (name, i) for i in range(number)])
        self.assertGreater(stalled, 0)
