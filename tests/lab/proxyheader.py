"""Headers of the PROXY protocol, good ones and others."""

import socket
import struct

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"

LOCAL, PROXY = 0x20, 0x21
TCP4, TCP6 = 0x11, 0x21


def v1(client, destination):
    """`client` and `destination`: (host, port), both of one family."""
    family = "TCP6" if ":" in client[0] else "TCP4"
    return "PROXY {} {} {} {} {}\r\n".format(
        family, client[0], destination[0], client[1], destination[1]).encode("ascii")


def v2(client, destination, more=b""):
    """`more`: what stands behind the addresses (TLV)."""
    kind, family = (socket.AF_INET6, TCP6) if ":" in client[0] else (socket.AF_INET, TCP4)
    ends = b"".join(socket.inet_pton(kind, host) for host in (client[0], destination[0]))
    return raw(PROXY, family, ends + struct.pack("!HH", client[1], destination[1]) + more)


def raw(command, family, block=b"", length=None):
    """Version 2 with these bytes; `length` if it is not the block's."""
    return SIGNATURE + struct.pack("!BBH", command, family,
                                   len(block) if length is None else length) + block


def parse(data):
    """(version, client, destination) of a header that is all of `data`, as a backend reads it;
    ValueError if it is not one."""
    if data.startswith(b"PROXY "):
        word, family, source, target, port, to_port = data.decode("ascii").split(" ")
        found = (1, (source, int(port)), (target, int(to_port.rstrip("\r\n"))))
        if word != "PROXY" or family not in ("TCP4", "TCP6") or v1(*found[1:]) != data:
            raise ValueError(f"not a header of version 1: {data!r}")
        return found
    signature, command, family, length = struct.unpack("!12sBBH", data[:16])
    if signature != SIGNATURE or command != PROXY or len(data) != 16 + length:
        raise ValueError(f"not a header of version 2: {data!r}")
    size, kind = {TCP4: (4, socket.AF_INET), TCP6: (16, socket.AF_INET6)}[family]
    ends = data[16:]
    ports = struct.unpack("!HH", ends[2 * size:2 * size + 4])
    return (2, (socket.inet_ntop(kind, ends[:size]), ports[0]),
            (socket.inet_ntop(kind, ends[size:2 * size]), ports[1]))


def length_of(data):
    """How many bytes of `data` are its header."""
    if data.startswith(SIGNATURE):
        return 16 + struct.unpack("!H", data[14:16])[0]
    return data.index(b"\r\n") + 2
