"""Failed hellos are kept, listed and explained."""

import grp
import json
import os
import pwd
import re
import signal
import socket
import ssl
import stat
import threading
import time

from common import FAILED, table
from kept_failures import Kept
from lab import hello
from lab.posternd import USER
from lab.process import run

P256, P521 = 0x0017, 0x0019
STORY_JA4 = re.compile(r"t12i1207\w\w_[0-9a-f]{12}_[0-9a-f]{12}")


def tls12(schemes, sni=None):
    """A hello that only a P-521 key could answer."""
    extensions = [hello.server_name(sni)] if sni else []
    return hello.build(suites=[0xc02b], extensions=extensions + [hello.groups([P521]),
                                                                 hello.schemes(schemes)])


class Store(Kept):
    def test_entry(self):
        before = int(time.time())
        daemon = self.start()
        self.turn_away(daemon, source="127.0.0.5")
        entry, = self.entries(daemon, 1)
        line = daemon.wait_log(FAILED)
        self.assertTrue(before <= entry["first"] == entry["last"] <= time.time())
        self.assertIn(f" ja4={entry['ja4']}", line["facts"])
        self.assertRegex(entry["ja4"], STORY_JA4)
        del entry["first"], entry["last"], entry["ja4"]
        self.assertEqual(entry, {"id": 1, "reason": "no-certificate-fits", "count": 1, "sni": None,
                                 "clients": ["127.0.0.5"], "listener": "mx"})

    def test_one_entry_for_a_shape(self):
        daemon = self.start()
        for last in (2, 3, 2, 4, 5):
            self.turn_away(daemon, source=f"127.0.0.{last}")
        entry, = self.entries(daemon, 1, 5)
        self.assertEqual(entry["clients"], ["127.0.0.5", "127.0.0.4", "127.0.0.2"])

    def test_shapes_differ(self):
        daemon = self.start()
        for message in (hello.story(), tls12([0x0603]), tls12([0x0603, 0x0403]),
                        hello.story("a.example"), hello.story("b.example")):
            self.turn_away(daemon, message)
        found = self.entries(daemon, 5)
        self.assertEqual([each["sni"] for each in found],
                         ["b.example", "a.example", None, None, None])
        self.assertEqual([each["id"] for each in found], [5, 4, 3, 2, 1])

    def test_client_alert(self):
        daemon = self.start(["p256"])
        client = self.connect(daemon.address())
        client.greet()
        client.command("STARTTLS")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody
        with self.assertRaises(ssl.SSLError):
            context.wrap_socket(client.socket.dup(), server_hostname="mail.example.test")
        entry, = self.entries(daemon, 1)
        self.assertEqual((entry["reason"], entry["sni"]), ("client-alert", "mail.example.test"))
        line = self.handshake_failure(daemon, client)
        self.assertIn(f" ja4={entry['ja4']}", line["facts"])

    def test_one_shape_two_reasons(self):
        daemon = self.start()
        self.turn_away(daemon)
        client = self.connect(daemon.address())
        client.greet()
        client.command("STARTTLS")
        client.send(hello.records(hello.tls13(scheme_numbers=[0x0503])))
        client.read_some()
        client.send(b"\x15\x03\x03\0\x02\x02\x30")  # unknown_ca
        found = self.entries(daemon, 2)
        self.assertEqual([each["reason"] for each in found],
                         ["client-alert", "no-certificate-fits"])

    def test_sslv2_hello(self):
        daemon = self.start()
        client = self.connect(daemon.address())
        client.greet()
        client.command("STARTTLS")
        message = b"\x01\x03\x01\0\x03\0\0\0\x10\0\0\x2f" + bytes(range(16))
        client.send(bytes([0x80, len(message)]) + message)
        entry, = self.entries(daemon, 1)
        told = self.control(daemon).ask("failure", id=entry["id"])
        self.assertEqual((told["hello"], told["sslv2"]), (message.hex(), True))

    @table((
        ("what is not TLS", b"GET / HTTP/1.0\r\n\r\n", "not-tls"),
        ("a hello that is cut", hello.records(hello.story())[:-1], "client-gone"),
        ("a malformed hello", hello.records(hello.build(extensions=[(10, b"\0")])), "malformed"),
        ("an old version", hello.records(hello.build(version=0x0300)), "protocol-version"),
    ))
    def test_not_kept(self, data, reason):
        daemon = self.start()
        client = self.connect(daemon.address())
        client.greet()
        client.command("STARTTLS")
        client.send(data)
        client.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(self.handshake_failure(daemon, client)["reason"], reason)
        # What would be kept was kept before this one.
        self.turn_away(daemon)
        entry, = self.entries(daemon, 1)
        self.assertRegex(entry["ja4"], STORY_JA4)

    def test_sni_that_is_no_name(self):
        daemon = self.start()
        name = b'a"\x1b[31m\xff\n'
        sni = (0, len(name + b"abc").to_bytes(2, "big") + b"\0" + len(name).to_bytes(2, "big")
               + name)
        self.turn_away(daemon, hello.build(extensions=[sni, hello.groups([P256])]))
        entry, = self.entries(daemon, 1)
        self.assertEqual(entry["sni"], r"a\x22\x1b\x5b31m\xff\x0a")
        self.assertNotIn("\x1b", self.ctl(daemon.conf, "failures").stdout)

    def test_many_at_once(self):
        daemon = self.start(workers=4)

        def client(number):
            for _ in range(6):
                hello.ask(daemon.address(), tls12([0x0603], f"n{number % 3}.example"))

        threads = [threading.Thread(target=client, args=[number]) for number in range(6)]
        for thread in threads:
            thread.start()
        control = self.control(daemon)
        while any(thread.is_alive() for thread in threads):
            for entry in control.ask("failures")["failures"]:
                self.assertIn("hello", control.ask("failure", id=entry["id"]))
        self.assertEqual([each["count"] for each in self.entries(daemon, 3, 36)], [12, 12, 12])


