"""A backend that closes, resets or says 421 in any phase of a session, and slow ones on each side:
the client gets whole replies and then a 421 or a close, never a word about its mail that the
backend has not said, and loses none that it has said."""

import contextlib
import os
import re
import signal
import socket
import socketserver
import threading

from common import Backend, Case, table
from lab import hello
from lab.process import TIMEOUT
from lab.smtp import received
from played_backend import UNAVAILABLE

OURS = UNAVAILABLE.encode() + b"\r\n"
SHUTDOWN = b"421 4.3.2 backend.example.test Server shutting down\r\n"

BANNER = b"220 backend.example.test ESMTP\r\n"
EHLO = b"EHLO client.example.test\r\n"
MAIL = b"MAIL FROM:<a@client.test>\r\n"
RCPT = b"RCPT TO:<b@example.test>\r\n"
TEXT = b"Subject: x\r\n\r\n" + b"x" * 1000 + b"\r\n"
QUEUED = b"250 2.0.0 Ok: queued as ABC\r\n"


# What may stand before the last word: lines that are sent while others are held back.
EHLO_LINES = rb"(250-[^\r\n]+\r\n)*"


class Turn:
    """What a client says and what the backend answers; `heard` is what of it the client hears, a
    regular expression, if it is not all."""

    def __init__(self, client, backend=b"", heard=None):
        self.client = client
        self.backend = backend
        self.heard = re.escape(backend) if heard is None else heard


# (name, the turns behind banner and EHLO, or behind EHLO under TLS)
DATA = Turn(MAIL + RCPT + b"DATA\r\n", b"250 ok\r\n250 ok\r\n354 go\r\n")
PHASES = (
    ("before MAIL", ()),
    ("in the middle of a command", (Turn(b"MAIL FR"),)),
    ("before the reply to NOOP", (Turn(b"NOOP\r\n"),)),
    ("in a line of a reply", (Turn(b"NOOP\r\n", b"250 2.0", b""),)),
    ("between the lines of a reply", (Turn(b"NOOP\r\n", b"250-one\r\n"),)),
    ("in EHLO's reply", (Turn(EHLO, b"250-backend.example.test\r\n250-SIZE 1\r\n", EHLO_LINES),)),
    ("in a line of EHLO's reply", (Turn(EHLO, b"250-backend.example.test\r\n250-SI", EHLO_LINES),)),
    ("before the reply to MAIL", (Turn(MAIL),)),
    ("after the reply to MAIL", (Turn(MAIL, b"250 2.1.0 Ok\r\n"),)),
    ("between pipelined replies", (Turn(MAIL + RCPT + b"DATA\r\n", b"250 2.1.0 Ok\r\n"),)),
    ("in DATA", (DATA, Turn(TEXT))),
    ("after the final dot", (DATA, Turn(TEXT + b".\r\n"))),
    ("in the reply to the final dot", (DATA, Turn(TEXT + b".\r\n", QUEUED[:-1], b""))),
    ("behind the reply to the final dot", (DATA, Turn(TEXT + b".\r\n", QUEUED))),
    ("in a chunk", (Turn(MAIL + RCPT + b"BDAT 5000\r\n" + TEXT, b"250 ok\r\n250 ok\r\n"),)),
)

# (name, what the backend does, the last that the client hears)
ENDS = (
    ("closes", lambda peer: peer.close(), OURS),
    ("resets", lambda peer: peer.reset(), OURS),
    ("says 421 and closes", lambda peer: (peer.send(SHUTDOWN), peer.close()), SHUTDOWN),
)


