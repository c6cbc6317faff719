"""Exact ClientHello bytes, sent over STARTTLS, and what comes back.

    answer = ask(posternd.address(), story())
    answer.alert == (2, 40)         or      answer.certificate == "p256"

Nothing here can finish a handshake: it shows what a server says to one hello.
"""

import os
import struct

from lab.smtp import Client, Closed

# The hello of the Windows senders that a P-384 certificate turns away, in IANA numbers.
STORY_SUITES = (0xc02b, 0xc02f, 0xc023, 0xc027, 0xc013, 0x009d,
                0x009c, 0x003d, 0x003c, 0x0035, 0x002f, 0x000a)
STORY_GROUPS = (0x0017,)
STORY_SCHEMES = (0x0401, 0x0501, 0x0201, 0x0403, 0x0503, 0x0203, 0x0202, 0x0601, 0x0603)

TLS10, TLS11, TLS12, TLS13 = 0x0301, 0x0302, 0x0303, 0x0304

SERVER_NAME, STATUS_REQUEST, GROUPS, POINT_FORMATS, SCHEMES = 0, 5, 10, 11, 13
ALPN, EXTENDED_MASTER_SECRET, SESSION_TICKET = 16, 23, 35
SUPPORTED_VERSIONS, SCHEMES_CERT, KEY_SHARE, RENEGOTIATION_INFO = 43, 50, 51, 0xff01

# The ServerHello.random that makes it a HelloRetryRequest (RFC 8446 section 4.1.3).
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")

# A key of each group that a client of the tests may send a share of: only its form matters. The
# points are the base points of the curves (SEC 2), u = 9 for X25519; zeros are a key of ML-KEM.
SHARES = {
    0x0017: bytes.fromhex(
        "04"
        "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
        "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"),
    0x001d: bytes([9]) + bytes(31),
    0x11ec: bytes(1184) + bytes([9]) + bytes(31),
}

VERSIONS = {TLS10: "TLSv1", TLS11: "TLSv1.1", TLS12: "TLSv1.2", TLS13: "TLSv1.3"}

# OpenSSL's names, of the story's suites.
SUITES = dict(zip(STORY_SUITES, (
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-RSA-AES128-SHA256", "ECDHE-RSA-AES128-SHA", "AES256-GCM-SHA384", "AES128-GCM-SHA256",
    "AES256-SHA256", "AES128-SHA256", "AES256-SHA", "AES128-SHA", "DES-CBC3-SHA")))

ALERTS = {0: "close_notify", 10: "unexpected_message", 40: "handshake_failure",
          47: "illegal_parameter", 50: "decode_error", 70: "protocol_version",
          71: "insufficient_security", 80: "internal_error", 86: "inappropriate_fallback",
          109: "missing_extension", 112: "unrecognized_name", 120: "no_application_protocol"}


def _vector(data, length_bytes):
    return len(data).to_bytes(length_bytes, "big") + data


def _numbers(numbers):
    return b"".join(struct.pack(">H", number) for number in numbers)


def server_name(name):
    return SERVER_NAME, _vector(b"\0" + _vector(name.encode("idna"), 2), 2)


def groups(numbers):
    return GROUPS, _vector(_numbers(numbers), 2)


def schemes(numbers):
    return SCHEMES, _vector(_numbers(numbers), 2)


def schemes_cert(numbers):
    return SCHEMES_CERT, _vector(_numbers(numbers), 2)


def supported_versions(numbers):
    return SUPPORTED_VERSIONS, _vector(_numbers(numbers), 1)


def alpn(*names):
    return ALPN, _vector(b"".join(_vector(name.encode(), 1) for name in names), 2)


def key_share(*numbers):
    """Shares of groups in SHARES; none at all asks for a HelloRetryRequest."""
    return KEY_SHARE, _vector(b"".join(struct.pack(">H", each) + _vector(SHARES[each], 2)
                                       for each in numbers), 2)


def build(version=TLS12, suites=STORY_SUITES, extensions=(), *, session_id=b"", random=None,
          compression=b"\0"):
    """The ClientHello as a handshake message. extensions: (type, body) pairs in their order; None
    leaves the whole block out, as clients of TLS 1.0 may."""
    body = struct.pack(">H", version) + (random or os.urandom(32)) + _vector(session_id, 1)
    body += _vector(_numbers(suites), 2) + _vector(compression, 1)
    if extensions is not None:
        body += _vector(b"".join(struct.pack(">H", kind) + _vector(content, 2)
                                 for kind, content in extensions), 2)
    return b"\x01" + _vector(body, 3)


