"""Rules cannot be walked around by another spelling of an address: what Postfix makes of each, and
what postern-milter says of it as a milter and as a policy service, side by side.

Postfix is as obliging here as its settings allow: it completes half a domain, and takes a number
for an address. Where it is less so it takes fewer spellings, and none may pass there either.
"""

import glob
import os
import re
import shutil

from common import table
from lab.smtp import Client
from milter_stage import Milters

# Whom the rules protect: a virtual mailbox in the domain that Postfix adds to a bare name, one in a
# domain that other letters lead to, one with letters that are folded, and an account of the system.
USER = "user@example.test"
STRASSE = "user@strasse.test"
GROESSE = "gr\u00f6sse@example.test"
NEWS = "news@local.test"

# What else Postfix makes of an address: another one, or none.
OTHER, NO = "another", "none"

# What postern-milter says, without TLS.
REFUSES, TAKES = "refuses", "takes"

POLICY = "".join(f"{kind}={address} tls reject\n"
                 for kind in ("sender", "recipient")
                 for address in (USER, STRASSE, GROESSE, NEWS))

HERE = "backend.example.test"  # Postfix's own name

# An address as the client writes it; what Postfix makes of it as a recipient and as a sender; and
# what is said of either by the milter, and by the policy service.
ROWS = (
    # plain, in a way or another
    (f"<{USER}>", USER, USER, REFUSES, REFUSES),
    (USER, USER, USER, REFUSES, REFUSES),
    (f"<{NEWS}>", NEWS, NEWS, REFUSES, REFUSES),
    ("<USER@Example.TEST>", USER, USER, REFUSES, REFUSES),
    ("<user@example.test.>", USER, USER, REFUSES, REFUSES),
    ("<user @ example . test >", USER, USER, REFUSES, REFUSES),
    ("<(c)user(c)@(c)example.test(c)>", USER, USER, REFUSES, REFUSES),
    ('<"user"@example.test>', USER, USER, REFUSES, REFUSES),
    ('<"us\\er"@example.test>', USER, USER, REFUSES, REFUSES),
    ("<us\\er@exa\\mple.test>", USER, USER, REFUSES, REFUSES),
    ('<user@"example.test">', USER, USER, REFUSES, REFUSES),
    ('<user@"example.test".>', USER, USER, REFUSES, REFUSES),
    (f"<@{HERE}:{USER}>", USER, USER, REFUSES, REFUSES),
    (f"<@x.test,@y.test:{USER}>", USER, USER, REFUSES, REFUSES),
    ("<other@example.test>", OTHER, OTHER, TAKES, TAKES),
    ("<user@client.test>", NO, OTHER, TAKES, TAKES),
    ("<o'x#$&*=?^_`{|}~/-+@example.test>", OTHER, OTHER, TAKES, TAKES),
    ("<user.@example.test>", OTHER, OTHER, TAKES, TAKES),
    ("<.user@example.test>", OTHER, OTHER, TAKES, TAKES),
    ('<"us..er"@example.test>', OTHER, OTHER, TAKES, TAKES),
    # operators in the local part
    (f"<user%example.test@{HERE}>", USER, USER, REFUSES, REFUSES),
    ("<user%example.test>", USER, USER, REFUSES, REFUSES),
    (f"<user%example.test%{HERE}>", USER, USER, REFUSES, REFUSES),
    (f"<user%example.test%{HERE}@{HERE}>", USER, USER, REFUSES, REFUSES),
    ("<user%example.test@[127.0.0.1]>", USER, USER, REFUSES, REFUSES),
    ("<user%example@local>", USER, USER, REFUSES, REFUSES),
    (f"<example.test!user@{HERE}>", USER, USER, REFUSES, REFUSES),
    ("<example.test!user>", USER, USER, REFUSES, REFUSES),
    ("<local.test!user%example.test>", USER, USER, REFUSES, REFUSES),
    ("<x.test!example.test!user>", NO, OTHER, REFUSES, REFUSES),
    ("<user%client.test@other.test>", NO, OTHER, REFUSES, REFUSES),
    (f'<"{USER}"@{HERE}>', USER, USER, REFUSES, REFUSES),
    (f'<"{USER}">', USER, USER, REFUSES, REFUSES),
    (f'<"{USER} "@{HERE}>', USER, USER, REFUSES, REFUSES),
    (f'<"user%example.test"@{HERE}>', USER, USER, REFUSES, REFUSES),
    ('<"user%example.test">', USER, USER, REFUSES, REFUSES),
    (f'<"example.test!user"@{HERE}>', USER, USER, REFUSES, REFUSES),
    ('<"example.test!user">', USER, USER, REFUSES, REFUSES),
    (f'<"@x.test:{USER}"@{HERE}>', USER, USER, REFUSES, REFUSES),
    ('<"@x.test:user"@example.test>', USER, USER, REFUSES, REFUSES),
    (f"<{USER}@>", USER, USER, REFUSES, REFUSES),
    (f"<{USER}@{HERE}>", USER, USER, REFUSES, REFUSES),
    # other letters that need quotes
    ('<"\\"user\\""@example.test>', OTHER, OTHER, REFUSES, REFUSES),
    ('<"\\"news\\""@local.test>', OTHER, OTHER, REFUSES, REFUSES),
    ('<"(c)news"@local.test>', OTHER, OTHER, REFUSES, REFUSES),
    ('<"news "@local.test>', OTHER, OTHER, REFUSES, REFUSES),
    ('<"<user>"@example.test>', OTHER, OTHER, REFUSES, REFUSES),
    ("<user:x@example.test>", OTHER, OTHER, REFUSES, REFUSES),
    # without a domain, or half of one
    ("<user>", USER, USER, REFUSES, REFUSES),
    ('<"user">', USER, USER, REFUSES, REFUSES),
    ("<other>", OTHER, OTHER, TAKES, REFUSES),
    ("<user@example>", USER, USER, REFUSES, REFUSES),
    ("<news@local>", NEWS, NEWS, REFUSES, REFUSES),
    ("<user@>", NO, NO, None, None),
    ("<@example.test>", OTHER, OTHER, REFUSES, REFUSES),
    ('<""@example.test>', OTHER, OTHER, REFUSES, REFUSES),
    ("<user@.example.test>", NO, NO, None, None),
    ("<user@example..test>", NO, NO, None, None),
    ("<user@example.test..>", NO, NO, None, None),
    # addresses of hosts: Postfix's own are its own domain
    ("<news@[127.0.0.1]>", NEWS, OTHER, REFUSES, REFUSES),
    ("<news@[127.0.0.1].>", NEWS, OTHER, REFUSES, REFUSES),
    ("<news@127.0.0.1>", NEWS, OTHER, REFUSES, REFUSES),
    ("<user@[192.0.2.1]>", NO, OTHER, REFUSES, REFUSES),
    ("<user@[IPv6:2001:db8::1]>", NO, OTHER, REFUSES, REFUSES),
    ("<user@[127.0.0.1]x>", NO, NO, None, None),
    # letters beyond ASCII, some of which are the same as others when case does not matter
    ("<u\u017fer@example.test>", USER, USER, REFUSES, REFUSES),
    ("<new\u017f@local.test>", NEWS, NEWS, REFUSES, REFUSES),
    ("<user@example.te\u017ft>", USER, USER, REFUSES, REFUSES),
    ("<user@example.te\ufb06>", USER, USER, REFUSES, REFUSES),
    ("<user@stra\u00dfe.test>", STRASSE, STRASSE, REFUSES, REFUSES),
    ("<user@STRA\u1e9eE.test>", STRASSE, STRASSE, REFUSES, REFUSES),
    ("<\u00fcser@example.test>", OTHER, OTHER, TAKES, REFUSES),
    ("<\u00fcser@client.test>", NO, OTHER, TAKES, TAKES),
    ("<user@b\u00fccher.test>", NO, OTHER, TAKES, TAKES),
    ("<user\uff20example.test>", OTHER, OTHER, TAKES, REFUSES),
    (f"<{GROESSE}>", GROESSE, GROESSE, REFUSES, REFUSES),
    ("<gr\u00f6\u00dfe@example.test>", GROESSE, GROESSE, REFUSES, REFUSES),
    ("<GR\u00d6\u1e9eE@example.test>", GROESSE, GROESSE, REFUSES, REFUSES),
    ("<gro\u0308sse@example.test>", OTHER, OTHER, TAKES, REFUSES),
)
# The table itself: what Postfix takes for one that is protected is refused.
assert all(row[3:] == (REFUSES, REFUSES) for row in ROWS if not {OTHER, NO} >= {row[1], row[2]})
TABLE = [(f"{number} {row[0]}", *row) for number, row in enumerate(ROWS)]


