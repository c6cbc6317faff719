"""What is played while an allocation fails, and where.

A scene plays what a client does from its first byte to its last. Without a failure it must get what
it asks for, else it raises; while an allocation fails it may be refused (Refused, Closed, an error
of the connection or of TLS), and must never wait for ever or be told something untrue (Wrong).
"""

import contextlib
import itertools
import json
import os
import re
import select
import shutil
import socket
import ssl

from lab import hello, proxyheader
from lab import posternd as postern
from lab.milter import socket_directory
from lab.smtp import Client, Closed

# Seconds until a client that waits counts as hanging: only a failing test ever waits that long.
PATIENCE = 20

POLICY = "recipient=secret@example.test  tls reject\n"
HEADER = "X-Postern-TLS"
FORGED = b"X-Postern-TLS: forged\r\n"

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


class Refused(Exception):
    """Another answer than the one that was asked for."""


class Wrong(Exception):
    """What must not be, however little memory there is."""


# What a client may meet while memory is short. TimeoutError, an OSError as well, is no such thing.
REFUSALS = (Refused, Closed, OSError)


def expect(reply, code):
    if reply.code != code:
        raise Refused(str(reply))


def context_of(version, certificate=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    if certificate:
        context.load_cert_chain(certificate.chain, certificate.key)
    return context


class World:
    """The stage of all scenes: Postfix, posternd and postern-milter, whose configuration has a
    listener for each need."""

    def __init__(self, stage):
        self.stage = stage
        self.postfix = stage.make_postfix()
        self.sockets = socket_directory(self.postfix)
        self.client_certificate = stage.certificate(
            "client", "p256", names=("client.example.test",), purpose="clientAuth")
        policy = os.path.join(stage.directory, "policy")
        with open(policy, "w", encoding="ascii") as file:
            file.write(POLICY)
        inner = self.postfix.smtpd("postern", "unix")
        milters = self.postfix.smtpd("milters", "unix")
        ask = {"client_certificate": "ask", "client_ca": stage.authority.roots}
        self.conf = stage.write(
            certificates=["p256", "rsa", "p384"], backend=inner.address, workers=1,
            failures="disk", log_sessions="all", backends={"milters": {"address": milters.address}},
            sets={"mail": ["p256", "rsa"], "p384": ["p384"],
                  "anonymous": {"certificates": ["p384"], "unmatched": "anonymous"},
                  "try": {"certificates": ["p384"], "unmatched": "try-anyway"}},
            listeners={"mx": {}, "smtps": {"tls": "implicit"},
                       "upstream": {"accept_proxy_from": ["127.0.0.2/32"]},
                       "ask": ask, "p384": {"certificate_sets": "p384"},
                       "anonymous": {"certificate_sets": "anonymous"},
                       "try": {"certificate_sets": "try"}, "milters": {"backend": "milters"}},
            milter={"socket": f"unix:{self.sockets}/milter.sock", "policy": policy,
                    "policy_socket": f"unix:{self.sockets}/policy.sock"})
        # One listener and one certificate are enough for what a start allocates.
        self.small_conf = stage.write(certificates=["p256"], backend=inner.address, workers=1,
                                      failures="disk")
        # postern-milter is for one of the two services, so that the others ask nobody.
        text = postern.postfix_config(stage.build, self.conf, self.postfix)
        head, mark, rest = text.partition("\npostern unix")
        self.postfix.paste(head + mark + re.sub(r" +-o { smtpd_milters = .*\n", "", rest, count=1))
        stage.start_postfix()
        self.programs = {}  # those that run now
        self._old = (None, None)
        self._renewals = itertools.cycle(stage.certificate(f"renewed-{number}", "p256")
                                         for number in range(2))
        self._subjects = itertools.count()
        self._sources = itertools.count()

    # --- clients ---

    @contextlib.contextmanager
    def client(self, listener="mx", source=None):
        with Client(self.programs["posternd"].address(listener), source, PATIENCE) as client:
            yield client

    @contextlib.contextmanager
    def control(self):
        """A connection to the control socket: the function that asks it for one answer."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(os.path.join(os.path.dirname(self.conf), "state", "control.sock"))
            file = connection.makefile("rwb")

            def ask(line):
                if not isinstance(line, bytes):
                    line = json.dumps(line).encode() + b"\n"
                file.write(line)
                file.flush()
                answer = file.readline()
                if not answer.endswith(b"\n"):
                    raise Closed(answer)
                try:
                    return json.loads(answer)
                except ValueError as error:
                    raise Wrong(f"not JSON: {answer}") from error

            yield ask

    def old_session(self, daemon):
        """A session that began in this process of posternd before anything failed."""
        if self._old[0] is not daemon:
            if self._old[1]:
                self._old[1].close()
            client = Client(daemon.address(), self.source(), PATIENCE)
            self.greet(client)
            self._old = daemon, client
        return self._old[1]

    def renew(self, name):
        """Another certificate of its kind for the one with this name."""
        old, new = self.stage.certificate(name), next(self._renewals)
        for path, source in ((old.key, new.key), (old.chain, new.chain)):
            shutil.copy(source, path + ".new")
            if os.geteuid() == 0:
                shutil.chown(path + ".new", postern.USER)
            os.rename(path + ".new", path)

    @staticmethod
    def greet(client):
        expect(client.reply(), 220)
        expect(client.command("EHLO client.example.test"), 250)

    @staticmethod
    def finish(client):
        """An envelope and the end; a mail itself would only cost time."""
        expect(client.command("EHLO client.example.test"), 250)
        expect(client.command("MAIL FROM:<sender@client.test>"), 250)
        expect(client.command("RCPT TO:<recipient@example.test>"), 250)
        expect(client.command("QUIT"), 221)

    def starttls(self, client, context, session=None):
        self.greet(client)
        expect(client.command("STARTTLS"), 220)
        client.socket = context.wrap_socket(client.socket, session=session)

    def source(self):
        """An address that no client has had: one whose session ended before anybody asked for it
        is not told apart from the next one at its port."""
        number = next(self._sources)
        return f"127.1.{number // 250 % 250}.{number % 250 + 1}"

    # --- mail ---

    def subject(self):
        return f"mail {next(self._subjects)}"

    def mail(self, client, subject, recipient="recipient@example.test"):
        """Sends a mail with a forged header; the Reply."""
        return client.mail(b"Subject: " + subject.encode() + b"\r\n" + FORGED + b"\r\nHello.\r\n",
                           recipient=recipient)

    def header(self, subject):
        """The values of our header in the mail as it was delivered, and forgets the mail."""
        mail = self.postfix.wait_for_mail(lambda mail: mail.subject == subject)
        os.unlink(mail.path)
        return [re.sub(r"\s*\n\s+", " ", value) for value in mail.headers.get_all(HEADER, [])]


# --- posternd's clients ----------------------------------------------------------------------

def plaintext(world):
    """A mail in plaintext."""
    with world.client() as client:
        world.greet(client)
        world.finish(client)


def tls(version):
    context = context_of(version)

    def play(world):
        with world.client() as client:
            world.starttls(client, context)
            world.finish(client)
    return play


def implicit(world, context=context_of(TLS13)):
    with world.client("smtps") as client:
        client.socket = context.wrap_socket(client.socket)
        expect(client.reply(), 220)
        world.finish(client)


def proxied(world, context=context_of(TLS13)):
    """An upstream says who the client is."""
    with world.client("upstream", "127.0.0.2") as client:
        client.send(proxyheader.v2(("192.0.2.77", 4711), ("203.0.113.5", 25)))
        world.starttls(client, context)
        # No network of Postfix's own: it takes no mail from there.
        expect(client.command("EHLO client.example.test"), 250)
        expect(client.command("QUIT"), 221)


def proxy_refused(world):
    """A header that claims what nobody may claim."""
    with world.client("upstream", "127.0.0.2") as client:
        client.send(proxyheader.v1(("127.0.0.1", 4711), ("203.0.113.5", 25)))
        expect(client.reply(), 421)


def silent_upstream(world):
    """An upstream that says nothing has five seconds."""
    with world.client("upstream", "127.0.0.2") as client:
        if not client.rest().startswith(b"421 "):
            raise Refused("closed without a word")


def certified(version):
    """A client with a certificate: what is known of it is all or nothing."""
    made = []

    def play(world):
        if not made:
            made.append(context_of(version, world.client_certificate))
            made.append(world.client_certificate.fingerprint())
        context, fingerprint = made
        with world.client("ask") as client:
            world.starttls(client, context)
            expect(client.command("EHLO client.example.test"), 250)
            host, port = client.socket.getsockname()[:2]
            with world.control() as ask:
                facts = ask({"request": "facts", "client": host, "client_port": port})
            if "error" in facts:
                raise Refused(facts["error"])
            for each in facts["facts"]:
                told = each.get("client_fingerprint", "").replace(":", "").lower()
                if (each["client_certificate"], told) != ("trusted", fingerprint):
                    raise Wrong(f"facts of a trusted client: {each}")
            if not facts["facts"]:
                raise Refused(str(facts))
            world.finish(client)
    return play


def resumed(version):
    """A session that begins with the ticket of an earlier one."""
    context = context_of(version)
    tickets = {}

    def play(world):
        # Not after a failure, nor by another posternd: libssl gives such a session up.
        posternd = world.programs["posternd"]
        ticket = tickets.pop(posternd, None)
        with world.client() as client:
            world.starttls(client, context, ticket)
            world.finish(client)
            if ticket is not None and not client.socket.session_reused:
                raise Refused("the session was not resumed")
            tickets[posternd] = ticket or client.socket.session
    return play


def refused_hello(listener, message, alert):
    """A client that no certificate fits, with another name each time: each is kept."""
    numbers = itertools.count()

    def play(world):
        with world.client(listener) as client:
            world.greet(client)
            expect(client.command("STARTTLS"), 220)
            name = f"n{next(numbers) % 8}.example.test"
            hello.send(client, hello.records(message(name)))
            answer = hello.read_answer(client)
            if answer.certificate or answer.alert != alert:
                raise Refused(answer.text)
    return play


def anonymous(world, context=context_of(TLS12)):
    """A client that no certificate fits, and that is served without one."""
    context.set_ciphers("aNULL:@SECLEVEL=0")
    with world.client("anonymous") as client:
        world.starttls(client, context)
        world.finish(client)


def tried_anyway(world):
    """A client that no certificate fits, and that is shown one all the same."""
    with world.client("try") as client:
        world.greet(client)
        expect(client.command("STARTTLS"), 220)
        hello.send(client, hello.records(hello.story()))
        answer = hello.read_answer(client)
        if answer.certificate != "p384" or not answer.done:
            raise Refused(answer.text)


def garbage(world):
    """Something else than TLS."""
    with world.client("smtps") as client:
        client.send(b"EHLO client.example.test\r\n")
        if client.rest():
            raise Refused("an answer")


# --- the control socket ----------------------------------------------------------------------

def control_questions(world):
    """All that can be asked of a session and of failures."""
    with world.client() as client, world.control() as ask:
        world.greet(client)
        host, port = client.socket.getsockname()[:2]
        to = dict(zip(("destination", "destination_port"), client.socket.getpeername()[:2]))
        found = [ask({"request": "version"}),
                 ask({"request": "session", "client": host, "client_port": port, **to}),
                 ask({"request": "facts", "client": host, "client_port": port}),
                 ask({"request": "failures"})]
        wanted = ("version", "session", "facts", "failures")
        if any(name not in each for name, each in zip(wanted, found)):
            raise Refused(str(found))
        if found[2]["facts"][0]["session"] != found[1]["session"]:
            raise Refused(str(found))
        if found[3]["failures"]:
            one = ask({"request": "failure", "id": found[3]["failures"][0]["id"]})
            if "hello" not in one:
                raise Refused(str(one))
        else:
            # From now on there is one to ask for.
            hello.ask(world.programs["posternd"].address("p384"), hello.story())
        expect(client.command("QUIT"), 221)


def control_status(world):
    """All that can be asked of posternd itself. Complete or not at all: a name that there was no
    memory for would be missing without a word."""
    with world.control() as ask:
        found = [ask({"request": "status"}), ask({"request": "certificates", "from": 0}),
                 ask({"request": "files", "from": 0})]
        if any(name not in each for name, each in zip(("snapshot", "certificates", "files"), found)):
            raise Refused(str(found))
        certificates, files = found[1]["certificates"], found[2]["files"]
        if any(not each["names"] or not each["subject"] or len(each["sha256"]) != 64
               for each in certificates) or any(len(each["sha256"]) != 64 for each in files):
            raise Wrong(str(found))


def control_refused(world):
    """What cannot be answered."""
    with world.control() as ask:
        for line in (b"no JSON\n", b"[]\n", b"{}\n", b'{"request":"x"}\n', b"[" * 50 + b"\n",
                     {"request": "failure", "id": 0}, {"request": "failure", "id": 10 ** 9},
                     {"request": "facts", "client": "x"}, b" " * 65536):
            if "error" not in ask(line):
                raise Wrong(f"an answer to {line!r}")


def reload(renew):
    """A reload is taken whole or refused. A session from before is not touched, and the next one is
    served; `renew`: with a certificate to load."""
    def play(world):
        daemon = world.programs["posternd"]
        old = world.old_session(daemon)
        if renew:
            world.renew("p256")
        with world.control() as ask:
            answer = ask({"request": "reload"})
        if select.select([old.socket], [], [], 0)[0]:
            raise Wrong(f"a session from before has ended: {old.rest()}")
        if "reloaded" not in answer:
            raise Refused(str(answer))
        plaintext(world)
    return play


# --- postern-milter --------------------------------------------------------------------------

def milter_mail(world, context=context_of(TLS13)):
    """The header of a mail is ours alone, and true or unknown."""
    subject = world.subject()
    with world.client("milters", world.source()) as client:
        world.starttls(client, context)
        expect(client.command("EHLO client.example.test"), 250)
        expect(world.mail(client, subject), 250)
        expect(client.command("QUIT"), 221)
    values = world.header(subject)
    if len(values) != 1 or not re.match(r"mail\.example\.test; (version=TLSv1\.3; |unknown$)",
                                        values[0]):
        raise Wrong(f"{HEADER}: {values}")
    if values[0].endswith("unknown"):
        raise Refused(values[0])


def milter_refused(world):
    """A rule needs TLS of this mail: it never gets through."""
    with world.client("milters", world.source()) as client:
        world.greet(client)
        reply = world.mail(client, "plaintext", "secret@example.test")
        if reply.code < 400:
            raise Wrong(f"taken against a rule: {reply}")
        expect(reply, 550)
        expect(client.command("QUIT"), 221)


def policy_service(world):
    """The same rule, asked of the policy service."""
    with (world.client(source=world.source()) as client,
          socket.socket(socket.AF_UNIX) as service):
        world.greet(client)
        host, port = client.socket.getsockname()[:2]
        to_host, to_port = client.socket.getpeername()[:2]
        service.settimeout(PATIENCE)
        service.connect(world.sockets + "/policy.sock")
        service.sendall("".join(f"{name}={value}\n" for name, value in (
            ("request", "smtpd_access_policy"), ("protocol_state", "RCPT"),
            ("protocol_name", "ESMTP"), ("client_address", host), ("client_port", port),
            ("server_address", to_host), ("server_port", to_port),
            ("instance", world.subject().replace(" ", ".")), ("sender", "sender@client.test"),
            ("recipient", "secret@example.test"))).encode() + b"\n")
        answer = service.makefile("rb").readline()
        if not answer:
            raise Closed(b"")
        if not re.match(rb"action=(reject|554|45\d|defer)", answer, re.IGNORECASE):
            raise Wrong(f"against a rule: {answer}")
        if not re.match(rb"action=(reject|554)", answer, re.IGNORECASE):
            raise Refused(answer.decode())
        expect(client.command("QUIT"), 221)


def story(name):
    return hello.story(name)


def tls13_with_rsa_only(name):
    """TLS 1.3 that no certificate fits."""
    return hello.tls13(scheme_numbers=(0x0804,), sni=name)


# name, the program whose memory is short, what is played, the steps of the whole run and the short
SCENES = (
    ("control questions", "posternd", control_questions, 1, 23),
    ("control status", "posternd", control_status, 1, 23),
    ("control refused", "posternd", control_refused, 1, 17),
    ("reload", "posternd", reload(False), 13, 997),
    ("reload with a renewed certificate", "posternd", reload(True), 101, 1999),
    ("plaintext", "posternd", plaintext, 1, 1),
    ("TLS 1.2", "posternd", tls(TLS12), 1, 97),
    ("TLS 1.3", "posternd", tls(TLS13), 1, 97),
    ("implicit", "posternd", implicit, 1, 97),
    ("PROXY", "posternd", proxied, 1, 97),
    ("PROXY refused", "posternd", proxy_refused, 1, 1),
    ("client certificate 1.2", "posternd", certified(TLS12), 1, 97),
    ("client certificate 1.3", "posternd", certified(TLS13), 1, 97),
    ("resumed 1.2", "posternd", resumed(TLS12), 1, 53),
    ("resumed 1.3", "posternd", resumed(TLS13), 1, 97),
    ("failed hello 1.2", "posternd", refused_hello("p384", story, (2, 40)), 1, 29),
    ("failed hello 1.3", "posternd", refused_hello("p384", tls13_with_rsa_only, (2, 40)), 1, 29),
    ("unmatched anonymous", "posternd", anonymous, 1, 53),
    ("unmatched try-anyway", "posternd", tried_anyway, 1, 97),
    ("garbage", "posternd", garbage, 1, 13),
    ("mail, posternd", "posternd", milter_mail, 1, 131),
    ("mail, postern-milter", "postern-milter", milter_mail, 1, 7),
    ("refused mail, posternd", "posternd", milter_refused, 1, 7),
    ("refused mail, postern-milter", "postern-milter", milter_refused, 1, 7),
    ("policy service, posternd", "posternd", policy_service, 1, 7),
    ("policy service, postern-milter", "postern-milter", policy_service, 1, 7),
)

# The same in a program that has just been started. Step 0: only in the whole run.
ANEW = (
    ("anew: plaintext", "posternd", plaintext, 1, 5),
    ("anew: silent upstream", "posternd", silent_upstream, 1, 0),
    ("anew: control", "posternd", control_questions, 1, 37),
    ("anew: TLS 1.3", "posternd", tls(TLS13), 7, 401),
    ("anew: failed hello", "posternd", refused_hello("p384", story, (2, 40)), 1, 97),
    ("anew: mail", "postern-milter", milter_mail, 1, 37),
)

# What must be served after a start, if it has not failed; the steps are those of -t.
STARTS = (
    ("start: posternd", "posternd", tls(TLS13), 7, 499),
    ("start: postern-milter", "postern-milter", milter_refused, 1, 97),
)
