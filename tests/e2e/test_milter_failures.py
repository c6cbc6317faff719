"""What becomes of mail when posternd cannot be asked, or postern-milter is not there; and what keeps
postern-milter from starting."""

import json
import os
import pwd
import re
import signal
import socket
import stat
import threading

from common import MISTAKEN, Case, free_port, table
from fake_control import FakeControl
from lab import posternd as postern
from lab.milter import run_milter
from lab.posternd import USER
from lab.process import TIMEOUT
from milter_stage import NONE, TLS, UNKNOWN, Milters

CANNOT_ASK = "451 4.3.0 Cannot find out now how this session is protected, try again later"
NOT_KNOWN = "451 4.7.0 How this session is protected is not known, try again later"
NO_MILTER = "451 4.7.1 Service unavailable - try again later"


class Failing(Milters):
    """The milter's control socket is another one than posternd's."""

    @classmethod
    def set_up(cls, *arguments, **options):
        super().set_up(*arguments, **options)
        cls.stage.stop(cls.milter)
        with open(cls.conf, encoding="utf-8") as file:
            text = file.read()
        cls.real = re.search(r'^control = "(.*)"$', text, re.MULTILINE)[1]
        cls.path = os.path.join(cls.stage.directory, "control")
        cls.milter_conf = postern.write_configuration(
            os.path.dirname(cls.conf), text.replace(cls.real, cls.path), "milter.conf")
        cls.milter = cls.stage.milter(cls.milter_conf)

    def setUp(self):
        """A milter that is connected to nobody."""
        super().setUp()
        self.stage.stop(self.milter)
        type(self).milter = self.stage.milter(self.milter_conf)

    def fake(self, answer):
        """A FakeControl that answers so until the end of the test."""
        control = FakeControl(self.path)
        control.answer = answer if callable(answer) else lambda request: answer
        self.addCleanup(control.close)
        return control

    def real_one(self):
        """From now on posternd is asked."""
        os.symlink(self.real, self.path)
        self.addCleanup(os.unlink, self.path)

    def mail(self, client=None):
        """The reply to MAIL, of a client without TLS."""
        client = client or self.client()
        client.greet()
        return str(client.command("MAIL FROM:<sender@client.test>"))


