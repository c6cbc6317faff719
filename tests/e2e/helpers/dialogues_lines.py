"""Dialogues about lines and their ends: long ones, empty ones, odd bytes, pipelines, half-closes.
"""

from dialogue import CLOSED, EARLY, FIN, RESET, TLS, Bytes, Dialogue

# Postfix looks at so many bytes of a line (line_length_limit).
LINE = 2048

MAIL = b"MAIL FROM:<a@client.test>\r\n"
RCPT = b"RCPT TO:<b@example.test>\r\n"

# (name, the line): at the border of what Postfix looks at
LONG = (
    *((f"NOOP of {LINE + more} bytes with its end",
       b"NOOP " + b"A" * (LINE - 7 + more) + b"\r\n") for more in (-1, 0, 1, 2, 3)),
    ("NOOP of 3000 bytes", b"NOOP " + b"A" * 3000 + b"\r\n"),
    ("NOOP of 3000 bytes, bare LF", b"NOOP " + b"A" * 3000 + b"\n"),
    ("NOOP of 300 kB", b"NOOP " + b"A" * 300000 + b"\r\n"),
    ("no verb in 300 kB", b"A" * 300000 + b"\r\n"),
    ("300 kB of blanks", b" " * 300000 + b"\r\n"),
    ("300 kB of NUL", b"\0" * 300000 + b"\r\n"),
    ("EHLO of 3000 bytes", b"EHLO " + b"A" * 3000 + b"\r\n"),
    ("VRFY of 3000 bytes", b"VRFY " + b"A" * 3000 + b"\r\n"),
    ("unknown verb of 3000 bytes", b"FOO " + b"A" * 3000 + b"\r\n"),
    ("STARTTLS behind 3000 bytes of NOOP", b"NOOP " + b"A" * 3000 + b"STARTTLS\r\n"),
    ("STARTTLS placed at the border", b"NOOP ".ljust(LINE) + b"STARTTLS\r\n"),
    ("STARTTLS placed one byte before the border", b"NOOP ".ljust(LINE - 1) + b"STARTTLS\r\n"),
    ("RSET that ends at the border", b"RSET".rjust(LINE) + b"\r\n"),
    ("RSET that ends one byte before it", b"RSET".rjust(LINE - 1) + b"\r\n"),
    ("RSET that the border cuts", b"RSET".rjust(LINE + 1) + b"\r\n"),
    ("RSET behind the border", b"RSET".rjust(LINE + 4) + b"\r\n"),
)

# (name, the line): STARTTLS and the border
LONG_STARTTLS = (
    ("and 3000 blanks", b"STARTTLS" + b" " * 3000 + b"\r\n"),
    ("and 3000 blanks and an argument", b"STARTTLS" + b" " * 3000 + b"x\r\n"),
    ("and 3000 tabs, bare LF", b"STARTTLS" + b"\t" * 3000 + b"\n"),
    ("and 3000 bytes of argument", b"STARTTLS " + b"A" * 3000 + b"\r\n"),
    ("with an argument just before the border", b"STARTTLS".ljust(LINE - 1) + b"x\r\n"),
    ("with an argument just behind the border", b"STARTTLS".ljust(LINE) + b"x\r\n"),
    ("with its end just before the border", b"STARTTLS".ljust(LINE - 2) + b"\r\n"),
    ("with its end across the border", b"STARTTLS".ljust(LINE - 1) + b"\r\n"),
    ("with its end just behind the border", b"STARTTLS".ljust(LINE) + b"\r\n"),
    ("two bytes before the border", b"STARTTLS".rjust(LINE - 2) + b"\r\n"),
    ("one byte before the border", b"STARTTLS".rjust(LINE - 1) + b"\r\n"),
    ("that ends at the border", b"STARTTLS".rjust(LINE) + b"\r\n"),
    ("that the border cuts", b"STARTTLS".rjust(LINE + 1) + b"\r\n"),
    ("that the border makes of a longer word", b"STARTTLSABC".rjust(LINE + 3) + b"\r\n"),
    ("behind the border", b"STARTTLS".rjust(LINE + 8) + b"\r\n"),
)

