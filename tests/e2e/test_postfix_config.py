"""posternctl postfix-config: the services that it prints, and what it says of the main.cf and
master.cf that are there. postconf itself reads these files, and what is printed."""

import os
import re

from common import Case, table
from lab.postconf import write_files
from lab.posternd import HOSTNAME, run_posternctl
from lab.process import run

PLAINTEXT = ["smtpd_tls_security_level=none", "smtpd_tls_wrappermode=no", "smtpd_tls_auth_only=no",
             "smtpd_sasl_security_options=noanonymous", "smtpd_client_port_logging=yes"]
PROXIED = ["smtpd_upstream_proxy_protocol=haproxy", *PLAINTEXT]

# As Debian's, with the submission services that an administrator switches on.
MASTER_CF = """\
smtp      inet  n       -       y       -       -       smtpd
submission inet n       -       y       -       -       smtpd
  -o syslog_name=postfix/submission
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_tls_auth_only=yes
  -o smtpd_tls_ask_ccert=yes
  -o { smtpd_relay_restrictions = permit_sasl_authenticated, reject }
smtps     inet  n       -       y       -       -       smtpd
  -o syslog_name=postfix/smtps
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
pickup    unix  n       -       y       60      1       pickup
"""


class Service:
    """A service as postconf reads it."""

    def __init__(self, line):
        fields = line.split()
        self.name, self.type, self.chroot, self.maxproc, self.command = (
            fields[0], fields[1], fields[4], fields[6], fields[7])
        self.overrides = []


