"""Session tickets: resumed where the session could have begun, and nowhere else."""

import itertools
import os
import re
import shutil
import ssl

from common import ESTABLISHED, Case, client_context, endpoint, of_client, table
from lab.posternd import USER, run_posternd

VERSIONS = (("TLS 1.2", ssl.TLSVersion.TLSv1_2), ("TLS 1.3", ssl.TLSVersion.TLSv1_3))

# Connections that both of two workers get some of, whatever the kernel does (but once in 2**30).
ENOUGH = 31

BACKEND = "127.0.0.1:1"


def context_of(version, **options):
    return client_context(minimum_version=version, maximum_version=version, **options)


class Resumption(Case):
    """What the classes below share. They need no mail: a Postfix is there for its banner."""

    def client(self, address, context, *, session=None, name=None):
        """A client after its handshake and EHLO, when tickets have come."""
        client = self.connect(address)
        client.greet()
        client.command("STARTTLS")
        client.socket = context.wrap_socket(client.socket, server_hostname=name, session=session)
        client.command("EHLO client.example.test")
        return client

    def session(self, address, context, name=None):
        """The session of a connection that ended well."""
        client = self.client(address, context, name=name)
        session = client.socket.session
        client.command("QUIT")
        return session

    def resumed(self, address, context, session, name=None):
        """Whether a connection resumes the session, and its line in the log."""
        daemon = next(each for each in self.daemons if address in
                      itertools.chain(*each.addresses.values()))
        # Among so many connections a client's port comes more than once.
        mark = daemon.mark()
        client = self.client(address, context, session=session, name=name)
        line = daemon.wait_log(of_client(ESTABLISHED, client.port), after=mark)
        self.assertEqual(line["reused"], "yes" if client.socket.session_reused else "no")
        client.command("QUIT")
        return client.socket.session_reused, line

    @classmethod
    def key_file(cls, name, data=None):
        path = os.path.join(cls.stage.directory, name)
        with open(path, "wb") as file:
            file.write(os.urandom(80) if data is None else data)
        if os.geteuid() == 0:
            shutil.chown(path, USER)
        return path

    @classmethod
    def front(cls, certificates, **options):
        daemon = cls.stage.front(certificates, **options)
        cls.daemons = [*getattr(cls, "daemons", []), daemon]
        return daemon


class Tickets(Resumption):
    @classmethod
    def prepare(cls):
        sets = {
            "mail": {"certificates": ["p256", "rsa"],
                     "names": ["mail.example.test", "mx.example.test"]},
            "shop": {"certificates": ["p256", "rsa"], "names": ["shop.example.test"]},
        }
        listeners = {"mx": {"certificate_sets": ["mail", "shop"]}}
        cls.posternd = cls.front(["p256", "rsa"], sets=sets, listeners=listeners)
        cls.without = cls.front(["p256", "rsa"], sets=sets, listeners=listeners, tickets=False)

    @table(VERSIONS)
    def test_by_every_worker(self, version):
        address, context = self.posternd.address("mx"), context_of(version)
        session = self.session(address, context)
        self.assertTrue(session.has_ticket)
        for _ in range(ENOUGH):
            resumed, line = self.resumed(address, context, session)
            self.assertTrue(resumed)
            self.assertEqual(line["certificate"], "p256")

    @table(VERSIONS)
    def test_again_and_again(self, version):
        """Each resumed session of TLS 1.3 has a ticket for the next one; in TLS 1.2 one ticket is
        enough."""
        address, context = self.posternd.address("mx"), context_of(version)
        session = self.session(address, context)
        for _ in range(4):
            mark = self.posternd.mark()
            client = self.client(address, context, session=session)
            self.assertTrue(client.socket.session_reused)
            line = self.posternd.wait_log(of_client(ESTABLISHED, client.port), after=mark)
            self.assertEqual(line["certificate"], "p256")
            session = client.socket.session
            client.command("QUIT")

    @table(VERSIONS)
    def test_the_certificate_of_the_first_session_is_logged(self, version):
        """A client that would now get another certificate has still seen the first one."""
        address, context = self.posternd.address("mx"), context_of(version)
        if version == ssl.TLSVersion.TLSv1_2:
            context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
            session = self.session(address, context)
            context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256")
            resumed, line = self.resumed(address, context, session)
            self.assertTrue(resumed)
            self.assertEqual(line["certificate"], "rsa")
        else:
            # A client of openssl that takes only RSA first, and everything after; its second and
            # third session each have a ticket of the one before.
            saved = os.path.join(self.stage.directory, "rsa.session")
            for options, reused in ((("-sess_out", saved, "-sigalgs", "rsa_pss_rsae_sha256"), "no"),
                                    (("-sess_in", saved, "-sess_out", saved + "2"), "yes"),
                                    (("-sess_in", saved + "2"), "yes")):
                mark = self.posternd.mark()
                program = self.s_client(address, "-tls1_3", *options)
                program.expect(rb"^250 .*\n")
                program.line("EHLO program.example.test", 250)
                program.line("QUIT", 221)
                program.end()
                line = self.posternd.wait_log(ESTABLISHED, after=mark)
                self.assertEqual((line["certificate"], line["reused"]), ("rsa", reused))

    @table(VERSIONS)
    def test_another_name_of_the_set(self, version):
        address, context = self.posternd.address("mx"), context_of(version)
        session = self.session(address, context, "mail.example.test")
        for name in ("mx.example.test", "mail.example.test", None):
            resumed, line = self.resumed(address, context, session, name)
            self.assertTrue(resumed)
            self.assertEqual(line["sni"], name)

    @table(VERSIONS)
    def test_a_name_of_another_set(self, version):
        address, context = self.posternd.address("mx"), context_of(version)
        session = self.session(address, context, "mail.example.test")
        self.assertFalse(self.resumed(address, context, session, "shop.example.test")[0])
        self.assertTrue(self.resumed(address, context, session, "mail.example.test")[0])

    @table(VERSIONS)
    def test_tickets_false(self, version):
        address, context = self.without.address("mx"), context_of(version)
        session = self.session(address, context)
        self.assertFalse(session.has_ticket)
        self.assertFalse(self.resumed(address, context, session)[0])

    @table(VERSIONS)
    def test_a_ticket_of_another_process(self, version):
        """Without ticket_keys the keys are of one process alone."""
        context = context_of(version)
        other = self.front(["p256", "rsa"], sets={"mail": ["p256", "rsa"]})
        self.addCleanup(self.stage.stop, other)
        session = self.session(other.address("mx"), context)
        self.assertFalse(self.resumed(self.posternd.address("mx"), context, session)[0])
        self.assertTrue(self.resumed(other.address("mx"), context, session)[0])

    def test_no_session_ids(self):
        """A client without the ticket extension: there is no cache that could resume it."""
        address, context = self.posternd.address("mx"), context_of(ssl.TLSVersion.TLSv1_2)
        context.options |= ssl.OP_NO_TICKET
        session = self.session(address, context)
        self.assertEqual((session.has_ticket, session.id), (False, b""))
        self.assertFalse(self.resumed(address, context, session)[0])

    def test_one_ticket(self):
        program = self.program(["openssl", "s_client", "-crlf", "-ign_eof", "-starttls", "smtp", "-tls1_3",
                                "-connect", endpoint(self.posternd.address("mx"))])
        program.line("QUIT", 221)
        program.end()
        self.assertEqual(program.output.count(b"Post-Handshake New Session Ticket arrived"), 1)


