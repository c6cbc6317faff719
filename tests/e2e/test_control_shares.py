"""The control socket bears a flood: each user has a share of it, what root, the daemon and the milter
have is nobody else's, and mail goes on."""

import json
import os
import pwd
import shutil
import signal
import subprocess
import unittest

from common import PROGRAM, Case
from kept_failures import Control, Kept
from lab.posternd import USER, run_posternd
from lab.process import LabError
from milter_stage import NONE, Milters

# Users who are in the group of the socket and nobody else's; they need no account.
STRANGERS = range(54321, 54329)

# An account of every Debian machine whose group is that of USER.
MILTER_USER = "sync"

OWN, OTHERS, ALL_OTHERS = 16, 8, 32

ENDED = (rf"^{PROGRAM}warning: control: too many clients: closing the one of "
         r"uid=(?P<uid>\d+) silent for longest, pid=(?P<pid>\d+) times=(?P<times>\d+)$")

# A process of another user: opens connections as it is told, line by line, and says what became of
# them. "flood" does nothing else any more until it is killed.
PUPPET = r'''
import json
import select
import socket
import sys
path, kept = sys.argv[1], []
def connect():
    one = socket.socket(socket.AF_UNIX)
    one.connect(path)
    return one
for line in sys.stdin:
    word, number = line.split()
    if word == "open":
        kept += [connect() for _ in range(int(number))]
    elif word == "ask":
        kept[int(number)].sendall(b'{"request":"version"}\n')
        kept[int(number)].recv(4096)
    elif word == "half":
        for one in kept:
            one.sendall(b'{"request":')
    elif word == "talk":
        kept.append(connect())
        kept[-1].sendall(b"?\n" * int(number))
    elif word == "deaf":
        for one in kept:
            one.setblocking(False)
            try:
                while True:
                    one.send(b'{"request":"failures"}\n' * 1000)
            except BlockingIOError:
                pass
    elif word == "flood":
        print("[]", flush=True)
        while True:
            try:
                kept = (kept + [connect()])[-int(number):]
            except OSError:
                pass
    ready = set(select.select(kept, [], [], 0)[0])
    print(json.dumps([i for i, one in enumerate(kept) if one not in ready]), flush=True)
'''


class Puppet:
    """A process of user `uid`, of the group of the socket."""

    def __init__(self, case, path, uid):
        self._popen = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", f"--reuid={uid}",
             f"--regid={os.stat(path).st_gid}", "--clear-groups",
             "/usr/bin/python3", "-c", PUPPET, path],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/", env={})
        self.pid = self._popen.pid
        case.addCleanup(self.end)

    def tell(self, word, number=0):
        """The numbers of its connections that have not been closed by posternd."""
        self._popen.stdin.write(f"{word} {number}\n")
        self._popen.stdin.flush()
        answer = self._popen.stdout.readline()
        if not answer:
            raise LabError("the puppet is gone")
        return json.loads(answer)

    def end(self):
        self._popen.kill()
        self._popen.wait()
        self._popen.stdin.close()
        self._popen.stdout.close()


