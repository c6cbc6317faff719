"""posternd under a supervisor: what it tells it, and the descriptors that it gives it and is given.

The supervisor is the test (helpers/supervisor.py); tests/system has systemd itself."""

import os
import re
import signal
import socket
import tempfile
import time

from common import CERTIFICATES, ESTABLISHED, PROGRAM, Case, free_port, table
from held import Held
from lab.posternd import run_posternctl
from lab.process import TIMEOUT
from lab.smtp import Client
from supervisor import Supervisor

LISTENER = "l-[0-9]+"

# The end of a line about a start that may succeed later.
AGAIN = "; starting again may help"


def listening(port, host="127.0.0.1", *, shared=True, **options):
    """A listening socket of the test's own, as a socket unit makes one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, options.get("only", 1))
    made.bind((host, port))
    made.listen()
    return made


class ServiceCase(Case):
    @classmethod
    def prepare(cls):
        postfix = cls.stage.make_postfix()
        cls.inner = postfix.smtpd("postern", "unix")
        cls.stage.start_postfix()

    def setUp(self):
        super().setUp()
        self.supervisor = Supervisor(self.stage)
        self.addCleanup(self.supervisor.close)
        self.port = free_port()

    def write(self, *addresses, **options):
        """A configuration with these addresses, by default the one at self.port."""
        addresses = list(addresses or [f"127.0.0.1:{self.port}"])
        return self.stage.write(certificates=CERTIFICATES, backend=self.inner.address,
                                listeners={"mx": {"address": addresses}}, **options)

    def start(self, conf=None, *settings, passed=None):
        """A posternd that has said that it is ready."""
        mark = self.supervisor.told.mark()
        daemon = self.supervisor.start(conf or self.write(), *settings, passed=passed)
        self.supervisor.told.wait("^READY=1", after=mark)
        return daemon

    def end(self, daemon, number=signal.SIGTERM):
        daemon.send_signal(number)
        self.assertEqual(daemon.wait(), 0 if number == signal.SIGTERM else -number)
        self.stage.forget(daemon)

    def served(self, *clients):
        for client in clients:
            self.assert_code(client.reply(), 220)

    def clients(self, number):
        return [self.connect(("127.0.0.1", self.port)) for _ in range(number)]

    def sockets_of(self, daemon):
        """{inode: flags} of the sockets that listen at self.port in posternd."""
        with open("/proc/net/tcp", encoding="ascii") as file:
            inodes = {line.split()[9] for line in file
                      if line.split()[1].endswith(f":{self.port:04X}") and line.split()[3] == "0A"}
        found = {}
        for number in os.listdir(f"/proc/{daemon.pid}/fd"):
            try:
                target = os.readlink(f"/proc/{daemon.pid}/fd/{number}")
            except FileNotFoundError:
                # A session's, or a file's: posternd has closed it meanwhile.
                continue
            if (inode := re.sub(r"^socket:\[(\d+)\]$", r"\1", target)) in inodes:
                with open(f"/proc/{daemon.pid}/fdinfo/{number}", encoding="ascii") as file:
                    found.setdefault(inode, []).append(
                        int(re.search(r"^flags:\s+(\d+)$", file.read(), re.MULTILINE)[1], 8))
        return found


class Stored(ServiceCase):
    def test_ready_when_everything_listens_and_is_stored(self):
        daemon = self.start()
        self.assertIsNotNone(daemon.log.find("listening on"))
        told = self.supervisor.told.lines
        ready = [number for number, line in enumerate(told) if line.startswith("READY=1")]
        stored = [number for number, line in enumerate(told) if line.startswith("FDSTORE=1")]
        # One of them is the tickets' memory.
        self.assertEqual((len(ready), len(stored)), (1, 3))
        self.assertLess(stored[-1], ready[0])
        self.assertEqual(len(set(self.supervisor.names())), 2)
        for name in self.supervisor.names():
            self.assertRegex(name, f"^{LISTENER}$")
        self.served(*self.clients(1))

    @table((("stopped", signal.SIGTERM), ("killed", signal.SIGKILL)))
    def test_clients_wait_for_the_next_process(self, number):
        conf = self.write()
        daemon = self.start(conf)
        names = self.supervisor.names()
        self.served(*self.clients(4))
        self.end(daemon, number)
        waiting = self.clients(40)
        daemon = self.start(conf)
        self.served(*waiting, *self.clients(4))
        self.assertEqual(self.supervisor.names(), names)
        self.assertEqual(len(self.sockets_of(daemon)), 2)
        self.assertIsNone(self.supervisor.told.find("FDSTOREREMOVE"))

    def test_number_of_workers_changes(self):
        """No socket is closed for it: the workers share the work, however many there are."""
        most = 0
        for workers in (2, 4, 1, 3, 2):
            waiting = self.clients(30) if most else []
            daemon = self.start(self.write(workers=workers))
            most = max(most, workers)
            self.served(*waiting, *self.clients(30))
            self.assertEqual(len(self.sockets_of(daemon)), most)
            self.end(daemon)
        self.assertEqual(len(set(self.supervisor.names())), most)
        self.assertIsNone(self.supervisor.told.find("FDSTOREREMOVE"))

    def test_nothing_is_passed_on_to_programs(self):
        conf = self.write()
        for _ in range(2):
            daemon = self.start(conf)
            flags = [each for found in self.sockets_of(daemon).values() for each in found]
            self.assertEqual(len(flags), 2)
            for each in flags:
                self.assertTrue(each & os.O_CLOEXEC)
                self.assertTrue(each & os.O_NONBLOCK)
            self.end(daemon)

    def test_address_that_is_named_no_more(self):
        other = free_port()
        daemon = self.start(self.write(f"127.0.0.1:{self.port}", f"127.0.0.1:{other}"))
        names = self.supervisor.names()
        self.end(daemon)
        daemon = self.start()
        daemon.wait_log(rf"^{PROGRAM}warning: closing \[127.0.0.1\]:{other} from the supervisor: "
                        "no listener has it$", times=2)
        self.assertEqual(self.supervisor.names(), names[:2])
        with self.assertRaises(ConnectionRefusedError):
            Client(("127.0.0.1", other))
        self.served(*self.clients(4))

    def test_wider_address_takes_the_place_of_one(self):
        """While the old sockets are still held, their port counts as ours."""
        daemon = self.start()
        self.end(daemon)
        daemon = self.start(self.write(f"0.0.0.0:{self.port}"))
        self.served(*self.clients(10))
        self.assertEqual(len(self.sockets_of(daemon)), 2)

    def test_start_that_fails_leaves_the_store(self):
        daemon = self.start()
        self.end(daemon)
        stored = list(self.supervisor.stored)
        wrapper, descriptors = self.supervisor.wrapper()
        conf = self.write("192.0.2.99:25", f"127.0.0.1:{self.port}")
        daemon = self.program(wrapper + [os.path.join(self.build, "posternd"), "-c", conf],
                              pass_fds=descriptors)
        daemon.expect(rb"cannot listen on 192.0.2.99:25: Cannot assign requested address; ")
        self.assertEqual(daemon.end(), 75)
        self.supervisor.told.wait("^STATUS=.*: cannot listen on 192.0.2.99:25: ")
        self.assertEqual(self.supervisor.stored, stored)
        waiting = self.clients(5)
        self.start()
        self.served(*waiting)


    @table((("stopped", signal.SIGTERM), ("killed", signal.SIGKILL)))
    def test_tickets_outlive_the_process(self, number):
        conf = self.write()
        session = os.path.join(self.stage.directory, f"session-{self.port}")
        for options, reused in ((["-sess_out"], "no"), (["-sess_in"], "yes"), (["-sess_in"], "yes")):
            daemon = self.start(conf)
            client = self.s_client(("127.0.0.1", self.port), *options, session, "-tls1_2")
            client.line("QUIT", 221)
            client.end()
            self.assertEqual(daemon.wait_log(ESTABLISHED)["reused"], reused)
            self.end(daemon, number)
        self.assertEqual([name for name, _ in self.supervisor.stored].count("tickets"), 1)


class Passed(ServiceCase):
    """Descriptors that do not come from our own store."""

    def test_socket_unit(self):
        """One socket of somebody else: all workers share it. It is stored under a name of ours,
        and is one and the same when it comes from both."""
        unit = listening(self.port, shared=False)
        self.addCleanup(unit.close)
        waiting = self.clients(10)
        conf = self.write(workers=3)
        passed = [("postern.socket", unit.fileno())]
        for _ in range(3):
            daemon = self.start(conf, passed=passed + self.supervisor.stored)
            self.served(*waiting)
            waiting = self.clients(30)
            self.served(*waiting)
            self.assertEqual([len(each) for each in self.sockets_of(daemon).values()], [1])
            self.assertEqual(len(self.supervisor.names()), 1)
            self.assertRegex(self.supervisor.names()[0], f"^{LISTENER}$")
            self.end(daemon)
            waiting = self.clients(10)
        self.assertEqual(len(self.supervisor.told.find_all("FDNAME=postern.socket")), 1)

    def test_sockets_of_a_unit_that_can_be_joined(self):
        """Each worker has one of its own, although fewer were passed."""
        unit = listening(self.port)
        self.addCleanup(unit.close)
        daemon = self.start(self.write(workers=3), passed=[("", unit.fileno())])
        self.served(*self.clients(30))
        self.assertEqual(len(self.sockets_of(daemon)), 3)

    def test_address_that_was_left(self):
        """No client can reach a socket whose address an earlier posternd has left, whoever has it
        still: it is not served as if it could."""
        other = free_port()
        unit = listening(other)
        self.addCleanup(unit.close)
        both = self.write(f"127.0.0.1:{self.port}", f"127.0.0.1:{other}", workers=1)
        daemon = self.start(both, passed=[("postern.socket", unit.fileno())])
        self.served(self.connect(("127.0.0.1", other)))
        with open(both, encoding="utf-8") as file:
            text = file.read()
        with open(both, "w", encoding="utf-8") as file:
            file.write(text.replace(f', "127.0.0.1:{other}"', ""))
        done = run_posternctl(self.build, "-c", both, "reload")
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        daemon.wait_log(rf"no longer listening on \[127.0.0.1\]:{other}$")
        self.end(daemon)
        with open(both, "w", encoding="utf-8") as file:
            file.write(text)
        daemon = self.start(both, passed=[*self.supervisor.stored,
                                          ("postern.socket", unit.fileno())])
        self.served(self.connect(("127.0.0.1", other)))
        self.assertIsNotNone(daemon.log.find(
            rf'^{PROGRAM}warning: closing descriptor "postern.socket" from the supervisor: '
            "an earlier posternd has left its address: its socket unit needs a restart$"))

    def foreign(self):
        """[(name, object with fileno(), what is said about it)]"""
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        unix = socket.socket(socket.AF_UNIX)
        unix.bind(os.path.join(self.stage.directory, f"foreign-{self.port}"))
        unix.listen()
        silent = socket.socket()
        silent.bind(("127.0.0.1", 0))
        both = listening(0, "::", only=0)
        # pylint: disable-next=consider-using-with
        file = tempfile.TemporaryFile(dir="/var/tmp")
        return [("udp", udp, "not a TCP socket"), ("unix", unix, "not a TCP socket"),
                ("l-7", silent, "not a listening socket"),
                ("both", both, "it also takes IPv4: its socket unit needs BindIPv6Only=ipv6-only"),
                ("tickets", file, "not a socket")]

    def test_foreign_descriptors(self):
        """They are closed and leave the store; a name that one of them has hurts no other."""
        foreign = self.foreign()
        for _, each, _ in foreign:
            self.addCleanup(each.close)
        ours = listening(self.port)
        self.addCleanup(ours.close)
        self.supervisor.stored = [(name, os.dup(each.fileno())) for name, each, _ in foreign]
        self.supervisor.stored.insert(2, ("l-7", os.dup(ours.fileno())))
        daemon = self.start(self.write(workers=1))
        for name, _, why in foreign:
            daemon.wait_log(rf'^{PROGRAM}warning: closing descriptor "{name}" from the supervisor: '
                            f"{re.escape(why)}$")
        names = self.supervisor.names()
        self.assertEqual(len(names), 1, names)
        self.assertRegex(names[0], f"^{LISTENER}$")
        self.assertEqual(len(self.supervisor.stored), 2)
        self.assertEqual(os.fstat(dict(self.supervisor.stored)[names[0]]).st_ino,
                         os.fstat(ours.fileno()).st_ino)
        self.served(*self.clients(3))

    @table((("number", "LISTEN_FDS=one", "LISTEN_FDS in the environment is no number"),
            ("negative", "LISTEN_FDS=-1", "LISTEN_FDS in the environment is no number"),
            ("too_many", "LISTEN_FDS=4097", "LISTEN_FDS in the environment is no number"),
            ("huge", "LISTEN_FDS=18446744073709551617", "LISTEN_FDS in the environment is no number"),
            ("empty", "LISTEN_FDS=", "LISTEN_FDS in the environment is no number"),
            ("pid", "LISTEN_PID=x", "LISTEN_PID in the environment is no number"),
            ("other_process", "LISTEN_PID=1", None)))
    def test_bad_numbers(self, setting, warning):
        """Nothing is taken, and what is configured is bound."""
        other = free_port()
        passed = listening(other)
        self.addCleanup(passed.close)
        daemon = self.start(None, setting, passed=[("l-1", passed.fileno())])
        self.served(*self.clients(3))
        if warning:
            self.assertIsNotNone(daemon.log.find(f"^{PROGRAM}warning: {warning}.*: ignored$"))
        else:
            self.assertIsNone(daemon.log.find("LISTEN_"))
        self.assertIsNone(daemon.log.find("from the supervisor"))
        self.assertEqual(len(self.supervisor.names()), 2)

    def test_descriptors_that_are_not_open(self):
        ours = listening(self.port)
        self.addCleanup(ours.close)
        daemon = self.start(self.write(workers=1), "LISTEN_FDS=3",
                            passed=[("l-1", ours.fileno())])
        for number in (4, 5):
            self.assertIsNotNone(daemon.log.find(
                f"^{PROGRAM}warning: descriptor {number} from the supervisor: "
                "Bad file descriptor: ignored$"))
        self.served(*self.clients(3))
        self.assertEqual(self.supervisor.names(), ["l-1"])

    def test_names_are_missing(self):
        ours = [listening(self.port), listening(self.port)]
        for each in ours:
            self.addCleanup(each.close)
        self.start(None, "LISTEN_FDNAMES=l-1", passed=[("", each.fileno()) for each in ours])
        self.served(*self.clients(10))
        self.assertEqual(len(set(self.supervisor.names())), 2)
        self.assertIn("l-1", self.supervisor.names())


class Told(ServiceCase):
    """How the supervisor is told, and what becomes of a supervisor that is none."""

    def test_abstract_address(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            name = f"postern-{os.getpid()}-{self.port}"
            notify.bind("\0" + name)
            notify.settimeout(TIMEOUT)
            wrapper = [*self.supervisor.wrapper(f"NOTIFY_SOCKET=@{name}")[0]]
            self.stage.posternd(self.write(), wrapper=wrapper)
            said = b""
            while b"READY=1" not in said:
                said = notify.recv(4096)

    @table((("relative", "notify"), ("empty", ""), ("only_a_slash", "/"), ("long", "/" + "x" * 107)))
    def test_address_that_is_none(self, address):
        wrapper = self.supervisor.wrapper(f"NOTIFY_SOCKET={address}")[0]
        daemon = self.stage.posternd(self.write(), wrapper=wrapper)
        self.assertIsNotNone(daemon.log.find(
            f"^{PROGRAM}warning: NOTIFY_SOCKET is no address of a socket: ignored$"))
        self.served(*self.clients(2))

    def test_nobody_there(self):
        wrapper = self.supervisor.wrapper(f"NOTIFY_SOCKET={self.supervisor.path}.none")[0]
        daemon = self.stage.posternd(self.write(), wrapper=wrapper)
        self.served(*self.clients(2))
        self.assertEqual(len(daemon.log.find_all(
            f"^{PROGRAM}warning: cannot tell the supervisor FDSTORE=1: No such file")), 1)

    def test_supervisor_that_does_not_read(self):
        """It holds the start up for a second, once."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(self.supervisor.path + ".deaf")
            os.chmod(self.supervisor.path + ".deaf", 0o666)
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler:
                filler.setblocking(False)
                with self.assertRaises(BlockingIOError):
                    while True:
                        filler.sendto(b"x", notify.getsockname())
            began = time.monotonic()
            wrapper = self.supervisor.wrapper(f"NOTIFY_SOCKET={self.supervisor.path}.deaf")[0]
            daemon = self.stage.posternd(self.write(workers=16), wrapper=wrapper)
            self.served(*self.clients(2))
            # Each of the 18 messages could wait that long.
            self.assertLess(time.monotonic() - began, 15)
            self.assertIsNotNone(daemon.log.find(
                f"^{PROGRAM}warning: cannot tell the supervisor FDSTORE=1: Resource temporarily"))
            self.assertEqual(self.stage.stop(daemon), 0)

    def test_priority_in_the_journal(self):
        """A line for the journal begins with it, and leaves out what the journal knows."""
        conf = self.write("192.0.2.99:25")
        wrapper, descriptors = self.supervisor.wrapper("JOURNAL_STREAM=stderr")
        daemon = self.program(wrapper + [os.path.join(self.build, "posternd"), "-c", conf],
                              pass_fds=descriptors)
        self.assertEqual(daemon.end(), 75)
        self.assertRegex(daemon.output.decode(),
                         rf"(?m)^<4>warning: {conf}:\d+: certificate_set (.*\n)+"
                         rf"<2>{conf}:\d+: cannot listen on 192.0.2.99:25: .*{AGAIN}\n\Z")

    def test_journal_of_somebody_else(self):
        daemon = self.start(None, "JOURNAL_STREAM=1:2")
        daemon.wait_log(f"^{PROGRAM}listening on")


