"""starttls_except: clients to which STARTTLS is not offered, whoever says who the client is."""

import itertools
import os
import re

from common import (AUTH_REFUSED, CERTIFICATES, CONNECT, DISCONNECT, Case, table)
from lab import hello, proxyheader
from lab.posternd import postfix_config
from lab.process import run
from lab.proxyheader import v1, v2
from lab.sasl import PLAIN, AuthServer

HAS_IPV6 = os.path.exists("/proc/net/if_inet6")

# Where clients and upstreams connect from. The second upstream is excepted, as is IPv6's loopback.
EXCEPTED = ["127.0.0.2", "127.0.1.0/24", "::1"]
UPSTREAM, EXCEPTED_UPSTREAM = "127.0.0.7", "127.0.0.8"
BEHIND = ["192.0.2.0/28", "2001:db8:7::/48", EXCEPTED_UPSTREAM]

SERVER, SERVER6 = ("203.0.113.5", 25), ("2001:db8::5", 25)

NOT_IMPLEMENTED = "502 5.5.1 Error: command not implemented"
REFUSED = "STARTTLS refused: the client is in starttls_except"


class Exceptions(Case):
    @classmethod
    def prepare(cls):
        cls.ports = itertools.count(25001)
        auth = AuthServer(os.path.join(cls.stage.directory, "auth"))
        cls.addClassCleanup(auth.stop)
        postfix = cls.stage.make_postfix(main_cf={
            "smtpd_client_port_logging": "yes", "smtpd_sasl_auth_enable": "yes",
            "smtpd_sasl_type": "dovecot", "smtpd_sasl_path": "unix:" + auth.server_address})
        inner = postfix.smtpd("postern", "unix")
        addresses = ["127.0.0.1:0"] + ["[::1]:0"] * HAS_IPV6
        options = {"certificates": CERTIFICATES, "backend": inner.address, "listeners": {
            "mx": {"address": addresses, "starttls_except": EXCEPTED},
            "auth": {"starttls_except": EXCEPTED, "auth_before_tls": True},
            "balanced": {"address": addresses, "starttls_except": BEHIND,
                         "accept_proxy_from": [UPSTREAM, EXCEPTED_UPSTREAM, "::1"]}}}
        postfix.paste(postfix_config(cls.build, cls.stage.write(**options), postfix))
        cls.stage.start_postfix()
        cls.options = options
        cls.posternd = cls.stage.posternd(log_sessions="all", **options)

    def client(self, source, listener="mx"):
        """A client that has read the banner."""
        client = self.connect(self.posternd.address(listener), source)
        self.assert_code(client.reply(), 220)
        return client

    def logged_with(self, log_sessions, *sessions):
        """The lines for each of the sessions (source, commands) of a posternd that has ended."""
        daemon = self.stage.posternd(log_sessions=log_sessions, **self.options)
        clients = []
        for source, *commands in sessions:
            clients.append(self.connect(daemon.address(), source))
            clients[-1].greet()
            for command in (*commands, "QUIT"):
                clients[-1].command(command)
            clients[-1].close()
        self.stage.stop(daemon)
        return [[line.string for line in daemon.log.find_all(
            rf"unknown\[{source}\]:{client.port}\b")]
                for client, (source, *_) in zip(clients, sessions)]

    def postfix_end(self, client):
        """What Postfix says of the commands that it got of a session that has ended."""
        host, port = client.socket.getsockname()[:2]
        client.close()
        return self.stage.postfix.log.wait(
            rf"disconnect from unknown\[{re.escape(host)}\]:{port} (.*)")[1]

    def deliver(self, client):
        subject = f"from {client.port}"
        self.assert_code(client.mail(f"Subject: {subject}\r\n\r\nHello.\r\n".encode()), 250)
        self.stage.postfix.wait_for_mail(lambda each: each.subject == subject)

    def assert_excepted(self, client, ehlo):
        """Neither offered nor taken, and the session goes on."""
        self.assertFalse(ehlo.offers("STARTTLS"), str(ehlo))
        self.assertTrue(ehlo.offers("PIPELINING"), str(ehlo))
        self.assertEqual(str(client.command("STARTTLS")), NOT_IMPLEMENTED)
        self.assert_code(client.command("NOOP"), 250)

    def assert_served(self, client, ehlo):
        """Offered, and it works."""
        self.assertTrue(ehlo.offers("STARTTLS"), str(ehlo))
        self.assert_code(client.command("STARTTLS"), 220)
        client.tls()
        self.assert_code(client.command("EHLO x"), 250)

    # --- inside and outside, by the connection ---

    @table((("address", "127.0.0.2"), ("network, first", "127.0.1.0"),
            ("network, last", "127.0.1.255")))
    def test_inside(self, source):
        client = self.client(source)
        self.assert_excepted(client, client.command("EHLO x"))
        self.deliver(client)
        self.assert_code(client.command("QUIT"), 221)
        self.assertNotIn("starttls", self.postfix_end(client))
        end = self.of_log(self.posternd, DISCONNECT, client)
        self.assertEqual((end["host"], end["tls"], end["excepted"]), (source, "no", "yes"))

    @table((("address before", "127.0.0.1"), ("address behind", "127.0.0.3"),
            ("network before", "127.0.0.255"), ("network behind", "127.0.2.0")))
    def test_outside(self, source):
        client = self.client(source)
        self.assert_served(client, client.command("EHLO x"))
        self.deliver(client)
        client.close()
        end = self.of_log(self.posternd, DISCONNECT, client)
        self.assertEqual((end["host"], end["tls"], end["excepted"]), (source, "yes", None))

    def test_ipv6(self):
        if not HAS_IPV6:
            self.skipTest("this machine has no IPv6")
        client = self.connect(self.posternd.addresses["mx"][1])
        self.assert_excepted(client, client.greet())
        self.deliver(client)

    # --- whatever is said around it ---

    def test_ehlo_twice_and_helo(self):
        client = self.client("127.0.0.2")
        for command in ("EHLO x", "EHLO y", "HELO z", "EHLO x"):
            reply = client.command(command)
            self.assert_code(reply, 250)
            self.assertFalse(reply.offers("STARTTLS"), command)
            self.assertEqual(str(client.command("STARTTLS")), NOT_IMPLEMENTED)

    def test_before_ehlo(self):
        self.assertEqual(str(self.client("127.0.0.2").command("STARTTLS")), NOT_IMPLEMENTED)

    def test_argument(self):
        client = self.client("127.0.0.2")
        self.assertEqual(str(client.command("STARTTLS x")), "501 5.5.4 Syntax: STARTTLS")

    def test_pipelined(self):
        """Replies in order, what follows is neither thrown away nor passed on before its turn."""
        client = self.client("127.0.0.2")
        client.send(b"EHLO x\r\nSTARTTLS\r\nNOOP\r\nSTARTTLS\r\nMAIL FROM:<a@b.test>\r\nQUIT\r\n")
        replies = [client.reply() for _ in range(6)]
        self.assertEqual([each.code for each in replies], [250, 502, 250, 502, 250, 221])
        self.assertEqual(self.postfix_end(client), "ehlo=1 mail=1 noop=1 quit=1 commands=4")

    def test_client_hello_behind_it(self):
        """It is no TLS, so it is whatever Postfix makes of it."""
        client = self.client("127.0.0.2")
        client.command("EHLO x")
        client.send(b"STARTTLS\r\n" + hello.records(hello.story()) + b"\r\n")
        self.assertEqual(str(client.reply()), NOT_IMPLEMENTED)
        self.assertRegex(str(client.reply()), "^5|^221")

    def test_in_a_mail(self):
        client = self.client("127.0.0.2")
        client.command("EHLO x")
        client.command("MAIL FROM:<a@b.test>")
        self.assertEqual(str(client.command("STARTTLS")), NOT_IMPLEMENTED)

    # --- AUTH ---

    def test_auth_stays_hidden_and_refused(self):
        client = self.client("127.0.0.2")
        reply = client.command("EHLO x")
        self.assert_excepted(client, reply)
        self.assertFalse(reply.offers("AUTH"), str(reply))
        self.assertEqual(str(client.command("AUTH PLAIN " + PLAIN)),
                         "538 5.7.11 Encryption required for requested authentication mechanism")
        self.of_log(self.posternd, AUTH_REFUSED, client)
        self.assertNotIn("auth", self.postfix_end(client))

    def test_auth_where_it_is_allowed(self):
        client = self.client("127.0.0.2", "auth")
        reply = client.command("EHLO x")
        self.assert_excepted(client, reply)
        self.assertTrue(reply.offers("AUTH"), str(reply))
        self.assert_code(client.command("AUTH PLAIN " + PLAIN), 235)

    # --- behind an upstream ---

    def through(self, header, source=UPSTREAM):
        """A client behind an upstream that has said EHLO; and the reply."""
        client = self.connect(self.posternd.address("balanced"), source)
        client.send(header)
        return client, client.greet()

    # name, writer, the client that is claimed, its destination
    @table([(f"{name}, {write.__name__}", write, host, server) for write in (v1, v2)
            for name, host, server in (("IPv4", "192.0.2.15", SERVER),
                                       ("IPv6", "2001:db8:7::9", SERVER6),
                                       ("v4-mapped", "::ffff:192.0.2.1", SERVER6))])
    def test_claimed_client_inside(self, write, host, server):
        if ":" in host and not HAS_IPV6:
            self.skipTest("this machine has no IPv6, so Postfix refuses it")
        port = next(self.ports)
        client, reply = self.through(write((host, port), server))
        self.assert_excepted(client, reply)
        client.close()
        end = self.of_log(self.posternd, DISCONNECT, port)
        self.assertEqual((end["host"], end["excepted"]), (host.removeprefix("::ffff:"), "yes"))

    @table([(f"{name}, {write.__name__}", write, host, server) for write in (v1, v2)
            for name, host, server in (("IPv4", "192.0.2.16", SERVER),
                                       ("IPv6", "2001:db8:8::9", SERVER6),
                                       ("v4-mapped", "::ffff:192.0.2.99", SERVER6))])
    def test_claimed_client_outside(self, write, host, server):
        """Its upstream is inside, and speaks for somebody else."""
        if ":" in host and not HAS_IPV6:
            self.skipTest("this machine has no IPv6, so Postfix refuses it")
        port = next(self.ports)
        client, reply = self.through(write((host, port), server), EXCEPTED_UPSTREAM)
        self.assert_served(client, reply)
        client.close()
        self.assertIsNone(self.of_log(self.posternd, DISCONNECT, port)["excepted"])

    def test_upstream_that_speaks_for_itself(self):
        """LOCAL: the client is who connects."""
        local = proxyheader.raw(proxyheader.LOCAL, 0)
        self.assert_excepted(*self.through(local, EXCEPTED_UPSTREAM))
        self.assert_served(*self.through(local))

    @table((("version 1", v1), ("version 2", v2)))
    def test_header_that_is_not_believed(self, write):
        """A stranger cannot claim to be inside."""
        client = self.connect(self.posternd.address("balanced"))
        self.assert_code(client.reply(), 220)
        client.send(write(("192.0.2.1", next(self.ports)), SERVER))
        self.assertGreaterEqual(client.reply().code, 500)

    # --- the log ---

    def test_warning(self):
        client = self.client("127.0.0.2")
        client.command("EHLO x")
        client.command("STARTTLS")
        line = self.warning(self.posternd, client, REFUSED)
        self.assertEqual((line["level"], line["host"]), ("warning", "127.0.0.2"))
        client.command("STARTTLS x")
        client.command("QUIT")
        client.close()
        self.of_log(self.posternd, DISCONNECT, client)
        self.assertEqual(len(self.posternd.log.find_all(rf"starttls_except: .*\]:{client.port} ")),
                         1)

    def test_sessions_are_logged_with_those_of_tls(self):
        """That of another client without a handshake is not."""
        other, (first, last) = self.logged_with("tls", ("127.0.0.3",), ("127.0.0.2",))
        self.assertEqual(other, [])
        connect, end = re.match(CONNECT, first), re.match(DISCONNECT, last)
        self.assertEqual((end["excepted"], end["session"]), ("yes", connect["session"]))

    def test_problems_only(self):
        """What the client cannot have is one; that it is not offered is none."""
        silent, (line,) = self.logged_with("problems", ("127.0.0.2",), ("127.0.0.2", "STARTTLS"))
        self.assertEqual(silent, [])
        self.assertIn("warning: " + REFUSED, line)

    # --- clients that are not ours ---

    def test_swaks(self):
        """TLS if it is offered: the mail comes in either case."""
        host, port = self.posternd.address()
        for source, tls in (("127.0.0.2", False), ("127.0.0.3", True)):
            subject = "swaks from " + source
            done = run(["swaks", "-tlso", "-li", source, "-s", host, "-p", str(port), "-f",
                        "sender@client.test", "-t", "recipient@example.test", "--header",
                        "Subject: " + subject])
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertEqual("TLS started" in done.stdout, tls, done.stdout)
            self.stage.postfix.wait_for_mail(lambda each, subject=subject: each.subject == subject)

    def test_s_client(self):
        """It asks for STARTTLS although it is not offered."""
        mark = self.posternd.mark()
        client = self.s_client(self.posternd.address(), "-bind", "127.0.1.77:0")
        client.expect(rb"(?i)didn't find STARTTLS")
        line = self.posternd.wait_log(rf"{REFUSED}: client=unknown\[127\.0\.1\.77\]:", after=mark)
        self.assertIn("warning: ", line.string)
