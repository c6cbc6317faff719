"""A supervisor played by the test: it is told things as systemd is, keeps the descriptors that it is
given, and passes them to the next posternd.

    supervisor = Supervisor(stage)
    daemon = supervisor.start(workers=2, ...)
    supervisor.told.wait("^READY=1$")
    daemon.send_signal(signal.SIGKILL)
    supervisor.start(...)                       # with what was stored
"""

import array
import itertools
import os
import socket
import sys
import threading

from lab.process import Lines

ACTIVATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "activate.py")

MESSAGE_SIZE = 4096


class Supervisor:
    """`told` (lab.process.Lines) has a line for each message, its lines separated by blanks.
    `stored` is a list of (name, descriptor)."""

    # A posternd of an earlier one may still speak.
    _numbers = itertools.count()

    def __init__(self, stage):
        self._stage = stage
        self.path = os.path.join(stage.directory, f"notify-{next(self._numbers)}")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        os.chmod(self.path, 0o666)
        self.told = Lines()
        self.stored = []
        self._reader = threading.Thread(target=self.told.read, args=[self._messages()], daemon=True)
        self._reader.start()

    def _messages(self):
        """Takes each message, and gives it as a line."""
        while True:
            data, control, _, _ = self._socket.recvmsg(MESSAGE_SIZE, socket.CMSG_SPACE(4))
            if data == b"":
                return
            descriptors = array.array("i")
            for _, _, payload in control:
                descriptors.frombytes(payload)
            lines = data.decode().split("\n")
            fields = dict(each.split("=", 1) for each in lines)
            if "FDSTORE" in fields:
                self._store(fields["FDNAME"], list(descriptors))
            if "FDSTOREREMOVE" in fields:
                self._remove(fields["FDNAME"])
            yield (" ".join(lines) + "\n").encode()

    def _store(self, name, descriptors):
        have = {os.fstat(fd).st_ino for _, fd in self.stored}
        for fd in descriptors:
            if os.fstat(fd).st_ino in have:
                os.close(fd)
            else:
                self.stored.append((name, fd))

    def _remove(self, name):
        for each in [each for each in self.stored if each[0] == name]:
            self.stored.remove(each)
            os.close(each[1])

    def names(self):
        """Those of listening sockets."""
        return [name for name, _ in self.stored if name != "tickets"]

    def wrapper(self, *settings, passed=None):
        """(what execs posternd as its supervisor does, pass_fds). `settings`: further NAME=VALUE.
        `passed`: [(name, descriptor)] instead of what is stored."""
        passed = self.stored if passed is None else passed
        descriptors = [fd for _, fd in passed]
        names = ":".join(name for name, _ in passed)
        command = [sys.executable, ACTIVATE, ",".join(map(str, descriptors)),
                   f"NOTIFY_SOCKET={self.path}", f"LISTEN_FDNAMES={names}", *settings, "--"]
        return command, descriptors

    def start(self, conf, *settings, passed=None):
        """A posternd on this configuration, with what is stored or `passed`."""
        wrapper, descriptors = self.wrapper(*settings, passed=passed)
        return self._stage.posternd(conf, wrapper=wrapper, pass_fds=descriptors)

    def close(self):
        """Ends it, and closes what is stored."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._socket.close()
        os.unlink(self.path)
        while self.stored:
            os.close(self.stored.pop()[1])
