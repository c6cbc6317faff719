"""posternctl selftest before backends of other kinds: a postscreen, one without IPv6, one that is
posternd itself, and some that keep one waiting."""

import os
import socket
import threading

from common import Backend, free_port, own_address, table
from lab import namespace
from lab.acceptor import Acceptor
from lab.posternd import postfix_config
from selftest_case import Selftest


class Postscreen(Selftest):
    """A postscreen before the smtpd, by postfix-config. To new clients it says 450."""

    @classmethod
    def prepare(cls):
        cls.postfix = cls.stage.make_postfix(main_cf={
            "postscreen_greet_wait": "1s", "postscreen_bare_newline_enable": "yes",
            "postscreen_pipelining_enable": "yes", "postscreen_non_smtp_command_enable": "yes"})
        cls.screen = cls.postfix.postscreen("screen")
        conf = cls.stage.write(certificates=["p256"], backend=cls.screen.address)
        cls.postfix.paste(postfix_config(cls.build, conf, cls.postfix))
        cls.stage.start_postfix()

    def test_good(self):
        daemon = self.start(backend=self.screen.address)
        for code, result, text in ((3, "not-checked", "450 4.3.2 Service currently unavailable"),
                                   (0, "ok", "554 5.7.1 .*: Relay access denied")):
            checks = self.checks(daemon.conf, code)
            self.of(checks, "mail", result)
            self.of(checks, "proxy-header", "ok")
            self.of(checks, "starttls", "ok")
            self.assertRegex(self.of(checks, "relay", result)[0]["text"], ": " + text)
        self.assertIsNone(self.postfix.log.find("PREGREET|HANGUP|COMMAND PIPELINING|BARE NEWLINE"))


class WrongPostscreen(Selftest):
    @classmethod
    def prepare(cls):
        certificate = cls.stage.certificate("rsa")
        files = f"smtpd_tls_chain_files={certificate.key},{certificate.chain}"
        postfix = cls.stage.make_postfix(main_cf={"postscreen_greet_wait": "1s"})
        postfix.smtpd("passed", options=("smtpd_tls_security_level=may", files)).line = (
            "smtpd pass - - n - - smtpd\n")
        cls.services = {}
        cls.services["screen"] = postfix.postscreen("screen", (
            "postscreen_upstream_proxy_protocol=",))
        cls.services["starttls"] = postfix.postscreen("starttls", (
            "postscreen_tls_security_level=may", "postscreen_cache_map=", files))
        for action in ("drop", "enforce"):
            cls.services[action] = postfix.postscreen(action, (
                "postscreen_upstream_proxy_protocol=", "postscreen_cache_map=",
                "postscreen_access_list=", "postscreen_greet_action=" + action))
        cls.stage.start_postfix()

    @table((*((f"header, {service}", service, "proxy-header",
               "-o postscreen_upstream_proxy_protocol=haproxy")
              for service in ("screen", "drop", "enforce")),
            ("STARTTLS", "starttls", "starttls", "-o postscreen_tls_security_level=none, and "
             "-o smtpd_tls_security_level=none (of the pass service smtpd)")))
    def test_fault(self, service, name, cure):
        daemon = self.start(backend=self.services[service].address)
        self.assertEqual([(fault[0], fault[3]) for fault in self.faults(daemon.conf)],
                         [(name, cure)])


class BusyPostscreen(Selftest):
    @classmethod
    def prepare(cls):
        cls.screen = cls.stage.make_postfix(
            main_cf={"postscreen_greet_wait": "1s"}).postscreen("screen")
        cls.stage.start_postfix()

    def test_no_smtpd_behind_it(self):
        """Its 421 is not about the header."""
        daemon = self.start(backend=self.screen.address)
        (name, _, text, cure), = self.faults(daemon.conf)
        self.assertEqual((name, text, cure),
                         ("proxy-header", "does not accept EHLO: 421 4.3.2 No system resources",
                          None))


