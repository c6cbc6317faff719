"""A dialogue: what a client says, byte for byte, and what it hears, reply for reply.

    heard = play(Dialogue("lower case", "EHLO x", b"starttls\r\n", 1, TLS, "NOOP"), address)

The items of a dialogue, after the banner has been read:

    "EHLO x"       the line with CRLF is sent, and the reply to it read
    b"..."         these bytes are sent in one write, nothing is read
    3              so many replies are read
    Bytes(b"...")  these are sent one at a time, each in a segment of its own
    TLS            a handshake if the last reply was a 220; or else none
    FIN            half-close: our direction is ended (under TLS without close_notify)
    RESET          the connection is reset; nothing is read any more
    CLOSED         the server is to close now; what it says before is read

At the end a NOOP asks whether the server is still there, unless the last item was FIN, RESET or
CLOSED; then everything is read until the server closes.
"""

import os
import re
import socket
import ssl
import struct
import time


# Where a reply has not come in this time, there is none. Nothing that is as it should be ever waits
# so long.
SILENCE = 10

# What differs from session to session: queue ids, and ports behind addresses.
VARYING = re.compile(r"(queued as )\w+|(\]:)\d+")


class Bytes:
    """Bytes that are sent one at a time."""

    def __init__(self, data):
        self.data = data


class Mark:
    """An item that is only itself."""

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return self.name


TLS, FIN, RESET, CLOSED, EARLY, IMPLICIT = (
    Mark(each) for each in ("TLS", "FIN", "RESET", "CLOSED", "EARLY", "IMPLICIT"))


class Dialogue:
    """See the module. `service` names a pair of services. With EARLY as its first item the banner
    is not read first; with IMPLICIT TLS begins at once."""

    def __init__(self, name, *items, service="mx"):
        self.name = name
        self.service = service
        self.first = items[0] if items[0] in (EARLY, IMPLICIT) else None
        self.items = items[1:] if self.first else items


class Player:
    """One connection. `heard` has the replies so far, each with its lines joined by LF and, under
    TLS, behind "TLS: "; what is not a reply stands in angle brackets. `raw` has the bytes that
    came, `sent` what went and when."""

    def __init__(self, address, source="127.0.0.1"):
        self.socket = socket.create_connection(address, SILENCE, source_address=(source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.heard = []
        self.raw = b""
        self.sent = []
        self.over = False  # the connection can give nothing any more
        self._buffer = b""

    def _tls(self):
        return isinstance(self.socket, ssl.SSLSocket)

    def note(self, text):
        """Appends to what was heard."""
        self.heard.append(("TLS: " if self._tls() else "") + text)

    def end(self, text):
        """Nothing can come any more."""
        if self._buffer:
            self.note(f"<{self._buffer!r}>")
            self._buffer = b""
        self.note(text)
        self.over = True

    def send(self, data):
        """Sends as far as there is somebody who takes it."""
        self.sent.append((time.monotonic(), data))
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            # The server has closed: what it said before can still be read.
            pass

    def line(self):
        """The next line without its end; None when there is none."""
        while b"\n" not in self._buffer:
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                self.end("<silence>")
                return None
            except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
                data = b""
            if not data:
                self.end("<closed>")
                return None
            self._buffer += data
            self.raw += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.rstrip(b"\r").decode("utf-8", "backslashreplace")

    def replies(self, number):
        """Reads so many, or what there is."""
        while number > 0 and not self.over:
            lines = []
            while not lines or lines[-1][3:4] == "-":
                line = self.line()
                if line is None:
                    if lines:
                        self.heard.insert(-1, "<cut off>\n" + "\n".join(lines))
                    return
                lines.append(line)
            self.note(VARYING.sub(r"\1\2X", "\n".join(lines)))
            number -= 1

    def handshake(self):
        """If the server is ready for one."""
        if not self.heard or not self.heard[-1].startswith("220 "):
            self.note("<no TLS>")
            return
        self.begin_tls()

    def begin_tls(self):
        """A handshake in any case."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        try:
            self.socket = context.wrap_socket(self.socket)
        except (ssl.SSLError, ConnectionResetError, TimeoutError) as error:
            self.end(f"<handshake failed: {type(error).__name__}>")
            return
        if self._buffer:
            self.end("<plaintext before the handshake>")

    def half_close(self):
        """Ends our direction, below TLS too: the client's own libssl knows nothing of it."""
        with socket.socket(fileno=os.dup(self.socket.fileno())) as below:
            try:
                below.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def reset(self):
        """The end of the connection."""
        with socket.socket(fileno=self.socket.detach()) as below:
            below.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.over = True

    def take(self, item):
        """One item of a dialogue."""
        if isinstance(item, str):
            self.send(item.encode() + b"\r\n")
            self.replies(1)
        elif isinstance(item, bytes):
            self.send(item)
        elif isinstance(item, int):
            self.replies(item)
        elif isinstance(item, Bytes):
            for byte in item.data:
                self.send(bytes([byte]))
        elif item is TLS:
            self.handshake()
        elif item is FIN:
            self.half_close()
        elif item is RESET:
            self.reset()
        else:
            self.rest()

    def rest(self):
        """Everything until the server closes."""
        while not self.over:
            self.replies(1)


def play(dialogue, address):
    """Plays it with the server at `address`; what was heard."""
    return play_out(dialogue, address).heard


def play_out(dialogue, address):
    """The same; the Player at its end."""
    player = Player(address)
    with player.socket:
        if dialogue.first is IMPLICIT:
            player.begin_tls()
        if dialogue.first is not EARLY:
            player.replies(1)
        for item in dialogue.items:
            if player.over:
                break
            player.take(item)
        if not player.over:
            if dialogue.items[-1] is not FIN:
                player.take("NOOP the end")
                player.half_close()
            player.rest()
        player.socket.close()
    return player
