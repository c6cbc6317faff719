"""Dialogues about commands: with and without arguments, unknown ones, mails, AUTH, limits."""

from dialogue import CLOSED, EARLY, FIN, TLS, Dialogue
from lab.sasl import PLAIN

MAIL = "MAIL FROM:<a@client.test>"
RCPT = "RCPT TO:<b@example.test>"
TEXT = b"Subject: x\r\n\r\nx\r\n"

# (name, commands): each dialogue is played in plaintext, with STARTTLS at its end
COMMANDS = (
    ("EHLO without argument", ("EHLO", "EHLO ", "NOOP", "EHLO\t")),
    ("HELO without argument", ("HELO", "NOOP", "HELO  ")),
    ("EHLO and HELO by turns", ("EHLO x", "HELO y", "EHLO z", "HELO a b", "EHLO a b")),
    ("EHLO with odd names", ("EHLO [192.0.2.1]", "EHLO [IPv6:2001:db8::1]", "EHLO -", "EHLO <x>",
                             "EHLO \"x\"", "EHLO x_y!", "EHLO \u00e4.test", "ehlo x", "Ehlo\tx")),
    ("no EHLO at all", ("NOOP", "RSET", "VRFY a", "EXPN a", "HELP", "ETRN x", "FOO")),
    ("NOOP", ("EHLO x", "NOOP", "NOOP x y", "noop", "NOOP <a")),
    ("RSET", ("EHLO x", "RSET", "RSET x", "rset")),
    ("VRFY", ("EHLO x", "VRFY", "VRFY b", "VRFY b@example.test", "VRFY <b@elsewhere.test>",
              "VRFY a b", "VRFY <", "VRFY nobody@example.test")),
    ("EXPN", ("EHLO x", "EXPN", "EXPN b", "expn <b@example.test>")),
    ("HELP", ("EHLO x", "HELP", "HELP MAIL", "help")),
    ("ETRN", ("EHLO x", "ETRN", "ETRN x y", "ETRN elsewhere.test", "ETRN [192.0.2.1]", "ETRN <x>")),
    ("XCLIENT and XFORWARD", ("EHLO x", "XCLIENT ADDR=192.0.2.1", "XFORWARD NAME=x", "XCLIENT")),
    ("unknown verbs", ("EHLO x", "FOO", "FOO bar", "MAI", "MAILX", "EHLOX y", "1", "?", "-",
                       "SEND FROM:<a@client.test>", "SOML FROM:<a@client.test>", "TURN",
                       "VERB", "ONEX", "QUI")),
    ("replies as commands", ("250 ok", "220 x", "354 go", "221 bye")),
)