class Spellings(Milters):
    """Four services of one Postfix: with the milter, with the policy service, with neither, and
    with rules of Postfix's own."""

    milter_options = {"policy_socket": "unix:{sockets}/p.sock"}
    policy = POLICY
    settings = {}

    @classmethod
    def prepare(cls):
        cls.set_up(main_cf={
            "myorigin": "example.test", "mydomain": "test",
            "append_dot_mydomain": "yes", "resolve_numeric_domain": "yes",
            "mydestination": "$myhostname, local.test, localhost.test",
            "virtual_mailbox_domains": "example.test, strasse.test",
            "virtual_mailbox_maps": f"inline:{{ {{{USER}=user/}}, {{{STRASSE}=strasse/}}, "
                                    f"{{{GROESSE}=groesse/}}, "
                                    "{@example.test=inbox/}, {@strasse.test=inbox/} }",
            "local_recipient_maps": "", "mailbox_size_limit": "0",
            "mail_spool_directory": cls.stage.directory + "/postfix/spool/",
            "smtpd_soft_error_limit": "1000", "smtpd_hard_error_limit": "1000", **cls.settings})
        cls.clients = {service.name: cls.open(("127.0.0.1", service.port))
                       for service in (cls.bare, cls.own)}
        for name in ("milter", "service"):
            cls.clients[name] = cls.open(cls.daemon.address(name))
            cls.clients[name + " tls"] = cls.open(cls.daemon.address(name), True)

    @classmethod
    def services(cls):
        """Also makes the mailboxes."""
        cls.mailboxes = {USER: "mail/user", STRASSE: "mail/strasse", GROESSE: "mail/groesse",
                         NEWS: "spool/news"}
        for address in (USER, STRASSE, GROESSE):
            for name in ("", "/cur", "/new", "/tmp"):
                path = os.path.join(cls.postfix.directory, cls.mailboxes[address] + name)
                os.mkdir(path, 0o700)
                shutil.chown(path, "nobody")
        spool = os.path.join(cls.postfix.directory, "spool")
        os.mkdir(spool)
        os.chmod(spool, 0o1777)
        service = cls.postfix.smtpd("service", "unix", options=[
            "smtpd_milters=",
            "{ smtpd_recipient_restrictions = check_policy_service unix:postern/p.sock }",
            "{ smtpd_data_restrictions = check_policy_service unix:postern/p.sock }"])
        cls.bare = cls.postfix.smtpd("bare", proxied=False, options=[
            "smtpd_relay_restrictions=reject_unauth_destination"])
        own = ", ".join(f"{{{each} = reject is {each}}}" for each in cls.mailboxes)
        cls.own = cls.postfix.smtpd("own", proxied=False, options=[
            f"{{ smtpd_sender_restrictions = check_sender_access inline:{{ {own} }} }}"])
        return {"backends": {"service": {"address": service.address}},
                "listeners": {"milter": {}, "service": {"backend": "service"}}}

    @classmethod
    def open(cls, address, tls=False):
        """A client for all tests, that has said EHLO."""
        client = Client(address)
        cls.addClassCleanup(client.close)
        if tls:
            client.starttls()
        else:
            client.greet()
        return client

    # --- what Postfix makes of it ---

    @staticmethod
    def begin(client, sender, recipient):
        """MAIL and RCPT, in the arguments' own words. The reply to RCPT, or that to MAIL if it is
        refused."""
        client.command("RSET")
        utf8 = "" if (sender + recipient).isascii() else " SMTPUTF8"
        reply = client.command("MAIL FROM:" + sender + utf8)
        return client.command("RCPT TO:" + recipient) if reply.code < 400 else reply

    def deliver(self, sender, recipient):
        """Sends a mail by the service without rules; its queue ID when it has been delivered. None:
        the recipient is refused."""
        client = self.clients["bare"]
        reply = self.begin(client, sender, recipient)
        if reply.code >= 400:
            self.assertRegex(str(reply), r"^(501 5\.1\.[37]|55[04] 5\.[17]\.1|555 5\.5\.4) ")
            return None
        self.assert_code(client.command("DATA"), 354)
        client.send(b"Subject: one\r\n\r\n.\r\n")
        queued = str(client.reply()).split()[-1]
        self.postfix.log.wait(f" {queued}: removed")
        return queued

    def recipient_of(self, address):
        """Where Postfix delivers mail to this recipient."""
        if self.deliver("<sender@client.test>", address) is None:
            return NO
        return next((name for name, place in self.mailboxes.items() if self.take(place)), OTHER)

    def take(self, place):
        """The mails in this mailbox, which are then removed."""
        mails = glob.glob(os.path.join(self.postfix.directory, place, "new", "*"))
        for mail in mails:
            os.unlink(mail)
        return mails

    def sender_of(self, address):
        """Whom Postfix's own rules take this sender for."""
        reply = self.begin(self.clients["own"], address, "<other@example.test>")
        if reply.code in (501, 555):
            return NO
        return next((name for name in self.mailboxes if str(reply).endswith(" is " + name)), OTHER)

    # --- what postern-milter says ---

    def said(self, service, sender, recipient):
        """REFUSES by a rule, TAKES, or what Postfix itself says."""
        reply = str(self.begin(self.clients[service], sender, recipient))
        if re.match("(450|451|550|554) [45].7.10 ", reply):
            return REFUSES
        return TAKES if reply == "250 2.1.5 Ok" else reply

    def assert_said(self, sender, recipient, milter, service):
        """Without TLS; under TLS everything is taken."""
        found = {name: self.said(name, sender, recipient) for name in self.clients
                 if name.split()[0] in ("milter", "service")}
        self.assertEqual(found, {"milter": milter, "service": service, "milter tls": TAKES,
                                 "service tls": TAKES})