def story(sni=None, extra=()):
    """The hello of the story: TLS 1.2, with the extensions that Windows sends, in its order."""
    extensions = [server_name(sni)] if sni else []
    extensions += [(STATUS_REQUEST, b"\x01\0\0\0\0"), groups(STORY_GROUPS),
                   (POINT_FORMATS, b"\x01\0"), schemes(STORY_SCHEMES), (SESSION_TICKET, b""),
                   (EXTENDED_MASTER_SECRET, b""), (RENEGOTIATION_INFO, b"\0"), *extra]
    return build(extensions=extensions)


def tls13(suites=(0x1301, 0x1302, 0x1303), group_numbers=(0x001d, 0x0017),
          scheme_numbers=(0x0403, 0x0804, 0x0401), shares=(0x001d,), sni=None, extra=()):
    """A hello for TLS 1.3 only."""
    extensions = [server_name(sni)] if sni else []
    extensions += [groups(group_numbers), schemes(scheme_numbers), supported_versions([TLS13]),
                   key_share(*shares), *extra]
    return build(suites=suites, extensions=extensions, session_id=os.urandom(32))


def records(message, size=16384, version=TLS10):
    """The handshake message in TLS records of at most `size` bytes of it each."""
    return b"".join(struct.pack(">BHH", 22, version, len(message[at:at + size]))
                    + message[at:at + size] for at in range(0, len(message), size))


class Answer:
    """What the server sent until its turn was over.

    alert        (level, description), or None; `text` says it in words
    version, suite   of the ServerHello (TLS 1.3 shown as 0x0304), or None
    retry        True for a HelloRetryRequest
    random       of the ServerHello, or None
    extensions   {type: body} of the ServerHello
    certificates [DER], the leaf first (TLS <= 1.2 only: encrypted after)
    certificate  "p256", "p384", "p521", "rsa2048", "ed25519", ... of the leaf, or None
    exchange     {"group", "scheme"} of ServerKeyExchange, or None; "group" only with ECDHE,
                 "scheme" only in TLS 1.2 and if it is signed
    done         True if the server finished its flight with ServerHelloDone
    closed       True if the connection ended
    raw          the bytes
    """

    def __init__(self):
        self.alert = self.version = self.suite = self.certificate = self.exchange = None
        self.random = None
        self.retry = self.done = self.closed = False
        self.extensions = {}
        self.certificates = []
        self.raw = b""

    @property
    def text(self):
        if self.alert:
            level, description = self.alert
            return (f"{'fatal' if level == 2 else 'warning'} alert {description} "
                    f"({ALERTS.get(description, 'unknown')})")
        if self.retry:
            return "HelloRetryRequest"
        if self.version:
            kind = f", certificate {self.certificate}" if self.certificate else ""
            return (f"ServerHello: {VERSIONS.get(self.version, f'{self.version:04x}')}, "
                    f"suite {SUITES.get(self.suite, f'{self.suite:04x}')}{kind}")
        return "closed without a word" if self.closed else "nothing"


def _message(answer, kind, body):
    if kind == 2:
        answer.version, = struct.unpack(">H", body[:2])
        answer.random = body[2:34]
        answer.retry = answer.random == RETRY
        at = 35 + body[34]
        answer.suite, = struct.unpack(">H", body[at:at + 2])
        rest = body[at + 5:]
        while len(rest) >= 4:
            extension, length = struct.unpack(">HH", rest[:4])
            answer.extensions[extension] = rest[4:4 + length]
            rest = rest[4 + length:]
        if SUPPORTED_VERSIONS in answer.extensions:
            answer.version, = struct.unpack(">H", answer.extensions[SUPPORTED_VERSIONS])
    elif kind == 11:
        rest = body[3:]
        while rest:
            length = int.from_bytes(rest[:3], "big")
            answer.certificates.append(rest[3:3 + length])
            rest = rest[3 + length:]
        answer.certificate = key_kind(answer.certificates[0])
    elif kind == 12:
        answer.exchange = {}
        if body[:1] == b"\x03":
            answer.exchange["group"] = int.from_bytes(body[1:3], "big")
            at = 4 + body[3]
        else:
            at = 0
            for _ in ("p", "g", "public"):
                at += 2 + int.from_bytes(body[at:at + 2], "big")
        if answer.version == TLS12 and at < len(body):
            answer.exchange["scheme"] = int.from_bytes(body[at:at + 2], "big")
    elif kind == 14:
        answer.done = True


