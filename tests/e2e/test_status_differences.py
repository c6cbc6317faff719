"""What posternctl status and check say is not in force: files that have changed since posternd loaded
them, renewals that failed, and what a reload makes of all that."""

import json
import os
import re
import shutil
import time

from common import Backend
from lab.posternd import USER, section
from lab.process import run
from status_case import CURE, DATE, IN_FORCE, TIME, Status


class Differences(Status):
    def assert_one(self, daemon, subject, text, result="warning"):
        """There is this difference, and no other."""
        found = self.differences(daemon)
        self.assertEqual([each[:2] for each in found], [(subject, result)], found)
        self.assertRegex(found[0][2], f"^{text}$")
        shown = {"warning": "warning", "not-checked": "not checked"}[result]
        line = f"{shown}: {subject}: {found[0][2]}\n" + (CURE if result == "warning" else "")
        self.assertIn(line, self.good(daemon.conf, "status"))
        self.assertIn(line, self.ctl(daemon.conf, "check").stdout)
        self.assertNotIn(IN_FORCE, self.good(daemon.conf, "status"))

    def test_nothing(self):
        daemon = self.start([self.own("one")])
        self.assertEqual(self.differences(daemon), [])

    def test_written_again(self):
        """The same contents in another file, with another time."""
        one = self.own("one")
        daemon = self.start([one])
        for path in (one.chain, one.key, daemon.conf):
            shutil.copy(path, path + ".new")
            shutil.chown(path + ".new", USER)
            os.utime(path + ".new", (1, 1))
            os.rename(path + ".new", path)
        self.assertEqual(self.differences(daemon), [])

    def test_renewed(self):
        one, two = self.own("one"), self.own("two")
        daemon = self.start([one, two])
        self.renew(two)
        self.assert_one(daemon, 'certificate "two"',
                        f"that of {DATE} is served, but {re.escape(two.chain)} has "
                        f"(a newer|another) one, of {DATE}")

    def test_same_size_and_time(self):
        """A change that the file's size and times do not show."""
        one = self.own("one")
        daemon = self.start([one])
        before = os.stat(one.key)
        with open(one.key, "r+b") as file:
            text = file.read()
            file.seek(0)
            file.write(text.swapcase())
        os.utime(one.key, ns=(before.st_atime_ns, before.st_mtime_ns))
        # What check loads does not fit: it is status that says why.
        self.assertEqual([(each["subject"], each["text"])
                          for each in self.status(daemon)["not_in_force"]],
                         [('certificate "one"', f"{one.key} has changed since it was loaded")])

    def test_chain_alone(self):
        one = self.own("one")
        daemon = self.start([one])
        with open(self.stage.certificate("rsa").chain, "rb") as other, open(one.chain, "ab") as out:
            out.write(other.read())
        self.assert_one(daemon, 'certificate "one"',
                        f"{re.escape(one.chain)} has changed since it was loaded")

    def test_configuration(self):
        daemon = self.start([self.own("one")])
        with open(daemon.conf, "a", encoding="ascii") as file:
            file.write("# changed\n")
        self.assert_one(daemon, "configuration",
                        f"{re.escape(daemon.conf)} has changed since it was loaded")

    def test_new_certificate(self):
        one, two = self.own("one"), self.own("two")
        daemon = self.start([one])
        with open(daemon.conf, "a", encoding="ascii") as file:
            file.write(f'certificate "two" {{ chain = "{two.chain}" key = "{two.key}" }}\n')
        self.assertEqual(self.differences(daemon), [
            ("configuration", "warning", f"{daemon.conf} has changed since it was loaded"),
            ('certificate "two"', "warning", f"{two.chain} has not been loaded")])

    def test_tickets_and_authorities(self):
        tickets = [os.path.join(self.stage.directory, f"{self.id()}-{i}") for i in range(2)]
        roots = os.path.join(self.stage.directory, self.id() + "-roots")
        self.stage.certificate("p256")
        shutil.copy(self.stage.authority.roots, roots)
        for each in tickets:
            with open(each, "wb") as file:
                file.write(os.urandom(80))
            shutil.chown(each, USER)
        daemon = self.start([self.own("one")], ticket_keys=tickets, listeners={
            "mx": {}, "ask": {"client_certificate": "ask", "client_ca": roots}})
        self.assertEqual(self.differences(daemon), [])
        with open(tickets[1], "wb") as file:
            file.write(os.urandom(80))
        with open(roots, "ab") as file:
            file.write(b"\n")
        self.assertEqual(self.differences(daemon), [
            ("ticket_keys", "warning", f"{tickets[1]} has changed since it was loaded"),
            ('listener "ask"', "warning", f"{roots} has changed since it was loaded")])

    def test_key_in_the_chain_s_file(self):
        one = self.own("one")
        with open(one.key, "rb") as key, open(one.chain, "ab") as chain:
            chain.write(key.read())
        one.key = one.chain
        daemon = self.start([one])
        self.assertEqual(self.differences(daemon), [])
        with open(one.chain, "ab") as chain:
            chain.write(b"\n")
        self.assert_one(daemon, 'certificate "one"',
                        f"{re.escape(one.chain)} has changed since it was loaded")

    def test_gone(self):
        one = self.own("one")
        daemon = self.start([one])
        os.unlink(one.chain)
        found = self.status(daemon)["not_in_force"]
        self.assertEqual(found, [{
            "subject": 'certificate "one"', "result": "not-checked", "cure": None,
            "text": f"{one.chain} cannot be compared: No such file or directory"}])

    def as_another(self, conf, *arguments):
        """posternctl as a user in the socket's group."""
        group = os.stat(self.socket_of(conf)).st_gid
        return run(["setpriv", "--reuid=daemon", f"--regid={group}", "--clear-groups",
                    os.path.join(self.build, "posternctl"), "-c", conf, *arguments])

    def test_unreadable(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        own = [self.own(f"c{i}") for i in range(12)]
        for each in own:
            os.chmod(each.key, 0o600)
        daemon = self.start(own)
        os.chmod(os.path.dirname(self.socket_of(daemon.conf)), 0o755)
        done = self.as_another(daemon.conf, "status")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = [f'not checked: certificate "{each.name}": {each.key} cannot be compared: '
                 "Permission denied\n" for each in own]
        self.assertTrue(done.stdout.endswith("\n\n" + "".join(lines[:10]) +
                                             "not checked: 2 more\n"), done.stdout)
        whole = json.loads(self.as_another(daemon.conf, "--json", "status").stdout)
        self.assertEqual([(each["subject"], each["result"]) for each in whole["not_in_force"]],
                         [(f'certificate "{each.name}"', "not-checked") for each in own])
        # What can be read is compared all the same.
        self.renew(own[11])
        self.assertIn('\nwarning: certificate "c11": that of ',
                      self.as_another(daemon.conf, "status").stdout)

    def test_failed_renewal(self):
        one, two = self.own("one", "rsa"), self.own("two", "rsa")
        daemon = self.start([one, two])
        failed = two.chain + ".failed"
        with open(failed, "wb") as file:
            file.write(b"2026-11-30 02:00:01 \x1b[31mthe key does not fit\nmore\n")
        text = ("the last renewal failed: 2026-11-30 02:00:01 ?[31mthe key does not fit "
                f"({failed})")
        self.assertEqual(self.differences(daemon), [('certificate "two"', "warning", text)])
        for command in ("status", "check"):
            told = self.ctl(daemon.conf, command)
            self.assertEqual(told.returncode, 0)
            self.assertIn(f'warning: certificate "two": {text}\n', told.stdout)
            self.assertNotIn(CURE, told.stdout)
        os.unlink(failed)
        self.assertEqual(self.differences(daemon), [])

    def test_failed_renewal_that_is_no_file(self):
        one = self.own("one")
        daemon = self.start([one])
        os.symlink("/etc/shadow", one.chain + ".failed")
        self.assertEqual(self.differences(daemon), [
            ('certificate "one"', "warning", "the last renewal failed: not a regular file "
             f"({one.chain}.failed)")])

    def test_another_configuration(self):
        daemon = self.start([self.own("one", "rsa")])
        other = daemon.conf + ".new"
        shutil.copy(daemon.conf, other)
        for command in ("status", "check"):
            self.assertIn(f"\nnot checked: posternd: its configuration is {daemon.conf}: the files "
                          f"of {other} were not compared\n", self.good(other, command))

    def test_another_name_of_it(self):
        daemon = self.start([self.own("one")])
        directory = os.path.dirname(daemon.conf) + "-link"
        os.symlink(os.path.dirname(daemon.conf), directory)
        conf = os.path.join(directory, os.path.basename(daemon.conf))
        self.assertIn(IN_FORCE, self.good(conf, "status"))


class Reloaded(Status):
    """What a reload does to all this."""

    def reload(self, daemon, code=0):
        done = self.ctl(daemon.conf, "reload")
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def break_configuration(self, daemon):
        """Its text before."""
        with open(daemon.conf, encoding="utf-8") as file:
            before = file.read()
        with open(daemon.conf, "a", encoding="ascii") as file:
            file.write("colour = \"red\"\n")
        return before

    def write(self, daemon, text):
        with open(daemon.conf, "w", encoding="utf-8") as file:
            file.write(text)

    def test_renewed(self):
        one = self.own("one", "rsa")
        daemon = self.start([one])
        self.renew(one)
        self.assertEqual([each[:2] for each in self.differences(daemon)],
                         [('certificate "one"', "warning")])
        started = self.status(daemon)["started"]
        self.reload(daemon)
        self.assertEqual(self.differences(daemon), [])
        found = self.status(daemon)
        self.assertEqual((found["snapshot"]["number"], found["started"]), (2, started))
        self.assertGreaterEqual(found["snapshot"]["since"], started)
        self.assertEqual(found["certificates"][0]["type"], "ECDSA P-256")
        self.assertRegex(self.good(daemon.conf, "status"), "\n    in force since .*, number 2\n")

    def test_configuration(self):
        daemon = self.start([self.own("one")])
        with open(daemon.conf, encoding="utf-8") as file:
            text = file.read()
        self.write(daemon, text + section("backend", "new", {"address": "127.0.0.1:1",
                                                             "max_connections": 7}))
        self.assertEqual([each[0] for each in self.differences(daemon)], ["configuration"])
        self.reload(daemon)
        self.assertEqual(self.differences(daemon), [])
        self.assertIn({"name": "new", "taken": 0, "waiting": 0, "max": 7},
                      self.status(daemon)["backends"])

    def test_backend_that_went(self):
        """Its sessions are counted until they end."""
        backend = Backend(self)
        daemon = self.start([self.own("one")], backend=backend.address)
        client = self.connect(daemon.address())
        peer = backend.greet(client)
        client.send(b"MAIL FROM:<a@example.test>\r\n")
        peer.line()
        with open(daemon.conf, encoding="utf-8") as file:
            self.write(daemon, file.read().replace('"postfix"', '"new"'))
        self.reload(daemon)
        found = self.status(daemon)
        self.assertEqual([each["name"] for each in found["backends"]], ["new"])
        self.assertEqual(found["sessions"],
                         {"total": 1, "in_relay": 1, "waiting": 0, "workers": [1]})

    def test_mistake_in_the_configuration(self):
        """The file cannot be parsed, and all is told all the same."""
        daemon = self.start([self.own("one", "rsa")])
        text = self.break_configuration(daemon)
        mistake = f"{daemon.conf}:{text.count(chr(10)) + 1}: "
        found = self.status(daemon)["not_in_force"]
        self.assertEqual([(each["subject"], each["result"], each["cure"]) for each in found],
                         [("configuration", "warning", None)] * 2)
        self.assertEqual(found[0]["text"], f"{daemon.conf} has changed since it was loaded")
        self.assertTrue(found[1]["text"].startswith("a reload would be refused: " + mistake),
                        found)
        told = self.good(daemon.conf, "status")
        self.assertIn(f"\nwarning: configuration: {found[1]['text']}\n", told)
        self.assertNotIn(CURE, told)
        self.assertEqual(self.ctl(daemon.conf, "check").returncode, 2)
        self.write(daemon, text)
        self.assertEqual(self.differences(daemon), [])

    def test_failed_until_one_succeeds(self):
        daemon = self.start([self.own("one", "rsa")])
        text = self.break_configuration(daemon)
        before = int(time.time())
        refused = self.reload(daemon, 1)
        failed = self.status(daemon)["reload"]["failed"]
        self.assertEqual(refused, f"posternctl: {failed['text']}\n")
        self.assertTrue(before <= failed["time"] <= time.time(), failed)
        line = rf"\n    last reload         FAILED {TIME} \(\d+ seconds?\): "
        self.assertRegex(self.good(daemon.conf, "status"), line + re.escape(failed["text"]) + "\n")
        # The file is what is in force again, but nobody has loaded it.
        self.write(daemon, text)
        self.assertEqual(self.status(daemon)["reload"]["failed"], failed)
        self.reload(daemon)
        found = self.status(daemon)
        self.assertEqual(found["reload"], {"running": False, "failed": None})
        self.assertEqual(found["snapshot"]["number"], 2)
        self.assertNotIn("last reload", self.good(daemon.conf, "status"))

    def test_half_written(self):
        """A new chain without its key: a reload is refused, and status says what waits."""
        one = self.own("one")
        daemon = self.start([one])
        with open(one.key, "rb") as file:
            key = file.read()
        self.renew(one)
        with open(one.key, "wb") as file:
            file.write(key)
        self.reload(daemon, 1)
        found = self.status(daemon)
        self.assertIn(one.key, found["reload"]["failed"]["text"])
        self.assertIn(" is served, but ", found["not_in_force"][0]["text"])
        self.assertEqual(found["snapshot"]["number"], 1)
