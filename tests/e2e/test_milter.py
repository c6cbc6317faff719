"""The header that postern-milter puts into mail: it tells how the mail came, and nobody else can."""

import os
import re
import shutil
import socket
import ssl
import threading
import time
import unittest

from common import CONNECT, client_context, of_client, reset, table
from lab import posternd as postern
from lab import proxyheader
from lab.posternd import USER
from lab.process import TIMEOUT, Child, LabError, run
from lab.smtp import Client
from milter_stage import HEADER, NONE, TLS, UNKNOWN, Milters, OtherMilter

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
                     "bare": {"tls": "none", "certificate_sets": None},
                     "upstream": {"accept_proxy_from": ["127.0.0.2/32"]}}
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

    @table([("4", "192.0.2.77", "203.0.113.5"), ("mapped", "::ffff:192.0.2.77",
                                                 "::ffff:203.0.113.5"),
            ("6", "2001:db8::77", "2001:db8::25")])
    def test_upstream(self, host, destination):
        """The client is who a believed PROXY header says."""
        if host == "2001:db8::77" and not has_ipv6():
            self.skipTest("no IPv6 here")
        for number, tls in enumerate((False, True)):
            client = self.client("upstream", "127.0.0.2")
            client.send(proxyheader.v2((host, 4711 + number), (destination, 25)))
            if tls:
                client.starttls()
            else:
                client.greet()
            mail = self.send(client, f"{self.id()} {number}", recipient="a@example.test")
            self.assert_header(mail, TLS if tls else NONE)

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

    def test_forged_without_end(self):
        """More than a hundred would keep Postfix busy."""
        client = self.client()
        client.greet()
        body = b"Subject: x\r\n" + b"X-Postern-TLS: forged\r\n" * 101 + b"\r\nHello.\r\n"
        reply = client.mail(body)
        self.assertEqual(str(reply), "550 5.6.0 Too many headers X-Postern-TLS")
        self.milter.wait_log("warning: 101 headers X-Postern-TLS: mail refused, session="
                             + self.id_of(client))
        self.assert_header(self.send(client, "after too many"), NONE, client)

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


class Postscreen(Milters):
    """postscreen takes the clients, and hands them on to a smtpd, which has the milter."""

    @classmethod
    def prepare(cls):
        def change(text):
            inner = cls.postfix.services["postern"]
            cls.postfix.paste(f"127.0.0.1:{inner.port} inet n - n - 1 postscreen\n")
            return postern.postfix_config(cls.build, cls.conf, cls.postfix)
        cls.set_up(socket_kind="inet", change=change, main_cf={
            "postscreen_access_list": "", "postscreen_greet_wait": "1s",
            "postscreen_cache_map": "btree:$data_directory/postscreen_cache"})

    def test_plaintext(self):
        client = self.client()
        client.greet()
        self.assert_header(self.send(client, "plaintext"), NONE, client)
        self.postfix.log.wait("postscreen.*: PASS (NEW|OLD)")

    def test_tls(self):
        client = self.client()
        client.starttls()
        self.assert_header(self.send(client, "TLS"), TLS, client)


class TlsAddress(Milters):
    """Sessions under TLS go on with another smtpd, which asks for the same session again."""

    @classmethod
    def prepare(cls):
        cls.set_up()

    @classmethod
    def services(cls):
        second = cls.postfix.smtpd("second", "unix")
        return {"backends": {"postfix": {"tls_address": second.address}}}

    @table([("plaintext", False, NONE), ("TLS", True, TLS)])
    def test_header(self, tls, pattern):
        client = self.client()
        if tls:
            client.starttls()
        else:
            client.greet()
        self.assert_header(self.send(client, self.id()), pattern, client)


