"""Clients that leave before the banner. That is theirs: however the backend goes on, it is not
blamed for it, no second address is tried for nobody, and the log says `lost connection after`
(CONNECT, or the client's command), or that it went in the handshake."""

import socket
import ssl

from common import (CERTIFICATES, DISCONNECT, FAILED, LOST, PROGRAM, Backend, Case, client_context,
                    cut, free_port, of_client, reset, table)
from lab import proxyheader
from lab.posternd import postfix_config
from lab.process import TIMEOUT

UPSTREAM = "127.0.0.2"

# Whatever posternd says of a backend in a line about one session.
BLAME = f"^{PROGRAM}(warning|error): .*backend"

SLOW = ["smtpd_delay_reject=no", "smtpd_client_restrictions=sleep,1"]


def half_close(connection):
    connection.shutdown(socket.SHUT_WR)


# How it leaves, and what it has said before.
LEAVE = [(f"{how.__name__} {name}", how, said)
         for how in (cut, reset, half_close)
         for name, said in (("silent", b""), ("EHLO", b"EHLO early\r\n"),
                            ("STARTTLS", b"EHLO early\r\nSTARTTLS\r\n"))]


class Gone(Case):
    """What the tests with all backends share."""

    def leave(self, daemon, listener, how, said, source=None):
        """A client that connects, says this, and leaves; its port."""
        client = self.connect(daemon.address(listener), source)
        client.send(said)
        how(client.socket)
        return client.port

    def assert_has_left(self, daemon, mark, port, lost=True):
        """The client's last line has come, and the backend is not blamed. `lost`: nobody has said
        a last word, as Postfix does to whoever talks too early."""
        daemon.wait_log(of_client(DISCONNECT, port), after=mark)
        self.assertEqual([found.string for found in daemon.log.find_all(BLAME, after=mark)], [])
        if not lost:
            return
        found = [daemon.log.find(of_client(pattern, port), after=mark)
                 for pattern in (LOST, FAILED)]
        self.assertTrue(found[0] or (found[1] and found[1]["reason"] == "client-gone"), found)


class Real(Gone):
    """Before real services of Postfix: a quick one, a slow one, and postscreen."""

    @classmethod
    def prepare(cls):
        postfix = cls.stage.make_postfix(main_cf={
            "postscreen_greet_wait": "1s", "postscreen_greet_banner": "",
            "postscreen_greet_action": "enforce", "postscreen_access_list": ""})
        services = {
            "quick": postfix.smtpd("quick", "unix"),
            "slow": postfix.smtpd("slow", "unix", options=SLOW),
            "screen": postfix.postscreen("screen"),
        }
        # Nobody listens at the second address of each: to try it would be seen in the log.
        backends = {name: {"address": [service.address, f"127.0.0.1:{free_port()}"]}
                    for name, service in services.items()}
        conf = cls.stage.write(
            certificates=CERTIFICATES, backend="127.0.0.1:1", log_sessions="all", workers=1,
            backends=backends,
            listeners={name: {"backend": name, "accept_proxy_from": [UPSTREAM]}
                       for name in services})
        postfix.paste(postfix_config(cls.build, conf, postfix))
        cls.stage.start_postfix()
        cls.daemon = cls.stage.posternd(conf)

    @table([(f"{name} {service}", service, how, said) for name, how, said in LEAVE
            for service in ("quick", "slow", "screen")])
    def test_by_itself(self, service, how, said):
        mark = self.daemon.mark()
        self.assert_has_left(self.daemon, mark, self.leave(self.daemon, service, how, said),
                             lost=not said)

    @table([(f"{name} {service}", service, how, said) for name, how, said in LEAVE
            for service in ("quick", "slow", "screen")])
    def test_upstream(self, service, how, said):
        mark = self.daemon.mark()
        header = proxyheader.v2(("192.0.2.77", 4711), ("203.0.113.5", 25))
        self.leave(self.daemon, service, how, header + said, UPSTREAM)
        self.assert_has_left(self.daemon, mark, 4711, lost=not said)