class Obliging(Spellings):
    @table(TABLE)
    def test_recipient(self, address, recipient, _, milter, service):
        self.assertEqual(self.recipient_of(address), recipient)
        if recipient != NO:
            self.assert_said("<sender@client.test>", address, milter, service)

    @table(TABLE)
    def test_sender(self, address, _, sender, milter, service):
        self.assertEqual(self.sender_of(address), sender)
        if sender != NO:
            self.assert_said(address, "<other@example.test>", milter, service)

    # --- bounces and postmaster ---

    @table([("brackets", "<>"), ("quotes", '<"">'), ("blank", "< >"), ("route", "<@x.test:>")])
    def test_null_sender(self, address):
        """No rule for another sender fits it."""
        queued = self.deliver(address, "<other@example.test>")
        self.assertTrue(self.postfix.log.find(f" {queued}: from=<>,"))
        self.assert_said(address, "<other@example.test>", TAKES, TAKES)

    @table([("brackets", "<>"), ("quotes", '<"">'), ("name", "<MAILER-DAEMON>"),
            ("domain", "<mailer-daemon@example.test>"), ("percent", "<Mailer-Daemon%example.test>")])
    def test_rule_for_the_null_sender(self, address):
        self.put("sender=<> tls reject\n")
        queued = self.deliver(address, "<other@example.test>")
        self.assertTrue(self.postfix.log.find(f" {queued}: from=<>,"))
        self.assert_said(address, "<other@example.test>", REFUSES, REFUSES)
        self.assert_said("<sender@client.test>", "<other@example.test>", TAKES, TAKES)

    def data(self, service, sender, recipient):
        """The reply to DATA. Whatever it is, no mail follows."""
        self.assertEqual(self.said(service, sender, recipient), TAKES)
        reply = self.clients[service].command("DATA")
        if reply.code == 354:
            self.clients[service].send(b".\r\n")
            self.assert_code(self.clients[service].reply(), 250)
        return str(reply)

    def test_postmaster(self):
        """Nobody else's rule is his."""
        for service in ("milter", "service"):
            self.assertRegex(self.data(service, "<a@client.test>", "<Postmaster>"), "^354 ")

    def test_rule_for_postmaster(self):
        """Postfix asks no policy service about RCPT TO:<postmaster>, but does about DATA."""
        self.put("recipient=postmaster@example.test tls reject\n")
        self.assertEqual(self.said("milter", "<a@client.test>", "<postmaster>"), REFUSES)
        self.assertRegex(self.data("service", "<a@client.test>", "<postmaster>"), "^554 5.7.10 ")
        self.assertRegex(self.data("service tls", "<a@client.test>", "<postmaster>"), "^354 ")
        self.assert_said("<a@client.test>", "<postmaster@example.test>", REFUSES, REFUSES)
        self.assert_said("<a@client.test>", f"<postmaster@{HERE}>", TAKES, TAKES)

    # --- rules that take mail ---

    @table([("plain", f"<{USER}>", TAKES), ("quoted", f'<"{USER}"@{HERE}>', TAKES),
            ("percent", f"<user%example.test@{HERE}>", TAKES), ("no domain", "<user>", TAKES),
            ("address", "<news@[127.0.0.1]>", REFUSES)])
    def test_exception(self, address, milter):
        """It is for the plain address; the milter is told that of each of these that has one."""
        service = TAKES if address == f"<{USER}>" else REFUSES
        for rule, sender, recipient in (("recipient", "<a@client.test>", address),
                                        ("sender", address, "<other@example.test>")):
            self.put(f"{rule}={USER} nothing\n{rule}={NEWS} nothing\n* tls reject\n")
            self.assert_said(sender, recipient, milter, service)

    def test_strictest_of_several(self):
        self.put("recipient=a@example.test tls defer\nrecipient=b@example.test tls reject 5.7.10 b\n"
                 "recipient=c@example.test tls defer\n* nothing\n")
        reply = self.begin(self.clients["service"], "<a@client.test>", "<x%example.test>")
        self.assertEqual(str(reply), "554 5.7.10 <x%example.test>: Recipient address rejected: b")
        self.milter.wait_log(r"reject: RCPT .* to=<x%example\.test> rule=.*:2 session=")

    def tearDown(self):
        if self.written != POLICY:
            self.put(POLICY)


