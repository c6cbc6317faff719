"""A posternd whose configuration changes while it runs."""

import os
import re
import shutil
import ssl

from common import CERTIFICATES, PROGRAM, Case
from kept_failures import Control
from lab.posternd import USER, run_posternctl

RELOADED = (rf"^{PROGRAM}reloaded: configuration=(?P<file>\S+) certificates=(?P<certificates>\d+) "
            r"new=(?P<new>\d+) addresses=(?P<addresses>\d+) opened=(?P<opened>\d+) "
            r"closed=(?P<closed>\d+)$")
REFUSED = rf"^{PROGRAM}error: reload refused: (?P<text>.*)$"


class Reloading(Case):
    """Each test has a posternd of its own. Two smtpds can be its backend, `inner` and `other`, which
    greet with their names; clients that come at once need not be of different networks."""

    @classmethod
    def prepare(cls):
        postfix = cls.stage.make_postfix(process_limit=100)
        cls.inner = postfix.smtpd("inner", "unix")
        cls.other = postfix.smtpd("other", "unix", options=["myhostname=other.example.test"])
        cls.stage.start_postfix()

    def begin(self, **options):
        """Starts `self.daemon`; options as for Stage.write()."""
        self.daemon = self.stage.posternd(**{
            "certificates": CERTIFICATES, "backend": self.inner.address, "log_sessions": "all",
            **options})
        self.addCleanup(self.end)
        return self.daemon

    def end(self):
        if self.daemon is not None:
            daemon, self.daemon = self.daemon, None
            self.assertEqual(self.stage.stop(daemon), 0)

    # --- the configuration ---

    def text(self):
        with open(self.daemon.conf, encoding="utf-8") as file:
            return file.read()

    def write(self, text):
        with open(self.daemon.conf, "w", encoding="utf-8") as file:
            file.write(text)

    def change(self, *changes):
        """Replaces texts, each (old, new), which are there once."""
        text = self.text()
        for old, new in changes:
            self.assertEqual(text.count(old), 1, old)
            text = text.replace(old, new)
        self.write(text)

    def append(self, text):
        self.write(self.text() + text)

    def line_of(self, text):
        """The number of the only line with this text."""
        found = [number for number, line in enumerate(self.text().splitlines(), 1) if text in line]
        self.assertEqual(len(found), 1, text)
        return found[0]

    def own_certificate(self, name="p256"):
        """A copy of a certificate for the posternd of this test, in the configuration's directory
        and in the configuration; (chain, key)."""
        certificate = self.stage.certificate(name)
        directory = os.path.dirname(self.daemon.conf)
        paths = []
        for path in (certificate.chain, certificate.key):
            copy = os.path.join(directory, os.path.basename(path))
            shutil.copy(path, copy)
            if os.geteuid() == 0:
                shutil.chown(copy, USER)
            paths.append(copy)
        self.change((certificate.chain, paths[0]), (certificate.key, paths[1]))
        return paths

    # --- reloads ---

    def ctl(self, *arguments):
        return run_posternctl(self.build, "-c", self.daemon.conf, *arguments)

    def reload(self):
        """One that succeeds; the match of its line in the log."""
        mark = self.daemon.mark()
        done = self.ctl("reload")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        return self.daemon.wait_log(RELOADED, after=mark)

    def refuse(self, text):
        """One that is refused with this text; a pattern."""
        mark = self.daemon.mark()
        done = self.ctl("reload")
        self.assertRegex(done.stderr, f"^posternctl: {text}\n$")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        match = self.daemon.wait_log(REFUSED, after=mark)
        self.assertEqual("posternctl: " + match["text"] + "\n", done.stderr)

    def control(self):
        control = Control(os.path.join(os.path.dirname(self.daemon.conf), "state", "control.sock"))
        self.addCleanup(control.close)
        return control

    # --- clients ---

    def greeted(self, listener="mx", source=None):
        client = self.connect(self.daemon.address(listener), source)
        self.assert_code(client.greet(), 250)
        return client

    @staticmethod
    def serial(client):
        """Under TLS: which certificate the server has."""
        return ssl.DER_cert_to_PEM_cert(client.socket.getpeercert(binary_form=True))

    def handshake(self, client, context=None):
        """From EHLO to TLS; the server's certificate."""
        self.assert_code(client.command("STARTTLS"), 220)
        client.tls(context)
        return self.serial(client)

    def finish(self, client):
        """A mail is delivered in a session that has its banner, and it ends."""
        self.assert_code(client.command("EHLO client.example.test"), 250)
        self.assert_code(client.mail(), 250)
        self.stage.postfix.wait_for_mail()
        self.assert_code(client.command("QUIT"), 221)


def named_of(reply):
    """The name that a server gives in the first line of its reply."""
    return re.split(r"\s", reply.lines[0])[0]