# (name, the line): verbs that Postfix closes for (smtpd_forbidden_commands, and headers)
FORBIDDEN = (
    ("GET", b"GET / HTTP/1.0\r\nHost: x\r\n\r\n"),
    ("POST", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nNOOP\r\n"),
    ("CONNECT", b"CONNECT mx:25 HTTP/1.1\r\n\r\n"),
    ("CONNECT, lower case", b"connect mx:25 HTTP/1.1\r\n\r\n"),
    ("a header", b"Subject: x\r\n\r\nNOOP\r\n"),
    ("a header, no blank", b"Received:x\r\n"),
)

# (name, items after EHLO): played in plaintext and under TLS
MAILS = (
    ("a mail", (MAIL, RCPT, "DATA", TEXT + b".\r\n", 1)),
    ("two recipients", (MAIL, RCPT, "RCPT TO:<c@example.test>", "DATA", TEXT + b".\r\n", 1)),
    ("no text", (MAIL, RCPT, "DATA", b".\r\n", 1, "NOOP")),
    ("dots and commands in the text",
     (MAIL, RCPT, "DATA", b"..\r\n...\r\nQUIT\r\nRSET\r\nEHLO z\r\n.x\r\n.\r\n", 1, "NOOP")),
    ("LF.LF in the text", (MAIL, RCPT, "DATA", b"x\n.\nNOOP\r\n.\r\n", 2)),
    ("LF.CRLF in the text", (MAIL, RCPT, "DATA", b"x\n.\r\nNOOP\r\n.\r\n", 2)),
    ("CRLF.LF in the text", (MAIL, RCPT, "DATA", b"x\r\n.\nNOOP\r\n.\r\n", 2)),
    ("CR.CR in the text", (MAIL, RCPT, "DATA", b"x\r.\rNOOP\r\n.\r\n", 1)),
    ("CR.CRLF in the text", (MAIL, RCPT, "DATA", b"x\r.\r\nNOOP\r\n.\r\n", 1)),
    ("dot and NUL in the text", (MAIL, RCPT, "DATA", b"x\r\n.\0\r\nNOOP\r\n.\r\n", 1)),
    ("dot and CRCRLF in the text", (MAIL, RCPT, "DATA", b"x\r\n.\r\r\nNOOP\r\n.\r\n", 1)),
    ("commands out of order", (RCPT, "DATA", MAIL, MAIL, "DATA", RCPT, "DATA x", "RSET", RCPT)),
    ("EHLO in a mail", (MAIL, RCPT, "EHLO y", RCPT, "DATA")),
    ("HELO in a mail", (MAIL, RCPT, "HELO y", RCPT, "DATA")),
    ("senders", ("MAIL FROM:<>", "RSET", "MAIL", "MAIL FROM", "MAIL FROM:", "MAIL FROM:a@b.test",
                 "RSET", "MAIL TO:<a@client.test>", "MAIL FROM:<a@client.test> FOO=1",
                 "MAIL FROM:<refused@client.test>", "RSET", "mail from:<a@client.test>", "RSET",
                 "MAIL FROM: <a@client.test>", "RSET", "MAIL\x0bFROM:<a@client.test>", "RSET",
                 "MAIL FROM:<a b@client.test>", "MAIL FROM:<" + "a" * 300 + "@client.test>")),
    ("parameters", ("MAIL FROM:<a@client.test> SIZE=1000", "RSET",
                    "MAIL FROM:<a@client.test> SIZE=99999999999", "RSET",
                    "MAIL FROM:<a@client.test> SIZE=x", "MAIL FROM:<a@client.test> BODY=8BITMIME",
                    "RSET", "MAIL FROM:<a@client.test> BODY=BINARYMIME", "RSET",
                    "MAIL FROM:<\u00e4@client.test> SMTPUTF8", "RSET",
                    "MAIL FROM:<\u00e4@client.test>", "RSET",
                    "MAIL FROM:<a@client.test> RET=HDRS ENVID=x", "RCPT TO:<b@example.test> "
                    "NOTIFY=SUCCESS ORCPT=rfc822;b@example.test", "RSET",
                    "MAIL FROM:<a@client.test> AUTH=<>", "RSET")),
    ("recipients", (MAIL, "RCPT", "RCPT TO:<>", "RCPT TO:b@example.test",
                    "RCPT FROM:<b@example.test>", "RCPT TO:<b@elsewhere.test>",
                    "RCPT TO:<refused@example.test>", "RCPT TO:<later@example.test>",
                    "RCPT TO:<postmaster>", "RCPT TO:<b>",
                    "RCPT TO:<@x.test:b@example.test>", "RCPT TO:<b@[192.0.2.1]>",
                    "RCPT TO:<b@example.test> FOO=1", RCPT)),
    ("only refused recipients", (MAIL, "RCPT TO:<b@elsewhere.test>", "DATA", "RSET")),
    ("refused recipients, pipelined",
     (b"MAIL FROM:<a@client.test>\r\nRCPT TO:<b@elsewhere.test>\r\nDATA\r\nRSET\r\n", 4)),
    ("refused at the end of the text",
     (MAIL, RCPT, "DATA", b"Subject: refused\r\n\r\nx\r\n.\r\n", 1, "NOOP")),
    ("a mail and the next, pipelined",
     (b"MAIL FROM:<a@client.test>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n", 3,
      TEXT + b".\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n", 4,
      TEXT + b".\r\nNOOP\r\n", 2)),
    ("QUIT in a mail", (MAIL, RCPT, b"QUIT\r\n", CLOSED)),
    ("BDAT in one chunk", (MAIL, RCPT, b"BDAT 17 LAST\r\n" + TEXT, 1)),
    ("BDAT in two chunks", (MAIL, RCPT, b"BDAT 12\r\n" + TEXT[:12], 1,
                            b"BDAT 5 LAST\r\n" + TEXT[12:], 1)),
    ("BDAT with an empty last chunk", (MAIL, RCPT, b"BDAT 17\r\n" + TEXT, 1, "BDAT 0 LAST")),
    ("BDAT, pipelined", (b"MAIL FROM:<a@client.test>\r\nRCPT TO:<b@example.test>\r\nBDAT 12\r\n"
                         + TEXT[:12] + b"BDAT 5 LAST\r\n" + TEXT[12:] + b"NOOP\r\n", 5)),
    ("BDAT of commands", (MAIL, RCPT, b"BDAT 17\r\nNOOP\r\n.\r\nBDAT 5\r\n", 1, b"BDAT 6 LAST\r\n"
                          b"QUIT\r\n", 1)),
    ("BDAT, binary", (MAIL, RCPT, b"BDAT 256 LAST\r\n" + bytes(range(256)), 1)),
    ("BDAT cut within CRLF", (MAIL, RCPT, b"BDAT 11\r\n" + TEXT[:11], 1,
                              b"BDAT 6 LAST\r\n" + TEXT[11:], 1)),
    ("BDAT without recipient", (MAIL, b"BDAT 6\r\nNOOP\r\n", 1, b"BDAT 6 LAST\r\nNOOP\r\n", 1)),
    ("BDAT without mail", (b"BDAT 6\r\nNOOP\r\n", 1)),
    ("BDAT and DATA mixed", (MAIL, RCPT, b"BDAT 12\r\n" + TEXT[:12], 1, "DATA", "RSET")),
    ("BDAT of no number", (MAIL, RCPT, b"BDAT abc\r\n", CLOSED)),
    ("BDAT without argument", (MAIL, RCPT, b"BDAT\r\n", CLOSED)),
    ("BDAT of a negative number", (MAIL, RCPT, b"BDAT -1\r\n", CLOSED)),
    ("BDAT and RSET between chunks", (MAIL, RCPT, b"BDAT 12\r\n" + TEXT[:12], 1, "RSET",
                                      b"BDAT 6 LAST\r\nNOOP\r\n", 1)),
)

# (name, items after EHLO): played before TLS, under TLS, and before TLS where that is allowed
AUTHS = (
    ("in one", ("AUTH PLAIN " + PLAIN,)),
    ("in two", ("AUTH PLAIN", PLAIN)),
    ("in two, pipelined", (b"AUTH PLAIN\r\n" + PLAIN.encode() + b"\r\n", 2)),
    ("lower case, tab", ("auth\tplain " + PLAIN,)),
    ("VT before and behind", ("\x0bAUTH\x0bPLAIN\x0b" + PLAIN,)),
    ("given up", ("AUTH PLAIN", "*", "NOOP")),
    ("of no base64", ("AUTH PLAIN !", "AUTH PLAIN", "STARTTLS", "NOOP")),
    ("with an unknown mechanism", ("AUTH FOO", "AUTH LOGIN")),
    ("without argument", ("AUTH", "AUTH  ")),
    ("with too many arguments", (f"AUTH PLAIN {PLAIN} x",)),
    ("twice", ("AUTH PLAIN " + PLAIN, "AUTH PLAIN " + PLAIN)),
    ("and a mail to elsewhere", ("AUTH PLAIN " + PLAIN, MAIL, "RCPT TO:<b@elsewhere.test>")),
    ("in a mail", (MAIL, "AUTH PLAIN " + PLAIN)),
    ("with a long response", ("AUTH PLAIN", "A" * 5000, "NOOP")),
    ("with a response that is too long", ("AUTH PLAIN", "A" * 13000, "NOOP")),
)


def _both(prefix, name, items):
    yield Dialogue(f"{prefix}{name}", "EHLO x", *items)
    yield Dialogue(f"{prefix}{name}, under TLS", "EHLO x", "STARTTLS", TLS, "EHLO y", *items)


REFERENCE = (
    *(Dialogue("command, " + name, *items, "STARTTLS", TLS, *items, MAIL)
      for name, items in COMMANDS),
    *(Dialogue("forbidden, " + name, "EHLO x", line, CLOSED) for name, line in FORBIDDEN),
    *(Dialogue(f"forbidden, {name}, under TLS", "STARTTLS", TLS, "EHLO x", line, CLOSED)
      for name, line in FORBIDDEN),
    *(each for row in MAILS for each in _both("mail, ", *row)),
    *(Dialogue("AUTH before TLS, " + name, "EHLO x", *items[:1], "NOOP", "STARTTLS", TLS, "EHLO y")
      for name, items in AUTHS if isinstance(items[0], str) and items[0] != MAIL),
    *(Dialogue("AUTH under TLS, " + name, "STARTTLS", TLS, "EHLO x", *items, "EHLO y")
      for name, items in AUTHS),
    *(Dialogue("AUTH allowed before TLS, " + name, "EHLO x", *items, "EHLO y", service="auth")
      for name, items in AUTHS),
    Dialogue("AUTH before TLS, before EHLO", "AUTH PLAIN " + PLAIN, "EHLO x", "STARTTLS", TLS,
             "EHLO y"),
    Dialogue("STARTTLS after AUTH", "EHLO x", "AUTH PLAIN " + PLAIN, "STARTTLS", TLS, "EHLO y",
             "AUTH PLAIN " + PLAIN, MAIL, "RCPT TO:<b@elsewhere.test>", service="auth"),
    Dialogue("STARTTLS in AUTH", "EHLO x", "AUTH PLAIN", "STARTTLS", "STARTTLS", TLS, "EHLO y",
             service="auth"),
    Dialogue("STARTTLS after AUTH that was given up", "EHLO x", "AUTH PLAIN", "*", "STARTTLS", TLS,
             "EHLO y", service="auth"),
    Dialogue("STARTTLS after AUTH that was refused", "EHLO x", "AUTH FOO", "STARTTLS", TLS,
             "EHLO y", service="auth"),

    # --- the end ---
    Dialogue("QUIT", b"QUIT\r\n", CLOSED),
    Dialogue("QUIT with an argument", "EHLO x", "QUIT x", b"quit\r\n", CLOSED),
    Dialogue("QUIT, pipelined with what is before and behind",
             b"EHLO x\r\nNOOP\r\nQUIT\r\nNOOP\r\nMAIL FROM:<a@client.test>\r\n", CLOSED),
    Dialogue("QUIT before the banner", EARLY, b"QUIT\r\n", CLOSED),
    Dialogue("QUIT under TLS, pipelined", "STARTTLS", TLS, b"EHLO x\r\nQUIT\r\nNOOP\r\n", CLOSED),
    Dialogue("QUIT with bare LF", b"QUIT\n", CLOSED),

    # --- more errors than smtpd_hard_error_limit ---
    Dialogue("limit, unknown verbs", "EHLO x", *["FOO"] * 25, service="limits"),
    Dialogue("limit, unknown verbs under TLS", "STARTTLS", TLS, "EHLO x", *["FOO"] * 25,
             service="limits"),
    Dialogue("limit, unknown verbs before and under TLS", "EHLO x", *["FOO"] * 12, "STARTTLS", TLS,
             "EHLO x", *["FOO"] * 12, service="limits"),
    Dialogue("limit, refused recipients", "EHLO x", MAIL, *["RCPT TO:<b@elsewhere.test>"] * 25,
             service="limits"),
    Dialogue("limit, junk commands", "EHLO x", *["NOOP"] * 150, service="limits"),
    Dialogue("limit, STARTTLS with an argument", "EHLO x", *["STARTTLS x"] * 25, service="limits"),
    Dialogue("limit, STARTTLS with an argument, pipelined", b"STARTTLS x\r\n" * 30, CLOSED,
             service="limits"),
    Dialogue("limit, AUTH before TLS", "EHLO x", *["AUTH PLAIN"] * 25, service="limits"),
    Dialogue("limit, STARTTLS under TLS", "STARTTLS", TLS, "EHLO x", *["STARTTLS"] * 25,
             service="limits"),
    Dialogue("limit, both kinds of errors", "EHLO x", *["STARTTLS x", "FOO"] * 12,
             service="limits"),
    Dialogue("limit, commands under TLS before EHLO", "STARTTLS", TLS, *[RCPT] * 25,
             service="limits"),

    # --- a client that is refused at once ---
    Dialogue("refused, commands", "NOOP", "HELO x", "MAIL FROM:<>", "FOO", b"QUIT\r\n", CLOSED,
             service="refusing"),
    Dialogue("refused, EHLO", "EHLO x", "EHLO y", service="refusing"),
    Dialogue("refused, STARTTLS", "STARTTLS", TLS, "EHLO x", service="refusing"),
    Dialogue("refused, AUTH", "AUTH PLAIN " + PLAIN, "NOOP", service="refusing"),
    Dialogue("refused, pipelined", b"EHLO x\r\nSTARTTLS\r\nQUIT\r\n", CLOSED,
             service="refusing"),
    Dialogue("refused, half-close", b"EHLO x\r\nQUIT\r\n", FIN, service="refusing"),

    # --- settings of Postfix that look at the client's bytes ---
    Dialogue("bare LF made CRLF, in data", "EHLO x", MAIL, RCPT, "DATA",
             b"x\n.\nNOOP\r\n.\r\n", 1, service="normalize"),
    Dialogue("bare LF made CRLF, in data under TLS", "STARTTLS", TLS, b"EHLO x\n", 1, MAIL, RCPT,
             "DATA", b"x\n.\r\ny\r\n.\nNOOP\r\n.\r\nNOOP\n", 2, service="normalize"),
    Dialogue("bare LF refused, in commands", "EHLO x", b"NOOP\n", CLOSED, service="bare"),
    Dialogue("bare LF refused, in EHLO", b"EHLO x\n", CLOSED, service="bare"),
    Dialogue("bare LF refused, in STARTTLS", "EHLO x", b"STARTTLS\n", 1, TLS, "EHLO y",
             service="bare"),
    Dialogue("bare LF refused, in data", "EHLO x", MAIL, RCPT, "DATA", b"x\ny\r\n.\r\n", 1,
             service="bare"),
    Dialogue("bare LF refused, in data under TLS", "STARTTLS", TLS, "EHLO x", MAIL, RCPT, "DATA",
             b"x\n.\nMAIL FROM:<>\r\n.\r\n", 1, service="bare"),
    Dialogue("bare LF refused, in a chunk", "EHLO x", MAIL, RCPT, b"BDAT 4 LAST\r\nx\ny\n", 1,
             service="bare"),
)
