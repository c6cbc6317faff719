"""Tickets over a reload and a restart: good where the session could have begun, and nowhere else."""

import fcntl
import os
import re
import shutil
import ssl

from common import CERTIFICATES, ESTABLISHED, PROGRAM, client_context, free_port, of_client, table
from lab.posternd import USER
from reloading import Reloading
from supervisor import Supervisor

VERSIONS = (("TLS 1.2", ssl.TLSVersion.TLSv1_2), ("TLS 1.3", ssl.TLSVersion.TLSv1_3))

# Connections that both of two workers get some of (but once in 2**15).
ENOUGH = 16

NOT_KEPT = rf"^{PROGRAM}warning: ticket keys are not kept over a restart: (?P<why>.*)$"


class Tickets(Reloading):
    """`self.address`: of the daemon; by default where the listener "mx" is."""

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.contexts = {version: client_context(minimum_version=version, maximum_version=version)
                        for _, version in VERSIONS}

    def connected(self, version, session=None, name=None):
        """A client under TLS, when tickets have come."""
        client = self.connect(self.daemon.address("mx"))
        client.greet()
        self.assert_code(client.command("STARTTLS"), 220)
        client.socket = self.contexts[version].wrap_socket(
            client.socket, server_hostname=name, session=session)
        self.assert_code(client.command("EHLO client.example.test"), 250)
        return client

    def sessions(self, name=None):
        """{version: a session that began now}"""
        made = {}
        for _, version in VERSIONS:
            client = self.connected(version, name=name)
            made[version] = client.socket.session
            self.assert_code(client.command("QUIT"), 221)
        return made

    def resumed(self, sessions, name=None, times=1):
        """Whether they are, all or none; the log says the same."""
        found = set()
        for version, session in sessions.items():
            for _ in range(times):
                mark = self.daemon.mark()
                client = self.connected(version, session, name)
                reused = client.socket.session_reused
                line = self.daemon.wait_log(of_client(ESTABLISHED, client.port), after=mark)
                self.assertEqual(line["reused"], "yes" if reused else "no")
                self.assert_code(client.command("QUIT"), 221)
                found.add(reused)
        self.assertEqual(len(found), 1, found)
        return found.pop()

    def key_file(self, name, data=None):
        path = os.path.join(self.stage.directory, name)
        with open(path, "wb") as file:
            file.write(data or os.urandom(80))
        if os.geteuid() == 0:
            shutil.chown(path, USER)
        return path


class Reloads(Tickets):
    def test_nothing_changed(self):
        self.begin()
        sessions = self.sessions()
        for _ in range(2):
            self.reload()
            self.assertTrue(self.resumed(sessions, times=ENOUGH))

    @table((("the same key", False), ("a new key", True)))
    def test_certificate_renewed(self, new_key):
        """The client has seen the certificate of before, and the log shows its name."""
        self.begin(certificates=["p256", "rsa"], sets={"mail": ["p256", "rsa"]})
        chain, key = self.own_certificate()
        self.reload()
        sessions = self.sessions()
        fresh = self.stage.certificate(f"renewed {new_key}", "p256")
        if new_key:
            for source, path in ((fresh.chain, chain), (fresh.key, key)):
                with open(source, "rb") as file, open(path, "wb") as out:
                    out.write(file.read())
        else:
            with open(chain, "a", encoding="ascii") as out:
                out.write("renewed\n")
        self.assertEqual(self.reload()["new"], "1")
        self.assertTrue(self.resumed(sessions))
        self.assertTrue(self.resumed(self.sessions()))

    @table((
        ("set", 'certificate_sets = "mail"', 'certificate_sets = "other"'),
        ("profile", 'backend = "postfix"\n', 'backend = "postfix"\n    tls_profile = "other"\n'),
        ("unmatched", 'certificates = { "p256", "rsa" }\n',
         'certificates = { "p256", "rsa" }\n    unmatched = "anonymous"\n'),
        ("client_certificate", 'backend = "postfix"\n',
         'backend = "postfix"\n    client_certificate = "ask"\n'),
        ("no tickets", "workers = 2\n", "workers = 2\ntickets = false\n"),
        ("certificate gone", 'certificates = { "p256", "rsa" }', 'certificates = { "rsa" }'),
    ))
    def test_another_promise(self, old, new):
        """Not resumed where something else is promised; again when the promise is that of before."""
        self.begin(certificates=["p256", "rsa"],
                   sets={"mail": ["p256", "rsa"], "other": ["rsa", "p256"]},
                   extra='tls_profile "other" { ciphers = "ECDHE+AESGCM:@SECLEVEL=0" }\n')
        sessions = self.sessions()
        before = self.text()
        self.change((old, new))
        self.reload()
        self.assertFalse(self.resumed(sessions))
        self.write(before)
        self.reload()
        self.assertTrue(self.resumed(sessions))

    @table((
        ("backend", 'backend = "postfix"\n', 'backend = "other"\n'),
        ("limits", "workers = 2\n", "workers = 2\nlimits { idle_timeout = 700 }\n"),
        ("order of the set", 'certificates = { "p256", "rsa" }',
         'certificates = { "rsa", "p256" }'),
    ))
    def test_the_same_promise(self, old, new):
        self.begin(certificates=["p256", "rsa"], sets={"mail": ["p256", "rsa"]},
                   backends={"other": {"address": self.other.address}})
        sessions = self.sessions()
        self.change((old, new))
        self.reload()
        self.assertTrue(self.resumed(sessions))

    def test_key_files(self):
        """They are read again, also under the same path; the process's own keys stay for when there
        are no files again."""
        files = [self.key_file(f"{name}-{self.id()}") for name in ("first", "second")]
        self.begin()
        own = self.sessions()
        without = self.text()
        self.write(f'ticket_keys = "{files[0]}"\n' + without)
        self.reload()
        self.assertFalse(self.resumed(own))
        first = self.sessions()
        self.assertTrue(self.resumed(first))
        # A new one in front, in the same file; the one before in another.
        shutil.copy(files[0], files[1])
        self.key_file(os.path.basename(files[0]))
        self.write(f'ticket_keys = {{ "{files[0]}", "{files[1]}" }}\n' + without)
        self.reload()
        self.assertTrue(self.resumed(first))
        second = self.sessions()
        self.write(f'ticket_keys = "{files[0]}"\n' + without)
        self.reload()
        self.assertFalse(self.resumed(first))
        self.assertTrue(self.resumed(second))
        self.write(without)
        self.reload()
        self.assertTrue(self.resumed(own))
        self.assertFalse(self.resumed(second))

    def test_wrong_key_file(self):
        """Refused, and the keys of before go on."""
        path = self.key_file(f"wrong-{self.id()}")
        self.begin(ticket_keys=[path])
        sessions = self.sessions()
        self.key_file(os.path.basename(path), b"x" * 79)
        self.refuse(f"{self.daemon.conf}:{self.line_of('ticket_keys')}: {re.escape(path)}: a ticket "
                    "key has 80 bytes, not 79")
        self.assertTrue(self.resumed(sessions, times=ENOUGH))


