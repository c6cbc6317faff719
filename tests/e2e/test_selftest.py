"""posternctl selftest: a good set-up, and a real Postfix and a posternd that are set up wrongly in
each of the ways that it knows."""

import json
import os

from common import free_port, table
from lab import namespace
from lab.posternd import postfix_config, run_posternctl
from lab.sasl import AuthServer
from selftest_case import Selftest

PUBLIC = ("192.0.2.1", "2001:db8::1")

# What is said of a service that does not want the PROXY header, and has seen it.
# A header of version 2 has a QUIT in it: a unix-domain socket may be closed before the next command.
HEADER = ("^takes the PROXY header for commands: (500 5.5.2 Error: |Broken pipe$"
          "|Connection reset by peer$)")
HEADER_STRICT = (HEADER + "|^does not accept the PROXY header: 554 5.5.0 Error: SMTP protocol "
                 "synchronization$|^takes the PROXY header for commands: (554 5.5.0 .*|closed|"
                 "Broken pipe|Connection reset by peer)$")

# How often that is tried which depends on who comes first.
RUNS = 20


class Good(Selftest):
    """A Postfix by postfix-config, with all levels before it."""

    @classmethod
    def prepare(cls):
        postfix = cls.stage.make_postfix()
        inner = postfix.smtpd("postern", "unix")
        second = postfix.smtpd("second")
        old = postfix.smtpd("old")
        addresses = [f"127.0.0.1:{free_port()}" for _ in range(5)]
        cls.both = [addresses[0], f"[::1]:{free_port('::1')}"]
        cls.conf = cls.stage.write(
            certificates=["p256", "rsa", "p384"], backend=inner.address, log_sessions="all",
            backends={"submission": {"address": inner.address, "tls_address": second.address},
                      "old": {"address": old.address, "client_address": "proxy-v1"}},
            sets={"mail": ["p256", "rsa"],
                  "other": {"certificates": ["p384"], "names": ["*.mx.example.test"]}},
            listeners={
                "mx": {"address": cls.both, "certificate_sets": ["mail", "other"]},
                "submission": {"address": addresses[1], "tls": "encrypt", "backend": "submission"},
                "smtps": {"address": addresses[2], "tls": "implicit", "backend": "submission"},
                "none": {"address": addresses[3], "tls": "none", "certificate_sets": None},
                "old": {"address": addresses[4], "backend": "old"}})
        postfix.paste(postfix_config(cls.build, cls.conf, postfix))
        cls.stage.start_postfix()
        cls.posternd = cls.stage.posternd(cls.conf)

    def test_nothing_is_wrong(self):
        checks = self.checks(self.conf, 0)
        for name in ("posternd", "settings", "loop", "proxy-header", "proxy-header-ipv6",
                     "starttls", "xclient", "xforward", "relay", "mail", "greeting", "auth", "level",
                     "tls", "certificate"):
            self.of(checks, name, "ok")
        for name in ("relay", "mail"):
            asked = {check["subject"].rpartition(", ")[2] for check in self.of(checks, name)}
            self.assertEqual(asked, {f"client {address}" for address in PUBLIC})

    def test_every_address_of_a_backend_is_asked_once(self):
        asked = [check["subject"].split()[2] for check in self.of(self.checks(self.conf, 0), "loop")]
        services = self.stage.postfix.services
        self.assertEqual(sorted(asked), sorted(
            services[name].address for name in ("postern", "second", "old")))

    def test_certificates(self):
        found = {check["subject"]: check["text"]
                 for check in self.of(self.checks(self.conf, 0), "certificate", "ok")}
        for address in self.both:
            self.assertIn('"p256"', found[f'listener "mx" {address}, no server name'])
            self.assertIn('"p384"', found[f'listener "mx" {address}, '
                                          'postern-selftest.mx.example.test'])
        port = self.posternd.port("smtps")
        self.assertIn('"p256"', found[f'listener "smtps" 127.0.0.1:{port}, no server name'])

    def test_listener_on_every_address(self):
        """It is spoken with at loopback."""
        if not namespace.can():
            self.skipTest("a network namespace needs root")
        conf = self.stage.write(
            certificates=["p256", "rsa"], backend=self.stage.postfix.services["postern"].address,
            listeners={"mx": {"address": ["0.0.0.0:2525", "[::]:2525"]}})
        daemon = self.stage.posternd(conf, wrapper=namespace.wrapper())
        self.addCleanup(self.stage.stop, daemon)
        checks = namespace.call(daemon.pid, lambda: self.checks(conf, 0))
        found = {check["subject"] for check in self.of(checks, "certificate", "ok")}
        for host in ("0.0.0.0", "[::]"):
            self.assertIn(f'listener "mx" {host}:2525, no server name', found)

    def test_nothing_is_sent(self):
        """What Postfix's log has of it: no mail, and nobody who lost the connection."""
        log = self.stage.postfix.log
        mark = log.mark()
        self.checks(self.conf, 0)
        log.wait(r"disconnect from unknown\[127\.0\.0\.1\]:\d+ .*quit=1", after=mark)
        lines = log.lines[mark:]
        self.assertFalse([line for line in lines if "lost connection" in line
                          or "warning" in line or "improper" in line
                          # Of a recipient that was taken, and no mail for it: Postfix >= 3.9.
                          or ("cleanup" in line and not line.endswith("removed (canceled)"))])
        ends = [line for line in lines if "disconnect from" in line]
        self.assertTrue(all(" quit=1 " in line for line in ends), ends)

    def test_text(self):
        text = self.ctl(self.conf)
        self.assertRegex(text, r"^posternd\n    ok           runs: version \d")
        self.assertIn(f'\nlistener "smtps" 127.0.0.1:{self.posternd.port("smtps")}, no server name\n'
                      "    ok           TLSv1.3; AUTH is not offered\n"
                      '    ok           serves certificate "p256"\n', text)
        self.assertRegex(text, r"\n\d+ ok, 0 FAULT, 0 not checked\n$")

    def test_another_account(self):
        done = self.run_as("daemon", self.conf, "--json")
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
        checks = json.loads(done.stdout)["checks"]
        self.assertIn("Permission denied", self.of(checks, "posternd", "not-checked")[0]["text"])
        self.of(checks, "certificate", "ok")

    def test_socket_that_is_closed_to_the_account(self):
        public = self.stage.postfix.queue + "/public"
        os.chmod(public, 0o700)
        self.addCleanup(os.chmod, public, 0o711)
        done = self.run_as("daemon", self.conf, "--json")
        check, = self.of(json.loads(done.stdout)["checks"], "connect", "not-checked")
        self.assertIn("may not connect (Permission denied)", check["text"])


