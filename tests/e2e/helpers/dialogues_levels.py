"""Dialogues with listeners that want TLS, that begin with it, and that have none."""

from dialogue import CLOSED, EARLY, FIN, IMPLICIT, RESET, TLS, Bytes, Dialogue
from dialogues_starttls import HELLO
from lab.sasl import PLAIN

MAIL = "MAIL FROM:<a@client.test>"
RCPT = "RCPT TO:<b@example.test>"
TEXT = b"Subject: x\r\n\r\nx\r\n.\r\n"

WHOLE = (MAIL, RCPT, "DATA", TEXT, 1)

# (name, the command): what is said where only STARTTLS is of use
COMMANDS = (
    ("NOOP", b"NOOP\r\n"),
    ("HELO", b"HELO x\r\n"),
    ("RSET", b"RSET\r\n"),
    ("VRFY", b"VRFY a\r\n"),
    ("EXPN", b"EXPN a\r\n"),
    ("HELP", b"HELP\r\n"),
    ("ETRN", b"ETRN x\r\n"),
    ("MAIL", b"MAIL FROM:<a@client.test>\r\n"),
    ("MAIL with VT", b"\x0bMAIL FROM:<a@client.test>\r\n"),
    ("RCPT", b"RCPT TO:<b@example.test>\r\n"),
    ("DATA", b"DATA\r\n"),
    ("AUTH", b"AUTH PLAIN\r\n"),
    ("AUTH with its response", b"AUTH PLAIN " + PLAIN.encode() + b"\r\n"),
    ("STARTTLS with an argument", b"STARTTLS x\r\n"),
    ("an unknown verb", b"FOO\r\n"),
    ("XCLIENT", b"XCLIENT NAME=x\r\n"),
    ("an empty line", b"\r\n"),
    ("NUL", b"\0\r\n"),
    ("8-bit", b"\xff\r\n"),
    ("a long line", b"NOOP " + b"A" * 3000 + b"\r\n"),
)

