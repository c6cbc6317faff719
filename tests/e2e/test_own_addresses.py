"""What a PROXY header may claim on a machine with several addresses. posternd runs in a network
namespace of its own, which may have whatever addresses the test likes."""

import ctypes
import os
import threading
import types
import unittest

from common import Backend, Case, table
from lab.proxyheader import v1
from lab.smtp import Client

CLONE_NEWNET = 0x40000000

UPSTREAM, SERVER = "127.0.0.2", ("203.0.113.5", 25)

# The second one of a network has the first one for its source when it is connected to.
NETWORK = """
ip link set lo up && ip address add 192.0.2.10/24 dev lo && ip address add 192.0.2.11/24 dev lo &&
ip address add 198.51.100.7/32 dev lo && ip route add 198.18.0.0/24 dev lo &&
echo {nonlocal_bind} > /proc/sys/net/ipv4/ip_nonlocal_bind && exec "$@"
"""


@unittest.skipUnless(os.geteuid() == 0, "a network namespace needs root")
class OwnAddresses(Case):
    """Addresses of this machine, and of others in its networks."""

    @classmethod
    def prepare(cls):
        path = os.path.join(cls.stage.directory, "backend")
        cls.backend = Backend(types.SimpleNamespace(addCleanup=cls.addClassCleanup), path=path)
        cls.daemons = {number: cls.stage.posternd(
            certificates=["p256"], backend=cls.backend.address, log_sessions="all",
            listeners={"mx": {"accept_proxy_from": UPSTREAM}},
            wrapper=["unshare", "--net", "sh", "-c", "PATH=$PATH:/usr/sbin:/sbin"
                     + NETWORK.format(nonlocal_bind=number), "sh"]) for number in (0, 1)}

    def connect_there(self, daemon):
        """An upstream in the namespace of the daemon: sockets stay where they were made."""
        clients = []

        def connect():
            with open(f"/proc/{daemon.pid}/ns/net", "rb") as namespace:
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            clients.append(Client(daemon.address(), UPSTREAM))

        thread = threading.Thread(target=connect)
        thread.start()
        thread.join()
        self.addCleanup(clients[0].close)
        clients[0].port = clients[0].socket.getsockname()[1]
        return clients[0]

    # name, net.ipv4.ip_nonlocal_bind, address, whether it is one of this machine
    @table((
        ("first", 0, "192.0.2.10", True),
        ("second", 0, "192.0.2.11", True),
        ("single", 0, "198.51.100.7", True),
        ("another host", 0, "198.18.0.9", False),
        ("without a route", 0, "203.0.113.77", False),
        ("first, anything can be bound", 1, "192.0.2.10", True),
        ("single, anything can be bound", 1, "198.51.100.7", True),
        ("another host, anything can be bound", 1, "198.18.0.9", False),
    ))
    def test_claim(self, nonlocal_bind, claimed, own):
        daemon = self.daemons[nonlocal_bind]
        upstream = self.connect_there(daemon)
        upstream.send(v1((claimed, 4711), SERVER))
        if own:
            self.assertIn(b"421 4.3.2 ", upstream.rest())
            self.warning(daemon, upstream,
                         "PROXY header refused: it claims an address of this host")
            self.assertTrue(self.backend.nobody_came())
        else:
            self.assertEqual(self.backend.accept().client, (claimed, 4711))
