"""A real postscreen behind posternd: each of its tests still fires, on the client's own address."""

from common import Case, reset, table
from lab.posternd import postfix_config

# A client that has not been seen before waits so long for the second line of the banner.
SETTINGS = {
    "postscreen_greet_wait": "1s",
    "postscreen_greet_banner": "wait a moment",
    "postscreen_greet_action": "enforce",
    "postscreen_access_list": "",
    "postscreen_bare_newline_enable": "yes",
    "postscreen_bare_newline_action": "enforce",
    "postscreen_pipelining_enable": "yes",
    "postscreen_pipelining_action": "enforce",
    "postscreen_non_smtp_command_enable": "yes",
    "postscreen_non_smtp_command_action": "drop",
}

TEASER = b"220-wait a moment\r\n"

MAIL = b"MAIL FROM:<a@client.test>\r\n"
RCPT = b"RCPT TO:<b@example.test>\r\n"

COME_BACK = "450 4.3.2 Service currently unavailable"
VIOLATION = "550 5.5.1 Protocol error"


class Postscreen(Case):
    @classmethod
    def prepare(cls):
        postfix = cls.stage.make_postfix(main_cf=SETTINGS)
        screen = postfix.postscreen("screen")
        conf = cls.stage.write(certificates=["p256"], backend=screen.address, log_sessions="all")
        postfix.paste(postfix_config(cls.build, conf, postfix))
        cls.stage.start_postfix()
        cls.posternd = cls.stage.posternd(conf)
        cls.hosts = (f"127.0.0.{number}" for number in range(10, 250))

    def stranger(self):
        """A client with an address that postscreen does not know."""
        return self.client_of(next(self.hosts))

    def client_of(self, host):
        """A client with this address; `at` is what postscreen logs of it."""
        client = self.connect(self.posternd.address(), host)
        client.host = host
        client.at = rf"\[{host}\]:{client.port}"
        return client

    def greeted(self):
        """The same with its whole banner, and an EHLO exchanged."""
        client = self.stranger()
        self.assertEqual(client.line(), TEASER)
        self.assert_code(client.reply(), 220)
        return client

    def screened(self, pattern, client):
        """Waits for a line of postscreen about this client."""
        return self.stage.postfix.log.wait(r"postscreen\[\d+\]: " + pattern.replace("@", client.at))

    def test_greet_wait(self):
        """The first line comes at once: the EHLO that follows it still comes too early."""
        client = self.stranger()
        self.assertEqual(client.line(), TEASER)
        client.send(b"EHLO early.test\r\n")
        self.screened(r"PREGREET 17 after \S+ from @: EHLO early\.test\\r\\n$", client)
        self.screened("CONNECT from @ to ", client)
        # There is no second line then, so this is still the banner, and STARTTLS is not offered.
        self.assertFalse(client.reply().offers("STARTTLS"))
        client.send(MAIL + RCPT)
        self.assert_code(client.reply(), 250)
        self.assertIn(VIOLATION, str(client.reply()))

    def test_client_that_speaks_first(self):
        client = self.stranger()
        client.send(b"EHLO first.test\r\n")
        self.screened(r"PREGREET 17 after \S+ from @: EHLO first\.test\\r\\n$", client)

    @table((("under TLS", True), ("in plaintext", False)))
    def test_client_that_comes_back(self, tls):
        """The first time it is told to come back, the second time it delivers."""
        client = self.greeted()
        for code in (450, 250):
            reply = client.command("EHLO client.test")
            self.assertTrue(reply.offers("STARTTLS"))
            if tls:
                self.assert_code(client.command("STARTTLS"), 220)
                client.tls()
                self.assertFalse(client.command("EHLO client.test").offers("STARTTLS"))
            reply = client.mail()
            self.assert_code(reply, code)
            self.assertIn(COME_BACK if code == 450 else "queued as", str(reply))
            self.assert_code(client.command("QUIT"), 221)
            self.assert_closed(client)
            if code == 450:
                self.screened("PASS NEW @$", client)
                client = self.client_of(client.host)
                self.assert_code(client.reply(), 220)
        self.screened("PASS OLD @$", client)
        self.assertIn(f"(unknown [{client.host}])", self.stage.postfix.wait_for_mail().received)

    def test_bare_newline(self):
        client = self.greeted()
        client.send(b"EHLO client.test\n")
        client.reply()
        self.screened(r"BARE NEWLINE from @ after EHLO client\.test$", client)
        client.send(MAIL + RCPT)
        self.assert_code(client.reply(), 250)
        self.assertIn(VIOLATION, str(client.reply()))

    def test_bare_newline_under_tls(self):
        client = self.greeted()
        client.command("STARTTLS")
        client.tls()
        client.send(b"EHLO client.test\r\nNOOP\n")
        client.reply()
        self.screened(r"BARE NEWLINE from @ after NOOP$", client)

    def test_pipelining(self):
        client = self.greeted()
        client.send(b"EHLO client.test\r\nNOOP\r\n")
        self.screened(r"COMMAND PIPELINING from @ after EHLO: NOOP\\r\\n$", client)
        client.reply()
        client.reply()
        client.send(MAIL + RCPT)
        self.assert_code(client.reply(), 250)
        self.assertIn(VIOLATION, str(client.reply()))

    @table((("GET", b"GET / HTTP/1.0\r\n"), ("a header", b"Subject: x\r\n")))
    def test_no_smtp_command(self, line):
        client = self.greeted()
        client.send(line)
        self.screened(r"NON-SMTP COMMAND from @ after CONNECT: " + line.decode().strip()
                      .replace("/", r"\/") + "$", client)
        self.assertRegex(client.rest(), rb"^521 5\.7\.0 [^\n]*\n$")

    @table((("closed", False), ("reset", True)))
    def test_hangup(self, with_reset):
        """Early, and after the handshake of SMTP; the backend's connection is closed at once."""
        for when in ("before", "after"):
            if when == "before":
                client = self.stranger()
                self.assertEqual(client.line(), TEASER)
            else:
                client = self.greeted()
                client.command("EHLO client.test")
            if with_reset:
                reset(client.socket)
            else:
                client.close()
            self.screened(rf"HANGUP after \S+ from @ in tests {when} SMTP handshake$", client)
