"""posternctl reload and SIGHUP: what changes for new sessions, and that no session notices."""

import json
import os
import signal
import ssl

from common import PROGRAM, Backend, client_context, table
from lab import hello, proxyheader
from lab.posternd import HOSTNAME, USER, many, program, section
from lab.process import run, sanitizer_environment
from reloading import RELOADED, Reloading, named_of

ONE, OTHER = "127.0.0.11", "127.0.0.12"


class New(Reloading):
    """What a new session has and a running one does not."""

    # --- what a client sees, in a session that is greeted ---

    def starttls_offered(self, client):
        return client.command("EHLO client.example.test").offers("STARTTLS")

    def certificate(self, client):
        return self.handshake(client)

    def protocol(self, client):
        self.handshake(client)
        return client.socket.version()

    def backend(self, client):
        return named_of(client.command("EHLO client.example.test"))

    def auth(self, client):
        return client.command("AUTH PLAIN AAAA").code

    @table((
        ("tls", 'tls = "may"', 'tls = "none"', starttls_offered, True, False),
        ("profile", 'backend = "postfix"\n',
         'backend = "postfix"\n    tls_profile = "old"\n', protocol, "TLSv1.3", "TLSv1.2"),
        ("starttls_except", 'backend = "postfix"\n',
         'backend = "postfix"\n    starttls_except = "127.0.0.0/8"\n', starttls_offered, True,
         False),
        ("backend", 'backend = "postfix"\n', 'backend = "other"\n', backend, None,
         "other.example.test"),
    ))
    def test_option(self, old, new, see, before, after):
        self.begin(backends={"other": {"address": self.other.address}},
                   extra='tls_profile "old" { max_protocol = "TLSv1.2" }\n')
        running = [self.greeted() for _ in range(2)]
        was = see(self, running[0])
        if before is not None:
            self.assertEqual(was, before)
        self.change((old, new))
        match = self.reload()
        self.assertEqual((match["certificates"], match["new"], match["opened"], match["closed"]),
                         ("3", "0", "0", "0"))
        self.assertEqual(see(self, running[1]), was)
        self.assertEqual(see(self, self.greeted()), after)
        self.finish(running[1])

    def test_certificate(self):
        """A session that began before does its STARTTLS with the certificate from then."""
        self.begin(certificates=["p256"])
        chain, key = self.own_certificate()
        self.assertEqual(self.reload()["new"], "0")
        running = [self.greeted() for _ in range(2)]
        old = self.handshake(running[0])
        fresh = self.stage.certificate("renewed", "p256")
        for source, path in ((fresh.chain, chain), (fresh.key, key)):
            with open(source, "rb") as file, open(path, "wb") as out:
                out.write(file.read())
        self.assertEqual(self.reload()["new"], "1")
        self.assertEqual(self.handshake(running[1]), old)
        new = self.handshake(self.greeted())
        self.assertNotEqual(new, old)
        for client in running:
            self.finish(client)
        self.assertEqual(self.reload()["new"], "0")

    def test_sets(self):
        self.begin(certificates=["p256", "rsa"], sets={"mail": ["p256"], "second": ["rsa"]})
        running = self.greeted()
        self.change(('certificate_sets = "mail"', 'certificate_sets = { "second", "mail" }'))
        self.reload()
        new = self.handshake(self.greeted())
        self.assertNotEqual(self.handshake(running), new)
        self.finish(running)

    def test_names(self):
        """A name that is added to a set counts for the next client."""
        self.begin(certificates=["p256", "rsa"],
                   sets={"mail": ["p256"], "second": {"certificates": "rsa", "names": "a.test"}},
                   listeners={"mx": {"certificate_sets": ["mail", "second"]}})
        clients = [self.greeted() for _ in range(2)]
        self.assert_code(clients[0].command("STARTTLS"), 220)
        clients[0].tls(name="b.test")
        self.change(('names = "a.test"', 'names = { "a.test", "b.test" }'))
        self.reload()
        for client in (clients[1], new := self.greeted()):
            self.assert_code(client.command("STARTTLS"), 220)
            client.tls(name="b.test")
        self.assertEqual(self.serial(clients[0]), self.serial(clients[1]))
        self.assertNotEqual(self.serial(new), self.serial(clients[1]))

    def test_tickets(self):
        """They are good after a reload."""
        self.begin(certificates=["p256"])
        context = client_context(maximum_version=ssl.TLSVersion.TLSv1_2)
        first = self.greeted()
        self.handshake(first, context)
        self.reload()
        again = self.greeted()
        self.assert_code(again.command("STARTTLS"), 220)
        again.socket = context.wrap_socket(again.socket, session=first.socket.session)
        self.assertTrue(again.socket.session_reused)

    def test_idle_timeout(self):
        self.begin()
        running = self.greeted()
        self.append(section("limits", None, {"idle_timeout": 1}))
        self.reload()
        new = self.greeted()
        self.assertRegex(new.line(), b"^421 4.4.2 ")
        self.assert_code(running.command("NOOP"), 250)
        self.finish(running)

    def test_log(self):
        self.begin()
        running = self.greeted()
        self.change(('log = "stderr"\n',
                     'log = "stderr"\nsyslog_name = "postern-new"\n'),
                    ('log_sessions = "all"', 'log_sessions = "problems"'))
        mark = self.daemon.mark()
        self.assertEqual(self.ctl("reload").returncode, 0)
        self.daemon.wait_log(r"^postern-new\[\d+\]: reloaded: ", after=mark)
        new = self.greeted()
        new.command("QUIT")
        new.rest()
        port = running.port
        running.close()
        self.daemon.wait_log(rf"^postern-new\[\d+\]: disconnect from unknown\[127.0.0.1\]:{port} ",
                             after=mark)
        self.assertIsNone(self.daemon.log.find(f"connect from .*:{new.port} "))

    # --- limits ---

    def test_sessions_of_a_client(self):
        """What was counted counts with the new limit."""
        self.begin(limits={"exempt": [], "max_sessions_per_client": 5})
        running = [self.greeted(source=ONE) for _ in range(3)]
        self.change(("max_sessions_per_client = 5", "max_sessions_per_client = 3"))
        self.reload()
        refused = self.connect(self.daemon.address(), ONE)
        self.assertEqual(refused.rest().decode(),
                         f"421 4.7.0 {HOSTNAME} Error: too many connections from {ONE}\r\n")
        self.greeted(source=OTHER)
        for client in running:
            self.finish(client)

    @table((("fewer", 9, 3), ("more", 1, 3)))
    def test_max_sessions(self, before, after):
        """Also below and above what the tables were made for."""
        self.begin(limits={"max_sessions": before})
        running = [self.greeted() for _ in range(min(before, 3))]
        self.change((f"max_sessions = {before}", f"max_sessions = {after}"))
        self.reload()
        running += [self.greeted() for _ in range(3 - len(running))]
        refused = self.connect(self.daemon.address())
        self.assertRegex(refused.rest(), b"^421 4.3.2 ")
        self.daemon.wait_log("max_sessions=3 reached")
        for client in running:
            done = self.ctl("--json", "facts", "127.0.0.1", str(client.port))
            self.assertIn(f'"client_port": {client.port}', done.stdout)
            self.finish(client)

    def test_more_sessions(self):
        """From a few to many: those from before keep their places, and all others get one."""
        self.begin(limits={"max_sessions": 2}, workers=2)
        running = [self.greeted() for _ in range(2)]
        self.change(("max_sessions = 2", "max_sessions = 200"))
        self.reload()
        more = [self.connect(self.daemon.address()) for _ in range(60)]
        for client in more:
            self.assert_code(client.reply(), 220)
        for client in running:
            self.finish(client)

    def test_max_connections_below_what_is_taken(self):
        """Those who have a slot keep it, and nobody comes in before there is room."""
        self.begin(backends={"postfix": {"max_connections": 6}})
        running = [self.greeted() for _ in range(3)]
        self.change(("max_connections = 6", "max_connections = 2"))
        self.reload()
        refused = self.connect(self.daemon.address())
        self.assertRegex(refused.rest(), b"^421 4.3.2 ")
        self.assert_code(running[0].command("QUIT"), 221)
        self.disconnect(self.daemon, running[0])
        self.change(("max_connections = 2", "max_connections = 3"))
        self.reload()
        self.greeted()
        for client in running[1:]:
            self.finish(client)

    def test_max_connections_raised(self):
        self.begin(backends={"postfix": {"max_connections": 1}})
        running = self.greeted()
        self.assert_code(running.command("MAIL FROM:<sender@client.test>"), 250)
        refused = self.connect(self.daemon.address())
        self.assertRegex(refused.rest(), b"^421 4.3.2 ")
        self.change(("max_connections = 1", "max_connections = 20"))
        self.reload()
        more = [self.greeted() for _ in range(10)]
        self.assert_code(running.command("RSET"), 250)
        for client in (running, *more):
            self.finish(client)

    def test_backend_renamed(self):
        """A session goes on with the backend that it has, and its slots are its own."""
        self.begin(backends={"postfix": {"max_connections": 1}})
        running = self.greeted()
        self.assert_code(running.command("MAIL FROM:<sender@client.test>"), 250)
        text = self.text()
        self.write(text.replace('"postfix"', '"renamed"'))
        self.reload()
        new = self.greeted()
        self.finish(new)
        self.write(text)
        self.reload()
        # It is the one from before: its slot is taken.
        refused = self.connect(self.daemon.address())
        self.assertRegex(refused.rest(), b"^421 4.3.2 ")
        self.assert_code(running.command("RSET"), 250)
        self.finish(running)


