"""Plays the dialogues through posternd, and records what passes between it and Postfix.

    record.py --build DIR

Writes tests/unit/dialogues.txt, which the unit test gate_recorded replays against the gate alone.
To be run (make record) when the dialogues have changed; test_dialogues tells when they are no
longer those of the file. The same as inputs of the fuzz target tests/fuzz/fuzz_gate.c goes to
DIR/gate-corpus.
"""

import argparse
import collections
import os
import re
import socket
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE, os.path.join(HERE, "helpers")]
sys.dont_write_bytecode = True

from dialogue import (  # pylint: disable=wrong-import-position
    IMPLICIT, RESET, TLS, VARYING, Bytes, play_out)
from dialogues import DIALOGUES, PAIRS  # pylint: disable=wrong-import-position
from postfix_pairs import Pairs  # pylint: disable=wrong-import-position

TOP = os.path.dirname(os.path.dirname(HERE))
FILE = os.path.join(TOP, "tests", "unit", "dialogues.txt")

HEAD = """\
# Dialogues with a real Postfix, for test_gate_recorded.c. Written by `make record`; not by hand.
#
# text N BYTES     what is called @N below
# dialogue NAME
# rules LEVEL AUTH whether AUTH is allowed before TLS (yes, no)
# > BYTES          the client sends this
# tls              the client begins a handshake
# < N BYTES        the backend sends this when N bytes in all have reached it
# = BYTES          the client hears this
#
# Backslash escapes as in C; {A*3000} is A, 3000 times.
"""

PROXY_HEADER = 28

# Longer dialogues are not recorded: every split of every byte would take too long.
LONGEST = 9000

# A TLS alert in plaintext is libssl's, not the gate's.
ALERT = b"\x15\x03"

# From this length on a reply that is heard often is written once.
TEXT_MIN = 16

VARYING = re.compile(VARYING.pattern.encode())

ESCAPES = {0x0d: "\\r", 0x0a: "\\n", 0x09: "\\t", 0x5c: "\\\\", 0x7b: "\\x7b", 0x40: "\\x40"}


class Tap:
    """Stands between posternd and a backend, and notes what passes."""

    def __init__(self, path):
        self._path = path
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        self._done = threading.Semaphore(0)
        self.replies = []  # (bytes that the backend had been sent before, its own, when)
        self.sent = b""
        threading.Thread(target=self._serve, daemon=True).start()

    def wait(self):
        """Waits until the next connection is over; the replies."""
        if not self._done.acquire(timeout=30):
            raise RuntimeError("a connection does not end")
        return self.replies

    def _serve(self):
        while True:
            front, _ = self._listener.accept()
            front.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with front, socket.socket(socket.AF_UNIX) as back:
                back.connect(self._path)
                back.sendall(front.recv(PROXY_HEADER))
                self.sent, self.replies = b"", []
                there = threading.Thread(target=self._pass_on, args=(front, back))
                there.start()
                self._pass_back(back, front)
                there.join()
            self._done.release()

    def _pass_on(self, front, back):
        while data := self._receive(front):
            self.sent += data
            self._send(back, data)
        self._end(back)

    def _pass_back(self, back, front):
        while data := self._receive(back):
            self.replies.append((len(self.sent), data, time.monotonic()))
            self._send(front, data)
        self._end(front)

    @staticmethod
    def _receive(connection):
        try:
            return connection.recv(65536)
        except ConnectionResetError:
            return b""

    @staticmethod
    def _send(connection, data):
        try:
            connection.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    @staticmethod
    def _end(connection):
        try:
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Recorded(Pairs):
    """Not a test: the stage of one, with taps."""

    pairs = PAIRS
    taps = {}

    @classmethod
    def between(cls, name, address):
        cls.taps[name] = Tap(address.removeprefix("unix:"))
        return cls.taps[name].address

    def runTest(self):
        """unittest wants one."""


def steps(dialogue):
    """What the client does: bytes and TLS, as far as they reach the gate."""
    found = []
    for item in dialogue.items:
        if isinstance(item, str):
            found.append(item.encode() + b"\r\n")
        elif isinstance(item, Bytes):
            found.append(item.data)
        elif item is TLS or isinstance(item, bytes) and item:
            found.append(item)
    if isinstance(dialogue.items[-1], (str, bytes, int)) or dialogue.items[-1] is TLS:
        found.append(b"NOOP the end\r\n")
    return found


