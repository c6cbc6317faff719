"""Somebody else than posternd at the control socket."""

import json
import os
import socket
import threading


class FakeControl:
    """`answer(request)` makes the bytes of an answer of a request, None for silence; b"" closes."""

    def __init__(self, path):
        self.path = path
        self.answer = lambda request: None
        self.closes = False  # after an answer
        self.asked = []
        self._connections = []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(path)
        os.chmod(path, 0o666)
        self._socket.listen(128)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
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
        self._socket.close()
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        os.unlink(self.path)
