"""posternctl selftest asks whether mail is taken, as a stranger, and what the service that clients use
today says to the same."""

from common import free_port, own_address, table
from selftest_case import Selftest

STRANGER = "192.0.2.1"
POSTMASTER = "postmaster@mail.example.test"
CURE = ('postconf -e "mydestination = $(postconf -h mydestination), mail.example.test" && '
        "postfix reload")

def answering(text):
    """The setting with which a service says this to every recipient of its own."""
    return f"{{ smtpd_recipient_restrictions = check_recipient_access static:{{{text}}} }}"


class Mail(Selftest):
    @classmethod
    def prepare(cls):
        cls.postfix = cls.stage.make_postfix(main_cf={
            "mynetworks": "127.0.0.0/8", "default_transport": "discard"})
        services = {
            "good": (),
            "greylisting": (answering("450 4.2.0 Greylisted"),),
            "client": ("smtpd_client_restrictions=permit_mynetworks,reject",),
            "refusing": (answering("550 5.1.1 no such user"),),
            "relaying": ("smtpd_recipient_restrictions=permit_mynetworks,reject",),
            "rejecting": ("smtpd_recipient_restrictions=reject",),
            "session": ("smtpd_recipient_restrictions=reject_plaintext_session",),
            "listed": ("{ mynetworks = 127.0.0.0/8, 192.0.2.0/28, [2001:db8::]/32 }",),
            "all listed": ("{ mynetworks = 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24 }",),
            "no domain": ("virtual_mailbox_domains=",),
            "domains of a table": ("virtual_mailbox_domains=inline:{x.test=1}",),
            "table": ("{ mynetworks = 127.0.0.0/8, !192.0.2.1, 192.0.2.0/24 }",),
        }
        cls.services = {name: cls.postfix.smtpd(name.replace(" ", "-"), options=options)
                        for name, options in services.items()}
        cls.postfix.smtpd("sender", options=(
            "{ smtpd_sender_restrictions = check_sender_access "
            "inline:{" + POSTMASTER + "=REJECT} }",))
        cls.services["sender"] = cls.postfix.services["sender"]
        cls.stage.start_postfix()

    def asked(self, service, code, name="mail", options=(), **more):
        """The only check of this name, of a posternd before this service."""
        daemon = self.start(backend=self.services[service].address, **more)
        check, = self.of(self.checks(daemon.conf, code, options=options), name)
        return check

    @table((
        ("in a domain of its settings", "good",
         "accepts mail for postmaster@example.test: 250 2.1.5 Ok"),
        ("from nobody", "sender", "accepts mail for postmaster@example.test: 250 2.1.5 Ok"),
    ))
    def test_taken(self, service, text):
        check = self.asked(service, 0)
        self.assertEqual((check["result"], check["text"]), ("ok", text))
        self.assertTrue(check["subject"].endswith(f", client {STRANGER}"), check)

    @table((
        ("by 450", "greylisting", "450 4.2.0 <.*>: Recipient address rejected: Greylisted"),
        ("by a plaintext session", "session", "450 4.7.1 Session encryption is required"),
    ))
    def test_put_off(self, service, words):
        check = self.asked(service, 1 if service == "session" else 3)
        self.assertEqual(check["result"], "not-checked")
        self.assertRegex(check["text"], f"^defers mail for postmaster@[a-z.]+: {words}$")

    def test_plaintext_session_is_named(self):
        daemon = self.start(backend=self.services["session"].address)
        check, = self.of(self.checks(daemon.conf, 1), "settings", "fault")
        self.assertIn("reject_plaintext_session refuses all mail behind posternd", check["text"])

    def test_put_off_by_the_name_of_the_client(self):
        """On port 25 strangers are to be served, and this may be for this one only."""
        check = self.asked("client", 3, listeners=self.trial(25))
        self.assertEqual(check["result"], "not-checked")
        self.assertRegex(check["text"], f"^defers mail for {POSTMASTER}: 554 5.7.1 <unknown"
                         rf"\[{STRANGER}\](:\d+)?>: Client host rejected: Access denied$")
        self.assertEqual(self.asked("client", 3, "relay", listeners=self.trial(25))["result"],
                         "not-checked")

    @staticmethod
    def trial(port):
        """A listener whose clients use this port, in a trial."""
        return {"mx": {"address": f"0.0.0.0:{port}", "trial_address": f"127.0.0.1:{free_port()}"}}

    @table((
        ("in all domains", "no domain", "554 5.7.1 <.*>: Relay access denied"),
        ("for good", "refusing", "550 5.1.1 <.*>: Recipient address rejected: no such user"),
        ("to all", "rejecting", "554 5.7.1 <.*>: Recipient address rejected: Access denied"),
    ))
    def test_refused(self, service, words):
        check = self.asked(service, 1)
        self.assertEqual(check["result"], "fault")
        self.assertRegex(check["text"], f"^refuses mail for postmaster@[a-z.]+: {words}$")
        self.assertEqual(check["cure"], CURE if service == "no domain" else None)

    def test_domains_that_cannot_be_known(self):
        check = self.asked("domains of a table", 3)
        self.assertEqual(check["result"], "not-checked")
        self.assertRegex(check["text"], f"^refuses mail for {POSTMASTER}, and its other domains "
                         "are not known: 554 5.7.1 .*: Relay access denied$")

    def test_service_for_those_who_log_in(self):
        """A list that permits some and refuses the rest is meant so, but not on port 25."""
        for service, name in (("relaying", "smtpd_recipient_restrictions"),
                              ("client", "smtpd_client_restrictions")):
            check = self.asked(service, 0)
            self.assertEqual(check["result"], "ok")
            self.assertRegex(check["text"], f"^refuses mail from strangers, as {name} says: 554 ")
        self.assertEqual(self.asked("relaying", 1, listeners=self.trial(25))["result"], "fault")

    # --- the stranger ---

    @table((
        ("the first network is listed", "listed", "198.51.100.1", 0),
        ("all are", "all listed", STRANGER, 1),
        ("one is taken out", "table", STRANGER, 3),
    ))
    def test_stranger(self, service, client, code):
        check = self.asked(service, code)
        self.assertTrue(check["subject"].endswith(f", client {client}"), check)

    def test_as(self):
        daemon = self.start(backend=self.services["good"].address, listeners=self.listeners(
            accept_proxy_from="198.51.100.0/24"))
        checks = self.checks(daemon.conf, 0, options=("--as", "203.0.113.77"))
        check, = self.of(checks, "mail", "ok")
        self.assertTrue(check["subject"].endswith(", client 203.0.113.77"), check)
        self.assertEqual([check["subject"].rpartition(" ")[2] for check in
                          self.of(checks, "relay", "ok")], ["203.0.113.77", "198.51.100.1"])

    def test_as_somebody_of_mynetworks(self):
        """Whoever is known may send anywhere."""
        check = self.asked("listed", 3, "relay", ("--as", "192.0.2.7"))
        self.assertEqual((check["result"], check["text"]), (
            "not-checked", "this client is in mynetworks, so it is not a stranger: 250 2.1.5 Ok"))

    def test_as_of_a_family_that_no_client_has(self):
        daemon = self.start(backend=self.services["good"].address)
        checks = self.checks(daemon.conf, 3, options=("--as", "2001:db8::77"))
        self.assertEqual([(check["subject"], check["text"]) for check in
                          self.of(checks, "mail") if check["result"] == "not-checked"],
                         [("--as 2001:db8::77", "no listener has an IPv6 address")])


