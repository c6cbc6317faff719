"""The PROXY protocol: from upstreams that are believed, and to the backend."""

import itertools
import os
import shutil
import socket
import ssl
import subprocess
import types
import unittest

from common import (CERTIFICATES, CONNECT, DISCONNECT, ESTABLISHED, LOST, Backend, Case,
                    client_context, own_address, table)
from lab import proxyheader
from lab.posternd import HOSTNAME
from lab.proxyheader import v1, v2

HAS_IPV6 = os.path.exists("/proc/net/if_inet6")

# Where the tests' upstream connects from, and its listener's networks. 127.0.0.1 is not among them.
UPSTREAM = "127.0.0.2"
UPSTREAMS = ["127.0.0.2", "127.0.1.0/24", "::1", "198.51.100.0/28"]

IPV4, IPV6, MAPPED = "192.0.2.77", "2001:db8::77", "::ffff:192.0.2.77"
CLIENT, CLIENT6 = (IPV4, 4711), (IPV6, 4712)
SERVER, SERVER6, MAPPED_SERVER = (
    ("203.0.113.5", 25), ("2001:db8::5", 25), ("::ffff:203.0.113.5", 25))

UNAVAILABLE = f"421 4.3.2 {HOSTNAME} Service currently unavailable\r\n".encode()
STOPPING = f"421 4.3.2 {HOSTNAME} Service shutting down\r\n".encode()


class Upstream(Case):
    """What tests with an upstream share."""

    def upstream(self, daemon, listener="mx", source=UPSTREAM):
        """A client that connects as an upstream does."""
        address = daemon.address(listener)
        return self.connect(address, None if ":" in address[0] else source)

    def refused(self, daemon, client, why):
        """421, closed, and a line in the log that names the upstream; its match of WARNING."""
        self.assertEqual(client.rest(), UNAVAILABLE)
        line = self.warning(daemon, client, "PROXY header refused: " + why)
        self.assertEqual(line["host"], client.socket.getsockname()[0])
        self.assertEqual(line["level"], "warning")
        return line


