"""A posternd whose status is asked for, and certificates that a test may change."""

import copy
import json
import os
import shutil

from common import Case
from kept_failures import Control
from lab.postconf import write_files
from lab.posternd import USER, run_posternctl

TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
DATE = r"\d{4}-\d\d-\d\d"
IN_FORCE = "in force: everything, as the files have it now\n"
CURE = '"posternctl reload" puts in force what has changed\n'


class Status(Case):
    """A posternd, and certificates of its own, for each test."""

    def setUp(self):
        super().setUp()
        self.daemons = []
        self.addCleanup(lambda: [self.stage.stop(each) for each in self.daemons])

    def own(self, name, kind="p256"):
        """A certificate that a test may change."""
        each = copy.copy(self.stage.certificate(kind))
        each.name = name
        for path in ("chain", "key"):
            to = os.path.join(self.stage.directory, f"{self.id()}-{name}.{path}")
            shutil.copy(getattr(each, path), to)
            shutil.chown(to, USER)
            setattr(each, path, to)
        return each

    def renew(self, certificate, kind="p256", **options):
        """Puts another certificate with another key in its place."""
        self.renewals = getattr(self, "renewals", 0) + 1
        new = self.stage.authority.leaf(f"{self.id()}-{self.renewals}", kind, **options)
        for path in ("chain", "key"):
            # In place, as a hook that is not careful does: mode and owner stay.
            with open(getattr(new, path), "rb") as source, \
                    open(getattr(certificate, path), "wb") as out:
                out.write(source.read())

    def start(self, certificates, **options):
        options = {"workers": 1, "backend": "127.0.0.1:1", **options}
        daemon = self.stage.posternd(certificates=certificates, **options)
        self.daemons.append(daemon)
        return daemon

    def socket_of(self, conf):
        return os.path.join(os.path.dirname(conf), "state", "control.sock")

    def not_answered(self, conf, why):
        """What is said when nobody answers: the socket may be that of a changed configuration."""
        with open(conf, encoding="utf-8") as file:
            line = [number for number, text in enumerate(file, 1) if text.startswith("control = ")]
        return (f"posternctl: {conf}:{line[0]}: control: {self.socket_of(conf)}: {why} (a changed "
                "value needs a restart)\n")

    def ctl(self, conf, *arguments, **options):
        return run_posternctl(self.build, "-c", conf, *arguments,
                              env={"MAIL_CONFIG": write_files(self.stage.directory)}, **options)

    def good(self, conf, *arguments):
        done = self.ctl(conf, *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def status(self, daemon):
        """The document."""
        return json.loads(self.good(daemon.conf, "--json", "status"))

    def differences(self, daemon):
        """[(subject, result, text)] of status; check says the same."""
        found = self.status(daemon)["not_in_force"]
        for each in found:
            self.assertEqual(list(each), ["subject", "result", "text", "cure"])
            self.assertIn(each["cure"], (None, "posternctl reload"))
        checked = json.loads(self.ctl(daemon.conf, "--json", "check").stdout)["not_in_force"]
        self.assertEqual(checked, found)
        return [(each["subject"], each["result"], each["text"]) for each in found]

    def control(self, daemon):
        control = Control(self.socket_of(daemon.conf))
        self.addCleanup(control.close)
        return control
