"""A listening socket whose connections a thread accepts."""

import contextlib
import socket
import threading

from lab.process import TIMEOUT, Timeout


class Acceptor:
    """Calls `on_connection(connection)` in a thread of its own for one connection after the other."""

    def __init__(self, listener, on_connection):
        self._listener = listener
        self._on_connection = on_connection
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed
            with contextlib.suppress(OSError):  # its client is gone
                self._on_connection(connection)

    def close(self):
        """Nobody listens any more. Not before the thread has noticed: it would go on listening, or
        accept from the next socket that gets the same descriptor."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(TIMEOUT)
        self._listener.close()
        if self._thread.is_alive():
            raise Timeout("a connection of a played server is still being served")