class Broken(Case):
    """One posternd with one worker before a backend that is the test."""

    @classmethod
    def prepare(cls):
        cls.backend = Backend(cls)
        cls.posternd = cls.stage.posternd(certificates=["p256"], backend=cls.backend.address,
                                          log_sessions="all", workers=1)

    @classmethod
    def addCleanup(cls, function, *arguments):
        """Backend is of the class here."""
        cls.addClassCleanup(function, *arguments)

    def begin(self, tls):
        """(Client, Peer) with EHLO exchanged."""
        client = self.connect(self.posternd.address())
        peer = self.backend.greet(client)
        if tls:
            self.assert_code(client.command("STARTTLS"), 220)
            client.tls()
            client.send(EHLO)
            peer.answer_ehlo()
            client.reply()
        return client, peer

    def take(self, peer, size):
        """What the client has sent has come."""
        while size > 0:
            size -= len(received(peer.socket, size))

    @table([(f"{phase}, {end}, {'under TLS' if tls else 'in plaintext'}", turns, act, last, tls)
            for phase, turns in PHASES for end, act, last in ENDS for tls in (False, True)
            if not (last is SHUTDOWN and " a line " in phase or "in the reply" in phase)])
    def test(self, turns, act, last, tls):
        client, peer = self.begin(tls)
        heard = b""
        for turn in turns:
            client.send(turn.client)
            if turn.client.endswith(b"\n"):
                self.take(peer, len(turn.client))
            peer.send(turn.backend)
            heard += turn.heard
        act(peer)
        self.assertRegex(client.rest(), b"^" + heard + re.escape(last) + b"$")
        self.disconnect(self.posternd, client)

    @table([(f"{name}, {end}", said, act, last) for end, act, last in ENDS
            for name, said in (("before the banner", b""), ("in the banner", b"220-one\r\n"),
                               ("in a line of the banner", b"220-one\r\n220 tw"))
            if not (last is SHUTDOWN and " a line " in name)])
    def test_greeting(self, said, act, last):
        client = self.connect(self.posternd.address())
        peer = self.backend.accept()
        peer.send(said)
        act(peer)
        self.assertEqual(client.rest(), said[:said.rfind(b"\n") + 1] + last)
        self.disconnect(self.posternd, client)

    @table([(end, act) for end, act, _ in ENDS])
    def test_handshake(self, act):
        """The client is told when it is done, under TLS, and never in the backend's words."""
        client, peer = self.begin(False)
        self.assert_code(client.command("STARTTLS"), 220)
        act(peer)
        client.tls()
        self.assertRegex(client.rest(), rb"^421 4\.3\.2 mail\.example\.test [^\r\n]*\r\n$")
        self.disconnect(self.posternd, client)

    def test_slow_backend(self):
        """Each byte in a segment of its own."""
        client, peer = self.begin(True)

        def drip(data):
            for byte in data:
                peer.send(bytes([byte]))

        for command, reply in ((EHLO, b"250-backend.example.test\r\n250-SIZE 1\r\n250 DSN\r\n"),
                               (MAIL, b"250 ok\r\n"), (RCPT, b"250-a\r\n250-b\r\n250 c\r\n"),
                               (b"DATA\r\n", b"354 go\r\n"), (TEXT + b".\r\n", QUEUED)):
            client.send(command)
            self.take(peer, len(command))
            drip(reply)
            self.assertEqual(client.reply().raw, reply)
        drip(SHUTDOWN)
        peer.close()
        self.assertEqual(client.rest(), SHUTDOWN)

    @table((("in plaintext", False), ("under TLS", True)))
    def test_slow_client_of_a_backend_that_closes(self, tls):
        """It gets all that was said before, however late it reads."""
        client, peer = self.begin(tls)
        client.send(MAIL)
        self.take(peer, len(MAIL))
        said = b"".join(b"250 %d\r\n" % number for number in range(1000000))
        peer.socket.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                sent += peer.socket.send(said[sent:sent + (1 << 16)])
        # Nobody takes any more; now the client does.
        peer.socket.setblocking(True)
        rest = threading.Thread(target=lambda: (peer.send(said[sent:]), peer.close()))
        rest.start()
        self.assertTrue(client.rest() == said + OURS)
        rest.join()