class PostfixConfig(Case):
    def ctl(self, main_cf="", master_cf=MASTER_CF, *, backend="127.0.0.1:12525", **options):
        """posternctl's run for a configuration of Stage.write()."""
        conf = self.stage.write(certificates=["rsa"], backend=backend, **options)
        path = write_files(self.stage.directory, "queue_directory = /var/spool/postfix\n"
                           f"myhostname = {HOSTNAME}\n" + main_cf, master_cf)
        return run_posternctl(self.build, "-c", conf, "postfix-config",
                              env={**os.environ, "MAIL_CONFIG": path})

    def config(self, *arguments, **options):
        """What it prints. It exits with 1 where something opens."""
        done = self.ctl(*arguments, **options)
        self.assertEqual(done.returncode, 1 if "FAIL" in done.stderr else 0, done.stderr)
        return done.stdout

    def services(self, text):
        """{name: Service}, as postconf reads what was printed."""
        path = write_files(self.stage.directory, master_cf=text)
        lines = run(["postconf", "-c", path, "-M"]).stdout.splitlines()
        services = {service.name: service for service in map(Service, lines)}
        done = run(["postconf", "-c", path, "-P"])
        # A value that begins with # is one, and warned of by Postfix >= 3.9.
        self.assertEqual((done.returncode, re.sub(r"(?m)^postconf: warning: .*#comment.*\n", "",
                                                  done.stderr)), (0, ""))
        for line in done.stdout.splitlines():
            service, name, value = re.match(r"(\S+)/\w+/(\w+) = ?(.*)", line).groups()
            services[service].overrides.append(f"{name}={value}")
        return services

    def one(self, *arguments, **options):
        """The only Service."""
        service, = self.services(self.config(*arguments, **options)).values()
        return service

    def assert_overrides(self, service, expected):
        self.assertEqual(sorted(service.overrides), sorted(expected))

    # --- services ---

    @table((("the default", {}, "500"), ("another number", {"max_connections": 30}, "50"),
            ("no bound", {"max_connections": 0}, "0")))
    def test_process_limit(self, option, maxproc):
        service = self.one(backends={"postfix": option})
        self.assertEqual((service.name, service.type, service.chroot, service.maxproc,
                          service.command), ("127.0.0.1:12525", "inet", "y", maxproc, "smtpd"))
        self.assert_overrides(service, PROXIED)

    @table((("bounded", 40, "140"), ("one without bound", 0, "0")))
    def test_process_limit_of_a_service_of_two_backends(self, other, maxproc):
        service = self.one(backends={"postfix": {"max_connections": 80}, "other": {
            "address": "127.0.0.1:12525", "max_connections": other}})
        self.assertEqual(service.maxproc, maxproc)

    def test_unix(self):
        service = self.one(backend="unix:/var/spool/postfix/public/postern")
        self.assertEqual((service.name, service.type), ("postern", "unix"))
        self.assert_overrides(service, PROXIED)

    def test_every_address(self):
        self.assertEqual(set(self.services(self.config(backend=["127.0.0.1:12525", "[::1]:12526"]))),
                         {"127.0.0.1:12525", "[::1]:12526"})

    def test_proxy_v1_is_the_same_to_postfix(self):
        self.assert_overrides(self.one(backends={"postfix": {"client_address": "proxy-v1"}}),
                              PROXIED)

    @table((
        ("public of the queue", "unix:/var/spool/postfix/private/postern"),
        ("another queue", "unix:/run/public/postern"),
        ("a name that master.cf cannot have", "unix:/var/spool/postfix/public/a b"),
    ))
    def test_socket_that_postfix_cannot_have(self, address):
        for option in ("address", "tls_address"):
            done = self.ctl(backend=address if option == "address" else "127.0.0.1:12525",
                            backends={"postfix": {option: address}})
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertRegex(done.stderr, rf'^posternctl: \S+postern.conf:\d+: {option}: "unix:')

    def test_tls_address(self):
        services = self.services(self.config(
            "smtpd_sasl_auth_enable = yes\n",
            backends={"postfix": {"tls_address": "127.0.0.1:12526"}}))
        self.assert_overrides(services["127.0.0.1:12525"],
                              [*PROXIED, "smtpd_sasl_auth_enable=no"])
        self.assert_overrides(services["127.0.0.1:12526"], PROXIED)
        self.assertEqual([service.maxproc for service in services.values()], ["500", "500"])

    @table((
        ("tls_address is the address", {"tls_address": "127.0.0.1:12525"}, {}, {}),
        ("AUTH before TLS", {"tls_address": "127.0.0.1:12526"}, {"auth_before_tls": True}, {}),
        ("another backend without", {"tls_address": "127.0.0.1:12526"}, {},
         {"address": "127.0.0.1:12525"}),
    ))
    def test_auth_stays_where_it_is_needed(self, backend, listener, other):
        services = self.services(self.config(
            backends={"postfix": backend, **({"other": other} if other else {})},
            listeners={"mx": listener}))
        self.assert_overrides(services["127.0.0.1:12525"], PROXIED)

    def test_rare_settings_of_main_cf(self):
        service = self.one("smtpd_authorized_xclient_hosts = 192.0.2.1\n"
                           "smtpd_authorized_xforward_hosts = $mynetworks\n")
        self.assert_overrides(service, [*PROXIED, "smtpd_authorized_xclient_hosts=",
                                        "smtpd_authorized_xforward_hosts="])

    # --- the services of today ---

    def test_settings_of_todays_services_are_kept(self):
        text = self.config(
            backends={"postfix": {}, "submission": {"address": "127.0.0.1:12526"},
                      "smtps": {"address": "127.0.0.1:12527"}},
            listeners={"mx": {"address": "127.0.0.1:25"},
                       "submission": {"address": "127.0.0.1:587", "backend": "submission"},
                       "smtps": {"address": "127.0.0.1:465", "backend": "smtps"}})
        services = self.services(text)
        self.assert_overrides(services["127.0.0.1:12525"], PROXIED)
        self.assert_overrides(services["127.0.0.1:12526"], [
            *PROXIED, "syslog_name=postfix/submission", "smtpd_sasl_auth_enable=yes",
            "smtpd_tls_ask_ccert=yes", "smtpd_relay_restrictions=permit_sasl_authenticated, reject"])
        self.assert_overrides(services["127.0.0.1:12527"], [
            *PROXIED, "syslog_name=postfix/smtps", "smtpd_sasl_auth_enable=yes"])
        for port, name in ((25, "smtp"), (587, "submission"), (465, "smtps")):
            self.assertRegex(text, rf"(?m)^# master.cf: {name} inet\n#     has port {port}, ")

    def test_plaintext_service_does_not_take_over_auth(self):
        services = self.services(self.config(
            backends={"postfix": {"tls_address": "127.0.0.1:12526"}},
            listeners={"submission": {"address": "127.0.0.1:587"}}))
        auth = {name: [each for each in service.overrides if "auth_enable" in each]
                for name, service in services.items()}
        self.assertEqual(auth, {"127.0.0.1:12525": ["smtpd_sasl_auth_enable=no"],
                                "127.0.0.1:12526": ["smtpd_sasl_auth_enable=yes"]})

    def test_settings_of_several_services(self):
        """One service for the mail of two has what both have, and the rest is told."""
        text = self.config(listeners={"mx": {"address": "127.0.0.1:25"},
                                      "submission": {"address": "127.0.0.1:587"}})
        service, = self.services(text).values()
        self.assert_overrides(service, PROXIED)
        self.assertRegex(text, r"(?m)^#     lost +syslog_name = postfix/submission: the service "
                               'behind has "postfix"$')

    def test_printed_again(self):
        """With its own output in master.cf, and what was added there by hand."""
        added = "    -o smtpd_client_connection_count_limit=7\n"
        for backend in ("127.0.0.1:12525", "unix:/var/spool/postfix/public/postern"):
            first = self.config(backend=backend)
            again = self.config(master_cf=MASTER_CF + first.rpartition("#\n# This Postfix")[0] +
                                added, backend=backend)
            self.assertRegex(again, r"(?m)^# master.cf already has a service \S+: replace")
            service, = self.services(again).values()
            self.assert_overrides(service, [*PROXIED, "smtpd_client_connection_count_limit=7"])

    def test_service_keeps_its_name(self):
        service = self.one(master_cf=MASTER_CF + "localhost:12525 inet n - n - 5 smtpd "
                           "-o smtpd_upstream_proxy_protocol=haproxy\n")
        self.assertEqual((service.name, service.maxproc), ("localhost:12525", "500"))

    def test_service_of_somebody_else_is_not_replaced(self):
        """The way back of a content filter wants no PROXY header."""
        done = self.ctl(master_cf=MASTER_CF + "127.0.0.1:12525 inet n - n - - smtpd "
                        "-o content_filter= -o mynetworks=127.0.0.0/8\n")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertRegex(done.stderr, r"^posternctl: \S+postern\.conf:\d+: address: master\.cf has a "
                                      "service 127.0.0.1:12525 that expects no PROXY header, .*: "
                                      "use a different address\n$")

    def test_arguments_are_kept_whole(self):
        directory = "/".join(["a"] * 100)
        line, = [line for line in self.config(
            master_cf=f"smtp inet n - y - - smtpd -v -D {directory} -o mynetworks= -v\n",
            listeners={"mx": {"address": "127.0.0.1:25"}}).splitlines() if " inet n " in line]
        self.assertTrue(line.endswith(f" smtpd -v -D {directory} -v"), line)

    def test_name_of_a_port_that_only_postfix_knows(self):
        service = self.one("known_tcp_ports = lmtp=24, front = mx=25, submission=587\n",
                           "mx inet n - n - - smtpd -o smtpd_client_restrictions=reject\n",
                           listeners={"mx": {"address": "127.0.0.1:25"}})
        self.assertIn("smtpd_client_restrictions=reject", service.overrides)

    @table((
        ("a port that nobody knows", "no-such-port inet n - n - - smtpd",
         "it may be no-such-port, "),
        ("another program", "25 inet n - n - - smtpd.new", "it may be 25, "),
        ("another program elsewhere", "24 inet n - n - - smtpd.new", None),
        ("no port", "no-such-port unix n - n - - smtpd", None),
        ("a postscreen without its smtpd", "25 inet n - n - 1 postscreen -o smtpd_service_name=$mine",
         "which smtpd gets the clients"),
        ("a service that stands there twice",
         "25 inet n - n - - smtpd -o mynetworks=0.0.0.0/0\n25 inet n - n - - smtpd",
         "this service more than once"),
    ))
    def test_service_of_today_that_is_not_known(self, service, text):
        done = self.ctl(master_cf=service + "\n", listeners={"mx": {"address": "127.0.0.1:25"}})
        told = [line for line in done.stderr.splitlines() if ": not judged: " in line]
        self.assertEqual(len(told), text is not None, done.stderr)
        for line in told:
            self.assertIn(text, line)

    def test_many_services_of_today(self):
        done = self.ctl(master_cf="".join(f"203.0.113.{i}:25 inet n - n - - smtpd\n"
                                          for i in range(1, 66)),
                        listeners={"mx": {"address": "0.0.0.0:25"}})
        self.assertEqual(done.stderr.count("maxproc: 480 sessions"), 64)
        self.assertEqual(done.stderr.count("those after the first 64 are not compared"), 1)

    def test_service_of_postfix_itself_is_not_replaced(self):
        done = self.ctl(backend="unix:/var/spool/postfix/public/pickup")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("master.cf has a service pickup", done.stderr)

    def test_values_are_kept_whole(self):
        values = ["smtpd_reject_footer==x", "smtpd_helo_restrictions=",
                  "smtpd_banner=#a {b} \"c\" $$d"]
        service = self.one(master_cf="smtp inet n - y - - smtpd -o smtpd_helo_restrictions= -o "
                           "smtpd_reject_footer==x -o { smtpd_banner = #a {b} \"c\" $$d }\n",
                           listeners={"mx": {"address": "127.0.0.1:25"}})
        self.assert_overrides(service, [*PROXIED, *values])

    def test_postscreen(self):
        text = self.config(master_cf="""\
smtp      inet  n       -       y       -       1       postscreen
smtpd     pass  -       -       y       -       -       smtpd
  -o smtpd_client_restrictions=permit_mynetworks
127.0.0.1:12525 inet n  -       y       -       1       postscreen
  -o postscreen_greet_wait=3s
  -o postscreen_tls_security_level=may
""")
        services = self.services(text)
        self.assertEqual(set(services), {"127.0.0.1:12525", "postern-smtpd1"})
        screen, smtpd = services["127.0.0.1:12525"], services["postern-smtpd1"]
        self.assertEqual((screen.type, screen.maxproc, screen.command),
                         ("inet", "1", "postscreen"))
        self.assert_overrides(screen, [
            "postscreen_upstream_proxy_protocol=haproxy", "postscreen_tls_security_level=none",
            "smtpd_service_name=postern-smtpd1", "postscreen_greet_wait=3s"])
        self.assertEqual((smtpd.type, smtpd.maxproc, smtpd.command), ("pass", "500", "smtpd"))
        self.assert_overrides(smtpd, [*PLAINTEXT, "smtpd_client_restrictions=permit_mynetworks"])
        self.assertRegex(text, r"(?m)^# smtp is also a postscreen: .*\n# postscreen_cache_map\.")

    # --- notes ---

    @table((
        ("IPv4 only", "inet_protocols = ipv4\n", "stricter", "inet_protocols = ipv4: every client on "
         "IPv6 gets 421: postconf -e inet_protocols=all, and restart Postfix"),
        ("encrypt", "smtpd_tls_security_level = encrypt\n", "FAIL",
         "smtpd_tls_security_level = encrypt: mail without TLS is accepted, but today's service "
         'demands TLS: tls = "encrypt"'),
        ("client certificates", "smtpd_tls_req_ccert = yes\n", "FAIL", "smtpd_tls_req_ccert = yes: "
         "clients without a certificate are accepted, which today's service turns away: "),
        ("reject_plaintext_session",
         "smtpd_client_restrictions = permit_mynetworks, reject_plaintext_session\n", "FAIL",
         "smtpd_client_restrictions = permit_mynetworks, reject_plaintext_session: "
         "reject_plaintext_session refuses all mail behind posternd"),
        ("stress", "smtpd_timeout = ${stress?{10}:{300}}s\n", "lost",
         "smtpd_timeout = 300s: its value under stress never applies"),
        ("everybody's PROXY", "smtpd_upstream_proxy_protocol = haproxy\n", "lost",
         "smtpd_upstream_proxy_protocol = haproxy: it is in main.cf, so every service"),
        ("handshakes", "smtpd_client_new_tls_session_rate_limit = 5\n", "lost",
         "smtpd_client_new_tls_session_rate_limit = 5: a client may begin any number of handshakes: "
         "max_handshakes_per_client"),
    ))
    def test_finding(self, main_cf, verdict, text):
        """As a comment, and on standard error for who pastes without reading."""
        listeners = {"mx": {"address": ["127.0.0.1:25", "[::1]:25"]},
                     "submission": {"address": "127.0.0.1:587", "tls": "encrypt"}}
        done = self.ctl(main_cf, listeners=listeners)
        self.assertEqual(done.returncode, 1, "several services, one backend")
        self.assertRegex(done.stdout, rf"(?m)^# +{verdict} +{re.escape(text)}")
        self.assertRegex(done.stderr,
                         rf'(?m)^posternctl: {verdict}: listener "\w+": {re.escape(text)}')
        self.assertNotIn(text, self.ctl(listeners=listeners).stdout)

    @table((("commas", "!SSLv2, !SSLv3, !TLSv1, !TLSv1.1", True), ("least", ">=TLSv1.2", True),
            ("colons", "!SSLv2:!SSLv3:!TLSv1:!TLSv1.1", True), ("named", "TLSv1.2:TLSv1.3", True),
            ("no less", "!SSLv2:!SSLv3", False)))
    def test_versions_that_are_refused_today(self, versions, told):
        done = self.ctl("smtpd_tls_security_level = may\n"
                        f"smtpd_tls_protocols = {versions}\n")
        self.assertEqual((f"FAIL: listener \"mx\": smtpd_tls_protocols = {versions}: the tls_profile "
                          '"opportunistic" allows versions' in done.stderr, done.returncode),
                         (told, int(told)), done.stderr)

    @table((("absolute", False), ("of Postfix's queue directory", True)))
    def test_table_with_a_relative_path(self, relative):
        """Where posternctl runs there may be another file of the name."""
        path = os.path.join(self.stage.directory, "fingerprints")
        with open(path, "w", encoding="utf-8") as file:
            file.write("AB:CD OK\n")
        path = os.path.relpath(path) if relative else path
        done = self.ctl("smtpd_tls_ask_ccert = yes\n"
                        f"smtpd_client_restrictions = check_ccert_access hash:{path}\n")
        self.assertEqual((f": hash:{path} is not read" in done.stderr, done.returncode),
                         (relative, int(relative)), done.stderr)

    def test_profile_of_todays(self):
        """Where the built-in one shuts clients out, one that does not is there to be pasted."""
        listeners = {"submission": {"address": "127.0.0.1:587", "tls": "encrypt"}}
        first = self.ctl(listeners=listeners)
        self.assertIn('the tls_profile "modern" shuts out clients', first.stderr)
        lines = re.search(r"(?ms)^#     tls_profile .*?^#     \}$", first.stdout)[0]
        again = self.ctl(
            listeners={"submission": {**listeners["submission"],
                                      "tls_profile": "postfix-submission"}},
            extra=re.sub("(?m)^#", "", lines) + "\n")
        for words in ("shuts out clients", "lacks", "has suites that", "allows versions"):
            self.assertNotIn(words, again.stderr)
        self.assertNotIn("tls_profile \"postfix", again.stdout)

    @table((("one network's port", "127.0.0.1:2525", {}, True),
            ("a trial of port 25", "127.0.0.1:25", {"trial_address": "127.0.0.1:2525"}, False)))
    def test_port_that_stands_for_another(self, address, listener, told):
        """A firewall may send some clients of port 25 to it; their filter would be gone."""
        done = self.ctl(master_cf=MASTER_CF.replace(
            "smtpd\n", "smtpd\n  -o content_filter=filter:[127.0.0.1]:10024\n", 1),
            listeners={"mx": {"address": address, **listener}})
        self.assertEqual(("FAIL: listener \"mx\": address: today's service for this port"
                          in done.stderr,
                          "-o content_filter=filter:[127.0.0.1]:10024" in done.stdout,
                          done.returncode),
                         (True, False, 1) if told else (False, True, 0))

    @table((
        ("submission", "encrypt", "587 inet n - n - - smtpd -o smtpd_client_restrictions=reject", True),
        ("not of a listener for all", "may",
         "587 inet n - n - - smtpd -o smtpd_client_restrictions=reject", False),
        ("a postscreen", "may", "25 inet n - n - 1 postscreen\nsmtpd pass - - n - - smtpd", True),
        ("nothing of its own", "may", "25 inet n - n - - smtpd", False),
    ))
    def test_service_that_a_port_of_its_own_may_stand_for(self, tls, master_cf, told):
        done = self.ctl(master_cf=master_cf + "\n",
                        listeners={"mx": {"address": "127.0.0.1:2525", "tls": tls}})
        self.assertEqual("address: today's service for this port is not known" in done.stderr, told)

    def test_setting_of_another_release(self):
        text = self.config(
            master_cf=MASTER_CF.replace("smtpd\n", "smtpd\n  -o smtpd_no_such_setting=5\n", 1),
            listeners={"mx": {"address": "127.0.0.1:25"}})
        self.assertRegex(text, r"(?m)^# +not judged +smtpd_no_such_setting = 5: this Postfix has no such "
                               "parameter$")

    def test_nothing_of_protocols_without_listener(self):
        self.assertNotIn("421", self.config("inet_protocols = ipv4\n"))

    def test_nothing_of_levels_where_all_demand_tls(self):
        done = self.ctl("smtpd_tls_security_level = encrypt\n", "smtp inet n - y - - smtpd\n",
                        listeners={"mx": {"tls": "encrypt"}})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"equal +smtpd_tls_security_level = encrypt: tls = ")

    def test_warn_if_reject_goes_with_its_word(self):
        """It would else be about the next one, and that one refuse nobody."""
        service = self.one("smtpd_tls_security_level = encrypt\nsmtpd_relay_restrictions =\n"
                           "smtpd_recipient_restrictions = permit_mynetworks, warn_if_reject "
                           "reject_plaintext_session, reject_unauth_destination\n",
                           listeners={"mx": {"tls": "encrypt"}})
        self.assertIn("smtpd_recipient_restrictions=permit_mynetworks,reject_unauth_destination",
                      service.overrides)

    @table((("as many as other services", "-", True), ("as many as come", "0", False),
            ("as many as sessions", "500", False)))
    def test_policy_service_by_spawn(self, maxproc, noted):
        text = self.config(master_cf=MASTER_CF + f"policy unix - n n - {maxproc} spawn "
                           "user=nobody argv=/bin/true\n")
        self.assertEqual("# master.cf: policy, by spawn\n#     at most 100 processes" in text, noted)

    # --- the milter ---

    OURS = "{ unix:postern/milter.sock, default_action=tempfail }"

    def milters(self, main_cf="", master_cf=MASTER_CF, milter=(), **options):
        """The value of smtpd_milters of the only service; None: it has none."""
        service = self.one(main_cf, master_cf, milter=dict(milter), **options)
        found = [each.partition("=")[2] for each in service.overrides
                 if each.startswith("smtpd_milters=")]
        self.assertLessEqual(len(found), 1)
        return found[0] if found else None

    def test_milter(self):
        self.assertEqual(self.milters(), self.OURS)

    @table((
        ("main cf", "smtpd_milters = inet:127.0.0.1:8891, unix:spamass/spamass.sock\n", MASTER_CF,
         ", inet:127.0.0.1:8891, unix:spamass/spamass.sock"),
        ("blanks", "smtpd_milters = inet:127.0.0.1:8891 { inet:[::1]:9, default_action=accept }\n",
         MASTER_CF, ", inet:127.0.0.1:8891, { inet:[::1]:9, default_action=accept }"),
        ("variable", "smtpd_milters = inet:$myhostname:8891\n", MASTER_CF, ", inet:$myhostname:8891"),
        ("service of today", "smtpd_milters = inet:127.0.0.1:8891\n",
         MASTER_CF.replace("smtpd\nsubmission",
                           "smtpd\n  -o smtpd_milters=inet:127.0.0.1:8892\nsubmission", 1),
         ", inet:127.0.0.1:8892"),
        ("ours already", "smtpd_milters = unix:postern/milter.sock, inet:127.0.0.1:8891\n",
         MASTER_CF, ", inet:127.0.0.1:8891"),
        ("ours already with settings",
         "smtpd_milters = { unix:postern/milter.sock, default_action=accept }, unix:x\n",
         MASTER_CF, ", unix:x"),
        ("ours alone", "smtpd_milters = {unix:postern/milter.sock}\n", MASTER_CF, ""),
    ))
    def test_milters_of_today(self, main_cf, master_cf, others):
        self.assertEqual(self.milters(main_cf, master_cf, listeners={
            "mx": {"address": "127.0.0.1:25"}}), self.OURS + others)

    @table((
        ("accept", {"on_failure": "accept"}, "{ unix:postern/milter.sock, default_action=accept }"),
        ("inet", {"socket": "127.0.0.1:8899"},
         "{ inet:127.0.0.1:8899, default_action=tempfail }"),
        ("inet6", {"socket": "[::1]:8899"}, "{ inet:[::1]:8899, default_action=tempfail }"),
        ("elsewhere", {"socket": "unix:/run/postern/milter.sock"},
         "{ unix:/run/postern/milter.sock, default_action=tempfail }"),
        ("another queue", {"socket": "unix:/var/spool/postfix2/milter.sock"},
         "{ unix:/var/spool/postfix2/milter.sock, default_action=tempfail }"),
        ("only a policy service", {"socket": "", "policy_socket": "unix:/p"}, None),
    ))
    def test_milter_address(self, milter, expected):
        self.assertEqual(self.milters(milter=milter), expected)

    def test_no_milter(self):
        self.assertNotIn("milter", self.config())
        self.assertIn("smtpd_milters=inet:127.0.0.1:8892", self.one(
            master_cf=MASTER_CF.replace("smtpd\nsubmission", "smtpd\n  -o smtpd_milters="
                                        "inet:127.0.0.1:8892\nsubmission", 1),
            listeners={"mx": {"address": "127.0.0.1:25"}}).overrides)

    @table((("out of the chroot", "unix:/run/milter.sock", True),
            ("in the chroot", "unix:/var/spool/postfix/x/milter.sock", False),
            ("inet", "127.0.0.1:8899", False)))
    def test_milter_of_a_chrooted_service(self, socket, noted):
        note = "# This service is chrooted and will not find the milter"
        self.assertEqual(note in self.config(milter={"socket": socket}), noted)
        self.assertNotIn(note, self.config("", MASTER_CF.replace(" y ", " n "),
                                           milter={"socket": socket}))

    def test_policy_service(self):
        text = self.config(milter={"policy_socket": "unix:/var/spool/postfix/postern/p.sock"})
        self.assertRegex(text, r"(?m)^#     check_policy_service unix:postern/p\.sock$")
        self.assertNotIn("check_policy_service", self.config(milter={}))

    def test_without_postconf(self):
        conf = self.stage.write(certificates=["rsa"], backend="127.0.0.1:12525")
        done = run_posternctl(self.build, "-c", conf, "postfix-config",
                              env={**os.environ, "MAIL_CONFIG": "/nowhere"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("# postconf cannot be run or finds no main.cf", done.stdout)
        service, = self.services(done.stdout).values()
        self.assert_overrides(service, PROXIED)
