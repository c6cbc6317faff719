"""Real ClientHellos: captured from programs, and taken apart.

    hello = Hello(capture(["openssl", "s_client", "-connect", "127.0.0.1:PORT"]))
    hello.suites, hello.groups
"""

import socket
import struct
import subprocess

from lab.process import TIMEOUT, LabError

SSLV2_CLIENT_HELLO = 1


def capture(command, starttls=False, env=None):
    """The first record of what the command sends to 127.0.0.1. PORT in its words becomes the port;
    with `starttls` it meets an SMTP server that offers STARTTLS."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        listener.settimeout(TIMEOUT)
        port = str(listener.getsockname()[1])
        child = subprocess.Popen([word.replace("PORT", port) for word in command],
                                 stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, env=env, cwd="/")
        try:
            with listener.accept()[0] as connection:
                connection.settimeout(TIMEOUT)
                if starttls:
                    _talk(connection)
                return _record(connection)
        finally:
            child.kill()
            child.wait()
            child.stdin.close()


def _talk(connection):
    with connection.makefile("rb", buffering=0) as lines:
        connection.sendall(b"220 server.example.test ESMTP\r\n")
        if not lines.readline().upper().startswith(b"EHLO"):
            raise LabError("the client does not say EHLO")
        connection.sendall(b"250-server.example.test\r\n250 STARTTLS\r\n")
        if not lines.readline().upper().startswith(b"STARTTLS"):
            raise LabError("the client does not say STARTTLS")
        connection.sendall(b"220 2.0.0 Ready\r\n")


def _record(connection):
    data = b""
    while len(data) < 5 or len(data) < 5 + int.from_bytes(data[3:5], "big"):
        more = connection.recv(65536)
        if not more:
            raise LabError("the client closed before its hello was complete")
        data += more
    return data


def _numbers(data, size=2):
    return [int.from_bytes(data[at:at + size], "big") for at in range(0, len(data), size)]


class Hello:
    """A hello in one record, TLS's or SSLv2's. What it does not have is None."""

    def __init__(self, record):
        self.sslv2 = bool(record[0] & 0x80) and record[2] == SSLV2_CLIENT_HELLO
        self.groups = self.schemes = self.cert_schemes = self.versions = self.shares = None
        self.sni = None
        self.extensions = []
        if self.sslv2:
            self.version, length = struct.unpack(">HH", record[3:7])
            self.suites = _numbers(record[11:11 + length], 3)
            return
        body = record[9:]
        self.version, = struct.unpack(">H", body[:2])
        at = 35 + body[34]
        length, = struct.unpack(">H", body[at:at + 2])
        self.suites = _numbers(body[at + 2:at + 2 + length])
        at += 2 + length
        at += 1 + body[at]
        self._read_extensions(body[at + 2:])

    def _read_extensions(self, data):
        while len(data) >= 4:
            kind, length = struct.unpack(">HH", data[:4])
            self._read_extension(kind, data[4:4 + length])
            data = data[4 + length:]

    def _read_extension(self, kind, body):
        self.extensions.append(kind)
        if kind == 0:
            self.sni = body[5:].decode("ascii")
        elif kind == 10:
            self.groups = _numbers(body[2:])
        elif kind == 13:
            self.schemes = _numbers(body[2:])
        elif kind == 43:
            self.versions = _numbers(body[1:])
        elif kind == 50:
            self.cert_schemes = _numbers(body[2:])
        elif kind == 51:
            self.shares = []
            body = body[2:]
            while body:
                group, length = struct.unpack(">HH", body[:4])
                self.shares.append(group)
                body = body[4 + length:]
