"""The load under which posternd is reloaded or started again: a program that needs only Python.

    load.py --probe HOST:PORT... --mail HOST:PORT [--beside ADDRESS...] [--every MS] [--senders N]
        [--pause MS]

It connects every so many milliseconds to the --probe addresses in turn, waits for the banner and says
QUIT; every twentieth time to those that are --beside: the servers to which posternd connects
(HOST:PORT, or the path of a socket that wants a PROXY line), whose waits are told apart: they show what
the machine itself makes clients wait. Meanwhile N senders deliver mail after mail to the --mail address under STARTTLS, as mail
servers do: a mail without a final reply is sent again until it is taken. Every second of them is
slow@client.test, for a Postfix that lets their replies to the dot take long. The subject of each mail
is unique.

The first line is "load: pid=N begun", when the first mail was taken. SIGTERM ends it: senders first
finish their mails. The last line is "load: report " and the report in JSON; lab/renewal.py reads it.
Times are those of CLOCK_MONOTONIC.
"""

import argparse
import collections
import errno
import json
import os
import select
import signal
import socket
import ssl
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lab.smtp import Client, Closed  # noqa: E402

# Connections that have not ended yet; beyond these the prober waits.
PROBES_MAX = 8000

# Seconds between connections of one source address and those of the next, so that no pair of
# addresses runs out of ports.
SOURCE_SECONDS = 5

IP_BIND_ADDRESS_NO_PORT = 24

# Of so many connections one goes past posternd.
BESIDE_EVERY = 20

# What a server at the path of a socket wants to hear before its banner.
PROXY = b"PROXY TCP4 127.8.0.1 127.0.0.1 25 25\r\n"

# Of these lengths in seconds are the spans of which the longest wait is told.
SPAN = 0.1

# Waits below this are not told one by one.
SHORT = 0.01

# Seconds until a client gives up.
PATIENCE = 300

# Seconds that a sender rests after a failure, far less than a mail server would.
RETRY = 0.02


def endpoint(text):
    """(host, port), or the path of a socket."""
    if text.startswith("/"):
        return text
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


