"""A small SMTP client that sends exactly what it is told."""

import socket
import ssl

from lab.process import TIMEOUT


class Reply:
    """`code`, and `lines`: the text of each line without code and line end."""

    def __init__(self, raw_lines):
        self.raw = b"".join(raw_lines)
        self.code = int(raw_lines[-1][:3])
        self.lines = [line[4:].rstrip(b"\r\n").decode("utf-8", "backslashreplace")
                      for line in raw_lines]

    def __str__(self):
        return self.raw.decode("utf-8", "backslashreplace").rstrip()

    def offers(self, keyword):
        """True if this reply to EHLO lists the keyword."""
        return any(line.split()[:1] == [keyword] for line in self.lines[1:])


class Closed(Exception):
    """The server closed the connection where a reply was due; the argument is what came before."""


def received(connection, size=65536):
    """At least one byte of a socket's, as it comes; Closed at its end, where recv() gives b"" for
    ever: a loop that waits for so many bytes would never end."""
    data = connection.recv(size)
    if not data:
        raise Closed(b"")
    return data


class Client:
    """A connection. `address` is (host, port); `source` an address of 127.0.0.0/8 to come from,
    with `port` there."""

    def __init__(self, address, source=None, timeout=TIMEOUT, port=0):
        self.socket = socket.create_connection(
            address, timeout, source_address=(source, port) if source else None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        """The next line with its end."""
        while b"\n" not in self._buffer:
            data = self.socket.recv(65536)
            if not data:
                raise Closed(self._buffer)
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line + b"\n"

    def reply(self):
        """The next Reply, all its lines."""
        lines = [self.line()]
        while lines[-1][3:4] == b"-":
            lines.append(self.line())
        return Reply(lines)

    def command(self, text):
        """Sends a line and returns the Reply to it."""
        self.send(text.encode() + b"\r\n")
        return self.reply()

    def greet(self, name="client.example.test"):
        """The banner and an EHLO; the Reply to EHLO."""
        self.reply()
        return self.command("EHLO " + name)

    def read_some(self):
        """At least one byte, as it comes; Closed at the end."""
        data, self._buffer = self._buffer or received(self.socket), b""
        return data

    def rest(self):
        """Everything until the server closes."""
        data = self._buffer
        self._buffer = b""
        try:
            while more := self.socket.recv(65536):
                data += more
        except ConnectionResetError:
            pass
        return data

    def tls(self, context=None, name=None):
        """The handshake, after the 220 to STARTTLS. Without a context nothing is verified."""
        if context is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket, server_hostname=name)

    def starttls(self, context=None, name=None):
        """Banner, EHLO, STARTTLS, handshake, EHLO; the Reply to the last EHLO."""
        self.greet()
        self.command("STARTTLS")
        self.tls(context, name)
        return self.command("EHLO client.example.test")

    def mail(self, body=b"Subject: a mail\r\n\r\nHello.\r\n", sender="sender@client.test",
             recipient="recipient@example.test"):
        """A whole transaction; the Reply to the final dot. `body` has CRLF line ends and no line
        that begins with a dot."""
        for line in (f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>", "DATA"):
            reply = self.command(line)
            if reply.code >= 400:
                return reply
        self.send(body + b".\r\n")
        return self.reply()
