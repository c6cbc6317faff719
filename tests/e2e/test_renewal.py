"""A renewal that nobody notices: certificates renewed and reloaded under load."""

import hashlib
import os
import shutil
import ssl
import sys
import time

from common import client_context, free_port, table
from lab import renewal
from lab.posternd import USER, run_posternctl
from lab.process import Child
from lab.smtp import Client
from renewal import RenewalCase

RELOADS = 100

# Reloads, in most of which an address comes or goes.
GOINGS = 70

VERSIONS = (("TLS 1.2", ssl.TLSVersion.TLSv1_2), ("TLS 1.3", ssl.TLSVersion.TLSv1_3))


class Renewal(RenewalCase):
    """The P-256 certificate is renewed by rename, as an ACME client's hook does it; the RSA one stays
    what it is."""

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.renewals = [cls.stage.certificate(f"p256-{number}", "p256") for number in range(3)]
        cls.fingerprints = [each.fingerprint() for each in cls.renewals]
        cls.live = cls.stage.certificate("p256")
        cls.number = 0
        cls.install(0)
        cls.daemon = cls.stage.posternd(
            certificates=["p256", "rsa"], backend=cls.inner.address, log_sessions="problems",
            listeners={"mx": {"address": f"127.0.0.1:{free_port()}"},
                       "probe": {"address": f"127.0.0.1:{free_port()}", "backend": "sink"}},
            backends={"sink": {"address": cls.sink, "max_connections": 0}})

    @classmethod
    def install(cls, number):
        """Puts one of the renewals into place."""
        made = cls.renewals[number]
        for new, old in ((made.key, cls.live.key), (made.chain, cls.live.chain)):
            shutil.copy(new, old + ".new")
            if os.geteuid() == 0:
                shutil.chown(old + ".new", USER)
            os.rename(old + ".new", old)

    def renew(self):
        """The next one into place, and a reload; the fingerprint of what has to be served now."""
        type(self).number = (self.number + 1) % len(self.renewals)
        self.install(self.number)
        done = run_posternctl(self.build, "-c", self.daemon.conf, "reload")
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.fingerprints[self.number]

    # --- clients ---

    def in_data(self):
        """A session idle in DATA."""
        client = self.connect(self.daemon.address())
        client.starttls()
        for line, code in (("MAIL FROM:<slow@client.test>", 250),
                           ("RCPT TO:<old@example.test>", 250), ("DATA", 354)):
            self.assert_code(client.command(line), code)
        client.send(b"Subject: old session\r\n\r\nhalf of it")
        return client

    def served(self, context=None, session=None):
        """(fingerprint of the certificate that a new client gets, its session, whether it resumed)."""
        with Client(self.daemon.address("probe")) as client:
            client.greet()
            client.command("STARTTLS")
            client.socket = (context or client_context()).wrap_socket(client.socket, session=session)
            client.command("EHLO client.example.test")
            found = client.socket
            result = fingerprint(found), found.session, found.session_reused
            client.command("QUIT")
        return result

    # --- tests ---

    def test_under_load(self):
        """Connects every millisecond, 8 senders of mail, and sessions from before the first reload:
        nobody is hurt or waits long, no mail is lost or doubled, and the new certificate is served at
        once."""
        old = self.in_data()
        halfway = self.connect(self.daemon.address())
        halfway.greet()
        first, _, _ = self.served()
        load = self.load(self.daemon)
        reloads = []
        for _ in range(RELOADS):
            began = time.monotonic()
            wanted = self.renew()
            # Both workers have some of these.
            self.assertEqual({self.served()[0] for _ in range(4)}, {wanted})
            reloads.append((began, time.monotonic()))
        seconds = reloads[-1][1] - reloads[0][0]
        old.send(b", and the rest\r\n.\r\n")
        self.assert_code(old.reply(), 250)
        self.assert_code(old.command("QUIT"), 221)
        # It keeps the certificates that it began with.
        halfway.command("STARTTLS")
        halfway.tls()
        self.assertEqual(fingerprint(halfway.socket), first)
        report, lost, doubled = self.settle(load)
        print(f"{RELOADS} reloads in {seconds:.1f} s", file=sys.stderr)
        self.assertEqual(report.hurt(), {})
        self.assertGreater(report.served, 0)
        self.assert_waits(report, reloads)
        self.assertEqual((lost, doubled, report.without_reply()), (set(), set(), []))
        self.assertEqual(self.delivered().count("old session"), 1)

    def test_address_that_comes_and_goes(self):
        """Clients of an address that is not configured at times are refused, or wait a second for it to
        come back; nobody who is connected is reset."""
        with open(self.daemon.conf, encoding="utf-8") as file:
            text = file.read()
        self.addCleanup(self.rewrite, text)
        other = "127.0.0.2", self.daemon.port("probe")
        both = text.replace('"127.0.0.1:%d"' % other[1], '{ "127.0.0.1:%d", "%s:%d" }' % (other[1], *other))
        load = renewal.Load(Child(renewal.command([other], self.daemon.address())))
        self.addCleanup(load.abandon)
        for number in range(GOINGS):
            # Also again before it has gone.
            self.rewrite((both, text, both, both, text, text, text)[number % 7])
            self.renew()
        report, lost, doubled = self.settle(load)
        hurt = report.hurt()
        hurt.pop("Connection refused", None)
        self.assertGreater(report.served, 0)
        self.assertEqual((hurt, lost, doubled), ({}, set(), set()))

    def rewrite(self, text):
        """Another configuration for the next reload."""
        with open(self.daemon.conf + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(self.daemon.conf + ".new", self.daemon.conf)

    @table(VERSIONS)
    def test_resumption(self, version):
        """A ticket from before is accepted after, although the certificate is another one."""
        context = client_context(minimum_version=version, maximum_version=version)
        _, session, _ = self.served(context)
        for _ in range(3):
            self.renew()
            _, _, resumed = self.served(context, session)
            self.assertTrue(resumed)


def fingerprint(connection):
    """SHA-256 of the server's certificate, as lab.certs.Certificate.fingerprint()."""
    return hashlib.sha256(connection.getpeercert(binary_form=True)).hexdigest()