class Unlike(Resumption):
    """Listeners that promise different things and have one set of keys: none takes another's
    tickets. Those that ask for client certificates neither give nor take any."""

    @classmethod
    def prepare(cls):
        keys = cls.key_file("unlike.keys")
        cls.stage.certificate("p256")
        cls.stage.certificate("rsa")
        cls.certificate = cls.stage.certificate("client", "p256", purpose="clientAuth")
        roots = {kind: os.path.join(cls.stage.authority.directory, f"root-{kind}.pem")
                 for kind in ("p256", "rsa2048")}
        # The same authority in another file.
        roots["again"] = shutil.copy(roots["p256"], os.path.join(cls.stage.directory, "again.pem"))

        def daemon(name, unmatched, listeners, sets=("mail",)):
            posternd = cls.front(
                ["p256", "rsa"], ticket_keys=[keys], extra=PROFILES,
                sets={each: {"certificates": ["p256", "rsa"], "unmatched": unmatched}
                      for each in sets}, listeners=listeners)
            return {f"{name}, {each}": posternd.address(each) for each in listeners}

        cls.addresses = {
            **daemon("fail", "fail", sets=("mail", "other"), listeners={
                "opportunistic": {},
                "other-set": {"certificate_sets": "other"},
                "modern": {"tls_profile": "modern"},
                "lowest-version": {"tls_profile": "versions"},
                "ciphers": {"tls_profile": "ciphers"},
                "tls13-suites": {"tls_profile": "suites"},
                "groups": {"tls_profile": "groups"},
                **{f"{word}-{kind}": {"client_certificate": word, "client_ca": roots[kind]}
                   for word in ("none", "ask", "require") for kind in ("p256", "rsa2048")
                   if (word, kind) != ("require", "rsa2048")},
                **{f"{word}-any": {"client_certificate": word} for word in ("ask", "require")},
            }),
            **daemon("anonymous", "anonymous", {"opportunistic": {}}),
            **daemon("try-anyway", "try-anyway", {"opportunistic": {}}),
        }
        # The same promises on another daemon, under another listener's and profile's name.
        cls.alike = daemon("alike", "fail", {"again": {"tls_profile": "same"}})["alike, again"]
        cls.alike_ca = daemon("again", "fail", {"again": {"client_ca": roots["again"]}})[
            "again, again"]

    @table(VERSIONS)
    def test_no_pair(self, version):
        context = context_of(version)
        context.load_cert_chain(self.certificate.chain, self.certificate.key)
        sessions = {name: self.session(address, context)
                    for name, address in self.addresses.items()}
        for first, second in itertools.product(self.addresses, repeat=2):
            resumed, line = self.resumed(self.addresses[second], context, sessions[first])
            asks = re.search("ask|require", second) is not None
            self.assertEqual(resumed, first == second and not asks, f"{first} -> {second}")
            self.assertEqual(line["client"] is not None, asks)
        for name, session in sessions.items():
            self.assertEqual(session.has_ticket, not re.search("ask|require", name), name)

    @table(VERSIONS)
    def test_alike(self, version):
        context = context_of(version)
        session = self.session(self.addresses["fail, opportunistic"], context)
        self.assertTrue(self.resumed(self.alike, context, session)[0])
        session = self.session(self.addresses["fail, none-p256"], context)
        self.assertTrue(self.resumed(self.alike_ca, context, session)[0])


