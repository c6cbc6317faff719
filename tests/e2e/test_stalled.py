"""A client that does not read: what is still to be written to it, and what may follow that. The
system's buffers are small in a network namespace of posternd's own."""

import os
import socket
import unittest

from common import Backend, Case
from lab import namespace
from lab.process import TIMEOUT

# More than these buffers hold, and less than posternd's.
LINES = [b"214-" + b"x" * 500 + b"\r\n"] * 35 + [b"214 end\r\n"]

READY = b"220 2.0.0 Ready to start TLS\r\n"


@unittest.skipUnless(namespace.can(), "a network namespace needs root")
class Stalled(Case):
    def begin(self, **options):
        """(socket of a client that has the banner, Peer, posternd)"""
        backend = Backend(self, path=os.path.join(self.stage.directory, self.id().split(".")[-1]))
        daemon = self.stage.posternd(
            certificates=["p256"], backend=backend.address, log_sessions="all", workers=1,
            wrapper=namespace.wrapper("echo 4096 4096 4096 > /proc/sys/net/ipv4/tcp_wmem"),
            **options)
        self.addCleanup(self.stage.stop, daemon)
        client = namespace.call(daemon.pid, socket.socket)
        self.addCleanup(client.close)
        client.settimeout(TIMEOUT)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.connect(daemon.address())
        peer = backend.accept()
        peer.send(b"220 backend.example.test ESMTP\r\n")
        client.recv(100)
        return client, peer, daemon

    def test_nothing_behind_the_220_to_starttls(self):
        """The time is over before it is written. What comes behind it would be taken for TLS."""
        client, peer, daemon = self.begin(limits={"idle_timeout": 1})
        client.sendall(b"HELP\r\nSTARTTLS\r\nplaintext\r\n")
        peer.line()
        peer.send(b"".join(LINES))
        daemon.wait_log("plaintext after STARTTLS discarded")
        daemon.wait_log("timeout: the client is silent")
        came = b""
        while more := client.recv(65536):
            came += more
        self.assertEqual(came, b"".join(LINES) + READY)
