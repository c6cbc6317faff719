"""ALPN: who means another service is turned away, who means smtp is told so, and nobody else
notices anything."""

import json
import os
import ssl

from common import ESTABLISHED, FAILED, Case, client_context, table
from lab import hello
from lab.posternd import run_posternctl

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)

REFUSED = (2, 120)
NO_ANSWER = None

# name, protocols of the client, what comes of them: guard, strict, ignore
LISTS = (
    ("nothing", (), NO_ANSWER, NO_ANSWER, NO_ANSWER),
    ("smtp", ("smtp",), "smtp", "smtp", NO_ANSWER),
    ("a browser", ("h2", "http/1.1"), REFUSED, REFUSED, NO_ANSWER),
    ("smtp among others", ("h2", "imap", "smtp", "http/1.1"), "smtp", "smtp", NO_ANSWER),
    ("imap", ("imap",), REFUSED, REFUSED, NO_ANSWER),
    ("a challenge of ACME", ("acme-tls/1",), REFUSED, REFUSED, NO_ANSWER),
    ("unknown", ("example/1",), NO_ANSWER, REFUSED, NO_ANSWER),
    ("unknown and another service", ("example/1", "ftp"), REFUSED, REFUSED, NO_ANSWER),
    ("GREASE", ("\x1a\x1a",), NO_ANSWER, NO_ANSWER, NO_ANSWER),
    ("GREASE and smtp", ("\x1a\x1a", "smtp"), "smtp", "smtp", NO_ANSWER),
    ("GREASE and another service", ("\x1a\x1a", "h2"), REFUSED, REFUSED, NO_ANSWER),
)
RULES = ("guard", "strict", "ignore")


def profiles(*options):
    return "".join(f'tls_profile "{rule}" {{ alpn = "{rule}" {" ".join(options)} }}\n'
                   for rule in RULES)


def message_with(names):
    return hello.story(extra=[hello.alpn(*names)] if names else [])