class Watchdog(ServiceCase):
    LIMIT = 0.4     # seconds; four answers in that time

    def begin(self, *settings):
        return self.start(None, f"WATCHDOG_USEC={int(self.LIMIT * 1000000)}", *settings)

    def answers(self):
        return len(self.supervisor.told.find_all("^WATCHDOG=1$"))

    def test_it_answers_as_long_as_it_lives(self):
        self.begin()
        self.supervisor.told.wait("^WATCHDOG=1$", times=8)

    def test_nobody_wants_to_know(self):
        for settings in ([], [f"WATCHDOG_USEC={int(self.LIMIT * 1000000)}", "WATCHDOG_PID=1"],
                         ["WATCHDOG_USEC=x"]):
            daemon = self.start(None, *settings)
            time.sleep(self.LIMIT)
            self.assertEqual(self.answers(), 0)
            self.end(daemon)

    def test_one_worker_that_does_not_go_on(self):
        """One thread of the process is held as a debugger holds it; the others run."""
        daemon = self.begin()
        self.supervisor.told.wait("^WATCHDOG=1$", times=2)
        threads = sorted(int(each) for each in os.listdir(f"/proc/{daemon.pid}/task"))
        # The youngest are the workers: before them comes main, and perhaps a sanitizer's own.
        for held in threads[-2:]:
            with Held(held):
                before = self.answers()
                time.sleep(3 * self.LIMIT)
                # One may have been on its way.
                self.assertLessEqual(self.answers(), before + 1)
            self.supervisor.told.wait("^WATCHDOG=1$", after=self.supervisor.told.mark(), times=2)
