"""Rules on how mail must have come (postern-policy(5)), held by postern-milter."""

import os
import re
import signal
import ssl
import time

from common import client_context, table
from milter_stage import NONE, TLS, Milters
from lab.milter import run_milter
from lab.process import TIMEOUT, run

TLS12 = ssl.TLSVersion.TLSv1_2

# The domains that are delivered.
DOMAINS = "example.test, a.sub.example.test, sub.example.test, xn--bcher-kva.test, bücher.test"

NEEDED = "Encryption needed"


class Policy(Milters):
    policy = """\
# a rule for each group of tests below
recipient=secret@example.test               tls reject
recipient=words@example.test                tls reject 5.7.999 TLS (100%) needed; see <https://x>
recipient=new@example.test                  tls>=1.3 reject
recipient=strong@example.test               bits>=256 reject
recipient=later@example.test                tls defer
recipient=later2@example.test               tls defer 4.7.1 Come back with TLS
recipient=marked@example.test               tls tag no TLS
recipient=trusted@example.test              client_certificate reject
recipient=.sub.example.test                 tls reject
recipient=xn--bcher-kva.test                tls reject
listener=ask recipient=here@example.test    client_certificate reject
sni=old.example.test                        tls>=1.3 reject
sender=partner.test recipient=open@example.test  nothing
sender=partner.test                         tls reject
sender=.partner.test                        tls reject
sender=<> client=127.0.0.66                 tls reject
client=127.0.0.67                           tls defer
"""

    @classmethod
    def prepare(cls):
        names = ("client.example.test",)
        cls.pinned = cls.stage.certificate("pinned", "p256", names=names, purpose="clientAuth")
        cls.other = cls.stage.certificate("other", "p256", names=names, purpose="clientAuth")
        cls.foreign = cls.self_signed("foreign")
        cls.policy += "\n".join(
            f"recipient={name}@example.test fingerprint={fingerprint} reject"
            for name, fingerprint in (("pinned", cls.fingerprint(cls.pinned.chain)),
                                      ("foreign", cls.fingerprint(cls.foreign[0]).lower()),
                                      ("key", cls.key_fingerprint(cls.other.chain)),
                                      ("two", cls.fingerprint(cls.pinned.chain) + "," +
                                       cls.fingerprint(cls.other.chain)))) + "\n"
        cls.set_up(main_cf={"virtual_mailbox_domains": DOMAINS},
                   listeners={"mx": {}, "ask": {"client_certificate": "ask",
                                                "client_ca": cls.stage.authority.roots}})

    @classmethod
    def self_signed(cls, name):
        base = os.path.join(cls.stage.authority.directory, name)
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-noenc", "-subj", "/CN=Foreign", "-keyout", base + ".key", "-out", base + ".pem"])
        return base + ".pem", base + ".key"

    @staticmethod
    def fingerprint(path):
        return run(["openssl", "x509", "-in", path, "-noout", "-fingerprint",
                    "-sha256"]).stdout.strip().partition("=")[2]

    @staticmethod
    def key_fingerprint(path):
        key = run(["openssl", "x509", "-in", path, "-noout", "-pubkey"]).stdout.encode()
        der = run(["openssl", "pkey", "-pubin", "-outform", "DER"], stdin=key, text=False).stdout
        digest = run(["openssl", "dgst", "-sha256", "-hex", "-c"], stdin=der,
                     text=False).stdout.decode()
        return digest.strip().rpartition(" ")[2].upper()

    def plain(self, sender="sender@client.test", **options):
        """A client without TLS that has said MAIL."""
        client = self.client(**options)
        client.greet()
        client.mailed = client.command(f"MAIL FROM:<{sender}>")
        return client

    def tls(self, context=None, name=None, **options):
        """A client under TLS that has said MAIL."""
        client = self.client(**options)
        client.starttls(context, name)
        self.assert_code(client.command("MAIL FROM:<sender@client.test>"), 250)
        return client

    def rcpt(self, client, recipient):
        return str(client.command(f"RCPT TO:<{recipient}>"))

    def finish(self, client, subject):
        """The rest of the mail, as it was delivered."""
        self.assert_code(client.command("DATA"), 354)
        client.send(b"Subject: " + subject.encode() + b"\r\n\r\nHello.\r\n.\r\n")
        self.assert_code(client.reply(), 250)
        return self.delivered(subject)

    # --- recipients ---

    def test_one_refused_another_delivered(self):
        client = self.plain()
        self.assertEqual(self.rcpt(client, "secret@example.test"), "550 5.7.10 " + NEEDED)
        self.assertEqual(self.rcpt(client, "open@example.test"), "250 2.1.5 Ok")
        mail = self.finish(client, "one of two")
        self.assert_header(mail, NONE, client)
        self.assertEqual(mail.recipient, "open@example.test")
        self.milter.wait_log(
            rf"reject: RCPT from unknown\[127\.0\.0\.9\]:{client.port}: 5\.7\.10 {NEEDED}; "
            r"from=<sender@client\.test> to=<secret@example\.test> "
            rf"rule={re.escape(self.policy_path)}:2 session={self.id_of(client)}$")
        self.postfix.log.wait(
            rf"milter-reject: RCPT from unknown\[127\.0\.0\.9\]:{client.port}: 550 5\.7\.10 ")

    def test_both_delivered_under_tls(self):
        client = self.tls()
        self.assertEqual(self.rcpt(client, "secret@example.test"), "250 2.1.5 Ok")
        self.assertEqual(self.rcpt(client, "open@example.test"), "250 2.1.5 Ok")
        self.assert_header(self.finish(client, "both"), TLS, client)

    @table([(f"{number} {name}", spelling) for number, (name, spelling) in enumerate((
        ("plain", "<secret@example.test>"),
        ("no brackets", "secret@example.test"),
        ("case", "<SECRET@Example.TEST>"),
        ("quoted", '<"secret"@example.test>'),
        ("quoted pair", '<"se\\cret"@example.test>'),
        ("route", "<@x.test:secret@example.test>"),
        ("two routes", "<@x.test,@y.test:secret@example.test>"),
        ("final dot", "<secret@example.test.>"),
        ("blanks", "< secret@example.test >"),
        ("comment", "<secret(me)@example.test>"),
    ))])
    def test_spelling(self, spelling):
        client = self.plain()
        reply = client.command(f"RCPT TO:{spelling}")
        self.assertEqual(str(reply), "550 5.7.10 " + NEEDED)
        client = self.tls()
        self.assert_code(client.command(f"RCPT TO:{spelling}"), 250)

    @table([("another", "secret2@example.test"), ("extension", "secret+x@example.test"),
            ("another domain", "secret@sub.example.test")])
    def test_not_that_recipient(self, recipient):
        client = self.tls()
        self.assertEqual(self.rcpt(client, recipient), "250 2.1.5 Ok")

    @table([
        ("words", "words", "550 5.7.999 TLS (100%) needed; see <https://x>"),
        ("newer", "new", "550 5.7.10 Encryption needed, TLS 1.3 or newer"),
        ("stronger", "strong", "550 5.7.10 Encryption needed, 256 bits or more"),
        ("later", "later", "451 4.7.10 Encryption needed"),
        ("later with words", "later2", "451 4.7.1 Come back with TLS"),
        ("certificate", "trusted", "550 5.7.10 Encryption needed, a trusted client certificate"),
        ("fingerprint", "pinned",
         "550 5.7.10 Encryption needed, the client certificate known here"),
    ])
    def test_reply(self, recipient, reply):
        client = self.plain()
        self.assertEqual(self.rcpt(client, recipient + "@example.test"), reply)

    def test_version_and_strength(self):
        context = client_context(maximum_version=TLS12)
        context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
        client = self.tls(context)
        self.assertEqual(self.rcpt(client, "new@example.test"),
                         "550 5.7.10 Encryption needed, TLS 1.3 or newer")
        self.assertEqual(self.rcpt(client, "strong@example.test"),
                         "550 5.7.10 Encryption needed, 256 bits or more")
        self.assertEqual(self.rcpt(client, "secret@example.test"), "250 2.1.5 Ok")
        client = self.tls()
        self.assertEqual(client.socket.cipher()[1:], ("TLSv1.3", 256))
        self.assertEqual(self.rcpt(client, "new@example.test"), "250 2.1.5 Ok")
        self.assertEqual(self.rcpt(client, "strong@example.test"), "250 2.1.5 Ok")

    def test_tag(self):
        client = self.plain()
        self.rcpt(client, "open@example.test")
        self.rcpt(client, "marked@example.test")
        mail = self.finish(client, "marked")
        self.assertEqual(self.values(mail), [f'mail.example.test; none; session='
                                             f'{self.id_of(client)}; tag="no TLS"'])
        client.command("MAIL FROM:<sender@client.test>")
        self.rcpt(client, "open@example.test")
        self.assert_header(self.finish(client, "not marked"), NONE, client)

    def test_no_tag_under_tls(self):
        client = self.tls()
        self.rcpt(client, "marked@example.test")
        self.assert_header(self.finish(client, "TLS, not marked"), TLS, client)

    @table([("below", "x@a.sub.example.test", 550), ("itself", "x@sub.example.test", 250)])
    def test_subdomain(self, recipient, code):
        client = self.plain()
        self.assert_code(client.command(f"RCPT TO:<{recipient}>"), code)

    def test_international_domain(self):
        client = self.client()
        client.greet()
        client.command("MAIL FROM:<sender@client.test> SMTPUTF8")
        for domain in ("xn--bcher-kva.test", "XN--BCHER-KVA.test", "bücher.test", "BÜCHER.test"):
            self.assertEqual(self.rcpt(client, "x@" + domain), "550 5.7.10 " + NEEDED, domain)

    # --- senders ---

    @table([("domain", "a@partner.test"), ("case", "A@PARTNER.Test"),
            ("subdomain", "a@mx.partner.test"), ("null sender", "", "127.0.0.66"),
            ("route", "@x.test:a@partner.test"), ("quoted", '"a"@partner.test')])
    def test_sender(self, sender, source="127.0.0.9"):
        """Where no rule before waits for the recipient, MAIL is refused."""
        self.write_policy(re.sub(r"(?m)^.*recipient=.*$", "", self.policy))
        mark = self.milter.mark()
        self.addCleanup(self.restore)
        self.milter.send_signal(signal.SIGHUP)
        self.milter.wait_log("policy .* read: 5 rules", after=mark)
        client = self.plain(sender, source=source)
        self.assertEqual(str(client.mailed), "550 5.7.10 " + NEEDED)
        self.assert_code(client.command("RCPT TO:<open@example.test>"), 503)
        self.assert_code(client.command("MAIL FROM:<other@client.test>"), 250)

    def restore(self):
        self.write_policy(self.policy)
        mark = self.milter.mark()
        self.milter.send_signal(signal.SIGHUP)
        self.milter.wait_log("policy .* read: 21 rules", after=mark)

    def test_sender_whose_rules_wait_for_the_recipient(self):
        client = self.plain("a@partner.test")
        self.assert_code(client.mailed, 250)
        self.assertEqual(self.rcpt(client, "open@example.test"), "250 2.1.5 Ok")
        self.assertEqual(self.rcpt(client, "open2@example.test"), "550 5.7.10 " + NEEDED)

    def test_client_network(self):
        client = self.plain(source="127.0.0.67")
        self.assertEqual(self.rcpt(client, "open@example.test"), "451 4.7.10 " + NEEDED)
        client = self.tls(source="127.0.0.67")
        self.assertEqual(self.rcpt(client, "open@example.test"), "250 2.1.5 Ok")

    def test_server_name(self):
        context = client_context(maximum_version=TLS12)
        client = self.tls(context, "OLD.example.test")
        self.assertEqual(self.rcpt(client, "open@example.test"),
                         "550 5.7.10 Encryption needed, TLS 1.3 or newer")
        client = self.tls(context, "new.example.test")
        self.assertEqual(self.rcpt(client, "open@example.test"), "250 2.1.5 Ok")

    # --- certificates of clients ---

    def with_certificate(self, chain, key):
        context = client_context()
        context.load_cert_chain(chain, key)
        return self.tls(context, listener="ask")

    @table([
        ("trusted and known", "pinned", ["trusted", "pinned", "two"], ["foreign", "key"]),
        ("trusted", "other", ["trusted", "key", "two"], ["pinned", "foreign"]),
        ("known", "foreign", ["foreign"], ["trusted", "pinned", "key", "two"]),
    ])
    def test_certificate(self, name, good, bad):
        chain, key = self.foreign if name == "foreign" else (
            getattr(self, name).chain, getattr(self, name).key)
        client = self.with_certificate(chain, key)
        for recipient in good:
            self.assertEqual(self.rcpt(client, recipient + "@example.test"), "250 2.1.5 Ok")
        for recipient in bad:
            self.assertRegex(self.rcpt(client, recipient + "@example.test"), "^550 5.7.10 ")
        match = self.assert_header(self.finish(client, self.id()), TLS, client)
        self.assertEqual((match["client"], match["fingerprint"], match["name"]), (
            "untrusted" if name == "foreign" else "trusted", self.fingerprint(chain),
            "Foreign" if name == "foreign" else "client.example.test"))

    def test_listener(self):
        client = self.tls(listener="ask")
        self.assertRegex(self.rcpt(client, "here@example.test"), "^550 5.7.10 ")
        client = self.tls()
        self.assertEqual(self.rcpt(client, "here@example.test"), "250 2.1.5 Ok")


