"""trial_address: posternd listens there, while somebody else still has the address of the clients."""

import json
import re

from common import CERTIFICATES, CONNECT, Case, endpoint, free_port
from lab import proxyheader
from lab.postconf import write_files
from lab.posternd import postfix_config, run_posternctl, run_posternd
from selftest_case import Selftest

UPSTREAM = "127.0.0.7"

# Nobody's on this machine: where clients of a listener in its trial are served by somebody else.
ELSEWHERE = "198.51.100.25"


class Trial(Selftest):
    """A Postfix that has the port of the clients, and posternd in its trial before another
    service."""

    @classmethod
    def prepare(cls):
        postfix = cls.stage.make_postfix(main_cf={"smtpd_client_port_logging": "yes"})
        inner = postfix.smtpd("postern", "unix")
        cls.today = postfix.starttls("today", cls.stage.certificate("rsa"))
        cls.trial = f"127.0.0.9:{free_port('127.0.0.9')}"
        cls.conf = cls.stage.write(
            certificates=CERTIFICATES, backend=inner.address, log_sessions="all",
            listeners={"mx": {"address": cls.today.address, "trial_address": cls.trial,
                              "accept_proxy_from": UPSTREAM},
                       "second": {"address": f"{ELSEWHERE}:25",
                                  "trial_address": ["127.0.0.1:0", "127.0.0.9:0"],
                                  "accept_proxy_from": UPSTREAM}})
        postfix.paste(postfix_config(cls.build, cls.conf, postfix))
        cls.stage.start_postfix()
        cls.posternd = cls.stage.posternd(cls.conf)

    def test_where_it_listens(self):
        self.assertEqual([endpoint(each) for each in self.posternd.addresses["mx"]], [self.trial])
        self.assertEqual([host for host, _ in self.posternd.addresses["second"]],
                         ["127.0.0.1", "127.0.0.9"])

    def test_clients_of_the_trial(self):
        """They are served, and logged with the address that they have come to."""
        client = self.connect(self.posternd.address())
        self.assertTrue(client.starttls().offers("PIPELINING"))
        self.assert_code(client.mail(), 250)
        self.stage.postfix.wait_for_mail()
        connect = self.of_log(self.posternd, CONNECT, client)
        self.assertEqual((connect["listener"], f"{connect['to_host']}:{connect['to_port']}"),
                         ("mx", self.trial))

    def test_clients_of_the_address(self):
        """They are Postfix's, as before."""
        client = self.connect(("127.0.0.1", self.today.port))
        client.starttls()
        client.command("QUIT")
        client.close()
        self.stage.postfix.log.wait(rf"disconnect from \S+\[127\.0\.0\.1\]:{client.port} .*starttls")
        self.assertIsNone(self.posternd.log.find(rf"unknown\[127\.0\.0\.1\]:{client.port}\b"))

    def test_warning(self):
        """At the start, and by -t; none where there is no trial."""
        words = re.escape(f'listener "mx": in a trial at {self.trial}: clients of '
                          f"{self.today.address} are served only if they are redirected there")
        self.assertRegex(self.posternd.log.find(r"warning: .*in a trial").string,
                         rf"warning: {self.conf}:\d+: {words}$")
        with open(self.conf, encoding="utf-8") as file:
            lines = file.read().split("\n")
        done = run_posternd(self.build, "-t", "-c", self.conf)
        number, = re.findall(rf":(\d+): {words}", done.stderr)
        self.assertIn(f'trial_address = "{self.trial}"', lines[int(number) - 1])
        self.assertEqual(done.stderr.count("in a trial at"), 2)
        self.assertIn(f'"second": in a trial at 127.0.0.1:0, 127.0.0.9:0: clients of {ELSEWHERE}:25 ',
                      done.stderr)
        done = run_posternd(self.build, "-t", "-c", self.stage.write(
            certificates=["p256"], backend="unix:/nowhere",
            listeners={"mx": {"trial_address": []}}))
        self.assertNotIn("trial", done.stderr)

    def test_claim_of_the_address(self):
        """It is ours, as after the trial."""
        for claimed in (ELSEWHERE, self.trial.split(":", maxsplit=1)[0]):
            client = self.connect(self.posternd.address(), UPSTREAM)
            client.send(proxyheader.v2((claimed, 4711), ("203.0.113.5", 25)))
            self.assertIn(b"421 4.3.2 ", client.rest())
            self.warning(self.posternd, client, "PROXY header refused: it claims .*")
        line = self.posternd.log.find(rf'of this host: .*detail="{re.escape(ELSEWHERE)}"')
        self.assertIsNotNone(line)

    # --- posternctl ---

    def test_selftest(self):
        """It is tried where it listens; Postfix has no PROXY header at the other one. A port that the
        system picks is not known."""
        checks = self.checks(self.conf, 3)
        self.assertEqual({check["text"] for check in checks if check["result"] == "not-checked"},
                         {"port 0: the system picked the port"})
        subjects = {check["subject"] for check in self.of(checks, "greeting")
                    if check["result"] == "ok"}
        self.assertIn(f'listener "mx" {self.trial}', subjects)
        self.assertNotIn(self.today.address, json.dumps([check for check in checks
                                                         if check["name"] != "settings"]))
        self.of(checks, "tls", "ok")

    def test_check(self):
        done = run_posternctl(self.build, "-c", self.conf, "check",
                              env=self.stage.postfix.environment)
        self.assertIn(f'\nlistener "mx": {self.today.address}; trial_address {self.trial}; tls may, ',
                      done.stdout)
        self.assertIn(f'\nlistener "second": {ELSEWHERE}:25; trial_address 127.0.0.1:0, '
                      "127.0.0.9:0; tls may, ", done.stdout)
        self.assertIn(': listener "mx": in a trial at ', done.stdout)
        done = run_posternctl(self.build, "-c", self.conf, "--json", "check",
                              env=self.stage.postfix.environment)
        mx, second = json.loads(done.stdout)["listeners"]
        self.assertEqual((mx["address"], mx["trial_address"]), ([self.today.address], [self.trial]))
        self.assertEqual(second["trial_address"], ["127.0.0.1:0", "127.0.0.9:0"])

    def test_records_have_the_port_of_the_clients(self):
        done = run_posternctl(self.build, "-c", self.conf, "tlsa")
        ports = set(re.findall(r"^_(\d+)\._tcp\.", done.stdout, re.MULTILINE))
        self.assertEqual(ports, {str(self.today.port), "25"})

    def test_service_that_is_taken_over(self):
        """Its settings are kept, and it stays until the trial is over."""
        master_cf = ("smtp inet n - n - - smtpd\n  -o smtpd_helo_required=yes\n"
                     "2525 inet n - n - - smtpd\n  -o smtpd_helo_required=no\n")
        environment = {"MAIL_CONFIG": write_files(self.stage.directory, "", master_cf)}
        for trial, words in (([], ""), (["127.0.0.1:2525"], "\n#     when the trial (trial_address) "
                                                            "ends, not before")):
            conf = self.stage.write(
                certificates=["p256"], backend="127.0.0.1:12525",
                listeners={"mx": {"address": "0.0.0.0:25", "trial_address": trial}})
            done = run_posternctl(self.build, "-c", conf, "postfix-config", env=environment)
            self.assertIn("    -o smtpd_helo_required=yes\n", done.stdout)
            self.assertNotIn("smtpd_helo_required=no", done.stdout)
            self.assertIn('\n#     has port 25, like listener "mx": where their addresses overlap, '
                          f"comment it out{words}\n", done.stdout)
            self.assertNotIn("has port 2525", done.stdout)


class Start(Case):
    """A trial that cannot begin."""

    def test_port_in_use(self):
        """The line is that of trial_address; the address is nobody's business."""
        holder = self.stage.posternd(certificates=["p256"], backend="unix:/nowhere")
        taken = endpoint(holder.address())
        conf = self.stage.write(
            certificates=["p256"], backend="unix:/nowhere",
            listeners={"mx": {"address": f"{ELSEWHERE}:25",
                              "trial_address": [f"127.0.0.1:{free_port()}", taken]}})
        done = run_posternd(self.build, "-c", conf)
        self.assertEqual((done.returncode, done.stdout), (75, ""))
        with open(conf, encoding="utf-8") as file:
            number = next(number for number, line in enumerate(file, 1) if "trial_address" in line)
        self.assertIn(f"\n{conf}:{number}: cannot listen on {taken}: Address already in use; "
                      "starting again may help\n", "\n" + done.stderr)
