"""posternctl check and tlsa: certificates, the matrix of clients held against the running posternd
and against the programs that are installed here, the TLSA records, and the exit codes."""

import json
import os
import re
import shutil

from common import Case, table
from lab import hello
from lab.certs import Certificate
from lab.clienthello import Hello, capture
from lab.postconf import write_files
from lab.posternd import HOSTNAME, run_posternctl
from lab.process import run
from lab.release import openssl_dates
from lab.smtp import Client

STORY = "Windows sender that offers only P-256"

KINDS = {"p256": "p256", "rsa": "rsa2048", "p384": "p384"}

# OpenSSL's names in posternctl's JSON, by number.
VERSIONS = {name: number for number, name in hello.VERSIONS.items()}
SUITES = {"TLS_AES_128_GCM_SHA256": 0x1301, "TLS_AES_256_GCM_SHA384": 0x1302,
          "TLS_CHACHA20_POLY1305_SHA256": 0x1303}


class Ctl(Case):
    """Tests that run posternctl on configurations."""

    def ctl(self, conf, *arguments, env=None):
        # Where postconf finds no main.cf it waits a second before it says so.
        env = {"MAIL_CONFIG": write_files(self.stage.directory), **(env or {})}
        return run_posternctl(self.build, "-c", conf, *arguments, env=env)

    def check(self, conf, code, env=None):
        """The document of --json check."""
        done = self.ctl(conf, "--json", "check", env=env)
        self.assertEqual(done.returncode, code, done.stderr)
        return json.loads(done.stdout)

    def write(self, certificates, **options):
        options.setdefault("listeners", {"mx": {"address": "127.0.0.1:25"}})
        return self.stage.write(certificates=certificates, backend="unix:/nowhere", **options)


def row_of(block, name):
    return next(row for row in block["clients"] if row["client"] == name)


