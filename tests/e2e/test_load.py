"""Many sessions at one time."""

import fcntl
import resource
import threading

from common import CERTIFICATES, CONNECT, DISCONNECT, ESTABLISHED, Case
from lab.postfix import Mail
from lab.smtp import Client

SESSIONS = 500

# Seconds for all of them together.
PATIENCE = 300


class Load(Case):
    @classmethod
    def prepare(cls):
        cls.raise_descriptor_limit()
        cls.stage.make_postfix(process_limit=SESSIONS + 50, main_cf={
            "smtpd_client_connection_count_limit": "0",
            "virtual_destination_concurrency_limit": "50"})
        cls.posternd = cls.stage.front(CERTIFICATES, log_sessions="all",
                                       backends={"postfix": {"max_connections": 2 * SESSIONS}},
                                       limits={"max_sessions": SESSIONS + 50})
        # So many lines at one time do not fit into a pipe of the usual size.
        with open(f"/proc/{cls.posternd.pid}/fd/2", "wb") as log:
            fcntl.fcntl(log, fcntl.F_SETPIPE_SZ, 1 << 20)

    @staticmethod
    def raise_descriptor_limit():
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 4 * SESSIONS
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))

    def session(self, number, gate, problems):
        """One of the sessions: in TLS when `gate` opens for all, then a mail."""
        try:
            with Client(self.posternd.address(), timeout=PATIENCE) as client:
                reply = client.starttls()
                self.assert_code(reply, 250)
                gate.wait()
                reply = client.mail(b"Subject: mail %d\r\n\r\nHello %d.\r\n" % (number, number))
                self.assert_code(reply, 250)
                self.assert_code(client.command("QUIT"), 221)
                self.assertEqual(client.rest(), b"")
        except Exception as problem:  # pylint: disable=broad-exception-caught
            problems.append(f"session {number}: {problem!r}")
            gate.abort()

    def test_500_sessions_at_one_time(self):
        gate, problems = threading.Barrier(SESSIONS, timeout=PATIENCE), []
        threads = [threading.Thread(target=self.session, args=(number, gate, problems))
                   for number in range(SESSIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])

        paths = self.stage.postfix.wait_for_mails(SESSIONS, PATIENCE)
        mails = {(mail.subject, mail.body) for mail in map(Mail, paths)}
        self.assertEqual(mails, {(f"mail {number}", b"Hello %d.\n" % number)
                                 for number in range(SESSIONS)})
        self.posternd.wait_log(DISCONNECT, times=SESSIONS)
        ids = [{match["session"] for match in self.posternd.log.find_all(pattern)}
               for pattern in (CONNECT, ESTABLISHED, DISCONNECT)]
        self.assertEqual(len(ids[0]), SESSIONS)
        self.assertEqual(ids[0], ids[1])
        self.assertEqual(ids[0], ids[2])
        self.assertEqual(self.posternd.log.find_all("warning: (?!.*TLSA)"), [])
