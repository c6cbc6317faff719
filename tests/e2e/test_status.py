"""posternctl status: what posternd serves and since when; that nobody or somebody else answers; and
the requests of the control socket that it uses, with thousands of certificates."""

import copy
import json
import os
import re
import shutil
import threading
import time

from common import Backend, table
from fake_control import FakeControl
from lab.posternd import USER, many
from lab.process import TIMEOUT, run
from status_case import DATE, IN_FORCE, TIME, Status

# Certificates of the large configuration without a sanitizer; seconds that postern-milter waits for an answer.
MANY = 3000
MILTER_SECONDS = 3


def certificates_of(stage, number):
    """So many certificates, each with files of its own."""
    one = stage.certificate("p256")
    made = []
    for i in range(number):
        each = copy.copy(one)
        each.name = f"c{i}"
        for kind in ("chain", "key"):
            path = os.path.join(stage.directory, f"c{i}.{kind}")
            shutil.copy(getattr(one, kind), path)
            shutil.chown(path, USER)
            setattr(each, kind, path)
        made.append(each)
    return made


class Text(Status):
    def test_at_rest(self):
        certificates = [self.own("one"), self.own("two", "rsa")]
        daemon = self.start(certificates, listeners={
            "mx": {"address": ["127.0.0.1:0", "[::1]:0"]}, "relay": {"tls": "none",
                                                                   "certificate_sets": None}})
        self.assertRegex(self.good(daemon.conf, "status"), f"""\
^posternd \\S+, process {daemon.pid}
    running since       {TIME} \\(\\d+ seconds?\\)
    configuration       {re.escape(daemon.conf)}
    in force since      {TIME} \\(\\d+ seconds?\\), number 1
    tickets             keys of its own, which it renews
    sessions            0, of which 0 are in relay and 0 wait

listener "mx": 127\\.0\\.0\\.1:{daemon.port("mx")}, \\[::1\\]:\\d+
listener "relay": 127\\.0\\.0\\.1:{daemon.port("relay")}
backend "postfix": 0 connections of 480
certificate "one": ECDSA P-256, until {DATE}: (89|90) days left
certificate "two": RSA 2048 bits, until {DATE}: (89|90) days left

{IN_FORCE}$""")

    def test_marked(self):
        soon = self.own("soon")
        self.renew(soon, days=13)
        self.assertRegex(self.good(self.start([soon]).conf, "status"),
                         rf'certificate "soon": ECDSA P-256, until {DATE}: EXPIRES in 1[23] days\n')

    @table((
        ("off", {"tickets": False}, "off", "off"),
        ("files", {"ticket_keys": ["tickets"]}, "files", "keys of the files in ticket_keys"),
    ))
    def test_tickets(self, options, word, shown):
        path = os.path.join(self.stage.directory, self.id())
        with open(path, "wb") as file:
            file.write(os.urandom(80))
        shutil.chown(path, USER)
        if "ticket_keys" in options:
            options = {"ticket_keys": [path]}
        daemon = self.start(["p256"], **options)
        self.assertEqual(self.status(daemon)["tickets"], word)
        self.assertIn(f"\n    tickets             {shown}\n", self.good(daemon.conf, "status"))

    def test_sessions(self):
        backend = Backend(self)
        daemon = self.start(["p256"], backend=backend.address, backends={
            "postfix": {"max_connections": 0}, "other": {"address": "127.0.0.1:1"}})
        client, second = (self.connect(daemon.address()) for _ in range(2))
        peers = [backend.greet(each) for each in (client, second)]
        client.send(b"MAIL FROM:<a@example.test>\r\n")
        self.assertEqual(peers[0].line(), b"MAIL FROM:<a@example.test>\r\n")
        found = self.status(daemon)
        self.assertEqual(found["sessions"],
                         {"total": 2, "in_relay": 1, "waiting": 1, "workers": [2]})
        self.assertEqual(sorted(found["backends"], key=lambda each: each["name"]), [
            {"name": "other", "taken": 0, "waiting": 0, "max": 480},
            {"name": "postfix", "taken": 2, "waiting": 1, "max": 0}])
        self.assertIn('\nbackend "postfix": 2 connections\n', self.good(daemon.conf, "status"))
        for each in (client, second, *peers):
            each.close()
        end = time.monotonic() + TIMEOUT
        while self.status(daemon)["sessions"]["total"] > 0:
            self.assertLess(time.monotonic(), end)
        self.assertEqual(self.status(daemon)["sessions"],
                         {"total": 0, "in_relay": 0, "waiting": 0, "workers": [0]})

    def test_keys(self):
        before = int(time.time())
        one = self.own("one")
        daemon = self.start([one], workers=2)
        found = self.status(daemon)
        self.assertEqual(list(found), ["version", "pid", "started", "snapshot", "reload", "tickets",
                                       "sessions", "backends", "listeners", "certificates", "files",
                                       "not_in_force"])
        self.assertEqual(found["pid"], daemon.pid)
        for at in (found["started"], found["snapshot"]["since"]):
            self.assertTrue(before <= at <= time.time(), at)
        self.assertEqual({**found["snapshot"], "since": None},
                         {"number": 1, "since": None, "file": daemon.conf, "certificates": 1,
                          "files": 3})
        self.assertEqual(found["reload"], {"running": False, "failed": None})
        self.assertEqual(found["listeners"],
                         [{"name": "mx", "address": [f"127.0.0.1:{daemon.port('mx')}"]}])
        certificate = found["certificates"][0]
        self.assertRegex(certificate.pop("not_before") + certificate.pop("not_after"),
                         f"^({DATE}T[0-9:]{{8}}Z){{2}}$")
        self.assertIn(certificate.pop("days_left"), (89, 90))
        self.assertEqual(certificate, {
            "name": "one", "chain": one.chain, "type": "ECDSA P-256",
            "subject": "CN=mail.example.test", "names": ["mail.example.test"], "num_names": 1,
            "sha256": one.fingerprint()})
        self.assertEqual(found["files"], [
            {"purpose": purpose, "of": of, "path": path,
             "sha256": run(["sha256sum", path]).stdout.split()[0]}
            for purpose, of, path in (("configuration", "", daemon.conf),
                                      ("chain", "one", one.chain), ("key", "one", one.key))])

    def test_many_names(self):
        many = self.own("many")
        self.renew(many, names=[f"n{i}.example.test" for i in range(150)])
        certificate = self.status(self.start([many]))["certificates"][0]
        self.assertEqual(certificate["names"], [f"n{i}.example.test" for i in range(100)])
        self.assertEqual(certificate["num_names"], 150)


