"""What the tests of posternctl selftest share."""

import json
import os
import shutil

from common import Case, free_port
from lab.posternd import run_posternctl
from lab.process import TIMEOUT, run, sanitizer_environment


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

    def ctl(self, conf, *words, code=0, options=(), timeout=TIMEOUT):
        """What it prints; `options` are selftest's own."""
        env = self.stage.postfix.environment if self.stage.postfix else {"MAIL_CONFIG": "/nowhere"}
        done = run_posternctl(self.build, "-c", conf, *words, "selftest", *options, env=env,
                              timeout=timeout)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def run_as(self, account, conf, *words):
        """A run as an account that may read the configuration and no key; CompletedProcess."""
        env = {**sanitizer_environment(), **self.stage.postfix.environment}
        program = os.path.join(os.path.abspath(self.build), "posternctl")
        copy = os.path.join(self.stage.directory, "posternctl")
        if not os.path.exists(copy):
            shutil.copyfile(program, copy)
            os.chmod(copy, 0o755)
        return run(["setpriv", "--reuid=" + account, "--regid=" + account, "--clear-groups", copy,
                    "-c", conf, *words, "selftest"], env=env, timeout=TIMEOUT)

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
        """[(name, subject, text, cure)] of a set-up with faults, but for those that the comparison
        with today's settings finds as well (test_selftest_settings)."""
        return [tuple(check[key] for key in ("name", "subject", "text", "cure"))
                for check in self.checks(conf, 1, **options)
                if check["result"] == "fault" and check["name"] != "settings"]

    def of(self, checks, name, result=None):
        """The checks of this name."""
        found = [check for check in checks if check["name"] == name]
        self.assertTrue(found, f"no {name} in {checks}")
        if result:
            self.assertEqual({check["result"] for check in found}, {result}, found)
        return found