class Protocols(Selftest):
    @classmethod
    def prepare(cls):
        cls.postfix = cls.stage.make_postfix(main_cf={"inet_protocols": "ipv4"})
        cls.inner = cls.postfix.smtpd("postern", "unix")
        cls.stage.start_postfix()

    def test_no_ipv6(self):
        port = free_port()
        daemon = self.start(backend=self.inner.address, listeners={
            "mx": {"address": [f"127.0.0.1:{port}", f"[::1]:{port}"]}})
        faults = self.faults(daemon.conf)
        self.assertEqual(faults[0][0:2], (
            "proxy-header-ipv6", f'backend "postfix" {self.inner.address}, client 2001:db8::1'))
        self.assertIn("refuses every client on IPv6 (inet_protocols): 421 4.3.0", faults[0][2])
        self.assertEqual(faults[0][3],
                         "postconf -e inet_protocols=all && postfix stop && postfix start")
        self.assertEqual({fault[1] for fault in faults[1:]}, {f'listener "mx" [::1]:{port}'})

    def test_no_listener_with_ipv6(self):
        """Nobody asks for what no client can be."""
        daemon = self.start(backend=self.inner.address)
        self.assertNotIn("proxy-header-ipv6",
                         {check["name"] for check in self.checks(daemon.conf, 0)})


