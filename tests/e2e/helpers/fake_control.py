"""Somebody else than posternd at the control socket."""

import json
import os
import socket
import threading

from lab.acceptor import Acceptor


class FakeControl:
    """`answer(request)` makes the bytes of an answer of a request, None for silence; b"" closes."""

    def __init__(self, path):
        self.path = path
        self.answer = lambda request: None
        self.closes = False  # after an answer
        self.asked = []
        self._connections = []
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        os.chmod(path, 0o666)
        listener.listen(128)
        self._acceptor = Acceptor(listener, self._begin)

    def _begin(self, connection):
        self._connections.append(connection)
        threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection):
        try:
            with connection, connection.makefile("rb") as lines:
                for line in lines:
                    self.asked.append(json.loads(line))
                    answer = self.answer(self.asked[-1])
                    if answer == b"":
                        return
                    if answer is not None:
                        connection.sendall(answer)
                    if self.closes:
                        return
        except OSError:
            pass

    def close(self):
        """Nobody listens any more."""
        self._acceptor.close()
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        os.unlink(self.path)