def is_recorded(dialogue):
    """Whether it is short, gets as far as the gate, and is heard to the end. Who is excepted has
    there what everybody has of "none"."""
    pair = PAIRS[dialogue.service]
    begins = (not pair.moves and "starttls_except" not in pair.listener
              and (pair.listener.get("tls") != "implicit" or dialogue.first is IMPLICIT))
    length = sum(len(each) for each in steps(dialogue) if each is not TLS)
    return begins and dialogue.items[-1] is not RESET and length <= LONGEST


def escape(data):
    """Bytes as they stand in the file."""
    out = []
    for run in re.finditer(rb"(.)\1*", data, re.DOTALL):
        byte, number = run[0][0], len(run[0])
        char = ESCAPES.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}")
        out.append(f"{{{char}*{number}}}" if number > 15 else char * number)
    return "".join(out)


def replies_in(data):
    """Cut behind each reply, the rest at the end."""
    return [each for each in re.findall(rb"(?:[^\n]{3}-[^\n]*\n)*[^\n]*\n|[^\n]+$", data) if each]


class Writer:
    """The file's text."""

    def __init__(self):
        self._replies = collections.Counter()
        self._lines = []  # text, or (how it begins, reply)

    def add(self, dialogue, player, replies):
        """A dialogue and what came of it."""
        self._lines += client_lines(dialogue)
        for number, data, _ in replies:
            self._add_replies(f"< {number} ", data)
        self._add_replies("= ", player.raw.split(ALERT)[0])

    def _add_replies(self, start, data):
        for each in replies_in(VARYING.sub(rb"\1\2X", data)):
            self._replies[each] += 1
            self._lines.append((start, each))

    def text(self):
        """All of it."""
        often = [each for each, times in self._replies.items()
                 if times > 1 and len(each) >= TEXT_MIN]
        names = {each: f"@{number}" for number, each in enumerate(often, 1)}
        lines = [f"text {name[1:]} {escape(each)}" for each, name in names.items()]
        lines += [each if isinstance(each, str) else each[0] + (names.get(each[1])
                                                                or escape(each[1]))
                  for each in self._lines]
        return HEAD + "\n".join(lines) + "\n"


def client_lines(dialogue):
    """The lines of the file that the dialogue alone decides."""
    listener = PAIRS[dialogue.service].listener
    rules = f"{listener.get('tls', 'may')} {'yes' if listener.get('auth_before_tls') else 'no'}"
    return [f"dialogue {dialogue.name}", f"rules {rules}",
            *("tls" if each is TLS else "> " + escape(each) for each in steps(dialogue))]


def fuzz_input(dialogue, player, replies):
    """What was said, in its order, as tests/fuzz/gate_input.h has it."""
    listener = PAIRS[dialogue.service].listener
    rules = (("may", "encrypt", "none").index(listener.get("tls", "may").replace("implicit", "may"))
             | 0x40 * listener.get("auth_before_tls", False)
             | 0x80 * (listener.get("tls") == "implicit"))
    out = bytearray((rules, len(dialogue.name)))
    steps_in_time = [(when, 0, data) for when, data in player.sent]
    steps_in_time += [(when, 1, data) for _, data, when in replies]
    for _, kind, data in sorted(steps_in_time):
        for at in range(0, len(data), 64):
            piece = data[at:at + 64]
            out += bytes([len(piece) - 1 << 2 | kind]) + piece
    return bytes(out)


def main():
    parser = argparse.ArgumentParser(prog="record.py", description="records the dialogues")
    parser.add_argument("--build", required=True, help="where posternd and posternctl are")
    Pairs.build = os.path.abspath(parser.parse_args().build)
    corpus = os.path.join(Pairs.build, "gate-corpus")
    os.makedirs(corpus, exist_ok=True)
    writer = Writer()
    Recorded.setUpClass()
    try:
        stage = Recorded()
        for dialogue in filter(is_recorded, DIALOGUES):
            player = play_out(dialogue, stage.front(dialogue.service))
            replies = Recorded.taps[dialogue.service].wait()
            writer.add(dialogue, player, replies)
            name = re.sub(r"[^a-z0-9]+", "-", dialogue.name.lower())
            with open(os.path.join(corpus, name), "wb") as file:
                file.write(fuzz_input(dialogue, player, replies))
    finally:
        Recorded.doClassCleanups()
    with open(FILE, "w", encoding="ascii") as text:
        text.write(writer.text())


if __name__ == "__main__":
    main()