class Waits:
    """How long clients waited for their banners."""

    def __init__(self):
        self.all = []
        self._spans = {}

    def add(self, began, wait):
        self.all.append(wait)
        if wait >= SHORT:
            span = round(began // SPAN * SPAN, 1)
            self._spans[span] = max(self._spans.get(span, 0), wait)

    def report(self):
        ordered = sorted(self.all)
        return {"num": len(ordered), "median": ordered[len(ordered) // 2] if ordered else 0,
                "p99": ordered[len(ordered) * 99 // 100] if ordered else 0,
                "longest": ordered[-1] if ordered else 0, "spans": sorted(self._spans.items())}


class Prober:
    """Many short connections, each with its own time."""

    def __init__(self, addresses, beside, every):
        self._addresses = addresses
        self._beside = beside
        self._every = every
        self._epoll = select.epoll()
        self._open = {}
        self._next = 0
        self._number = 0
        self.waits = Waits()
        self.waits_beside = Waits()
        self.outcomes = collections.Counter()
        self.first = []  # something else than a banner: (when, what, seconds since the connect)
        self.late = 0

    def run(self, stopped):
        """Until stopped() and all have ended."""
        self._next = time.monotonic()
        while not stopped() or self._open:
            now = time.monotonic()
            while not stopped() and self._next <= now and len(self._open) < PROBES_MAX:
                self._begin()
                self._next += self._every
            if now - self._next > 1:
                # Not as often as was asked for: the machine has other work.
                self.late += int((now - self._next) / self._every)
                self._next = now
            wait = min(max(self._next - time.monotonic(), 0), SPAN)
            for fd, _ in self._epoll.poll(wait):
                self._on_event(self._open[fd])

    def _begin(self):
        self._number += 1
        is_beside = bool(self._beside) and self._number % BESIDE_EVERY == 0
        address = (self._beside[self._number // BESIDE_EVERY % len(self._beside)] if is_beside
                   else self._addresses[self._number % len(self._addresses)])
        probe = [None, time.monotonic(), b"", self.waits_beside if is_beside else self.waits]
        code = self._connect(probe, address)
        if code not in (0, errno.EINPROGRESS):
            self._end(probe, os.strerror(code))
            return
        self._open[probe[0].fileno()] = probe
        self._epoll.register(probe[0], select.EPOLLIN)

    @staticmethod
    def _connect(probe, address):
        """Begins it; errno's value."""
        is_path = isinstance(address, str)
        probe[0] = socket.socket(socket.AF_UNIX if is_path else socket.AF_INET)
        probe[0].setblocking(False)
        if not is_path and address[0].startswith("127."):
            probe[0].setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            probe[0].bind((f"127.8.{int(probe[1] / SOURCE_SECONDS) % 250}.1", 0))
        code = probe[0].connect_ex(address)
        if is_path and code == 0:
            try:
                probe[0].send(PROXY)
            except OSError as error:
                return error.errno
        return code

    def _on_event(self, probe):
        connection, began, seen, waits = probe
        try:
            data = connection.recv(4096)
            if not data:
                self._end(probe, "" if seen else "closed before the banner")
                return
            probe[2] = seen + data
            if b"\n" in seen or b"\n" not in probe[2]:
                return
            if not probe[2].startswith(b"220 "):
                self._end(probe, "refused by " + probe[2].decode("ascii", "replace").strip())
                return
            waits.add(began, time.monotonic() - began)
            connection.send(b"QUIT\r\n")
        except BlockingIOError:
            pass
        except OSError as error:
            self._end(probe, (error.strerror or str(error))
                      + (" after the banner" if b"\n" in probe[2] else ""))

    def _end(self, probe, problem):
        self._open.pop(probe[0].fileno(), None)
        probe[0].close()
        if probe[3] is not self.waits:
            return
        self.outcomes[problem or "served"] += 1
        if problem and (len(self.first) < 20 or "reset" in problem):
            self.first.append((time.monotonic(), problem))

    def report(self):
        return {"outcomes": self.outcomes, "waits": self.waits.report(),
                "beside": self.waits_beside.report(), "first": self.first, "late": self.late}


class Senders:
    """Threads that deliver mail. All that they note is added to by one thread at a time."""

    def __init__(self, address, number, pause):
        self._address = address
        self._pause = pause
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.taken = threading.Event()
        self.waits = Waits()
        self.accepted = []
        self.dots = []  # (when sent, when the reply came or None, subject)
        self.outcomes = collections.Counter()
        self.first = []
        self._threads = [threading.Thread(target=self._send_all, args=(each,))
                         for each in range(number)]

    def start(self):
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _send_all(self, sender):
        number = 0
        while not self._stop.is_set():
            number += 1
            subject = f"load-{os.getpid()}-{sender}-{number}"
            while not self._send(subject, "slow" if sender % 2 else "quick"):
                time.sleep(RETRY)
            self.taken.set()
            self._stop.wait(self._pause)

    def _send(self, subject, sender):
        """One attempt; whether the mail was taken."""
        stage = ["connect"]
        try:
            accepted, outcome = self._session(subject, sender, stage)
        except Closed as closed:
            accepted, outcome = False, "closed"
            if closed.args[0]:
                outcome += f" after {closed.args[0]!r}"
        except OSError as error:
            accepted, outcome = False, error.strerror or str(error)
        if outcome:
            outcome += " at " + stage[0]
        with self._lock:
            self.outcomes[outcome or "served"] += 1
            if outcome and len(self.first) < 20:
                self.first.append((time.monotonic(), outcome))
                if not self.taken.is_set():
                    print(f"load: {outcome}", flush=True)
            if accepted or stage[0] == "QUIT":
                self.accepted.append(subject)
        return accepted or stage[0] == "QUIT"

    def _session(self, subject, sender, stage):
        """(whether the mail was taken, None or another reply than it asked for)."""
        began = time.monotonic()
        with Client(self._address, timeout=PATIENCE) as client:
            stage[0] = "banner"
            reply = client.reply()
            if reply.code != 220:
                return False, str(reply)
            with self._lock:
                self.waits.add(began, time.monotonic() - began)
            for command in ("EHLO client.test", "STARTTLS", None, "EHLO client.test",
                            f"MAIL FROM:<{sender}@client.test>", "RCPT TO:<{}>", "DATA"):
                stage[0] = command.split()[0] if command else "handshake"
                if not command:
                    client.tls(self._context)
                    continue
                if command.startswith("EHLO") and isinstance(client.socket, ssl.SSLSocket):
                    stage[0] = "EHLO under TLS"
                reply = client.command(command.format(RECIPIENT))
                if reply.code >= 400:
                    return False, str(reply)
            return self._data(client, subject, stage)

    def _data(self, client, subject, stage):
        stage[0] = "the dot"
        dot = [time.monotonic(), None, subject]
        with self._lock:
            self.dots.append(dot)
        client.send(f"Subject: {subject}\r\n\r\nHello.\r\n.\r\n".encode())
        reply = client.reply()
        dot[1] = time.monotonic()
        if reply.code != 250:
            return False, str(reply)
        stage[0] = "QUIT"
        reply = client.command("QUIT")
        return True, None if reply.code == 221 else str(reply)

    def report(self):
        return {"outcomes": self.outcomes, "waits": self.waits.report(), "first": self.first,
                "accepted": self.accepted, "dots": self.dots}


RECIPIENT = "user@example.test"


def probe_apart(addresses, beside, every):
    """Starts the prober in a process of its own, so that senders do not disturb its times; the
    function that ends it and returns its report."""
    ready, told = os.pipe()
    stop_read, stop_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ready)
        os.close(stop_write)
        prober = Prober(addresses, beside, every)
        prober.run(lambda: bool(select.select([stop_read], [], [], 0)[0]))
        with os.fdopen(told, "w", encoding="ascii") as out:
            json.dump(prober.report(), out)
        os._exit(0)
    os.close(told)
    os.close(stop_read)

    def end():
        os.close(stop_write)
        with os.fdopen(ready, encoding="ascii") as file:
            found = json.load(file)
        os.waitpid(pid, 0)
        return found
    return end


def main():
    global RECIPIENT  # pylint: disable=global-statement
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--probe", nargs="+", type=endpoint, required=True)
    parser.add_argument("--mail", type=endpoint, required=True)
    parser.add_argument("--beside", nargs="+", type=endpoint, default=[])
    parser.add_argument("--recipient", default=RECIPIENT)
    parser.add_argument("--every", type=float, default=1, help="milliseconds (1)")
    parser.add_argument("--senders", type=int, default=8)
    parser.add_argument("--pause", type=float, default=100, help="milliseconds between mails of one sender (100)")
    arguments = parser.parse_args()
    RECIPIENT = arguments.recipient
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
    end_probes = probe_apart(arguments.probe, arguments.beside, arguments.every / 1000)
    senders = Senders(arguments.mail, arguments.senders, arguments.pause / 1000)
    senders.start()
    senders.taken.wait()
    print(f"load: pid={os.getpid()} begun", flush=True)
    signal.sigwait([signal.SIGTERM, signal.SIGINT])
    senders.stop()
    print("load: report " + json.dumps({"probe": end_probes(), "mail": senders.report()}),
          flush=True)


if __name__ == "__main__":
    main()