class Measure(Selftest):
    """Behind: a service that refuses postmaster. Today's: one on the port that clients use."""

    @classmethod
    def prepare(cls):
        cls.postfix = cls.stage.make_postfix(main_cf={"mynetworks": "10.0.0.0/8"})
        no_user = answering("550 5.1.1 no such user")
        cls.behind = cls.postfix.smtpd("behind", options=(no_user,))
        cls.later = cls.postfix.smtpd("later", options=(answering("450 4.2.0 Greylisted"),))
        certificate = cls.stage.certificate("rsa")
        files = f"smtpd_tls_chain_files={certificate.key},{certificate.chain}"
        cls.today = {
            "the same": cls.postfix.smtpd("same", proxied=False, options=(no_user,)),
            "proxied": cls.postfix.smtpd("proxied", options=(
                no_user, "mynetworks=127.0.0.0/8")),
            "encrypted": cls.postfix.smtpd("encrypted", proxied=False, options=(
                no_user, files, "smtpd_tls_security_level=encrypt")),
            "taking": cls.postfix.smtpd("taking", proxied=False),
            "taking under TLS": cls.postfix.smtpd("taking-tls", proxied=False, options=(
                files, "smtpd_tls_security_level=encrypt")),
            "taking with a header": cls.postfix.smtpd("taking-proxied"),
            "ours": cls.postfix.smtpd("ours", proxied=False, options=(
                no_user, "mynetworks=127.0.0.0/8")),
        }
        cls.stage.start_postfix()

    def asked(self, today, code, behind=None):
        service = self.today[today]
        daemon = self.start(backend=(behind or self.behind).address, listeners={"mx": {
            "address": service.address, "trial_address": f"127.0.0.1:{free_port()}"}})
        check, = self.of(self.checks(daemon.conf, code), "mail")
        return check

    @table((("", "the same", 0), ("with a header", "proxied", 1), ("under TLS", "encrypted", 1)))
    def test_same_answer(self, today, code):
        """Of the exit code the comparison of settings has its say."""
        check = self.asked(today, code)
        self.assertEqual(check["result"], "ok")
        self.assertRegex(check["text"], "^refuses mail for postmaster@example.test, as "
                         f"{self.today[today].address} does today: 550 5.1.1 ")

    @table((("", "taking"), ("under TLS", "taking under TLS"),
            ("with a header", "taking with a header")))
    def test_other_answer(self, today):
        check = self.asked(today, 1)
        self.assertEqual(check["result"], "fault")
        self.assertRegex(check["text"], "^refuses mail for postmaster@example.test: 550 5.1.1 .*; "
                         f"{self.today[today].address} answers today: 250 2.1.5 Ok$")

    def test_put_off_but_not_today(self):
        """Both are told; it may be about a client that is new."""
        check = self.asked("taking", 1, self.later)
        self.assertEqual(check["result"], "not-checked")
        self.assertRegex(check["text"], "^defers mail for postmaster@example.test: 450 4.2.0 .*; "
                         f"{self.today['taking'].address} answers today: 250 2.1.5 Ok$")

    def test_this_machine_is_no_stranger(self):
        """What it says to its own says nothing."""
        check = self.asked("ours", 1)
        self.assertEqual(check["result"], "fault")
        self.assertNotIn("today", check["text"])


