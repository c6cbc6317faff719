"""posternctl check: what the configuration comes to with the main.cf and master.cf that are there.
Exit code 1 for a way around postscreen only."""

import json
import os

from common import Case, table
from lab.postconf import write_files
from lab.posternd import HOSTNAME, run_posternctl

BACKEND = "127.0.0.1:12525"


# What a service behind posternd has.
OWN = (" -o smtpd_upstream_proxy_protocol=haproxy -o smtpd_client_port_logging=yes")
SCREEN = " -o postscreen_upstream_proxy_protocol=haproxy"
PASS = "smtpd pass - - y - 500 smtpd -o smtpd_client_port_logging=yes\n"


def service(maxproc="500", address=BACKEND, command="smtpd", own=OWN):
    return f"{address} inet n - y - {maxproc} {command}{own}\n"


class CheckPostfix(Case):
    def ctl(self, *words, main_cf="", master_cf="", postconf=True, **options):
        """posternctl's run for a configuration of Stage.write()."""
        options.setdefault("backend", BACKEND)
        conf = self.stage.write(certificates=["p256", "rsa"], **options)
        path = write_files(self.stage.directory,
                           "queue_directory = /var/spool/postfix\n"
                           f"myhostname = {HOSTNAME}\n" + main_cf,
                           master_cf) if postconf else "/nowhere"
        return run_posternctl(self.build, "-c", conf, *words,
                              env={**os.environ, "MAIL_CONFIG": path})

    def findings(self, code=0, **options):
        """[(result, subject, text)] of the JSON document."""
        done = self.ctl("--json", "check", **options)
        self.assertEqual(done.returncode, code, done.stderr)
        document = json.loads(done.stdout)
        self.assertEqual(document["wrong"] > 0, code > 0)
        return [(each["result"], each["subject"], each["text"]) for each in document["postfix"]]

    def comparison(self, **options):
        """What became of the settings that are not the same."""
        return json.loads(self.ctl("--json", "check", **options).stdout)["comparison"]

    def one(self, *arguments, **options):
        finding, = self.findings(*arguments, **options)
        return finding

    def assert_text(self, finding, **options):
        """The text for people has it, too."""
        word = {"fail": "FAIL", "warning": "warning", "not-checked": "not checked"}[finding[0]]
        self.assertIn(f"\n{word}: {finding[1]}: {finding[2]}\n", self.ctl("check", **options).stdout)

    def test_all_well(self):
        self.assertEqual(self.findings(master_cf=service()), [])

    # --- postscreen ---

    def test_way_around_postscreen(self):
        options = {"master_cf": service("1", command="postscreen", own=SCREEN) +
                   service(address="12526") + PASS,
                   "backends": {"postfix": {"tls_address": "127.0.0.1:12526"}}}
        finding = self.one(1, **options)
        self.assertEqual(finding[:2], ("fail", 'backend "postfix"'))
        self.assertIn("postscreen at 127.0.0.1:12525", finding[2])
        self.assert_text(finding, **options)

    def test_postscreen_alone(self):
        self.assertEqual(self.findings(
            master_cf=service("1", command="postscreen", own=SCREEN) + PASS), [])

    def test_tls_address_alone(self):
        self.assertEqual(self.findings(
            master_cf=service() + service(address="127.0.0.1:12526"),
            backends={"postfix": {"tls_address": "127.0.0.1:12526"}}), [])

    def test_without_postconf(self):
        options = {"postconf": False, "backends": {"postfix": {"tls_address": "127.0.0.1:12526"}}}
        limits, postscreen = self.findings(**options)
        self.assertEqual((limits[:2], postscreen[:2]), (("not-checked", "Postfix"),
                                                        ("not-checked", 'backend "postfix"')))
        self.assertIn("postconf cannot be run", limits[2])
        self.assertIn("postscreen", postscreen[2])
        self.assert_text(limits, **options)

    # --- process limits ---

    @table((
        ("below", {}, "481", None),
        ("equal", {}, "480", "480 processes"),
        ("above", {}, "50", "50 processes"),
        ("as many as other services", {}, "-", r"100 processes .*default_process_limit"),
        ("no limit", {}, "0", None),
        ("no bound, no limit", {"max_connections": 0}, "0", None),
        ("no bound", {"max_connections": 0}, "500", "set its maxproc to 0"),
    ))
    def test_process_limit(self, option, maxproc, pattern):
        findings = self.findings(master_cf=service(maxproc), backends={"postfix": option})
        self.assertEqual(len(findings), pattern is not None, findings)
        for finding in findings:
            self.assertEqual(finding[:2], ("warning", 'backend "postfix"'))
            self.assertRegex(finding[2], pattern)

    @table((("the last is too low", "50", True), ("the first is too low", "500", False)))
    def test_process_limit_of_a_service_that_stands_there_twice(self, last, told):
        """Postfix takes the last one."""
        first = "500" if last == "50" else "50"
        findings = self.findings(master_cf=service(first) + service(last))
        self.assertEqual([each[0] for each in findings], ["warning"] * told, findings)
        self.assertIn(("not-judged", "master.cf"), [
            (each["verdict"], each["parameter"]) for each in self.comparison(
                master_cf=service(first) + service(last))])

    def test_default_process_limit(self):
        finding = self.one(main_cf="default_process_limit = 70\n", master_cf=service("-"))
        self.assertIn("70 processes", finding[2])

    def test_process_limit_behind_postscreen(self):
        inner = PASS.replace("smtpd pass", "inner pass").replace("500", "200")
        finding = self.one(master_cf=service(
            "1", command="postscreen", own=SCREEN + " -o smtpd_service_name=inner") + PASS + inner)
        self.assertEqual(finding[0], "warning")
        self.assertIn("200 processes that inner ", finding[2])

    def test_process_limit_of_a_socket(self):
        finding = self.one(backend="unix:/var/spool/postfix/public/postern",
                           master_cf=f"postern unix n - y - 9 smtpd{OWN}\n")
        self.assertIn("9 processes that postern ", finding[2])

    # --- where it is ---

    @table((("TCP", BACKEND), ("unix", "unix:/var/spool/postfix/public/postern")))
    def test_no_service_there(self, address):
        finding = self.one(backend=address, master_cf=service(address="12526"))
        self.assertEqual(finding, ("not-checked", 'backend "postfix"',
                                   f"{address}: this machine's master.cf has no service there"))

    def test_name_without_a_host_is_on_this_machine(self):
        """A port alone is the port of every address here, and of no other machine's."""
        everywhere = service("9", address="12525")
        self.assertIn("9 processes", self.one(master_cf=everywhere)[2])
        finding = self.one(backend="203.0.113.77:12525", master_cf=everywhere)
        self.assertEqual(finding[0], "not-checked")

    def test_socket_elsewhere(self):
        finding = self.one(backend="unix:/run/postern/smtpd")
        self.assertEqual(finding[0], "warning")
        self.assertIn("/var/spool/postfix/public", finding[2])

    # --- protocols ---

    @table((
        ("IPv4 only, IPv6 listener", "ipv4", ["127.0.0.1:25", "[::1]:25"], "IPv6"),
        ("IPv6 only, IPv4 listener", "ipv6", ["127.0.0.1:25", "[::1]:25"], "IPv4"),
        ("both by name", "ipv6, ipv4", ["127.0.0.1:25", "[::1]:25"], None),
        ("all", "all", ["127.0.0.1:25", "[::1]:25"], None),
        ("IPv4 only", "ipv4", ["127.0.0.1:25"], None),
    ))
    def test_protocols(self, value, addresses, missing):
        found = [(each["verdict"], each["text"]) for each in self.comparison(
            main_cf=f"inet_protocols = {value}\n", master_cf=service(),
            listeners={"mx": {"address": addresses}}) if each["parameter"] == "inet_protocols"]
        self.assertEqual(found, [] if missing is None else [
            ("stricter", f"every client on {missing} gets 421: postconf -e inet_protocols=all, and "
                         "restart Postfix")])

    @table((("this machine's listener", "loopback-only", "127.0.0.1:25", 0),
            ("everybody's listener", "loopback-only", "0.0.0.0:25", 1),
            ("by its addresses", "127.0.0.1, [::1]", "0.0.0.0:25", 1),
            ("everybody's", "127.0.0.1, [2001:db8::1]", "0.0.0.0:25", 0)))
    def test_port_for_this_machine_only(self, interfaces, address, code):
        done = self.ctl("--json", "check", main_cf=f"inet_interfaces = {interfaces}\n",
                        master_cf=service() + "smtp inet n - n - - smtpd\n",
                        listeners={"mx": {"address": address}})
        document = json.loads(done.stdout)
        self.assertEqual([each["parameter"] for each in document["comparison"]
                          if each["verdict"] == "fail"], ["inet_interfaces"] * code)
        self.assertEqual((done.returncode, document["wrong"]), (code, code))

    # --- what is shown of the configuration ---

    def test_options_are_shown(self):
        options = {"master_cf": service() + service(address="127.0.0.1:12526"), "backends": {
            "postfix": {"tls_address": "127.0.0.1:12526", "client_address": "proxy-v1",
                        "max_connections": 7}}, "listeners": {
            "smtps": {"address": "127.0.0.1:465", "tls": "implicit"},
            "mx": {"address": "127.0.0.1:25", "trial_address": ["127.0.0.1:2525", "[::1]:2525"],
                   "starttls_except": ["192.0.2.0/24", "::ffff:198.51.100.7"],
                   "accept_proxy_from": "203.0.113.9"},
            "relay": {"address": "127.0.0.1:26", "tls": "none", "certificate_sets": None,
                      "auth_before_tls": True, "accept_proxy_from": ["192.0.2.0/28"]}}}
        document = json.loads(self.ctl("--json", "check", **options).stdout)
        backend, = document["backends"]
        self.assertEqual(backend, {"name": "postfix", "address": [BACKEND],
                                   "tls_address": "127.0.0.1:12526", "client_address": "proxy-v1",
                                   "max_connections": 7})
        smtps, mx, relay = document["listeners"]
        self.assertEqual((smtps["tls"], smtps["tls_profile"], smtps["backend"]),
                         ("implicit", "modern", "postfix"))
        self.assertEqual((smtps["trial_address"], smtps["starttls_except"]), ([], []))
        self.assertEqual((mx["address"], mx["trial_address"]),
                         (["127.0.0.1:25"], ["127.0.0.1:2525", "[::1]:2525"]))
        self.assertEqual(mx["starttls_except"], ["192.0.2.0/24", "198.51.100.7/32"])
        self.assertEqual(relay, {"name": "relay", "address": ["127.0.0.1:26"],
                                 "trial_address": [], "tls": "none", "starttls_except": [],
                                 "tls_profile": "opportunistic", "certificate_sets": [],
                                 "backend": "postfix", "auth_before_tls": True,
                                 "client_certificate": "none", "client_ca": None,
                                 "accept_proxy_from": ["192.0.2.0/28"]})
        text = self.ctl("check", **options).stdout
        self.assertIn(f'\nbackend "postfix": {BACKEND}; tls_address 127.0.0.1:12526; '
                      "client_address proxy-v1, max_connections 7\n", text)
        self.assertIn('\nlistener "smtps": 127.0.0.1:465; tls implicit, tls_profile modern, '
                      "certificate_sets mail; backend postfix\n", text)
        self.assertIn('\nlistener "mx": 127.0.0.1:25; trial_address 127.0.0.1:2525, [::1]:2525; '
                      "tls may, tls_profile opportunistic, certificate_sets mail; backend postfix; "
                      "starttls_except 192.0.2.0/24, 198.51.100.7/32; "
                      "accept_proxy_from 203.0.113.9/32\n", text)
        self.assertIn('\nlistener "relay": 127.0.0.1:26; tls none; backend postfix; '
                      "auth_before_tls; accept_proxy_from 192.0.2.0/28\n", text)