def read_answer(client):
    """Reads what the server says to a hello, from a lab.smtp.Client that has sent one."""
    answer = Answer()
    pending = handshake = b""
    try:
        while not (answer.alert or answer.done or answer.retry
                   or (answer.version or 0) >= TLS13):
            data = client.read_some()
            answer.raw += data
            pending += data
            while len(pending) >= 5 and len(pending) >= 5 + int.from_bytes(pending[3:5], "big"):
                length = int.from_bytes(pending[3:5], "big")
                kind, content, pending = pending[0], pending[5:5 + length], pending[5 + length:]
                if kind == 21:
                    answer.alert = tuple(content[:2])
                elif kind == 22:
                    handshake += content
                while len(handshake) >= 4 and len(handshake) >= 4 + int.from_bytes(
                        handshake[1:4], "big"):
                    size = int.from_bytes(handshake[1:4], "big")
                    _message(answer, handshake[0], handshake[4:4 + size])
                    handshake = handshake[4 + size:]
    except (Closed, ConnectionResetError):
        answer.closed = True
    return answer


def ask(address, message, *, record_size=16384, segment_size=None, source=None):
    """Connects, says EHLO and STARTTLS, sends the handshake message and returns the Answer.
    record_size: bytes of it in each TLS record. segment_size: bytes in each TCP segment."""
    with Client(address, source) as client:
        client.greet()
        client.command("STARTTLS")
        send(client, records(message, record_size), segment_size)
        return read_answer(client)


def send(client, data, segment_size=None):
    """Sends the bytes, in TCP segments of `segment_size` each (Nagle's algorithm is off)."""
    for at in range(0, len(data), segment_size or len(data)):
        client.send(data[at:at + (segment_size or len(data))])


# --- the key in a certificate ---

KEYS = {
    bytes.fromhex("2a8648ce3d030107"): "p256",
    bytes.fromhex("2b81040022"): "p384",
    bytes.fromhex("2b81040023"): "p521",
    bytes.fromhex("2b6570"): "ed25519",
    bytes.fromhex("2b6571"): "ed448",
}
EC_PUBLIC_KEY = bytes.fromhex("2a8648ce3d0201")
RSA_ENCRYPTION = bytes.fromhex("2a864886f70d010101")
RSA_PSS = bytes.fromhex("2a864886f70d01010a")


def _element(der, at):
    """(tag, start of the content, end) of the element of DER at `at`."""
    tag, length = der[at], der[at + 1]
    at += 2
    if length & 0x80:
        size = length & 0x7f
        length = int.from_bytes(der[at:at + size], "big")
        at += size
    return tag, at, at + length


def _elements(der, at, end):
    found = []
    while at < end:
        found.append(_element(der, at))
        at = found[-1][2]
    return found


def key_kind(der):
    """The kind of a DER certificate's public key, in the words of certs.KINDS."""
    _, start, _ = _element(der, 0)
    _, start, end = _element(der, start)
    fields = [each for each in _elements(der, start, end) if each[0] != 0xa0]
    # serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo
    algorithm, key = _elements(der, fields[5][1], fields[5][2])
    parts = [der[start:end] for _, start, end in _elements(der, algorithm[1], algorithm[2])]
    if parts[0] == EC_PUBLIC_KEY:
        return KEYS.get(parts[1], "ec-" + parts[1].hex())
    if parts[0] in (RSA_ENCRYPTION, RSA_PSS):
        _, start, _ = _element(der, key[1] + 1)
        _, start, end = _element(der, start)
        bits = int.from_bytes(der[start:end], "big").bit_length()
        return ("rsa" if parts[0] == RSA_ENCRYPTION else "rsapss") + str(bits)
    return KEYS.get(parts[0], parts[0].hex())
