"""postern-milter under load: every mail tells of its own session, and none gets lost when the milter
is killed and started again."""

import collections
import fcntl
import os
import re
import threading

from common import CONNECT
from lab.postfix import Mail
from lab.process import TIMEOUT
from lab.smtp import Client, Closed
from milter_stage import NONE, TLS, UNKNOWN, Milters

# As many as the issue of the milter asks for.
MAILS, PARALLEL = 2000, 50

# Seconds for all of them together.
PATIENCE = 300


class Load(Milters):
    @classmethod
    def prepare(cls):
        cls.set_up(certificates=["p256"], limits={"max_sessions_per_client": 0}, main_cf={
            "default_process_limit": "100", "smtpd_client_connection_count_limit": "0",
            "smtpd_client_connection_rate_limit": "0",
            "virtual_destination_concurrency_limit": "20"})
        # So many lines at one time do not fit into a pipe of the usual size.
        with open(f"/proc/{cls.daemon.pid}/fd/2", "wb") as log:
            fcntl.fcntl(log, fcntl.F_SETPIPE_SZ, 1 << 20)

    def setUp(self):
        super().setUp()
        self.problems = []
        self.sent = {}  # subject: the client's address and port, whether it was under TLS

    def one(self, source, subject, tls):
        """A session with one mail; its client's address and port. None: it was not taken, for
        now."""
        with Client(self.daemon.address(), source, timeout=PATIENCE) as client:
            port = client.socket.getsockname()[1]
            if tls:
                client.starttls()
            else:
                client.greet()
            reply = client.mail(b"Subject: %s\r\nX-Postern-TLS: forged\r\n\r\nHello.\r\n"
                                % subject.encode())
            if 400 <= reply.code < 500:
                return None
            self.assert_code(reply, 250)
            return source, port

    def many(self, thread, number, give_up):
        """The mails of one thread, each tried until it is taken."""
        source = f"127.0.1.{thread + 1}"
        for each in range(number):
            subject, tls = f"mail {thread} {each}", (thread + each) % 2 == 0
            client = None
            while client is None and not self.problems:
                try:
                    client = self.one(source, subject, tls)
                except (OSError, Closed, AssertionError) as problem:
                    if give_up:
                        self.problems.append(f"{subject}: {problem!r}")
            self.sent[subject] = (client, tls)

    def sessions(self):
        """{(address, port): ids}, by posternd's log."""
        self.assertIsNone(self.daemon.log.find("log lines dropped"))
        found = collections.defaultdict(set)
        for match in self.daemon.log.find_all(CONNECT):
            found[match["host"], int(match["port"])].add(match["session"])
        return found

    def run_all(self, parallel, each, meanwhile=lambda: None, give_up=True):
        threads = [threading.Thread(target=self.many, args=[number, each, give_up])
                   for number in range(parallel)]
        for thread in threads:
            thread.start()
        meanwhile()
        for thread in threads:
            thread.join(PATIENCE)
            if thread.is_alive():
                self.problems.append(f"still sending after {PATIENCE} s")
        self.assertEqual(self.problems, [])

    def check_all(self, taken_before, may_be_unknown=False):
        """Every mail was delivered once, and tells of its own session."""
        paths = self.postfix.wait_for_mails(taken_before + len(self.sent), PATIENCE)
        subjects = collections.Counter()
        sessions = self.sessions()
        used, unknown = set(), 0
        for mail in map(Mail, paths):
            if mail.subject not in self.sent or mail.path in self.seen:
                continue
            subjects[mail.subject] += 1
            client, tls = self.sent[mail.subject]
            values = self.values(mail)
            self.assertEqual(len(values), 1, mail.raw)
            if may_be_unknown and re.match(UNKNOWN, values[0]):
                unknown += 1
                continue
            self.assertRegex(values[0], TLS if tls else NONE)
            session = re.search(r"session=(\w+)", values[0])[1]
            # A few ports are used twice.
            self.assertIn(session, sessions[client])
            used.add(session)
        self.assertEqual(len(used) + unknown, len(self.sent), "two mails tell of one session")
        self.assertLess(unknown, len(self.sent) / 10)
        self.assertEqual(subjects, collections.Counter(self.sent.keys()))

    def delivered_already(self):
        directory = self.postfix.mailbox + "/new"
        self.seen = {os.path.join(directory, name) for name in os.listdir(directory)}
        return len(self.seen)

    def test_every_mail_its_own_session(self):
        before = self.delivered_already()
        self.run_all(PARALLEL, MAILS // PARALLEL)
        self.assertEqual(len(self.sent), MAILS)
        self.check_all(before)

    def test_killed_and_started_again(self):
        before = self.delivered_already()

        def kill():
            for _ in range(5):
                self.postfix.log.wait("client=", after=self.postfix.log.mark(), times=10)
                self.milter.kill()
                self.stage.forget(self.milter)
                self.postfix.log.wait("milter-reject|connect to Milter service", TIMEOUT,
                                      after=self.postfix.log.mark())
                type(self).milter = self.stage.milter(self.conf)

        self.run_all(20, 30, kill, give_up=False)
        # Nobody asked for the sessions that came in between, so that whose port is used again
        # within a minute is not known.
        self.check_all(before, may_be_unknown=True)
