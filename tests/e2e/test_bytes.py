"""All 256 byte values before, inside and behind each verb of Postfix: whatever Postfix makes of
such a line, posternd lets it be the same, and no line that Postfix takes leaves the door to TLS
open, unless its verb is on the white list."""

import re
import socket

from common import table
from lab.process import TIMEOUT
from lab.sasl import PLAIN
from postfix_pairs import Pair, Pairs

# Postfix is taught some verbs that posternd cannot know.
FILTER = "regexp:{{/^X(MAIL|NOOP|AUTH)(.*)$$/ $$1$$2}}"

# Verb and argument of everything that Postfix knows.
COMMANDS = (
    ("EHLO", "x"), ("HELO", "x"), ("NOOP", "x"), ("RSET", ""), ("QUIT", ""), ("VRFY", "a"),
    ("EXPN", "a"), ("HELP", ""), ("ETRN", "x"), ("MAIL", "FROM:<a@client.test>"),
    ("RCPT", "TO:<b@example.test>"), ("DATA", ""), ("BDAT", "0"), ("AUTH", "PLAIN " + PLAIN),
    ("STARTTLS", ""), ("XCLIENT", "NAME=x"), ("XFORWARD", "NAME=x"),
    ("XMAIL", "FROM:<a@client.test>"), ("XNOOP", "x"), ("XAUTH", "PLAIN " + PLAIN),
)

# What keeps the door open whatever the reply (docs/design.md), and what shuts it.
WHITE = {"EHLO", "HELO", "NOOP", "RSET", "QUIT", "VRFY", "EXPN", "HELP", "ETRN"}
SHUTTING = {"MAIL", "RCPT", "DATA", "BDAT", "AUTH"}

VERB = re.compile(rb"[ \t\v\f\r]*([^ \t\v\f\r\n\0]*)")

# Lines that are under way at one time.
BATCH = 40


def lines_of(verb, argument):
    """Each byte value at each place."""
    word, rest = verb.encode(), argument.encode()
    for value in range(256):
        byte = bytes([value])
        yield byte + word + b" " + rest + b"\r\n"
        for at in range(1, len(word)):
            yield word[:at] + byte + word[at:] + b" " + rest + b"\r\n"
        yield word + byte + rest + b"\r\n"
        yield word + byte + b" " + rest + b"\r\n"


def verbs(lines):
    """The verb of each line, as Postfix cuts it."""
    return [VERB.match(line)[1].decode("latin-1").upper() for line in lines.split(b"\n")[:-1]]


def without_offer(reply):
    """Where STARTTLS stands in EHLO's reply is one of the differences that are listed."""
    return reply.replace(b"250-STARTTLS\r\n", b"")


class Connection:
    """Commands in batches, replies one by one."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self.socket.makefile("rb")
        self.reply()
        self.send(b"EHLO x\r\n")
        self.reply()

    def send(self, data):
        self.socket.sendall(data)

    def reply(self):
        """The next reply; b"" when there is none."""
        lines = [self._stream.readline()]
        while lines[-1][3:4] == b"-":
            lines.append(self._stream.readline())
        return b"".join(lines)

    def replies(self, number):
        """So many, or until something follows that is no further reply."""
        found = []
        while len(found) < number and not (found and is_end(found)):
            try:
                found.append(self.reply())
            except ConnectionResetError:
                found.append(b"")
        return found

    def close(self):
        self._stream.close()
        self.socket.close()


def takes(reply):
    """Whether Postfix has taken the command, or asks for more; a 221 is its end."""
    return reply[:1] in (b"2", b"3") and not reply.startswith(b"221")


def is_end(replies):
    """Whether commands can no longer follow."""
    return replies[-1][:3] in (b"", b"220", b"221", b"334", b"354")


def shuts(line):
    """Whether the line shuts the door whatever the reply to it."""
    return any(verb in SHUTTING for verb in verbs(line))


def is_taken(line, replies):
    """Whether Postfix takes the line, and its verb is not on the white list."""
    return any(verb not in WHITE and takes(reply) for verb, reply in zip(verbs(line), replies))


def batch_of(lines):
    """The first ones; one that shuts the door is alone, as it has an effect on the EHLO before it
    when that is still under way."""
    number = next((number for number, line in enumerate(lines[:BATCH]) if shuts(line)), BATCH)
    return lines[:max(number, 1)]


class Bytes(Pairs):
    main_cf = {"smtpd_command_filter": FILTER}
    pairs = {"auth": Pair(listener={"auth_before_tls": True})}

    def converse(self, address, lines, behind=b""):
        """Yields (line, its replies, the reply to `behind`) for each; on a new connection where the
        line before left something."""
        left = list(lines)
        while left:
            connection = Connection(address)
            clean = True
            while left and clean:
                batch = batch_of(left)
                connection.send(b"".join(line + behind for line in batch))
                for line in batch:
                    replies = connection.replies(line.count(b"\n"))
                    yield line, replies, (b"" if not behind or is_end(replies)
                                          else connection.reply())
                    left.pop(0)
                    if is_end(replies) or shuts(line) or is_taken(line, replies):
                        clean = False
                        break
            connection.close()

    def assert_shut(self, line):
        """On a connection of its own: behind this line there is no way to TLS."""
        for pipelined in (False, True):
            connection = Connection(self.front("auth"))
            starttls = b"STARTTLS\r\n"
            connection.send(line + starttls if pipelined else line)
            replies = connection.replies(line.count(b"\n"))
            if replies[-1][:3] not in (b"", b"221"):
                if not pipelined:
                    connection.send(starttls)
                replies.append(connection.reply())
                self.assertNotEqual(replies[-1][:3], b"220", line)
            connection.close()

    @table([(verb, verb, argument) for verb, argument in COMMANDS])
    def test(self, verb, argument):
        lines = list(lines_of(verb, argument))
        alone = self.converse(self.alone("auth"), lines)
        front = self.converse(self.front("auth"), lines, b"EHLO x\r\n")
        for (line, expected, _), (_, replies, ehlo) in zip(alone, front, strict=True):
            self.assertEqual([without_offer(each) for each in replies],
                             [without_offer(each) for each in expected], line)
            if replies[-1].startswith(b"220"):
                self.assertIn("STARTTLS", verbs(line), line)
            elif is_taken(line, replies):
                self.assertNotIn(b"STARTTLS", ehlo, line)
                self.assert_shut(line)
            elif ehlo and not shuts(line):
                self.assertIn(b"\r\n250-STARTTLS\r\n", ehlo, line)