class WithPostfix(Upstream):
    """A real Postfix behind, told in version 1 and in version 2."""

    @classmethod
    def prepare(cls):
        cls.ports = itertools.count(20001)
        postfix = cls.stage.make_postfix(main_cf={"smtpd_client_port_logging": "yes"})
        cls.inner = postfix.smtpd("postern", "unix")
        cls.stage.start_postfix()
        addresses = ["127.0.0.1:0"] + ["[::1]:0"] * HAS_IPV6
        cls.posternd = cls.stage.posternd(
            certificates=CERTIFICATES, backend=cls.inner.address, log_sessions="all",
            backends={"v1": {"address": cls.inner.address, "client_address": "proxy-v1"}},
            listeners={name: {"address": addresses, "accept_proxy_from": UPSTREAMS,
                              "backend": backend}
                       for name, backend in (("v2", "postfix"), ("v1", "v1"))})

    def setUp(self):
        super().setUp()
        self.logged_by_postfix = self.stage.postfix.log.mark()

    def claimed(self, host=IPV4):
        """(host, port) of a client that no other test has, and that is no port of this machine's
        own connections."""
        return host, next(self.ports)

    def postfix_log(self, pattern):
        return self.stage.postfix.log.wait(pattern, after=self.logged_by_postfix)

    def assert_client(self, upstream, host, port):
        """Both logs name this client, and posternd's its upstream."""
        self.postfix_log(rf"smtpd\[\d+\]: connect from unknown\[{host}\]:{port}$")
        connect = self.of_log(self.posternd, CONNECT, port)
        source = upstream.socket.getsockname()
        self.assertEqual((connect["host"], connect["via_host"], connect["via_port"]),
                         (host, source[0], str(source[1])))
        return connect

    # name, writer of the header, listener, host of the client, destination
    @table([(f"{write.__name__} in, {listener} out, {name}", write, listener, host, server)
            for write in (v1, v2) for listener in ("v1", "v2") for name, host, server in (
                ("IPv4", IPV4, SERVER), ("IPv6", IPV6, SERVER6),
                ("v4-mapped", MAPPED, MAPPED_SERVER), ("v4-mapped client", MAPPED, SERVER6),
                ("v4-mapped destination", IPV6, MAPPED_SERVER))])
    def test_mail(self, write, listener, host, server):
        """The claimed client is the client, for Postfix and in the log."""
        if not HAS_IPV6 and ":" in host + server[0]:
            self.skipTest("this machine has no IPv6, so Postfix refuses it")
        client = self.claimed(host)
        upstream = self.upstream(self.posternd, listener)
        upstream.send(write(client, server))
        upstream.starttls()
        self.assert_code(upstream.mail(), 250)
        host = host.removeprefix("::ffff:")
        mail = self.stage.postfix.wait_for_mail()
        self.assertIn(f"[{'IPv6:' if ':' in host else ''}{host}]", mail.received)
        connect = self.assert_client(upstream, host, client[1])
        self.assertEqual((connect["listener"], connect["to_host"], connect["to_port"]),
                         (listener, server[0].removeprefix("::ffff:"), str(server[1])))
        upstream.close()
        end = self.of_log(self.posternd, DISCONNECT, client[1])
        self.assertEqual((end["host"], end["tls"], end["session"]),
                         (host, "yes", connect["session"]))

    @table((("version 1", v1), ("version 2", v2)))
    def test_upstream_that_connects_over_ipv6(self, write):
        if not HAS_IPV6:
            self.skipTest("this machine has no IPv6")
        client = self.claimed()
        upstream = self.connect(self.posternd.addresses["v2"][1])
        upstream.send(write(client, SERVER))
        upstream.greet()
        self.assert_client(upstream, *client)

    @table((("version 1", v1, ()), ("version 2", v2, ()),
            ("version 2 with fields", v2, (b"\x04\x00\x03abc",))))
    def test_byte_by_byte(self, write, more):
        client = self.claimed()
        upstream = self.upstream(self.posternd, "v2")
        for byte in write(client, SERVER, *more):
            upstream.send(bytes([byte]))
        upstream.greet()
        self.assert_client(upstream, *client)

    @table([(f"{name}, {count} bytes later", write, more, count)
            for name, write, more in (("version 1", v1, ()),
                                      ("version 2", v2, (b"\x04\x01\xe9" + b"x" * 489,)))
            for count in (0, 1, 6)])
    def test_ehlo_in_the_same_segment(self, write, more, count):
        """What stands behind the header is the client's, wherever the segments end."""
        client = self.claimed()
        upstream = self.upstream(self.posternd, "v2")
        header = write(client, SERVER, *more)
        data = header + b"EHLO early.example.test\r\n"
        upstream.send(data[:len(header) - count])
        upstream.send(data[len(header) - count:])
        self.assert_code(upstream.reply(), 220)
        self.assertTrue(upstream.reply().offers("STARTTLS"))
        self.assert_client(upstream, *client)
        self.assert_code(upstream.mail(), 250)
        self.assertIn("early.example.test", self.stage.postfix.wait_for_mail().received)

    def test_header_is_not_counted(self):
        client = self.claimed()
        upstream = self.upstream(self.posternd, "v2")
        upstream.send(v1(client, SERVER))
        sent = len(upstream.reply().raw) + len(upstream.command("QUIT").raw)
        self.assert_closed(upstream)
        upstream.close()
        end = self.of_log(self.posternd, DISCONNECT, client[1])
        self.assertEqual((end["received"], end["sent"]), ("6", str(sent)))

    @table((("version 1", v1), ("version 2", v2)))
    def test_client_outside_the_list(self, write):
        """From there it is no header but what Postfix makes of it."""
        claimed = self.claimed()
        client = self.connect(self.posternd.address("v2"))
        self.assert_code(client.reply(), 220)
        client.send(write(claimed, SERVER))
        self.assertGreaterEqual(client.reply().code, 500)
        connect = self.of_log(self.posternd, CONNECT, client)
        self.assertEqual((connect["host"], connect["via_host"]), ("127.0.0.1", None))
        client.close()
        self.postfix_log(rf"disconnect from unknown\[127\.0\.0\.1\]:{client.port} ")
        self.assertIsNone(self.stage.postfix.log.find(rf"\]:{claimed[1]}\b"))

    def test_second_header(self):
        """The client behind the upstream cannot be somebody else."""
        client, second, third = self.claimed(), self.claimed("192.0.2.78"), self.claimed(IPV6)
        upstream = self.upstream(self.posternd, "v2")
        upstream.send(v2(client, SERVER) + v1(second, SERVER) + v2(third, SERVER6))
        self.assert_code(upstream.reply(), 220)
        self.assertGreaterEqual(upstream.reply().code, 500)
        self.assert_client(upstream, *client)
        upstream.close()
        self.postfix_log(rf"disconnect from unknown\[{IPV4}\]:{client[1]} ")
        for port in (second[1], third[1]):
            self.assertIsNone(self.stage.postfix.log.find(rf"\]:{port}\b"))

    def test_local_is_the_upstream_itself(self):
        upstream = self.upstream(self.posternd, "v1")
        upstream.send(proxyheader.raw(proxyheader.LOCAL, 0))
        upstream.greet()
        self.postfix_log(rf"connect from unknown\[{UPSTREAM}\]:{upstream.port}$")
        connect = self.of_log(self.posternd, CONNECT, upstream)
        self.assertEqual((connect["host"], connect["via_host"]), (UPSTREAM, None))


