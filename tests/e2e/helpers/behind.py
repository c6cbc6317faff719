"""What a service of Postfix is to its clients today, and what the one behind posternd is that
`posternctl postfix-config` makes of it: rows, and the bed that they are tried on.

A row has a service of today in a private Postfix that all rows share, a listener of posternd with a
backend of its own, and a probe: a client that is sent to both, and says in a word or two what it
met there. Behind posternd it must meet the same, unless the row says what else, and then the
comparison of `posternctl check` must report it."""

import collections
import dataclasses
import json
import os
import re
import socketserver
import ssl
import threading

from common import Case, free_port
from lab import posternd as postern
from lab.milter import socket_directory
from lab.process import LabError, run
from lab.sasl import PLAIN, AuthServer
from lab.smtp import Closed

HOSTNAME = "backend.example.test"

# Clients.
STRANGER = "127.0.0.2"
OWN = "127.0.0.3"  # in mynetworks
FRONT = "127.0.0.7"  # a balancer, or another front, in mynetworks where a row says so

# A policy of postern-milter, and a table of Postfix.
FILES = {"policy": "sender=client.test tls reject\n",
         "table": "example.test reject_plaintext_session\n"}

# The name of the group, options of its postern.conf. One posternd for each.
GROUPS = {
    "main": {},
    "no-tickets": {"tickets": False},
    "impatient": {"limits": {"handshake_timeout": 1}},
    "milter": {"milter": {"socket": "unix:<queue>/postern/milter.sock", "policy": "<policy>"}},
}

PROFILES = """\
tls_profile "as-postfix" {
    min_protocol = "TLSv1"
    ciphers = "HIGH:@STRENGTH:@SECLEVEL=0"
}
"""

SETS = {"mail": ["rsa"], "anonymous": {"certificates": ["rsa"], "unmatched": "anonymous"}}

# Alerts by the words of Python's ssl.
ALERTS = {"SSLV3_ALERT_HANDSHAKE_FAILURE": 40, "TLSV1_ALERT_PROTOCOL_VERSION": 70,
          "TLSV1_ALERT_INTERNAL_ERROR": 80, "TLSV13_ALERT_CERTIFICATE_REQUIRED": 116}


