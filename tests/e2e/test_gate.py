"""What a client, or somebody between it and us, can do before and after STARTTLS, with a real
Postfix behind: nothing from before the handshake has any effect after it."""

import os
import socket

from common import AUTH_REFUSED, CERTIFICATES, FAILED, TOO_MANY, Case, table
from lab import hello
from lab.posternd import HOSTNAME, postfix_config
from lab.sasl import PLAIN, AuthServer

OFFER = "AUTH PLAIN"

REFUSED_AUTH = "538 5.7.11 Encryption required for requested authentication mechanism"
NO_EHLO = "503 5.5.1 Error: send HELO/EHLO first"

# Commands that no gate should know, and that this Postfix takes for the ones of a mail.
COMMAND_FILTER = "/^X(MAIL|RCPT|DATA)(.*)$/ $1$2\n"


class Gate(Case):
    @classmethod
    def prepare(cls):
        auth = AuthServer(os.path.join(cls.stage.directory, "auth"))
        cls.addClassCleanup(auth.stop)
        filter_file = os.path.join(cls.stage.directory, "command-filter")
        with open(filter_file, "w", encoding="ascii") as file:
            file.write(COMMAND_FILTER)
        postfix = cls.stage.make_postfix(main_cf={
            "smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": "unix:" + auth.server_address,
            "smtpd_command_filter": "regexp:" + filter_file,
            "smtpd_soft_error_limit": "1000", "smtpd_hard_error_limit": "1000",
            "smtpd_junk_command_limit": "1000"})
        # What postfix-config would override, were it in main.cf.
        taken = ("smtpd_authorized_xclient_hosts=127.0.0.0/8",
                 "smtpd_authorized_xforward_hosts=127.0.0.0/8")
        inner = postfix.smtpd("postern", "unix", options=taken)
        # As when main.cf's own TLS settings were not overridden.
        certificate = cls.stage.certificate("rsa")
        taking = postfix.smtpd("taking", options=(
            "smtpd_tls_security_level=may",
            f"smtpd_tls_chain_files={certificate.key},{certificate.chain}"))
        cls.direct = postfix.smtpd("direct", proxied=False, options=taken)
        conf = cls.stage.write(
            certificates=CERTIFICATES, backend=inner.address, log_sessions="all",
            backends={"taking": {"address": taking.address}},
            listeners={"mx": {}, "auth": {"auth_before_tls": True},
                       "taking": {"backend": "taking"}})
        # Not for the other backend, which is to stay as it is.
        postfix.paste(postfix_config(cls.build, cls.stage.write(
            certificates=CERTIFICATES, backend=inner.address), postfix))
        cls.stage.start_postfix()
        cls.posternd = cls.stage.posternd(conf)

    def open(self, listener="mx"):
        client = self.connect(self.posternd.address(listener))
        self.assert_code(client.reply(), 220)
        return client

    def open_tls(self, listener="mx"):
        """A session behind the handshake, no EHLO yet."""
        client = self.open(listener)
        self.assert_code(client.command("STARTTLS"), 220)
        client.tls()
        return client

    def codes(self, client, number):
        return [client.reply().code for _ in range(number)]

    # --- commands that would hide a mail before STARTTLS ---

    @table((
        ("plain verbs", b"MAIL", b"RCPT", b"DATA"),
        ("VT before MAIL", b"\x0bMAIL", b"\x0bRCPT", b"\x0cDATA"),
        ("FF before MAIL", b"\x0cMAIL", b"\x0cRCPT", b"\x0bDATA"),
        ("CR before MAIL", b"\rMAIL", b"\rRCPT", b"\r\rDATA"),
        ("blanks", b" \t MAIL", b"\t \x0bRCPT", b"\x0b \x0cDATA"),
        ("mixed case", b"mAiL", b"rCpT", b"dAtA"),
        ("NUL behind DATA", b"\x0bMAIL", b"\x0bRCPT", b"DATA\0"),
        ("NUL and more behind DATA", b"\x0bMAIL", b"\x0bRCPT", b"DATA\0 x"),
        ("VT behind DATA", b"\x0bMAIL", b"\x0bRCPT", b"DATA\x0b"),
        ("unknown verbs that the backend knows", b"XMAIL", b"XRCPT", b"XDATA"),
        ("unknown verbs, then DATA with NUL", b"XMAIL", b"XRCPT", b"XDATA\0"),
    ))
    def test_no_starttls_inside_a_mail(self, mail, rcpt, data):
        lines = (mail + b" FROM:<attacker@client.test>", rcpt + b" TO:<attacker@example.test>",
                 data)
        victim = b"STARTTLS"
        for pipelined in (False, True):
            client = self.open()
            if pipelined:
                client.send(b"".join(line + b"\r\n" for line in (b"EHLO x", *lines, victim, b".")))
                self.assertEqual(self.codes(client, 5), [250, 250, 250, 354, 250])
            else:
                self.assert_code(client.command("EHLO x"), 250)
                for line, code in zip(lines, (250, 250, 354)):
                    client.send(line + b"\r\n")
                    self.assert_code(client.reply(), code)
                client.send(victim + b"\r\n.\r\n")
                self.assert_code(client.reply(), 250)
            # And the way to TLS stays shut on this connection.
            reply = client.command("EHLO x")
            self.assertFalse(reply.offers("STARTTLS"), str(reply))
            self.assert_code(client.command("STARTTLS"), 502)
            mail = self.stage.postfix.wait_for_mail(
                lambda each: each.recipient == "attacker@example.test")
            self.assertIn(b"STARTTLS", mail.raw)

    def test_transaction_before_starttls_is_gone(self):
        """MAIL in plaintext shuts the door; RSET does not open it again."""
        client = self.open()
        client.command("EHLO x")
        self.assert_code(client.command("MAIL FROM:<attacker@client.test>"), 250)
        self.assert_code(client.command("STARTTLS"), 502)
        self.assert_code(client.command("RSET"), 250)
        self.assertFalse(client.command("EHLO x").offers("STARTTLS"))
        self.assert_code(client.command("STARTTLS"), 502)

    def test_unknown_verb_that_is_refused_keeps_the_door_open(self):
        client = self.open()
        client.send(b"EHLO x\r\nFOO bar\r\nSTARTTLS\r\n")
        self.assertEqual(self.codes(client, 3), [250, 500, 220])
        client.tls()
        self.assert_code(client.command("EHLO x"), 250)

    # --- AUTH ---

    def test_auth_is_hidden_and_refused_before_tls(self):
        client = self.open()
        reply = client.command("EHLO x")
        self.assertNotIn("AUTH", str(reply))
        for command in ("AUTH PLAIN " + PLAIN, "AUTH PLAIN", "auth login", "\x0bAUTH PLAIN"):
            self.assertEqual(str(client.command(command)), REFUSED_AUTH)
        self.of_log(self.posternd, AUTH_REFUSED, client)
        self.assert_code(client.command("NOOP"), 250)
        self.assert_code(client.command("STARTTLS"), 220)

    def test_auth_under_tls(self):
        for how in ([("AUTH PLAIN " + PLAIN, 235)], [("AUTH PLAIN", 334), (PLAIN, 235)]):
            client = self.open_tls()
            self.assertIn(OFFER, client.command("EHLO x").lines)
            for line, code in how:
                self.assert_code(client.command(line), code)

    @table((
        ("with its response", "AUTH PLAIN " + PLAIN),
        ("without", "AUTH PLAIN"),
        ("VT before it", "\x0bAUTH PLAIN " + PLAIN),
    ))
    def test_auth_in_relay_before_tls(self, command):
        """MAIL, RSET, EHLO: the client's bytes are no longer looked at, the replies are."""
        client = self.open()
        client.command("EHLO x")
        for line in ("MAIL FROM:<a@client.test>", "RSET"):
            self.assert_code(client.command(line), 250)
        reply = client.command("EHLO x")
        self.assertNotIn("AUTH", str(reply))
        self.assertFalse(reply.offers("STARTTLS"))
        self.assertEqual(str(client.command(command)), REFUSED_AUTH)
        self.assert_closed(client)
        line = self.warning(self.posternd, client, "the backend accepted AUTH before TLS.*")
        self.assertEqual(line["level"], "error")

    def test_auth_before_tls_where_it_is_allowed(self):
        client = self.open("auth")
        self.assertIn(OFFER, client.command("EHLO x").lines)
        self.assert_code(client.command("AUTH PLAIN"), 334)
        self.assert_code(client.command(PLAIN), 235)
        # AUTH shuts the door: its state would be carried into TLS.
        self.assertFalse(client.command("EHLO x").offers("STARTTLS"))
        self.assert_code(client.command("STARTTLS"), 502)

    # --- a backend that takes STARTTLS ---

    @table((("before TLS", False), ("under TLS", True)))
    def test_backend_that_takes_starttls(self, tls):
        client = self.open_tls("taking") if tls else self.open("taking")
        reply = client.command("EHLO x")
        self.assertEqual([line.upper() for line in reply.lines].count("STARTTLS"), not tls)
        self.assert_code(client.command("MAIL FROM:<a@client.test>"), 250)
        reply = client.command("STARTTLS")
        self.assertRegex(str(reply), f"^421 4.3.2 {HOSTNAME} ")
        self.assert_closed(client)
        line = self.warning(self.posternd, client,
                            "the backend accepted STARTTLS or XCLIENT itself.*")
        self.assertEqual(line["level"], "error")

    def test_backend_that_takes_xclient(self):
        client = self.open()
        client.command("EHLO x")
        self.assert_code(client.command("MAIL FROM:<a@client.test>"), 250)
        self.assert_code(client.command("RSET"), 250)
        reply = client.command("XCLIENT ADDR=192.0.2.1")
        self.assertRegex(str(reply), f"^421 4.3.2 {HOSTNAME} ")
        self.assert_closed(client)

    # --- EHLO again after TLS ---

    @table((
        ("MAIL", "MAIL FROM:<a@client.test>"),
        ("RCPT", "RCPT TO:<recipient@example.test>"),
        ("DATA", "DATA"),
        ("AUTH", "AUTH PLAIN " + PLAIN),
        ("VRFY", "VRFY recipient@example.test"),
        ("unknown", "XMAIL FROM:<a@client.test>"),
    ))
    def test_503_before_ehlo_under_tls(self, command):
        client = self.open()
        client.command("EHLO x")
        self.assert_code(client.command("STARTTLS"), 220)
        client.tls()
        self.assertEqual(str(client.command(command)), NO_EHLO)
        self.warning(self.posternd, client, "command after STARTTLS without EHLO refused")
        for line in ("NOOP", "RSET"):
            self.assert_code(client.command(line), 250)
        self.assertEqual(str(client.command(command)), NO_EHLO)
        self.assert_code(client.command("EHLO x"), 250)
        self.assert_code(client.mail(), 250)
        self.stage.postfix.wait_for_mail()

    def test_ehlo_without_argument_does_not_count(self):
        client = self.open()
        client.command("EHLO before.tls")
        self.assert_code(client.command("STARTTLS"), 220)
        client.tls()
        self.assert_code(client.command("EHLO"), 501)
        self.assertEqual(str(client.command("MAIL FROM:<a@client.test>")), NO_EHLO)
        self.warning(self.posternd, client, "command after STARTTLS without EHLO refused")
        client.send(b"EHLO\r\nHELO\r\nHELO x\r\nMAIL FROM:<a@client.test>\r\n")
        self.assertEqual(self.codes(client, 4), [501, 501, 250, 250])

    @table((("EHLO", "EHLO"), ("HELO", "HELO")))
    def test_what_waits_for_an_ehlo_that_is_refused_goes_no_further(self, greeting):
        """The backend has had a name before TLS, and would take the MAIL."""
        client = self.open()
        client.command("EHLO before.tls")
        self.assert_code(client.command("STARTTLS"), 220)
        client.tls()
        client.send(greeting.encode() + b"\r\nMAIL FROM:<a@client.test>\r\nNOOP\r\n")
        self.assertRegex(client.rest(), rb"^501 [^\r\n]*\r\n$")
        self.warning(self.posternd, client, "command after STARTTLS without EHLO refused")
        end = self.stage.postfix.log.wait(
            rf"disconnect from unknown\[127.0.0.1\]:{client.port} (.*)")[1]
        self.assertNotIn("mail", end)

    def test_bdat_before_ehlo_under_tls_ends_the_session(self):
        """Its chunk would be read as commands."""
        client = self.open_tls()
        client.send(b"BDAT 14 LAST\r\nEHLO x\r\nQUIT\r\n")
        self.assertEqual(str(client.reply()), NO_EHLO)
        self.assert_closed(client)

    # --- lines that the backend may cut ---

    @table((
        ("MAIL", b"MAIL FROM:<attacker@client.test>"),
        ("AUTH", b"AUTH PLAIN " + PLAIN.encode()),
        ("VRFY", b"VRFY recipient@example.test"),
    ))
    def test_no_starttls_behind_a_long_line(self, hidden):
        """A Postfix that reads 4096 bytes of a line takes the rest for commands; another one takes
        all of it for one NOOP."""
        for pipelined in (False, True):
            client = self.open()
            client.command("EHLO x")
            line = b"NOOP ".ljust(4096, b"A") + hidden + b"\r\n"
            client.send(line + b"STARTTLS\r\n" if pipelined else line)
            self.assert_code(client.reply(), 250)
            try:
                if not pipelined:
                    client.send(b"STARTTLS\r\n")
                client.socket.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # It has closed.
            self.assertNotIn(b"220 ", client.rest())

    # --- bytes behind STARTTLS ---

    @table((
        ("1 command", b"RSET\r\n"),
        ("10 commands", b"NOOP injected\r\n" * 10),
        ("500 commands", b"NOOP injected\r\n" * 500),
        ("a mail", b"EHLO x\r\nMAIL FROM:<attacker@client.test>\r\n"
                   b"RCPT TO:<attacker@example.test>\r\nDATA\r\n"),
        ("half a line", b"MAIL FROM:<att"),
        ("a lone LF", b"\n"),
        ("a ClientHello", hello.records(hello.story())),
    ))
    def test_bytes_behind_starttls(self, injected):
        client = self.open()
        client.command("EHLO x")
        client.send(b"STARTTLS\r\n" + injected)
        self.assertEqual(str(client.reply()), "220 2.0.0 Ready to start TLS")
        client.tls()
        # The first reply in TLS belongs to the first command in TLS.
        reply = client.command("VRFY")
        self.assertEqual(str(reply), NO_EHLO)
        self.assert_code(client.command("EHLO x"), 250)
        self.assert_code(client.command("RCPT TO:<recipient@example.test>"), 503)
        self.assert_code(client.mail(), 250)
        mail = self.stage.postfix.wait_for_mail()
        self.assertEqual(mail.recipient, "recipient@example.test")
        line = self.warning(self.posternd, client, r"plaintext after STARTTLS discarded \(.*\)")
        self.assertIn(f"({len(injected)} bytes)", line["text"])

    def test_words_of_our_own_replies(self):
        client = self.open()
        self.assertEqual(str(client.command("STARTTLS x")), "501 5.5.4 Syntax: STARTTLS")
        client.send(b"NOOP\r\nSTARTTLS x\r\nNOOP\r\nAUTH PLAIN\r\nNOOP\r\n")
        self.assertEqual(self.codes(client, 5), [250, 501, 250, 538, 250])
        self.assert_code(client.command("STARTTLS"), 220)
        client.tls()
        for _ in range(2):
            self.assertEqual(str(client.command("STARTTLS")),
                             "554 5.5.1 Error: TLS already active")
            self.assert_code(client.command("EHLO x"), 250)

    def test_too_many_refusals(self):
        client = self.open()
        client.send(b"STARTTLS x\r\n" * 30)
        replies = [client.reply() for _ in range(21)]
        self.assertEqual([reply.code for reply in replies], [501] * 20 + [421])
        self.assertEqual(str(replies[-1]), f"421 4.7.0 {HOSTNAME} Error: too many errors")
        self.assert_closed(client)
        end = self.of_log(self.posternd, TOO_MANY, client)
        self.assertEqual(end["stage"], "STARTTLS")

    # --- the reply to EHLO ---

    def test_ehlo_reply(self):
        """Postfix's own lines in their order, but for STARTTLS, AUTH, XCLIENT and XFORWARD."""
        direct = self.connect(("127.0.0.1", self.direct.port))
        lines = direct.greet("x").lines
        self.assertTrue({"XCLIENT", "XFORWARD", "AUTH"} <= {line.split()[0] for line in lines})
        kept = [line for line in lines if not line.startswith(("XCLIENT", "XFORWARD"))]
        plain = [line for line in kept if not line.startswith("AUTH")]
        plain.insert(1, "STARTTLS")
        client = self.open()
        reply = client.command("EHLO x")
        self.assertEqual(reply.lines, plain)
        self.assertRegex(reply.raw, rb"^(250-[^\r\n]+\r\n)+250 [^\r\n]+\r\n$")
        self.assertEqual(client.command("\x0behlo x").lines, plain)
        self.assertEqual(client.command("HELO x").lines, [lines[0]])
        client.command("STARTTLS")
        client.tls()
        self.assertEqual(client.command("EHLO x").lines, kept)
        self.assertEqual(client.command("EHLO y").lines, kept)
        self.assert_code(client.command("MAIL FROM:<a@client.test>"), 250)
        self.assertEqual(client.command("EHLO z").lines, kept)

    def test_close_notify_behind_pipelined_commands(self):
        client = self.gnutls_cli(self.posternd.address(), "NORMAL")
        client.expect(rb"Simple Client Mode:\n\n")
        client.send(b"EHLO x\r\nNOOP\r\nQUIT\r\n")
        client.end()
        self.assertRegex(client.output, rb"\n250 2\.0\.0 Ok\r?\n221 ")

    def test_no_plaintext_after_a_failed_handshake(self):
        client = self.open()
        client.command("STARTTLS")
        client.send(b"NOOP\r\n" * 10)
        self.assert_closed(client)
        self.of_log(self.posternd, FAILED, client)
