"""Several certificate sets on one listener: the client's server name (SNI) picks one of them."""

import hashlib
import ssl

from common import ESTABLISHED, FAILED, Case, client_context, of_client, table
from lab import hello
from lab.posternd import run_posternd

# Every set has a P-256 certificate of its own, called after it.
SETS = {
    "mail": ("mail.example.test",),
    "shop": ("shop.example.test", "*.shop.example.test", "mx.wild.example.test"),
    "wild": ("*.wild.example.test",),
    "idn": ("xn--bcher-kva.example.test",),
    "nameless": (),
    "elsewhere": ("elsewhere.example.test",),
}
LISTENERS = {
    "mx": ["mail", "shop", "wild", "idn", "nameless"],
    "shop": ["shop"],
    "wild-first": ["wild", "mail"],
    "nameless-first": ["nameless", "mail"],
}

MANY = 1000

# name, server name as sent (None: no extension), listener, set
CHOICES = (
    ("no server name", None, "mx", "mail"),
    ("no server name, another first", None, "wild-first", "wild"),
    ("unknown name", b"no.such.name", "mx", "mail"),
    ("unknown name, another first", b"no.such.name", "nameless-first", "nameless"),
    ("exact", b"shop.example.test", "mx", "shop"),
    ("case does not matter", b"SHOP.Example.Test", "mx", "shop"),
    ("final dot", b"shop.example.test.", "mx", "shop"),
    ("wildcard", b"a.shop.example.test", "mx", "shop"),
    ("wildcard, case, final dot", b"A.SHOP.EXAMPLE.TEST.", "mx", "shop"),
    ("wildcard stands for one label", b"a.b.shop.example.test", "mx", "mail"),
    ("exact before a wildcard", b"mx.wild.example.test", "mx", "shop"),
    ("the wildcard beside it", b"my.wild.example.test", "mx", "wild"),
    ("wildcard stands for a label", b"wild.example.test", "mx", "mail"),
    ("A-label", b"xn--bcher-kva.example.test", "mx", "idn"),
    ("A-label, upper case", b"XN--BCHER-KVA.example.test", "mx", "idn"),
    ("UTF-8 is not an A-label", "bücher.example.test".encode(), "mx", "mail"),
    ("a set that this listener does not list", b"elsewhere.example.test", "mx", "mail"),
    ("one set for all", b"mail.example.test", "shop", "shop"),
    ("a set of names beside one without", b"mail.example.test", "nameless-first", "mail"),
    ("address", b"192.0.2.7", "mx", "mail"),
    ("longest name", b"a" * 63 + b"." + b"b" * 63 + b"." + b"c" * 63 + b"." + b"d" * 61, "mx",
     "mail"),
)


def server_name(name):
    entry = b"\0" + len(name).to_bytes(2, "big") + name
    return hello.SERVER_NAME, len(entry).to_bytes(2, "big") + entry


def message(name):
    extensions = [] if name is None else [server_name(name)]
    return hello.build(suites=[0xc02b], extensions=extensions + [
        hello.groups([0x0017]), hello.schemes([0x0403])])


class Sets(Case):
    @classmethod
    def prepare(cls):
        for name in SETS:
            cls.stage.certificate(name, "p256")
        sets = {name: {"certificates": [name], "names": names} for name, names in SETS.items()}
        sets["many"] = {"certificates": ["elsewhere"],
                        "names": [f"host{number}.many.test" for number in range(MANY)]}
        listeners = {name: {"certificate_sets": members} for name, members in LISTENERS.items()}
        listeners["many"] = {"certificate_sets": ["mail", "many"]}
        cls.fingerprints = {name: cls.stage.certificate(name).fingerprint() for name in SETS}
        cls.posternd = cls.stage.front(list(SETS), sets=sets, listeners=listeners)

    def served(self, listener, name):
        """The set whose certificate a client with this server name gets."""
        answer = hello.ask(self.posternd.address(listener), message(name))
        self.assertTrue(answer.done, answer.text)
        leaf = hashlib.sha256(answer.certificates[0]).hexdigest()
        return next(name for name, each in self.fingerprints.items() if each == leaf)

    @table(CHOICES)
    def test_choice(self, name, listener, expected):
        self.assertEqual(self.served(listener, name), expected)

    @table((("TLS 1.2", ssl.TLSVersion.TLSv1_2), ("TLS 1.3", ssl.TLSVersion.TLSv1_3)))
    def test_logged(self, version):
        context = client_context()
        context.minimum_version = context.maximum_version = version
        mark = self.posternd.mark()
        client = self.connect(self.posternd.address("mx"))
        client.starttls(context, "A.Shop.Example.Test")
        line = self.posternd.wait_log(of_client(ESTABLISHED, client.port), after=mark)
        self.assertEqual((line["certificate"], line["sni"].lower()), ("shop", "a.shop.example.test"))

    def test_the_refusal_names_the_certificates_of_the_set(self):
        mark = self.posternd.mark()
        client = self.connect(self.posternd.address("mx"))
        client.greet()
        client.command("STARTTLS")
        client.send(hello.records(hello.build(suites=[0xc02f], extensions=[
            server_name(b"shop.example.test"), hello.groups([0x0017]), hello.schemes([0x0401])])))
        answer = hello.read_answer(client)
        self.assertEqual(answer.alert, (2, 40), answer.text)
        line = self.posternd.wait_log(of_client(FAILED, client.port), after=mark)
        self.assertEqual(line["facts"].partition(" ja4=")[0].strip(), "shop=no-suite groups=secp256r1 would_fit=rsa")

    def test_a_thousand_names(self):
        for number in (0, 1, 499, 998, 999):
            self.assertEqual(self.served("many", f"host{number}.many.test".encode()), "elsewhere")
        self.assertEqual(self.served("many", b"host1000.many.test"), "mail")
        self.assertEqual(self.served("many", b"mail.example.test"), "mail")

    def test_a_name_in_two_sets_is_refused(self):
        conf = self.stage.write(
            certificates=["mail"], backend="127.0.0.1:1",
            sets={"one": {"certificates": ["mail"], "names": ["a.test", "b.test"]},
                  "two": {"certificates": ["mail"], "names": ["c.test", "B.test"]}},
            listeners={"mx": {"certificate_sets": ["one", "two"]}})
        done = run_posternd(self.stage.build, "-c", conf, "-t")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r':\d+: names: "b.test" is already a name of certificate_set '
                                      r'"one", which listener "mx" also has\n$')