class Played(Gone):
    """Before a backend that notices and closes without a word, as many a program does."""

    def setUp(self):
        super().setUp()
        self.backends = [Backend(self), Backend(self)]

    def daemon(self, **options):
        daemon = self.stage.posternd(
            certificates=CERTIFICATES, backend=[each.address for each in self.backends],
            log_sessions="all", workers=1, listeners={"mx": {}, "smtps": {"tls": "implicit"}},
            **options)
        self.addCleanup(self.stage.stop, daemon)
        return daemon

    @staticmethod
    def context():
        """Of TLS 1.2, where no ticket is left unread, for which a close would be a reset."""
        return client_context(maximum_version=ssl.TLSVersion.TLSv1_2)

    def assert_backend_sees(self, peer, said=b""):
        self.assertEqual(peer.rest(), said)
        peer.close()

    @table(LEAVE[:2] + LEAVE[3:5] + LEAVE[6:8])
    def test_plaintext(self, how, said):
        daemon = self.daemon()
        client = self.connect(daemon.address())
        client.send(said)
        peer = self.backends[0].accept()
        how(client.socket)
        # What had not been read before a reset is lost with it.
        self.assertIn(peer.rest(), [said] + [b""] * (how is reset))
        peer.close()
        self.assert_has_left(daemon, 0, client.port)
        self.assertTrue(self.backends[1].nobody_came())

    @table([("silent", b"", b""), ("EHLO", b"EHLO early\r\n",
                                   b"421 4.3.2 mail.example.test Service currently unavailable\r\n")])
    def test_may_still_listen(self, said, answer):
        """A client that has only ended its own direction: who has asked something is answered."""
        daemon = self.daemon()
        client = self.connect(daemon.address())
        client.send(said)
        peer = self.backends[0].accept()
        half_close(client.socket)
        self.assert_backend_sees(peer, said)
        self.assertEqual(client.rest(), answer)
        self.assert_has_left(daemon, 0, client.port)

    @table([(each.__name__, each) for each in (cut, reset)])
    def test_tls_from_the_first_byte(self, how):
        daemon = self.daemon()
        client = self.connect(daemon.address("smtps"))
        client.tls(self.context())
        peer = self.backends[0].accept()
        how(client.socket)
        self.assert_backend_sees(peer)
        self.assert_has_left(daemon, 0, client.port)
        self.assertTrue(self.backends[1].nobody_came())

    @table([(each.__name__, each) for each in (cut, reset)])
    def test_second_service(self, how):
        first, second = self.backends
        self.backends = [first]
        daemon = self.daemon(backends={"postfix": {"tls_address": second.address}})
        client = self.connect(daemon.address())
        peer = first.greet(client)
        self.assert_code(client.command("STARTTLS"), 220)
        client.tls(self.context())
        self.assertEqual(peer.line(), b"QUIT\r\n")
        peer.close()
        peer = second.accept()
        how(client.socket)
        self.assert_backend_sees(peer)
        self.assert_has_left(daemon, 0, client.port)

    def test_reset_while_starttls_waits(self):
        """Nothing is read from the client then, but a reset is the end at once."""
        daemon = self.daemon()
        client = self.connect(daemon.address())
        client.send(b"EHLO early\r\nSTARTTLS\r\n")
        peer = self.backends[0].accept()
        self.assertEqual(peer.line(), b"EHLO early\r\n")
        reset(client.socket)
        self.assert_backend_sees(peer)
        self.assert_has_left(daemon, 0, client.port)

    def test_gone_when_starttls_has_waited_too_long(self):
        daemon = self.daemon()
        client = self.connect(daemon.address())
        client.send(b"EHLO early\r\nSTARTTLS\r\n")
        peer = self.backends[0].accept()
        self.assertEqual(peer.line(), b"EHLO early\r\n")
        cut(client.socket)
        daemon.wait_log(of_client(DISCONNECT, client.port), timeout=2 * TIMEOUT)
        self.assert_has_left(daemon, 0, client.port)

    @table([(each.__name__, each) for each in (cut, half_close)])
    def test_a_backend_that_closes_first(self, how):
        """That is its own fault, whatever the client does then."""
        daemon = self.daemon()
        client = self.connect(daemon.address())
        for backend in self.backends:
            backend.accept().close()
        self.warning(daemon, client, "the backend closed the connection without a greeting")
        how(client.socket)
