"""What the tests of postern-milter share: a Postfix, posternd and postern-milter together, the
header that mail has then, and other milters in the chain, played by the test."""

import os
import re
import signal
import socket
import struct
import threading

from common import CONNECT, Case
from lab import posternd as postern
from lab.acceptor import Acceptor
from lab.milter import socket_directory
from lab.process import TIMEOUT

HEADER = "X-Postern-TLS"

# The value without TLS, under TLS, and where nothing is known. It has been unfolded.
NONE = r"^mail\.example\.test; none; session=(?P<session>[0-9A-Za-z]{10})$"
TLS = (r"^mail\.example\.test; version=(?P<version>\S+); cipher=(?P<cipher>\S+); "
       r"bits=(?P<bits>\d+); certificate=(?P<certificate>\S+); "
       r"client_certificate=(?P<client>none|untrusted|trusted)"
       r"(; client_fingerprint=(?P<fingerprint>\S+); client_name=\"(?P<name>[^\"]*)\")?; "
       r"session=(?P<session>[0-9A-Za-z]{10})$")
UNKNOWN = r"^mail\.example\.test; unknown$"


class Milters(Case):
    """Tests with a milter. prepare() calls set_up()."""

    milter_options = {}  # of the section milter; {sockets} stands for the sockets' directory
    policy = None  # the text of the policy; None: there is none
    written = None  # the text of the last one

    @classmethod
    def set_up(cls, certificates=("p256", "rsa"), *, socket_kind="unix", chroot=False, main_cf=None,
               change=lambda text: text, **options):
        """Starts them all: `postfix`, `daemon` (posternd) and `milter`. `change` makes of the lines
        of postfix-config those that are used."""
        cls.postfix = cls.stage.make_postfix(main_cf=main_cf)
        cls.sockets = socket_directory(cls.postfix)
        inner = cls.postfix.smtpd("postern", socket_kind, chroot=chroot)
        options.update(cls.services())
        milter = {"socket": "unix:{sockets}/milter.sock", **cls.milter_options}
        milter = {name: value.replace("{sockets}", cls.sockets) if isinstance(value, str) else value
                  for name, value in milter.items()}
        if cls.policy is not None:
            cls.policy_path = os.path.join(cls.stage.directory, "policy")
            cls.write_policy(cls.policy)
            milter["policy"] = cls.policy_path
        cls.conf = cls.stage.write(certificates=list(certificates), backend=inner.address,
                                   log_sessions="all", milter=milter, **options)
        cls.postfix.paste(change(postern.postfix_config(cls.build, cls.conf, cls.postfix)))
        cls.stage.start_postfix()
        cls.daemon = cls.stage.posternd(cls.conf)
        cls.milter = cls.stage.milter(cls.conf)

    @classmethod
    def services(cls):
        """Makes further services of `postfix`; options of Stage.write() for them."""
        return {}

    @classmethod
    def write_policy(cls, text):
        """Puts a policy in the place of the old one."""
        with open(cls.policy_path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(cls.policy_path + ".new", cls.policy_path)
        cls.written = text

    def put(self, text):
        """Puts a policy into force."""
        self.write_policy(text)
        mark = self.milter.mark()
        self.milter.send_signal(signal.SIGHUP)
        self.milter.wait_log(f"policy {self.policy_path} read: ", after=mark)

    def client(self, listener="mx", source="127.0.0.9"):
        return self.connect(self.daemon.address(listener), source)

    def id_of(self, client):
        """The session's id, by posternd's log."""
        return self.of_log(self.daemon, CONNECT, client)["session"]

    def send(self, client, subject, headers=b"", **options):
        """Sends a mail and returns it as it was delivered. The client has said EHLO."""
        body = b"Subject: " + subject.encode() + b"\r\n" + headers + b"\r\nHello.\r\n"
        self.assert_code(client.mail(body, **options), 250)
        return self.delivered(subject)

    def delivered(self, subject):
        return self.postfix.wait_for_mail(lambda mail: mail.subject == subject)

    @staticmethod
    def values(mail, header=HEADER):
        """Those of our header, unfolded."""
        return [re.sub(r"\s*\n\s+", " ", value) for value in mail.headers.get_all(header, [])]

    def assert_header(self, mail, pattern, client=None):
        """The mail has one header of ours, below Received and above all else, with this value;
        its match. `client`: whose session it must name."""
        values = self.values(mail)
        self.assertEqual(len(values), 1, mail.raw)
        self.assertRegex(values[0], pattern)
        match = re.match(pattern, values[0])
        names = mail.headers.keys()
        self.assertEqual(names[names.index("Received") + 1], HEADER, names)
        if client is not None:
            self.assertEqual(match["session"], self.id_of(client))
        return match


# --- other milters ---

class OtherMilter:
    """A milter played by the test (version 6 of the protocol). It changes nothing; `messages` has
    for each mail the list of its headers, (name, value), as it saw them. `on_end` is called at the
    end of each message, and holds Postfix until it returns."""

    def __init__(self, case, path, on_end=lambda headers: None):
        self.address = "unix:" + path
        self.messages = []
        self._on_end = on_end
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        os.chmod(path, 0o666)
        listener.listen(128)
        case.addClassCleanup(Acceptor(listener, self._begin).close)

    def _begin(self, connection):
        threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    @staticmethod
    def _packet(connection):
        def whole(size):
            data = b""
            while len(data) < size:
                more = connection.recv(size - len(data))
                if not more:
                    return None
                data += more
            return data

        head = whole(4)
        return whole(struct.unpack("!I", head)[0]) if head else None

    def _serve(self, connection):
        headers = []
        with connection:
            connection.settimeout(4 * TIMEOUT)
            while packet := self._packet(connection):
                command, data = packet[:1], packet[1:]
                answer = b"c"
                if command == b"O":
                    answer = b"O" + struct.pack("!III", 6, 0, 0)
                elif command in b"DAQK":  # macros, abort, quit
                    headers = [] if command == b"A" else headers
                    if command == b"Q":
                        return
                    continue
                elif command == b"L":
                    name, value, _ = data.split(b"\0")
                    headers.append((name.decode(), value.decode()))
                elif command == b"E":
                    self._on_end(headers)
                    self.messages.append(headers)
                    headers = []
                connection.sendall(struct.pack("!I", len(answer)) + answer)