class Disk(Kept):
    def file(self, daemon):
        return os.path.join(self.state(daemon), "failures")

    def test_written_at_once_then_paused_then_at_the_end(self):
        daemon = self.start()
        file = self.file(daemon)
        self.assertFalse(os.path.exists(file))
        self.turn_away(daemon)
        self.main_until(daemon, lambda: os.path.exists(file))
        first = os.stat(file)
        self.assertEqual(stat.S_IMODE(first.st_mode), 0o600)
        self.assertEqual(first.st_uid, pwd.getpwnam(USER).pw_uid)
        self.turn_away(daemon, tls12([0x0603]))
        self.entries(daemon, 2)
        control = self.control(daemon)
        for _ in range(100):
            control.ask("version")
        self.assertEqual(os.stat(file).st_ino, first.st_ino, "written twice in a minute")
        self.stop(daemon)
        self.assertNotEqual(os.stat(file).st_ino, first.st_ino)
        with open(file, encoding="ascii") as opened:
            self.assertEqual(len(opened.readlines()), 3)
        self.assertFalse(os.path.exists(file + ".new"))

    def test_read_again(self):
        daemon = self.start()
        self.turn_away(daemon)
        self.turn_away(daemon, tls12([0x0603], "name.example"))
        found = self.entries(daemon, 2)
        told = self.control(daemon).ask("failure", id=2)
        daemon = self.again(daemon)
        self.assertEqual(self.entries(daemon), found)
        self.assertEqual(self.control(daemon).ask("failure", id=2), told)
        # The shapes are known, and ids go on.
        self.turn_away(daemon)
        self.turn_away(daemon, tls12([0x0503]))
        self.assertEqual([(each["id"], each["count"]) for each in self.entries(daemon, 3)],
                         [(3, 1), (1, 2), (2, 1)])

    def test_lines_are_what_is_told(self):
        daemon = self.start()
        self.turn_away(daemon)
        self.turn_away(daemon, tls12([0x0603], "name.example"))
        self.entries(daemon, 2)
        told = [self.control(daemon).ask("failure", id=number) for number in (1, 2)]
        self.stop(daemon)
        with open(self.file(daemon), encoding="ascii") as opened:
            lines = [json.loads(line) for line in opened]
        self.assertEqual(lines[0], {"format": "postern failures 2", "entries": 2, "last_id": 2})
        self.assertEqual(lines[1:], told)

    def test_what_is_on_disk_outlives_a_kill(self):
        daemon = self.start()
        self.turn_away(daemon)
        self.main_until(daemon, lambda: os.path.exists(self.file(daemon)))
        found = self.entries(daemon, 1)
        daemon.send_signal(signal.SIGKILL)
        daemon.wait()
        daemon = self.begin(daemon.conf)
        self.assertEqual(self.entries(daemon), found)

    @table((
        ("cut", lambda text: text[:-10], "line 2: the text ends too early"),
        ("empty", lambda text: b"", "line 1: not a list of failures"),
        ("an older version", lambda text: b"postern failures 1 entries=0 last_id=0\n",
         "line 1: not a list of failures"),
        ("something else", lambda text: os.urandom(4096), "line 1: not a list of failures"),
    ))
    def test_damaged(self, damage, why):
        daemon = self.start()
        file = self.file(daemon)
        self.turn_away(daemon)
        self.entries(daemon, 1)
        self.stop(daemon)
        with open(file, "rb") as opened:
            damaged = damage(opened.read())
        with open(file, "wb") as opened:
            opened.write(damaged)
        daemon = self.begin(daemon.conf)
        daemon.wait_log(re.escape(f"warning: {file}: {why}: set aside as {file}.damaged"))
        self.assertEqual(self.entries(daemon), [])
        with open(file + ".damaged", "rb") as opened:
            self.assertEqual(opened.read(), damaged)
        self.turn_away(daemon)
        self.main_until(daemon, lambda: os.path.exists(file))

    @table((
        ("a directory", os.mkdir, "not a list of failures"),
        ("a FIFO", os.mkfifo, "not a list of failures"),
        ("a link", lambda path: os.symlink("/etc/passwd", path),
         "Too many levels of symbolic links"),
        ("too long", lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 1 << 40),
         "not a list of failures"),
    ))
    def test_no_file(self, make, why):
        daemon = self.start()
        file = self.file(daemon)
        self.stop(daemon)
        make(file)
        if not os.path.islink(file):
            os.chown(file, pwd.getpwnam(USER).pw_uid, -1)
        daemon = self.begin(daemon.conf)
        daemon.wait_log(f"warning: {re.escape(file)}: {why}: set aside as ")
        self.assertTrue(os.path.lexists(file + ".damaged"))

    def test_old_ones_are_forgotten(self):
        daemon = self.start()
        file = self.file(daemon)
        self.turn_away(daemon)
        self.turn_away(daemon, tls12([0x0603]))
        self.entries(daemon, 2)
        self.stop(daemon)
        with open(file, encoding="ascii") as opened:
            text = opened.read()
        old = int(time.time()) - 31 * 24 * 3600
        text = re.sub(r'"first":\d+,"last":\d+', f'"first":{old},"last":{old}', text, count=1)
        with open(file, "w", encoding="ascii") as opened:
            opened.write(text)
        daemon = self.begin(daemon.conf)
        self.assertEqual([each["id"] for each in self.entries(daemon)], [2])
        self.main_until(daemon, lambda: f'"last":{old}' not in open(file, encoding="ascii").read())

    def test_directory_that_cannot_be_written(self):
        daemon = self.start()
        os.mkdir(self.file(daemon) + ".new")
        self.turn_away(daemon)
        daemon.wait_log(r"error: cannot write .*/failures: Is a directory")
        self.assertEqual(len(self.entries(daemon)), 1)
        os.rmdir(self.file(daemon) + ".new")
        self.stop(daemon)
        self.assertTrue(os.path.exists(self.file(daemon)))

    def test_memory(self):
        daemon = self.start(failures="memory")
        self.turn_away(daemon)
        self.entries(daemon, 1)
        self.stop(daemon)
        self.assertFalse(os.path.exists(self.file(daemon)))
        daemon = self.begin(daemon.conf)
        self.assertEqual(self.entries(daemon), [])

    def test_off(self):
        daemon = self.start(failures="off")
        self.turn_away(daemon)
        for request in ({"request": "failures"}, {"request": "failure", "id": 1}):
            control = self.control(daemon)
            self.assertEqual(control.ask(request.pop("request"), **request),
                             {"error": 'failures are not kept: failures = "off"'})
        done = self.ctl(daemon.conf, "failures")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"^posternctl: .*: failures are not kept")
        self.stop(daemon)
        self.assertFalse(os.path.exists(self.file(daemon)))