@unittest.skipIf(os.geteuid() != 0, "needs root")
class Shares(Kept):
    def setUp(self):
        super().setUp()
        self.daemon = self.start()
        self.path = self.socket_of(self.daemon)

    def puppet(self, uid):
        return Puppet(self, self.path, uid)

    def all_asked(self, *uids):
        """Each of these users gets an answer, on a connection of its own."""
        for uid in uids:
            puppet = self.puppet(uid)
            puppet.tell("open", 1)
            self.assertEqual(puppet.tell("ask", 0), [0], uid)
            puppet.end()

    def heard(self):
        """What was opened before has been looked at."""
        self.assertIn("version", self.control(self.daemon).ask("version"))

    def test_one_user_fills_its_own_share_only(self):
        """What is silent, half a request and deaf: the longest silent one makes room."""
        flood = self.puppet(STRANGERS[0])
        flood.tell("open", OTHERS)
        self.assertEqual(flood.tell("ask", 0), list(range(OTHERS)))
        flood.tell("half")
        flood.tell("open", 1)
        self.heard()
        # The first has said something whole, half a request is nothing.
        self.assertEqual(flood.tell("open", 0), [0, *range(2, OTHERS + 1)])
        ended = self.daemon.wait_log(ENDED)
        self.assertEqual((int(ended["uid"]), int(ended["pid"]), ended["times"]),
                         (STRANGERS[0], flood.pid, "1"))
        flood.tell("open", 100)
        self.heard()
        self.assertEqual(flood.tell("open", 0),
                         list(range(101, OTHERS + 101)))
        self.all_asked(0, pwd.getpwnam(USER).pw_uid, STRANGERS[1])
        # One line a minute.
        self.stop(self.daemon)
        self.assertEqual(len(self.daemon.log.find_all(ENDED)), 1)

    def test_deaf_ones(self):
        """Connections that do not take their answers."""
        for uid in STRANGERS[:4]:
            puppet = self.puppet(uid)
            puppet.tell("open", OTHERS)
            puppet.tell("deaf")
        self.all_asked(0, pwd.getpwnam(USER).pw_uid, *STRANGERS)

    def test_own_shares(self):
        """Of root, of the daemon's user and of the milter's: more, and ended by their like only."""
        self.path = self.socket_of(self.start(milter={"user": MILTER_USER}))
        owners = [self.puppet(0), *(self.puppet(pwd.getpwnam(user).pw_uid)
                                    for user in (USER, MILTER_USER))]
        for owner in owners:
            owner.tell("open", OWN)
        strangers = [self.puppet(uid) for uid in STRANGERS]
        for stranger in strangers:
            stranger.tell("open", 50)
        for owner in owners:
            self.assertEqual(owner.tell("open", 0), list(range(OWN)))
        owners[0].tell("open", 1)
        self.assertEqual(owners[0].tell("ask", OWN), list(range(1, OWN + 1)))
        for owner in owners[1:]:
            self.assertEqual(owner.tell("ask", 0), list(range(OWN)))

    def test_many_users(self):
        """All others together are bounded, and each of them gets in all the same."""
        strangers = [self.puppet(uid) for uid in STRANGERS]
        for stranger in strangers:
            stranger.tell("open", OTHERS)
            stranger.tell("ask", OTHERS - 1)
        self.heard()
        left = [len(stranger.tell("open", 0)) for stranger in strangers]
        self.assertEqual(sum(left), ALL_OTHERS)
        self.assertEqual(left, [ALL_OTHERS // len(left)] * len(left))
        self.all_asked(0, 54399)

    def test_root_gets_in(self):
        """posternctl, while root's own share is full, and while a flood runs."""
        silent = [self.control(self.daemon) for _ in range(OWN)]
        for uid in STRANGERS[:2]:
            self.puppet(uid).tell("flood", 100)
        for _ in range(10):
            self.assertEqual(self.ctl(self.daemon.conf, "failures").returncode, 0)
        self.assertIsNone(silent[0].answer())
        silent[-1].send(b'{"request":"version"}\n')
        self.assertIn("version", silent[-1].answer())

    def test_talkative_ones(self):
        """Three clients with much to be answered do not keep a fourth one waiting until all is done:
        its refusal is among those that are logged."""
        first, last = self.puppet(STRANGERS[0]), self.puppet(STRANGERS[1])
        self.daemon.send_signal(signal.SIGSTOP)
        for _ in range(3):
            first.tell("talk", 20000)
        last.tell("talk", 1)
        self.daemon.send_signal(signal.SIGCONT)
        self.daemon.wait_log(f"control request from uid={STRANGERS[1]} pid={last.pid} refused")

    def test_refused_requests_do_not_fill_the_log(self):
        control = self.control(self.daemon)
        for _ in range(300):
            self.assertEqual(control.ask("nothing"), {"error": "unknown request"})
        self.stop(self.daemon)
        self.assertEqual(len(self.daemon.log.find_all("control request .* refused")), 60)


@unittest.skipIf(os.geteuid() != 0, "needs root")
class Descriptors(Case):
    def test_without_descriptors(self):
        """Sessions have used up all that they can: root and the milter's user are still heard."""
        conf = self.stage.write(certificates=["p256"], backend="127.0.0.1:1", workers=1,
                                log_sessions="all", listeners={"mx": {"tls": "implicit"}})
        daemon = self.stage.posternd(conf, wrapper=["prlimit", "--nofile=64:64"])
        path = os.path.join(os.path.dirname(conf), "state", "control.sock")
        clients = [self.connect(daemon.address()) for _ in range(64)]
        daemon.wait_log("warning: accept on listener=mx: Too many open files: new clients wait$")
        for uid in (0, pwd.getpwnam(USER).pw_uid):
            puppet = Puppet(self, path, uid)
            puppet.tell("open", 2)
            self.assertEqual(puppet.tell("ask", 1), [0, 1])
        stranger = Puppet(self, path, STRANGERS[0])
        stranger.tell("open", 1)
        control = Control(path)
        self.addCleanup(control.close)
        self.assertIn("version", control.ask("version"))
        self.assertEqual(stranger.tell("open", 0), [])
        for client in clients:
            client.close()
        # And all goes on.
        daemon.wait_log("disconnect from ", times=len(clients))
        self.assertEqual(stranger.tell("open", 1), [1])
        self.assertEqual(stranger.tell("ask", 1), [1])


@unittest.skipIf(os.geteuid() != 0, "needs root")
class Mail(Milters):
    """With a milter that has a user of its own, by the option milter.user."""

    milter_options = {"user": MILTER_USER}

    @classmethod
    def prepare(cls):
        cls.set_up()
        cls.control = os.path.join(os.path.dirname(cls.conf), "state", "control.sock")

    @classmethod
    def services(cls):
        shutil.chown(cls.sockets, MILTER_USER)
        return {}

    def test_mail_goes_through_a_flood(self):
        client = self.client()
        client.greet()
        self.assert_header(self.send(client, "before"), NONE, client)
        for uid in STRANGERS:
            silent = Puppet(self, self.control, uid)
            silent.tell("open", 50)
        for uid in STRANGERS[:2]:
            Puppet(self, self.control, uid).tell("flood", 100)
        mark = self.milter.mark()
        self.daemon.wait_log(ENDED, times=len(STRANGERS))
        for number in range(10):
            client = self.client()
            client.greet()
            self.assert_header(self.send(client, f"mail {number}"), NONE, client)
        self.assertIsNone(self.milter.log.find("does not answer", after=mark))

    def test_milter_runs_as_its_user(self):
        with open(f"/proc/{self.milter.pid}/status", encoding="ascii") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        self.assertEqual(status["Uid"].split(), [str(pwd.getpwnam(MILTER_USER).pw_uid)] * 4)

    def test_no_such_user(self):
        conf = self.stage.write(certificates=["p256"], backend="127.0.0.1:1",
                                milter={"user": "no-such-user"})
        done = run_posternd(self.build, "-c", conf)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r'(?m):\d+: user "no-such-user": no such user$')