class Matrix(Ctl):
    @classmethod
    def prepare(cls):
        cls.conf = cls.stage.write(
            certificates=["p256", "rsa", "p384"], backend="unix:/nowhere/socket",
            sets={"mail": ["p256", "rsa", "p384"], "only": ["p384"], "rsa": ["rsa"]},
            listeners={"mx": {"certificate_sets": "mail"}, "p384": {"certificate_sets": "only"},
                       "rsa": {"certificate_sets": "rsa"},
                       "modern": {"certificate_sets": ["mail", "only"], "tls_profile": "modern"},
                       "again": {"certificate_sets": "only"}})
        done = run_posternctl(cls.build, "-c", cls.conf, "--json", "check")
        cls.code = done.returncode
        cls.document = json.loads(done.stdout)
        cls.blocks = {(block["listener"], block["certificate_set"]): block
                      for block in cls.document["matrix"]}

    def test_every_pair_has_every_client(self):
        names = [client["client"] for client in self.document["clients"]]
        self.assertGreaterEqual(len(names), 25)
        self.assertEqual(set(self.blocks), {("mx", "mail"), ("p384", "only"), ("rsa", "rsa"),
                                            ("modern", "mail"), ("modern", "only"),
                                            ("again", "only")})
        for block in self.blocks.values():
            self.assertEqual([row["client"] for row in block["clients"]], names)

    def test_every_client_has_a_source(self):
        for client in self.document["clients"]:
            self.assertIn(client["basis"], ("capture", "run", "documents"))
            self.assertTrue(client["source"])

    def test_story_fails_with_p384_alone(self):
        row = row_of(self.blocks["p384", "only"], STORY)
        self.assertEqual(row["result"], "fail")
        self.assertIsNone(row["certificate"])
        self.assertEqual(row["would_fit"], ["ecdsa-p256", "rsa"])
        verdict, = row["verdicts"]
        self.assertEqual((verdict["certificate"], verdict["usable"], verdict["reason"]),
                         ("p384", False, "curve-not-in-groups"))
        self.assertIn("secp384r1", verdict["text"])
        self.assertIn("secp256r1", verdict["text"])
        self.assertEqual(self.code, 1)

    def test_story_is_served_with_all(self):
        row = row_of(self.blocks["mx", "mail"], STORY)
        self.assertEqual(
            [row[key] for key in ("result", "certificate", "version", "cipher", "group",
                                  "signature")],
            ["ok", "p256", "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256", "secp256r1",
             "ecdsa_secp256r1_sha256"])
        self.assertEqual([verdict["reason"] for verdict in row["verdicts"]],
                         ["usable", "usable", "curve-not-in-groups"])

    def test_nothing_fails_with_all(self):
        failing = [row["client"] for row in self.blocks["mx", "mail"]["clients"]
                   if row["result"] == "fail"]
        self.assertEqual(failing, [])

    def test_old_clients_are_excluded_by_modern(self):
        row = row_of(self.blocks["modern", "mail"], "OpenSSL 0.9.8")
        self.assertEqual((row["result"], row["would_fit"]), ("excluded", []))
        self.assertEqual(row["verdicts"][0]["reason"], "no-version")

    def test_count_is_of_different_columns(self):
        failing = {key: sum(row["result"] == "fail" for row in block["clients"])
                   for key, block in self.blocks.items()}
        self.assertGreater(failing["again", "only"], 0)
        self.assertEqual(self.document["failing"],
                         sum(failing.values()) - failing["again", "only"])

    def test_posternd_does_as_predicted(self):
        posternd = self.stage.posternd(self.stage.write(
            certificates=["p256", "rsa", "p384"], backend=self.smtp_server(),
            sets={"mail": ["p256", "rsa", "p384"], "only": ["p384"], "rsa": ["rsa"]},
            listeners={"mx": {"certificate_sets": "mail"}, "p384": {"certificate_sets": "only"},
                       "rsa": {"certificate_sets": "rsa"}}))
        self.addCleanup(self.stage.stop, posternd)
        for listener, chosen in (("mx", "mail"), ("p384", "only"), ("rsa", "rsa")):
            for client in self.document["clients"]:
                row = row_of(self.blocks[listener, chosen], client["client"])
                with self.subTest(listener=listener, client=client["client"]):
                    self.hold(row, self.ask(posternd.address(listener),
                                            bytes.fromhex(client["hello"])))

    def hold(self, row, answer):
        """Holds what posternd said against the prediction."""
        if row["result"] != "ok":
            self.assertIsNotNone(answer.alert, answer.text)
            return
        self.assertIsNone(answer.alert, answer.text)
        self.assertEqual(answer.version, VERSIONS[row["version"]])
        if answer.version < hello.TLS13:
            self.assertEqual(answer.certificate, KINDS[row["certificate"]])
        else:
            self.assertEqual(answer.suite, SUITES[row["cipher"]])

    @staticmethod
    def ask(address, record):
        with Client(address) as client:
            client.greet()
            client.command("STARTTLS")
            client.send(record)
            return hello.read_answer(client)

    def smtp_server(self):
        """The address of a Postfix service."""
        postfix = self.stage.postfix or self.stage.make_postfix()
        inner = postfix.smtpd("postern", "unix")
        conf = self.stage.write(certificates=["rsa"], backend=inner.address)
        done = self.ctl(conf, "postfix-config", env=postfix.environment)
        postfix.paste(done.stdout)
        self.stage.start_postfix()
        return inner.address

    def test_text(self):
        done = self.ctl(self.conf, "check")
        self.assertEqual(done.returncode, 1)
        self.assertIn('certificate "p256": ECDSA P-256\n', done.stdout)
        self.assertIn('\n[2] listener "p384", "again" (tls_profile opportunistic), '
                      'certificate_set "only"\n', done.stdout)
        self.assertRegex(done.stdout, r"\nWindows sender that offers only P-256 +p256 +FAIL +rsa ")
        self.assertRegex(
            done.stdout,
            r"\nFAIL \[2\] Windows sender that offers only P-256\n"
            r"    p384: curve-not-in-groups: its key is on secp384r1; .*: secp256r1\n"
            r"    would fit: ecdsa-p256, rsa\n    source: .+\n")
        self.assertRegex(done.stdout, r"\n-    \[4\] OpenSSL 0\.9\.8: no-version: ")
        self.assertNotRegex(done.stdout, r"(?m) $")

    def test_text_is_of_the_document(self):
        text = self.ctl(self.conf, "check").stdout
        for each in self.document["sets"]:
            self.assertIn(f'\ncertificate_set "{each["name"]}": {", ".join(each["certificates"])}; '
                          f'names {", ".join(each["names"]) or "none"}; '
                          f'unmatched {each["unmatched"]}\n', text)
        for each in self.document["backends"]:
            self.assertIn(f'\nbackend "{each["name"]}": {", ".join(each["address"])}; client_address '
                          f'{each["client_address"]}, max_connections {each["max_connections"]}\n', text)
        profiles = {}
        for each in self.document["listeners"]:
            profiles[each["name"]] = each["tls_profile"]
            self.assertIn(f'\nlistener "{each["name"]}": {", ".join(each["address"])}; '
                          f'tls {each["tls"]}, tls_profile {each["tls_profile"]}, certificate_sets '
                          f'{", ".join(each["certificate_sets"])}; backend {each["backend"]}\n', text)
        columns = {(profiles[block["listener"]], block["certificate_set"]): block["clients"]
                   for block in self.document["matrix"]}
        results = [row["result"] for rows in columns.values() for row in rows]
        self.assertIn(f'\n{results.count("ok")} served, {results.count("fail")} FAIL (', text)
        self.assertIn(f'), {results.count("excluded")} excluded (', text)
        self.assertEqual(results.count("fail"), self.document["failing"])
        clients = {each["client"]: each for each in self.document["clients"]}
        for row in sum(columns.values(), []):
            if row["result"] == "fail":
                client = clients[row["client"]]
                self.assertIn(f"    would fit: {', '.join(row['would_fit'])}\n"
                              f"    source: {client['source']} ({client['basis']})\n", text)


