"""What the tests of posternctl selftest share."""

import json

from common import Case, free_port
from lab.posternd import run_posternctl
from lab.process import TIMEOUT


class Selftest(Case):
    """A posternd, and what selftest says of it."""

    def listeners(self, **options):
        """One listener, "mx", on a port that is free."""
        return {"mx": {"address": f"127.0.0.1:{free_port()}", **options}}

    def start(self, **options):
        """A running posternd; `conf` of it is the configuration."""
        options.setdefault("certificates", ["p256", "rsa"])
        if "listeners" not in options:
            options["listeners"] = self.listeners()
        daemon = self.stage.posternd(self.stage.write(**options))
        self.addCleanup(self.stage.stop, daemon)
        return daemon

    def ctl(self, conf, *words, code=0, timeout=TIMEOUT):
        env = self.stage.postfix.environment if self.stage.postfix else {"MAIL_CONFIG": "/nowhere"}
        done = run_posternctl(self.build, "-c", conf, *words, "selftest", env=env, timeout=timeout)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def checks(self, conf, code, **options):
        """What --json gives."""
        checks = json.loads(self.ctl(conf, "--json", code=code, **options))["checks"]
        for check in checks:
            self.assertEqual(set(check), {"name", "subject", "result", "text", "cure"})
            self.assertIn(check["result"], ("ok", "fault", "not-checked"))
            if check["result"] != "fault":
                self.assertIsNone(check["cure"])
        return checks

    def faults(self, conf, **options):
        """[(name, subject, text, cure)] of a set-up with faults."""
        return [tuple(check[key] for key in ("name", "subject", "text", "cure"))
                for check in self.checks(conf, 1, **options) if check["result"] == "fault"]

    def of(self, checks, name, result=None):
        """The checks of this name."""
        found = [check for check in checks if check["name"] == name]
        self.assertTrue(found, f"no {name} in {checks}")
        if result:
            self.assertEqual({check["result"] for check in found}, {result}, found)
        return found
