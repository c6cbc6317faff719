"""Clients for behind.Row: each function makes a probe, or is one, which says in a word or two what
a client met at a service."""

import os
import re
import ssl

from behind import FRONT
from common import client_context
from lab import proxyheader
from lab.process import LabError, run

# name, highest version, suites in OpenSSL's words
OLD_CLIENTS = (
    ("TLS-1.0", "TLSv1", "ECDHE+AES"),
    ("TLS-1.1", "TLSv1_1", "ECDHE+AES"),
    ("ECDHE-CBC", "TLSv1_2", "ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES128-SHA"),
    ("RSA", "TLSv1_2", "AES128-GCM-SHA256:AES128-SHA"),
    ("DHE-CBC", "TLSv1_2", "DHE-RSA-AES128-SHA256:DHE-RSA-AES128-SHA"),
    ("Camellia", "TLSv1_2", "ECDHE-RSA-CAMELLIA128-SHA256:DHE-RSA-CAMELLIA128-SHA"),
    ("aNULL", "TLSv1_2", "aNULL"),
)


def context(version=None, ciphers=None, certificate=None):
    """An ssl.SSLContext up to a version; certificate: (chain, key)."""
    made = client_context()
    made.minimum_version = ssl.TLSVersion.TLSv1
    if version:
        made.maximum_version = getattr(ssl.TLSVersion, version)
    if ciphers:
        made.set_ciphers(ciphers + ":@SECLEVEL=0")
    if certificate:
        made.load_cert_chain(*certificate)
    return made


def certificate_of(visit, name):
    """name: "known", "self-made" or None."""
    if name == "known":
        return visit.bed.client.chain, visit.bed.client.key
    base = visit.bed.places["self-made"]
    return (base + ".pem", base + ".key") if name else None


# --- commands ---

def says(*commands, tls=None, source=None, certificate=None, version=None, ciphers=None):
    """The code of the last command's reply, or of the first that is refused."""
    def probe(visit):
        made = context(version, ciphers, certificate_of(visit, certificate)) if tls else None
        return str(visit.say(visit.open(tls, made, source), *commands).code)
    return probe


def text_of(*commands, tls=None, source=None):
    """The text of that reply, the client's port in it written as PORT."""
    def probe(visit):
        client = visit.open(tls, source=source)
        reply = str(visit.say(client, *commands))
        return reply.replace(str(client.port), "PORT").replace(visit.sender, "SENDER")
    return probe


def banner_of(visit):
    """The whole banner, today's port in it written as PORT."""
    client = visit.connect()
    port = str(visit.bed.today[visit.row.name].port)
    return str(client.reply()).replace(port, "PORT")


def banner(source=None):
    """The banner's code."""
    return lambda visit: str(visit.connect(source).reply().code)


def elsewhere(host):
    """The banner's code at another address of this machine, with the same port."""
    return lambda visit: str(visit.bed.connect((host, visit.address[1]), None).reply().code)


def turned_away(probe):
    """The same with one word for all ways to be told in or behind the handshake that it is over."""
    def changed(visit):
        said = visit.run(probe)
        return "closed" if re.match("closed|alert|no handshake", said) else said
    return changed


def each_of(**probes):
    """Several probes: "name answer" for each."""
    return lambda visit: ", ".join(
        f"{name} {visit.run(probe)}" for name, probe in probes.items())


def offers(keyword, tls=None, source=None):
    """Whether EHLO's reply has the keyword."""
    return lambda visit: "yes" if visit.open(tls, source=source).ehlo.offers(keyword) else "no"


def keywords(tls=None):
    """All keywords of EHLO's reply but STARTTLS, which is posternd's."""
    def probe(visit):
        return " ".join(sorted(line.split()[0] for line in visit.open(tls).ehlo.lines[1:]
                               if line != "STARTTLS"))
    return probe


def auth_lines(tls):
    """The lines of EHLO's reply about AUTH."""
    return lambda visit: "; ".join(line for line in visit.open(tls).ehlo.lines
                                   if line.startswith("AUTH"))


def codes(*lines, source=None):
    """The codes of all replies to lines that follow a plaintext EHLO, until the server closes."""
    def probe(visit):
        client = visit.open(source=source)
        return " ".join(str(client.command(visit.words(line)).code) for line in lines)
    return probe