# (name, the line): what is hardly a command
ODD = (
    ("empty", b"\r\n"),
    ("empty, bare LF", b"\n"),
    ("CRCRLF alone", b"\r\r\n"),
    ("a blank", b" \r\n"),
    ("every blank", b" \t\x0b\x0c\r\n"),
    ("NUL alone", b"\0\r\n"),
    ("NUL inside NOOP", b"NO\0OP\r\n"),
    ("NUL behind NOOP", b"NOOP\0\r\n"),
    ("NUL behind EHLO's argument", b"EHLO x\0y\r\n"),
    ("CR inside an argument", b"NOOP a\rb\r\n"),
    ("8-bit verb", b"\xc3\x28\r\n"),
    ("8-bit behind a verb", b"NOOP\xff\r\n"),
    ("8-bit argument", b"NOOP \xff\r\n"),
    ("8-bit argument of VRFY", b"VRFY \xff\r\n"),
    ("UTF-8 verb", "N\u00d6\u00d6P\r\n".encode()),
    ("UTF-8 argument", "NOOP \u00d6\r\n".encode()),
    ("UTF-8 argument of VRFY", "VRFY \u00d6@example.test\r\n".encode()),
    ("UTF-8, one byte short", b"NOOP \xc3\r\n"),
    ("telnet options", b"\xff\xfd\x03\xff\xfb\x18NOOP\r\n"),
    ("backspaces", b"NOOPX\x08\r\n"),
    ("a PROXY header", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"),
    ("a PROXY v2 header", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0\r\n"),
)


def _odd(name, line):
    """The line, alone and pipelined; TLS after it; and under TLS."""
    number = line.count(b"\n")
    return Dialogue("line, " + name, "EHLO x", line, number, b"NOOP\r\n" + line + b"NOOP\r\n",
                    number + 2, "STARTTLS", TLS, "EHLO y", line, number)


LINES = (
    *(Dialogue("long line, " + name, "EHLO x", line, 1, "NOOP", "EHLO x", "STARTTLS", TLS,
               "EHLO x", line, 1) for name, line in LONG),
    *(Dialogue("long STARTTLS, " + name, "EHLO x", line, 1, TLS, "NOOP", "EHLO y", "NOOP")
      for name, line in LONG_STARTTLS),
    *(_odd(*each) for each in ODD if b"QUIT" not in each[1]),
    Dialogue("line, a PROXY v2 header", "EHLO x", ODD[-1][1], CLOSED),
    Dialogue("long line without an end, then half-close", "EHLO x", b"NOOP " + b"A" * 3000, FIN),
    Dialogue("half a verb, then half-close", "EHLO x", b"NOO", FIN),
    Dialogue("half a STARTTLS, then half-close", "EHLO x", b"STARTTLS", FIN),
    Dialogue("long line under TLS before EHLO", "STARTTLS", TLS, b"NOOP " + b"A" * 3000 + b"\r\n",
             1),
    Dialogue("long lines, pipelined", (b"NOOP " + b"A" * 3000 + b"\r\n") * 20, 20, "NOOP"),
    Dialogue("100 empty lines", b"\r\n" * 100, 100, "STARTTLS", TLS, "EHLO x"),
    Dialogue("bare LF throughout", b"EHLO x\nNOOP\nVRFY a\nSTARTTLS\n", 4, TLS,
             b"EHLO y\n" + MAIL[:-2] + b"\n" + RCPT[:-2] + b"\nDATA\n", 4,
             b"Subject: x\r\n\r\nx\r\n.\r\n", 1),
    Dialogue("CRCRLF throughout", b"EHLO x\r\r\nNOOP\r\r\nSTARTTLS\r\r\n", 3, TLS,
             b"EHLO y\r\r\n", 1),

    # --- pipelines ---
    Dialogue("pipeline of a whole session", b"EHLO x\r\n" + MAIL + RCPT + b"DATA\r\n", 4,
             b"Subject: x\r\n\r\nx\r\n.\r\nQUIT\r\n", CLOSED),
    Dialogue("pipeline of a whole session, and its data",
             b"EHLO x\r\n" + MAIL + RCPT + b"DATA\r\nSubject: x\r\n\r\nx\r\n.\r\nNOOP\r\nQUIT\r\n",
             CLOSED),
    Dialogue("pipeline of two mails under TLS", "STARTTLS", TLS,
             b"EHLO x\r\n" + (MAIL + RCPT + b"DATA\r\nx\r\n.\r\n") * 2 + b"QUIT\r\n", CLOSED),
    Dialogue("pipeline of 150 commands", b"NOOP\r\nRSET\r\nVRFY a\r\nHELP\r\nEXPN a\r\n" * 30, 150),
    Dialogue("pipeline of 100 unknown commands", b"FOO\r\nNOOP\r\n" * 50, 100, "STARTTLS", TLS,
             "EHLO x"),
    Dialogue("pipeline of 20 EHLO", b"EHLO x\r\n" * 20, 20, "STARTTLS", TLS, b"EHLO x\r\n" * 20,
             20),
    Dialogue("pipeline of 70 commands and MAIL", b"NOOP\r\n" * 70 + MAIL + b"NOOP\r\n", 72),
    Dialogue("pipeline before the banner", EARLY, b"EHLO x\r\nNOOP\r\n" + MAIL + RCPT, 5, "RSET"),
    Dialogue("pipeline before the banner, with an unknown verb", EARLY,
             b"FOO\r\nEHLO x\r\nNOOP\r\nSTARTTLS\r\n", 5, TLS, "EHLO x"),
    Dialogue("pipeline in single bytes under TLS", "STARTTLS", TLS,
             Bytes(b"EHLO x\r\n" + MAIL + RCPT + b"DATA\r\nx\r\n.\r\nQUIT\r\n"), CLOSED),

    # --- the end of the client's direction ---
    Dialogue("half-close at once", b"", FIN),
    Dialogue("half-close before the banner", EARLY, b"", FIN),
    Dialogue("half-close behind a pipeline", b"EHLO x\r\nNOOP\r\nQUIT\r\n", FIN),
    Dialogue("half-close behind a pipeline without QUIT", b"EHLO x\r\nFOO\r\nNOOP\r\nFOO\r\n", FIN),
    Dialogue("half-close behind refusals", b"EHLO x\r\nSTARTTLS x\r\nNOOP\r\nSTARTTLS x\r\n", FIN),
    Dialogue("half-close behind STARTTLS", b"EHLO x\r\nSTARTTLS\r\n", FIN),
    Dialogue("half-close behind MAIL", b"EHLO x\r\n" + MAIL + RCPT, FIN),
    Dialogue("half-close behind a mail",
             b"EHLO x\r\n" + MAIL + RCPT + b"DATA\r\nSubject: x\r\n\r\nx\r\n.\r\n", FIN),
    Dialogue("half-close in a mail", 
             b"EHLO x\r\n" + MAIL + RCPT + b"DATA\r\nSubject: x\r\n\r\nx\r\n", FIN),
    Dialogue("half-close in a chunk", b"EHLO x\r\n" + MAIL + RCPT + b"BDAT 100 LAST\r\nx\r\n", FIN),
    Dialogue("half-close behind a mail under TLS", "STARTTLS", TLS,
             b"EHLO x\r\n" + MAIL + RCPT + b"DATA\r\nSubject: x\r\n\r\nx\r\n.\r\n", FIN),
    Dialogue("reset at once", b"", RESET),
    Dialogue("reset behind a pipeline", b"EHLO x\r\nNOOP\r\n", RESET),
    Dialogue("reset in a mail", "EHLO x", b"" + MAIL + RCPT + b"DATA\r\n", 3, b"x\r\n", RESET),
)