class Nobody(Status):
    def test_no_posternd(self):
        conf = self.stage.write(certificates=["rsa"], backend="127.0.0.1:1")
        done = self.ctl(conf, "status")
        self.assertEqual((done.returncode, done.stdout), (69, ""))
        self.assertEqual(done.stderr, self.not_answered(
            conf, "no posternd answers: No such file or directory"))
        told = self.good(conf, "check")
        self.assertIn(f"\nnot checked: what is in force: {self.socket_of(conf)}: no posternd "
                      "answers: No such file or directory\n", told)
        self.assertEqual(told.count("in force"), 1)

    def test_no_socket(self):
        conf = self.stage.write(certificates=["rsa"], backend="127.0.0.1:1", control="")
        done = self.ctl(conf, "status")
        self.assertEqual((done.returncode, done.stdout), (69, ""))
        self.assertRegex(done.stderr, rf'^posternctl: {re.escape(conf)}:\d+: control = "": there is '
                                      "no control socket\n$")
        self.assertIn('\nnot checked: what is in force: control = "": there is no control socket\n',
                      self.good(conf, "check"))

    def test_no_configuration(self):
        conf = os.path.join(self.stage.directory, "none.conf")
        done = self.ctl(conf, "status")
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (2, "", f"posternctl: {conf}: No such file or directory\n"))

    def test_closed_socket(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        daemon = self.start(["p256"])
        os.chmod(os.path.dirname(self.socket_of(daemon.conf)), 0o755)
        done = run(["setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups",
                    os.path.join(self.build, "posternctl"), "-c", daemon.conf, "status"])
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr,
                         f"posternctl: {self.socket_of(daemon.conf)}: Permission denied\n")

    def test_failed_renewal_is_named_without_one(self):
        one = self.own("one", "rsa")
        conf = self.stage.write(certificates=[one], backend="127.0.0.1:1")
        with open(one.chain + ".failed", "w", encoding="ascii") as file:
            file.write("no chain came\n")
        self.assertIn('\nwarning: certificate "one": the last renewal failed: no chain came ('
                      f"{one.chain}.failed)\n", self.good(conf, "check"))