class Profiles(Ctl):
    """The rows of clients that are installed here, held against what these send."""

    # Extensions that depend on what is asked for, or on the length of the rest.
    VARIABLE = {0, 16, 21}

    @classmethod
    def prepare(cls):
        conf = cls.stage.write(certificates=["rsa"], backend="unix:/nowhere/socket")
        done = run_posternctl(cls.build, "-c", conf, "--json", "check")
        cls.rows = {client["client"]: Hello(bytes.fromhex(client["hello"]))
                    for client in json.loads(done.stdout)["clients"]}

    def installed(self, rows, *command):
        """The row of the version that is installed: `rows` has (pattern, name) pairs for the first
        line of what the command says of it. Skips the test if there is none."""
        if not shutil.which(command[0]):
            self.skipTest(f"{command[0]} is not installed")
        done = run(list(command))
        version = ((done.stdout + done.stderr).strip().splitlines() or [""])[0]
        for pattern, name in rows:
            if re.search(pattern, version):
                return name
        return self.skipTest(f"there is no row of {version}")

    def compare(self, name, record, shuffled=False):
        order = sorted if shuffled else list
        row, real = self.rows[name], Hello(record)
        for field in ("sslv2", "version", "suites", "groups", "schemes", "cert_schemes",
                      "versions", "shares"):
            self.assertEqual(getattr(row, field), getattr(real, field), field)
        self.assertEqual(order(each for each in row.extensions if each not in self.VARIABLE),
                         order(each for each in real.extensions if each not in self.VARIABLE))

    def test_openssl(self):
        name = self.installed([(r"^OpenSSL 1\.1\.1", "OpenSSL 1.1.1"),
                               (r"^OpenSSL 3\.0\.", "OpenSSL 3.0"),
                               (r"^OpenSSL 3\.5\.", "OpenSSL 3.5 with certificate compression")],
                              "openssl", "version")
        self.compare(name, capture(["openssl", "s_client", "-connect", "127.0.0.1:PORT"],
                                   env={**os.environ, "OPENSSL_CONF": "/dev/null"}))

    def test_gnutls(self):
        name = self.installed([(r"gnutls-cli 3\.7\.", "GnuTLS 3.7"),
                               (r"gnutls-cli 3\.8\.", "GnuTLS 3.8")], "gnutls-cli", "--version")
        self.compare(name, capture(["gnutls-cli", "-p", "PORT", "localhost"]),
                     shuffled=name == "GnuTLS 3.8")

    def test_postfix(self):
        name = "{} with {}".format(
            self.installed([(r"mail_version = 3\.7\.", "Postfix 3.7"),
                            (r"mail_version = 3\.10\.", "Postfix 3.10")],
                           "postconf", "-d", "mail_version"),
            self.installed([(r"^OpenSSL 3\.0\.", "OpenSSL 3.0"),
                            (r"^OpenSSL 3\.5\.", "OpenSSL 3.5")], "openssl", "version"))
        if name not in self.rows:
            self.skipTest(f"there is no row of {name}")
        postfix = self.stage.make_postfix()
        self.compare(name, capture(
            ["posttls-finger", "-c", "-l", "may", "[127.0.0.1]:PORT"], starttls=True,
            env={**os.environ, **postfix.environment}))

    def test_node(self):
        self.installed([(r"^v20\.", "Node.js 20")], "node", "--version")
        name = self.installed([(r"^3\.0\.", "Node.js 20"),
                               (r"^3\.5\.", "Node.js 20 with OpenSSL 3.5")],
                              "node", "-p", "process.versions.openssl")
        self.compare(name, capture(
            ["node", "-e", "require('tls').connect(PORT, '127.0.0.1').on('error', () => {})"]))

    def test_java(self):
        name = self.installed([(r"version \"17\.0\.15", "Java 17"),
                               (r"version \"17\.0\.19", "Java 17 of 2026"),
                               (r"version \"21\.0\.13", "Java 21 of 2026")], "java", "-version")
        source = os.path.join(self.stage.directory, "Connect.java")
        with open(source, "w", encoding="ascii") as file:
            file.write("""\
public class Connect {
    public static void main(String[] words) throws Exception {
        var factory = javax.net.ssl.SSLSocketFactory.getDefault();
        var socket = factory.createSocket("127.0.0.1", Integer.parseInt(words[0]));
        ((javax.net.ssl.SSLSocket) socket).startHandshake();
    }
}
""")
        self.compare(name, capture(["java", source, "PORT"]))

    def test_nss(self):
        name = self.installed([(r":3\.87\b", "NSS 3.87"), (r":3\.110\b", "NSS 3.110")],
                              "dpkg-query", "-W", "-f", "${Version}", "libnss3-tools")
        self.compare(name, capture(["tstclnt", "-h", "127.0.0.1", "-p", "PORT", "-D", "-o", "-b"]))

    def test_go(self):
        name = self.installed([(r"go1\.24\b", "Go 1.24")], "go", "version")
        # Its own tool is a client that needs no building.
        self.compare(name, capture(
            ["env", "GOPROXY=https://127.0.0.1:PORT", "GOSUMDB=off", "GOTOOLCHAIN=local",
             f"GOMODCACHE={self.stage.directory}/modules", "go", "mod", "download",
             "example.test/module@v1.0.0"]))


