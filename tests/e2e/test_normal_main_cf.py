"""Ports 25, 587 and 465 behind posternd with the main.cf of a normal administrator, whose TLS and
SASL settings are made for a Postfix that speaks TLS itself, and smtpd in a chroot: nothing is done
but to paste what `posternctl postfix-config` prints."""

import base64
import os

from common import Case, table
from lab.dovecot import Dovecot
from lab.posternd import postfix_config

PLAIN = "AUTH PLAIN " + base64.b64encode(b"\0user\0secret").decode()

FOREIGN = "someone@foreign.test"


class NormalMainCf(Case):
    """One service behind all three listeners."""

    level = "may"
    sections = {"25": {"tls": "may"}, "587": {"tls": "encrypt"}, "465": {"tls": "implicit"}}
    # The syslog_name of each listener's service.
    syslog_names = {"25": "postfix", "587": "postfix", "465": "postfix"}

    @classmethod
    def prepare(cls):
        certificate = cls.stage.certificate("rsa")
        cls.postfix = cls.stage.make_postfix(main_cf={
            "smtpd_tls_security_level": cls.level, "smtpd_tls_auth_only": "yes",
            "smtpd_tls_wrappermode": "yes",
            "smtpd_tls_chain_files": f"{certificate.key}, {certificate.chain}",
            "smtpd_tls_received_header": "yes", "smtpd_tls_loglevel": "1",
            "smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": "private/auth",
            "smtpd_sasl_security_options": "noanonymous, noplaintext",
            "smtpd_sasl_tls_security_options": "noanonymous",
            "broken_sasl_auth_clients": "yes",
            "mynetworks": "192.0.2.0/24",
            # Recipients elsewhere are taken, and their mail goes nowhere.
            "default_transport": "discard",
            "smtpd_relay_restrictions":
                "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination"})
        dovecot = Dovecot(cls.stage.directory, {"user": "secret"},
                          path=cls.postfix.queue + "/private/auth",
                          on_line=lambda line: cls._on_line("dovecot", line)).start()
        cls.addClassCleanup(dovecot.stop)
        conf = cls.configure()
        cls.postfix.paste(postfix_config(cls.build, conf, cls.postfix))
        cls.stage.start_postfix()
        cls.posternd = cls.stage.posternd(conf)

    @classmethod
    def configure(cls):
        """Adds what master.cf has today; the configuration for posternd."""
        cls.postfix.smtpd("smtp", proxied=False, chroot=True)
        return cls.stage.write(certificates=["p256", "rsa"],
                               backend=f"unix:{cls.postfix.queue}/public/postern",
                               listeners=cls.sections)

    def open(self, listener):
        """A client behind its last EHLO, under TLS; that EHLO's reply."""
        client = self.connect(self.posternd.address(listener))
        if listener == "465":
            client.tls()
            return client, client.greet()
        return client, client.starttls()

    def deliver(self, client, listener, protocol):
        subject = f"{self._testMethodName} by {listener}"
        self.assert_code(client.mail(f"Subject: {subject}\r\n\r\nHello.\r\n".encode()), 250)
        mail = self.postfix.wait_for_mail(lambda each: each.subject == subject)
        self.assertRegex(mail.received, rf"unknown \[127\.0\.0\.1\].* with {protocol} id")
        self.assert_code(client.command("QUIT"), 221)
        self.postfix.log.wait(rf"{self.syslog_names[listener]}/smtpd\[\d+\]: "
                              rf"disconnect from unknown\[127\.0\.0\.1\]:{client.port} ")

    @table((("25", "25"), ("587", "587"), ("465", "465")))
    def test_mail(self, listener):
        client, reply = self.open(listener)
        self.assertFalse(reply.offers("STARTTLS"))
        self.deliver(client, listener, "ESMTP")

    @table((("587", "587"), ("465", "465")))
    def test_auth(self, listener):
        client, reply = self.open(listener)
        self.assertTrue(reply.offers("AUTH"))
        self.assertIn("AUTH=PLAIN LOGIN", reply.lines)
        for before, code in ((True, 554), (False, 250)):
            self.assert_code(client.command("MAIL FROM:<sender@client.test>"), 250)
            self.assert_code(client.command(f"RCPT TO:<{FOREIGN}>"), code)
            self.assert_code(client.command("RSET"), 250)
            if before:
                self.assert_code(client.command(PLAIN), 235)
        self.deliver(client, listener, "ESMTPA")

    def test_mail_in_plaintext_on_25(self):
        client = self.connect(self.posternd.address("25"))
        reply = client.greet()
        self.assertTrue(reply.offers("STARTTLS"))
        self.assertFalse(reply.offers("AUTH"))
        self.deliver(client, "25", "ESMTP")

    def test_no_mail_in_plaintext_on_587(self):
        client = self.connect(self.posternd.address("587"))
        client.greet()
        self.assert_code(client.command("MAIL FROM:<sender@client.test>"), 530)


