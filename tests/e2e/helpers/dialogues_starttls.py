"""Dialogues about STARTTLS: every way to write it, and everything that may stand around it."""

from dialogue import CLOSED, EARLY, FIN, RESET, TLS, Bytes, Dialogue
from lab import hello
from lab.sasl import PLAIN

MAIL = "MAIL FROM:<a@client.test>"
RCPT = "RCPT TO:<b@example.test>"

# The same whenever it is made.
HELLO = hello.records(hello.build(
    extensions=[hello.groups(hello.STORY_GROUPS), hello.schemes(hello.STORY_SCHEMES)],
    random=bytes(range(0x40, 0x60))))

# (name, the line): what else than "STARTTLS" is or is not taken for it.
SPELLINGS = (
    ("upper case", b"STARTTLS\r\n"),
    ("lower case", b"starttls\r\n"),
    ("mixed case", b"sTaRTtlS\r\n"),
    ("blanks before", b"  STARTTLS\r\n"),
    ("blanks behind", b"STARTTLS   \r\n"),
    ("tabs around", b"\tSTARTTLS\t\t\r\n"),
    ("VT before", b"\x0bSTARTTLS\r\n"),
    ("VT behind", b"STARTTLS\x0b\r\n"),
    ("FF before", b"\x0cSTARTTLS\r\n"),
    ("FF behind", b"STARTTLS\x0c\r\n"),
    ("CR before", b"\rSTARTTLS\r\n"),
    ("every blank before", b" \t\x0b\x0c\rSTARTTLS\r\n"),
    ("CRCRLF", b"STARTTLS\r\r\n"),
    ("CRCRCRLF", b"STARTTLS\r\r\r\n"),
    ("bare LF", b"STARTTLS\n"),
    ("NUL behind", b"STARTTLS\0\r\n"),
    ("NUL and an argument behind", b"STARTTLS\0 x\r\n"),
    ("blank, NUL, argument", b"STARTTLS \0x\r\n"),
    ("NUL before", b"\0STARTTLS\r\n"),
    ("NUL inside", b"START\0TLS\r\n"),
    ("CR inside", b"START\rTLS\r\n"),
    ("blank inside", b"START TLS\r\n"),
    ("argument", b"STARTTLS x\r\n"),
    ("argument behind tab", b"STARTTLS\tx\r\n"),
    ("argument behind VT", b"STARTTLS\x0bx\r\n"),
    ("argument behind CR", b"STARTTLS\rNOOP\r\n"),
    ("empty quoted argument", b'STARTTLS ""\r\n'),
    ("empty address as argument", b"STARTTLS <>\r\n"),
    ("comma as argument", b"STARTTLS ,\r\n"),
    ("argument behind 1000 blanks", b"STARTTLS" + b" " * 1000 + b"x\r\n"),
    ("two words", b"START TLS\r\n"),
    ("a letter more", b"STARTTLSX\r\n"),
    ("a letter less", b"STARTTL\r\n"),
    ("as a header", b"STARTTLS:\r\n"),
    ("as an option", b"STARTTLS=1\r\n"),
    ("semicolon", b"STARTTLS;\r\n"),
    ("quoted", b'"STARTTLS"\r\n'),
    ("in angle brackets", b"<STARTTLS>\r\n"),
    ("backslash before", b"\\STARTTLS\r\n"),
    ("SOH before", b"\x01STARTTLS\r\n"),
    ("DEL behind", b"STARTTLS\x7f\r\n"),
    ("file separator before", b"\x1cSTARTTLS\r\n"),
    ("NEL before", b"\x85STARTTLS\r\n"),
    ("no-break space behind", b"STARTTLS\xa0\r\n"),
    ("UTF-8 no-break space before", b"\xc2\xa0STARTTLS\r\n"),
    ("UTF-8 long s", "\u017fTARTTL\u017f\r\n".encode()),
    ("UTF-8 full width", "\uff33TARTTLS\r\n".encode()),
    ("behind an empty line", b"\r\nSTARTTLS\r\n"),
)

# (name, what stands behind STARTTLS in one write)
INJECTIONS = (
    ("a command", b"NOOP injected\r\n"),
    ("100 commands", b"NOOP injected\r\n" * 100),
    ("EHLO", b"EHLO injected\r\n"),
    ("a mail", b"EHLO x\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n"),
    ("half a line", b"MAIL FROM:<a@cl"),
    ("a bare LF", b"\n"),
    ("a blank", b" "),
    ("NUL", b"\0"),
    ("STARTTLS again", b"STARTTLS\r\n"),
    ("QUIT", b"QUIT\r\n"),
    ("a ClientHello", HELLO),
)