class Certificates(Ctl):
    def test_good_ones(self):
        conf = self.write(["p256", "rsa"])
        document = self.check(conf, 0)
        certificate, other = document["certificates"]
        self.assertEqual((certificate["name"], certificate["type"], certificate["names"],
                          certificate["key_fits"], certificate["ending"]),
                         ("p256", "ECDSA P-256", [HOSTNAME], True, None))
        self.assertIn(certificate["days_left"], (89, 90))
        self.assertEqual(other["type"], "RSA 2048 bits")
        self.assertEqual(document["sets"], [{"name": "mail", "names": [],
                                             "certificates": ["p256", "rsa"],
                                             "unmatched": "fail"}])
        self.assertEqual((document["failing"], document["ending"]), (0, 0))

    def test_warnings_are_those_of_posternd(self):
        self.stage.certificate("other", "p256", names=("other.example.test",))
        document = self.check(self.write(["p256", "other"]), 1)
        text = "\n".join(document["warnings"])
        self.assertIn('certificate "other" does not name "mail.example.test" (hostname)', text)
        self.assertIn("publish a TLSA record for each", text)
        self.assertRegex(text, r"(?m)^\S+postern\.conf:\d+: ")

    @table([("within 14 days", "soon", 13, 1), ("not within 14 days", "later", 16, 0)])
    def test_expiry(self, name, days, code):
        self.stage.certificate(name, "rsa", days=days)
        conf = self.write([name])
        document = self.check(conf, code)
        self.assertEqual(document["ending"], code)
        self.assertEqual(document["certificates"][0]["ending"] is not None, bool(code))
        done = self.ctl(conf, "check")
        self.assertEqual(done.returncode, code)
        self.assertEqual(f'certificate "{name}": certificate 1 (' in done.stdout, bool(code))

    def self_signed(self, name, days):
        """An RSA certificate that issues itself and is valid for so many days; -1: that has expired."""
        base = os.path.join(self.stage.authority.directory, name)
        for words in (["req", "-newkey", "rsa:2048", "-noenc", "-subj", "/CN=" + HOSTNAME,
                       "-keyout", base + ".key", "-out", base + ".csr"],
                      ["x509", "-req", "-in", base + ".csr", "-signkey", base + ".key",
                       *openssl_dates(days), "-out", base + ".pem"]):
            done = run(["openssl", *words])
            self.assertEqual(done.returncode, 0, done.stderr)
        return Certificate(name, "rsa2048", base)

    def test_expired(self):
        conf = self.write([self.self_signed("gone", -1)])
        document = self.check(conf, 1)
        certificate, = document["certificates"]
        self.assertLess(certificate["days_left"], 0)
        self.assertIn("expired at", certificate["ending"])
        self.assertIn('certificate "gone" has expired', "\n".join(document["warnings"]))
        self.assertIn("EXPIRED", self.ctl(conf, "check").stdout)

    def test_self_signed(self):
        conf = self.write([self.self_signed("own", 90)])
        certificate, = self.check(conf, 0)["certificates"]
        self.assertEqual((certificate["chain"], certificate["names"]), ("self-signed", []))
        self.assertIn("\n    names    none in subjectAltName\n", self.ctl(conf, "check").stdout)

    def chain(self, name, parts):
        """A P-256 certificate whose chain file holds itself and these files in this order."""
        directory = self.stage.authority.directory
        copy = self.stage.certificate(name, "p256")
        with open(copy.chain, "rb") as file:
            leaf = file.read().split(b"-----END CERTIFICATE-----\n")[0] \
                + b"-----END CERTIFICATE-----\n"
        with open(copy.chain, "wb") as file:
            for part in parts:
                if part == "leaf":
                    file.write(leaf)
                else:
                    with open(os.path.join(directory, part + ".pem"), "rb") as other:
                        file.write(other.read())
        return copy

    @table([("no intermediate", ["leaf"], "unknown-issuer"),
            ("intermediate", ["leaf", "issuing-p256"], "unknown-issuer"),
            ("with root", ["leaf", "issuing-p256", "root-p256"], "complete"),
            ("another intermediate", ["leaf", "issuing-rsa2048"], "broken"),
            ("wrong order", ["leaf", "root-p256", "issuing-p256"], "broken")])
    def test_chain(self, parts, state):
        self.stage.certificate("rsa")
        certificate = self.chain("chain-" + "-".join(parts), parts)
        document = self.check(self.write([certificate, "rsa"]), 0)
        self.assertEqual(document["certificates"][0]["chain"], state)

    def test_chain_below_a_root_of_this_machine(self):
        roots = {"SSL_CERT_FILE": self.stage.authority.roots, "SSL_CERT_DIR": "/nowhere"}
        self.stage.certificate("rsa")
        whole = self.chain("known-root", ["leaf", "issuing-p256"])
        document = self.check(self.write([whole, "rsa"]), 0, env=roots)
        self.assertEqual(document["certificates"][0]["chain"], "complete")
        self.assertIn("Throw-away root p256", document["certificates"][0]["chain_text"])
        torn = self.chain("torn", ["leaf"])
        document = self.check(self.write([torn, "rsa"]), 0, env=roots)
        self.assertEqual(document["certificates"][0]["chain"], "unknown-issuer")