class Reserved(Spellings):
    """Postfix with as little of all this as it can be set to. The rules are for other addresses of
    the same mailboxes too, which are not spellings."""

    settings = {"allow_percent_hack": "no", "swap_bangpath": "no", "append_dot_mydomain": "no",
                "resolve_numeric_domain": "no", "resolve_dequoted_address": "no",
                "recipient_delimiter": "+"}

    @table(TABLE)
    def test_nothing_passes(self, address, obliging_recipient, obliging_sender, *_):
        recipient, sender = self.recipient_of(address), self.sender_of(address)
        self.assertIn(recipient, (obliging_recipient, OTHER, NO))
        self.assertIn(sender, (obliging_sender, OTHER, NO))
        if recipient in self.mailboxes:
            self.assert_said("<sender@client.test>", address, REFUSES, REFUSES)
        if sender in self.mailboxes:
            self.assert_said(address, "<other@example.test>", REFUSES, REFUSES)

    @table([(address, address) for address in (USER, STRASSE, GROESSE, NEWS)])
    def test_mailboxes_are_there(self, address):
        self.assertEqual(self.recipient_of(f"<{address}>"), address)

    @table([("extension", "<user+x@example.test>", USER), ("domain", "<news@localhost.test>", NEWS)])
    def test_another_address(self, address, recipient):
        """It has a rule of its own, or that of its domain, or none."""
        self.assertEqual(self.recipient_of(address), recipient)
        self.assert_said("<sender@client.test>", address, TAKES, TAKES)