class Wrong(Selftest):
    """Services of one Postfix that are wrong, each in its own way."""

    @classmethod
    def prepare(cls):
        cls.postfix = cls.stage.make_postfix(main_cf={
            "default_transport": "discard", "mynetworks": "127.0.0.0/8, 198.51.100.0/24"})
        certificate = cls.stage.certificate("rsa")
        files = f"smtpd_tls_chain_files={certificate.key},{certificate.chain}"
        auth = AuthServer(os.path.join(cls.stage.directory, "auth"))
        cls.addClassCleanup(auth.stop)
        # smtpd refuses to run with nothing but "permit".
        taken = ("{ smtpd_relay_restrictions = check_client_access static:OK, "
                 "reject_unauth_destination }")
        services = {
            "starttls": ("smtpd_tls_security_level=may", files),
            "encrypt": ("smtpd_tls_security_level=encrypt", files),
            "wrapper": ("smtpd_tls_wrappermode=yes", "smtpd_tls_security_level=encrypt", files),
            "xclient": ("smtpd_authorized_xclient_hosts=192.0.2.1",),
            "xforward": ("smtpd_authorized_xforward_hosts=192.0.2.0/24",),
            "networks": ("mynetworks=0.0.0.0/0",),
            "restrictions": (taken,),
            "sender": (taken, "{ smtpd_sender_restrictions = check_sender_access "
                       "inline:{postmaster@mail.example.test=REJECT} }"),
            "auth": ("smtpd_sasl_auth_enable=yes", "smtpd_sasl_type=dovecot",
                     "smtpd_sasl_path=unix:" + auth.server_address),
            "refusing": ("smtpd_delay_reject=no", "smtpd_client_restrictions=permit_mynetworks,"
                         "reject"),
            "refusing EHLO": ("smtpd_delay_reject=no",
                              "smtpd_helo_restrictions=permit_mynetworks,reject"),
            "good": (),
        }
        cls.services = {name: cls.postfix.smtpd(name.replace(" ", "-"), options=options)
                        for name, options in services.items()}
        for strict in ("no", "yes"):
            options = (f"smtpd_forbid_unauth_pipelining={strict}",)
            for kind in ("inet", "unix"):
                name = f"plain {kind} {strict}"
                cls.services[name] = cls.postfix.smtpd(name.replace(" ", "-"), kind, proxied=False,
                                                       options=options)
        cls.stage.start_postfix()

    def wrong(self, service, backend=None, **options):
        """The faults of a posternd before this service."""
        daemon = self.start(backend=self.services[service].address,
                            backends={"postfix": backend or {}}, **options)
        return self.faults(daemon.conf)

    def subject(self, service, client="192.0.2.1"):
        return f'backend "postfix" {self.services[service].address}, client {client}'

    @table((
        ("security level may", "starttls", "starttls", "offers STARTTLS",
         "-o smtpd_tls_security_level=none"),
        ("XCLIENT", "xclient", "xclient", "offers XCLIENT", "-o smtpd_authorized_xclient_hosts="),
        ("XFORWARD", "xforward", "xforward", "offers XFORWARD",
         "-o smtpd_authorized_xforward_hosts="),
        ("everybody is in mynetworks", "networks", "relay",
         "accepts mail for postern-selftest@example.net: 250 2.1.5 Ok", "-o mynetworks="),
        ("no restriction", "restrictions", "relay",
         "accepts mail for postern-selftest@example.net: 250 2.1.5 Ok",
         "-o smtpd_relay_restrictions=permit_sasl_authenticated,reject_unauth_destination"),
        ("no restriction for others than postmaster", "sender", "relay",
         "accepts mail for postern-selftest@example.net: 250 2.1.5 Ok",
         "-o smtpd_relay_restrictions=permit_sasl_authenticated,reject_unauth_destination"),
    ))
    def test_fault(self, service, name, text, cure):
        self.assertEqual(self.wrong(service), [(name, self.subject(service), text, cure)])

    def test_tls_is_demanded(self):
        """So nobody can send anything."""
        cure = "-o smtpd_tls_security_level=none"
        self.assertEqual(self.wrong("encrypt"), [
            ("starttls", self.subject("encrypt"), "offers STARTTLS", cure),
            ("mail", self.subject("encrypt"), "refuses mail for postmaster@mail.example.test: "
             "530 5.7.0 Must issue a STARTTLS command first", cure)])

    def test_cure_of_text(self):
        daemon = self.start(backend=self.services["starttls"].address)
        self.assertIn("    FAULT        offers STARTTLS\n"
                      "                 cure, for this service in master.cf: "
                      "-o smtpd_tls_security_level=none\n", self.ctl(daemon.conf, code=1))

    @table([(f"{service} {version}", service, version) for version in ("proxy-v2", "proxy-v1")
            for service in ("plain inet no", "plain unix no", "plain inet yes", "plain unix yes")])
    def test_header_is_not_taken(self, service, version):
        """A smtpd that forbids pipelining says 554 if it finds the header before its banner, and
        else takes it for commands. Chance decides: each is a fault, in every run."""
        daemon = self.start(backend=self.services[service].address,
                            backends={"postfix": {"client_address": version}})
        strict = service.endswith(" yes")
        for _ in range(RUNS if strict else 1):
            (name, subject, text, cure), = self.faults(daemon.conf)
            self.assertEqual((name, subject, cure), ("proxy-header", self.subject(service),
                                                     "-o smtpd_upstream_proxy_protocol=haproxy"))
            self.assertRegex(text, HEADER_STRICT if strict else HEADER)

    def test_silence(self):
        (name, subject, text, cure), = self.wrong("wrapper")
        self.assertEqual((name, subject, text, cure), (
            "proxy-header", self.subject("wrapper"), "sends no greeting within 12 s",
            "-o smtpd_tls_wrappermode=no"))

    def test_nobody(self):
        port = free_port()
        daemon = self.start(backend=f"127.0.0.1:{port}")
        (name, subject, text, cure), = self.faults(daemon.conf)
        self.assertEqual((name, subject, text, cure), (
            "connect", f'backend "postfix" 127.0.0.1:{port}',
            "cannot be reached: Connection refused",
            "posternctl postfix-config >> /etc/postfix/master.cf && postfix reload"))

    @table((("at the banner", "refusing"), ("at EHLO", "refusing EHLO")))
    def test_stranger_is_refused(self, service):
        """The header is taken. What listeners have of it is seen all the same: this machine is no
        stranger."""
        daemon = self.start(backend=self.services[service].address)
        mark = self.postfix.log.mark()
        checks = self.checks(daemon.conf, 3)
        check, = self.of(checks, "proxy-header", "not-checked")
        self.assertRegex(check["text"], "^it refuses this client: 554 5.7.1 ")
        self.postfix.log.wait("warning: haproxy read: timeout error", after=mark)
        self.of(checks, "tls", "ok")

    def test_one_address_of_several(self):
        """The listeners have the other one."""
        nobody = f"127.0.0.1:{free_port()}"
        daemon = self.start(backend=[nobody, self.services["good"].address])
        checks = self.checks(daemon.conf, 1)
        self.assertEqual([check["subject"] for check in checks if check["result"] == "fault"],
                         [f'backend "postfix" {nobody}'])
        self.of(checks, "tls", "ok")

    def test_service_for_tls_that_is_wrong(self):
        """Seen in the backend, and through the listener."""
        faults = self.wrong("good", {"tls_address": self.services["plain inet no"].address})
        self.assertEqual([fault[0] for fault in faults], ["proxy-header", "tls"])
        self.assertIn("under TLS, EHLO is not accepted: ", faults[1][2])

    def test_upstream_may_relay(self):
        """An upstream that speaks for itself has its own address to Postfix."""
        faults = self.wrong("good", listeners=self.listeners(
            accept_proxy_from=["198.51.100.0/24", "203.0.113.7"]))
        self.assertEqual(faults, [(
            "relay", self.subject("good", "198.51.100.1"),
            "accepts mail for postern-selftest@example.net: 250 2.1.5 Ok",
            "-o mynetworks=127.0.0.0/8")])

    def test_upstream_on_this_machine(self):
        """Of 127.0.0.1 the listener expects a PROXY header, and selftest has one."""
        faults = self.wrong("good", listeners=self.listeners(accept_proxy_from="127.0.0.0/8"))
        self.assertEqual(faults, [(
            "relay", self.subject("good", "127.0.0.1"),
            "accepts mail for postern-selftest@example.net: 250 2.1.5 Ok",
            "-o mynetworks=198.51.100.0/24")])

    # --- posternd itself ---

    def test_auth_is_hidden(self):
        daemon = self.start(backend=self.services["auth"].address)
        checks = self.checks(daemon.conf, 0)
        self.of(checks, "auth", "ok")
        self.assertEqual(self.of(checks, "tls", "ok")[0]["text"], "TLSv1.3; AUTH is offered")

    def test_auth_is_not_hidden(self):
        faults = self.differing({"auth_before_tls": True},
                                [("auth_before_tls = true", "auth_before_tls = false")], "auth")
        self.assertEqual([(fault[0], fault[2], fault[3]) for fault in faults],
                         [("auth", "offers AUTH before TLS", "posternctl reload")])

    def test_file_that_is_newer_than_posternd(self):
        daemon = self.start(backend=self.services["good"].address, certificates=["p384"])
        with open(daemon.conf, encoding="utf-8") as file:
            text = file.read()
        other = self.stage.certificate("p256")
        mine = self.stage.certificate("p384")
        with open(daemon.conf, "w", encoding="utf-8") as file:
            file.write(text.replace(mine.chain, other.chain).replace(mine.key, other.key))
        (name, _, text, cure), = self.faults(daemon.conf)
        self.assertEqual((name, cure), ("certificate", "posternctl reload"))
        self.assertIn("is not, or no longer, in certificate_set", text)

    def differing(self, mine, told, service="good"):
        """The faults when posternd runs with one listener and the file has another."""
        port = free_port()
        daemon = self.start(backend=self.services[service].address,
                            listeners={"mx": {"address": f"127.0.0.1:{port}", **mine}})
        with open(daemon.conf, encoding="utf-8") as file:
            text = file.read()
        with open(daemon.conf, "w", encoding="utf-8") as file:
            for old, new in told:
                self.assertIn(old, text)
                text = text.replace(old, new)
            file.write(text)
        return self.faults(daemon.conf)

    def test_starttls_is_not_offered(self):
        faults = self.differing({"tls": "none"}, [('tls = "none"', 'tls = "may"')])
        self.assertEqual([fault[0] for fault in faults], ["starttls", "tls"])
        self.assertEqual(faults[0][2:], ('does not offer STARTTLS, but tls = "may"',
                                         "posternctl reload"))
        self.assertIn("TLS does not work: 502 5.5.1", faults[1][2])

    def test_starttls_is_offered(self):
        faults = self.differing({"tls": "may"}, [('tls = "may"', 'tls = "none"')])
        self.assertEqual([fault[2] for fault in faults], ['offers STARTTLS, but tls = "none"'])

    def test_mail_before_tls(self):
        faults = self.differing({"tls": "may"}, [('tls = "may"', 'tls = "encrypt"')])
        self.assertEqual([(fault[0], *fault[2:]) for fault in faults], [
            ("level", 'does not answer 530 to MAIL before TLS, but tls = "encrypt": 250 2.1.0 Ok',
             "posternctl reload")])

    def test_auth_before_tls(self):
        """It is offered because it is to be."""
        daemon = self.start(backend=self.services["auth"].address,
                            listeners=self.listeners(auth_before_tls=True))
        checks = self.checks(daemon.conf, 0)
        self.assertEqual(self.of(checks, "auth", "ok")[0]["text"],
                         "offers AUTH before TLS: auth_before_tls = true")

    def test_no_implicit_tls(self):
        faults = self.differing({"tls": "may"}, [('tls = "may"', 'tls = "implicit"')])
        self.assertEqual([fault[0] for fault in faults], ["tls"])
        self.assertIn("TLS does not work: ", faults[0][2])

    def test_nobody_listens(self):
        port = free_port()
        faults = self.differing({}, [("listener \"mx\" {\n    address = \"127.0.0.1:",
                                      f"listener \"mx\" {{\n    address = \"127.0.0.1:{port}\" #")])
        self.assertEqual(faults[0], (
            "greeting", f'listener "mx" 127.0.0.1:{port}',
            "cannot be reached (Connection refused): posternd runs with a different configuration",
            "posternctl reload"))

    def test_this_machine_is_excepted(self):
        """It is not offered STARTTLS, as it should be; the rest is not for it to see."""
        for more in ({}, {"accept_proxy_from": "127.0.0.1"}):
            daemon = self.start(backend=self.services["good"].address, listeners=self.listeners(
                starttls_except=["192.0.2.0/24", "127.0.0.0/8"], **more))
            checks = self.checks(daemon.conf, 1 if more else 3)
            check, = self.of(checks, "starttls", "ok")[-1:]
            self.assertEqual(check["text"],
                             "offers no STARTTLS: starttls_except has this machine's address")
            self.of(checks, "auth", "ok")
            check, = self.of(checks, "tls", "not-checked")
            self.assertEqual(check["text"],
                             "starttls_except has this machine's address: test from elsewhere")

    def test_another_machine_is_excepted(self):
        daemon = self.start(backend=self.services["good"].address, listeners=self.listeners(
            starttls_except=["192.0.2.0/24", "127.0.0.2"]))
        checks = self.checks(daemon.conf, 0)
        self.assertEqual(self.of(checks, "starttls", "ok")[-1]["text"], "offers STARTTLS")
        self.of(checks, "tls", "ok")

    def test_starttls_is_offered_to_an_exception(self):
        faults = self.differing({}, [('    tls = "may"\n',
                                      '    tls = "may"\n    starttls_except = "127.0.0.1"\n')])
        self.assertEqual([(fault[0], *fault[2:]) for fault in faults], [
            ("starttls", "offers STARTTLS, but starttls_except has this machine's address",
             "posternctl reload")])

    def test_exception_that_is_no_longer_there(self):
        faults = self.differing({"starttls_except": "127.0.0.1"},
                                [('starttls_except = "127.0.0.1"', "starttls_except = { }")])
        self.assertEqual([fault[2] for fault in faults][:1],
                         ['does not offer STARTTLS, but tls = "may"'])

    def test_port_0(self):
        daemon = self.start(backend=self.services["good"].address, listeners={"mx": {}})
        self.of(self.checks(daemon.conf, 3), "greeting", "not-checked")

    def test_client_certificate_is_demanded(self):
        daemon = self.start(backend=self.services["good"].address, listeners=self.listeners(
            client_certificate="require", client_ca=self.stage.authority.roots))
        checks = self.checks(daemon.conf, 3)
        self.of(checks, "tls", "not-checked")
        self.of(checks, "certificate", "ok")


class NoPosternd(Selftest):
    def test_exit_69(self):
        conf = self.stage.write(certificates=["p256"], backend="unix:/nowhere/socket")
        done = run_posternctl(self.build, "-c", conf, "selftest")
        self.assertEqual((done.returncode, done.stdout), (69, ""))
        self.assertRegex(done.stderr, r"^posternctl: \S+/control\.sock: no posternd answers: .+\n$")

    def test_bad_input(self):
        done = run_posternctl(self.build, "-c", "/nowhere", "selftest")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
