"""How much of it a client may have, and all clients together: sessions, handshakes, file
descriptors. Refusals are 421, and never fill the log."""

import socket

from common import CERTIFICATES, CONNECT, DISCONNECT, PROGRAM, SESSION, Case, table
from lab import hello
from lab.posternd import HOSTNAME
from lab.smtp import Client

ONE, OTHER = "127.0.0.11", "127.0.0.12"

TOO_MANY_SESSIONS = (f"^{PROGRAM}warning: Connection concurrency limit exceeded: (?P<count>\\d+) "
                     r"from unknown\[(?P<host>[0-9.]+)\]:(?P<port>\d+) for service (?P<service>\S+)"
                     f" refused=(?P<refused>\\d+) {SESSION}$")
TOO_MANY_HANDSHAKES = TOO_MANY_SESSIONS.replace("Connection concurrency", "New TLS session rate")


class Limits(Case):
    @classmethod
    def prepare(cls):
        cls.inner = cls.stage.make_postfix(process_limit=200).smtpd("postern", "unix")
        cls.stage.start_postfix()

    def daemon(self, limits, **options):
        """A running posternd with these limits, and nobody exempt from them."""
        daemon = self.stage.posternd(certificates=CERTIFICATES, backend=self.inner.address,
                                     log_sessions="all", limits={"exempt": [], **limits}, **options)
        self.addCleanup(self.stage.stop, daemon)
        return daemon

    def open(self, daemon, source, listener="mx"):
        client = self.connect(daemon.address(listener), source)
        self.assert_code(client.reply(), 220)
        return client

    def open_again(self, daemon, source):
        """The same, once the end of an earlier session has been noticed: its line in the log comes
        a moment before its place is free."""
        for _ in range(10000):
            client = Client(daemon.address(), source)
            if client.reply().code == 220:
                self.addCleanup(client.close)
                return
            client.close()
        self.fail("the place did not get free")

    def refused(self, daemon, source, listener="mx"):
        """What a client gets that is refused at once."""
        client = self.connect(daemon.address(listener), source)
        return client.rest().decode()

    # --- sessions of one client ---

    def test_sessions_of_one_client(self):
        daemon = self.daemon({"max_sessions_per_client": 3}, workers=4)
        clients = [self.open(daemon, ONE) for _ in range(3)]
        self.assertEqual(self.refused(daemon, ONE),
                         f"421 4.7.0 {HOSTNAME} Error: too many connections from {ONE}\r\n")
        self.open(daemon, OTHER)
        for client in clients:
            self.assert_code(client.command("EHLO x"), 250)
        line = daemon.wait_log(TOO_MANY_SESSIONS)
        self.assertEqual((line["count"], line["host"], line["service"], line["refused"]),
                         ("4", ONE, "mx", "1"))
        self.disconnect(daemon, clients[0])
        self.open_again(daemon, ONE)
        self.assertIn("421 4.7.0 ", self.refused(daemon, ONE))

    @table((("client", "max_sessions_per_client", b"421 4.7.0 "),
            ("all", "max_sessions", b"421 4.3.2 ")))
    def test_refused_although_it_said_something_first(self, limit, reply):
        """A reset, for what was not read, would take the reply away from it."""
        daemon = self.daemon({limit: 1}, workers=1)
        self.open(daemon, ONE)
        daemon.suspend()
        client = self.connect(daemon.address(), ONE)
        client.send(b"EHLO early\r\n")
        daemon.resume()
        self.assertIn(reply, client.line())
        self.assertEqual(client.socket.recv(1), b"")
        # Behind the next one the first has been closed.
        self.refused(daemon, ONE)
        self.assertEqual(client.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0)

    def test_no_bound(self):
        daemon = self.daemon({"max_sessions_per_client": 0})
        for _ in range(60):
            self.open(daemon, ONE)

    @table((("default", None, False), ("network", ["127.0.0.8/29"], False),
            ("address", [OTHER, ONE], False), ("another one", ["127.0.0.12"], True)))
    def test_exempt(self, exempt, bounded):
        daemon = self.daemon({"max_sessions_per_client": 1, "max_handshakes_per_client": 1,
                              "exempt": exempt})
        first = self.connect(daemon.address(), ONE)
        first.starttls()
        second = self.connect(daemon.address(), ONE)
        if bounded:
            self.assertIn(b"421 4.7.0 ", second.rest())
        else:
            second.starttls()

    def test_implicit_is_closed_without_a_word(self):
        daemon = self.daemon({"max_sessions_per_client": 1},
                             listeners={"mx": {}, "smtps": {"tls": "implicit"}})
        self.open(daemon, ONE)
        self.assertEqual(self.refused(daemon, ONE, "smtps"), "")
        self.assertEqual(daemon.wait_log(TOO_MANY_SESSIONS)["service"], "smtps")

    def test_a_client_over_its_bound_takes_nobodys_place(self):
        """However it goes on: a refused client is not waited for."""
        daemon = self.daemon({"max_sessions_per_client": 2, "max_sessions": 4})
        for _ in range(2):
            self.open(daemon, ONE)
        for _ in range(50):
            # Kept open.
            self.assertIn(b"421 4.7.0", self.connect(daemon.address(), ONE).line())
        for _ in range(2):
            self.open_again(daemon, OTHER)

    def test_refusals_do_not_fill_the_log(self):
        daemon = self.daemon({"max_sessions_per_client": 1})
        client = self.open(daemon, ONE)
        for _ in range(100):
            self.assertIn("421 4.7.0", self.refused(daemon, ONE))
        self.disconnect(daemon, client)
        self.assertEqual(len(daemon.log.find_all(TOO_MANY_SESSIONS)), 1)
        self.assertEqual(len(daemon.log.find_all(CONNECT)), 1)
        self.assertEqual(len(daemon.log.find_all(DISCONNECT)), 1)

    # --- handshakes ---

    def starttls(self, daemon, source):
        """The reply to STARTTLS, and the client."""
        client = self.connect(daemon.address(), source)
        client.greet()
        return str(client.command("STARTTLS")), client

    def test_handshakes_of_one_client(self):
        daemon = self.daemon({"max_handshakes_per_client": 2}, workers=4)
        for _ in range(2):
            reply, client = self.starttls(daemon, ONE)
            self.assertEqual(reply, "220 2.0.0 Ready to start TLS")
            client.tls()
            client.command("EHLO x")
            self.assert_code(client.command("QUIT"), 221)
        for _ in range(3):
            reply, client = self.starttls(daemon, ONE)
            self.assertEqual(reply, f"421 4.7.0 {HOSTNAME} Error: too many new TLS sessions from "
                                    f"unknown[{ONE}]")
            self.assert_closed(client)
        line = daemon.wait_log(TOO_MANY_HANDSHAKES)
        self.assertEqual((line["count"], line["host"], line["service"], line["refused"]),
                         ("3", ONE, "mx", "1"))
        self.assertEqual(self.starttls(daemon, OTHER)[0][:3], "220")
        # Plaintext is not bounded.
        self.assert_code(self.connect(daemon.address(), ONE).greet(), 250)
        self.assertEqual(len(daemon.log.find_all(TOO_MANY_HANDSHAKES)), 1)

    def test_handshakes_of_one_client_with_tls_from_the_first_byte(self):
        daemon = self.daemon({"max_handshakes_per_client": 1},
                             listeners={"smtps": {"tls": "implicit"}})
        client = self.connect(daemon.address("smtps"), ONE)
        client.tls()
        self.assert_code(client.reply(), 220)
        self.assertEqual(self.refused(daemon, ONE, "smtps"), "")
        self.assertEqual(daemon.wait_log(TOO_MANY_HANDSHAKES)["service"], "smtps")

    def test_replies_before_the_refusal(self):
        daemon = self.daemon({"max_handshakes_per_client": 1})
        self.starttls(daemon, ONE)
        client = self.connect(daemon.address(), ONE)
        client.reply()
        client.send(b"EHLO x\r\nNOOP\r\nSTARTTLS\r\nNOOP\r\n")
        self.assertEqual([client.reply().code for _ in range(3)], [250, 250, 421])
        self.assert_closed(client)

    def test_handshakes_at_one_time(self):
        daemon = self.daemon({"max_handshakes": 2}, workers=4)
        replies = [self.starttls(daemon, ONE) for _ in range(2)]
        self.assertEqual([reply[:3] for reply, _ in replies], ["220", "220"])
        for _ in range(3):
            reply, client = self.starttls(daemon, OTHER)
            self.assertEqual(reply, f"421 4.3.2 {HOSTNAME} Error: too many TLS handshakes")
            self.assert_closed(client)
        daemon.wait_log("warning: max_handshakes=2 reached: STARTTLS gets 421$")
        # One is done, one is lost: there is room for two.
        replies[0][1].tls()
        replies[0][1].command("EHLO x")
        replies[1][1].close()
        self.of_log(daemon, DISCONNECT, replies[1][1])
        daemon.wait_log(f"^{PROGRAM}max_handshakes=2: there is room again$")
        again = [self.starttls(daemon, OTHER) for _ in range(2)]
        self.assertEqual([reply[:3] for reply, _ in again], ["220", "220"])
        self.assertEqual(self.starttls(daemon, OTHER)[0][:9], "421 4.3.2")
        # Crossed for the second time in a minute.
        self.assertEqual(len(daemon.log.find_all("max_handshakes=2 reached")), 1)

    def test_sessions_of_all_clients(self):
        daemon = self.daemon({"max_sessions": 2})
        clients = [self.open(daemon, ONE) for _ in range(2)]
        for _ in range(3):
            self.assertEqual(self.refused(daemon, OTHER),
                             f"421 4.3.2 {HOSTNAME} Service currently unavailable\r\n")
        daemon.wait_log(f"^{PROGRAM}warning: max_sessions=2 reached: new clients get 421$")
        clients[0].close()
        daemon.wait_log(f"^{PROGRAM}max_sessions=2: there is room again$")
        self.open(daemon, OTHER)
        self.assertEqual(len(daemon.log.find_all("max_sessions=2")), 2)

    # --- file descriptors ---

    def test_out_of_file_descriptors(self):
        """New clients wait in the kernel, those that are there go on, and all goes on after."""
        daemon = self.stage.posternd(
            self.stage.write(certificates=CERTIFICATES, backend=self.inner.address, workers=1,
                             log_sessions="all"),
            wrapper=["prlimit", "--nofile=64:64"])
        daemon.wait_log(r"warning: max_sessions=10000 needs \d+ file descriptors, the limit is 64")
        first = self.connect(daemon.address())
        first.starttls()
        clients = [self.connect(daemon.address(), f"127.0.1.{i}") for i in range(1, 60)]
        daemon.wait_log("warning: accept on listener=mx: Too many open files: new clients wait$")
        self.assert_code(first.mail(), 250)
        self.stage.postfix.wait_for_mail()
        for client in clients[:-1]:
            client.close()
        # The last that came waits until those before it are gone.
        self.assertIn(clients[-1].reply().code, (220, 421))
        self.open_again(daemon, ONE)
        self.assert_code(first.command("QUIT"), 221)
        self.assertEqual(self.stage.stop(daemon), 0)