@dataclasses.dataclass(frozen=True)
class Row:
    """`facts` is where its statement stands, "4.2" or the name of a case.

    today: the -o of the service that clients use today; in these, as in all texts of a row, <queue>
    and the like (Bed.places) stand for what is known later. entry: instead of them, the whole entry
    of master.cf. columns: its chroot and maxproc. more: further entries.
    probe(Visit) is what a client says of a service: `before` straight at it, `behind` by posternd.
    None: the same, be it that postfix-config carries it, or that postern.conf says it again (CARRY);
    if not, the comparison has to tell (REPORT). expected: what it must report, (parameter,
    verdict); all verdicts "fail" are there. None: what it says is not looked at.
    listener, backend: options in postern.conf; without a listener nothing is to come in front, and
    the service is to stay as it is. group: of GROUPS, or None for a postern.conf that
    only this row is in. needs: a parameter of Postfix."""

    name: str
    facts: str
    probe: object
    before: str
    behind: str | None = None
    expected: tuple | None = ()
    today: tuple = ()
    entry: str = "127.0.0.1:<port> inet n - <chroot> - <maxproc> smtpd"
    columns: tuple = ("n", "-")
    host: str = "127.0.0.1"
    beside: str | None = None  # the row whose service has the same port, on another address
    more: str = ""
    listener: dict | None = dataclasses.field(default_factory=dict)
    backend: dict = dataclasses.field(default_factory=dict)
    group: str | None = "main"
    needs: str | None = None

    @property
    def slug(self):
        """Names of sections and services. A socket's path has not much room."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower())[:44].strip("-")

    @property
    def tool(self):
        """What posternctl is to do about it."""
        return "CARRY" if self.behind is None else "REPORT"

    def text(self):
        """The entry in master.cf."""
        text = self.entry.replace("<chroot>", self.columns[0]).replace("<maxproc>", self.columns[1])
        for option in self.today:
            text += "\n    -o " + (f"{{ {option} }}" if " " in option and option[0] != "{"
                                   else option)
        return text + "\n" + self.more


class Visit:
    """One client, or several, of one row at one address, on one of the two ways."""

    def __init__(self, bed, row, address, way):
        self.bed = bed
        self.row = row
        self.address = address
        self.way = way
        self.sender = f"{row.slug}-{way}@client.test"

    def run(self, probe):
        """What a probe says."""
        try:
            return probe(self)
        except (Closed, ConnectionError):
            return "closed"
        except ssl.SSLError as problem:
            alert = ALERTS.get(problem.reason)
            return f"alert {alert}" if alert else f"no handshake: {problem.reason}"

    def connect(self, source=None):
        """A client that has read nothing yet."""
        return self.bed.connect(self.address, source or STRANGER)

    def open(self, tls=None, context=None, source=None):
        """A client after its last EHLO, whose reply is `ehlo`. tls: None, "starttls" or
        "implicit"."""
        client = self.connect(source)
        if tls == "implicit":
            client.tls(context)
        client.banner = client.reply()
        client.ehlo = client.command("EHLO client.example.test")
        if tls == "starttls":
            reply = client.command("STARTTLS")
            if reply.code != 220:
                raise LabError(f"STARTTLS: {reply}")
            client.tls(context)
            client.ehlo = client.command("EHLO client.example.test")
        return client

    def words(self, command):
        """The command that a short word stands for."""
        return {"MAIL": f"MAIL FROM:<{self.sender}>", "RCPT": "RCPT TO:<recipient@example.test>",
                "RELAY": "RCPT TO:<someone@foreign.test>", "AUTH": "AUTH PLAIN " + PLAIN,
                "EHLO": "EHLO client.example.test"}.get(command, command)

    def say(self, client, *commands):
        """The reply to the last command, or to the first one that is refused."""
        for command in commands:
            reply = client.command(self.words(command))
            if reply.code >= 400:
                break
        return reply

    def deliver(self, client, headers=b""):
        """Sends a mail and returns it as it is delivered."""
        body = b"Subject: " + self.sender.encode() + b"\r\n" + headers + b"\r\nHello.\r\n"
        reply = client.mail(body, sender=self.sender)
        if reply.code != 250:
            raise LabError(f"no mail: {reply}")
        return self.bed.postfix.wait_for_mail(lambda mail: mail.subject == self.sender)


class PolicyServer(socketserver.ThreadingTCPServer):
    """A policy service that refuses every recipient in the words of what it was told: the names of
    the attributes about TLS that are not empty."""

    allow_reuse_address = True
    daemon_threads = True
    TLS = ("encryption_protocol", "encryption_cipher", "encryption_keysize", "ccert_subject",
           "ccert_issuer", "ccert_fingerprint", "ccert_pubkey_fingerprint")

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            told = {}
            for line in self.rfile:
                name, _, value = line.decode().rstrip("\n").partition("=")
                if name:
                    told[name] = value
                    continue
                known = [each for each in PolicyServer.TLS if told.get(each, "") not in ("", "0")]
                self.wfile.write(f"action=554 told: {' '.join(known) or 'nothing'}\n\n".encode())
                told = {}

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()


class Bed(Case):
    """Tests of `rows`, on one Postfix with `main_cf` besides what an administrator usually has."""

    rows = ()
    main_cf = {}
    tested = collections.Counter()  # by section of the facts

    @classmethod
    def prepare(cls):
        cls.tested = collections.Counter()
        cls.today = {}  # name of a row: its service
        cls.make_certificates()
        auth = f"{cls.stage.directory}/auth"
        cls.postfix = cls.stage.make_postfix(main_cf={
            "myhostname": HOSTNAME, "mynetworks": OWN + "/32",
            "smtpd_tls_security_level": "may", "smtpd_tls_CAfile": cls.stage.authority.roots,
            "smtpd_tls_chain_files": f"{cls.places['key']}, {cls.places['chain']}",
            "smtpd_sasl_type": "dovecot", "smtpd_sasl_path": "private/auth",
            # Recipients elsewhere are taken, and their mail goes nowhere.
            "default_transport": "discard", "max_idle": "10s",
            "smtpd_relay_restrictions":
                "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination",
            **cls.main_cf})
        queue = cls.postfix.queue
        for path in (queue + "/private/auth", queue + "/inside", auth):
            server = AuthServer(path, (("CRAM-MD5", "dictionary"),))
            cls.addClassCleanup(server.stop)
        policy = PolicyServer()
        cls.addClassCleanup(policy.stop)
        socket_directory(cls.postfix)
        cls.places.update(queue=queue, auth=auth, policy_port=str(policy.server_address[1]),
                          free=str(free_port()))
        for name, text in FILES.items():
            cls.places[name] = f"{cls.stage.directory}/{name}"
            with open(cls.places[name], "w", encoding="ascii") as file:
                file.write(text)
        cls.known = {row.needs: cls.postfix.command("postconf", "-dh", row.needs).stderr == ""
                     for row in cls.rows if row.needs}
        cls.wanted = [row for row in cls.rows if cls.known.get(row.needs, True)]
        for row in cls.wanted:
            cls.today[row.name] = cls.postfix.entry(
                row.slug, cls.fill(row.text()), host=row.host,
                port=cls.today[row.beside].port if row.beside else 0)
        cls.configure()
        cls.addClassCleanup(cls.tell)

    @classmethod
    def tell(cls):
        """How much was tested."""
        if cls.tested:
            print(f"{sum(cls.tested.values())} rows of the facts tested: " +
                  ", ".join(f"{facts} {number}" for facts, number in sorted(cls.tested.items())))

    @classmethod
    def configure(cls):
        """Lets postfix-config print a service for each row, and starts all daemons."""
        cls.files = {}  # group: the file that posternctl reads
        cls.refused = {}  # group: why postfix-config prints nothing
        cls.daemons = {}
        cls.compared = {}
        for group, rows in cls.groups().items():
            cls.files[group] = cls.write(group, rows)
            try:
                cls.postfix.paste(postern.postfix_config(cls.build, cls.files[group], cls.postfix))
            except LabError as problem:
                if group in GROUPS:
                    raise
                cls.refused[group] = str(problem)
        cls.stage.start_postfix()
        for group, conf in cls.files.items():
            if group not in cls.refused:
                cls.daemons[group] = cls.stage.posternd(conf)
                if "milter" in GROUPS.get(group, ()):
                    cls.stage.milter(conf)

    @classmethod
    def make_certificates(cls):
        """Those of the server, and of a client that is known and of one that is not; the first of
        `places`."""
        server = cls.stage.certificate("rsa")
        cls.client = cls.stage.certificate("client", "p256", names=("client.example.test",),
                                           purpose="clientAuth")
        base = cls.stage.directory + "/self-made"
        done = run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-noenc", "-subj", "/CN=client.example.test",
                    "-addext", "extendedKeyUsage=clientAuth",
                    "-keyout", base + ".key", "-out", base + ".pem"])
        if done.returncode:
            raise LabError("openssl req: " + done.stderr.strip())
        digits = cls.client.fingerprint().upper()
        cls.places = {"chain": server.chain, "key": server.key, "ca": cls.stage.authority.roots,
                      "self-made": base,
                      "fingerprint": ":".join(re.findall("..", digits))}

    @classmethod
    def groups(cls):
        """{group: its rows}; a row without one is a group."""
        groups = {}
        for row in cls.wanted:
            if row.listener is None:
                continue
            groups.setdefault(row.group or row.slug, []).append(row)
        return groups

    @classmethod
    def fill(cls, value, row=None):
        """Puts `places`, and <port>, today's of a row, into a text, or into all of a value."""
        if isinstance(value, dict):
            return {name: cls.fill(each, row) for name, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [cls.fill(each, row) for each in value]
        if not isinstance(value, str):
            return value
        for name, place in cls.places.items():
            value = value.replace(f"<{name}>", place)
        for name, service in cls.today.items():
            value = value.replace(f"<port of {name}>", str(service.port))
        return value.replace("<port>", str(cls.today[row.name].port)) if row else value

    @classmethod
    def write(cls, group, rows):
        """A postern.conf; its path."""
        listeners, backends = {}, {}
        for row in rows:
            options = cls.fill({"address": f"{row.host}:<port>", "backend": row.slug, "tls": "may",
                                **row.listener}, row)
            options["trial_address"] = re.sub(r"\d+$", "0", options["address"])
            if options["tls"] == "none":
                options["certificate_sets"] = None
            listeners[row.slug] = options
            backends[row.slug] = cls.backend_of(row)
        # One of that name is always there.
        first = backends[rows[0].slug]["address"]
        return cls.stage.write(certificates=["rsa"], backend=first, hostname=HOSTNAME, sets=SETS,
                               listeners=listeners, backends=backends, extra=PROFILES,
                               **cls.fill(GROUPS.get(group, {})))

    @classmethod
    def backend_of(cls, row):
        """Its section in postern.conf."""
        return cls.fill({"address": f"unix:<queue>/public/postern-{row.slug}", **row.backend}, row)

    # --- a row ---

    def visit(self, row, way):
        """What the row's probe says on one of the ways, "before" or "behind"."""
        group = row.group or row.slug
        if way == "before":
            return Visit(self, row, (row.host, self.today[row.name].port), way).run(row.probe)
        if group in self.refused:
            return "refused"
        return Visit(self, row, self.daemons[group].address(row.slug), way).run(row.probe)

    def try_row(self, row):
        """Visits both services, and reads the comparison."""
        if not self.known.get(row.needs, True):
            self.skipTest(f"this Postfix has no {row.needs}")
        ways = {"before": row.before, "behind": row.before if row.behind is None else row.behind}
        if row.listener is None:
            ways = {"before": row.before}
        for way, expected in ways.items():
            with self.subTest(way):
                self.assertEqual(self.visit(row, way), expected)
        if row.listener is not None and row.expected is not None:
            with self.subTest("compared"):
                self.assert_compared(row)
        self.tested[row.facts] += 1

    def comparison(self, group):
        """The document of `posternctl check` for a group's postern.conf."""
        if group not in self.compared:
            done = postern.run_posternctl(self.build, "-c", self.files[group], "--json", "check",
                                          env=self.postfix.environment,
                                          timeout=postern.MANY_SERVICES)
            self.assertIn(done.returncode, (0, 1), done.stderr)
            self.compared[group] = json.loads(done.stdout)
        return self.compared[group]

    def assert_compared(self, row):
        """What is expected is reported, and nothing else is said to open anything."""
        document = self.comparison(row.group or row.slug)
        found = [each for each in document["comparison"] if each["listener"] == row.slug]
        pairs = {(each["parameter"], each["verdict"]) for each in found}
        self.assertLessEqual(set(row.expected), pairs)
        self.assertEqual({pair for pair in row.expected if pair[1] == "fail"},
                         {pair for pair in pairs if pair[1] == "fail"})
        entries = re.findall(r"^(\S+)\s+(inet|pass)", self.fill(row.text(), row), re.MULTILINE)
        addresses = self.backend_of(row)
        addresses = [addresses["address"], addresses.get("tls_address", "")]
        for each in found:
            self.assertIn(each["service"], [" ".join(entry) for entry in entries])
            self.assertIn(each["behind"], [f"{os.path.basename(address)} unix" if address[:1] == "u"
                                           else f"{address} inet" for address in addresses])
            self.assertTrue(each["text"], each)
        same = [each["same"] for each in document["compared"] if each["listener"] == row.slug]
        self.assertTrue(same and all(number > 0 for number in same), document["compared"])


def named(rows):
    """The rows, each of which has names of its own."""
    for key in ("name", "slug"):
        names = [getattr(row, key) for row in rows]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"rows with one {key}: {', '.join(sorted(twice))}")
    return rows