# Dialogues in which MAIL or what belongs to it comes before STARTTLS: (name, items)
IN_A_MAIL = (
    ("in MAIL", (MAIL,)),
    ("in MAIL, pipelined", (b"MAIL FROM:<a@client.test>\r\n", 1)),
    ("after RCPT", (MAIL, RCPT)),
    ("after a refused RCPT", (MAIL, "RCPT TO:<b@elsewhere.test>")),
    ("after MAIL that was refused", ("MAIL FROM:nonsense here",)),
    ("after RCPT without MAIL", (RCPT,)),
    ("after DATA without RCPT", ("DATA",)),
    ("after BDAT without RCPT", (b"BDAT 3\r\nabc", 1)),
    ("after MAIL and RSET", (MAIL, "RSET")),
    ("after a mail", (MAIL, RCPT, "DATA", b"Subject: x\r\n\r\nx\r\n.\r\n", 1)),
    ("between BDAT chunks", (MAIL, RCPT, b"BDAT 14\r\nSubject: x\r\n\r\n", 1)),
    ("after BDAT LAST", (MAIL, RCPT, b"BDAT 17 LAST\r\nSubject: x\r\n\r\nx\r\n", 1)),
)


def _spelt(name, line):
    return Dialogue("STARTTLS, " + name, "EHLO x", line, 1, TLS, "EHLO y", MAIL, "RSET")


def _injected(name, data):
    return Dialogue("behind STARTTLS: " + name, "EHLO x", b"STARTTLS\r\n" + data, 1, TLS, "EHLO y",
                    RCPT, MAIL, RCPT, "RSET")


def _in_a_mail(name, items):
    return Dialogue("STARTTLS " + name, "EHLO x", *items, "STARTTLS", TLS, "EHLO y", RCPT, "RSET")