class Slow(Case):
    """With a real Postfix, and one worker."""

    @classmethod
    def prepare(cls):
        cls.stage.make_postfix(main_cf={"smtpd_junk_command_limit": "1000000",
                                        "service_throttle_time": "1s"})
        cls.posternd = cls.stage.front(["p256"], workers=1, log_sessions="all")

    def open(self, tls=False):
        """A client with banner and EHLO exchanged."""
        client = self.connect(self.posternd.address())
        if tls:
            client.starttls()
        else:
            client.greet()
        return client

    def assert_delivers(self, client, *codes):
        """What is asked for is answered; the mail is one that the client has sent already, or, if
        there are no codes, one that it sends now."""
        if codes:
            self.assertEqual([client.reply().code for _ in codes], list(codes))
        else:
            self.assert_code(client.mail(), 250)
        self.stage.postfix.wait_for_mail()

    def test_stalled_clients_cost_only_themselves(self):
        """One in each phase; others deliver meanwhile, and they themselves when they go on."""
        silent = self.connect(self.posternd.address())
        halfway = self.open()
        halfway.send(b"MAIL FROM:<a@cl")
        waiting, shaking = self.open(), self.open()
        for client in (waiting, shaking):
            self.assert_code(client.command("STARTTLS"), 220)
        record = hello.records(hello.story())
        shaking.send(record[:50])
        encrypted, writing, deaf = self.open(True), self.open(True), self.open(True)
        encrypted.send(b"MAIL FROM:<a@cl")
        writing.send(MAIL + RCPT + b"DATA\r\nSubject: la")
        number = 3000
        asking = threading.Thread(target=deaf.send, args=(
            MAIL + (b"VRFY " + b"a" * 1000 + b"@example.test\r\n") * number,))
        asking.start()

        for tls in (False, True) * 3:
            self.assert_delivers(self.open(tls))

        self.assert_code(silent.reply(), 220)
        self.assert_delivers(silent)
        for client in (halfway, encrypted):
            client.send(b"ient.test>\r\n" + RCPT + b"DATA\r\nx\r\n.\r\n")
            self.assert_delivers(client, 250, 250, 354, 250)
        waiting.tls()
        self.assert_code(waiting.command("EHLO client.example.test"), 250)
        self.assert_delivers(waiting)
        shaking.send(record[50:])
        self.assertEqual(shaking.read_some()[:1], b"\x16")
        writing.send(b"te\r\n\r\nx\r\n.\r\n")
        self.assert_delivers(writing, 250, 250, 354, 250)
        self.assertEqual({deaf.reply().code for _ in range(number + 1)}, {250, 252})
        asking.join()

    @table((("under TLS", True), ("in plaintext", False)))
    def test_backend_killed_in_a_mail(self, tls):
        """A real smtpd: no mail is acknowledged, none delivered."""
        client = self.open(tls)
        client.send(MAIL + RCPT + b"DATA\r\n")
        self.assertEqual([client.reply().code for _ in range(3)], [250, 250, 354])
        client.send(b"Subject: lost\r\n\r\nx\r\n")
        line = self.stage.postfix.log.wait(
            rf"smtpd\[(\d+)\]: \w+: client=unknown\[127\.0\.0\.1\]:{client.port}$")
        os.kill(int(line[1]), signal.SIGKILL)
        self.assertEqual(client.rest(), OURS)
        self.warning(self.posternd, client, "the backend closed the connection")
        self.assert_delivers(self.open(tls))


class Policy(socketserver.ThreadingUnixStreamServer):
    """A policy service of Postfix that answers when it is told to: `asked` is released for each
    question, `answer` lets all of them go on."""

    daemon_threads = True

    def __init__(self, path):
        self.asked = threading.Semaphore(0)
        self.answer = threading.Event()
        super().__init__(path, PolicyConnection)
        os.chmod(path, 0o666)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        """The end of it."""
        self.answer.set()
        self.shutdown()
        self.server_close()


class PolicyConnection(socketserver.StreamRequestHandler):
    """One connection of a Policy."""

    def handle(self):
        for line in self.rfile:
            if line == b"\n":
                self.server.asked.release()
                self.server.answer.wait(TIMEOUT)
                self.wfile.write(b"action=DUNNO\n\n")


class Late(Case):
    """A Postfix that takes longer for a mail than a client may be idle."""

    @classmethod
    def prepare(cls):
        cls.policy = Policy(os.path.join(cls.stage.directory, "policy"))
        cls.addClassCleanup(cls.policy.stop)
        cls.stage.make_postfix(main_cf={
            "smtpd_end_of_data_restrictions":
                "check_policy_service unix:" + cls.policy.server_address})
        cls.posternd = cls.stage.front(["p256"], limits={"idle_timeout": 1}, log_sessions="all")

    def test_reply_that_comes_after_the_idle_timeout(self):
        """The mail is taken, its reply comes, once: nobody is cut off in Postfix's turn."""
        clients = {}
        for name in ("plaintext", "tls", "half-closed"):
            client = clients[name] = self.connect(self.posternd.address())
            if name == "tls":
                client.starttls()
            else:
                client.greet()
            client.send(MAIL + RCPT + b"DATA\r\n")
            self.assertEqual([client.reply().code for _ in range(3)], [250, 250, 354])
            client.send(b"Subject: " + name.encode() + b"\r\n\r\nx\r\n.\r\n")
            self.assertTrue(self.policy.asked.acquire(timeout=TIMEOUT))
        clients["half-closed"].socket.shutdown(socket.SHUT_WR)
        # One that says nothing in its own turn tells when the time is over.
        idle = self.connect(self.posternd.address())
        idle.greet()
        self.assertRegex(idle.rest(), rb"^421 4\.4\.2 ")
        self.policy.answer.set()
        for name, client in clients.items():
            self.assertRegex(client.line(), rb"^250 2\.0\.0 Ok: queued as ")
            if name == "half-closed":
                self.assert_closed(client)
            else:
                self.assert_code(client.command("QUIT"), 221)
            self.stage.postfix.wait_for_mail(lambda mail, name=name: mail.subject == name)
