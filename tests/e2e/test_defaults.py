"""What Postfix 3.9 and later refuse unless told otherwise (smtpd_forbid_unauth_pipelining = yes and
smtpd_forbid_bare_newline = normalize), behind posternd and alone: honest clients get their mail
through, and who speaks out of turn is refused, the same with posternd as without. Where the two
differ is in docs/design.md, and played in test_dialogues."""

import contextlib
import os
import socket
import threading

from common import table
from dialogue import CLOSED, EARLY, IMPLICIT, TLS, Dialogue, play
from dialogues import AUTH_ONLY
from differences import offer_second
from lab.postfix import Postfix
from lab.process import run
from lab.smtp import received
from postfix_pairs import Pair, Pairs

MAIL = b"MAIL FROM:<a@client.test>\r\n"
RCPT = b"RCPT TO:<b@example.test>\r\n"
TEXT = b"Subject: x\r\n\r\nHello.\r\n"
END = b".\r\n"

REFUSED = "554 5.5.0 Error: SMTP protocol synchronization"

DEFAULTS = {"smtpd_forbid_unauth_pipelining": "yes", "smtpd_forbid_bare_newline": "normalize"}

PAIRS = {
    "may": Pair(alone=AUTH_ONLY),
    "moved": Pair(alone=AUTH_ONLY, moves=True),
    "encrypt": Pair(alone=("smtpd_tls_security_level=encrypt", *AUTH_ONLY),
                    listener={"tls": "encrypt"}),
    "implicit": Pair(alone=("smtpd_tls_wrappermode=yes", *AUTH_ONLY),
                     listener={"tls": "implicit"}),
}

# What clients do that hold to RFC 5321 and RFC 2920, from EHLO on: (name, items of a dialogue)
HONEST = (
    ("one command at a time", ("EHLO x", MAIL, 1, RCPT, 1, b"DATA\r\n", 1, TEXT + END, 1, "QUIT")),
    ("pipelined", ("EHLO x", MAIL + RCPT * 3 + b"DATA\r\n", 5, TEXT + END + b"QUIT\r\n", 2)),
    ("pipelined behind a mail",
     ("EHLO x", MAIL + RCPT + b"DATA\r\n", 3, TEXT + END + MAIL + RCPT + b"DATA\r\n", 4,
      TEXT + END, 1, "QUIT")),
    ("pipelined behind RSET",
     ("EHLO x", b"RSET\r\n" + MAIL + RCPT + b"RSET\r\n" + MAIL + RCPT + b"DATA\r\n", 7,
      TEXT + END, 1, "QUIT")),
    ("chunks", ("EHLO x", MAIL + RCPT + b"BDAT %d\r\n" % len(TEXT) + TEXT
                + b"BDAT 3 LAST\r\nx\r\nQUIT\r\n", 5)),
    ("in single lines", ("EHLO x", *(part for line in (MAIL, RCPT, b"DATA\r\n") for part in
                                     (line, 1)), *TEXT.splitlines(keepends=True), END, 1, "QUIT")),
    ("HELO", ("HELO x", MAIL, 1, RCPT, 1, b"DATA\r\n", 1, TEXT + END, 1, "QUIT")),
    ("lines that end in LF", (b"EHLO x\n", 1, b"NOOP\n", 1, MAIL[:-2] + b"\n", 1, RCPT, 1,
                              b"DATA\n", 1, TEXT.replace(b"\r", b"") + b"\r\n" + END, 1, "QUIT")),
)

# What begins a session: (service, the items that come before EHLO)
BEGINNINGS = (
    ("in plaintext", "may", ()), ("in plaintext, moved", "moved", ()),
    ("under STARTTLS", "may", ("EHLO first", "STARTTLS", TLS)),
    ("under STARTTLS, moved", "moved", ("EHLO first", "STARTTLS", TLS)),
    ("at encrypt", "encrypt", ("EHLO first", "STARTTLS", TLS)),
    ("at implicit", "implicit", (IMPLICIT,)),
)

