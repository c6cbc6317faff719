"""What a PROXY header may claim on a machine with several addresses. posternd runs in a network
namespace of its own, which may have whatever addresses the test likes."""

import os
import types
import unittest

from common import Backend, Case, table
from lab import namespace
from lab.proxyheader import v1

UPSTREAM, SERVER = "127.0.0.2", ("203.0.113.5", 25)

# The second one of a network has the first one for its source when it is connected to.
NETWORK = ("ip address add 192.0.2.10/24 dev lo", "ip address add 192.0.2.11/24 dev lo",
           "ip address add 198.51.100.7/32 dev lo", "ip route add 198.18.0.0/24 dev lo")


@unittest.skipUnless(namespace.can(), "a network namespace needs root")
class OwnAddresses(Case):
    """Addresses of this machine, and of others in its networks."""

    @classmethod
    def prepare(cls):
        path = os.path.join(cls.stage.directory, "backend")
        cls.backend = Backend(types.SimpleNamespace(addCleanup=cls.addClassCleanup), path=path)
        cls.daemons = {number: cls.stage.posternd(
            certificates=["p256"], backend=cls.backend.address, log_sessions="all",
            listeners={"mx": {"accept_proxy_from": UPSTREAM}},
            wrapper=namespace.wrapper(
                *NETWORK, f"echo {number} > /proc/sys/net/ipv4/ip_nonlocal_bind"))
                       for number in (0, 1)}

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
        upstream = namespace.call(daemon.pid, lambda: self.connect(daemon.address(), UPSTREAM))
        upstream.send(v1((claimed, 4711), SERVER))
        if own:
            self.assertIn(b"421 4.3.2 ", upstream.rest())
            self.warning(daemon, upstream,
                         "PROXY header refused: it claims an address of this host")
            self.assertTrue(self.backend.nobody_came())
        else:
            self.assertEqual(self.backend.accept().client, (claimed, 4711))
