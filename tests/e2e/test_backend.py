"""What happens when the backend is down, slow, gone, or says what it should not. The test itself is
the backend wherever a real Postfix cannot be made to do the thing."""

import os
import socket
import threading

from common import CONNECT, DISCONNECT, ESTABLISHED, Backend, Case, free_port, reset, table
from lab.posternd import HOSTNAME
from played_backend import UNAVAILABLE, Played

# Bytes that no buffers on the way can hold.
FLOOD_MAX = 128 << 20

# Handshakes in a test of what may come at any moment of one.
HANDSHAKES = 20


class Down(Case):
    """A Postfix that runs, and addresses at which nobody answers."""

    @classmethod
    def prepare(cls):
        postfix = cls.stage.make_postfix()
        cls.inner = postfix.smtpd("postern", "unix")
        cls.stage.start_postfix()
        cls.nobody = f"127.0.0.1:{free_port()}"
        cls.no_file = f"unix:{cls.stage.directory}/no-such-socket"
        cls.full = socket.socket(socket.AF_UNIX)
        cls.full.bind(os.path.join(cls.stage.directory, "full"))
        os.chmod(os.path.join(cls.stage.directory, "full"), 0o666)
        cls.full.listen(0)
        cls.addClassCleanup(cls.full.close)
        cls.filler = socket.socket(socket.AF_UNIX)
        cls.filler.connect(cls.full.getsockname())
        cls.addClassCleanup(cls.filler.close)
        backends = {"nobody": [cls.nobody], "no-file": [cls.no_file],
                    "full": ["unix:" + cls.full.getsockname()],
                    "none-of-three": [cls.nobody, cls.no_file,
                                      "unix:" + cls.full.getsockname()],
                    "third": [cls.nobody, cls.no_file, cls.inner.address],
                    "tcp-last": [cls.no_file, cls.nobody]}
        cls.posternd = cls.stage.posternd(
            certificates=["p256"], backend=cls.inner.address, log_sessions="all",
            backends={name: {"address": address, "connect_timeout": 1}
                      for name, address in backends.items()},
            listeners={"mx": {}, **{name: {"backend": name} for name in backends}})

    @table((
        ("TCP", "nobody", ["127.0.0.1:\\d+: Connection refused"]),
        ("unix", "no-file", ["unix:\\S+/no-such-socket: No such file or directory"]),
        ("unix, backlog full", "full", ["unix:\\S+/full: Connection timed out"]),
        ("several", "none-of-three", ["Connection refused", "No such file or directory",
                                      "Connection timed out"]),
        ("several, TCP last", "tcp-last", ["No such file or directory", "Connection refused"]),
    ))
    def test_421_and_logged(self, listener, reasons):
        client = self.connect(self.posternd.address(listener))
        self.assertEqual(client.rest().decode(), UNAVAILABLE + "\r\n")
        connect = self.of_log(self.posternd, CONNECT, client)
        for reason in reasons:
            line = self.warning(self.posternd, client, f"connect to backend .*{reason}")
            self.assertEqual(line["session"], connect["session"])
        end = self.disconnect(self.posternd, client)
        self.assertEqual((end["session"], end["tls"], end["received"], end["sent"]),
                         (connect["session"], "no", "0", str(len(UNAVAILABLE) + 2)))

    def test_next_address_is_tried(self):
        client = self.connect(self.posternd.address("third"))
        client.starttls()
        self.assert_code(client.mail(), 250)
        self.stage.postfix.wait_for_mail()
        self.warning(self.posternd, client, "connect to backend .*Connection refused")
        self.warning(self.posternd, client, "connect to backend .*No such file or directory")

    def test_others_go_on(self):
        healthy = self.connect(self.posternd.address())
        healthy.starttls()
        for listener in ("nobody", "no-file", "tcp-last"):
            for _ in range(10):
                with self.connect(self.posternd.address(listener)) as client:
                    self.assertEqual(client.rest().decode(), UNAVAILABLE + "\r\n")
        self.assert_code(healthy.mail(), 250)
        self.stage.postfix.wait_for_mail()

    def test_back_again(self):
        """A backend that comes back is used without a restart."""
        backend = Backend(self)
        backend.stop()
        daemon = self.stage.posternd(certificates=["p256"], backend=backend.address)
        client = self.connect(daemon.address())
        self.assertEqual(client.rest().decode(), UNAVAILABLE + "\r\n")
        backend.start()
        backend.greet(self.connect(daemon.address()))
        self.stage.stop(daemon)


