"""Reload after reload, of everything that can change and of mistakes, with sessions in every phase.

RENEWALS=N in the environment: so many reloads, ten a second (20)."""

import itertools
import json
import os
import shutil
import signal
import socket
import ssl
import threading
import time
import traceback

from common import client_context, free_port, reset
from lab import hello, proxyheader
from lab.posternd import USER, configuration, run_posternctl
from lab.smtp import Client, Closed
from renewal import RenewalCase

RENEWALS = int(os.environ.get("RENEWALS", "20"))

# Seconds from the begin of a reload to that of the next one.
PACE = 0.1

# How many clients there are of each kind.
CLIENTS = 2


class Storm(RenewalCase):
    @classmethod
    def prepare(cls):
        super().prepare()
        cls.renewals = itertools.cycle(cls.stage.certificate(f"p256-{number}", "p256")
                                       for number in range(2))
        cls.ports = {name: free_port() for name in ("mx", "smtps", "upstream", "ask", "extra")}
        cls.conf = cls.stage.write(**cls.options(0))
        cls.daemon = cls.stage.posternd(cls.conf)

    @classmethod
    def options(cls, turn):
        """The configuration changes with each turn: an address comes and goes, a backend, limits, the
        order of certificates, a profile, the log."""
        ask = {"client_certificate": "ask", "client_ca": cls.stage.authority.roots}
        listeners = {"mx": {"tls_profile": ("opportunistic", "modern")[turn % 2]},
                     "smtps": {"tls": "implicit", "backend": "sink"},
                     "upstream": {"accept_proxy_from": ["127.0.0.2/32"], "backend": "sink"},
                     "ask": {**ask, "backend": "sink"}}
        backends = {"postfix": {"max_connections": 150 + turn % 3},
                    "sink": {"address": cls.sink, "max_connections": 0}}
        if turn % 3:
            listeners["extra"] = {"backend": "more"}
            backends["more"] = {"address": cls.sink, "max_connections": turn % 2 * 1000}
        for name, options in listeners.items():
            options["address"] = f"127.0.0.1:{cls.ports[name]}"
        if turn % 5 == 4:
            listeners["mx"]["address"] = [listeners["mx"]["address"],
                                          f"127.0.0.2:{cls.ports['mx']}"]
        names = ["p256", "rsa"] if turn % 4 else ["rsa", "p256"]
        return {"certificates": [cls.stage.certificate(name) for name in names],
                "backend": cls.inner.address, "listeners": listeners, "backends": backends,
                "limits": {"max_sessions": 1000 + turn % 7, "handshake_timeout": 60 + turn % 2},
                "log_sessions": ("all", "tls", "problems")[turn % 3]}

    # --- reloading ---

    def change(self, turn):
        """Puts the next configuration into place, in some turns with a mistake; whether it is good."""
        good = turn % 6 != 5
        text = configuration(state=os.path.join(os.path.dirname(self.conf), "state"),
                             **self.options(turn))
        if not good:
            text = text.replace('backend = "sink"', 'backend = "sunk"', 1)
        if turn % 2:
            self.install(next(self.renewals), self.stage.certificate("p256"))
        with open(self.conf + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(self.conf + ".new", self.conf)
        return good

    @staticmethod
    def install(new, old):
        for source, path in ((new.key, old.key), (new.chain, old.chain)):
            shutil.copy(source, path + ".new")
            if os.geteuid() == 0:
                shutil.chown(path + ".new", USER)
            os.rename(path + ".new", path)

    def ask(self):
        """The answer to a reload by the control socket."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(120)
            control.connect(os.path.join(os.path.dirname(self.conf), "state", "control.sock"))
            control.sendall(json.dumps({"request": "reload"}).encode() + b"\n")
            return json.loads(control.makefile("rb").readline())

    def reload(self, turn):
        good = self.change(turn)
        if turn % 10 == 9:
            # Nobody answers; what comes next waits for it.
            self.daemon.send_signal(signal.SIGHUP)
        if turn % 10 == 3 and good:
            self.assertEqual(run_posternctl(self.build, "-c", self.conf, "reload").returncode, 0)
        else:
            self.assertEqual("reloaded" in (answer := self.ask()), good, f"turn {turn}: {answer}")

    # --- clients ---

    def greeted(self, client):
        self.expect(client.reply(), 220)
        self.expect(client.command("EHLO client.test"), 250)

    @staticmethod
    def expect(reply, code):
        if reply.code != code:
            raise AssertionError(f"{reply} instead of {code}")

    def banner(self, client):
        self.expect(client.reply(), 220)

    def mail(self, client):
        self.greeted(client)
        self.expect(client.command("STARTTLS"), 220)
        client.tls(self.context)
        self.expect(client.command("EHLO client.test"), 250)
        self.expect(client.mail(), 250)
        self.expect(client.command("QUIT"), 221)

    def data(self, client):
        """Rests in a mail."""
        self.greeted(client)
        for line, code in (("MAIL FROM:<a@client.test>", 250), ("RCPT TO:<b@example.test>", 250),
                           ("DATA", 354)):
            self.expect(client.command(line), code)
        self.pause.wait(0.3)
        client.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
        self.expect(client.reply(), 250)

    def idle(self, client):
        self.greeted(client)
        self.pause.wait(0.5)
        self.expect(client.command("STARTTLS"), 220)
        client.tls(self.context)
        self.pause.wait(0.5)
        self.expect(client.command("NOOP"), 250)

    def shaking(self, client):
        """Rests in the handshake, and goes without a word."""
        self.greeted(client)
        self.expect(client.command("STARTTLS"), 220)
        client.send(hello.records(hello.story())[:50])
        self.pause.wait(0.2)
        reset(client.socket)

    def refused(self, client):
        """A hello that no certificate fits."""
        self.greeted(client)
        self.expect(client.command("STARTTLS"), 220)
        client.send(hello.records(hello.tls13(scheme_numbers=(0x0807,))))
        client.rest()

    def implicit(self, client):
        client.tls(self.context)
        self.greeted(client)
        self.pause.wait(0.2)
        self.expect(client.command("QUIT"), 221)

    def proxied(self, client):
        self.pause.wait(0.1)
        client.send(proxyheader.v2(("192.0.2.77", 4711), ("203.0.113.5", 25)))
        self.mail(client)

    def resumed(self, client):
        """Comes again with a ticket, whatever was reloaded meanwhile."""
        self.greeted(client)
        self.expect(client.command("STARTTLS"), 220)
        context, session = self.tickets.pop() if self.tickets else (client_context(), None)
        client.socket = context.wrap_socket(client.socket, session=session)
        self.expect(client.command("EHLO client.test"), 250)
        self.tickets.append((context, client.socket.session))
        self.expect(client.command("QUIT"), 221)

    # kind, listener, source address, whether the listener may be gone
    KINDS = ((banner, "mx", None, False), (mail, "mx", None, False), (data, "mx", None, False),
             (idle, "mx", None, False), (shaking, "mx", None, False), (refused, "mx", None, False),
             (implicit, "smtps", None, False), (proxied, "upstream", "127.0.0.2", False),
             (mail, "ask", None, False), (resumed, "ask", None, False),
             (mail, "extra", None, True), (idle, "extra", None, True))

    def run_kind(self, kind, listener, source, may_be_gone):
        """One session after the other."""
        while not self.pause.is_set():
            try:
                with Client(("127.0.0.1", self.ports[listener]), source, timeout=120) as client:
                    kind(self, client)
                self.served[kind.__name__, listener] += 1
            except ConnectionRefusedError as error:
                if not may_be_gone:
                    self.problems.append(f"{kind.__name__} at {listener}: {error}")
                self.pause.wait(PACE)
            except (AssertionError, Closed, OSError, ssl.SSLError) as error:
                lines = [each.lineno for each in traceback.extract_tb(error.__traceback__)
                         if each.filename == __file__]
                self.problems.append(f"{kind.__name__} at {listener}: {error!r} in {lines}")

    def test_storm(self):
        self.pause = threading.Event()
        self.context = client_context()
        self.problems, self.tickets = [], []
        self.served = {(kind.__name__, listener): 0 for kind, listener, *_ in self.KINDS}
        threads = [threading.Thread(target=self.run_kind, args=row) for row in self.KINDS * CLIENTS]
        for thread in threads:
            thread.start()
        try:
            began = time.monotonic()
            for turn in range(1, RENEWALS + 1):
                self.reload(turn)
                time.sleep(max(0, began + turn * PACE - time.monotonic()))
            seconds = time.monotonic() - began
        finally:
            self.pause.set()
            for thread in threads:
                thread.join()
        print(f"{RENEWALS} reloads in {seconds:.1f} s; {sum(self.served.values())} sessions")
        self.assertEqual(self.problems, [])
        self.assertNotIn(0, self.served.values())
        self.assertEqual(self.stage.stop(self.daemon), 0)