class EveryAddress(Selftest):
    """A service of today on all addresses, of which this machine's own is not in mynetworks."""

    @classmethod
    def prepare(cls):
        cls.own = own_address()
        if cls.own is None:
            return
        refusing = answering("550 5.1.1 no such user")
        cls.postfix = cls.stage.make_postfix(main_cf={"inet_interfaces": f"127.0.0.1, {cls.own}"})
        cls.today = cls.postfix.entry("today", f"<port> inet n - n - - smtpd\n    -o {refusing}\n",
                                      host=cls.own)
        cls.behind = cls.postfix.smtpd("behind", "unix", options=(refusing,))
        cls.stage.start_postfix()

    def test_is_asked_from_there(self):
        if self.own is None:
            self.skipTest("this machine has loopback addresses only")
        daemon = self.start(backend=self.behind.address, listeners={"mx": {
            "address": f"0.0.0.0:{self.today.port}",
            "trial_address": f"127.0.0.1:{free_port()}"}})
        check, = self.of(self.checks(daemon.conf, 0), "mail", "ok")
        self.assertRegex(check["text"], "^refuses mail for postmaster@example.test, as "
                         f"{self.today.port} does today: 550 5.1.1 ")


class Address(Selftest):
    """A Postfix that accepts mail for the host itself, and tls_address = address."""

    @classmethod
    def prepare(cls):
        cls.postfix = cls.stage.make_postfix(main_cf={
            "mydestination": "mail.example.test", "local_recipient_maps": ""})
        cls.inner = cls.postfix.smtpd("postern", "unix")
        cls.stage.start_postfix()

    def test_is_asked_as_any_other(self):
        daemon = self.start(backend=self.inner.address,
                            backends={"postfix": {"tls_address": self.inner.address}})
        checks = self.checks(daemon.conf, 0)
        self.assertEqual(len(self.of(checks, "loop", "ok")), 1)
        for name in ("mail", "greeting", "tls"):
            self.of(checks, name, "ok")
        self.assertEqual(self.of(checks, "mail")[0]["text"],
                         f"accepts mail for {POSTMASTER}: 250 2.1.5 Ok")
