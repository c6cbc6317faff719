"""The addresses of a backend are tried in their order, TCP and unix-domain alike, as long as nothing
has been said on either side."""

import os
import socket

from common import Backend, Case, table
from lab.posternd import HOSTNAME

UNAVAILABLE = f"421 4.3.2 {HOSTNAME} Service currently unavailable"

GREETING = b"220 backend.example.test ESMTP\r\n"

CLOSED = "connect to backend .*: closed without a greeting"
WITHOUT_GREETING = "the backend closed the connection without a greeting"


class Order(Case):
    """Two backends, played by the test."""

    def begin(self, first, second, **listener):
        """Starts a posternd with two addresses, each a "tcp" or "unix" one."""
        kinds = {"tcp": None, "unix": os.path.join(self.stage.directory, self.id().split(".")[-1])}
        self.first = Backend(self, path=kinds[first] and kinds[first] + "-1")
        self.second = Backend(self, path=kinds[second] and kinds[second] + "-2")
        self.daemon = self.stage.posternd(
            certificates=["p256"], backend=[self.first.address, self.second.address],
            log_sessions="all", workers=1, backends={"postfix": {"connect_timeout": 1}},
            listeners={"mx": listener})
        self.addCleanup(self.stage.stop, self.daemon)
        return self.connect(self.daemon.address())

    def serve(self, client, peer):
        """The peer is the client's backend from now on."""
        self.assertEqual(peer.client, ("127.0.0.1", client.port))
        peer.send(GREETING)
        self.assertEqual(client.line(), GREETING)
        client.send(b"NOOP\r\n")
        self.assertEqual(peer.line(), b"NOOP\r\n")

    @table(tuple((f"{first}, {second}", first, second)
                 for first in ("tcp", "unix") for second in ("tcp", "unix")))
    def test_the_first_that_is_there(self, first, second):
        client = self.begin(first, second)
        self.serve(client, self.first.accept())
        self.first.stop()
        client = self.connect(self.daemon.address())
        self.serve(client, self.second.accept())
        self.warning(self.daemon, client, f"connect to backend {self.first.address}: .*refused")

    @table((("closed", "close", "tcp", "unix"), ("closed, unix", "close", "unix", "tcp"),
            ("reset", "reset", "tcp", "tcp")))
    def test_gone_without_a_word(self, way, first, second):
        client = self.begin(first, second)
        getattr(self.first.accept(), way)()
        self.serve(client, self.second.accept())
        self.warning(self.daemon, client, CLOSED)

    def test_each_without_a_word(self):
        client = self.begin("tcp", "tcp")
        self.first.accept().close()
        self.second.accept().close()
        self.assertEqual(client.rest().decode(), UNAVAILABLE + "\r\n")
        self.warning(self.daemon, client, WITHOUT_GREETING)

    def test_not_behind_the_first_byte(self):
        """The client has begun to read a banner: another one's would make nonsense of it."""
        client = self.begin("tcp", "tcp")
        peer = self.first.accept()
        peer.send(b"220-teaser\r\n")
        self.assertEqual(client.line(), b"220-teaser\r\n")
        peer.close()
        self.assertEqual(client.rest().decode(), UNAVAILABLE + "\r\n")
        self.assertIsNone(self.daemon.log.find(CLOSED))

    def test_not_behind_a_command(self):
        """What the client said early is gone with the backend that got it."""
        client = self.begin("tcp", "tcp")
        client.send(b"EHLO early\r\n")
        peer = self.first.accept()
        self.assertEqual(peer.line(), b"EHLO early\r\n")
        peer.close()
        self.assertEqual(client.rest().decode(), UNAVAILABLE + "\r\n")
        self.warning(self.daemon, client, WITHOUT_GREETING)

    def test_not_behind_a_command_that_was_refused(self):
        """The backend is gone by the time that the command goes out: it is gone, too. posternd must
        not learn of the one before it learns of the other."""
        client = self.begin("tcp", "unix")
        peer = self.first.accept()
        self.daemon.suspend()
        client.send(b"EHLO early\r\n")
        peer.reset()
        self.daemon.resume()
        self.assertEqual(client.rest().decode(), UNAVAILABLE + "\r\n")
        self.warning(self.daemon, client, WITHOUT_GREETING)

    def test_a_command_that_nobody_has_got(self):
        """Sent while the connection to the second address is made, it waits for that one."""
        client = self.begin("tcp", "unix")
        client.send(b"EH")
        self.first.accept().close()
        peer = self.second.accept()
        client.send(b"LO early\r\n")
        self.assertEqual(peer.line(), b"EHLO early\r\n")
        peer.send(GREETING)
        self.assertEqual(client.line(), GREETING)

    def test_behind_the_handshake(self):
        client = self.begin("tcp", "unix", tls="implicit")
        client.tls()
        self.first.accept().close()
        self.serve(client, self.second.accept())

    def test_no_answer(self):
        """A host that drops what comes: connect_timeout goes by for each address."""
        silent = socket.socket()
        self.addCleanup(silent.close)
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        filler = socket.create_connection(silent.getsockname())
        self.addCleanup(filler.close)
        backend = Backend(self)
        daemon = self.stage.posternd(
            certificates=["p256"], log_sessions="all",
            backend=["%s:%d" % silent.getsockname(), backend.address],
            backends={"postfix": {"connect_timeout": 1}})
        self.addCleanup(self.stage.stop, daemon)
        client = self.connect(daemon.address())
        self.serve(client, backend.accept())
        self.warning(daemon, client, "connect to backend .*: Connection timed out")