BAD = (
    ("none", b"EHLO client.example.test\r\n", "not a PROXY header"),
    ("TLS instead", b"\x16\x03\x01\x00\x05hello", "not a PROXY header"),
    ("lower case", b"proxy TCP4 192.0.2.77 203.0.113.5 1 25\r\n", "not a PROXY header"),
    ("bare LF", b"PROXY TCP4 192.0.2.77 203.0.113.5 1 25\n", ".*does not end in CRLF"),
    ("no line end", b"PROXY TCP4 " + b"1" * 100, ".*no line end within 107 bytes"),
    ("UNKNOWN", b"PROXY UNKNOWN\r\n", ".*UNKNOWN does not say who the client is"),
    ("UDP", b"PROXY UDP4 192.0.2.77 203.0.113.5 1 25\r\n", ".*neither TCP4 nor TCP6"),
    ("other family", b"PROXY TCP4 2001:db8::77 2001:db8::5 1 25\r\n", ".*not one of its family"),
    ("name", b"PROXY TCP4 client.example.test 203.0.113.5 1 25\r\n", ".*not one of its family"),
    ("two blanks", b"PROXY TCP4 192.0.2.77  203.0.113.5 1 25\r\n", ".*not one of its family"),
    ("leading zero", b"PROXY TCP4 192.0.2.77 203.0.113.5 01 25\r\n", ".*not a number up to 65535"),
    ("large port", b"PROXY TCP4 192.0.2.77 203.0.113.5 65536 25\r\n", ".*not a number.*"),
    ("more behind", b"PROXY TCP4 192.0.2.77 203.0.113.5 1 25 x\r\n", ".*after the last port"),
    ("zero byte", b"PROXY TCP4 192.0.2.77 203.0.113.5 1 25\0\r\n", ".*zero byte in the line"),
    ("version 3", b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c" + b"x" * 12, "neither version 2's .*"),
    ("command 2", proxyheader.raw(0x22, 0x11, b"x" * 12), "neither version 2's .*"),
    ("unspecified family", proxyheader.raw(0x21, 0x00, b"x" * 12), ".*neither TCP over IPv4 .*"),
    ("UDP of version 2", proxyheader.raw(0x21, 0x12, b"x" * 12), ".*neither TCP over IPv4 .*"),
    ("unix", proxyheader.raw(0x21, 0x31, b"x" * 216), ".*neither TCP over IPv4 .*"),
    ("short", proxyheader.raw(0x21, 0x21, b"x" * 12), ".*too short for its addresses"),
    ("long", proxyheader.raw(0x21, 0x11, b"x" * 521), ".*longer than 536 bytes"),
    ("LOCAL, long", proxyheader.raw(0x20, 0x00, b"x" * 521), ".*longer than 536 bytes"),
)

UNSPECIFIED, LOOPBACK = "it claims an unspecified address", "it claims a loopback address"
MULTICAST, OWN = "it claims a multicast address", "it claims an address of this host"
LISTED = "it claims an address of accept_proxy_from"

CLAIMS = (
    ("unspecified", "0.0.0.0", SERVER[0], UNSPECIFIED),
    ("unspecified IPv6", "::", SERVER6[0], UNSPECIFIED),
    ("loopback", "127.0.0.1", SERVER[0], LOOPBACK),
    ("another loopback", "127.9.9.9", SERVER[0], LOOPBACK),
    ("loopback IPv6", "::1", SERVER6[0], LOOPBACK),
    ("loopback v4-mapped", "::ffff:127.0.0.1", SERVER6[0], LOOPBACK),
    ("multicast", "224.0.0.1", SERVER[0], MULTICAST),
    ("broadcast", "255.255.255.255", SERVER[0], MULTICAST),
    ("multicast IPv6", "ff02::1", SERVER6[0], MULTICAST),
    ("link-local", "fe80::1", SERVER6[0], "it claims a link-local address"),
    ("destination", SERVER[0], SERVER[0], OWN),
    ("destination IPv6", SERVER6[0], SERVER6[0], OWN),
    ("destination v4-mapped", "::ffff:203.0.113.5", "::ffff:203.0.113.5", OWN),
    ("upstream", "198.51.100.3", SERVER[0], LISTED),
    ("upstream v4-mapped", "::ffff:198.51.100.3", SERVER6[0], LISTED),
    ("upstream of another listener", "198.51.100.77", SERVER[0], LISTED),
)


class Played(Upstream):
    """The test is the backend: it sees whether anything reaches it."""

    @classmethod
    def prepare(cls):
        cls.backend = Backend(types.SimpleNamespace(addCleanup=cls.addClassCleanup))
        cls.posternd = cls.stage.posternd(
            certificates=["p256"], backend=cls.backend.address, log_sessions="all",
            backends={"v1": {"address": cls.backend.address, "client_address": "proxy-v1"}},
            listeners={"mx": {"accept_proxy_from": UPSTREAMS},
                       "v1": {"accept_proxy_from": UPSTREAMS, "backend": "v1"},
                       "other": {"accept_proxy_from": "198.51.100.77"}})

    def refused(self, daemon, client, why):
        line = super().refused(daemon, client, why)
        self.assertTrue(self.backend.nobody_came())
        return line

    @table(BAD)
    def test_bad_header(self, data, why):
        upstream = self.upstream(self.posternd)
        upstream.send(data)
        self.refused(self.posternd, upstream, why)
        self.disconnect(self.posternd, upstream)

    def test_what_came_is_shown(self):
        upstream = self.upstream(self.posternd)
        upstream.send(b'EHLO "evil\x1b[2J\r\n')
        line = self.refused(self.posternd, upstream, "not a PROXY header")
        self.assertEqual(line["detail"], r"EHLO \x22evil\x1b[2J\x0d\x0a")

    @table([(f"{name}, {write.__name__}", write, *row) for name, *row in CLAIMS
            for write in (v1, v2)])
    def test_claim(self, write, claimed, server, why):
        upstream = self.upstream(self.posternd)
        upstream.send(write((claimed, 4711), (server, 25)))
        line = self.refused(self.posternd, upstream, why)
        self.assertEqual(line["detail"], claimed.removeprefix("::ffff:"))
        self.disconnect(self.posternd, upstream)

    def test_claim_of_an_address_of_the_machine(self):
        own = own_address()
        if own is None:
            self.skipTest("this machine has loopback addresses only")
        upstream = self.upstream(self.posternd)
        upstream.send(v2((own, 4711), SERVER))
        self.refused(self.posternd, upstream, OWN)

    # --- ends before the header does ---

    @table((("version 1", v1(CLIENT, SERVER)[:-1]), ("version 2", v2(CLIENT, SERVER)[:-1]),
            ("its first byte", b"P")))
    def test_closed_within_the_header(self, begun):
        upstream = self.upstream(self.posternd)
        upstream.send(begun)
        upstream.socket.shutdown(socket.SHUT_WR)
        self.refused(self.posternd, upstream, "the connection was closed before its end")

    def test_check_of_the_port(self):
        """Load balancers connect and close every few seconds: no warning."""
        upstream = self.upstream(self.posternd)
        upstream.close()
        self.assertEqual(self.of_log(self.posternd, LOST, upstream)["stage"], "CONNECT")
        self.of_log(self.posternd, DISCONNECT, upstream)
        lines = self.posternd.log.find_all(rf"\]:{upstream.port}\b")
        self.assertEqual([line.string for line in lines if "warning" in line.string], [])

    def test_deadline(self):
        """Silent, and within a header of either version. Meanwhile others are served."""
        late = []
        for begun in (b"", v1(CLIENT, SERVER)[:-2], v2(CLIENT, SERVER)[:-2],
                      proxyheader.raw(proxyheader.LOCAL, 0, b"", 1)):
            late.append(self.upstream(self.posternd))
            late[-1].send(begun)
        upstream = self.upstream(self.posternd)
        upstream.send(v2(CLIENT, SERVER))
        self.backend.greet(upstream)
        for each in late:
            self.refused(self.posternd, each, "it did not arrive in time")

    # --- to the backend ---

    @table((
        ("IPv4", CLIENT, SERVER, b"PROXY TCP4 192.0.2.77 203.0.113.5 4711 25\r\n"),
        ("IPv6", CLIENT6, SERVER6, b"PROXY TCP6 2001:db8::77 2001:db8::5 4712 25\r\n"),
        ("v4-mapped", (MAPPED, 1), MAPPED_SERVER, b"PROXY TCP4 192.0.2.77 203.0.113.5 1 25\r\n"),
        ("v4-mapped client", (MAPPED, 1), SERVER6,
         b"PROXY TCP6 ::ffff:192.0.2.77 2001:db8::5 1 25\r\n"),
    ))
    def test_version_1(self, client, server, header):
        upstream = self.upstream(self.posternd, "v1")
        upstream.send(v2(client, server))
        peer = self.backend.accept()
        self.assertEqual((peer.version, peer.header), (1, header))

    def test_version_1_without_upstream(self):
        client = self.connect(self.posternd.address("v1"))
        peer = self.backend.accept()
        self.assertEqual((peer.version, peer.client, peer.destination),
                         (1, ("127.0.0.1", client.port), self.posternd.address("v1")))

    def test_local_is_never_passed_on(self):
        upstream = self.upstream(self.posternd)
        upstream.send(proxyheader.raw(proxyheader.LOCAL, proxyheader.TCP4,
                                      v2(CLIENT, SERVER)[16:]))
        peer = self.backend.accept()
        self.assertEqual((peer.version, peer.client), (2, (UPSTREAM, upstream.port)))
        self.assertEqual(peer.destination, self.posternd.address())


class Implicit(Upstream):
    """Where TLS begins with the first byte, it begins behind the header."""

    @classmethod
    def prepare(cls):
        postfix = cls.stage.make_postfix()
        cls.inner = postfix.smtpd("postern", "unix")
        cls.stage.start_postfix()
        cls.posternd = cls.stage.posternd(
            certificates=CERTIFICATES, backend=cls.inner.address, log_sessions="all",
            listeners={"smtps": {"tls": "implicit", "accept_proxy_from": UPSTREAM}})

    @table([(f"{name}, {before} before, {later} later", write, before, later)
            for name, write in (("version 1", v1), ("version 2", v2))
            for before, later in ((0, 0), (1, 0), (0, 1), (0, 100))])
    def test_hello_in_the_same_segment(self, write, before, later):
        """A byte of the header comes before the rest, or some of the ClientHello after it."""
        client = (IPV4, 20000 + 1000 * before + later + (write is v1))
        upstream = self.upstream(self.posternd, "smtps")
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = client_context().wrap_bio(incoming, outgoing)
        with self.assertRaises(ssl.SSLWantReadError):
            tls.do_handshake()
        data = write(client, SERVER) + outgoing.read()
        upstream.send(data[:before])
        upstream.send(data[before:len(data) - later])
        upstream.send(data[len(data) - later:])
        banner = b""
        while not banner.endswith(b"\n"):
            incoming.write(upstream.read_some())
            try:
                banner += tls.read()
            except ssl.SSLWantReadError:
                upstream.send(outgoing.read())
        self.assertRegex(banner, rb"^220 ")
        self.assertEqual(self.of_log(self.posternd, ESTABLISHED, client[1])["host"], IPV4)

    def test_mail(self):
        upstream = self.upstream(self.posternd, "smtps")
        upstream.send(v2((IPV4, 23000), SERVER))
        upstream.tls()
        upstream.greet()
        self.assert_code(upstream.mail(), 250)
        self.assertIn(f"[{IPV4}]", self.stage.postfix.wait_for_mail().received)

    @table((("TLS without a header", b"\x16\x03\x01\x02\x00" + b"x" * 512, "not a PROXY header"),
            ("bad header", v1(CLIENT, SERVER).lower(), "not a PROXY header"),
            ("claim", v2(("127.0.0.1", 1), SERVER), LOOPBACK)))
    def test_nothing_is_said_in_the_clear(self, data, why):
        upstream = self.upstream(self.posternd, "smtps")
        upstream.send(data)
        self.assert_closed(upstream)
        self.warning(self.posternd, upstream, "PROXY header refused: " + why)


class Phase(Upstream):
    """A session that waits for its header is a session like any other."""

    def daemon(self, **options):
        """(Backend, running posternd before it that believes UPSTREAM)."""
        backend = Backend(self)
        options = {"log_sessions": "all", "listeners": {"mx": {"accept_proxy_from": UPSTREAM}},
                   **options}
        daemon = self.stage.posternd(certificates=["p256"], backend=backend.address, **options)
        return backend, daemon

    def test_stop(self):
        """Nobody is asked anything any more, whatever has come of the header."""
        _, daemon = self.daemon(workers=1)
        waiting = [self.upstream(daemon) for _ in range(3)]
        waiting[1].send(v1(CLIENT, SERVER)[:-1])
        # One worker takes clients in their order: when this one is there, so are the others.
        last = self.upstream(daemon)
        last.send(b"x")
        self.refused(daemon, last, "not a PROXY header")
        self.assertEqual(self.stage.stop(daemon), 0)
        for each in waiting:
            self.assertEqual(each.rest(), STOPPING)

    def test_counts_as_a_session(self):
        # Two workers could take the clients in another order.
        _, daemon = self.daemon(workers=1, limits={"max_sessions": 1})
        self.addCleanup(self.stage.stop, daemon)
        first = self.upstream(daemon)
        self.assertEqual(self.upstream(daemon).rest(), UNAVAILABLE)
        first.close()
        self.of_log(daemon, LOST, first)

    @table((("IPv4", (IPV4, 1), (IPV4, 2), ("192.0.2.78", 1)),
            ("v4-mapped", (IPV4, 1), (MAPPED, 2), ("192.0.2.78", 1)),
            ("IPv6", ("2001:db8::1", 1), ("2001:db8::2", 2), ("2001:db8:0:1::1", 1))))
    def test_limits_are_the_clients(self, first, again, other):
        """The upstream itself is exempt here, those it speaks for are not."""
        backend, daemon = self.daemon(limits={"max_sessions_per_client": 1})
        self.addCleanup(self.stage.stop, daemon)
        for client, welcome in ((first, True), (again, False), (other, True)):
            upstream = self.upstream(daemon)
            upstream.send(v2(client, SERVER6 if ":" in client[0] else SERVER))
            if welcome:
                self.assertEqual(backend.accept().client, client)
            else:
                self.assertRegex(upstream.rest().decode(), rf"^421 4\.7\.0 {HOSTNAME} Error: too "
                                 f"many connections from {client[0].removeprefix('::ffff:')}\r\n$")

    def test_log_of_tls_sessions_only(self):
        """The connect line that is written with the handshake names the upstream, too."""
        backend, daemon = self.daemon(log_sessions="tls")
        self.addCleanup(self.stage.stop, daemon)
        self.upstream(daemon).close()
        upstream = self.upstream(daemon)
        upstream.send(v2(CLIENT, SERVER))
        peer = backend.greet(upstream)
        self.assertEqual(peer.client, CLIENT)
        self.assert_code(upstream.command("STARTTLS"), 220)
        upstream.tls()
        connect = self.of_log(daemon, CONNECT, CLIENT[1])
        self.assertEqual(connect["via_port"], str(upstream.port))
        self.assertEqual(len(daemon.log.find_all("connect from")), 1)


class Balancer(Upstream):
    """A real upstream: HAProxy, which is told the client by the test, and tells posternd."""

    # The options of a server, and of its health checks.
    OPTIONS = {"v1": ("send-proxy", ""),
               "v2": ("send-proxy-v2", "option smtpchk EHLO balancer.example.test"),
               "fields": ("send-proxy-v2 proxy-v2-options crc32c,unique-id", "")}

    @classmethod
    def prepare(cls):
        program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
        if program is None:
            raise unittest.SkipTest("haproxy is not installed")
        postfix = cls.stage.make_postfix(main_cf={"smtpd_client_port_logging": "yes"})
        cls.inner = postfix.smtpd("postern", "unix")
        cls.stage.start_postfix()
        cls.posternd = cls.stage.posternd(
            certificates=CERTIFICATES, backend=cls.inner.address, log_sessions="all",
            listeners={name: {"accept_proxy_from": UPSTREAM} for name in cls.OPTIONS})
        cls.fronts = {}
        text = ("defaults\n    mode tcp\n    timeout connect 30s\n    timeout client 60s\n"
                "    timeout server 60s\n    unique-id-format %Ts%rt\n")
        for name, (options, checks) in cls.OPTIONS.items():
            listening = socket.create_server(("127.0.0.1", 0))
            cls.addClassCleanup(listening.close)
            cls.fronts[name] = listening
            text += (f"listen {name}\n    bind fd@{listening.fileno()} accept-proxy\n"
                     f"    {checks}\n    source {UPSTREAM}\n"
                     f"    server m 127.0.0.1:{cls.posternd.port(name)} check inter 1s {options}\n")
        path = os.path.join(cls.stage.directory, "haproxy.cfg")
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        cls.haproxy = subprocess.Popen(  # pylint: disable=consider-using-with
            [program, "-db", "-f", path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, pass_fds=[each.fileno() for each in cls.fronts.values()])
        cls.addClassCleanup(cls._stop_haproxy)

    @classmethod
    def _stop_haproxy(cls):
        cls.haproxy.terminate()
        cls.haproxy.wait()

    @table((("version 1", "v1", 24001), ("version 2", "v2", 24002),
            ("version 2 with fields", "fields", 24003)))
    def test_mail(self, name, port):
        client = self.connect(self.fronts[name].getsockname())
        client.send(v1((IPV4, port), SERVER))
        client.starttls()
        self.assert_code(client.mail(), 250)
        self.assertIn(f"[{IPV4}]", self.stage.postfix.wait_for_mail().received)
        connect = self.of_log(self.posternd, CONNECT, port)
        self.assertEqual((connect["host"], connect["via_host"]), (IPV4, UPSTREAM))

    def test_health_check_of_version_2(self):
        """It says LOCAL, and gets an answer from Postfix."""
        connect = self.posternd.wait_log(CONNECT.replace(r"(?P<listener>\S+)", "(?P<listener>v2)"))
        self.assertEqual((connect["host"], connect["via_host"]), (UPSTREAM, None))
        self.stage.postfix.log.wait(rf"unknown\[{UPSTREAM}\]:{connect['port']} ehlo=1 ")

    def test_health_check_of_version_1(self):
        """It claims to be a client with HAProxy's own address, which nobody may be. HAProxy is
        content all the same, because it asks for no reply here."""
        self.posternd.wait_log(f"PROXY header refused: {LOOPBACK}: client=unknown.{UPSTREAM}.")