class Tlsa(Ctl):
    def key_digest(self, name):
        """The data of a 3 1 1 record, made by openssl."""
        chain = self.stage.certificate(name).chain
        return self.digest_of(chain)

    @staticmethod
    def digest_of(path):
        key = run(["openssl", "x509", "-in", path, "-noout", "-pubkey"]).stdout
        der = run(["openssl", "pkey", "-pubin", "-outform", "DER"], stdin=key.encode(), text=False)
        digest = run(["openssl", "dgst", "-sha256", "-r"], stdin=der.stdout, text=False)
        return digest.stdout.split()[0].decode()

    def records(self, conf):
        done = self.ctl(conf, "tlsa")
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.splitlines()

    def test_one_for_each_certificate(self):
        conf = self.write(["p256", "rsa"])
        lines = self.records(conf)
        self.assertEqual([line for line in lines if not line.startswith(";")],
                         [f"_25._tcp.{HOSTNAME}. IN TLSA 3 1 1 {self.key_digest(name)}"
                          for name in ("p256", "rsa")])

    def test_how_they_stay_valid(self):
        self.assertIn("--reuse-key", "".join(line for line in self.records(self.write(["p256"]))
                                             if line.startswith("; ")))

    def test_issuers_are_comments(self):
        lines = self.records(self.write(["p256"]))
        authority = os.path.join(self.stage.authority.directory, "issuing-p256.pem")
        self.assertIn(f"; _25._tcp.{HOSTNAME}. IN TLSA 2 1 1 {self.digest_of(authority)}", lines)

    def conf_with_names(self):
        """Two sets: one for hostname and a wildcard, one for another name."""
        conf = self.write(["p256", "rsa", "p384"],
                          sets={"first": ["p256", "rsa"], "second": ["p384"]},
                          listeners={"mx": {"address": ["127.0.0.1:25", "[::1]:25"],
                                            "certificate_sets": ["first", "second"]},
                                     "submission": {"address": "127.0.0.1:587",
                                                    "certificate_sets": "second"},
                                     "any": {"address": "127.0.0.1:0",
                                             "certificate_sets": "first"}})
        with open(conf, encoding="utf-8") as file:
            text = file.read()
        text = text.replace('certificate_set "second" {\n', 'certificate_set "second" {\n'
                            '    names = { "mx2.example.test", "*.mx.example.test" }\n')
        with open(conf, "w", encoding="utf-8") as file:
            file.write(text)
        return conf

    def test_names_and_ports(self):
        lines = self.records(self.conf_with_names())
        expected = {(25, HOSTNAME, "p256"), (25, HOSTNAME, "rsa"),
                    (25, "mx2.example.test", "p384"), (587, HOSTNAME, "p384"),
                    (587, "mx2.example.test", "p384")}
        self.assertEqual(sorted(line for line in lines if not line.startswith(";")),
                         sorted(f"_{port}._tcp.{name}. IN TLSA 3 1 1 {self.key_digest(key)}"
                                for port, name, key in expected))
        self.assertRegex("\n".join(lines), r'(?m)^; \*\.mx\.example\.test .*"second"')
        self.assertRegex("\n".join(lines), r'(?m)^; listener "any": ')

    def test_json(self):
        done = self.ctl(self.conf_with_names(), "--json", "tlsa")
        self.assertEqual(done.returncode, 0)
        document = json.loads(done.stdout)
        self.assertEqual(len(document["records"]), 5)
        self.assertEqual(document["records"][0],
                         {"name": HOSTNAME, "port": 25, "usage": 3, "selector": 1, "matching": 1,
                          "data": self.key_digest("p256"), "certificate": "p256"})
        self.assertEqual({each["usage"] for each in document["issuer_records"]}, {2})


class BadInput(Ctl):
    @table([("check", "check"), ("tlsa", "tlsa")])
    def test_no_file(self, command):
        done = self.ctl("/nowhere/postern.conf", command)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertEqual(done.stderr,
                         "posternctl: /nowhere/postern.conf: No such file or directory\n")

    @table([("check", "check"), ("tlsa", "tlsa")])
    def test_bad_configuration(self, command):
        conf = self.write(["rsa"])
        with open(conf, "a", encoding="utf-8") as file:
            file.write("nonsense = 1\n")
        done = self.ctl(conf, command)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertRegex(done.stderr, r"^posternctl: \S+postern\.conf:\d+: .*\n$")