STARTTLS = (
    *(_spelt(*each) for each in SPELLINGS),
    *(_injected(*each) for each in INJECTIONS),
    *(_in_a_mail(*each) for each in IN_A_MAIL),

    # --- where it stands ---
    Dialogue("STARTTLS before EHLO", "STARTTLS", TLS, "EHLO x"),
    Dialogue("STARTTLS with an argument before EHLO", "STARTTLS x", "EHLO x", "STARTTLS", TLS,
             "EHLO x"),
    Dialogue("STARTTLS after HELO", "HELO x", "STARTTLS", TLS, "HELO y", MAIL),
    Dialogue("STARTTLS before the banner", EARLY, b"STARTTLS\r\n", 2, TLS, "EHLO x"),
    Dialogue("STARTTLS with EHLO before the banner", EARLY, b"EHLO x\r\nSTARTTLS\r\n", 3, TLS,
             "EHLO x"),
    Dialogue("STARTTLS twice", "EHLO x", "STARTTLS", TLS, "EHLO y", "STARTTLS", "EHLO z",
             "STARTTLS"),
    Dialogue("STARTTLS twice, before EHLO", "EHLO x", "STARTTLS", TLS, "STARTTLS", "EHLO z",
             "STARTTLS x"),
    Dialogue("STARTTLS under TLS, every spelling", "STARTTLS", TLS, "EHLO x",
             b"starttls\r\n\tSTARTTLS \r\nSTARTTLS\0x\r\nSTARTTLS\n\x0bStartTLS\r\n", 5),
    Dialogue("STARTTLS under TLS, with commands behind it", "STARTTLS", TLS, "EHLO x",
             b"STARTTLS\r\nNOOP\r\nRSET\r\n", 3),
    Dialogue("STARTTLS under TLS, in a mail", "STARTTLS", TLS, "EHLO x", MAIL, "STARTTLS", RCPT,
             "STARTTLS", "DATA", b"STARTTLS\r\n.\r\n", 1),
    Dialogue("STARTTLS after commands that leave nothing", "EHLO x", "NOOP", "VRFY a", "RSET",
             "EXPN b", "HELP", "FOO", "STARTTLS", TLS, "EHLO y"),
    Dialogue("STARTTLS after QUIT", "EHLO x", b"QUIT\r\nSTARTTLS\r\n", CLOSED),
    Dialogue("STARTTLS in DATA", "EHLO x", MAIL, RCPT, "DATA", b"STARTTLS\r\n.\r\n", 1),
    Dialogue("STARTTLS in DATA, pipelined", "EHLO x",
             b"MAIL FROM:<a@client.test>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n", 3,
             b"STARTTLS\r\n.\r\nNOOP\r\n", 2),
    Dialogue("STARTTLS behind the final dot", "EHLO x", MAIL, RCPT, "DATA",
             b"x\r\n.\r\nSTARTTLS\r\n", 2, TLS, "EHLO y"),
    Dialogue("STARTTLS in a chunk", "EHLO x", MAIL, RCPT, b"BDAT 10\r\nSTARTTLS\r\n", 1,
             b"BDAT 10 LAST\r\nSTARTTLS\r\n", 1),

    # --- pipelined, and in pieces ---
    Dialogue("STARTTLS pipelined with EHLO", b"EHLO x\r\nSTARTTLS\r\n", 2, TLS, "EHLO y"),
    Dialogue("STARTTLS pipelined with NOOP", "EHLO x", b"NOOP\r\nNOOP\r\nSTARTTLS\r\n", 3, TLS,
             "EHLO y"),
    Dialogue("STARTTLS pipelined with everything harmless",
             b"EHLO x\r\nHELO y\r\nNOOP\r\nRSET\r\nVRFY a\r\nEXPN b\r\nSTARTTLS\r\n", 7, TLS,
             "EHLO y"),
    Dialogue("STARTTLS pipelined with an unknown verb", "EHLO x", b"FOO\r\nSTARTTLS\r\n", 2, TLS,
             "EHLO y"),
    Dialogue("STARTTLS pipelined with itself and an argument", "EHLO x",
             b"STARTTLS x\r\nSTARTTLS\r\n", 2, TLS, "EHLO y"),
    Dialogue("STARTTLS in single bytes", "EHLO x", Bytes(b"STARTTLS\r\n"), 1, TLS, "EHLO y"),
    Dialogue("everything in single bytes",
             Bytes(b"EHLO x\r\nNOOP\r\nFOO\r\nSTARTTLS x\r\nSTARTTLS\r\n"), 5, TLS,
             Bytes(b"EHLO y\r\nSTARTTLS\r\nMAIL FROM:<a@client.test>\r\n"), 3),
    Dialogue("STARTTLS in two pieces", "EHLO x", b"START", b"TLS\r", b"\n", 1, TLS, "EHLO y"),

    # --- what comes instead of a handshake ---
    Dialogue("plaintext instead of a handshake", "EHLO x", "STARTTLS", b"NOOP\r\nNOOP\r\n", CLOSED),
    Dialogue("HTTP instead of a handshake", "EHLO x", "STARTTLS", b"GET / HTTP/1.0\r\n\r\n",
             CLOSED),
    Dialogue("zeros instead of a handshake", "EHLO x", "STARTTLS", bytes(64), CLOSED),
    Dialogue("half-close instead of a handshake", "EHLO x", "STARTTLS", FIN),
    Dialogue("reset instead of a handshake", "EHLO x", "STARTTLS", RESET),
    Dialogue("half a ClientHello, then half-close", "EHLO x", "STARTTLS",
             HELLO[:40], FIN),

    # --- after the handshake, before EHLO ---
    Dialogue("under TLS before EHLO, commands", "EHLO x", "STARTTLS", TLS, "NOOP", "RSET", "DATA",
             RCPT, "VRFY a", "EXPN a", "HELP", "ETRN x", "FOO", "XCLIENT NAME=x", b"\r\n", 1,
             "STARTTLS", MAIL, RCPT, "RSET", "AUTH PLAIN " + PLAIN, "EHLO y", MAIL, "RSET"),
    Dialogue("under TLS before HELO, MAIL, pipelined", "STARTTLS", TLS,
             b"MAIL FROM:<a@client.test>\r\nRSET\r\nHELO y\r\nMAIL FROM:<a@client.test>\r\n", 4),
    Dialogue("EHLO and MAIL under TLS, pipelined", "STARTTLS", TLS,
             b"EHLO y\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<b@example.test>\r\n", 3),
    Dialogue("under TLS before EHLO, EHLO without argument", "EHLO x", "STARTTLS", TLS, "EHLO",
             "NOOP", "HELO", MAIL, "EHLO y", MAIL),
    Dialogue("under TLS before EHLO, BDAT", "EHLO x", "STARTTLS", TLS, b"BDAT 6\r\nNOOP\r\n", 1,
             "NOOP"),
    Dialogue("under TLS before EHLO, a header", "STARTTLS", TLS, "Subject: x"),
    Dialogue("under TLS before EHLO, QUIT", "STARTTLS", TLS, b"QUIT\r\n", CLOSED),
    Dialogue("half-close under TLS", "STARTTLS", TLS, b"EHLO x\r\nNOOP\r\nQUIT\r\n", FIN),
    Dialogue("reset under TLS", "STARTTLS", TLS, "EHLO x", b"NOOP\r\n", RESET),
)