class Running(Reloading):
    """Sessions in every phase, and callers."""

    def test_sessions_in_every_phase(self):
        backend = Backend(self)
        self.begin(
            backends={"played": {"address": backend.address}}, workers=2,
            listeners={"mx": {}, "proxy": {"accept_proxy_from": "127.0.0.0/8"},
                       "slow": {"backend": "played"}, "tls": {"tls": "implicit"}})
        silent = self.connect(self.daemon.address())
        self.assert_code(silent.reply(), 220)
        encrypted = self.connect(self.daemon.address())
        encrypted.starttls()
        in_data = [self.greeted() for _ in range(2)]
        self.handshake(in_data[1])
        in_data[1].command("EHLO client.example.test")
        for client in in_data:
            for line in ("MAIL FROM:<sender@client.test>", "RCPT TO:<recipient@example.test>",
                         "DATA"):
                client.command(line)
            client.send(b"Subject: half of it\r\n\r\nHel")
        shaking = [self.greeted(), self.connect(self.daemon.address("tls"))]
        self.assert_code(shaking[0].command("STARTTLS"), 220)
        records = hello.records(hello.story())
        for client in shaking:
            client.send(records[:50])
        unanswered = self.connect(self.daemon.address("slow"))
        peer = backend.accept()

        for number in range(20):
            self.assertEqual(self.ctl("reload").returncode, 0, number)
        # It has 5 seconds for its header.
        header = proxyheader.v2(("192.0.2.9", 999), ("192.0.2.1", 25))
        proxied = self.connect(self.daemon.address("proxy"))
        proxied.send(header[:10])
        self.assertEqual(self.ctl("reload").returncode, 0)

        for client in shaking:
            client.send(records[50:])
            self.assertEqual(client.read_some()[:1], b"\x16")
        peer.send(b"220 backend.example.test ESMTP\r\n")
        self.assert_code(unanswered.reply(), 220)
        proxied.send(header[10:])
        self.assert_code(proxied.greet(), 250)
        for client in in_data:
            client.send(b"lo.\r\n.\r\n")
            self.assert_code(client.reply(), 250)
            self.stage.postfix.wait_for_mail()
        self.assert_code(silent.command("EHLO client.example.test"), 250)
        for client in (silent, encrypted, proxied):
            self.finish(client)
        self.daemon.wait_log(RELOADED, times=21)

    def test_signal(self):
        self.begin()
        mark = self.daemon.mark()
        self.daemon.send_signal(signal.SIGHUP)
        self.daemon.wait_log(rf"^{PROGRAM}reloading: signal HUP from uid={os.getuid()} "
                             rf"pid={os.getpid()}$", after=mark)
        match = self.daemon.wait_log(RELOADED, after=mark)
        self.assertEqual(match["file"], self.daemon.conf)
        self.assertEqual(match["addresses"], "1")

    def test_json(self):
        self.begin()
        done = self.ctl("--json", "reload")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout),
                         {"reloaded": {"number": 2, "certificates": 3, "new": 0}})
        self.append("nonsense\n")
        done = self.ctl("--json", "reload")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(json.loads(done.stdout)["refused"], done.stderr[len("posternctl: "):-1])

    def test_callers_share_one_further_load(self):
        self.begin()
        controls = [self.control() for _ in range(8)]
        for control in controls:
            self.assertIn("version", control.ask("version"))
        self.daemon.suspend()
        for control in controls:
            control.send(b'{"request":"reload"}\n')
        self.daemon.resume()
        numbers = sorted(control.answer()["reloaded"]["number"] for control in controls)
        self.assertEqual(numbers, [2] + 7 * [3])
        self.daemon.wait_log(RELOADED, times=2)
        self.assertEqual(len(self.daemon.log.find_all(RELOADED)), 2)

    def test_requests_of_one_caller(self):
        """One after the other, in their order."""
        self.begin()
        control = self.control()
        control.send(b'{"request":"reload"}\n{"request":"version"}\n{"request":"reload"}\n')
        self.assertEqual(control.answer()["reloaded"]["number"], 2)
        self.assertIn("version", control.answer())
        self.assertEqual(control.answer()["reloaded"]["number"], 3)

    def test_callers_that_go(self):
        self.begin()
        controls = [self.control() for _ in range(8)]
        mark = self.daemon.mark()
        for control in controls:
            control.send(b'{"request":"reload"}\n')
            control.close()
        self.daemon.wait_log(RELOADED, after=mark)
        self.assertEqual(self.reload()["certificates"], "3")

    def slow(self):
        """A posternd with so many certificates that to load them takes many times what a client
        needs to be greeted; one has been, so that Postfix has a server for the next."""
        self.number = many(self.build, 1000)
        self.begin(certificates=["p256"])
        text = self.text()
        head = text[text.index("certificate "):text.index("certificate_set")]
        self.append("".join(head.replace('"p256"', f'"n{number}"') for number in range(self.number)))
        self.greeted().close()

    def test_others_do_not_wait(self):
        """Clients of the control socket and of the listeners are served during a load."""
        self.slow()
        control, other = self.control(), self.control()
        self.assertIn("version", other.ask("version"))
        control.send(b'{"request":"reload"}\n')
        self.assertIn("version", other.ask("version"))
        self.greeted()
        self.assertIsNone(self.daemon.log.find(RELOADED))
        self.assertEqual(control.answer()["reloaded"]["certificates"], self.number + 1)

    def test_stopped_during_a_load(self):
        self.slow()
        control = self.control()
        control.send(b'{"request":"reload"}\n')
        self.assertIn("version", self.control().ask("version"))
        daemon, self.daemon = self.daemon, None
        self.assertEqual(self.stage.stop(daemon), 0)
        self.assertIsNone(control.answer())
        self.assertIsNone(daemon.log.find(RELOADED))

    @table((("of the group", "daemon", 1, r"posternctl: \S+control.sock: only root and posternd's own "
             r"user may reload\n"), ("its own", USER, 0, "")))
    def test_user(self, user, code, text):
        self.begin()
        path = os.path.join(os.path.dirname(self.daemon.conf), "state", "control.sock")
        os.chmod(os.path.dirname(path), 0o711)
        done = run(["setpriv", f"--reuid={user}", f"--regid={os.stat(path).st_gid}",
                    "--clear-groups", program(self.build, "posternctl"), "-c", self.daemon.conf,
                    "reload"], env=sanitizer_environment())
        self.assertRegex(done.stderr, f"^{text}$")
        self.assertEqual(done.returncode, code)
        if code:
            self.daemon.wait_log(r"control request from uid=\d+ pid=\d+ refused: only root")
            self.assertIsNone(self.daemon.log.find("reloaded"))

    def test_no_posternd(self):
        self.begin()
        daemon, self.daemon = self.daemon, None
        self.stage.stop(daemon)
        self.daemon = daemon
        done = self.ctl("reload")
        self.daemon = None
        self.assertEqual(done.returncode, 69, done.stderr)

    def test_milter_policy(self):
        """`systemctl reload postern` reaches postern-milter with the same signal."""
        unit = os.path.join(os.path.dirname(__file__), "../../systemd/postern-milter.service")
        with open(unit, encoding="ascii") as file:
            text = file.read()
        self.assertIn("\nReloadPropagatedFrom=postern.service\n", text)
        self.assertIn("\nExecReload=", text)