class OwnServices(NormalMainCf):
    """main.cf demands TLS, and master.cf has services for submission with settings of their own: a
    service for each."""

    level = "encrypt"
    syslog_names = {"25": "postfix", "587": "postfix/submission", "465": "postfix/smtps"}

    @classmethod
    def configure(cls):
        services = {
            "25": cls.postfix.smtpd("smtp", proxied=False, chroot=True, options=(
                "smtpd_sasl_auth_enable=no",)),
            "587": cls.postfix.smtpd("submission", proxied=False, chroot=True, options=(
                "syslog_name=postfix/submission", "smtpd_tls_wrappermode=no",
                "{ smtpd_client_restrictions = permit_sasl_authenticated, permit }")),
            "465": cls.postfix.smtpd("smtps", proxied=False, chroot=True, options=(
                "syslog_name=postfix/smtps",))}
        # Postfix stays on its ports of 127.0.0.1.
        return cls.stage.write(
            certificates=["p256", "rsa"], backend=f"unix:{cls.postfix.queue}/public/postern",
            backends={name: {"address": f"unix:{cls.postfix.queue}/public/postern-{name}"}
                      for name in services},
            listeners={name: {"address": f"127.0.0.1:{services[name].port}",
                              "trial_address": "127.0.0.1:0",
                              "backend": name, **section}
                       for name, section in cls.sections.items()})

    def test_no_auth_on_25(self):
        _, reply = self.open("25")
        self.assertFalse(reply.offers("AUTH"))

    def test_settings_are_kept(self):
        overrides = self.postfix.command("postconf", "-P").stdout
        self.assertIn("postern-587/unix/smtpd_client_restrictions = "
                      "permit_sasl_authenticated, permit\n", overrides)
        self.assertIn("postern-587/unix/smtpd_tls_security_level = none\n", overrides)


class SecondService(NormalMainCf):
    """The submission ports with a tls_address: plaintext is for one service, TLS for another."""

    syslog_names = {"25": "postfix", "587": "postfix", "465": "postfix"}

    @classmethod
    def configure(cls):
        cls.postfix.smtpd("smtp", proxied=False, chroot=True)
        sections = {name: {"backend": "submission" if name != "25" else "postfix", **section}
                    for name, section in cls.sections.items()}
        public = os.path.join(cls.postfix.queue, "public")
        return cls.stage.write(
            certificates=["p256", "rsa"], backend=f"unix:{public}/postern",
            backends={"submission": {"address": f"unix:{public}/postern-plain",
                                     "tls_address": f"unix:{public}/postern-tls"}},
            listeners=sections)

    def test_only_tls_has_auth(self):
        overrides = self.postfix.command("postconf", "-P").stdout
        self.assertIn("postern-plain/unix/smtpd_sasl_auth_enable = no\n", overrides)
        self.assertNotIn("postern-tls/unix/smtpd_sasl_auth_enable", overrides)