class Forwarder:
    """A port of its own that leads to another address, as a redirection does."""

    def __init__(self, case, to, host="127.0.0.1"):
        self._to = to
        listener = socket.create_server((host, 0))
        self.port = listener.getsockname()[1]
        self.address = f"{host}:{self.port}"
        case.addCleanup(Acceptor(listener, self._begin).close)

    def _begin(self, near):
        try:
            far = socket.create_connection(self._to)
        except OSError:
            near.close()
            return
        for ends in ((near, far), (far, near)):
            threading.Thread(target=self._pump, args=ends, daemon=True).start()

    @staticmethod
    def _pump(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            source.close()
            target.close()


class Loops(Selftest):
    @classmethod
    def prepare(cls):
        postfix = cls.stage.make_postfix()
        cls.inner = postfix.smtpd("postern", "unix")
        cls.reached = postfix.smtpd("reached")
        cls.stage.start_postfix()

    def assert_loop(self, daemon, address, cure=None):
        """One fault only: nobody is asked who cannot answer."""
        (name, subject, text, found), = self.faults(daemon.conf)
        self.assertEqual((name, subject), ("loop", f'backend "postfix" {address}'))
        self.assertIn("mail would loop", text)
        self.assertEqual(found, cure or f'address = "unix:{self.stage.postfix.queue}/public/postern"')

    def test_redirected_port(self):
        port = free_port()
        forwarder = Forwarder(self, ("127.0.0.1", port))
        daemon = self.start(backend=forwarder.address,
                            backends={"postfix": {"max_connections": 20}},
                            listeners={"mx": {"address": f"127.0.0.1:{port}"}})
        self.assert_loop(daemon, forwarder.address)

    def test_second_posternd(self):
        ports = [free_port(), free_port()]
        for mine, other in (ports, reversed(ports)):
            daemon = self.start(backend=f"127.0.0.1:{other}",
                                backends={"postfix": {"max_connections": 20}},
                                listeners={"mx": {"address": f"127.0.0.1:{mine}"}})
        self.assert_loop(daemon, f"127.0.0.1:{ports[0]}")

    def test_address_of_this_machine(self):
        """A listener on every address."""
        if not namespace.can():
            self.skipTest("a network namespace needs root")
        conf = self.stage.write(certificates=["p256", "rsa"], backend="192.0.2.10:2525",
                                listeners={"mx": {"address": "0.0.0.0:2525"}})
        daemon = self.stage.posternd(
            conf, wrapper=namespace.wrapper("ip address add 192.0.2.10/24 dev lo"))
        self.addCleanup(self.stage.stop, daemon)
        namespace.call(daemon.pid, lambda: self.assert_loop(daemon, "192.0.2.10:2525"))

    @table((("", {}, "address"), ("in a trial", {"address": "127.0.0.1:9"}, "trial_address")))
    def test_tls_address(self, listener, option):
        """A circle that ends at Postfix: the session under TLS comes back as one without."""
        port = free_port()
        forwarder = Forwarder(self, ("127.0.0.1", port))
        daemon = self.start(backend=self.inner.address,
                            backends={"postfix": {"tls_address": forwarder.address}},
                            listeners={"mx": {**listener, option: f"127.0.0.1:{port}"}})
        self.assert_loop(daemon, forwarder.address, 'tls_address = ""')

    def test_somebody_else_has_the_address_in_a_trial(self):
        """Who connects there as a client does not come to posternd."""
        own = own_address()
        if own is None:
            self.skipTest("this machine has loopback addresses only")
        forwarder = Forwarder(self, ("127.0.0.1", self.reached.port), own)
        daemon = self.start(backend=forwarder.address, listeners={"mx": {
            "address": f"0.0.0.0:{forwarder.port}", "trial_address": f"127.0.0.1:{free_port()}"}})
        checks = self.checks(daemon.conf, 3)
        self.of(checks, "loop", "ok")
        self.of(checks, "tls", "ok")

    def test_postfix_with_the_same_certificate(self):
        """Offers STARTTLS and is no posternd."""
        certificate = self.stage.certificate("p256")
        options = ("smtpd_tls_security_level=may",
                   f"smtpd_tls_chain_files={certificate.key},{certificate.chain}")
        other = self.stage.postfix.smtpd("other", options=options)
        self.stage.stop(self.stage.postfix)
        self.stage.start_postfix()
        daemon = self.start(backend=other.address, certificates=["p256"])
        self.assertEqual([fault[0] for fault in self.faults(daemon.conf)], ["starttls"])


class Played(Selftest):
    """The test is the backend, which does what no Postfix does."""

    def before(self, answer):
        """A posternd before a backend that gives each Peer to `answer`, in a thread of its own."""
        backend = Backend(self)

        def one(peer):
            try:
                answer(peer)
            except OSError:
                pass  # the other side has gone

        backend.each(one)
        return self.start(backend=backend.address)

    def test_drips(self):
        """One byte after the other, and never a line."""
        gone = threading.Event()
        self.addCleanup(gone.set)

        def drip(peer):
            while not gone.wait(0.05):
                peer.send(b"2")

        (name, _, text, _), = self.faults(self.before(drip).conf)
        self.assertEqual((name, text), ("proxy-header", "sends no greeting within 12 s"))

    @table((
        ("no SMTP", b"\x1b[2Jhello\r\n", "its reply is not SMTP"),
        ("a line without end", b"220 " + b"x" * 5000, "a line is too long"),
        ("a reply without end", b"220-x\r\n" * 300, "a reply is too long"),
    ))
    def test_no_reply(self, said, text):
        fault, = self.faults(self.before(lambda peer: peer.send(said)).conf)
        self.assertEqual((fault[0], fault[2]),
                         ("proxy-header", f"does not accept the PROXY header: {text}"))

    def test_full_backlog(self):
        """A unix-domain socket says so at once, and posternd waits for connect_timeout."""
        path = os.path.join(self.stage.directory, "full")
        backend = Backend(self, backlog=0, path=path)
        filler = socket.socket(socket.AF_UNIX)
        self.addCleanup(filler.close)
        filler.connect(path)
        daemon = self.start(backend=backend.address)
        (name, _, text, _), = self.faults(daemon.conf)
        self.assertEqual((name, text), ("connect", "cannot be reached: timeout"))

    def test_greeting_that_breaks_off(self):
        """Half of it is none."""
        def answer(peer):
            peer.send(b"220-backend.example.test\r\n")
            peer.close()

        fault, = self.faults(self.before(answer).conf)
        self.assertEqual(fault[2], "does not accept the PROXY header: closed")

    def test_host_name_is_no_keyword(self):
        """The first line of a reply to EHLO names the host."""
        def answer(peer):
            peer.send(b"220 STARTTLS\r\n")
            while line := peer.line():
                verb = line[:4].upper()
                is_elsewhere = b"example.net" in line and verb == b"RCPT"
                peer.send({b"EHLO": b"250 XCLIENT\r\n", b"QUIT": b"221 bye\r\n"}.get(
                    verb, b"550 no\r\n" if is_elsewhere else b"250 ok\r\n"))

        checks = self.checks(self.before(answer).conf, 3)
        self.of(checks, "xclient", "ok")

    def test_terminal_is_safe(self):
        """What a server says is printed without its control characters."""
        daemon = self.before(lambda peer: peer.send(b"554 \x1b[31m\xff no\r\n"))
        text = self.ctl(daemon.conf, code=1)
        self.assertIn("it refuses this client: 554 ?[31m? no\n", text)