PROFILES = "".join(f'tls_profile "{name}" {{ {options} }}\n' for name, options in (
    ("same", ""),
    ("versions", 'min_protocol = "TLSv1.2"'),
    ("ciphers", 'ciphers = "ECDHE+AESGCM:@SECLEVEL=0"'),
    ("suites", 'ciphersuites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384"'),
    ("groups", 'groups = "P-256:X25519"'),
))


class Keys(Resumption):
    """ticket_keys, with a new one in front, and sets whose certificates come and go."""

    @classmethod
    def prepare(cls):
        cls.old, cls.new = cls.key_file("old.key"), cls.key_file("new.key")
        keys = {"old": [cls.old], "both": [cls.new, cls.old], "new": [cls.new]}
        cls.by_keys = {name: cls.front(["p256", "rsa"], ticket_keys=files).address("mx")
                       for name, files in keys.items()}
        cls.by_members = {
            " ".join(members): cls.front(["p256", "rsa"], ticket_keys=[cls.old],
                                         sets={"mail": members}).address("mx")
            for members in (["rsa", "p256"], ["rsa"])}

    @table(VERSIONS)
    def test_rotation(self, version):
        context = context_of(version)
        session = self.session(self.by_keys["old"], context)
        self.assertTrue(self.resumed(self.by_keys["both"], context, session)[0])
        self.assertFalse(self.resumed(self.by_keys["new"], context, session)[0])
        # Where the new key is known it encrypts: also the ticket of a resumed session.
        client = self.client(self.by_keys["both"], context, session=session)
        renewed = client.socket.session
        client.command("QUIT")
        for name, expected in (("new", True), ("both", True), ("old", False)):
            self.assertEqual(self.resumed(self.by_keys[name], context, renewed)[0], expected, name)

    @table(VERSIONS)
    def test_the_certificate_has_moved(self, version):
        context = context_of(version)
        session = self.session(self.by_keys["old"], context)
        resumed, line = self.resumed(self.by_members["rsa p256"], context, session)
        self.assertEqual((resumed, line["certificate"]), (True, "p256"))

    @table(VERSIONS)
    def test_the_certificate_is_gone(self, version):
        context = context_of(version)
        session = self.session(self.by_keys["old"], context)
        client = self.client(self.by_members["rsa"], context, session=session)
        self.assertFalse(client.socket.session_reused)
        again = client.socket.session
        client.command("QUIT")
        # The handshake that took its place gave a ticket of its own.
        resumed, line = self.resumed(self.by_members["rsa"], context, again)
        self.assertEqual((resumed, line["certificate"]), (True, "rsa"))


class Files(Resumption):
    @classmethod
    def prepare(cls):
        cls.stage.certificate("p256")
        cls.key = os.urandom(80)
        cls.good = cls.key_file("good", cls.key)

    @table((
        ("too short", b"x" * 79, "a ticket key has 80 bytes, not 79"),
        ("too long", b"x" * 81, "a ticket key has 80 bytes, not 81"),
        ("empty", b"", "is empty"),
    ))
    def test_of_a_wrong_size(self, data, text):
        self.refused([self.good, self.key_file("bad", data)], text)

    def test_missing(self):
        self.refused(["missing"], "No such file or directory")

    def test_of_one_name(self):
        self.refused([self.good, self.key_file("twin", self.key[:16] + os.urandom(64))],
                     "its first 16 bytes, the name of the key, are those of another key")

    def refused(self, files, text):
        conf = self.stage.write(certificates=["p256"], backend=BACKEND, ticket_keys=files)
        with open(conf, encoding="utf-8") as file:
            line = 1 + [each.startswith("ticket_keys") for each in file].index(True)
        done = run_posternd(self.stage.build, "-c", conf, "-t")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertRegex(done.stderr, f"^{re.escape(conf)}:{line}: .*{re.escape(text)}\n$")