class Played(Status):
    """Somebody else answers at the socket."""

    def setUp(self):
        super().setUp()
        self.conf = self.stage.write(certificates=["p256"], backend="127.0.0.1:1")
        self.fake = FakeControl(self.socket_of(self.conf))
        self.addCleanup(self.fake.close)
        self.status_of = {"snapshot": {"number": 1, "file": self.conf}}
        self.numbers = {}  # request: the numbers of the snapshot that it is answered with

    def play(self, **pages):
        """Each page is (items, next)."""
        def answer(request):
            name = request["request"]
            number = self.numbers.get(name, [1])
            number = number.pop(0) if len(number) > 1 else number[0]
            if name == "status":
                found = {**self.status_of, "snapshot": {"number": number, "file": self.conf}}
            else:
                items, place = pages.get(name, ([], None))
                found = {"snapshot": number, name: items, "next": place}
            return json.dumps(found).encode() + b"\n"
        self.fake.answer = answer

    def asked(self):
        return [each["request"] for each in self.fake.asked]

    def test_reload_between_two_answers(self):
        self.play()
        self.numbers = {"status": [1, 2], "certificates": [1, 2], "files": [2]}
        self.assertEqual(json.loads(self.good(self.conf, "--json", "status"))["snapshot"]["number"],
                         2)
        self.assertEqual(self.asked(), ["status", "certificates", "files"] * 2)

    def test_reloads_without_end(self):
        self.play()
        self.numbers = {"files": [2]}
        done = self.ctl(self.conf, "status")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr, f"posternctl: {self.socket_of(self.conf)}: posternd reloads "
                                      "again and again\n")
        self.assertEqual(self.asked().count("status"), 5)

    @table((
        ("a page that leads back", {"certificates": ([], 0)}),
        ("no list", {"files": ("x", None)}),
        ("no place", {"files": ([], "x")}),
    ))
    def test_not_posternd(self, pages):
        self.play(**pages)
        done = self.ctl(self.conf, "status")
        self.assertEqual((done.returncode, done.stdout), (69, ""))
        self.assertEqual(done.stderr,
                         self.not_answered(self.conf, "what answered is not posternd"))

    def test_nothing_in_the_answer(self):
        """Another release may tell less."""
        self.fake.answer = lambda request: json.dumps(
            {"snapshot": 0, "certificates": [{}], "files": [{}], "next": None}).encode() + b"\n"
        self.assertIn("\nnot checked: posternd: its configuration is -: ",
                      self.good(self.conf, "status"))

    def test_no_path_of_the_answer_is_opened(self):
        """Root may ask, and posternd is not root."""
        fifo = os.path.join(self.stage.directory, self.id())
        os.mkfifo(fifo)
        self.play(files=([{"purpose": "chain", "of": "p256", "path": fifo, "sha256": "0"}], None))
        self.assertNotIn(fifo, self.good(self.conf, "status"))


class Many(Status):
    @classmethod
    def prepare(cls):
        cls.number = many(cls.build, MANY)
        cls.daemon = cls.stage.posternd(certificates=certificates_of(cls.stage, cls.number),
                                        workers=1, backend="127.0.0.1:1")

    def pages(self, name):
        """All pages; each was answered in time."""
        control = self.control(self.daemon)
        place, found = 0, []
        while place is not None:
            before = time.monotonic()
            page = control.ask(name, **{"from": place})
            self.assertLess(time.monotonic() - before, MILTER_SECONDS)
            self.assertEqual((list(page), page["snapshot"]), (["snapshot", name, "next"], 1))
            place = page["next"]
            found.append(page[name])
        return found

    def test_pages(self):
        for name, number in (("certificates", self.number), ("files", 2 * self.number + 1)):
            pages = self.pages(name)
            self.assertEqual([len(each) for each in pages],
                             [128] * (number // 128) + [number % 128])

    def test_a_page_is_far_below_the_bound(self):
        control = self.control(self.daemon)
        for name in ("certificates", "files"):
            self.assertLess(len(json.dumps(control.ask(name, **{"from": 0}))), 1 << 18)

    def test_whole(self):
        before = time.monotonic()
        found = self.status(self.daemon)
        self.assertLess(time.monotonic() - before, TIMEOUT)
        self.assertEqual([each["name"] for each in found["certificates"]],
                         [f"c{i}" for i in range(self.number)])
        self.assertEqual(len(found["files"]), 2 * self.number + 1)
        self.assertEqual(found["not_in_force"], [])
        text = self.good(self.daemon.conf, "status")
        self.assertEqual(text.count("\ncertificate "), self.number)

    def test_pages_hold_up_nobody(self):
        """Whoever asks for pages without end, and reads them, gets one in each turn."""
        greedy = [self.control(self.daemon) for _ in range(8)]
        line = b'{"request":"certificates","from":0}\n'

        def read(control):
            try:
                while control.socket.recv(1 << 20):
                    control.send(line)
            except OSError:
                pass

        threads = [threading.Thread(target=read, args=[each]) for each in greedy]
        for each in greedy:
            each.send(line * 1000)
        for each in threads:
            each.start()
        control = self.control(self.daemon)
        for _ in range(20):
            before = time.monotonic()
            self.assertIn("version", control.ask("version"))
            self.assertLess(time.monotonic() - before, MILTER_SECONDS)
        for each in greedy:
            each.socket.shutdown(2)
        for each in threads:
            each.join()
