"""make run: the main job on real input, shown to a mail administrator.

The sender of the story (a Windows client that offers only P-256) meets a Postfix that has only a
P-384 certificate, then postern in front of a Postfix. Everything runs on 127.0.0.1 in a directory
of its own and is gone after Ctrl-C.
"""

import argparse
import os
import queue
import re
import select
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lab import hello  # noqa: E402
from lab.posternd import HOSTNAME, postfix_config  # noqa: E402
from lab.process import TIMEOUT, LabError  # noqa: E402
from lab.stage import Stage  # noqa: E402

# Where the client comes from: not 127.0.0.1, so that it is told from a front that hides it.
CLIENT = "127.0.0.9"

# The hello of the story in OpenSSL's words. Debian's OpenSSL has no 3DES, and signs with SHA-1
# only at security level 0.
CIPHERS = ":".join(hello.SUITES.values()) + ":@SECLEVEL=0"
SCHEMES = ("RSA+SHA256:RSA+SHA384:RSA+SHA1:ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA1:DSA+SHA1:"
           "RSA+SHA512:ECDSA+SHA512")

MAIL = ("EHLO windows.example.net", "MAIL FROM:<sender@example.net>",
        "RCPT TO:<you@example.test>", "DATA",
        "Subject: first light\r\nFrom: <sender@example.net>\r\nTo: <you@example.test>\r\n\r\n"
        "This mail would still be in the sender's queue.\r\n.", "QUIT")


class Stopped(Exception):
    """A signal asked for the end."""


class Events:
    """Log lines, and the wish to end. Signals are only noted: what is being started gets ready
    first, so that nothing is forgotten."""

    def __init__(self):
        self._queue = queue.SimpleQueue()
        self._stopped = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number, _frame):
        self._stopped = True
        self._queue.put((None, None))

    def check(self):
        if self._stopped:
            raise Stopped

    def on_line(self, program, line):
        self._queue.put((program, line))

    def skip(self):
        """Forgets the lines so far."""
        while not self._queue.empty():
            self._queue.get()

    def follow(self):
        """Shows log lines until the end is wished for, or one of the programs ends."""
        while True:
            self.check()
            program, line = self._queue.get()
            if line is not None:
                print(without_date(line), flush=True)
            elif program is not None:
                raise LabError(f"{program} has ended by itself")


def without_date(line):
    """Postfix's log line without its date and host."""
    return re.sub(r"^[A-Z][a-z]{2} [ \d]\d [\d:]{8} \S+ ", "", line)


def say(text=""):
    print(text, flush=True)


def show(text):
    for line in text.splitlines():
        say("      " + line)


def expect(good, what):
    if not good:
        raise LabError(what)


def check_port(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise LabError(f"127.0.0.1:{port}: {reason}; another port: "
                           "python3 tests/lab/run.py --port PORT") from None


class Dialogue:
    """Speaks SMTP through a program's standard input and output, and shows it."""

    def __init__(self, command):
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT, bufsize=0)
        self._seen = b""

    def send(self, text):
        for line in text.split("\r\n"):
            say(f"      C: {line}")
        self._process.stdin.write(text.encode() + b"\r\n")

    def reply(self, shown=True):
        """Reads one whole reply; its code."""
        deadline = time.monotonic() + TIMEOUT
        while True:
            while b"\n" in self._seen:
                line, _, self._seen = self._seen.partition(b"\n")
                text = line.decode("utf-8", "backslashreplace").rstrip("\r")
                if shown:
                    say(f"      S: {text}")
                if re.match(r"\d{3} ", text):
                    return int(text[:3])
            ready, _, _ = select.select([self._process.stdout], [], [],
                                        max(0, deadline - time.monotonic()))
            data = os.read(self._process.stdout.fileno(), 65536) if ready else b""
            expect(data, "openssl s_client got no reply: "
                         + self._seen.decode("utf-8", "backslashreplace"))
            self._seen += data

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