class Slow(Case):
    """A slow client, in whatever phase, costs its own session only. There is one worker, and one
    backend that is quick."""

    @classmethod
    def prepare(cls):
        cls.posternd = cls.stage.front(CERTIFICATES, workers=1, log_sessions="all", listeners={
            "mx": {}, "smtps": {"tls": "implicit"}})

    def slow_ones(self):
        """One for each phase, all of them open."""
        story = hello.records(hello.story())
        for before in (b"", b"EH", b"EHLO x\r\n", b"EHLO x\r\nNOOP\r\nMAI", b"x" * 3000,
                       b"EHLO x\r\nSTARTTLS\r\n", b"EHLO x\r\nMAIL FROM:<a@b.test>\r\nDA"):
            client = self.connect(self.posternd.address())
            client.reply()
            client.send(before)
            yield client
        for part in (0, 1, len(story) // 2):
            client = self.connect(self.posternd.address())
            client.greet()
            client.command("STARTTLS")
            client.send(story[:part])
            yield client
            client = self.connect(self.posternd.address("smtps"))
            client.send(story[:part])
            yield client
        for commands in (b"", b"EHLO x\r\n", b"EHLO x\r\nMAIL FROM:<a@b.test>\r\nRC"):
            client = self.connect(self.posternd.address())
            client.greet()
            client.command("STARTTLS")
            client.tls()
            client.send(commands)
            yield client
        yield self.deaf()

    def deaf(self):
        """One that asks for much and reads nothing of it."""
        client = self.connect(self.posternd.address())
        client.reply()
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.socket.settimeout(0.5)
        try:
            while True:
                client.send(b"EHLO x\r\n" * 1000)
        except TimeoutError:
            pass
        return client

    def test_others_are_served(self):
        slow = list(self.slow_ones())
        # A port may be used again, towards the other listener.
        sessions = [self.of_log(self.posternd, CONNECT, client)["session"] for client in slow]
        for number in range(20):
            with Client(self.posternd.address()) as client:
                client.starttls()
                self.assert_code(client.mail(b"Subject: mail %d\r\n\r\nx\r\n" % number), 250)
                self.assert_code(client.command("QUIT"), 221)
        self.stage.postfix.wait_for_mails(20)
        self.assertEqual(self.posternd.log.find_all("timeout"), [])
        for session in sessions:
            self.assertIsNone(self.posternd.log.find(rf"disconnect from .* session={session}$"))