class Alpn(Case):
    @classmethod
    def prepare(cls):
        cls.posternd = cls.stage.front(
            ["p256", "rsa", "p384"], log_sessions="all", extra=profiles(),
            sets={"mail": ["p256", "rsa"], "p384": ["p384"],
                  "anonymous": {"certificates": ["p384"], "unmatched": "anonymous"},
                  "try-anyway": {"certificates": ["p384"], "unmatched": "try-anyway"}},
            listeners={"default": {}, **{rule: {"tls_profile": rule} for rule in RULES},
                       **{name: {"certificate_sets": name}
                          for name in ("p384", "anonymous", "try-anyway")}})

    def ask(self, listener, message):
        """The Answer to a hello, and its client."""
        client = self.connect(self.posternd.address(listener))
        client.greet()
        client.command("STARTTLS")
        client.send(hello.records(message))
        return hello.read_answer(client), client

    def refused(self, client, detail):
        """The line of a client that was refused."""
        line = self.handshake_failure(self.posternd, client)
        self.assertEqual((line["reason"], line["detail"]), ("alpn", detail))
        return line

    # --- what comes of a list ---

    @table(LISTS)
    def test_answer(self, names, *expected):
        """In TLS 1.2, where the answer can be read without keys."""
        for rule, outcome in zip(RULES, expected):
            answer, client = self.ask(rule, message_with(names))
            if outcome == REFUSED:
                self.assertEqual(answer.alert, REFUSED, f"{rule}: {answer.text}")
                self.assertIsNone(answer.version)
                self.refused(client, ",".join(name for name in names if name > " "))
            else:
                self.assertEqual((answer.text, answer.alert), (
                    "ServerHello: TLSv1.2, suite ECDHE-ECDSA-AES128-GCM-SHA256, certificate p256",
                    None), rule)
                self.assertEqual(answer.extensions.get(hello.ALPN),
                                 outcome and b"\0\x05\x04smtp", rule)

    @table([(name, names, expected) for name, names, *expected in LISTS if names])
    def test_answer_in_tls13(self, names, expected):
        context = client_context(minimum_version=ssl.TLSVersion.TLSv1_3)
        context.set_alpn_protocols(names)
        for rule, outcome in zip(RULES, expected):
            client = self.connect(self.posternd.address(rule))
            if outcome == REFUSED:
                with self.assertRaisesRegex(ssl.SSLError, "no application protocol"):
                    client.starttls(context)
            else:
                client.starttls(context)
                self.assertEqual(client.socket.selected_alpn_protocol(), outcome, rule)
                self.assertTrue(client.command("NOOP"))

    def test_guard_is_the_default(self):
        answer, client = self.ask("default", message_with(["h2"]))
        self.assertEqual(answer.alert, REFUSED, answer.text)
        self.refused(client, "h2")
        answer, _ = self.ask("default", message_with(["example/1"]))
        self.assertTrue(answer.done, answer.text)

    def test_nothing_follows_the_alert(self):
        answer, client = self.ask("guard", message_with(["h2"]))
        self.assertEqual(answer.raw[:5], b"\x15\x03\x03\0\x02")
        self.assertEqual(len(answer.raw), 7)
        self.assert_closed(client)
        end = self.disconnect(self.posternd, client)
        self.assertEqual(end["tls"], "no")

    # --- order ---

    def test_before_the_certificate(self):
        """Who would get no certificate either is told about ALPN; the certificate is for those who
        mean mail."""
        answer, client = self.ask("p384", message_with(["h2"]))
        self.assertEqual(answer.alert, REFUSED, answer.text)
        self.refused(client, "h2")
        answer, client = self.ask("p384", message_with(["smtp"]))
        self.assertEqual(answer.alert, (2, 40), answer.text)
        self.assertEqual(self.handshake_failure(self.posternd, client)["reason"],
                         "no-certificate-fits")

    def test_before_the_version(self):
        message = hello.build(version=0x0300, extensions=[hello.alpn("h2")])
        answer, client = self.ask("guard", message)
        self.assertEqual(answer.alert, REFUSED, answer.text)
        self.refused(client, "h2")

    @table((
        ("torn", b"\0\x03\x05h2"),
        ("empty", b"\0\0"),
        ("an empty name", b"\0\x04\0\x02h2"),
    ))
    def test_malformed(self, body):
        for rule in RULES:
            answer, client = self.ask(rule, hello.story(extra=[(hello.ALPN, body)]))
            self.assertEqual(answer.alert, (2, 50), f"{rule}: {answer.text}")
            line = self.handshake_failure(self.posternd, client)
            self.assertEqual(line["reason"], "malformed")
            self.assertIn("application_layer_protocol_negotiation", line["detail"])

    @table((("before", False), ("behind", True)))
    def test_behind_another_fault(self, behind):
        """A hello that is malformed is libssl's to refuse, whatever else it says."""
        fault = [(hello.GROUPS, b"\0\1\0")]
        named = [hello.alpn("h2")]
        message = hello.build(extensions=named + fault if behind else fault + named)
        answer, client = self.ask("guard", message)
        self.assertEqual(answer.alert, (2, 50), answer.text)
        self.assertEqual(self.handshake_failure(self.posternd, client)["reason"], "malformed")

    # --- later hellos ---

    @table((("same", False), ("another", True)))
    def test_second_hello(self, refused):
        """Behind a HelloRetryRequest a client can name other protocols than before."""
        session_id, random = os.urandom(32), os.urandom(32)

        def message(names, shares):
            return hello.build(
                suites=(0x1301,), session_id=session_id, random=random, extensions=[
                    hello.groups([0x001d]), hello.schemes([0x0403, 0x0804]),
                    hello.supported_versions([hello.TLS13]), hello.key_share(*shares),
                    hello.alpn(*names)])

        answer, client = self.ask("guard", message(["smtp"], []))
        self.assertTrue(answer.retry, answer.text)
        client.send(hello.records(message(["h2"] if refused else ["smtp"], [0x001d])))
        answer = hello.read_answer(client)
        if refused:
            self.assertEqual(answer.alert, REFUSED, answer.text)
            self.refused(client, "h2")
        else:
            self.assertEqual((answer.alert, answer.version), (None, hello.TLS13))

    @table([(version.name, version) for version in VERSIONS])
    def test_resumed(self, version):
        """A ticket is no way around the rule either."""
        context = client_context(minimum_version=version, maximum_version=version)
        client = self.connect(self.posternd.address("guard"))
        client.starttls(context)
        session = client.socket.session
        client.command("QUIT")
        for names, outcome in ((["smtp"], "smtp"), (["example/1"], None), (["h2"], REFUSED)):
            context.set_alpn_protocols(names)
            client = self.connect(self.posternd.address("guard"))
            client.greet()
            client.command("STARTTLS")
            if outcome == REFUSED:
                with self.assertRaisesRegex(ssl.SSLError, "no application protocol"):
                    context.wrap_socket(client.socket, session=session)
                self.refused(client, "h2")
                continue
            client.socket = context.wrap_socket(client.socket, session=session)
            self.assertEqual((client.socket.session_reused,
                              client.socket.selected_alpn_protocol()), (True, outcome))
            client.command("EHLO client.example.test")
            session = client.socket.session
            client.command("QUIT")

    # --- where no certificate fits ---

    @table((("anonymous", "anonymous", (0xc018,)),
            ("try-anyway", "try-anyway", hello.STORY_SUITES)))
    def test_unmatched(self, listener, suites):
        """What serves these sessions is set up apart from the rest."""
        for names, outcome in ((["h2"], REFUSED), (["smtp"], b"\0\x05\x04smtp"),
                               (["example/1"], None)):
            answer, client = self.ask(listener, hello.build(suites=suites, extensions=[
                hello.groups(hello.STORY_GROUPS), hello.schemes(hello.STORY_SCHEMES),
                hello.alpn(*names)]))
            if outcome == REFUSED:
                self.assertEqual(answer.alert, REFUSED, answer.text)
                self.refused(client, "h2")
            else:
                self.assertTrue(answer.done, answer.text)
                self.assertEqual(answer.extensions.get(hello.ALPN), outcome)

    # --- the log ---

    def test_names_are_escaped_and_bounded(self):
        name = 'a"\n =\\,\x1b[2J' + "x" * 240
        answer, client = self.ask("guard", message_with([name, *["h2"] * 20]))
        self.assertEqual(answer.alert, REFUSED, answer.text)
        line = self.handshake_failure(self.posternd, client)
        self.assertEqual(line["reason"], "alpn")
        self.assertEqual(line["detail"], r"a\x22\x0a\x20\x3d\x5c\x2c\x1b\x5b2J" + "x" * 13
                         + "...," + "h2," * 7 + "...")
        self.assertRegex(line["facts"], "^ ja4=t12i1208")

    # --- real clients ---

    @table([(f"{name} {version}", name, version) for name in ("s_client", "gnutls-cli")
            for version in ("1.2", "1.3")])
    def test_real_clients(self, name, version):
        mark = self.posternd.mark()
        for protocol in ("smtp", "h2"):
            address = self.posternd.address("guard")
            if name == "s_client":
                program = self.s_client(address, "-tls1_" + version[-1], "-alpn", protocol)
            else:
                program = self.gnutls_cli(address, "NORMAL:-VERS-ALL:+VERS-TLS" + version,
                                          "--alpn=" + protocol)
            if protocol == "h2":
                self.assertNotEqual(program.end(), 0, program.output)
                self.assertRegex(program.output, rb"(?i)no (supported )?application protocol")
                line = self.posternd.wait_log(FAILED, after=mark)
                self.assertEqual((line["reason"], line["detail"]), ("alpn", "h2"))
            else:
                program.expect(rb"^250 .*\n" if name == "s_client" else
                               rb"Application protocol: smtp")
                program.mail(self.id())
                self.posternd.wait_log(ESTABLISHED, after=mark)

    # --- the offline answer ---

    @table(LISTS)
    def test_explain(self, names, *expected):
        words = {REFUSED: "refuses this client whatever the certificate: it names",
                 "smtp": "selects smtp\n", None: "continues without an answer\n"}
        path = os.path.join(self.stage.directory, self.id())
        with open(path, "wb") as file:
            file.write(message_with(names))
        for rule, outcome in zip(RULES, expected):
            arguments = ["-c", self.posternd.conf, "explain", "--hello", path, "--listener", rule]
            done = run_posternctl(self.stage.build, *arguments)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(f'alpn = "{rule}": posternd {words[outcome]}' in done.stdout,
                             bool(names), done.stdout)
            self.assertEqual(done.stdout.count("alpn = "), bool(names), done.stdout)
            done = run_posternctl(self.stage.build, "--json", *arguments)
            document = json.loads(done.stdout)
            self.assertEqual(document["chosen"], "p256")
            # The key stands there for those who name protocols, behind all others.
            self.assertEqual(list(document)[9:], ["alpn"] if names else [])
            self.assertEqual(document.get("alpn"), "refused" if outcome == REFUSED else outcome)