class Show:
    def __init__(self, stage, events, port):
        self.stage = stage
        self.events = events
        self.port = port
        self.posternd = None
        self.plain = None
        self._number = 0

    def heading(self, text):
        self.events.check()
        self._number += 1
        say(f"\n{self._number}. {text}")

    def all(self):
        self.certificates()
        self.postfix()
        self.start_posternd()
        self.today()
        self.explained()
        self.served()
        self.delivered()

    def certificates(self):
        self.heading(f"Throw-away certificates for {HOSTNAME}, in {self.stage.directory}")
        for name, what in (("p256", "ECDSA P-256"), ("rsa", "RSA-2048"), ("p384", "ECDSA P-384")):
            self.stage.certificate(name, names=(HOSTNAME,))
            say(f"   {name:5} {what}")

    def postfix(self):
        postfix = self.stage.make_postfix()
        version = postfix.command("postconf", "-dh", "mail_version").stdout.strip()
        self.heading(f"A private Postfix {version}; the system's own is not touched")
        self.plain = postfix.starttls("plain", self.stage.certificate("p384"))
        inner = postfix.smtpd("postern", "unix")
        self.conf = self.stage.write(
            certificates=["p256", "rsa", "p384"], backend=inner.address,
            sets={"all": ["p256", "rsa", "p384"], "only-p384": ["p384"]},
            listeners={"mx": {"address": f"127.0.0.1:{self.port}"},
                       "p384": {"certificate_sets": "only-p384"}})
        lines = postfix_config(self.stage.build, self.conf, postfix)
        postfix.paste(lines)
        self.stage.start_postfix()
        say("   Its master.cf has the lines that posternctl postfix-config prints:")
        show("\n".join(line for line in lines.splitlines() if not line.startswith("#")))

    def start_posternd(self):
        self.heading("posternd in front of it")
        self.posternd = self.stage.posternd(self.conf)
        for name, what in (("mx", "p256, rsa, p384"), ("p384", "p384 alone, for the comparison")):
            host, port = self.posternd.address(name)
            say(f"   {host}:{port}  certificates: {what}")

    def today(self):
        self.heading("Today: Postfix alone, with the P-384 certificate")
        say("   A Windows sender connects. Its ClientHello, byte for byte: TLS 1.2, twelve suites,")
        say("   supported_groups = secp256r1 only, ECDSA and RSA signatures. It gets:")
        answer = hello.ask(("127.0.0.1", self.plain.port), hello.story(HOSTNAME), source=CLIENT)
        say(f"      {answer.text}")
        expect(answer.alert == (2, 40), "expected alert 40 from Postfix")
        say("   and all that Postfix logs is:")
        show(without_date(self.stage.postfix.log.wait("no shared cipher").string))

    def explained(self):
        self.heading("The same bytes to postern with the P-384 certificate alone")
        answer = hello.ask(self.posternd.address("p384"), hello.story(HOSTNAME), source=CLIENT)
        say(f"      {answer.text}")
        expect(answer.alert == (2, 40), "expected alert 40 from posternd")
        say("   The same alert; but the log says why, and which certificates would have fitted:")
        line = self.posternd.wait_log("reason=no-certificate-fits").string
        show(line)
        for part in ("p384=curve-not-in-groups", "would_fit=ecdsa-p256,rsa"):
            expect(part in line, f"expected {part} in posternd's log line")

    def served(self):
        self.heading("The same bytes to postern with all three certificates")
        answer = hello.ask(self.posternd.address("mx"), hello.story(HOSTNAME), source=CLIENT)
        say(f"      {answer.text}")
        expect(answer.certificate == "p256", "expected the P-256 certificate")
        say("   The first certificate of the set that fits this client is served.")

    def delivered(self):
        self.heading("A client with the same parameters delivers a mail")
        command = ["openssl", "s_client", "-quiet", "-verify_quiet", "-starttls", "smtp",
                   "-connect", f"127.0.0.1:{self.port}", "-bind", f"{CLIENT}:0",
                   "-servername", HOSTNAME, "-CAfile", self.stage.authority.roots,
                   "-verify_return_error", "-tls1_2", "-curves", "P-256",
                   "-sigalgs", SCHEMES, "-cipher", CIPHERS]
        say(f"      $ openssl s_client -quiet -starttls smtp -connect 127.0.0.1:{self.port} "
            f"-bind {CLIENT}:0 \\")
        say("            -tls1_2 -curves P-256 -sigalgs ... -cipher ...")
        dialogue = Dialogue(command)
        try:
            # What s_client passes on first is the end of the reply to its own EHLO.
            dialogue.reply(shown=False)
            for text in MAIL:
                dialogue.send(text)
                expect(dialogue.reply() < 400, "Postfix did not take the mail")
        finally:
            dialogue.close()
        say("   posternd's log:")
        show(self.posternd.wait_log("TLS connection established").string)
        say("   The mail as it lies in the mailbox; Postfix knows the client's address:")
        mail = self.stage.postfix.wait_for_mail()
        show(mail.raw.decode("utf-8", "backslashreplace"))
        expect(f"[{CLIENT}]" in mail.received, f"expected {CLIENT} in Received:")


def main():
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", help="where make put the programs")
    parser.add_argument("--port", type=int, default=2525, help="of 127.0.0.1 (2525)")
    arguments = parser.parse_args()
    events = Events()
    try:
        expect(os.geteuid() == 0, "must be run by root: a Postfix, also a private one, is started "
                                  "by root")
        check_port(arguments.port)
        with Stage(arguments.build, events.on_line) as stage:
            Show(stage, events, arguments.port).all()
            say(f"\nAll of it works. 127.0.0.1:{arguments.port} goes on taking mail to anyone at "
                "example.test; for instance:")
            say(f"      openssl s_client -crlf -starttls smtp -connect 127.0.0.1:{arguments.port}")
            say("The log of posternd and Postfix follows. Ctrl-C ends everything.\n")
            events.skip()
            events.follow()
    except Stopped:
        say("\nEverything is stopped and removed.")
    except BrokenPipeError:
        # Nobody reads any more; the interpreter would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except LabError as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
