"""Start, signals and end of posternd."""

import os
import re
import signal
import threading

from common import (CERTIFICATES, DISCONNECT, MISTAKEN, PROGRAM, Case, free_port, table)
from lab import hello
from lab.posternd import HOSTNAME, USER
from lab.smtp import Client, Closed

STOPPING = f"421 4.3.2 {HOSTNAME} Service shutting down\r\n"


class Lifecycle(Case):
    @classmethod
    def prepare(cls):
        postfix = cls.stage.make_postfix(main_cf={"smtpd_client_port_logging": "yes"})
        cls.inner = postfix.smtpd("postern", "unix")
        cls.stage.start_postfix()

    def start(self, **options):
        """A running posternd. The test stops it; what it leaves is stopped by the stage."""
        return self.stage.posternd(certificates=CERTIFICATES, backend=self.inner.address,
                                   log_sessions="all", **options)

    def in_data(self, daemon, tls):
        client = self.connect(daemon.address())
        client.starttls() if tls else client.greet()
        for line, code in (("MAIL FROM:<sender@client.test>", 250),
                           ("RCPT TO:<lost@example.test>", 250), ("DATA", 354)):
            self.assert_code(client.command(line), code)
        client.send(b"Subject: lost\r\n\r\nhalf of it")
        return client

    @table((("SIGTERM", signal.SIGTERM, "TERM"), ("SIGINT", signal.SIGINT, "INT"),
            ("SIGQUIT", signal.SIGQUIT, "QUIT")))
    def test_end_with_sessions_open(self, number, word):
        daemon = self.start(shutdown_timeout=1)
        silent = self.connect(daemon.address())
        self.assert_code(silent.reply(), 220)
        greeted = self.connect(daemon.address())
        greeted.greet()
        encrypted = self.connect(daemon.address())
        encrypted.starttls()
        shaking = self.connect(daemon.address())
        shaking.greet()
        shaking.command("STARTTLS")
        shaking.send(hello.records(hello.story())[:50])
        in_data = [self.in_data(daemon, tls) for tls in (False, True)]

        daemon.send_signal(number)
        self.assertEqual(daemon.wait(), 0)
        for client in (silent, greeted, encrypted):
            self.assertEqual(client.rest().decode(), STOPPING)
        self.assertIn(shaking.rest()[:1], (b"", b"\x15"))
        for client in in_data:
            self.assertEqual(client.rest().decode(), STOPPING)
        for client in (silent, greeted, encrypted, shaking, *in_data):
            self.of_log(daemon, DISCONNECT, client)
            self.stage.postfix.log.wait(rf"disconnect from unknown\[127.0.0.1\]:{client.port}\b")
        self.assertEqual(len(daemon.log.find_all(f"stopping: signal {word}$")), 1)
        self.assertIsNone(self.stage.postfix.log.find("to=<lost@example.test>"))

    def test_end_without_sessions(self):
        daemon = self.start()
        self.assertEqual(self.stage.stop(daemon), 0)
        with self.assertRaises(ConnectionRefusedError):
            Client(daemon.address())

    def test_port_is_free_again(self):
        """At once, although connections that posternd closed are in TIME_WAIT."""
        port = free_port()
        for _ in range(2):
            daemon = self.start(listeners={"mx": {"address": f"127.0.0.1:{port}"}})
            self.assertEqual(daemon.port(), port)
            client = self.connect(daemon.address())
            client.starttls()
            self.assert_code(client.mail(), 250)
            self.assertEqual(self.stage.stop(daemon), 0)
            self.assertEqual(client.rest().decode(), STOPPING)
            self.stage.postfix.wait_for_mail()

    def test_sighup_does_not_kill(self):
        """It reloads, which no session notices."""
        daemon = self.start()
        client = self.connect(daemon.address())
        client.starttls()
        daemon.send_signal(signal.SIGHUP)
        daemon.wait_log(rf"^{PROGRAM}reloading: signal HUP from uid={os.getuid()} "
                        rf"pid={os.getpid()}$")
        daemon.wait_log(rf"^{PROGRAM}reloaded: ")
        self.assert_code(client.mail(), 250)
        self.stage.postfix.wait_for_mail()
        self.connect(daemon.address()).starttls()
        self.assertIsNone(daemon.exit_code)
        self.assertEqual(self.stage.stop(daemon), 0)

    @table(MISTAKEN)
    def test_signal_by_mistake(self, number, word):
        """It ends nothing, and a flood of it writes one line a minute."""
        daemon = self.start()
        client = self.connect(daemon.address())
        client.starttls()
        for _ in range(100):
            daemon.send_signal(number)
        daemon.wait_log(rf"^{PROGRAM}warning: signal {word} from uid={os.getuid()} "
                        rf"pid={os.getpid()} ignored times=1$")
        self.assert_code(client.mail(), 250)
        self.stage.postfix.wait_for_mail()
        self.assertEqual(self.stage.stop(daemon), 0)
        self.assertEqual(len(daemon.log.find_all(f"signal {word} ")), 1)

    def test_signal_while_it_starts(self):
        """As soon as it is itself, it cannot be ended by mistake."""
        conf = self.stage.write(certificates=CERTIFICATES, backend=self.inner.address)
        with open(conf, encoding="utf-8") as file:
            text = file.read()
        section = text[text.index("certificate "):text.index("certificate_set")]
        with open(conf, "a", encoding="utf-8") as file:
            # A second of work for its start, and ten under a sanitizer.
            for number in range(200):
                file.write(re.sub(r'^certificate "', f'certificate "{number}-', section,
                                  flags=re.MULTILINE))
        over = threading.Event()
        self.addCleanup(over.set)
        threading.Thread(target=self.signal_early, args=[conf, over], daemon=True).start()
        daemon = self.stage.posternd(conf)
        daemon.wait_log("signal USR1 from .* ignored")
        daemon.wait_log("reloaded: ")
        self.assertLess(daemon.log.lines.index(daemon.log.find("listening on").string),
                        daemon.log.lines.index(daemon.log.find("signal USR1").string))
        self.assertEqual(self.stage.stop(daemon), 0)

    @staticmethod
    def signal_early(conf, over):
        """Sends signals to the posternd with this configuration that holds them already."""
        while not over.is_set():
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
                        if file.read().split("\0")[1:] != ["-c", conf, ""]:
                            continue
                    with open(f"/proc/{pid}/status", encoding="ascii") as file:
                        blocked = re.search(r"^SigBlk:\t([0-9a-f]+)$", file.read(), re.MULTILINE)
                except (OSError, UnicodeDecodeError):
                    continue
                if int(blocked[1], 16) >> (signal.SIGUSR1 - 1) & 1:
                    os.kill(int(pid), signal.SIGUSR1)
                    os.kill(int(pid), signal.SIGHUP)
                    return

    def test_client_closed_pipe_does_not_kill(self):
        """Writing to connections that are gone."""
        daemon = self.start()
        for _ in range(20):
            with Client(daemon.address()) as client:
                client.reply()
                client.send(b"EHLO x\r\n" * 50)
        self.assert_code(self.connect(daemon.address()).greet(), 250)
        self.assertEqual(self.stage.stop(daemon), 0)

    def test_root_is_given_up(self):
        daemon = self.start()
        with open(f"/proc/{daemon.pid}/status", encoding="ascii") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        uid, gid = (set(status[each].split()) for each in ("Uid", "Gid"))
        self.assertEqual(len(uid | gid), 2 if uid != gid else 1)
        self.assertNotIn("0", uid | gid)
        self.assertNotIn("0", status["Groups"].split())
        self.assertEqual(int(status["CapEff"], 16), 0, USER)
        self.assertEqual(self.stage.stop(daemon), 0)

    def test_no_file_descriptor_is_left_by_sessions(self):
        daemon = self.start(workers=1)

        def descriptors():
            return len(os.listdir(f"/proc/{daemon.pid}/fd"))

        def session():
            client = self.connect(daemon.address())
            client.starttls()
            self.assert_code(client.command("QUIT"), 221)
            with self.assertRaises(Closed):
                client.line()
            self.disconnect(daemon, client)

        session()
        # One session more, that has answered, shows that the one before has been freed whole.
        self.connect(daemon.address()).greet()
        before = descriptors()
        for _ in range(20):
            session()
        self.connect(daemon.address()).greet()
        # The two that are left open have two descriptors each.
        self.assertEqual(descriptors(), before + 2)
        self.assertEqual(self.stage.stop(daemon), 0)