class Commands(Kept):
    @classmethod
    def prepare(cls):
        super().prepare()
        cls.daemon = cls.stage.front(["p384", "p256"],
                                     sets={"p384": ["p384"], "both": ["p384", "p256"]},
                                     listeners={"other": {"certificate_sets": "both"},
                                                "mx": {"certificate_sets": "p384"}})

    def setUp(self):
        super().setUp()
        if not self.entries(self.daemon):
            self.turn_away(self.daemon, hello.story("mail.example.test"), source="127.0.0.77")
            self.turn_away(self.daemon, tls12([0x0603]), source="127.0.0.8")
        self.entries(self.daemon, 2)

    def test_list(self):
        done = self.ctl(self.daemon.conf, "failures")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        rows = done.stdout.splitlines()
        self.assertEqual(len(rows), 3)
        self.assertRegex(rows[0], r"^ID +LAST +COUNT +CLIENT +REASON +JA4 +SNI$")
        story = next(row for row in rows if row.startswith(" 1"))
        self.assertRegex(story, r"^ 1  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d +1  127\.0\.0\.77 +"
                                r"no-certificate-fits +t12d1208\S+ +mail\.example\.test$")
        starts = {column: rows[0].index(column) for column in ("LAST", "CLIENT", "JA4", "SNI")}
        for row in rows[1:]:
            for column, at in starts.items():
                self.assertTrue(row[at - 1] == " " != row[at], f"{column}: {row}")

    def test_list_as_json(self):
        done = self.ctl(self.daemon.conf, "--json", "failures")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(json.loads(done.stdout), {"failures": self.entries(self.daemon)})

    def test_explain(self):
        done = self.ctl(self.daemon.conf, "--json", "explain", "--failure", "1")
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        told = json.loads(done.stdout)
        self.assertEqual((told["chosen"], told["would_fit"]), (None, ["ecdsa-p256", "rsa"]))
        self.assertEqual([(each["certificate"], each["reason"]) for each in told["verdicts"]],
                         [("p384", "curve-not-in-groups")])
        done = self.ctl(self.daemon.conf, "explain", "--failure", "1")
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertIn("mail.example.test", done.stdout)

    def test_explain_by_another_listener(self):
        done = self.ctl(self.daemon.conf, "--json", "explain", "--failure", "1", "--listener",
                        "other")
        self.assertEqual((done.returncode, json.loads(done.stdout)["chosen"]), (0, "p256"))

    def test_explain_is_what_the_hello_says(self):
        told = self.control(self.daemon).ask("failure", id=1)
        file = os.path.join(self.stage.directory, "hello.hex")
        with open(file, "w", encoding="ascii") as opened:
            opened.write(told["hello"])
        one = self.ctl(self.daemon.conf, "explain", "--failure", "1", "--listener", "mx")
        other = self.ctl(self.daemon.conf, "explain", "--hello", file, "--listener", "mx")
        self.assertEqual((one.returncode, one.stdout), (other.returncode, other.stdout))

    @table((
        ("unknown id", ["explain", "--failure", "4711"], 1, "there is no failure 4711"),
        ("no id", ["explain", "--failure", "x"], 2, "--failure x: not an ID"),
        ("id 0", ["explain", "--failure", "0"], 2, "--failure 0: not an ID"),
        ("negative id", ["explain", "--failure", "-1"], 2, "--failure -1: not an ID"),
        ("an id of many digits", ["explain", "--failure", "9" * 30], 2, "not an ID"),
        ("failure and file", ["explain", "--failure", "1", "--hello", "/dev/null"], 2, "usage"),
        ("failure and lists", ["explain", "--failure", "1", "--version", "1.2"], 2, "usage"),
        ("failures and more", ["failures", "1"], 2, "usage"),
    ))
    def test_refused(self, arguments, code, text):
        done = self.ctl(self.daemon.conf, *arguments)
        self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        self.assertIn(text, done.stderr)

    @table((("list", ["failures"]), ("explain", ["explain", "--failure", "1"])))
    def test_nobody_answers(self, arguments):
        conf = self.stage.write(certificates=["p384"], backend="127.0.0.1:1")
        done = self.ctl(conf, *arguments)
        self.assertEqual((done.returncode, done.stdout), (69, ""))
        self.assertRegex(done.stderr, r"^posternctl: \S+/control\.sock: no posternd answers: "
                                      r"No such file or directory\n$")

    @table((("list", ["failures"]), ("explain", ["explain", "--failure", "1"])))
    def test_bad_configuration(self, arguments):
        conf = self.stage.write(certificates=["p384"], backend="nowhere")
        done = self.ctl(conf, *arguments)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn(conf + ":", done.stderr)

    @table((
        ("another group", "daemon", 1, "Permission denied"),
        ("the daemon's group", grp.getgrgid(pwd.getpwnam(USER).pw_gid).gr_name, 0, ""),
    ))
    def test_another_account(self, group, code, text):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        done = run(["setpriv", "--reuid=daemon", f"--regid={group}", "--clear-groups",
                    os.path.join(self.build, "posternctl"), "-c", self.daemon.conf, "failures"])
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(text, done.stderr)