def one_segment(*commands):
    """The code of the first reply to commands that come in one segment."""
    def probe(visit):
        client = visit.connect()
        client.reply()
        client.send("".join(visit.words(each) + "\r\n" for each in commands).encode())
        return str(client.reply().code)
    return probe


def speaks_first(visit):
    """The code of the first reply to a client that does not wait for it."""
    client = visit.connect()
    client.send(visit.words("EHLO").encode() + b"\r\n")
    return str(client.reply().code)


def some_speak_first(tries):
    """What so many clients are told that do not wait for the banner. Postfix looks once whether a
    client has spoken, so that it turns many of them away, and not all."""
    def probe(visit):
        codes = {speaks_first(visit) for _ in range(tries)}
        return "554 to some" if {"554"} <= codes <= {"220", "554"} else " ".join(sorted(codes))
    return probe


def errors(number, line="FOO"):
    """The codes of so many replies to a command that there is not."""
    return codes(*[line] * number)


# --- who the client is ---

def relay(source=None, tls=None, certificate=None):
    """What a recipient elsewhere is answered."""
    return says("MAIL", "RELAY", source=source, tls=tls, certificate=certificate)


def by_proxy(claimed="203.0.113.77"):
    """The same for a client that a balancer in mynetworks speaks for. The balancer's header goes in
    front of everything; where it is no header, it is a command that is refused, and goes on."""
    def probe(visit):
        client = visit.connect(FRONT)
        client.send(proxyheader.v1((claimed, 40001), ("198.51.100.25", 25)))
        replies = [client.reply()]
        for command in ("EHLO", "MAIL", "RELAY"):
            client.send(visit.words(command).encode() + b"\r\n")
        while len(replies) < 4 or replies[1].code >= 500 and len(replies) < 5:
            replies.append(client.reply())
        return str(replies[-1].code)
    return probe


def by_xclient(visit):
    """The same for a client that a front in mynetworks speaks for by XCLIENT: the codes of both."""
    client = visit.open(source=FRONT)
    told = client.command("XCLIENT ADDR=203.0.113.77 PORT=40001")
    visit.say(client, "EHLO")
    return f"{told.code} {visit.say(client, 'MAIL', 'RELAY').code}"


def way_back(visit):
    """The same for a filter that brings mail back, and waits for nothing."""
    client = visit.connect("127.0.0.1")
    client.send("".join(visit.words(each) + "\r\n" for each in
                        ("EHLO", "MAIL", "RELAY")).encode())
    replies = [client.reply() for _ in range(4)]
    return str(replies[-1].code)


# --- TLS ---

def suite(version=None, ciphers=None, certificate=None, tls="starttls"):
    """The suite that is negotiated, or the alert."""
    def probe(visit):
        client = visit.open(tls, context(version, ciphers, certificate_of(visit, certificate)))
        return client.socket.cipher()[0]
    return probe


def old_clients(visit):
    """Which of OLD_CLIENTS are served."""
    served = [name for name, version, ciphers in OLD_CLIENTS
              if "alert" not in visit.run(suite(version, ciphers))]
    return " ".join(served) or "none"


def ticket(visit):
    """Whether a session of TLS 1.2 comes with a ticket."""
    client = visit.open("starttls", context("TLSv1_2"))
    return "ticket" if client.socket.session.has_ticket else "none"


def hung_up(visit):
    """Waits until a client is hung up on that has said STARTTLS and nothing more."""
    client = visit.connect()
    client.greet()
    client.command("STARTTLS")
    return str(client.rest(), "ascii") or "closed"


def patience(visit):
    """What becomes of a client that has said STARTTLS and nothing more; behind posternd, by the time
    today's service has hung up on another one."""
    if visit.way == "before":
        return hung_up(visit)
    clients = [visit.connect()]
    port = visit.bed.today[visit.row.name].port
    clients.append(visit.bed.connect(("127.0.0.1", port), None))
    for client in clients:
        client.greet()
        client.command("STARTTLS")
    clients[1].rest()
    clients[0].tls()
    return str(clients[0].command("EHLO client.example.test").code)


def handshakes(source):
    """The codes of the replies to STARTTLS of three clients, one after the other."""
    def probe(visit):
        seen = []
        for _ in range(3):
            client = visit.connect(source)
            client.greet()
            seen.append(str(client.command("STARTTLS").code))
            if seen[-1] == "220":
                client.tls()
        return " ".join(seen)
    return probe


