"""The header that postern-milter puts into mail: it tells how the mail came, and nobody else can."""

import os
import socket
import ssl

from common import client_context, table
from milters import HEADER, NONE, TLS, UNKNOWN, Milters

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def only(version):
    return client_context(minimum_version=version, maximum_version=version)


def has_ipv6():
    return socket.has_ipv6 and os.path.exists("/proc/net/if_inet6")


class Header(Milters):
    milter_options = {"keep_from": ["127.0.0.77/32"]}

    @classmethod
    def prepare(cls):
        listeners = {"mx": {}, "smtps": {"tls": "implicit"},
                     "bare": {"tls": "none", "certificate_sets": None}}
        if has_ipv6():
            listeners["six"] = {"address": "[::1]:0"}
        cls.set_up(listeners=listeners, chroot=True)

    # --- what it tells ---

    def test_plaintext(self):
        client = self.client()
        client.greet()
        self.assert_header(self.send(client, "plaintext"), NONE, client)

    def test_without_tls(self):
        client = self.client("bare")
        client.greet()
        self.assert_header(self.send(client, "without TLS"), NONE, client)

    def assert_is_clients(self, match, client):
        cipher, _, bits = client.socket.cipher()
        self.assertEqual((match["version"], match["cipher"], match["bits"], match["certificate"],
                          match["client"]),
                         (client.socket.version(), cipher, str(bits), "p256", "none"))

    @table([("1 2", TLS12, "TLSv1.2"), ("1 3", TLS13, "TLSv1.3")])
    def test_tls(self, version, name):
        client = self.client()
        client.starttls(only(version))
        match = self.assert_header(self.send(client, name), TLS, client)
        self.assertEqual(match["version"], name)
        self.assert_is_clients(match, client)

    def test_tls_with_rsa(self):
        client = self.client()
        context = only(TLS12)
        context.set_ciphers("ECDHE-RSA-AES256-GCM-SHA384")
        client.starttls(context)
        match = self.assert_header(self.send(client, "RSA"), TLS, client)
        self.assertEqual((match["cipher"], match["bits"], match["certificate"]),
                         ("ECDHE-RSA-AES256-GCM-SHA384", "256", "rsa"))

    def test_implicit(self):
        client = self.client("smtps")
        client.tls()
        client.greet()
        match = self.assert_header(self.send(client, "implicit"), TLS, client)
        self.assert_is_clients(match, client)

    def test_ipv6(self):
        if not has_ipv6():
            self.skipTest("no IPv6 here")
        client = self.client("six", "::1")
        client.starttls()
        self.assert_header(self.send(client, "IPv6"), TLS, client)

    def test_several_mails_of_a_session(self):
        client = self.client()
        client.greet()
        for number in range(3):
            self.assert_header(self.send(client, f"plain {number}"), NONE, client)

    def test_mail_behind_a_broken_off_one(self):
        client = self.client()
        client.starttls()
        client.command("MAIL FROM:<a@client.test>")
        client.command("RCPT TO:<b@example.test>")
        self.assert_code(client.command("RSET"), 250)
        self.assert_header(self.send(client, "after RSET"), TLS, client)

    def test_tls_after_ehlo_in_plaintext(self):
        """Postfix opens its connection to the milter before there is TLS."""
        client = self.client()
        client.greet()
        client.command("NOOP")
        client.command("STARTTLS")
        client.tls()
        client.command("EHLO client.example.test")
        self.assert_header(self.send(client, "later"), TLS, client)

    def test_pipelined(self):
        client = self.client()
        client.greet()
        client.send(b"MAIL FROM:<a@client.test>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n")
        for code in (250, 250, 354):
            self.assert_code(client.reply(), code)
        client.send(b"Subject: pipelined\r\n\r\nHello.\r\n.\r\nQUIT\r\n")
        self.assert_code(client.reply(), 250)
        self.assert_header(self.delivered("pipelined"), NONE, client)

    def test_resumed(self):
        context = only(TLS12)
        client = self.client()
        client.starttls(context)
        session = client.socket.session
        client.command("QUIT")
        again = self.client()
        again.greet()
        again.command("STARTTLS")
        again.socket = context.wrap_socket(again.socket, session=session)
        self.assertTrue(again.socket.session_reused)
        again.command("EHLO client.example.test")
        match = self.assert_header(self.send(again, "resumed"), TLS, again)
        self.assert_is_clients(match, again)

    def test_lines_are_short(self):
        client = self.client()
        client.starttls()
        raw = self.send(client, "short lines").raw.decode()
        lines = raw[raw.index(HEADER):raw.index("\nSubject:")].split("\n")
        self.assertGreater(len(lines), 1)
        self.assertLessEqual(max(map(len, lines)), 78)
        self.assertTrue(all(line.startswith("\t") for line in lines[1:]), lines)

    def test_session_behind_which_there_is_no_posternd(self):
        """A client that comes to Postfix directly."""
        port = self.postfix.services["direct"].port
        client = self.connect(("127.0.0.1", port))
        client.greet()
        mail = self.send(client, "direct", b"X-Postern-TLS: forged\r\n")
        self.assert_header(mail, UNKNOWN)

    # --- that nobody else can tell it ---

    @table([
        ("one", b"X-Postern-TLS: forged\r\n"),
        ("as ours", b"X-Postern-TLS: mail.example.test; version=TLSv1.3; session=0000000000\r\n"),
        ("upper case", b"X-POSTERN-TLS: forged\r\n"),
        ("lower case", b"x-postern-tls: forged\r\n"),
        ("blank before the colon", b"X-Postern-TLS : forged\r\n"),
        ("blanks before the colon", b"X-Postern-TLS \t : forged\r\n"),
        ("tab before the colon", b"X-Postern-TLS\t: forged\r\n"),
        ("no blank behind the colon", b"X-Postern-TLS:forged\r\n"),
        ("empty", b"X-Postern-TLS:\r\n"),
        ("folded", b"X-Postern-TLS:\r\n forged\r\n\tfurther\r\n"),
        ("folded blank", b"X-Postern-TLS: \r\n \r\n forged\r\n"),
        ("long", b"X-Postern-TLS: " + b"x" * 3000 + b"\r\n"),
        ("bytes", b"X-Postern-TLS: \xff\x80\x01\r\n"),
        ("bare line feed", b"X-Postern-TLS: forged\nX-Postern-TLS: forged\n"),
        ("several", b"X-Postern-TLS: 1\r\nTo: a\r\nx-postern-tls : 2\r\nCc: b\r\n"
                    b"X-POSTERN-TLS\t: 3\r\n"),
        ("hundred", b"X-Postern-TLS: forged\r\n" * 100),
    ])
    def test_forged(self, headers):
        client = self.client()
        client.greet()
        subject = self.id()
        mail = self.send(client, subject, headers)
        self.assert_header(mail, NONE, client)
        self.assertEqual(mail.raw.lower().count(b"x-postern-tls"), 1, mail.raw)
        self.assertEqual(mail.body, b"Hello.\n")

    @table([("similar names", b"X-Postern-TLS2: 1\r\nX-Postern: 2\r\nXX-Postern-TLS: 3\r\n",
             ["X-Postern-TLS2", "X-Postern", "XX-Postern-TLS"]),
            ("received", b"Received: from a by b\r\nReceived: from c by d\r\n",
             ["Received", "Received"])])
    def test_other_headers_stay(self, headers, names):
        client = self.client()
        client.greet()
        mail = self.send(client, self.id(), headers)
        self.assert_header(mail, NONE, client)
        found = mail.headers.keys()
        self.assertEqual(found[found.index("Subject") + 1:][:len(names)], names)

    def test_not_a_header(self):
        """In the body everybody may write what they want."""
        client = self.client()
        client.greet()
        body = b"Subject: in the body\r\n\r\nX-Postern-TLS: said\r\n"
        self.assert_code(client.mail(body), 250)
        mail = self.delivered("in the body")
        self.assert_header(mail, NONE, client)
        self.assertEqual(mail.body, b"X-Postern-TLS: said\n")

    def test_keep_from(self):
        client = self.client(source="127.0.0.77")
        client.greet()
        mail = self.send(client, "kept", b"X-Postern-TLS: mx1; none\r\nx-postern-tls: mx2\r\n")
        values = self.values(mail)
        self.assertRegex(values[0], NONE)
        self.assertEqual(values[1:], ["mx1; none", "mx2"])

    @classmethod
    def set_up(cls, *arguments, **options):
        def change(text):
            cls.postfix.smtpd("direct", proxied=False,
                              options=["smtpd_milters=unix:postern/milter.sock"])
            return text
        super().set_up(*arguments, change=change, **options)


class ProxyV1(Milters):
    @classmethod
    def prepare(cls):
        cls.set_up(socket_kind="inet", backends={"postfix": {"client_address": "proxy-v1"}})

    def test_plaintext(self):
        client = self.client()
        client.greet()
        self.assert_header(self.send(client, "plaintext"), NONE, client)

    def test_tls(self):
        client = self.client()
        client.starttls()
        self.assert_header(self.send(client, "TLS"), TLS, client)
