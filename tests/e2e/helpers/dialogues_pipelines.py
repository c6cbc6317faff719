"""Dialogues about commands that a client sends before it may: with a Postfix that minds it
(smtpd_forbid_unauth_pipelining = yes, the default of 3.9 and later) and with one that does not."""

from dialogue import FIN, IMPLICIT, TLS, Dialogue
from lab.sasl import PLAIN

MAIL = b"MAIL FROM:<a@client.test>\r\n"
RCPT = b"RCPT TO:<b@example.test>\r\n"
WHOLE = MAIL + RCPT + b"DATA\r\n"
TEXT = b"Subject: x\r\n\r\nx\r\n.\r\n"
AUTH = b"AUTH PLAIN " + PLAIN.encode() + b"\r\n"

# The services of a Postfix that minds, and of one that does not (dialogues.py).
KINDS = ("sync", "async")

# (name, items): what a client says first, in plaintext or under TLS
FIRST = (
    ("EHLO and NOOP", (b"EHLO x\r\nNOOP\r\n", 2)),
    ("EHLO and RSET", (b"EHLO x\r\nRSET\r\n", 2)),
    ("EHLO and HELP", (b"EHLO x\r\nHELP\r\n", 2)),
    ("EHLO and QUIT", (b"EHLO x\r\nQUIT\r\n", 2)),
    ("EHLO and EHLO", (b"EHLO x\r\nEHLO y\r\n", 2)),
    ("EHLO and VRFY", (b"EHLO x\r\nVRFY a\r\n", 2)),
    ("EHLO and FOO", (b"EHLO x\r\nFOO\r\nNOOP\r\n", 3)),
    ("EHLO and an empty line", (b"EHLO x\r\n\r\nNOOP\r\n", 3)),
    ("EHLO and half a line", (b"EHLO x\r\nMAIL FR", 1, b"OM:<a@client.test>\r\n", 1)),
    ("EHLO and MAIL", (b"EHLO x\r\n" + MAIL, 2, RCPT, 1)),
    ("EHLO, NOOP and MAIL", (b"EHLO x\r\nNOOP\r\n" + MAIL, 3)),
    ("EHLO and a mail", (b"EHLO x\r\n" + WHOLE, 4, TEXT, 1)),
    ("EHLO and a mail with its data", (b"EHLO x\r\n" + WHOLE + TEXT, 5)),
    ("EHLO and BDAT", (b"EHLO x\r\nBDAT 6\r\nNOOP\r\n", 2)),
    ("EHLO and STARTTLS", (b"EHLO x\r\nSTARTTLS\r\n", 2, TLS)),
    ("HELO and NOOP", (b"HELO x\r\nNOOP\r\n", 2)),
    ("HELO and MAIL", (b"HELO x\r\n" + MAIL, 2, RCPT, 1)),
    ("EHLO refused, and NOOP", (b"EHLO\r\nNOOP\r\n", 2)),
    ("EHLO refused, and MAIL", (b"EHLO\r\n" + MAIL + RCPT, 3)),
    ("HELO refused, and MAIL", (b"HELO\r\n" + MAIL + RCPT, 3)),
    ("EHLO and MAIL, half-close", (b"EHLO x\r\n" + MAIL + RCPT, FIN)),
    ("EHLO and half a line, half-close", (b"EHLO x\r\nMAIL FR", FIN)),
    ("NOOP and NOOP before EHLO", (b"NOOP\r\nNOOP\r\n", 2)),
    ("FOO and NOOP before EHLO", (b"FOO\r\nNOOP\r\n", 2)),
    ("HELP and NOOP before EHLO", (b"HELP\r\nNOOP\r\n", 2)),
    ("NOOP and NOOP", ("EHLO x", b"NOOP\r\nNOOP\r\n", 2)),
    ("RSET and NOOP", ("EHLO x", b"RSET\r\nNOOP\r\n", 2)),
    ("VRFY and NOOP", ("EHLO x", b"VRFY a\r\nNOOP\r\n", 2)),
    ("FOO and NOOP", ("EHLO x", b"FOO\r\nNOOP\r\n", 2)),
    ("FOO, RSET and NOOP", ("EHLO x", b"FOO\r\nRSET\r\nNOOP\r\n", 3)),
    ("a second EHLO and MAIL", ("EHLO x", b"EHLO y\r\n" + MAIL, 2)),
    ("a pipeline that is allowed", ("EHLO x", WHOLE, 3, TEXT, 1)),
    ("two mails that are allowed", ("EHLO x", WHOLE, 3, TEXT + WHOLE, 4, TEXT, 1)),
    ("data behind DATA", ("EHLO x", WHOLE + TEXT, 4)),
)

# The same where AUTH belongs under TLS.
AUTHS = (
    ("EHLO and AUTH", (b"EHLO x\r\n" + AUTH, 2)),
    ("AUTH and MAIL", ("EHLO x", AUTH + MAIL, 2)),
)

# In plaintext only
PLAINTEXT = (
    ("RSET and STARTTLS", ("EHLO x", b"RSET\r\nSTARTTLS\r\n", 2, TLS, "EHLO y")),
    ("FOO and STARTTLS", ("EHLO x", b"FOO\r\nSTARTTLS\r\n", 2, TLS, "EHLO y")),
    ("STARTTLS and NOOP", ("EHLO x", b"STARTTLS\r\nNOOP\r\n", 1, TLS, "EHLO y")),
    ("EHLO and STARTTLS and NOOP", (b"EHLO x\r\nSTARTTLS\r\nNOOP\r\n", 2, TLS, "EHLO y")),
)

# Behind STARTTLS and before EHLO Postfix takes what posternd does not, also one by one.
NO_EHLO = (
    ("MAIL and RCPT before EHLO", (MAIL + RCPT, 2)),
    ("NOOP and MAIL before EHLO", (b"NOOP\r\n" + MAIL, 2)),
)


def _of(kind):
    yield from (Dialogue(f"{kind}, {name}", *items, service=kind)
                for name, items in (*FIRST, *AUTHS, *PLAINTEXT, *NO_EHLO))
    yield from (Dialogue(f"{kind}, {name}, under TLS", "EHLO w", "STARTTLS", TLS, *items,
                         service=kind) for name, items in (*FIRST, *AUTHS, *NO_EHLO))
    yield from (Dialogue(f"{kind}, {name}, implicit", IMPLICIT, *items, service=kind + "-implicit")
                for name, items in (*FIRST, *AUTHS, *NO_EHLO))
    yield from (Dialogue(f"{kind}, {name}, moved", "EHLO w", "STARTTLS", TLS, *items,
                         service=kind + "-moved") for name, items in (*FIRST, *AUTHS, *NO_EHLO))
    yield from (Dialogue(f"{kind}, {name}, encrypt", *items, "STARTTLS", TLS, "EHLO y",
                         service=kind + "-encrypt") for name, items in (*FIRST[:6], *FIRST[9:11],
                                                                        *AUTHS[:1]))


PIPELINES = tuple(each for kind in KINDS for each in _of(kind))