def protocol_in_header(tls="starttls"):
    """ESMTP or ESMTPS, by the topmost Received."""
    def probe(visit):
        found = re.search(r" with (\S+) id ", visit.deliver(visit.open(tls)).received)
        return found[1] if found else "nothing"
    return probe


# --- what Postfix does with mail ---

def policy_told(certificate=None):
    """What a policy server is told of TLS; PolicyServer answers so."""
    def probe(visit):
        made = context(certificate=certificate_of(visit, certificate))
        reply = str(visit.say(visit.open("starttls", made), "MAIL", "RCPT"))
        return reply.partition("told: ")[2]
    return probe


def transport_says(visit):
    """How the transport tells that it has the mail."""
    reply = visit.open().mail(sender=visit.sender)
    queue_id = re.search(r"queued as (\S+)", str(reply))[1]
    return visit.bed.postfix.log.wait(rf" {queue_id}: to=.* status=\w+ \(([^)]*)\)")[1]


def dated(tls=None, source=None, certificate=None):
    """Whether a mail that has no Date: gets one."""
    def probe(visit):
        made = context(certificate=certificate_of(visit, certificate)) if tls else None
        mail = visit.deliver(visit.open(tls, made, source))
        return "dated" if mail.headers["Date"] else "not dated"
    return probe


def forged_header(source=None):
    """Whose header about TLS a mail has at the end, of a client that sends one of its own."""
    def probe(visit):
        mail = visit.deliver(visit.open("starttls", source=source),
                             headers=b"X-Postern-TLS: forged\r\n")
        return ", ".join("forged" if value == "forged" else "ours"
                         for value in mail.headers.get_all("X-Postern-TLS", []))
    return probe


def warned(pattern, tls="starttls", source="127.0.0.40"):
    """Whether Postfix logs a warning while it takes a mail."""
    def probe(visit):
        log = visit.bed.postfix.log
        mark = log.mark()
        client = visit.open(tls, source=source)
        visit.say(client, "MAIL", "RCPT")
        client.command("QUIT")
        log.wait(rf"disconnect from unknown\[{source}\]", after=mark)
        return "warned" if log.find(pattern, after=mark) else "not warned"
    return probe


def banned(visit):
    """How many of the lines about a refused client fail2ban's filter takes, and whose they are,
    today's port in it written as PORT. Until its release 1.1 the filter knows no hyphens."""
    visit.say(visit.open(), "MAIL", "RELAY")
    line = visit.bed.postfix.log.wait(rf"reject: RCPT from .* from=<{visit.sender}>").string
    path = os.path.join(visit.bed.stage.directory, "mail.log")
    with open(path, "w", encoding="utf-8") as file:
        file.write(line + "\n")
    done = run(["fail2ban-regex", "-o", "<ip>", path, "postfix"],
               env=dict(os.environ, LC_ALL="C.UTF-8"))
    if done.returncode:
        raise LabError(done.stderr)
    program = re.search(r" (\S+)\[\d+\]: ", line)[1].replace(
        str(visit.bed.today[visit.row.name].port), "PORT")
    return f"{len(done.stdout.split())} of 1 by {program}"


# --- how many ---

def at_once(number, source="127.0.0.50"):
    """The codes of the banners of so many clients that stay, in order: which of their processes
    asks anvil(8) first, nobody decides."""
    return lambda visit: " ".join(sorted(str(client.reply().code) for client in
                                         [visit.connect(source) for _ in range(number)]))


def one_by_one(number, source):
    """The codes of the banners of so many clients, one after the other."""
    def probe(visit):
        seen = []
        for _ in range(number):
            client = visit.connect(source)
            seen.append(str(client.reply().code))
            if seen[-1] == "220":
                client.command("QUIT")
        return " ".join(seen)
    return probe


def processes(number, limit):
    """How many processes serve so many clients that come at once. Straight at a service that has a
    limit, one has to leave before the next one is served."""
    hosts = [f"127.0.0.{60 + each}" for each in range(number)]

    def probe(visit):
        log = visit.bed.postfix.log
        mark = log.mark()
        clients = [visit.connect(host) for host in hosts]
        for place, client in enumerate(clients):
            if visit.way == "before" and place >= limit:
                clients[place - limit].command("QUIT")
            client.reply()
        pattern = r"smtpd\[(\d+)\]: connect from unknown\[127\.0\.0\.6\d\]"
        log.wait(pattern, after=mark, times=number)
        return f"{len({match[1] for match in log.find_all(pattern, after=mark)})} processes"
    return probe