class Restarts(Tickets):
    """A supervisor keeps the memfd with the process's own keys."""

    def setUp(self):
        super().setUp()
        self.supervisor = Supervisor(self.stage)
        self.addCleanup(self.supervisor.close)
        self.conf = self.stage.write(
            certificates=CERTIFICATES, backend=self.inner.address, log_sessions="all",
            listeners={"mx": {"address": f"127.0.0.1:{free_port()}"}})

    def start(self):
        mark = self.supervisor.told.mark()
        self.daemon = self.supervisor.start(self.conf)
        self.supervisor.told.wait("^READY=1", after=mark)
        self.addCleanup(self.end)

    def memfd(self):
        return dict(self.supervisor.stored)["tickets"]

    def put(self, data, seals=None):
        """Puts another memfd, with these bytes, in place of the one that is stored."""
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL if seals is None else seals
        fd = os.memfd_create("postern ticket keys", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.write(fd, data)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
        stored = [(name, each) for name, each in self.supervisor.stored if name != "tickets"]
        os.close(self.memfd())
        self.supervisor.stored = [*stored, ("tickets", fd)]

    def test_restarts(self):
        self.start()
        memfd = self.memfd()
        self.assertEqual(os.fstat(memfd).st_size, 400)
        seals = fcntl.fcntl(memfd, fcntl.F_GET_SEALS)
        self.assertEqual(seals & 0xf, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        sessions = self.sessions()
        for _ in range(2):
            self.end()
            self.start()
            self.assertTrue(self.resumed(sessions, times=ENOUGH))
        self.assertIsNone(self.daemon.log.find(NOT_KEPT))

    def test_before_any_session(self):
        """No key has been generated yet: nothing is wrong."""
        self.start()
        self.end()
        self.start()
        self.assertIsNone(self.daemon.log.find(NOT_KEPT))
        sessions = self.sessions()
        self.end()
        self.start()
        self.assertTrue(self.resumed(sessions))

    @table((
        ("damaged", lambda image: image[:208] + bytes(b ^ 1 for b in image[208:]),
         "they are damaged"),
        ("of another version", lambda image: image[:15] + b"\2" + image[16:],
         "they are in the form of another version"),
        ("something else", lambda image: b"x" * 400, "they are not ticket keys"),
        ("empty", lambda image: b"", "they are not ticket keys"),
        ("cut", lambda image: image[:300], "they are damaged"),
        ("longer", lambda image: image + b"x", "they are damaged"),
    ))
    def test_of_no_use(self, change, why):
        """New keys, and one line that says why."""
        self.start()
        sessions = self.sessions()
        image = os.pread(self.memfd(), 1000, 0)
        self.end()
        self.put(change(image))
        self.start()
        self.assertEqual([match["why"] for match in self.daemon.log.find_all(NOT_KEPT)], [why])
        self.assertFalse(self.resumed(sessions))
        fresh = self.sessions()
        self.end()
        self.start()
        self.assertTrue(self.resumed(fresh))
        self.assertIsNone(self.daemon.log.find(NOT_KEPT))

    def test_not_sealed(self):
        """Whoever still has it could change it under the reader's hands."""
        self.start()
        sessions = self.sessions()
        image = os.pread(self.memfd(), 1000, 0)
        self.end()
        self.put(image, seals=0)
        self.start()
        self.daemon.wait_log(NOT_KEPT.replace("(?P<why>.*)", "what was kept is not a sealed memfd"))
        self.assertFalse(self.resumed(sessions))

    def test_half_written(self):
        """A process that ended while it wrote the second slot: the first one is good."""
        self.start()
        sessions = self.sessions()
        image = os.pread(self.memfd(), 1000, 0)
        self.end()
        self.put(image[:16] + b"half of a slot" + image[30:])
        self.start()
        self.assertTrue(self.resumed(sessions))
        self.assertIsNone(self.daemon.log.find(NOT_KEPT))