class SlowMilter(Milters):
    """A connection ends and its port is used again while a mail is still under way in Postfix: the
    mail tells of its own session."""

    @classmethod
    def prepare(cls):
        """Two other milters: one that sees mail before ours, and one behind it."""
        cls.held = threading.Event()
        cls.released = threading.Event()

        def change(text):
            cls.first = OtherMilter(cls, cls.sockets + "/first.sock", cls.hold)
            cls.last = OtherMilter(cls, cls.sockets + "/last.sock")
            return text.replace("smtpd_milters = ", "smtpd_milters = unix:postern/first.sock, "
                                ).replace("tempfail } }", "tempfail }, unix:postern/last.sock }")
        cls.set_up(change=change, main_cf={"in_flow_delay": "0"})

    @classmethod
    def hold(cls, headers):
        if ("Subject", "held") in headers:
            cls.held.set()
            cls.released.wait(TIMEOUT)

    def setUp(self):
        super().setUp()
        self.held.clear()
        self.released.clear()
        self.addCleanup(self.released.set)

    def again(self, port):
        """A client from the same address and port, at once."""
        client = Client.__new__(Client)
        client.socket = socket.socket()
        self.addCleanup(client.socket.close)
        client.socket.settimeout(TIMEOUT)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.socket.bind(("127.0.0.9", port))
        client.socket.connect(self.daemon.address())
        client._buffer, client.port = b"", port
        return client

    def sessions_of(self, port):
        """Ids of the sessions from this port, in order."""
        self.daemon.wait_log(of_client(CONNECT, port), times=2)
        return [match["session"] for match in self.daemon.log.find_all(of_client(CONNECT, port))]

    @table([("plaintext, then TLS", False, True), ("TLS, then plaintext", True, False)])
    def test_port_used_again(self, first_tls, second_tls):
        def begin(client, tls):
            if tls:
                client.starttls()
            else:
                client.greet()

        first = self.client()
        begin(first, first_tls)
        first.command("MAIL FROM:<a@client.test>")
        first.command("RCPT TO:<b@example.test>")
        first.command("DATA")
        first.send(b"Subject: held\r\n\r\nHello.\r\n.\r\n")
        self.assertTrue(self.held.wait(TIMEOUT))
        reset(first.socket)
        second = self.again(first.port)
        begin(second, second_tls)
        second.command("MAIL FROM:<a@client.test>")
        self.released.set()
        held = self.delivered("held")
        second.command("RCPT TO:<b@example.test>")
        second.command("DATA")
        second.send(b"Subject: second\r\n\r\nHello.\r\n.\r\n")
        self.assert_code(second.reply(), 250)
        later = self.delivered("second")
        ids = self.sessions_of(first.port)
        match = self.assert_header(held, TLS if first_tls else NONE)
        self.assertEqual(match["session"], ids[0])
        value, = self.values(later)
        # Had both sessions been there when the second one was asked for, nobody could say.
        if not re.match(UNKNOWN, value):
            match = self.assert_header(later, TLS if second_tls else NONE)
            self.assertEqual(match["session"], ids[1])

    def test_early_talker(self):
        """A client that says everything at once and is gone before Postfix has asked; another one
        gets its port. Nobody can say whose the mail is, and nobody does."""
        first = self.client()
        first.send(b"EHLO a\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<b@example.test>\r\n"
                   b"BDAT 18 LAST\r\nSubject: early\r\n\r\n")
        reset(first.socket)
        second = self.again(first.port)
        second.starttls()
        mail = self.send(second, "behind an early talker")
        value, = self.values(mail)
        self.assertRegex(value, f"{UNKNOWN}|{TLS}")
        for path in os.listdir(self.postfix.mailbox + "/new"):
            with open(os.path.join(self.postfix.mailbox, "new", path), "rb") as file:
                raw = file.read()
            if b"Subject: early" in raw:
                self.assertNotIn(b"version=TLS", raw)

    def test_what_other_milters_see(self):
        """One behind ours sees our header, and no forged one; one before it the opposite."""
        client = self.client()
        client.starttls()
        mail = self.send(client, "seen", b"X-Postern-TLS: forged\r\n")
        value, = self.values(mail)
        before, behind = ([[headers for headers in other.messages
                            if ("Subject", "seen") in headers][0] for other in (
                                self.first, self.last)])
        names = [name for name, _ in behind]
        self.assertEqual([text for name, text in before if name == HEADER], ["forged"])
        self.assertEqual([re.sub(r"\s+", " ", text) for name, text in behind if name == HEADER],
                         [value])
        self.assertEqual(names[0], HEADER, "Postfix's own Received: is not shown to milters")


class OpenDkim(Milters):
    """A real milter in the chain keeps working, and signs what ours has added."""

    @classmethod
    def prepare(cls):
        if not shutil.which("opendkim"):
            raise unittest.SkipTest("opendkim is not installed")
        cls.key = os.path.join(cls.stage.directory, "dkim.key")
        run(["openssl", "genrsa", "-out", cls.key, "2048"])
        shutil.chown(cls.key, USER)

        def change(text):
            return text.replace("tempfail } }", "tempfail }, unix:postern/dkim.sock }")
        cls.set_up(change=change)
        conf = postern.write_configuration(cls.stage.directory, f"""\
Socket local:{cls.sockets}/dkim.sock
UserID {USER}
UMask 007
Domain client.test
Selector s
KeyFile {cls.key}
Mode s
InternalHosts 0.0.0.0/0
SignHeaders From,Subject,X-Postern-TLS
OversignHeaders From
Background no
Syslog no
RequireSafeKeys no
""", "opendkim.conf")
        cls.opendkim = Child(["opendkim", "-x", conf, "-f"])
        cls.addClassCleanup(cls.opendkim.stop)
        cls.wait_for_opendkim()

    @classmethod
    def wait_for_opendkim(cls):
        """It says nothing when it listens."""
        end = time.monotonic() + TIMEOUT
        with socket.socket(socket.AF_UNIX) as probe:
            while probe.connect_ex(cls.sockets + "/dkim.sock") != 0:
                if cls.opendkim.exit_code is not None or time.monotonic() > end:
                    raise LabError("opendkim does not listen:\n" + cls.opendkim.log.tail())

    def signed(self, client, subject):
        headers = b"From: <sender@client.test>\r\nX-Postern-TLS: forged\r\n"
        return self.send(client, subject, headers)

    @table([("plaintext", False, NONE), ("TLS", True, TLS)])
    def test_signed(self, tls, pattern):
        client = self.client()
        if tls:
            client.starttls()
        else:
            client.greet()
        mail = self.signed(client, self.id())
        values = self.values(mail)
        self.assertEqual(len(values), 1, mail.raw)
        self.assertRegex(values[0], pattern)
        signature = re.sub(r"\s+", "", mail.headers["DKIM-Signature"])
        self.assertIn("d=client.test;", signature)
        self.assertIn("x-postern-tls", re.search(r";h=([^;]*)", signature)[1].lower().split(":"))