class Reload(Milters):
    policy = "# none yet\n"

    @classmethod
    def prepare(cls):
        cls.set_up()

    def setUp(self):
        super().setUp()
        self.put("")

    def reply(self):
        """To MAIL, of a client without TLS."""
        client = self.client()
        client.greet()
        reply = str(client.command("MAIL FROM:<sender@client.test>"))
        client.close()
        return reply

    def reply_becomes(self, wanted):
        """Asks until it is that; the file is looked at once a second."""
        end = time.monotonic() + 30
        while (reply := self.reply()) != wanted:
            self.assertLess(time.monotonic(), end, reply)

    def test_signal(self):
        self.assertEqual(self.reply(), "250 2.1.0 Ok")
        self.put("* tls reject 5.7.10 one\n")
        self.assertEqual(self.reply(), "550 5.7.10 one")
        self.put("* tls reject 5.7.10 two\n")
        self.assertEqual(self.reply(), "550 5.7.10 two")

    def test_change_of_the_file(self):
        self.write_policy("* tls reject 5.7.10 changed\n")
        long_ago = time.time() - 3600
        os.utime(self.policy_path, (long_ago, long_ago))
        self.reply_becomes("550 5.7.10 changed")

    def test_change_in_place(self):
        with open(self.policy_path, "w", encoding="ascii") as file:
            file.write("* tls reject 5.7.10 in place\n")
        self.reply_becomes("550 5.7.10 in place")

    @table([("mistake", "* nothing\n* tls\n",
             r":2: the action is missing: reject, defer or tag"),
            ("listener", "listener=x tls reject\n", r":1: there is no listener \"x\" in "),
            ("binary", "* tls reject \x01\n", r":1: control character 0x01")])
    def test_mistake(self, text, message):
        self.put("* tls reject 5.7.10 old\n")
        self.write_policy(text)
        mark = self.milter.mark()
        self.milter.send_signal(signal.SIGHUP)
        self.milter.wait_log("error: " + re.escape(self.policy_path) + message +
                             ".*: the previous policy stays in force$", after=mark)
        self.assertEqual(self.reply(), "550 5.7.10 old")

    @table([("bad", "* tls\n", 0o644), ("not readable", "* tls reject 5.7.10 secret\n", 0)])
    def test_mistake_is_told_once(self, text, mode):
        self.write_policy(text)
        os.chmod(self.policy_path, mode)
        long_ago = time.time() - 3600
        os.utime(self.policy_path, (long_ago, long_ago))
        mark = self.milter.mark()
        end = time.monotonic() + TIMEOUT
        while not self.milter.log.find("stays in force", mark):
            self.reply()
            self.assertLess(time.monotonic(), end)
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            self.assertEqual(self.reply(), "250 2.1.0 Ok")
        self.assertEqual(len(self.milter.log.find_all("stays in force", mark)), 1)

    def test_missing(self):
        self.put("* tls reject 5.7.10 old\n")
        os.unlink(self.policy_path)
        mark = self.milter.mark()
        self.milter.send_signal(signal.SIGHUP)
        self.milter.wait_log(f"error: {re.escape(self.policy_path)}: No such file or directory: "
                             "the previous policy stays in force$", after=mark)
        self.assertEqual(self.reply(), "550 5.7.10 old")

    def test_many_signals(self):
        """libmilter, too, waits for this signal in a thread of its own, to stop."""
        self.put("* nothing\n" * 10000)
        threads = set(os.listdir(f"/proc/{self.milter.pid}/task"))
        for _ in range(5000):
            self.milter.send_signal(signal.SIGHUP)
        self.put("* tls reject 5.7.10 after many\n")
        self.assertLessEqual(threads, set(os.listdir(f"/proc/{self.milter.pid}/task")))
        # What was read behind the last signal may be the text before.
        self.reply_becomes("550 5.7.10 after many")

    def test_check_only(self):
        self.write_policy("* tls\n")
        done = run_milter(self.build, "-t", "-c", self.conf)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (
            2, "", f"{self.policy_path}:1: the action is missing: reject, defer or tag\n"))
        self.write_policy("* tls reject\n")
        done = run_milter(self.build, "-t", "-c", self.conf)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
