"""Addresses that come and go with a reload."""

import os
import threading

from common import free_port, table
from lab.posternd import section
from lab.smtp import Client, Closed
from reloading import Reloading

ROUNDS = 5


def listener(name, port, host="127.0.0.1", **options):
    return section("listener", name, {"address": f"{host}:{port}", "tls": "none",
                                      "backend": "postfix", **options})


class Knocking:
    """Threads that connect again and again until told to stop: what they met is in `met`."""

    def __init__(self, address, number=4):
        self.met = {"banner": 0, "refused": 0, "reset": 0, "late": 0}
        self._address = address
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._knock) for _ in range(number)]
        for thread in self._threads:
            thread.start()

    def _once(self):
        try:
            with Client(self._address) as client:
                return "banner" if client.line().startswith(b"220 ") else "late"
        except ConnectionRefusedError:
            return "refused"
        except (ConnectionResetError, Closed):
            return "reset"
        except OSError:
            return "late"

    def _knock(self):
        while not self._over.is_set():
            what = self._once()
            with self._lock:
                self.met[what] += 1

    def stop(self):
        self._over.set()
        for thread in self._threads:
            thread.join()
        return self.met


class Addresses(Reloading):
    def setUp(self):
        super().setUp()
        self.begin(certificates=["p256"])
        self.base = self.text()

    def closed(self, port, after):
        self.daemon.wait_log(rf"no longer listening on \[[0-9.:]+\]:{port}$", after=after)

    def client(self, port, host="127.0.0.1"):
        client = self.connect((host, port))
        self.assert_code(client.greet(), 250)
        return client

    def test_added_and_removed(self):
        port = free_port()
        self.append(listener("new", port))
        match = self.reload()
        self.assertEqual((match["addresses"], match["opened"], match["closed"]), ("2", "1", "0"))
        self.assertTrue(self.daemon.log.find(rf"listening on \[127.0.0.1\]:{port} listener=new$"))
        running = self.client(port)
        self.write(self.base)
        mark = self.daemon.mark()
        match = self.reload()
        self.assertEqual((match["addresses"], match["opened"], match["closed"]), ("1", "0", "1"))
        self.closed(port, mark)
        with self.assertRaises(ConnectionRefusedError):
            Client(("127.0.0.1", port))
        self.finish(running)
        self.append(listener("new", port))
        self.reload()
        self.finish(self.client(port))

    def test_removed_under_load(self):
        """No client that has a connection is reset: it gets its banner, and afterwards it is
        refused."""
        port = free_port()
        knocking = Knocking(("127.0.0.1", port))
        try:
            for _ in range(ROUNDS):
                self.write(self.base + listener("new", port))
                self.reload()
                self.finish(self.client(port))
                self.write(self.base)
                mark = self.daemon.mark()
                self.reload()
                self.closed(port, mark)
        finally:
            met = knocking.stop()
        self.assertEqual((met["reset"], met["late"]), (0, 0), met)
        self.assertGreater(met["banner"], ROUNDS)

    def test_back_before_it_is_closed(self):
        """An address that comes back while it is left is served by new sockets."""
        port = free_port()
        with_it = self.base + listener("new", port)
        self.write(with_it)
        self.reload()
        knocking = Knocking(("127.0.0.1", port), 2)
        try:
            for _ in range(ROUNDS):
                self.write(self.base)
                self.reload()
                mark = self.daemon.mark()
                self.write(with_it)
                self.reload()
                self.finish(self.client(port))
                self.closed(port, mark)
        finally:
            met = knocking.stop()
        self.assertEqual((met["reset"], met["late"]), (0, 0), met)
        self.finish(self.client(port))

    def test_other_listener_at_the_same_address(self):
        """The sockets stay, and what is at them changes."""
        port = free_port()
        self.append(listener("old", port))
        self.reload()
        running = self.client(port)
        self.write(self.base + listener("new", port, tls="may", certificate_sets="mail"))
        match = self.reload()
        self.assertEqual((match["opened"], match["closed"]), ("0", "0"))
        new = self.connect(("127.0.0.1", port))
        self.assertTrue(new.greet().offers("STARTTLS"))
        self.assertFalse(running.command("EHLO client.example.test").offers("STARTTLS"))
        self.finish(running)

    @table((("to one", "0.0.0.0", "127.0.0.1"), ("to all", "127.0.0.1", "0.0.0.0")))
    def test_all_addresses(self, before, after):
        """The same port of another address, which overlaps: nobody is refused."""
        port = free_port("0.0.0.0")
        self.append(listener("new", port, before))
        self.reload()
        running = self.client(port)
        knocking = Knocking(("127.0.0.1", port), 2)
        try:
            self.write(self.base + listener("new", port, after))
            mark = self.daemon.mark()
            match = self.reload()
            self.assertEqual((match["opened"], match["closed"]), ("1", "1"))
            self.closed(port, mark)
            self.finish(self.client(port))
        finally:
            met = knocking.stop()
        self.assertEqual((met["refused"], met["reset"], met["late"]), (0, 0, 0), met)
        self.finish(running)

    def test_refused_address_under_load(self):
        """A narrower address takes no client away from a wider one, unless it is served."""
        port = free_port("0.0.0.0")
        self.append(listener("new", port, "0.0.0.0"))
        self.reload()
        wide = self.text()
        knocking = Knocking(("127.0.0.1", port))
        try:
            self.write(wide.replace(f'"0.0.0.0:{port}"',
                                    f'{{"127.0.0.1:{port}", "192.0.2.99:{port}"}}'))
            for _ in range(10 * ROUNDS):
                self.refuse(".*: cannot listen on 192.0.2.99:.*: Cannot assign requested address")
        finally:
            met = knocking.stop()
        self.assertEqual((met["reset"], met["late"], met["refused"]), (0, 0, 0), met)
        self.write(wide)
        self.reload()

    def test_trial_address(self):
        """A listener goes from its trial address to the real one."""
        real, trial = free_port(), free_port()
        self.append(listener("new", real, trial_address=f"127.0.0.1:{trial}"))
        self.reload()
        running = self.client(trial)
        self.write(self.base + listener("new", real))
        mark = self.daemon.mark()
        match = self.reload()
        self.assertEqual((match["opened"], match["closed"]), ("1", "1"))
        self.closed(trial, mark)
        self.finish(self.client(real))
        self.finish(running)

    def test_clients_that_wait(self):
        """Those that are in the queue of an address when it goes are served."""
        port = free_port()
        self.append(listener("new", port))
        self.reload()
        self.daemon.suspend()
        waiting = [self.connect(("127.0.0.1", port)) for _ in range(90)]
        self.write(self.base)
        control = self.control()
        control.send(b'{"request":"reload"}\n')
        mark = self.daemon.mark()
        self.daemon.resume()
        self.assertIn("reloaded", control.answer())
        for client in waiting:
            self.assert_code(client.reply(), 220)
        self.closed(port, mark)

    def test_no_socket_is_left(self):
        def descriptors():
            return len(os.listdir(f"/proc/{self.daemon.pid}/fd"))

        self.reload()
        before = descriptors()
        for _ in range(5):
            port = free_port()
            self.write(self.base + listener("new", port))
            self.reload()
            self.write(self.base)
            mark = self.daemon.mark()
            self.reload()
            self.closed(port, mark)
        self.assertLessEqual(descriptors(), before + 1)
