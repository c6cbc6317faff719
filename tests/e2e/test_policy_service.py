"""The same header and rules by Postfix's policy delegation protocol, for those without milters."""

import os
import socket

from common import table
from lab.process import TIMEOUT
from milter_stage import HEADER, NONE, TLS, UNKNOWN, Milters

POLICY = """\
recipient=secret@example.test     tls reject
recipient=later@example.test      tls defer 4.7.1 Come back with TLS
recipient=marked@example.test     tls tag no TLS
sender=partner.test               tls reject
"""


class Service(Milters):
    milter_options = {"socket": ""}
    policy = POLICY
    restrictions = "{ smtpd_recipient_restrictions = check_policy_service unix:postern/p.sock }"

    @classmethod
    def set_up(cls, *arguments, **options):
        """The service's settings are those that postfix-config keeps."""
        def change(text):
            return text.replace("    -o smtpd_tls_security_level=none\n",
                                "    -o smtpd_tls_security_level=none\n"
                                f"    -o {cls.restrictions}\n")
        cls.milter_options = {**cls.milter_options,
                              "policy_socket": "unix:{sockets}/p.sock"}
        super().set_up(*arguments, change=change, **options)

    @property
    def path(self):
        return self.sockets + "/p.sock"

    def begin(self, tls=False, sender="sender@client.test"):
        client = self.client()
        if tls:
            client.starttls()
        else:
            client.greet()
        self.assert_code(client.command(f"MAIL FROM:<{sender}>"), 250)
        return client

    def rcpt(self, client, recipient):
        return str(client.command(f"RCPT TO:<{recipient}>"))

    def finish(self, client, subject, headers=b""):
        self.assert_code(client.command("DATA"), 354)
        client.send(b"Subject: " + subject.encode() + b"\r\n" + headers + b"\r\nHello.\r\n.\r\n")
        self.assert_code(client.reply(), 250)
        return self.delivered(subject)


class WithPostfix(Service):
    @classmethod
    def prepare(cls):
        cls.set_up(chroot=True)

    def assert_prepended(self, mail, pattern, client=None):
        values = self.values(mail)
        self.assertEqual(len(values), 1, mail.raw)
        self.assertRegex(values[0], pattern)
        if client is not None:
            self.assertIn("session=" + self.id_of(client), values[0])

    @table([("plaintext", False, NONE), ("TLS", True, TLS)])
    def test_header(self, tls, pattern):
        client = self.begin(tls)
        self.assertEqual(self.rcpt(client, "a@example.test"), "250 2.1.5 Ok")
        self.assert_prepended(self.finish(client, self.id()), pattern, client)

    def test_header_once_for_many_recipients(self):
        client = self.begin(True)
        for number in range(5):
            self.assertEqual(self.rcpt(client, f"r{number}@example.test"), "250 2.1.5 Ok")
        self.assert_prepended(self.finish(client, "many recipients"), TLS, client)

    def test_header_in_each_mail_of_a_session(self):
        client = self.begin()
        self.rcpt(client, "a@example.test")
        self.assert_prepended(self.finish(client, "first of two"), NONE, client)
        client.command("MAIL FROM:<sender@client.test>")
        self.rcpt(client, "a@example.test")
        self.assert_prepended(self.finish(client, "second of two"), NONE, client)

    def test_header_behind_a_mail_that_was_broken_off(self):
        client = self.begin()
        self.rcpt(client, "a@example.test")
        client.command("RSET")
        client.command("MAIL FROM:<sender@client.test>")
        self.rcpt(client, "a@example.test")
        self.assert_prepended(self.finish(client, "behind RSET"), NONE, client)

    def test_one_refused_another_delivered(self):
        client = self.begin()
        self.assertRegex(self.rcpt(client, "secret@example.test"),
                         r"^554 5\.7\.10 <secret@example\.test>: Recipient address rejected: "
                         r"Encryption needed$")
        self.assertRegex(self.rcpt(client, "later@example.test"),
                         r"^450 4\.7\.1 <later@example\.test>: Recipient address rejected: "
                         r"Come back with TLS$")
        self.assertEqual(self.rcpt(client, "open@example.test"), "250 2.1.5 Ok")
        mail = self.finish(client, "one of three")
        self.assertEqual(mail.recipient, "open@example.test")
        self.assert_prepended(mail, NONE, client)
        self.milter.wait_log(r"reject: RCPT from .*: 5\.7\.10 Encryption needed; "
                             r"from=<sender@client\.test> to=<secret@example\.test> rule=.*:1 "
                             "session=" + self.id_of(client))

    def test_all_delivered_under_tls(self):
        client = self.begin(True, "a@partner.test")
        for name in ("secret", "later", "open"):
            self.assertEqual(self.rcpt(client, name + "@example.test"), "250 2.1.5 Ok")
        self.assert_prepended(self.finish(client, "all"), TLS, client)

    @table([("quoted", '"secret"@example.test'), ("case", "SECRET@Example.test"),
            ("quoted pair", '"se\\cret"@example.test'),
            ("route", "@x.test:secret@example.test"), ("final dot", "secret@example.test."),
            ("comment", "secret(me)@example.test"), ("blanks", " secret@example.test ")])
    def test_spelling(self, recipient):
        self.assertRegex(self.rcpt(self.begin(), recipient), r"^554 5\.7\.10 ")

    def test_sender(self):
        client = self.begin(sender="a@partner.test")
        self.assertRegex(self.rcpt(client, "open@example.test"), r"^554 5\.7\.10 ")

    def test_tag(self):
        client = self.begin()
        self.rcpt(client, "marked@example.test")
        mail = self.finish(client, "marked")
        self.assertEqual(self.values(mail), [f"mail.example.test; none; session="
                                             f"{self.id_of(client)}; tag=\"no TLS\""])


