"""Sessions whose backend is played by the test."""

from common import Backend, Case
from lab.posternd import HOSTNAME

UNAVAILABLE = f"421 4.3.2 {HOSTNAME} Service currently unavailable"


class Played(Case):
    """The test is the backend."""

    def daemon(self, **options):
        """(Backend, running posternd before it)."""
        backend = Backend(self)
        daemon = self.stage.posternd(certificates=["p256"], backend=backend.address,
                                     log_sessions="all", **options)
        self.addCleanup(self.stage.stop, daemon)
        return backend, daemon

    def begin(self, **options):
        """(Client, Peer, posternd) with banner and EHLO exchanged."""
        backend, daemon = self.daemon(**options)
        client = self.connect(daemon.address())
        return client, backend.greet(client), daemon

    def begin_tls(self, **options):
        """The same, under TLS with a second EHLO exchanged."""
        client, peer, daemon = self.begin(**options)
        self.assert_code(client.command("STARTTLS"), 220)
        client.tls()
        client.send(b"EHLO client.example.test\r\n")
        peer.answer_ehlo()
        client.reply()
        return client, peer, daemon

    def assert_given_up(self, client, peer, text="Service (not |currently un)available"):
        """421 to the client, both sides closed."""
        self.assertRegex(client.rest().decode(), rf"^421 4\.3\.2 {HOSTNAME} {text}\r\n$")
        self.assertNotIn(b"421", peer.rest())
