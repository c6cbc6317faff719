"""What posternd tells of its live sessions: to the milter by the addresses that Postfix knows and
by the session's id, and to the administrator."""

import json
import os
import socket
import ssl

from common import CONNECT, DISCONNECT, ESTABLISHED, Case, client_context, reset, table
from kept_failures import Control
from lab import proxyheader
from lab.posternd import run_posternctl
from lab.process import TIMEOUT
from lab.smtp import Client

SOURCE = "127.0.0.9"


class Facts(Case):
    @classmethod
    def prepare(cls):
        cls.daemon = cls.stage.front(["p256", "rsa"], log_sessions="all", listeners={
            "mx": {}, "upstream": {"accept_proxy_from": ["127.0.0.2/32"]}})
        cls.path = os.path.join(os.path.dirname(cls.daemon.conf), "state", "control.sock")

    def setUp(self):
        super().setUp()
        self.control = Control(self.path)
        self.addCleanup(self.control.close)

    def id_of(self, client):
        return self.of_log(self.daemon, CONNECT, client)["session"]

    def claim(self, connection, **changed):
        """Asks as the milter does, for the session of a client."""
        host, port = connection.socket.getsockname()
        to_host, to_port = connection.socket.getpeername()
        return self.claim_of({"client": host, "client_port": port, "destination": to_host,
                              "destination_port": to_port, **changed})

    def claim_of(self, addresses):
        answer = self.control.ask("session", **addresses)
        self.assertEqual(list(answer), ["session"], answer)
        return answer["session"]

    def facts(self, **values):
        answer = self.control.ask("facts", **values)
        self.assertEqual(list(answer), ["facts"], answer)
        return answer["facts"]

    def fact(self, session):
        found = self.facts(session=session)
        self.assertEqual(len(found), 1, found)
        self.assertEqual(found[0]["session"], session)
        return found[0]

    def ended(self, port):
        """Waits for the end of a client's session."""
        self.of_log(self.daemon, DISCONNECT, port)

    # --- by addresses ---

    def test_claim(self):
        client = self.connect(self.daemon.address(), SOURCE)
        client.greet()
        self.assertEqual(self.claim(client), self.id_of(client))
        self.assertEqual(self.claim(client), self.id_of(client), "asked again")

    def test_claim_v4_mapped(self):
        client = self.connect(self.daemon.address(), SOURCE)
        client.greet()
        self.assertEqual(self.claim(client, client="::ffff:" + SOURCE,
                                    destination="::FFFF:127.0.0.1"), self.id_of(client))

    @table([("client", "client", "127.0.0.8"), ("client port", "client_port", 1),
            ("destination", "destination", "127.0.0.2"),
            ("destination port", "destination_port", 1)])
    def test_claim_other(self, name, value):
        client = self.connect(self.daemon.address(), SOURCE)
        client.greet()
        self.assertIsNone(self.claim(client, **{name: value}))
        self.assertIsNotNone(self.claim(client))

    def again(self, port):
        """A client from the same port, which was in use until just now."""
        connection = socket.socket()
        self.addCleanup(connection.close)
        connection.settimeout(TIMEOUT)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        connection.bind((SOURCE, port))
        connection.connect(self.daemon.address())
        client = Client.__new__(Client)
        client.socket, client._buffer, client.port = connection, b"", port
        return client

    def test_claim_port_used_again(self):
        first = self.connect(self.daemon.address(), SOURCE)
        first.greet()
        known = self.claim(first)
        reset(first.socket)
        self.ended(first.port)
        second = self.again(first.port)
        second.greet()
        self.assertNotIn(self.claim(second), (None, known))
        self.assertEqual(self.facts(session=known), [])

    def test_claim_after_a_session_that_nobody_asked_for(self):
        first = self.connect(self.daemon.address(), SOURCE)
        first.greet()
        reset(first.socket)
        self.ended(first.port)
        second = self.again(first.port)
        second.greet()
        self.assertIsNone(self.claim(second), "who asks may mean the first one")
        self.assertEqual(len(self.facts(client=SOURCE, client_port=first.port)), 1)

    # What an upstream tells of its clients.
    CLAIMED = ("192.0.2.77", 4711), ("203.0.113.5", 25)
    ASKED = {"client": "192.0.2.77", "client_port": 4711, "destination": "203.0.113.5",
             "destination_port": 25}

    def upstream(self, client, destination):
        """A session of an upstream's client."""
        connection = self.connect(self.daemon.address("upstream"), "127.0.0.2")
        connection.send(proxyheader.v2(client, destination))
        connection.greet()
        return connection

    def test_claim_of_an_upstreams_client(self):
        client = self.upstream(*self.CLAIMED)
        session = self.claim_of(self.ASKED)
        self.assertIsNotNone(session)
        self.assertEqual(self.fact(session)["listener"], "upstream")
        self.assertIsNone(self.claim(client), "the upstream itself is no client")

    def test_claim_v4_mapped_of_an_upstream(self):
        self.upstream(("::ffff:192.0.2.78", 4712), ("::ffff:203.0.113.5", 25))
        self.assertIsNotNone(self.claim_of({**self.ASKED, "client": "192.0.2.78",
                                            "client_port": 4712}))

    def test_claim_two_sessions_of_the_same_addresses(self):
        asked = {**self.ASKED, "client_port": 4713}
        first = self.upstream(("192.0.2.77", 4713), self.CLAIMED[1])
        known = self.claim_of(asked)
        self.assertIsNotNone(known)
        second = self.upstream(("192.0.2.77", 4713), self.CLAIMED[1])
        self.assertIsNone(self.claim_of(asked))
        self.assertEqual(self.fact(known)["session"], known, "who knows the id may ask on")
        found = self.facts(client="192.0.2.77", client_port=4713)
        self.assertEqual(len({each["session"] for each in found}), 2)
        done = self.ctl("facts", "192.0.2.77", "4713")
        self.assertEqual((done.returncode, done.stdout.count("session ")), (0, 2), done.stdout)
        self.upstream(("192.0.2.77", 4713), ("203.0.113.6", 25))
        self.assertIsNotNone(self.claim_of({**asked, "destination": "203.0.113.6"}))
        first.command("QUIT")
        second.command("QUIT")

    @table([
        ("nothing", {}, '"client" is not an address'),
        ("host name", {"client": "localhost"}, '"client" is not an address'),
        ("no port", {"client": "192.0.2.1"}, '"client_port" is not a port number'),
        ("text as port", {"client": "192.0.2.1", "client_port": "25"},
         '"client_port" is not a port number'),
        ("large port", {"client": "192.0.2.1", "client_port": 65536},
         '"client_port" is not a port number'),
        ("no destination", {"client": "192.0.2.1", "client_port": 25},
         '"destination" is not an address'),
    ])
    def test_claim_bad(self, values, error):
        self.assertEqual(self.control.ask("session", **values), {"error": error})

    # --- by id ---

    def test_plaintext(self):
        client = self.connect(self.daemon.address(), SOURCE)
        client.greet()
        self.assertEqual(self.fact(self.claim(client)), {
            "session": self.id_of(client), "client": SOURCE, "client_port": client.port,
            "destination": "127.0.0.1", "destination_port": self.daemon.port(), "listener": "mx",
            "tls": False})

    def exchange(self, client):
        """Which key exchange the log names."""
        return self.of_log(self.daemon, ESTABLISHED, client)["exchange"]

    @table([("1 2", ssl.TLSVersion.TLSv1_2, "TLSv1.2"), ("1 3", ssl.TLSVersion.TLSv1_3, "TLSv1.3")])
    def test_tls(self, version, name):
        client = self.connect(self.daemon.address(), SOURCE)
        client.starttls(client_context(minimum_version=version, maximum_version=version),
                        "Mail.Example.Test")
        facts = self.fact(self.claim(client))
        cipher, _, bits = client.socket.cipher()
        self.assertEqual(facts, {
            "session": self.id_of(client), "client": SOURCE, "client_port": client.port,
            "destination": "127.0.0.1", "destination_port": self.daemon.port(), "listener": "mx",
            "tls": True, "protocol": name, "cipher": cipher, "bits": bits, "algorithm_bits": bits,
            "key_exchange": self.exchange(client), "certificate": "p256", "fault": None,
            "sni": "Mail.Example.Test", "capped": False, "reused": False,
            "client_certificate": "none"})

    def test_plaintext_becomes_tls(self):
        client = self.connect(self.daemon.address(), SOURCE)
        client.greet()
        session = self.claim(client)
        self.assertFalse(self.fact(session)["tls"])
        client.command("STARTTLS")
        client.tls()
        client.command("EHLO client.example.test")
        self.assertTrue(self.fact(session)["tls"])
        self.assertIsNone(self.fact(session)["sni"])

    @table([("never there", "0000000000"), ("empty", ""), ("long", "0" * 1000)])
    def test_no_such_session(self, session):
        self.assertEqual(self.facts(session=session), [])

    # --- posternctl ---

    def ctl(self, *arguments):
        return run_posternctl(self.build, "-c", self.daemon.conf, *arguments)

    def test_command(self):
        client = self.connect(self.daemon.address(), SOURCE)
        client.starttls(name="mail.example.test")
        cipher, version, bits = client.socket.cipher()
        exchange = self.exchange(client)
        done = self.ctl("facts", SOURCE, str(client.port))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, f"""\
session {self.id_of(client)}
    client              {SOURCE}:{client.port}
    destination         127.0.0.1:{self.daemon.port()}
    listener            mx
    tls                 {version} with cipher {cipher} ({bits}/{bits} bits)
    key exchange        {exchange}
    certificate         p256
    server name         mail.example.test
    client certificate  none
""")

    def test_command_plaintext(self):
        client = self.connect(self.daemon.address(), SOURCE)
        client.greet()
        done = self.ctl("facts", "::ffff:" + SOURCE, str(client.port))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"(?m)^    listener            mx\n    tls  +none$")

    def test_command_ipv6(self):
        self.upstream(("2001:db8::77", 4714), ("2001:db8::5", 25))
        for address in ("2001:db8::77", "[2001:DB8::77]"):
            done = self.ctl("facts", address, "4714")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, r"(?m)^    client              \[2001:db8::77\]:4714\n"
                                          r"    destination         \[2001:db8::5\]:25$")

    def test_command_json(self):
        client = self.connect(self.daemon.address(), SOURCE)
        client.greet()
        done = self.ctl("--json", "facts", SOURCE, str(client.port))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout), {"facts": [self.fact(self.id_of(client))]})

    def test_command_none(self):
        done = self.ctl("facts", "192.0.2.1", "25")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (1, "", ""))
        done = self.ctl("--json", "facts", "[2001:db8::1]", "25")
        self.assertEqual((done.returncode, json.loads(done.stdout)), (1, {"facts": []}))