class TooLate(Service):
    """Rules for recipients need to be asked about each recipient."""

    restrictions = "{ smtpd_data_restrictions = check_policy_service unix:postern/p.sock }"

    @classmethod
    def prepare(cls):
        cls.set_up()

    def test_several_recipients(self):
        client = self.begin()
        self.rcpt(client, "secret@example.test")
        self.rcpt(client, "open@example.test")
        reply = str(client.command("DATA"))
        self.assertRegex(reply, r"^450 4\.3\.5 .*Server configuration error$")
        self.milter.wait_log("error: the policy has rules for recipients: check_policy_service "
                             "must be in smtpd_recipient_restrictions")

    def test_one_recipient(self):
        client = self.begin()
        self.rcpt(client, "secret@example.test")
        self.assertRegex(str(client.command("DATA")), r"^554 5\.7\.10 ")
        client = self.begin()
        self.rcpt(client, "open@example.test")
        self.assertEqual(len(self.values(self.finish(client, "one recipient"))), 1)


class Protocol(Service):
    """Requests of the test itself."""

    milter_options = {"socket": ""}

    @classmethod
    def prepare(cls):
        cls.set_up()

    def connection(self):
        connection = socket.socket(socket.AF_UNIX)
        self.addCleanup(connection.close)
        # Without a time limit, with which a full backlog would be an error.
        connection.connect(self.path)
        connection.settimeout(TIMEOUT)
        return connection

    @staticmethod
    def request(state="RCPT", **values):
        attributes = {"request": "smtpd_access_policy", "protocol_state": state,
                      "client_address": "192.0.2.1", "client_port": "1", "server_address":
                      "192.0.2.2", "server_port": "25", "sender": "a@client.test",
                      "recipient": "open@example.test", "recipient_count": "0", "instance": "1",
                      **values}
        return "".join(f"{name}={value}\n" for name, value in attributes.items()) + "\n"

    def ask(self, connection, **values):
        connection.sendall(self.request(**values).encode())
        return self.answer(connection)

    @staticmethod
    def answer(connection):
        """The action of the next answer; None at the end."""
        data = b""
        while not data.endswith(b"\n\n"):
            more = connection.recv(1)
            if not more:
                return None
            data += more
        return data.decode().rstrip("\n").partition("action=")[2]

    def facts_of(self, client):
        host, port = client.socket.getsockname()
        to_host, to_port = client.socket.getpeername()
        return {"client_address": host, "client_port": str(port), "server_address": to_host,
                "server_port": str(to_port)}

    def test_unknown_session(self):
        connection = self.connection()
        self.assertEqual(self.ask(connection), f"PREPEND {HEADER}: mail.example.test; unknown")
        self.assertEqual(self.ask(connection), "DUNNO")
        self.assertEqual(self.ask(connection, recipient="secret@example.test"),
                         "DEFER 4.7.0 How this session is protected is not known, try again later")
        self.assertRegex(self.ask(connection, instance="2"), "^PREPEND ")

    def test_known_session(self):
        client = self.client()
        client.starttls()
        known = self.facts_of(client)
        connection = self.connection()
        action = self.ask(connection, **known)
        self.assertRegex(action, f"^PREPEND {HEADER}: ")
        self.assertRegex(action.partition(": ")[2], TLS)
        self.assertIn(self.id_of(client), action)
        self.assertEqual(self.ask(connection, recipient="secret@example.test", **known), "DUNNO")
        client.command("QUIT")
        client.close()
        self.daemon.wait_log(f"disconnect from .*:{client.port} ")
        self.assertEqual(self.ask(connection, recipient="secret@example.test", **known), "DUNNO",
                         "what is known stands for the whole mail")
        self.assertRegex(self.ask(connection, instance="2", **known), "; unknown$")

    def test_v4_mapped(self):
        client = self.client()
        client.greet()
        known = self.facts_of(client)
        for name in ("client_address", "server_address"):
            known[name] = "::ffff:" + known[name]
        self.assertRegex(self.ask(self.connection(), **known), "; none; session=")

    @table([("connect", "CONNECT"), ("ehlo", "EHLO"), ("vrfy", "VRFY"), ("odd", "JUNK"),
            ("empty", "")])
    def test_no_mail_yet(self, state):
        connection = self.connection()
        self.assertEqual(self.ask(connection, state=state, sender="", recipient="",
                                  recipient_count=""), "DUNNO")
        self.assertRegex(self.ask(connection), "^PREPEND ", "it was not yet given out")

    def test_at_the_end_nothing_is_added(self):
        self.assertEqual(self.ask(self.connection(), state="END-OF-MESSAGE"), "DUNNO")

    def test_at_mail(self):
        connection = self.connection()
        self.assertRegex(self.ask(connection, state="MAIL", recipient=""), "^PREPEND ")
        self.assertEqual(self.ask(connection), "DUNNO")

    @table([
        ("no port", {"client_port": "unknown"}), ("no address", {"client_address": "unknown"}),
        ("no server", {"server_address": ""}), ("large port", {"server_port": "65536"}),
    ])
    def test_incomplete(self, values):
        self.assertRegex(self.ask(self.connection(), **values), "; unknown$")

    def test_without_instance(self):
        """Each request is about a mail of its own then."""
        connection = self.connection()
        self.assertRegex(self.ask(connection, instance=""), "^PREPEND ")
        self.assertRegex(self.ask(connection, instance=""), "^PREPEND ")

    def test_in_pieces_and_pipelined(self):
        connection = self.connection()
        for byte in self.request().encode():
            connection.sendall(bytes([byte]))
        self.assertRegex(self.answer(connection), "^PREPEND ")
        connection.sendall(self.request().encode() * 20)
        self.assertEqual([self.answer(connection) for _ in range(20)], ["DUNNO"] * 20)

    @table([("another request", b"request=junk\n\n"), ("no equal sign", b"GET / HTTP/1.0\r\n"),
            ("too long", b"request=smtpd_access_policy\nx=" + b"x" * 40000)])
    def test_bad(self, data):
        connection = self.connection()
        mark = self.milter.mark()
        connection.sendall(data)
        try:
            self.assertIsNone(self.answer(connection))
        except ConnectionResetError:
            pass
        self.milter.wait_log("warning: policy service: not a request from Postfix: ", after=mark)
        self.assertRegex(self.ask(self.connection()), "^PREPEND ")

    def test_long_addresses(self):
        connection = self.connection()
        self.assertRegex(self.ask(connection, sender="x" * 5000 + "@partner.test"),
                         "^DEFER 4.7.0 ")
        self.assertRegex(self.ask(connection, instance="2", sender="x" * 20000 + "@a.test"),
                         "^PREPEND ")

    @table([("NUL", "a\0@client.test"), ("NUL alone", "\0"), ("NUL in UTF-8", "a@client.test\0\u00fc"),
            ("operator far away", "x%partner.test" + "x" * 5000 + "@client.test"),
            ("long domain", "a@" + "x" * 20000 + ".test"),
            ("long UTF-8", "a@" + "\u00fc" * 5000 + ".test")])
    def test_odd_address(self, address):
        """It may be the sender of a rule, and is not the null sender."""
        self.assertRegex(self.ask(self.connection(), sender=address), "^DEFER 4.7.0 ")
        self.assertRegex(self.ask(self.connection(), sender=""), "^PREPEND ")

    def test_many_connections(self):
        connections = [self.connection() for _ in range(200)]
        for connection in connections:
            connection.sendall(self.request().encode())
        for connection in connections:
            self.assertEqual(self.answer(connection),
                             f"PREPEND {HEADER}: mail.example.test; unknown")

    def test_more_connections_than_there_may_be(self):
        """They are closed, and one line a minute says so."""
        mark = self.milter.mark()
        connections = [self.connection() for _ in range(1020)]
        for connection in connections[1000:]:
            self.assertEqual(connection.recv(1), b"")
        line = r"warning: policy service: accept: no room for another connection times=1$"
        self.milter.log.wait(line, after=mark)
        self.assertEqual(len(self.milter.log.find_all(line, after=mark)), 1)
        self.assertEqual(self.ask(connections[0])[:8], "PREPEND ")

    def test_socket_is_removed(self):
        path = self.path
        self.assertTrue(os.path.exists(path))
        self.stage.stop(self.milter)
        self.assertFalse(os.path.exists(path))
        type(self).milter = self.stage.milter(self.conf)


class Failing(Service):
    """posternd cannot be asked."""

    policy = POLICY

    @classmethod
    def prepare(cls):
        cls.set_up()
        cls.stage.stop(cls.daemon)

    connection = Protocol.connection
    request = staticmethod(Protocol.request)
    answer = staticmethod(Protocol.answer)
    ask = Protocol.ask

    def test_tempfail(self):
        self.assertEqual(self.ask(self.connection()),
                         "DEFER 4.3.0 Cannot find out now how this session is protected, try again "
                         "later")


class Accepting(Failing):
    milter_options = {"socket": "", "on_failure": "accept"}

    def test_tempfail(self):
        connection = self.connection()
        self.assertRegex(self.ask(connection), UNKNOWN.replace("^", "^PREPEND .*"))
        self.assertRegex(self.ask(connection, recipient="secret@example.test"), "^DEFER 4.7.0 ")