class Backends(Played):
    # --- the PROXY header ---

    def test_proxy_header(self):
        backend, daemon = self.daemon(listeners={"mx": {}, "any": {"address": "0.0.0.0:0"}})
        for listener, to in (("mx", "127.0.0.1"), ("any", "127.0.0.44")):
            _, port = daemon.address(listener)
            client = self.connect((to, port), "127.0.0.55")
            peer = backend.accept()
            self.assertEqual(peer.client, ("127.0.0.55", client.port))
            self.assertEqual(peer.destination, (to, port))
            self.assertEqual(len(peer.header), 28)

    def test_proxy_header_for_ipv6(self):
        if not os.path.exists("/proc/net/if_inet6"):
            self.skipTest("this machine has no IPv6")
        backend, daemon = self.daemon(listeners={"mx": {"address": "[::]:0"}})
        client = self.connect(("::1", daemon.port()))
        peer = backend.accept()
        self.assertEqual((peer.client, peer.destination),
                         (("::1", client.port), ("::1", daemon.port())))
        self.assertEqual(len(peer.header), 52)

    # --- greeting ---

    def test_banner_is_relayed_as_it_comes(self):
        """postscreen's teaser must reach the client before the rest is there."""
        backend, daemon = self.daemon()
        client = self.connect(daemon.address())
        peer = backend.accept()
        peer.send(b"220-backend.example.test teaser\r\n")
        self.assertEqual(client.line(), b"220-backend.example.test teaser\r\n")
        peer.send(b"220 backend.example.test ESMTP\r\n")
        self.assertEqual(client.line(), b"220 backend.example.test ESMTP\r\n")

    def test_early_talker_is_shown_to_the_backend(self):
        backend, daemon = self.daemon()
        client = self.connect(daemon.address())
        client.send(b"EHLO early\r\nSTARTTLS\r\n")
        peer = backend.accept()
        self.assertEqual(peer.line(), b"EHLO early\r\n")
        peer.send(b"220 backend.example.test ESMTP\r\n250 backend.example.test\r\n")
        self.assertEqual([client.reply().code for _ in range(3)], [220, 250, 220])
        client.tls()

    def test_banner_that_refuses(self):
        backend, daemon = self.daemon()
        client = self.connect(daemon.address())
        peer = backend.accept()
        peer.send(b"554 backend.example.test no\r\n")
        self.assertEqual(client.line(), b"554 backend.example.test no\r\n")
        client.send(b"STARTTLS\r\n")
        self.assertEqual(peer.line(), b"STARTTLS\r\n")

    def test_closed_without_banner(self):
        backend, daemon = self.daemon()
        client = self.connect(daemon.address())
        backend.accept().close()
        self.assertEqual(client.rest().decode(), UNAVAILABLE + "\r\n")
        self.warning(daemon, client, "the backend closed the connection without a greeting")
        self.disconnect(daemon, client)

    def test_421_of_the_backend_is_passed_on(self):
        backend, daemon = self.daemon()
        client = self.connect(daemon.address())
        peer = backend.accept()
        peer.send(b"421 4.7.0 backend.example.test Error: too many connections\r\n")
        peer.close()
        self.assertEqual(client.rest(),
                         b"421 4.7.0 backend.example.test Error: too many connections\r\n")

    # --- in the middle ---

    @table((("before TLS", False), ("under TLS", True)))
    def test_closed_behind_a_refusal(self, tls):
        """Postfix closes so behind a 521 or a 554: nothing is added to it."""
        client, peer, daemon = self.begin_tls() if tls else self.begin()
        client.send(b"NOOP\r\nNOOP\r\n")
        peer.send(b"554 5.5.0 Error: SMTP protocol synchronization\r\n")
        peer.close()
        self.assertEqual(client.rest(), b"554 5.5.0 Error: SMTP protocol synchronization\r\n")
        self.disconnect(daemon, client)

    @table((("221", b"221 2.0.0 Bye\r\n"), ("421", b"421 4.3.2 backend no\r\n")))
    def test_nothing_of_ours_behind_the_last_word(self, said):
        """Neither the 220 to a STARTTLS that waits nor another answer."""
        for command in (b"STARTTLS\r\n", b"STARTTLS x\r\n", b"AUTH PLAIN\r\n"):
            client, peer, daemon = self.begin()
            client.send(b"QUIT\r\n" + command)
            self.assertEqual(peer.line(), b"QUIT\r\n")
            peer.send(said)
            self.assertEqual(client.line(), said)
            peer.close()
            self.assert_closed(client)
            self.disconnect(daemon, client)

    def test_no_starttls_before_earlier_replies(self):
        client, peer, _ = self.begin()
        client.send(b"NOOP\r\nVRFY x\r\nSTARTTLS\r\nNOOP injected\r\n")
        self.assertEqual([peer.line(), peer.line()], [b"NOOP\r\n", b"VRFY x\r\n"])
        peer.send(b"250 first\r\n252-second\r\n")
        self.assertEqual([client.line(), client.line()], [b"250 first\r\n", b"252-second\r\n"])
        peer.send(b"252 second\r\n")
        self.assertEqual(client.line(), b"252 second\r\n")
        self.assert_code(client.reply(), 220)
        client.tls()
        client.send(b"EHLO x\r\n")
        self.assertEqual(peer.line(), b"EHLO x\r\n")

    def test_nothing_behind_an_unknown_verb_before_its_reply(self):
        client, peer, _ = self.begin()
        client.send(b"FOO\r\nNOOP 1\r\nSTARTTLS\r\n")
        self.assertEqual(peer.line(), b"FOO\r\n")
        # Were the NOOP forwarded too early it would have come with it: one write, one segment.
        peer.socket.setblocking(False)
        with self.assertRaises(BlockingIOError):
            peer.socket.recv(1)
        peer.socket.settimeout(30)
        peer.send(b"500 what\r\n")
        self.assertEqual(peer.line(), b"NOOP 1\r\n")
        peer.send(b"250 ok\r\n")
        self.assertEqual([client.reply().code for _ in range(3)], [500, 250, 220])

    @table((("200", b"200 ok\r\n"), ("250", b"250 ok\r\n"), ("354", b"354 go\r\n"),
            ("421", b"421 no\r\n"), ("450", b"450 later\r\n")))
    def test_unknown_verb_that_is_taken_shuts_the_door(self, reply):
        client, peer, _ = self.begin()
        client.send(b"FOO\r\nSTARTTLS\r\n")
        self.assertEqual(peer.line(), b"FOO\r\n")
        peer.send(reply)
        self.assertEqual(client.line(), reply)
        self.assertEqual(peer.line(), b"STARTTLS\r\n")

    @table((("354", b"354 go\r\n"), ("334", b"334 \r\n")))
    def test_continuation_shuts_the_door(self, reply):
        """Whatever command it belongs to: what comes next is not a command."""
        client, peer, _ = self.begin(listeners={"mx": {"auth_before_tls": True}})
        client.send(b"NOOP\r\n")
        peer.line()
        peer.send(reply)
        self.assertEqual(client.line(), reply)
        client.send(b"STARTTLS\r\n")
        self.assertEqual(peer.line(), b"STARTTLS\r\n")

    # --- what it should not say ---

    @table((("a reply", b"250 2.0.0 unasked\r\n"), ("half a line", b"25"),
            ("a 421", b"421 4.3.2 shutting down\r\n")))
    def test_speaks_during_the_handshake(self, said):
        backend, daemon = self.daemon()
        # Again and again: what posternd sees first, this or the ClientHello, is a race.
        for _ in range(HANDSHAKES):
            client = self.connect(daemon.address())
            peer = backend.greet(client)
            self.assert_code(client.command("STARTTLS"), 220)
            peer.send(said)
            client.tls()
            self.assert_given_up(client, peer)
            self.assertEqual(self.handshake_failure(daemon, client)["reason"], "backend-spoke")
            self.disconnect(daemon, client)
        self.assertIsNone(daemon.log.find(ESTABLISHED))

    def test_gone_during_the_handshake(self):
        backend, daemon = self.daemon()
        for _ in range(HANDSHAKES):
            client = self.connect(daemon.address())
            peer = backend.greet(client)
            self.assert_code(client.command("STARTTLS"), 220)
            peer.close()
            client.tls()
            self.assertRegex(client.rest().decode(), rf"^421 4\.3\.2 {HOSTNAME} .*\r\n$")
            self.disconnect(daemon, client)

    @table((("before TLS", False), ("under TLS", True)))
    def test_line_too_long(self, tls):
        client, peer, daemon = self.begin_tls() if tls else self.begin()
        client.send(b"NOOP\r\n")
        peer.line()
        peer.send(b"250 " + b"x" * 4091 + b"\r\n")
        self.assert_given_up(client, peer)
        line = self.warning(daemon, client, "reply line of the backend is too long")
        self.assertEqual(line["level"], "error")

    def test_longest_line(self):
        client, peer, _ = self.begin()
        client.send(b"NOOP\r\n")
        peer.line()
        longest = b"250 " + b"x" * 4090 + b"\r\n"
        peer.send(longest)
        self.assertEqual(client.line(), longest)

    @table((("before TLS", False), ("under TLS", True)))
    def test_reply_too_long(self, tls):
        client, peer, daemon = self.begin_tls() if tls else self.begin()
        client.send(b"NOOP\r\n")
        peer.line()
        peer.send((b"250-" + b"x" * 1000 + b"\r\n") * 70)
        self.assertRegex(client.rest().decode(), rf"\r\n421 4\.3\.2 {HOSTNAME} .*\r\n$")
        self.warning(daemon, client, "reply of the backend is too long")

    def test_unasked_reply_shuts_the_door(self):
        client, peer, daemon = self.begin()
        peer.send(b"250 unasked\r\n")
        self.assertEqual(client.line(), b"250 unasked\r\n")
        client.send(b"STARTTLS\r\n")
        self.assertEqual(peer.line(), b"STARTTLS\r\n")
        self.warning(daemon, client, "the backend sent an unexpected reply.*")

    def test_unasked_reply_before_ehlo_under_tls(self):
        """There relay would be a way around the 503 rule."""
        client, peer, daemon = self.begin()
        client.command("STARTTLS")
        client.tls()
        client.send(b"NOOP\r\n")
        peer.line()
        peer.send(b"250 ok\r\n250 unasked\r\n")
        self.assert_code(client.reply(), 250)
        self.assertRegex(client.rest().decode(), rf"421 4\.3\.2 {HOSTNAME} .*\r\n$")
        self.warning(daemon, client, "the backend sent an unexpected reply.*")

    # --- time ---

    def test_backend_that_does_not_reply(self):
        """In its turn only backend_timeout runs: closing earlier would make duplicates."""
        backend, daemon = self.daemon(backends={"postfix": {"backend_timeout": 2}},
                                      limits={"idle_timeout": 1})
        client = self.connect(daemon.address())
        backend.greet(client)
        client.send(b"NOOP\r\n")
        self.assertRegex(client.rest().decode(), rf"^421 4\.3\.2 {HOSTNAME} .*\r\n$")
        self.warning(daemon, client, "timeout: the backend does not reply")

    def test_backend_that_does_not_greet(self):
        backend, daemon = self.daemon(backends={"postfix": {"backend_timeout": 1}})
        client = self.connect(daemon.address())
        backend.accept()
        self.assertRegex(client.rest().decode(), rf"^421 4\.3\.2 {HOSTNAME} .*\r\n$")
        self.warning(daemon, client, "timeout: the backend does not reply")

    def test_a_flood_of_replies_does_not_outlive_the_client(self):
        """Nobody hears them: they are not waited for, and hardly read."""
        backend = Backend(self)
        daemon = self.stage.posternd(certificates=["p256"], backend=backend.address,
                                     log_sessions="all")
        self.addCleanup(self.stage.stop, daemon)
        client = self.connect(daemon.address())
        peer = backend.greet(client)
        client.send(b"MAIL FROM:<sender@client.test>\r\n")
        peer.line()
        sent = []
        flood = threading.Thread(target=self.flood, args=(peer, sent))
        flood.start()
        client.line()
        reset(client.socket)
        flood.join()
        self.of_log(daemon, DISCONNECT, client)
        self.assertLess(sum(sent), FLOOD_MAX)

    @staticmethod
    def flood(peer, sent):
        """Replies, until posternd closes or has read far too many. Short ones come faster than
        they are looked at."""
        replies = b"250\r\n" * 1000000
        try:
            while sum(sent) < FLOOD_MAX:
                sent.append(peer.socket.send(replies))
        except OSError:
            pass

    def test_connect_timeout(self):
        """A backlog that is full swallows connections; the next address is tried in time."""
        full, good = Backend(self, backlog=0), Backend(self)
        self.addCleanup(socket.create_connection(full.endpoint).close)
        daemon = self.stage.posternd(
            certificates=["p256"], backend=[full.address, good.address], log_sessions="all",
            backends={"postfix": {"connect_timeout": 1}})
        self.addCleanup(self.stage.stop, daemon)
        client = self.connect(daemon.address())
        good.greet(client)
        self.warning(daemon, client,
                     f"connect to backend {full.address}: Connection timed out")