LEVELS = (
    # --- encrypt ---
    *(Dialogue("encrypt, " + name, "EHLO x", line, 1, "NOOP", "STARTTLS", TLS, "EHLO y", line, 1,
               service="encrypt") for name, line in COMMANDS),
    Dialogue("encrypt, before EHLO", b"".join(line for _, line in COMMANDS[:-1]),
             len(COMMANDS) - 1, "STARTTLS", TLS, "EHLO y", service="encrypt"),
    Dialogue("encrypt, a mail", "EHLO x", MAIL, RCPT, "DATA", "STARTTLS", TLS, "EHLO y", *WHOLE,
             service="encrypt"),
    Dialogue("encrypt, a mail in one pipeline",
             b"EHLO x\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n", 4,
             "STARTTLS", TLS, "EHLO y", service="encrypt"),
    Dialogue("encrypt, BDAT", "EHLO x", b"BDAT 6\r\nNOOP\r\n", 1, "NOOP", service="encrypt"),
    Dialogue("encrypt, GET", "EHLO x", "GET / HTTP/1.0", service="encrypt"),
    Dialogue("encrypt, a header", "EHLO x", "Subject: x", service="encrypt"),
    Dialogue("encrypt, QUIT", "EHLO x", b"QUIT\r\n", CLOSED, service="encrypt"),
    Dialogue("encrypt, single bytes", Bytes(b"EHLO x\r\nMAIL FROM:<>\r\nSTARTTLS\r\n"), 3, TLS,
             "EHLO y", *WHOLE, service="encrypt"),
    Dialogue("encrypt, half-close", b"EHLO x\r\nMAIL FROM:<>\r\nNOOP\r\n", FIN, service="encrypt"),
    Dialogue("encrypt, before the banner", EARLY, b"EHLO x\r\nMAIL FROM:<>\r\nSTARTTLS\r\n", 4, TLS,
             "EHLO y", service="encrypt"),
    Dialogue("encrypt, AUTH under TLS", "STARTTLS", TLS, "EHLO x", "AUTH PLAIN " + PLAIN, *WHOLE,
             service="encrypt"),
    Dialogue("encrypt, more errors than the limit", "EHLO x", *[MAIL] * 25, service="encrypt"),
    Dialogue("encrypt, errors of both kinds", "EHLO x", *[MAIL] * 11, "STARTTLS", TLS, "EHLO x",
             *["FOO"] * 11, service="encrypt"),

    # --- implicit ---
    Dialogue("implicit, a mail", IMPLICIT, "EHLO x", *WHOLE, service="implicit"),
    Dialogue("implicit, no EHLO", IMPLICIT, MAIL, RCPT, "RSET", "VRFY a", "FOO",
             service="implicit"),
    Dialogue("implicit, STARTTLS", IMPLICIT, "STARTTLS", "EHLO x", "STARTTLS", "STARTTLS x", "NOOP",
             service="implicit"),
    Dialogue("implicit, STARTTLS in a mail", IMPLICIT, "EHLO x", MAIL, "STARTTLS", RCPT,
             service="implicit"),
    Dialogue("implicit, AUTH", IMPLICIT, "EHLO x", "AUTH PLAIN", PLAIN, "EHLO y", *WHOLE,
             service="implicit"),
    Dialogue("implicit, before the banner", IMPLICIT, b"EHLO x\r\nMAIL FROM:<a@client.test>\r\n", 2,
             service="implicit"),
    Dialogue("implicit, commands", IMPLICIT, "EHLO", "HELO x", "NOOP", "RSET", "HELP", "EXPN a", "",
             "ETRN x", service="implicit"),
    Dialogue("implicit, BDAT", IMPLICIT, b"BDAT 6\r\nNOOP\r\n", 1, "EHLO x", MAIL, RCPT,
             b"BDAT 6 LAST\r\nNOOP\r\n", 1, service="implicit"),
    Dialogue("implicit, half-close", IMPLICIT, b"EHLO x\r\nNOOP\r\nQUIT\r\n", FIN,
             service="implicit"),
    Dialogue("implicit, plaintext", EARLY, b"EHLO x\r\n", CLOSED, service="implicit"),
    Dialogue("implicit, half a ClientHello", EARLY, HELLO[:40], FIN,
             service="implicit"),
    Dialogue("implicit, half-close at once", EARLY, FIN, service="implicit"),
    Dialogue("implicit, reset at once", EARLY, RESET, service="implicit"),

    # --- a second service behind TLS ---
    Dialogue("moved, a mail", "EHLO x", "STARTTLS", TLS, "EHLO y", *WHOLE, *WHOLE, service="moved"),
    Dialogue("moved, a mail in one pipeline", b"EHLO x\r\nNOOP\r\nSTARTTLS\r\n", 3, TLS,
             b"EHLO y\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n", 4,
             TEXT + b"QUIT\r\n", CLOSED, service="moved"),
    Dialogue("moved, no EHLO behind TLS", "EHLO x", "STARTTLS", TLS, MAIL, RCPT, "RSET", "VRFY a",
             "FOO", service="moved"),
    Dialogue("moved, AUTH", "EHLO x", "AUTH PLAIN", "STARTTLS", TLS, "EHLO y", "AUTH PLAIN", PLAIN,
             *WHOLE, service="moved"),
    Dialogue("moved, STARTTLS again", "STARTTLS", TLS, "STARTTLS", "EHLO y", "STARTTLS", MAIL,
             service="moved"),
    Dialogue("moved, injected", "EHLO x", b"STARTTLS\r\nMAIL FROM:<a@client.test>\r\n", 1, TLS,
             RCPT, "EHLO y", RCPT, service="moved"),
    Dialogue("moved, BDAT", "STARTTLS", TLS, b"BDAT 6\r\nNOOP\r\n", 1, "EHLO y", MAIL, RCPT,
             b"BDAT 6\r\nNOOP\r\nBDAT 0 LAST\r\n", 2, service="moved"),
    Dialogue("moved, single bytes", Bytes(b"EHLO x\r\nSTARTTLS\r\n"), 2, TLS,
             Bytes(b"EHLO y\r\nMAIL FROM:<a@client.test>\r\nQUIT\r\n"), CLOSED, service="moved"),
    Dialogue("moved, half-close", "STARTTLS", TLS, b"EHLO y\r\nNOOP\r\nQUIT\r\n", FIN,
             service="moved"),
    Dialogue("moved, half-close at once", "STARTTLS", TLS, FIN, service="moved"),
    Dialogue("moved, a mail without TLS", "EHLO x", *WHOLE, "STARTTLS", service="moved"),
    Dialogue("moved, a header", "STARTTLS", TLS, b"Subject: x\r\n", CLOSED, service="moved"),

    # --- a client in starttls_except ---
    Dialogue("excepted, a mail", "EHLO x", *WHOLE, "STARTTLS", service="excepted"),
    Dialogue("excepted, STARTTLS", "STARTTLS", "EHLO x", "STARTTLS", "starttls x", b"STARTTLS\0\n", 1,
             b"NOOP\r\nSTARTTLS\r\nNOOP\r\n", 3, TLS, service="excepted"),
    Dialogue("excepted, EHLO twice, and HELO", "EHLO x", "EHLO y", "STARTTLS", "HELO z", "STARTTLS",
             "EHLO x", service="excepted"),
    Dialogue("excepted, EHLO, STARTTLS and a mail in one pipeline",
             b"EHLO x\r\nSTARTTLS\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n",
             5, TEXT, 1, "EHLO y", service="excepted"),
    Dialogue("excepted, before the banner", EARLY, b"EHLO x\r\nSTARTTLS\r\nNOOP\r\n", 4,
             service="excepted"),
    Dialogue("excepted, a ClientHello", "EHLO x", b"STARTTLS\r\n" + HELLO[:40] + b"\r\n", 2,
             service="excepted"),
    Dialogue("excepted, single bytes", Bytes(b"EHLO x\r\nSTARTTLS\r\n"), 2, service="excepted"),
    Dialogue("excepted, AUTH", "EHLO x", "AUTH PLAIN " + PLAIN, "AUTH PLAIN", "NOOP",
             service="excepted"),
    Dialogue("excepted, half-close", b"EHLO x\r\nSTARTTLS\r\nNOOP\r\n", FIN, service="excepted"),
    Dialogue("excepted, more errors than the limit", "EHLO x", *["STARTTLS"] * 25,
             service="excepted"),

    # --- none ---
    Dialogue("none, a mail", "EHLO x", *WHOLE, "STARTTLS", service="none"),
    Dialogue("none, STARTTLS", "STARTTLS", "EHLO x", "STARTTLS", "starttls x", b"STARTTLS\0\n", 1,
             b"NOOP\r\nSTARTTLS\r\nNOOP\r\n", 3, TLS, service="none"),
    Dialogue("none, STARTTLS and a mail", "EHLO x", "STARTTLS",
             b"STARTTLS\r\nMAIL FROM:<a@client.test>\r\nSTARTTLS\r\n", 3, service="none"),
    Dialogue("none, a ClientHello", "EHLO x", b"STARTTLS\r\n" + HELLO[:40]
             + b"\r\n", 2, service="none"),
    Dialogue("none, AUTH", "EHLO x", "AUTH PLAIN " + PLAIN, "AUTH PLAIN", "NOOP", service="none"),
    Dialogue("none, half-close", b"EHLO x\r\nSTARTTLS\r\nNOOP\r\n", FIN, service="none"),
    Dialogue("none, more errors than the limit", "EHLO x", *["STARTTLS"] * 25, service="none"),
)