class Tempfail(Failing):
    @classmethod
    def prepare(cls):
        cls.set_up()

    def test_nobody(self):
        mark = self.milter.mark()
        for _ in range(3):
            self.assertEqual(self.mail(), CANNOT_ASK)
        self.real_one()
        client = self.client()
        client.greet()
        self.assert_header(self.send(client, "after nobody"), NONE, client)
        self.milter.wait_log("posternd answers again on " + self.path, after=mark)
        self.assertEqual(len(self.milter.log.find_all(
            f"warning: posternd does not answer on {self.path}: No such file or directory",
            mark)), 1)
        self.milter.wait_log(rf"defer: MAIL from unknown\[127\.0\.0\.9\]:\d+: {CANNOT_ASK[4:]}; "
                             r"from=<sender@client\.test>$", after=mark)

    def test_the_connection_is_not_asked_for_later(self):
        """Who could not be asked at the beginning is not asked by the addresses any more."""
        client = self.client()
        self.assertEqual(self.mail(client), CANNOT_ASK)
        self.real_one()
        self.assertEqual(str(client.command("MAIL FROM:<a@client.test>")), CANNOT_ASK)

    def test_there_and_not_there(self):
        """One pair of lines a minute, and the truth when it is over."""
        mark = self.milter.mark()
        for _ in range(5):
            self.assertEqual(self.mail(), CANNOT_ASK)
            os.symlink(self.real, self.path)
            self.assertEqual(self.mail()[:3], "250")
            os.unlink(self.path)
            # Its connections are gone, too.
            self.stage.stop(self.daemon)
            type(self).daemon = self.stage.posternd(self.conf)
        self.real_one()
        self.assertEqual(self.mail()[:3], "250")
        silent, again = (self.milter.log.find_all(words, mark) for words in (
            "warning: posternd does not answer on ", "posternd answers again on "))
        self.assertEqual((len(silent), len(again)), (1, 1))
        self.milter.wait_log("posternd answers again on " + self.path + " times=4$",
                             timeout=60 + TIMEOUT, after=mark)

    def test_refused(self):
        left = socket.socket(socket.AF_UNIX)
        left.bind(self.path)
        os.chmod(self.path, 0o666)
        left.close()
        self.addCleanup(os.unlink, self.path)
        mark = self.milter.mark()
        self.assertEqual(self.mail(), CANNOT_ASK)
        self.milter.wait_log("does not answer on .*: Connection refused", after=mark)

    def test_silent(self):
        """Nobody waits long, and many do not wait for each other."""
        self.fake(None)
        mark = self.milter.mark()
        replies = []
        threads = [threading.Thread(target=lambda: replies.append(self.mail())) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(TIMEOUT)
        self.assertEqual(replies, [CANNOT_ASK] * 20)
        self.milter.wait_log("does not answer on .*: Connection timed out", after=mark)

    @table([
        ("not JSON", b"250 ok\n"), ("no object", b"[]\n"), ("text", b'"session"\n'),
        ("error", b'{"error":"too many clients"}\n'), ("closed", b""),
        ("half a line", b'{"session":'), ("without end", b"x" * 100000),
        ("twice", b'{"session":"a","session":"b"}\n'), ("empty line", b"\n"),
    ])
    def test_garbage(self, answer):
        self.fake(answer)
        self.assertEqual(self.mail(), CANNOT_ASK)

    @table([
        ("null", b'{"session":null}\n'), ("nothing", b"{}\n"), ("number", b'{"session":5}\n'),
        ("empty", b'{"session":""}\n'),
    ])
    def test_no_session(self, answer):
        self.fake(answer)
        client = self.client()
        client.greet()
        self.assert_header(self.send(client, self.id()), UNKNOWN)

    def answer_session(self, facts):
        """A control socket that has a session for everybody, of which this is known."""
        return self.fake(lambda request: b'{"session":"0000000001"}\n'
                         if request["request"] == "session" else facts)

    @table([("gone", b'{"facts":[]}\n'), ("nothing", b"{}\n"), ("odd", b'{"facts":[5]}\n'),
            ("null", b'{"facts":null}\n')])
    def test_no_facts(self, answer):
        self.answer_session(answer)
        client = self.client()
        client.greet()
        self.assert_header(self.send(client, self.id()), UNKNOWN)

    def test_facts_not_to_be_had(self):
        self.answer_session(b"")
        self.assertEqual(self.mail(), CANNOT_ASK)

    def test_long_facts(self):
        self.answer_session(json.dumps({"facts": [{
            "session": "s" * 1000, "tls": True, "protocol": "p" * 1000, "cipher": "c" * 1000,
            "bits": 10 ** 9, "certificate": "x" * 1000, "sni": "y" * 1000,
            "client_certificate": "trusted", "client_fingerprint": "f" * 1000,
            "client_name": "\n\"\u00fc" * 1000}]}).encode() + b"\n")
        client = self.client()
        client.greet()
        mail = self.send(client, "long facts")
        value, = self.values(mail)
        self.assertRegex(value, r"^mail\.example\.test; version=p{15}; cipher=c{63}; bits=10{9}; "
                                r"certificate=x{63}; client_certificate=trusted; "
                                r"client_fingerprint=f{95}; client_name=\"(%[0-9A-F]{2})+\"; "
                                r"session=s{10}$")
        self.assertLessEqual(max(map(len, mail.raw.split(b"\n"))), 998)

    def test_number_that_is_none(self):
        self.answer_session(json.dumps({"facts": [{"session": "0000000001", "tls": True,
                                                   "bits": 10 ** 12}]}).encode() + b"\n")
        client = self.client()
        client.greet()
        value, = self.values(self.send(client, "no number"))
        self.assertEqual(value, "mail.example.test; unknown")

    def test_what_is_asked(self):
        control = self.answer_session(b'{"facts":[{"session":"0000000001","tls":false}]}\n')
        client = self.client()
        client.greet()
        for number in range(2):
            self.assert_header(self.send(client, f"asked {number}"), NONE)
        host, port = client.socket.getsockname()
        to_host, to_port = client.socket.getpeername()
        self.assertEqual(control.asked, [
            {"request": "session", "client": host, "client_port": port, "destination": to_host,
             "destination_port": to_port},
            {"request": "facts", "session": "0000000001"},
            {"request": "facts", "session": "0000000001"}])

    def test_posternd_restarted(self):
        """The milter's connections are those of the posternd before."""
        self.real_one()
        client = self.client()
        client.starttls()
        self.assert_header(self.send(client, "before"), TLS, client)
        client.close()
        mark = self.milter.mark()
        self.stage.stop(self.daemon)
        type(self).daemon = self.stage.posternd(self.conf)
        client = self.client()
        client.starttls()
        self.assert_header(self.send(client, "after"), TLS, client)
        self.assertFalse(self.milter.log.find("does not answer", mark))


class Accept(Failing):
    milter_options = {"on_failure": "accept"}
    policy = """\
recipient=secret@example.test     tls reject
recipient=marked@example.test     tls tag
"""

    @classmethod
    def prepare(cls):
        cls.set_up()

    @table([("nobody",), ("silent", None), ("garbage", b"[]\n")])
    def test_mail_passes(self, *answer):
        if answer:
            self.fake(answer[0])
        client = self.client()
        client.greet()
        self.assert_header(self.send(client, self.id(), b"X-Postern-TLS: forged\r\n"), UNKNOWN)

    def test_requirements_are_not_met(self):
        client = self.client()
        self.assertEqual(self.mail(client), "250 2.1.0 Ok")
        self.assertEqual(str(client.command("RCPT TO:<secret@example.test>")), NOT_KNOWN)
        self.assertEqual(str(client.command("RCPT TO:<marked@example.test>")), "250 2.1.5 Ok")
        self.assertEqual(str(client.command("RCPT TO:<open@example.test>")), "250 2.1.5 Ok")
        client.command("DATA")
        client.send(b"Subject: marked\r\n\r\nHello.\r\n.\r\n")
        self.assert_code(client.reply(), 250)
        self.assertEqual(self.values(self.delivered("marked")),
                         ['mail.example.test; unknown; tag="policy"'])

    def test_milter_gone(self):
        """Postfix does without it, as postfix-config has told it."""
        self.stage.stop(self.milter)
        try:
            client = self.client()
            client.greet()
            self.assertEqual(self.values(self.send(client, "without")), [])
        finally:
            type(self).milter = self.stage.milter(self.milter_conf)


class Gone(Milters):
    @classmethod
    def prepare(cls):
        cls.set_up(chroot=True)

    def again(self):
        type(self).milter = self.stage.milter(self.conf)

    def test_killed(self):
        """A milter that is not there; the socket is left over."""
        self.milter.kill()
        self.stage.forget(self.milter)
        self.assertTrue(os.path.exists(self.sockets + "/milter.sock"))
        client = self.client()
        client.greet()
        self.assertEqual(str(client.command("MAIL FROM:<a@client.test>")), NO_MILTER)
        self.again()
        client = self.client()
        client.greet()
        self.assert_header(self.send(client, "again"), NONE, client)

    @table([("after MAIL", b"MAIL FROM:<a@client.test>"),
            ("after RCPT", b"MAIL FROM:<a@client.test>\r\nRCPT TO:<b@example.test>"),
            ("in DATA", b"MAIL FROM:<a@client.test>\r\nRCPT TO:<b@example.test>\r\nDATA")])
    def test_killed_in_between(self, commands):
        client = self.client()
        client.greet()
        for line in commands.split(b"\r\n"):
            self.assertLess(client.command(line.decode()).code, 400)
        self.milter.kill()
        self.stage.forget(self.milter)
        try:
            if b"DATA" in commands:
                client.send(b"Subject: lost\r\n\r\n.\r\n")
                self.assertEqual(client.reply().code, 451)
            else:
                replies = [client.command(line).code for line in (
                    "RCPT TO:<c@example.test>", "DATA")]
                self.assertEqual(replies[0], 451)
                if replies[1] == 354:
                    client.send(b"Subject: lost\r\n\r\n.\r\n")
                    self.assertEqual(client.reply().code, 451)
        finally:
            self.again()

    def test_stopped(self):
        """SIGTERM, with sessions open: it ends at once, and removes its socket."""
        clients = [self.client() for _ in range(5)]
        for client in clients:
            client.greet()
            client.command("MAIL FROM:<a@client.test>")
        milter = self.milter
        milter.send_signal(signal.SIGTERM)
        milter.wait_log("stopping: signal TERM")
        self.assertEqual(milter.wait(), 0)
        self.stage.forget(milter)
        self.assertEqual(os.listdir(self.sockets), [])
        self.assertEqual(clients[0].command("RCPT TO:<b@example.test>").code, 451)
        self.again()

    @table(MISTAKEN)
    def test_signal_by_mistake(self, number, word):
        mark = self.milter.mark()
        client = self.client()
        client.greet()
        for _ in range(100):
            self.milter.send_signal(number)
        self.milter.wait_log(rf"warning: signal {word} from uid={os.getuid()} pid={os.getpid()} "
                             "ignored times=1$", after=mark)
        self.assert_header(self.send(client, f"after {word}"), NONE, client)
        self.assertEqual(len(self.milter.log.find_all("signal", after=mark)), 1)

    @table([("SIGINT", signal.SIGINT, "INT"), ("SIGQUIT", signal.SIGQUIT, "QUIT")])
    def test_interrupted(self, number, word):
        self.milter.send_signal(number)
        self.milter.wait_log(f"stopping: signal {word}$")
        self.assertEqual(self.milter.wait(), 0)
        self.stage.forget(self.milter)
        self.again()

    def test_socket_is_for_postfix(self):
        found = os.stat(self.sockets + "/milter.sock")
        self.assertEqual((stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid),
                         (0o660, pwd.getpwnam(USER).pw_uid,
                          pwd.getpwnam(self.postfix.owner).pw_gid))

    def test_privileges(self):
        with open(f"/proc/{self.milter.pid}/status", encoding="ascii") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        user = pwd.getpwnam(USER)
        self.assertEqual(status["Uid"].split(), [str(user.pw_uid)] * 4)
        self.assertEqual(status["Gid"].split(), [str(user.pw_gid)] * 4)
        self.assertEqual(status["CapEff"], "0" * 16)


class Starting(Case):
    def write(self, milter, **options):
        return self.stage.write(certificates=["p256"], backend="127.0.0.1:1", milter=milter,
                                **options)

    def line_of(self, conf, text):
        with open(conf, encoding="utf-8") as file:
            return next(number for number, line in enumerate(file, 1) if text in line)

    def refused(self, conf, message):
        done = run_milter(self.build, "-c", conf)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertEqual(done.stderr.splitlines()[-1], message)

    def at(self, conf, path, message):
        """A complaint about the socket in the configuration."""
        self.refused(conf, f"{conf}:{self.line_of(conf, 'socket = ')}: {message}")

    def test_version(self):
        done = run_milter(self.build, "-V")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^postern-milter \d+\.\d+\n$")

    @table([("option", "-x"), ("argument", "x"), ("no file", "-c")])
    def test_usage(self, *arguments):
        done = run_milter(self.build, *arguments)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertTrue(done.stderr.endswith("usage: postern-milter [-c FILE] [-t] [-V]\n"))

    def test_no_section(self):
        conf = self.write(None)
        self.refused(conf, f"{conf}: section milter is missing")

    def test_no_control_socket(self):
        conf = self.write({}, control="")
        self.refused(conf, f"{conf}:{self.line_of(conf, 'control =')}: control = \"\": "
                           "postern-milter needs the control socket")

    def test_bad_configuration(self):
        conf = self.write({"header": "X:"})
        self.refused(conf, f"{conf}:{self.line_of(conf, 'header')}: header: \"X:\" is not 1 to 63 "
                           "letters, digits, '-' and '_'")

    def test_no_policy(self):
        conf = self.write({"policy": "/none/policy",
                           "socket": f"unix:{self.stage.directory}/m.sock"})
        self.refused(conf, "/none/policy: No such file or directory")

    def test_no_directory(self):
        conf = self.write({"socket": "unix:/none/none/m.sock"})
        self.at(conf, "", "socket: cannot listen on unix:/none/none/m.sock: its directory does not "
                          "exist")

    def test_no_permission(self):
        conf = self.write({"socket": f"unix:{self.stage.directory}/m.sock"})
        self.at(conf, "", f"socket: cannot listen on unix:{self.stage.directory}/m.sock: "
                          "Permission denied")

    def in_state(self, name):
        """A path in a directory that the account may write to."""
        conf = self.write({})
        return os.path.join(os.path.dirname(conf), "state", name)

    def test_another_file(self):
        path = self.in_state("m.sock")
        with open(path, "w", encoding="ascii"):
            pass
        conf = self.write({"socket": "unix:" + path})
        self.at(conf, path, f"socket: cannot listen on unix:{path}: a file with this name "
                            "exists and is not a socket")
        self.assertTrue(os.path.isfile(path))

    def test_another_milter(self):
        path = self.in_state("m.sock")
        conf = self.write({"socket": "unix:" + path})
        self.stage.milter(conf)
        self.at(conf, path, f"socket: cannot listen on unix:{path}: another program is listening "
                            "there")

    def test_port_in_use(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            address = "127.0.0.1:%d" % other.getsockname()[1]
            conf = self.write({"socket": address})
            done = run_milter(self.build, "-c", conf)
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stderr, rf"socket: cannot listen on {address}: ")

    def test_policy_socket_in_use(self):
        path = self.in_state("p.sock")
        conf = self.write({"socket": "", "policy_socket": "unix:" + path})
        self.stage.milter(conf)
        self.refused(conf, f"{conf}:{self.line_of(conf, 'policy_socket')}: policy_socket: cannot "
                           f"listen on unix:{path}: another program is listening there")

    def test_inet(self):
        conf = self.write({"socket": f"127.0.0.1:{free_port()}"})
        self.stage.milter(conf).wait_log(r"listening on 127\.0\.0\.1:\d+ milter")

    def test_missing_directory_is_made_for_postfix(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        path = os.path.join(self.stage.directory, "made", "m.sock")
        self.stage.milter(self.write({"socket": "unix:" + path}))
        found = os.stat(os.path.dirname(path))
        try:
            group = pwd.getpwnam("postfix").pw_gid
        except KeyError:
            group = pwd.getpwnam(USER).pw_gid
        self.assertEqual((stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid),
                         (0o2750, pwd.getpwnam(USER).pw_uid, group))
        self.assertEqual(os.stat(path).st_gid, group)

    def test_user_that_does_not_exist(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        conf = self.write({"socket": f"unix:{self.stage.directory}/m.sock"}, user="no-such-user")
        self.refused(conf, f"{conf}:{self.line_of(conf, 'user')}: user \"no-such-user\": no such "
                           "user")
