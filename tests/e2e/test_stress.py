"""A backend whose connections run out: who has to hurry, and who makes room for whom."""

import select
import socket
import ssl
import threading

from common import (CERTIFICATES, CONNECT, DISCONNECT, PROGRAM, Backend, Case, client_context,
                    reset)
from lab import hello
from lab.posternd import HOSTNAME
from lab.process import TIMEOUT
from lab.smtp import Client, Closed

BUSY = f"421 4.3.2 {HOSTNAME} All server ports are busy\r\n"
TIMEOUT_REPLY = f"421 4.4.2 {HOSTNAME} Error: timeout exceeded\r\n"

ONE, TWO, THREE, FOUR = (f"127.0.0.{last}" for last in (21, 22, 23, 24))

# Threads, and sessions of each, in the test of everything at one time.
THREADS, ROUNDS = 8, 25

# How often a bound is crossed in much less than a minute.
FLAPS = 20


def crossing(taken, maximum, words, level="warning: "):
    """The line about a bound that was crossed."""
    return f"^{PROGRAM}{level}backend=postfix: {taken} of {maximum} connections: {words}$"


class Stress(Case):
    @classmethod
    def prepare(cls):
        postfix = cls.stage.make_postfix(process_limit=200)
        cls.inner = postfix.smtpd("postern", "unix")
        cls.second = postfix.smtpd("second", "unix")
        cls.stage.start_postfix()

    def daemon(self, maximum, address=None, *, tls_address=None, connect_timeout=None, **options):
        """A running posternd whose backend has so many connections."""
        daemon = self.stage.posternd(
            certificates=CERTIFICATES, log_sessions="all", workers=4,
            backend=address or self.inner.address,
            backends={"postfix": {"max_connections": maximum, "tls_address": tls_address,
                                  "connect_timeout": connect_timeout}},
            **options)
        self.addCleanup(self.stage.stop, daemon)
        return daemon

    def open(self, daemon, source, listener="mx"):
        client = self.connect(daemon.address(listener), source)
        self.assert_code(client.reply(), 220)
        return client

    def encrypted(self, daemon, source):
        client = self.connect(daemon.address(), source)
        client.starttls()
        return client

    def relaying(self, daemon, source):
        """A session that has begun a mail."""
        client = self.open(daemon, source)
        client.command("EHLO x")
        self.assert_code(client.command("MAIL FROM:<sender@client.test>"), 250)
        return client

    def assert_alive(self, client):
        self.assert_code(client.command("NOOP"), 250)

    def assert_evicted(self, client, reply=BUSY):
        self.assertEqual(client.rest().decode(), reply)

    # --- the bounds ---

    def test_lines_of_the_bounds(self):
        daemon = self.daemon(4)
        clients = [self.open(daemon, ONE) for _ in range(4)]
        lines = [daemon.wait_log(crossing(3, 4, "stress begins")).string,
                 daemon.wait_log(crossing(4, 4, "silent clients make room for new ones")).string]
        extra = self.open(daemon, TWO)
        self.assert_evicted(clients[0])
        for client in [extra, *clients]:
            client.close()
        lines += [daemon.wait_log(crossing(3, 4, "there is room again evicted=1 refused=0",
                                           "")).string,
                  daemon.wait_log(crossing(2, 4, "stress is over", "")).string]
        # Each of them once.
        self.assertEqual([line for line in daemon.log.lines if "backend=postfix" in line], lines)

    def test_bounds_that_flap(self):
        """At most one pair of lines a minute for each; all crossings are told, and the truth last,
        when the minute is over."""
        daemon = self.daemon(4)
        for _ in range(FLAPS):
            clients = [self.open(daemon, ONE) for _ in range(4)]
            for client in clients:
                client.close()
            for client in clients:
                self.of_log(daemon, DISCONNECT, client)
        self.assertEqual(len(daemon.log.find_all("backend=postfix")), 4)
        # What is still to be told comes when the minute is over.
        for words in ("there is room again evicted=0 refused=0", "stress is over"):
            daemon.wait_log(r"connections: " + words + f" times={FLAPS - 1}$",
                            timeout=60 + TIMEOUT)
        self.assertEqual(len(daemon.log.find_all("backend=postfix")), 6)
        self.assertEqual(len(daemon.log.find_all("stress begins$")), 1)

    def test_no_bound(self):
        daemon = self.daemon(0)
        clients = [self.open(daemon, ONE) for _ in range(30)]
        for client in clients:
            self.assert_alive(client)
        self.assertIsNone(daemon.log.find("backend=postfix"))

    def test_a_backend_that_cannot_be_reached_takes_no_slot(self):
        backend = Backend(self)
        backend.stop()
        daemon = self.daemon(1, backend.address)
        for _ in range(5):
            client = self.connect(daemon.address(), ONE)
            self.assertIn(b"421 4.3.2", client.rest())
            self.disconnect(daemon, client)
        backend.start()
        backend.greet(self.connect(daemon.address(), ONE))

    def test_the_slot_is_free_when_the_backend_is_gone(self):
        """And not only when the client is, too."""
        daemon = self.daemon(1)
        client = self.relaying(daemon, ONE)
        self.assert_code(client.command("QUIT"), 221)
        for _ in range(10000):
            other = self.connect(daemon.address(), TWO)
            if other.reply().code == 220:
                break
        self.assert_alive(other)
        self.assertIsNone(daemon.log.find(rf"disconnect from .*:{client.port} "))

    # --- who makes room ---

    def test_the_oldest_of_the_client_with_most(self):
        daemon = self.daemon(6)
        first = self.open(daemon, ONE)
        of_two = [self.open(daemon, TWO) for _ in range(3)]
        others = [self.open(daemon, ONE), self.open(daemon, THREE)]
        new = [self.open(daemon, FOUR)]
        self.assert_evicted(of_two[0])
        # One and Two have two each now, and One has had so many for longer.
        new.append(self.open(daemon, FOUR))
        self.assert_evicted(first)
        # Two and Four.
        new.append(self.open(daemon, THREE))
        self.assert_evicted(of_two[1])
        for client in [of_two[2], *others, *new]:
            self.assert_alive(client)

    def test_a_flood_ends_its_own_sessions(self):
        daemon = self.daemon(8)
        others = [self.open(daemon, source) for source in (ONE, TWO, THREE)]
        flood = [self.open(daemon, FOUR) for _ in range(50)]
        for client in flood[:-5]:
            self.assert_evicted(client)
        for client in [*others, *flood[-5:]]:
            self.assert_alive(client)

    def test_relay_makes_no_room(self):
        daemon = self.daemon(3)
        clients = [self.relaying(daemon, ONE) for _ in range(3)]
        for _ in range(2):
            self.assert_evicted(self.connect(daemon.address(), TWO))
        for client in clients:
            self.assert_code(client.command("RCPT TO:<recipient@example.test>"), 250)
        self.disconnect(daemon, clients[0])
        daemon.wait_log(crossing(2, 3, "there is room again evicted=0 refused=2", ""))
        waiting = self.open(daemon, TWO)
        self.open(daemon, THREE)
        self.assert_evicted(waiting)
        for client in clients[1:]:
            self.assert_code(client.command("QUIT"), 221)

    def test_under_tls(self):
        daemon = self.daemon(2)
        clients = [self.encrypted(daemon, ONE) for _ in range(2)]
        self.open(daemon, TWO)
        self.assert_evicted(clients[0])
        self.assertIsInstance(clients[0].socket, ssl.SSLSocket)
        self.assert_alive(clients[1])

    def test_in_the_handshake(self):
        """No plaintext behind the 220 to STARTTLS."""
        daemon = self.daemon(2, listeners={"mx": {}, "smtps": {"tls": "implicit"}})
        client = self.connect(daemon.address(), ONE)
        client.greet()
        client.command("STARTTLS")
        client.send(hello.records(hello.story())[:50])
        silent = self.connect(daemon.address("smtps"), TWO)
        silent.send(hello.records(hello.story())[:50])
        # It is there, as all slots are taken.
        daemon.wait_log(crossing(2, 2, "silent clients make room for new ones"))
        self.open(daemon, THREE)
        self.assert_evicted(client, "")
        self.open(daemon, THREE)
        self.assert_evicted(silent, "")
        self.disconnect(daemon, client)

    def test_before_the_banner(self):
        backend = Backend(self)
        daemon = self.daemon(1, backend.address)
        first = self.connect(daemon.address(), ONE)
        peer = backend.accept()
        second = self.connect(daemon.address(), TWO)
        self.assert_evicted(first)
        self.assertEqual(peer.rest(), b"")
        backend.greet(second)

    def test_one_slot_with_tls_address(self):
        """Although there is another connection to another service after the handshake."""
        daemon = self.daemon(2, tls_address=self.second.address)
        clients = [self.encrypted(daemon, ONE) for _ in range(2)]
        for client in clients:
            self.assert_alive(client)
        self.assertIsNone(daemon.log.find("[3-9] of 2 connections"))
        self.open(daemon, TWO)
        self.assert_evicted(clients[0])
        self.assert_alive(clients[1])

    # --- who has to hurry ---

    def test_ten_seconds(self):
        """Also those that came before the stress; not those whose turn it is not, or who have begun
        a mail."""
        # A timer that is set for the connection must not be the one that sees the stress.
        daemon = self.daemon(28, connect_timeout=3600)
        relaying = [self.relaying(daemon, THREE) for _ in range(16)]
        silent = self.open(daemon, ONE)
        shaking = self.connect(daemon.address(), ONE)
        shaking.greet()
        shaking.command("STARTTLS")
        encrypted = self.encrypted(daemon, ONE)
        busy = self.open(daemon, TWO)
        self.assertIsNone(daemon.log.find("stress"))
        trickling = self.open(daemon, TWO)
        daemon.wait_log(crossing(21, 28, "stress begins"))
        for letter in b"EHLO client.example.test and more words than fit into ten seconds":
            trickling.send(bytes([letter]))
            self.assert_alive(busy)
            if select.select([shaking.socket], [], [], 0.5)[0]:
                break
        for client in (silent, encrypted, trickling):
            self.assertEqual(client.rest().decode(), TIMEOUT_REPLY)
            self.warning(daemon, client, "timeout: the client is silent")
        self.assertEqual(self.handshake_failure(daemon, shaking)["reason"], "timeout")
        self.assert_alive(busy)
        for client in relaying:
            self.assert_code(client.command("RCPT TO:<recipient@example.test>"), 250)
        self.assertIsNone(daemon.log.find("stress is over"))
        busy.close()
        daemon.wait_log(crossing(16, 28, "stress is over", ""))

    # --- connections that are opened and reset ---

    def test_a_connection_that_was_reset_takes_nobodys_place(self):
        daemon = self.daemon(1)
        waiting = self.open(daemon, ONE)
        daemon.suspend()
        gone = [self.connect(daemon.address(), TWO) for _ in range(20)]
        for client in gone:
            reset(client.socket)
        daemon.resume()
        for client in gone:
            self.of_log(daemon, DISCONNECT, client)
        self.assert_alive(waiting)
        self.assertIsNone(daemon.log.find("makes room"))

    def test_a_reset_frees_the_slot_while_the_backend_is_connected_to(self):
        """It is the end, whatever the client had said before."""
        full = Backend(self, backlog=0)
        self.addCleanup(socket.create_connection(full.endpoint).close)
        daemon = self.daemon(1, full.address, connect_timeout=3600)
        for early in (b"", b"EHLO x\r\n"):
            client = self.connect(daemon.address(), ONE)
            client.send(early)
            self.of_log(daemon, CONNECT, client)
            reset(client.socket)
            self.of_log(daemon, DISCONNECT, client)
        self.assertIsNone(daemon.log.find("makes room"))

    # --- everything at one time ---

    def rush(self, daemon, number, problems):
        """Sessions of all kinds, one after the other; being evicted is no problem."""
        context = client_context()
        for index in range(ROUNDS):
            try:
                with Client(daemon.address(), f"127.0.{number}.{index % 3 + 1}") as client:
                    self.session(client, (number + index) % 5, context)
            except (Closed, ConnectionError, ssl.SSLError):
                continue
            except Exception as problem:  # pylint: disable=broad-exception-caught
                problems.append(repr(problem))

    @staticmethod
    def session(client, kind, context):
        if client.reply().code != 220 or kind == 0:
            return
        if client.command("EHLO x").code != 250 or kind == 1:
            return
        if kind > 2:
            if client.command("STARTTLS").code != 220:
                return
            client.tls(context)
            if client.command("EHLO x").code != 250:
                return
        if client.command("MAIL FROM:<sender@client.test>").code == 250 and kind != 4:
            client.command("RSET")
            client.command("QUIT")

    def test_everything_at_one_time(self):
        daemon = self.daemon(4, limits={"max_handshakes": 2, "max_sessions_per_client": 3,
                                        "exempt": []})
        problems = []
        threads = [threading.Thread(target=self.rush, args=(daemon, number, problems))
                   for number in range(1, THREADS + 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])
        # All slots are free again: so many fit, and nobody makes room.
        daemon.wait_log("stress is over")
        begun = len(daemon.log.find_all("connect from "))
        daemon.wait_log(DISCONNECT, times=len(daemon.log.find_all(r"\bconnect from ")))
        self.assertGreaterEqual(begun, 4)
        clients = [self.open(daemon, f"127.1.0.{number}") for number in range(1, 5)]
        for client in clients:
            self.assert_alive(client)