# What is sent before the banner. Of an unknown verb posternd passes on the line alone.
EARLY_ONES = (
    ("EHLO", b"EHLO x\r\n"),
    ("a whole mail", b"EHLO x\r\n" + MAIL + RCPT + b"DATA\r\n" + TEXT + END + b"QUIT\r\n"),
    ("a PROXY header", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nEHLO x\r\n"),
    ("a header of HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
)

# Who speaks out of turn: (name, service, items). All are refused and closed.
RUDE = (
    ("EHLO and NOOP", "may", (b"EHLO x\r\nNOOP\r\n", CLOSED)),
    ("EHLO and MAIL", "may", (b"EHLO x\r\n" + MAIL, CLOSED)),
    ("HELO and a whole mail", "may",
     (b"HELO x\r\n" + MAIL + RCPT + b"DATA\r\n" + TEXT + END + b"QUIT\r\n", CLOSED)),
    ("the text behind DATA", "may",
     ("EHLO x", MAIL + RCPT + b"DATA\r\n" + TEXT + END + b"QUIT\r\n", CLOSED)),
    ("the text behind DATA, moved", "moved",
     ("EHLO x", "STARTTLS", TLS, "EHLO y",
      MAIL + RCPT + b"DATA\r\n" + TEXT + END + b"QUIT\r\n", CLOSED)),
    ("the text behind DATA under TLS", "may",
     ("EHLO x", "STARTTLS", TLS, "EHLO y",
      MAIL + RCPT + b"DATA\r\n" + TEXT + END + b"QUIT\r\n", CLOSED)),
    ("the text behind DATA at implicit", "implicit",
     (IMPLICIT, "EHLO y", MAIL + RCPT + b"DATA\r\n" + TEXT + END + b"QUIT\r\n", CLOSED)),
)

# Texts whose end somebody could see too early: (name, text up to its CRLF.CRLF)
SMUGGLED = b"MAIL FROM:<evil@client.test>\r\nRCPT TO:<c@example.test>\r\nDATA\r\n" + TEXT
TEXTS = (
    ("lone LF", b"Subject: odd\r\n\r\none\ntwo\n\nthree\r\n"),
    ("LF only", b"Subject: odd\n\none\ntwo\n\r\n"),
    ("LF.LF", b"Subject: odd\r\n\r\none\n.\n" + SMUGGLED),
    ("LF.CRLF", b"Subject: odd\r\n\r\none\n.\r\n" + SMUGGLED),
    ("CRLF.LF", b"Subject: odd\r\n\r\none\r\n.\n" + SMUGGLED),
    ("CR.CR", b"Subject: odd\r\n\r\none\r.\r" + SMUGGLED),
    ("CRLF.CR", b"Subject: odd\r\n\r\none\r\n.\r" + SMUGGLED),
)


class Between:
    """Between a client, or posternd, and Postfix: what is sent before the banner is there when
    Postfix looks. (It looks once, at a time that nobody can foresee.) `listener`: a socket;
    `target`: a socket's address; `awaited`: what it waits for before it connects."""

    def __init__(self, postfix, listener, target):
        self.awaited = None
        self._postfix = postfix
        self._listener = listener
        self._target = target
        listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.socket(near.family)
                data = b""
                while self.awaited not in data:
                    data += received(near)
                with self._postfix.suspended():
                    far.connect(self._target)
                    far.sendall(data)
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=pump, args=ends, daemon=True).start()


def pump(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class BeforeTheBanner(Pairs):
    pairs = {"may": PAIRS["may"]}
    main_cf = DEFAULTS

    @classmethod
    def between(cls, name, address):
        path = address.removeprefix("unix:")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path + "-between")
        os.chmod(path + "-between", 0o666)
        cls.addClassCleanup(listener.close)
        cls.behind = Between(cls.stage.postfix, listener, path)
        return address + "-between"

    @table(EARLY_ONES)
    def test_refused(self, data):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        alone = Between(self.stage.postfix, listener, self.alone("may"))
        alone.awaited = data
        self.behind.awaited = data if data.startswith(b"EHLO") else data.splitlines(True)[0]
        dialogue = Dialogue(self.id(), EARLY, data, CLOSED)
        for address in (listener.getsockname(), self.front("may")):
            self.assertEqual(play(dialogue, address), [REFUSED, "<closed>"])


class Defaults(Pairs):
    pairs = PAIRS
    main_cf = DEFAULTS

    def both(self, dialogue):
        """What Postfix alone says, and the same behind posternd but for the place of STARTTLS."""
        alone = play(dialogue, self.alone(dialogue.service))
        front = play(dialogue, self.front(dialogue.service))
        self.assertEqual(front, [offer_second(each) or each for each in alone])
        return front

    @table([(f"{name}, {where}", service, (*before, *items))
            for where, service, before in BEGINNINGS for name, items in HONEST])
    def test_honest(self, service, items):
        heard = self.both(Dialogue(self.id(), *items, CLOSED, service=service))
        self.assertRegex(heard[-1], r"^(TLS: )?<closed>$")
        for reply in heard[:-1]:
            self.assertRegex(reply, r"^(TLS: )?[23]\d\d[ -]")
        self.assertTrue(any("queued as X" in each for each in heard), heard)

    @table(RUDE)
    def test_out_of_turn(self, service, items):
        heard = self.both(Dialogue(self.id(), *items, service=service))
        self.assertEqual([each.replace("TLS: ", "") for each in heard[-2:]], [REFUSED, "<closed>"])
        self.assertNotIn("queued as", "".join(heard))

    def delivered(self, address, text, tls):
        """Sends a mail with that text; it as it is delivered. Behind it the session goes on."""
        client = self.connect(address)
        if tls:
            client.starttls()
        else:
            client.greet()
        for command in (MAIL, RCPT, b"DATA\r\n"):
            client.send(command)
            self.assertLess(client.reply().code, 400)
        client.send(text + END)
        self.assert_code(client.reply(), 250)
        self.assert_code(client.command("NOOP"), 250)
        self.assert_code(client.command("QUIT"), 221)
        mail = self.stage.postfix.wait_for_mail(lambda each: each.subject == "odd")
        return mail.recipient, mail.body

    @table(TEXTS)
    def test_text(self, text):
        """One mail, and the same one; it would be two where its end was seen too early."""
        expected = self.delivered(self.alone("may"), text, False)
        self.assertEqual(expected[0], "b@example.test")
        for tls in (False, True):
            with self.subTest(tls=tls):
                self.assertEqual(self.delivered(self.front("may"), text, tls), expected)
        self.assertIsNone(self.stage.postfix.log.find("evil@client.test"))


class Sending(Pairs):
    """A real Postfix as the client, which pipelines as much as it may."""

    pairs = {name: PAIRS[name] for name in ("may", "moved", "encrypt", "implicit")}
    main_cf = DEFAULTS

    # transport, its settings, the service that it sends to
    TRANSPORTS = (
        ("plain", "may", ("smtp_tls_security_level=none",)),
        ("opportunistic", "may", ("smtp_tls_security_level=may",)),
        ("moved", "moved", ("smtp_tls_security_level=encrypt",)),
        ("encrypt", "encrypt", ("smtp_tls_security_level=encrypt",)),
        ("implicit", "implicit", ("smtp_tls_security_level=encrypt", "smtp_tls_wrappermode=yes")),
    )

    @classmethod
    def prepare(cls):
        super().prepare()
        directory = os.path.join(cls.stage.directory, "client")
        os.mkdir(directory)
        os.chmod(directory, 0o755)
        sender = Postfix(directory, on_line=lambda line: cls._on_line("sender", line),
                         main_cf={"virtual_mailbox_domains": "", "default_transport": "discard",
                                  "myhostname": "sender.example.test"})
        cls.services = {}
        for transport, service, options in cls.TRANSPORTS:
            sender.paste(f"{transport} unix - - n - - smtp\n"
                         + "".join(f"    -o {each}\n" for each in options))
            cls.services[transport] = sender.smtpd("to-" + transport, proxied=False, options=(
                "content_filter=%s:[127.0.0.1]:%d" % (transport, cls.posternd.port(service)),))
        sender.start()
        cls.addClassCleanup(sender.stop)
        cls.sender = sender

    @table([(transport, transport) for transport, *_ in TRANSPORTS])
    def test_postfix_delivers(self, transport):
        client = self.connect(("127.0.0.1", self.services[transport].port))
        client.greet()
        self.assert_code(client.command("MAIL FROM:<sender@client.test>"), 250)
        recipients = [f"{number}@example.test" for number in range(5)]
        for each in recipients:
            self.assert_code(client.command(f"RCPT TO:<{each}>"), 250)
        self.assert_code(client.command("DATA"), 354)
        client.send(b"Subject: " + transport.encode() + b"\r\n\r\n" + b"..x\r\n" * 2000 + b".\r\n")
        self.assert_code(client.reply(), 250)
        for each in recipients:
            sent = self.sender.log.wait(rf"to=<{each}>, relay=.*, status=(\w+) \((.*)\)")
            self.assertEqual(sent[1], "sent", sent.string)
        found = [self.stage.postfix.wait_for_mail(lambda mail: mail.subject == transport)
                 for _ in recipients]
        self.assertEqual(sorted(each.recipient for each in found), recipients)
        self.assertEqual({each.body for each in found}, {b".x\n" * 2000})

    @table((("may", ["--tls"]), ("encrypt", ["--tls"]), ("implicit", ["--tls-on-connect"]),
            ("plaintext", [], "may")))
    def test_swaks_delivers(self, options, service=None):
        service = service or self.id().rpartition("_")[2]
        host, port = self.front(service)
        done = run(["swaks", *options, "-s", host, "-p", str(port), "-f", "sender@client.test",
                    "-t", "one@example.test,two@example.test", "--pipeline",
                    "--header", "Subject: " + self.id()])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for _ in range(2):
            self.stage.postfix.wait_for_mail(lambda mail: mail.subject == self.id())
