"""posternd stops: what becomes of a session in each phase, with a backend that the test plays."""

import os
import signal

from common import PROGRAM, Backend, reset, table
from lab import hello
from lab.posternd import HOSTNAME
from lab.process import TIMEOUT
from played_backend import Played

STOPPING = f"421 4.3.2 {HOSTNAME} Service shutting down\r\n".encode()
STOPPED = rf"^{PROGRAM}stopped: seconds=(\d+\.\d) sessions=(\d+) inside_mail=(\d+) without_reply=(\d+)$"

# Longer than a test may last, and nothing.
LONG, SHORT = 270, 1


class Phases(Played):
    def stop(self, daemon, waits=False):
        """It stops. `waits`: for a session; then all workers have begun to drain."""
        daemon.send_signal(signal.SIGTERM)
        daemon.wait_log("stopping: waiting for" if waits else "stopping: signal")

    def ended(self, daemon, sessions=1, inside=0, without=0):
        """It has ended by itself, at once or when its time was over; seconds that it took."""
        self.assertEqual(daemon.wait(), 0)
        match = daemon.wait_log(STOPPED)
        self.assertEqual([int(each) for each in match.groups()[1:]], [sessions, inside, without])
        self.assertLess(float(match[1]), TIMEOUT / 2)
        return float(match[1])

    # --- at once ---

    def test_no_session(self):
        _, daemon = self.daemon(shutdown_timeout=LONG)
        self.stop(daemon)
        self.ended(daemon, sessions=0)

    def test_no_banner_yet(self):
        backend, daemon = self.daemon(shutdown_timeout=LONG)
        client = self.connect(daemon.address())
        peer = backend.accept()
        self.stop(daemon)
        self.assertEqual(client.rest(), STOPPING)
        self.assertEqual(peer.rest(), b"")
        self.ended(daemon)

    def test_half_a_banner(self):
        backend, daemon = self.daemon(shutdown_timeout=LONG)
        client = self.connect(daemon.address())
        backend.accept().send(b"220-backend.example.test teaser\r\n")
        self.assertEqual(client.line(), b"220-backend.example.test teaser\r\n")
        self.stop(daemon)
        self.assertEqual(client.rest(), STOPPING)
        self.ended(daemon)

    def test_backend_is_sought(self):
        path = os.path.join(self.stage.directory, self.id())
        backend = Backend(self, backlog=0, path=path)
        daemon = self.stage.posternd(certificates=["p256"], backend=backend.address,
                                     log_sessions="all", shutdown_timeout=LONG)
        self.addCleanup(self.stage.stop, daemon)
        # The first takes the only place.
        clients = [self.connect(daemon.address()) for _ in range(2)]
        for each in clients:
            self.of_log(daemon, "connect from", each)
        self.stop(daemon)
        for each in clients:
            self.assertEqual(each.rest(), STOPPING)
        self.ended(daemon, sessions=2)

    @table((("plaintext", "may", STOPPING), ("implicit", "implicit", b"")))
    def test_proxy_header_is_missing(self, tls, said):
        _, daemon = self.daemon(shutdown_timeout=LONG, workers=1, listeners={
            "mx": {"tls": tls, "accept_proxy_from": "127.0.0.0/8"}})
        client = self.connect(daemon.address())
        client.send(b"PROXY TCP4 192.0.2.1")
        # The first is silent in the log, too.
        second = self.connect(daemon.address())
        second.send(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")
        daemon.wait_log("connect from .* via ")
        self.stop(daemon)
        self.assertEqual(client.rest(), said)
        self.ended(daemon, sessions=2)

    @table((("starttls", "may"), ("implicit", "implicit")))
    def test_handshake_stops(self, tls):
        """It has a moment, whatever shutdown_timeout is. Nothing follows in plaintext."""
        client, daemon = self.before_handshake(tls)
        client.send(hello.records(hello.story())[:50])
        self.stop(daemon)
        self.assert_closed(client)
        self.assertGreater(self.ended(daemon), 1.5)
        self.assertIsNone(daemon.log.find("handshake failed"))

    @table((("starttls", "may"), ("implicit", "implicit"), ("encrypt", "encrypt")))
    def test_handshake_goes_on(self, tls):
        """A client that has begun learns under TLS that posternd stops."""
        client, daemon = self.before_handshake(tls)
        self.stop(daemon)
        client.tls()
        self.assertEqual(client.rest(), STOPPING)
        self.ended(daemon)

    def before_handshake(self, tls):
        """A client whose ClientHello is the next word, and its posternd."""
        backend, daemon = self.daemon(shutdown_timeout=LONG, listeners={"mx": {"tls": tls}})
        client = self.connect(daemon.address())
        if tls != "implicit":
            backend.greet(client)
            self.assert_code(client.command("STARTTLS"), 220)
        self.of_log(daemon, "connect from", client)
        return client, daemon

    def test_second_backend(self):
        """It is waited for by a client that has had its banner."""
        second = Backend(self)
        client, peer, daemon = self.begin(shutdown_timeout=LONG, backends={
            "postfix": {"tls_address": second.address}})
        self.assert_code(client.command("STARTTLS"), 220)
        client.tls()
        self.assertEqual(peer.line(), b"QUIT\r\n")
        self.stop(daemon)
        self.assertEqual(client.rest(), STOPPING)
        self.ended(daemon)

    def test_second_backend_has_not_greeted(self):
        second = Backend(self)
        client, peer, daemon = self.begin(shutdown_timeout=LONG, backends={
            "postfix": {"tls_address": second.address}})
        self.assert_code(client.command("STARTTLS"), 220)
        client.tls()
        client.send(b"EHLO client.example.test\r\n")
        peer.close()
        peer = second.accept()
        self.stop(daemon)
        self.assertEqual(client.rest(), STOPPING)
        self.assertEqual(peer.rest(), b"")
        self.ended(daemon)

    @table((("half_a_command", b"MAIL FR"), ("after_mail", b"MAIL FROM:<>\r\n")))
    def test_clients_turn(self, said):
        """Half a command holds nobody up."""
        client, peer, daemon = self.begin(shutdown_timeout=LONG)
        client.send(b"MAIL FROM:<>\r\n")
        self.assertEqual(peer.line(), b"MAIL FROM:<>\r\n")
        peer.send(b"250 ok\r\n")
        self.assert_code(client.reply(), 250)
        if said != b"MAIL FROM:<>\r\n":
            client.send(said)
            self.assertEqual(peer.socket.recv(100), said)
        self.stop(daemon)
        self.assertEqual(client.rest(), STOPPING)
        self.ended(daemon)

    # --- a reply is outstanding ---

    @table((("plaintext", "begin"), ("tls", "begin_tls")))
    def test_reply_and_then_421(self, begin):
        client, peer, daemon = getattr(self, begin)(shutdown_timeout=LONG)
        client.send(b"NOOP\r\n")
        self.assertEqual(peer.line(), b"NOOP\r\n")
        self.stop(daemon, waits=True)
        client.send(b"NOOP again\r\n")
        peer.send(b"250 backend.example.test\r\n")
        self.assertEqual(client.rest(), b"250 backend.example.test\r\n" + STOPPING)
        self.assertEqual(peer.rest(), b"")
        self.ended(daemon)

    def test_starttls_waits_for_it(self):
        """421 comes instead of the 220."""
        client, peer, daemon = self.begin(shutdown_timeout=LONG)
        client.send(b"NOOP\r\nSTARTTLS\r\n")
        self.assertEqual(peer.line(), b"NOOP\r\n")
        self.stop(daemon, waits=True)
        peer.send(b"250 backend.example.test\r\n")
        self.assertEqual(client.rest(), b"250 backend.example.test\r\n" + STOPPING)
        self.ended(daemon)

    def test_reply_does_not_come(self):
        """To no mail: it has shutdown_timeout."""
        client, peer, daemon = self.begin(shutdown_timeout=SHORT)
        client.send(b"MAIL FROM:<>\r\n")
        self.assertEqual(peer.line(), b"MAIL FROM:<>\r\n")
        self.stop(daemon, waits=True)
        self.assertEqual(client.rest(), STOPPING)
        self.assertGreaterEqual(self.ended(daemon), 1)

    def test_nothing_follows_the_last_word(self):
        client, peer, daemon = self.begin(shutdown_timeout=LONG)
        client.send(b"QUIT\r\n")
        self.assertEqual(peer.line(), b"QUIT\r\n")
        self.stop(daemon, waits=True)
        peer.send(b"221 bye\r\n")
        self.assertEqual(client.rest(), b"221 bye\r\n")
        self.ended(daemon)

    # --- mails ---

    def group(self, client, peer, text):
        """The client sends lines at once; they have arrived."""
        client.send(text)
        for _ in range(text.count(b"\n")):
            peer.line()

    def test_group_before_data(self):
        """It is not cut off between its replies; the mail may follow."""
        client, peer, daemon = self.begin(shutdown_timeout=LONG)
        self.group(client, peer, b"MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nDATA\r\n")
        peer.send(b"250 mail\r\n")
        self.assert_code(client.reply(), 250)
        self.stop(daemon, waits=True)
        peer.send(b"250 rcpt\r\n354 go\r\n")
        self.assertEqual([client.reply().code for _ in range(2)], [250, 354])
        self.group(client, peer, b"Subject: a\r\n\r\nb\r\n.\r\n")
        peer.send(b"250 accepted\r\n")
        self.assertEqual(client.rest(), b"250 accepted\r\n" + STOPPING)
        self.assertEqual(peer.rest(), b"")
        self.ended(daemon)

    def test_group_with_a_chunk(self):
        """The first reply does not hand the turn back while the chunk's is outstanding."""
        backend, daemon = self.daemon(shutdown_timeout=SHORT)
        client, other = (self.connect(daemon.address()) for _ in range(2))
        # The clients may come in any order.
        peers = [backend.accept() for _ in range(2)]
        peer, = (each for each in peers if each.client[1] == client.port)
        for each in peers:
            each.send(b"220 backend.example.test ESMTP\r\n")
        self.assertEqual([each.reply().code for each in (client, other)], [220, 220])
        self.group(client, peer, b"MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nBDAT 3 LAST\r\na\r\n")
        other.send(b"MAIL FROM:<>\r\n")
        for each in peers:
            if each is not peer:
                each.line()
        peer.send(b"250 mail\r\n")
        self.assert_code(client.reply(), 250)
        self.stop(daemon, waits=True)
        # What has shutdown_timeout is over.
        self.assertEqual(other.rest(), STOPPING)
        peer.send(b"250 rcpt\r\n")
        self.assert_code(client.reply(), 250)
        peer.send(b"250 accepted\r\n")
        self.assertEqual(client.rest(), b"250 accepted\r\n" + STOPPING)
        self.ended(daemon, sessions=2)

    def test_next_mail_in_the_same_packet(self):
        """The replies to its commands are delivered, too, but it goes no further."""
        client, peer, daemon = self.begin(shutdown_timeout=LONG)
        self.group(client, peer, b"MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nDATA\r\n")
        peer.send(b"250 mail\r\n250 rcpt\r\n354 go\r\n")
        for code in (250, 250, 354):
            self.assert_code(client.reply(), code)
        self.group(client, peer, b"a\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\n")
        self.stop(daemon, waits=True)
        peer.send(b"250 accepted\r\n250 mail\r\n550 rcpt\r\n")
        self.assertEqual(client.rest(), b"250 accepted\r\n250 mail\r\n550 rcpt\r\n" + STOPPING)
        self.ended(daemon)

    def test_client_that_does_not_read(self):
        """It keeps the backend from replying to the end of its mail: not for longer than others."""
        client, peer, daemon = self.begin(shutdown_timeout=SHORT)
        self.group(client, peer, b"MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nBDAT 3 LAST\r\na\r\n")
        peer.socket.settimeout(1)
        with self.assertRaises(TimeoutError):
            while True:
                peer.send(b"250-mail\r\n" * 10000)
        self.stop(daemon, waits=True)
        self.ended(daemon, without=1)
        daemon.wait_log("warning: stopped: the backend has not replied to a mail, which may be "
                        "delivered twice", times=1)

    def test_client_is_gone(self):
        """Nobody waits for the reply any more."""
        client, peer, daemon = self.begin(shutdown_timeout=LONG)
        self.group(client, peer, b"MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nBDAT 3 LAST\r\na\r\n")
        self.stop(daemon, waits=True)
        reset(client.socket)
        self.assertEqual(peer.rest(), b"")
        self.ended(daemon)

    def test_client_does_not_close(self):
        """Its last reply was written: it has half a second."""
        client, _, daemon = self.begin(shutdown_timeout=LONG)
        self.stop(daemon)
        self.ended(daemon)
        self.assertEqual(client.rest(), STOPPING)

    def test_end_of_a_mail_that_is_none(self):
        """Lines of chunks and commands that look like one do not prolong anything."""
        client, peer, daemon = self.begin(shutdown_timeout=SHORT)
        self.group(client, peer, b"MAIL FROM:<>\r\nBDAT 1000 LAST\r\n\r\n.\r\nBDAT 0 LAST\r\n")
        peer.send(b"250 mail\r\n")
        self.assert_code(client.reply(), 250)
        self.stop(daemon, waits=True)
        self.assertEqual(client.rest(), STOPPING)
        self.ended(daemon, inside=1)
