"""posternd stops while mails are under way: nothing is lost, nothing is delivered twice. Postfix is
real, and a milter of the test holds the end of each mail as long as the test wants."""

import os
import signal
import threading

from common import PROGRAM, free_port, table
from lab.posternd import HOSTNAME, run_posternctl
from lab.process import TIMEOUT
from lab.smtp import Client
from milter_stage import TLS, Milters, OtherMilter
from supervisor import Supervisor

STOPPING = f"421 4.3.2 {HOSTNAME} Service shutting down\r\n".encode()

KINDS = (("plaintext", "mx"), ("starttls", "mx"), ("implicit", "smtps"))


class Held:
    """A milter that holds the end of each mail until release()."""

    def __init__(self, case, path):
        self._arrived = threading.Semaphore(0)
        self._free = threading.Event()
        self.milter = OtherMilter(case, path, self._end)

    def _end(self, _):
        self._arrived.release()
        if not self._free.wait(2 * TIMEOUT):
            raise TimeoutError

    def hold(self):
        self._free.clear()

    def arrived(self):
        """Waits for the end of one mail."""
        if not self._arrived.acquire(timeout=TIMEOUT):
            raise TimeoutError

    def release(self):
        self._free.set()


class Drain(Milters):
    """Each test has a posternd of its own, before a Postfix with two milters: one that holds mails,
    and postern-milter."""

    @classmethod
    def prepare(cls):
        cls.held = None
        cls.set_up(change=cls.before_postern_milter, shutdown_timeout=1,
                   listeners={"mx": {}, "smtps": {"tls": "implicit"}})
        cls.stage.stop(cls.daemon)

    @classmethod
    def before_postern_milter(cls, text):
        """Puts the test's milter before postern-milter, which so asks when it has let go."""
        cls.held = Held(cls, cls.sockets + "/held.sock")
        return text.replace("smtpd_milters = ", "smtpd_milters = unix:postern/held.sock, ")

    def setUp(self):
        super().setUp()
        self.held.hold()
        self.addCleanup(self.held.release)
        self.number = self.delivered_so_far()
        self.log_before = self.postfix.log.mark()

    def delivered_so_far(self):
        return len(os.listdir(self.postfix.mailbox + "/new"))

    def start(self, conf=None):
        """A posternd that is not left to the next test."""
        daemon = self.stage.posternd(conf or self.conf)
        self.addCleanup(self.kill, daemon)
        return daemon

    @staticmethod
    def kill(daemon):
        if daemon.exit_code is None:
            daemon.stop()

    def enter(self, daemon, kind="plaintext", listener="mx"):
        """A client that has said EHLO."""
        client = self.connect(daemon.address(listener))
        if kind == "implicit":
            client.tls()
        client.starttls() if kind == "starttls" else client.greet()
        return client

    def begin(self, client):
        for line, code in (("MAIL FROM:<sender@client.test>", 250),
                           ("RCPT TO:<recipient@example.test>", 250), ("DATA", 354)):
            self.assert_code(client.command(line), code)

    def out(self, client, more=b""):
        """The client sends a mail, whose end arrives; its subject."""
        subject = self.id()
        self.begin(client)
        client.send(b"Subject: " + subject.encode() + b"\r\n\r\nHello.\r\n.\r\n" + more)
        self.held.arrived()
        return subject

    def stop(self, daemon, number=signal.SIGTERM):
        """Returns when all workers have begun to drain."""
        daemon.send_signal(number)
        daemon.wait_log("stopping: waiting for")

    def refused(self, daemon):
        """Waits until new clients are refused."""
        with self.assertRaises(ConnectionRefusedError):
            while True:
                # One that comes between the last accept() and the close is reset.
                with Client(daemon.address()) as late:
                    late.rest()

    def end(self, daemon, *, sessions, inside=0, without=0):
        """It has ended by itself, and says so; seconds that it took."""
        self.assertEqual(daemon.wait(), 0)
        self.stage.forget(daemon)
        match = daemon.wait_log(
            rf"^{PROGRAM}stopped: seconds=(\d+\.\d) sessions={sessions} inside_mail={inside} "
            f"without_reply={without}$")
        return float(match[1])

    def once(self, subject):
        """The mail has been delivered, and nothing else."""
        self.delivered(subject)
        files = self.postfix.wait_for_mails(self.number + 1)
        self.assertEqual(len(files), self.number + 1)
        self.assertFalse(self.postfix.log.find("lost connection after (DATA|END-OF-MESSAGE)",
                                               self.log_before))

    # --- the end of a mail is out ---

    @table(KINDS)
    def test_mail_is_replied_to(self, listener):
        kind = self.id().rpartition("_")[2]
        daemon = self.start()
        idle = self.enter(daemon)
        client = self.enter(daemon, kind, listener)
        subject = self.out(client)
        self.stop(daemon)
        # The idle one does not wait for the other.
        self.assertEqual(idle.rest(), STOPPING)
        self.assertIsNone(daemon.exit_code)
        self.held.release()
        self.assert_code(client.reply(), 250)
        self.assertEqual(client.rest(), STOPPING)
        self.end(daemon, sessions=2)
        self.once(subject)

    @table((("sigint", signal.SIGINT), ("sigquit", signal.SIGQUIT)))
    def test_other_signals(self, number):
        daemon = self.start()
        client = self.enter(daemon)
        subject = self.out(client)
        self.stop(daemon, number)
        self.held.release()
        self.assert_code(client.reply(), 250)
        self.end(daemon, sessions=1)
        self.once(subject)

    def test_quit_in_the_same_packet(self):
        daemon = self.start()
        client = self.enter(daemon, "starttls")
        subject = self.out(client, b"QUIT\r\n")
        self.stop(daemon)
        self.held.release()
        self.assert_code(client.reply(), 250)
        self.assert_code(client.reply(), 221)
        self.assert_closed(client)
        self.end(daemon, sessions=1)
        self.once(subject)

    def test_command_after_the_signal_is_not_answered(self):
        """421 comes in its place."""
        daemon = self.start()
        client = self.enter(daemon)
        subject = self.out(client)
        self.stop(daemon)
        client.send(b"MAIL FROM:<second@client.test>\r\n")
        self.held.release()
        self.assert_code(client.reply(), 250)
        self.assertEqual(client.rest(), STOPPING)
        self.end(daemon, sessions=1)
        self.once(subject)
        self.assertFalse(self.postfix.log.find("second@client.test"))

    @table((("alone", False), ("in_a_group", True)))
    def test_bdat(self, group):
        daemon = self.start()
        client = self.enter(daemon)
        subject = self.id()
        body = b"Subject: " + subject.encode() + b"\r\n\r\nHello.\r\n"
        lines = (b"MAIL FROM:<sender@client.test>\r\n", b"RCPT TO:<recipient@example.test>\r\n",
                 b"BDAT %d LAST\r\n" % len(body) + body)
        if group:
            # Postfix does not reply before it has read the whole group.
            client.send(b"".join(lines))
        else:
            self.assert_code(client.command(lines[0].decode().rstrip()), 250)
            self.assert_code(client.command(lines[1].decode().rstrip()), 250)
            client.send(lines[2])
        self.held.arrived()
        self.stop(daemon)
        self.held.release()
        for _ in lines if group else lines[:1]:
            self.assert_code(client.reply(), 250)
        self.assertEqual(client.rest(), STOPPING)
        self.end(daemon, sessions=1)
        self.once(subject)

    def test_mail_that_ends_in_time(self):
        """Its end comes after the signal."""
        daemon = self.start(self.longer())
        client = self.enter(daemon, "starttls")
        self.begin(client)
        subject = self.id()
        client.send(b"Subject: " + subject.encode() + b"\r\n\r\n")
        self.stop(daemon)
        self.held.release()
        client.send(b"Hello.\r\n.\r\n")
        self.assert_code(client.reply(), 250)
        self.assertEqual(client.rest(), STOPPING)
        self.end(daemon, sessions=1)
        self.once(subject)

    def longer(self):
        """The configuration with another shutdown_timeout."""
        return self.changed("shutdown_timeout = 1\n", "shutdown_timeout = 270\n")

    def changed(self, old, new):
        """Another file with one change."""
        with open(self.conf, encoding="utf-8") as file:
            text = file.read()
        self.assertIn(old, text)
        with open(self.conf + ".changed", "w", encoding="utf-8") as file:
            file.write(text.replace(old, new, 1))
        return file.name

    # --- it is not ---

    def test_mail_without_its_end(self):
        """It has shutdown_timeout, and no longer however much comes."""
        daemon = self.start()
        silent = self.enter(daemon)
        self.begin(silent)
        silent.send(b"Subject: lost\r\n\r\nhalf of it")
        dribbles = self.enter(daemon, "starttls")
        self.begin(dribbles)
        self.stop(daemon)
        over = threading.Event()
        thread = threading.Thread(target=self.dribble, args=[dribbles, over])
        thread.start()
        try:
            self.assertEqual(silent.rest(), STOPPING)
            seconds = self.end(daemon, sessions=2, inside=2)
        finally:
            over.set()
            thread.join()
        self.assertGreaterEqual(seconds, 1)
        self.assertLess(seconds, TIMEOUT / 2)
        self.of_log(daemon, "stopped: the client was inside a mail", silent)
        self.assertEqual(self.delivered_so_far(), self.number)

    @staticmethod
    def dribble(client, over):
        while not over.wait(0.05):
            try:
                client.send(b"x\r\n")
            except OSError:
                return

    def test_second_signal(self):
        daemon = self.start()
        inside = self.enter(daemon)
        self.begin(inside)
        client = self.enter(daemon, "starttls")
        self.out(client)
        self.stop(daemon)
        daemon.send_signal(signal.SIGTERM)
        self.assertEqual(inside.rest(), STOPPING)
        # Nobody knows what becomes of its mail.
        self.assert_closed(client)
        self.end(daemon, sessions=2, inside=1, without=1)
        self.of_log(daemon, "warning: stopped: the backend has not replied to a mail, which may be "
                            "delivered twice", client)
        self.held.release()
        self.delivered(self.id())

    # --- the others meanwhile ---

    def test_control_socket(self):
        """What postern-milter asks for when Postfix's next milter has let go is answered."""
        daemon = self.start()
        client = self.enter(daemon, "starttls")
        subject = self.out(client)
        self.stop(daemon)
        done = run_posternctl(self.build, "-c", self.conf, "facts", "127.0.0.1", str(client.port))
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        self.held.release()
        self.assert_code(client.reply(), 250)
        self.end(daemon, sessions=1)
        self.once(subject)
        self.assertRegex(self.values(self.delivered_again(subject))[0], TLS)

    def test_status(self):
        """It is told that nothing listens any more."""
        daemon = self.start()
        client = self.enter(daemon)
        subject = self.out(client)
        self.stop(daemon)
        self.refused(daemon)
        done = run_posternctl(self.build, "-c", self.conf, "status")
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        self.assertIn('listener "mx": none\n', done.stdout)
        self.held.release()
        self.assert_code(client.reply(), 250)
        self.end(daemon, sessions=1)
        self.once(subject)

    def delivered_again(self, subject):
        """A mail that delivered() has returned before."""
        # pylint: disable-next=protected-access
        self.postfix._taken.clear()
        return self.delivered(subject)

    def test_new_clients_without_a_supervisor(self):
        daemon = self.start()
        client = self.enter(daemon)
        subject = self.out(client)
        daemon.suspend()
        waiting = [self.connect(daemon.address()) for _ in range(20)]
        daemon.send_signal(signal.SIGTERM)
        daemon.resume()
        for each in waiting:
            # Whoever comes in before the signal is noticed may have had a banner.
            self.assertRegex(each.rest(), rb"^(220 .*\r\n)?" + STOPPING + b"$")
        self.refused(daemon)
        self.assertIsNone(daemon.exit_code)
        self.held.release()
        self.assert_code(client.reply(), 250)
        self.once(subject)
        daemon.wait()
        self.stage.forget(daemon)

    def test_restart_under_a_supervisor(self):
        """Clients that connect meanwhile get their banner from the next process."""
        supervisor = Supervisor(self.stage)
        self.addCleanup(supervisor.close)
        conf = self.changed('"127.0.0.1:0"', f'"127.0.0.1:{free_port()}"')
        daemon = supervisor.start(conf)
        client = self.enter(daemon)
        subject = self.out(client)
        mark = supervisor.told.mark()
        self.stop(daemon)
        supervisor.told.wait("^STOPPING=1", after=mark)
        supervisor.told.wait("^EXTEND_TIMEOUT_USEC=5000000$", after=mark, times=2)
        waiting = [self.connect(daemon.address()) for _ in range(20)]
        self.held.release()
        self.assert_code(client.reply(), 250)
        self.assertEqual(client.rest(), STOPPING)
        self.end(daemon, sessions=1)
        self.once(subject)
        self.addCleanup(self.kill, supervisor.start(conf))
        for each in waiting:
            self.assert_code(each.greet(), 250)

    def test_reload_that_comes_with_the_stop(self):
        """Its load is given up, and the supervisor is not told that posternd is ready again."""
        supervisor = Supervisor(self.stage)
        self.addCleanup(supervisor.close)
        daemon = supervisor.start(self.changed('"127.0.0.1:0"', f'"127.0.0.1:{free_port()}"'))
        client = self.enter(daemon)
        subject = self.out(client)
        mark = supervisor.told.mark()
        daemon.suspend()
        daemon.send_signal(signal.SIGHUP)
        daemon.send_signal(signal.SIGTERM)
        daemon.resume()
        daemon.wait_log("error: reload refused: posternd is stopping$")
        daemon.send_signal(signal.SIGHUP)
        daemon.wait_log("not reloading: posternd is stopping$")
        self.held.release()
        self.assert_code(client.reply(), 250)
        self.end(daemon, sessions=1)
        self.once(subject)
        self.assertTrue(supervisor.told.find("^STOPPING=1", after=mark))
        self.assertFalse(supervisor.told.find("^READY=1", after=mark))
        self.assertFalse(supervisor.told.find("^STATUS=serving", after=mark))

    def test_it_says_what_it_waits_for(self):
        """Every ten seconds."""
        daemon = self.start(self.longer())
        inside = self.enter(daemon)
        self.begin(inside)
        client = self.enter(daemon)
        self.out(client)
        self.stop(daemon)
        daemon.wait_log(rf"^{PROGRAM}stopping: waiting for 1 replies of the backend, the oldest for "
                        r"(9|1\d) s, and for the rest of 1 mails$")
        self.held.release()
        self.assert_code(client.reply(), 250)
        inside.close()
        self.end(daemon, sessions=2)
