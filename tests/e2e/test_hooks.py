"""What the hooks of ACME clients do with files: both or none, checked before, put back, killed at each
step. `posternctl reload` is played here; tests/system/test_acme.py has a real one, and real clients."""

import os
import pwd
import shutil
import signal

from common import table
from hooks_case import Files, HooksCase, read, write
from lab.posternd import HOSTNAME, USER
from lab.process import run

LEFT_ALONE = 'postern: no certificate "{}" in {}: left alone\n'
REFUSED = "posternd refuses it: "


class Installed(HooksCase):
    def test_renewed(self):
        self.good(self.renew(self.new))
        self.assert_pair(self.p256, self.new)
        self.assertEqual(self.hooks.reloads(), 1)

    def test_new(self):
        os.remove(self.p256.chain)
        os.remove(self.p256.key)
        self.good(self.renew(self.new))
        self.assert_pair(self.p256, self.new)
        self.assert_mode(self.p256.key, 0o640)
        self.assert_mode(self.p256.chain, 0o644)

    def test_owner_and_mode_are_kept(self):
        os.chmod(self.p256.key, 0o400)
        shutil.chown(self.p256.key, USER, "adm")
        os.chmod(self.p256.chain, 0o604)
        self.good(self.renew(self.new))
        self.assert_mode(self.p256.key, 0o400, USER, "adm")
        self.assert_mode(self.p256.chain, 0o604, "root", "root")

    def test_same_again(self):
        before = os.stat(self.p256.chain), os.stat(self.p256.key)
        self.good(self.renew(self.old))
        self.assertEqual((os.stat(self.p256.chain).st_ino, os.stat(self.p256.key).st_ino),
                         tuple(each.st_ino for each in before))
        self.assertEqual(self.hooks.reloads(), 1)

    def test_kept_key_is_not_replaced(self):
        chain = os.path.join(self.folder, "again.pem")
        done = run(["openssl", "req", "-x509", "-key", self.old.key, "-subj", "/CN=" + HOSTNAME,
                    "-out", chain])
        self.assertEqual(done.returncode, 0, done.stderr)
        before = os.stat(self.p256.key).st_ino
        self.good(self.renew(Files("again", chain, self.old.key)))
        self.assertEqual(os.stat(self.p256.key).st_ino, before)
        self.assertEqual(read(self.p256.chain), read(chain))

    @table((("key last", True), ("key first", False)))
    def test_one_file(self, chain_first):
        both = self.p256._replace(key=self.p256.chain)
        self.configure(both)
        parts = [read(self.new.chain), read(self.new.key)]
        joined = write(os.path.join(self.folder, "joined"),
                       b"".join(parts if chain_first else reversed(parts)))
        os.remove(self.p256.chain)
        self.good(self.renew(self.new))
        self.assertEqual(read(self.p256.chain), b"".join(parts))
        self.assert_mode(self.p256.chain, 0o640)
        self.good(self.renew(Files("joined", joined, joined)))
        self.assertEqual(read(self.p256.chain), b"".join(parts))

    def test_key_of_a_joined_file_is_not_in_the_chain(self):
        joined = write(os.path.join(self.folder, "joined"),
                       b"Bag\r\n" + read(self.new.key) + read(self.new.chain))
        self.good(self.renew(Files("joined", joined, joined)))
        self.assert_pair(self.p256, self.new)

    def test_names_with_everything(self):
        folder = os.path.join(self.etc, "a $x\"\\'`b (c)")
        os.mkdir(folder)
        target = self.target("p 256", folder)._replace(name="rsa")
        self.configure(self.old, target)
        source = os.path.join(self.folder, "source $y'\"\\ ;")
        os.mkdir(source)
        pair = Files("s", os.path.join(source, "fullchain.pem"), os.path.join(source, "key"))
        shutil.copy(self.new.chain, pair.chain)
        shutil.copy(self.new.key, pair.key)
        done = self.renew(pair, target.name)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assert_pair(target, self.new)

    def test_other_configuration(self):
        conf = os.path.join(self.etc, "other.conf")
        os.rename(self.conf, conf)
        self.bad(self.renew(self.new), "No such file", failed=False)
        done = self.hooks.run("certbot", "-c", conf, "p256", RENEWED_LINEAGE=self.lineage("x"))
        self.good(done)

    def test_certbot(self):
        self.good(self.hooks.run("certbot", RENEWED_LINEAGE=self.lineage("p256")))
        self.assert_pair(self.p256, self.new)

    def test_certbot_with_a_name(self):
        lineage = self.lineage("mail-p256")
        self.good(self.hooks.run("certbot", "p256", RENEWED_LINEAGE=lineage))
        self.assert_pair(self.p256, self.new)

    def test_dehydrated(self):
        """Its folder is named by the alias; other handlers do nothing."""
        folder = self.lineage("p256")
        key, chain = os.path.join(folder, "privkey.pem"), os.path.join(folder, "fullchain.pem")
        rest = (key, "cert.pem", chain, "chain.pem", "1764464400")
        for words in (["startup_hook"], ["exit_hook", ""], ["exit_hook"], [],
                      ["deploy_ocsp", "mail", *rest], ["unchanged_cert", "mail", *rest[:-1]]):
            done = self.hooks.run("dehydrated", *words)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.good(self.hooks.run("dehydrated", "deploy_cert", HOSTNAME, *rest))
        self.assert_pair(self.p256, self.new)
        self.assertEqual(self.hooks.reloads(), 1)

    @table((("4", "LEGO_CERT_", "DOMAIN"), ("5", "LEGO_HOOK_CERT_", "NAME")))
    def test_lego(self, prefix, name):
        files = {prefix + "PATH": self.new.chain, prefix + "KEY_PATH": self.new.key}
        done = self.hooks.run("lego", **files, **{prefix + name: "other.example"})
        self.assertEqual((done.returncode, done.stdout),
                         (0, LEFT_ALONE.format("other.example", self.conf)))
        self.good(self.hooks.run("lego", "p256", **files, **{prefix + name: "other.example"}))
        self.assert_pair(self.p256, self.new)

    def test_acme_sh(self):
        files = {"CERT_FULLCHAIN_PATH": self.new.chain, "CERT_KEY_PATH": self.new.key,
                 "CERT_PATH": "/nonexistent"}
        self.good(self.hooks.run("acme.sh", "p256", **files, Le_Domain="mail"))
        self.good(self.hooks.run("acme.sh", **files, Le_Domain="p256"))
        self.assert_pair(self.p256, self.new)

    @table((("certbot", "RENEWED_LINEAGE"), ("acme.sh", "CERT_FULLCHAIN_PATH"),
            ("lego", "LEGO_CERT_PATH")))
    def test_by_hand(self, variable):
        """Without what the client says."""
        client = self.id().rpartition("by_hand_")[2].replace("_", ".")
        done = self.hooks.run(client, "p256")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(variable, done.stderr)

    def lineage(self, name):
        """A folder like certbot's /etc/letsencrypt/live/NAME, with the new pair."""
        folder = os.path.join(self.folder, "live", name)
        os.makedirs(folder)
        shutil.copy(self.new.chain, os.path.join(folder, "fullchain.pem"))
        shutil.copy(self.new.key, os.path.join(folder, "privkey.pem"))
        return folder

    def test_not_root(self):
        done = self.renew(self.new, wrapper=["setpriv", "--reuid", USER, "--clear-groups"])
        self.bad(done, "must be run by root", failed=False)

    @table((("nothing", []), ("no files", ["p256"]), ("no name", ["-f", "x", "-k", "y"]),
            ("two names", ["-f", "x", "-k", "y", "p256", "rsa"]), ("other", ["-x"])))
    def test_usage(self, arguments):
        done = self.hooks.run("postern-renew", *arguments)
        self.assertEqual(done.returncode, 2)
        self.assertIn("usage: postern-renew ", done.stderr)


class Refused(HooksCase):
    """What is no pair, or cannot be put there safely: the old pair stays, and nothing is reloaded."""

    def refused(self, done, text, failed=True):
        self.bad(done, text, failed)
        self.assert_pair(self.p256, self.old)
        self.assertEqual(self.hooks.reloads(), 0)

    def broken(self, chain=None, key=None):
        """The new pair with another content of its files."""
        pair = self.target("broken", self.folder)
        write(pair.chain, read(self.new.chain) if chain is None else chain)
        write(pair.key, read(self.new.key) if key is None else key)
        return pair

    @table((
        ("chain of another key", lambda case: (read(case.old.chain), None), "does not fit"),
        ("half a chain", lambda case: (read(case.new.chain)[:300], None), "broken PEM"),
        ("half a key", lambda case: (None, read(case.new.key)[:100]), "broken PEM"),
        ("empty chain", lambda case: (b"", None), "is empty"),
        ("empty key", lambda case: (None, b""), "is empty"),
        ("no certificate", lambda case: (read(case.new.key), None), "is empty"),
        ("no key", lambda case: (None, read(case.new.chain)), "is empty"),
        ("two keys", lambda case: (None, read(case.new.key) + read(case.old.key)),
         "more than one key"),
    ))
    def test_no_pair(self, content, text):
        self.refused(self.renew(self.broken(*content(self))), REFUSED)
        self.assertIn(text, read(self.p256.chain + ".failed").decode())
        self.good(self.renew(self.new))

    def test_expired(self):
        gone = self.make("gone", days=-1)
        self.refused(self.renew(gone), f"the certificate in {gone.chain} has expired")

    @table((("chain", 0), ("key", 1)))
    def test_missing(self, which):
        pair = self.broken()
        os.remove(pair[1 + which])
        done = self.renew(pair)
        self.assertIn(f"cannot read {pair[1 + which]}", done.stderr)
        self.assertEqual(done.returncode, 1)
        self.assert_pair(self.p256, self.old)
        self.assert_clean(failed=True)

    def test_unreadable_for_posternd(self):
        os.chmod(self.p256.key, 0o600)
        self.refused(self.renew(self.new), "Permission denied")
        os.chmod(self.p256.key, 0o640)
        os.chmod(self.etc, 0o700)
        self.refused(self.renew(self.new), "Permission denied")

    @table((("chain", 1), ("key", 2)))
    def test_target_is_a_link(self, which):
        path = self.p256[which]
        other = os.path.join(self.folder, "other")
        os.rename(path, other)
        os.symlink(other, path)
        self.refused(self.renew(self.new), f"{path} is a symbolic link")

    def test_target_is_a_folder(self):
        os.remove(self.p256.key)
        os.mkdir(self.p256.key)
        self.bad(self.renew(self.new), "is not a regular file")
        self.assertEqual(os.listdir(self.p256.key), [])

    @table((
        ("of posternd", lambda case: shutil.chown(case.etc, USER)),
        ("open to its group", lambda case: os.chmod(case.etc, 0o775)),
        ("open to all", lambda case: os.chmod(case.etc, 0o1777)),
        ("in a folder of posternd", lambda case: shutil.chown(case.folder, USER)),
        ("in an open folder", lambda case: os.chmod(case.folder, 0o757)),
    ))
    def test_folder(self, change):
        change(self)
        self.refused(self.renew(self.new), f"{self.etc} can be changed by others than root",
                     failed=False)

    def test_link_on_the_way(self):
        link = os.path.join(self.folder, "link")
        os.symlink(self.etc, link)
        self.configure(self.target("p256", link))
        self.good(self.renew(self.new))
        os.chown(link, pwd.getpwnam(USER).pw_uid, -1, follow_symlinks=False)
        self.bad(self.renew(self.old), "can be changed by others", failed=False)
        self.assert_pair(self.p256, self.new)

    def test_planted_copies_are_not_followed(self):
        victim = write(os.path.join(self.folder, "victim"), b"victim")
        for path in self.p256[1:]:
            os.symlink(victim, path + ".staged")
            os.symlink(victim, path + ".kept")
        os.symlink(victim, self.p256.chain + ".failed")
        os.symlink(victim, self.p256.chain + ".failed.staged")
        self.bad(self.renew(self.broken(b"")), REFUSED)
        self.good(self.renew(self.new))
        self.assertEqual(read(victim), b"victim")

    def test_unknown_name(self):
        self.refused(self.renew(self.new, "rsa"), f'{self.conf}: there is no certificate "rsa"',
                     failed=False)

    def test_broken_configuration(self):
        write(self.conf, read(self.conf) + b"nonsense = 1\n")
        self.refused(self.renew(self.new), f'{self.conf}:', failed=False)

    def test_unknown_lineage(self):
        for name in ("rsa", "p25", "*", "-c"):
            done = self.hooks.run("certbot", RENEWED_LINEAGE="/nonexistent/live/" + name)
            self.assertEqual((done.returncode, done.stdout, done.stderr),
                             (0, LEFT_ALONE.format(name, self.conf), ""))
        self.assert_pair(self.p256, self.old)
        self.assert_clean()
        self.assertEqual(self.hooks.reloads(), 0)


class Reloaded(HooksCase):
    """What posternd says about what is in place then."""

    def test_nobody_runs(self):
        self.hooks.answer("exit 69")
        self.good(self.renew(self.new), "in place; no posternd runs")
        self.assert_pair(self.p256, self.new)

    def test_nobody_runs_and_would_not(self):
        rsa = self.target("rsa")
        self.configure(self.p256, rsa)
        self.hooks.answer("exit 69")
        self.good(self.renew(self.new), "in place; no posternd runs, and it would not start: "
                  f"{self.conf}:{self.line(rsa.chain)}: cannot open {rsa.chain}: "
                  "No such file or directory")
        self.assert_pair(self.p256, self.new)

    def line(self, word):
        return read(self.conf).decode().split(word)[0].count("\n") + 1

    @table((("that runs", 1), ("that does not run", 69)))
    def test_old_pair_is_put_back(self, code):
        """By itself the pair is good, but a listener cannot serve it."""
        self.configure(self.p256, listeners={"mx": {"tls_profile": "strict"}},
                       extra='tls_profile "strict" {\n    ciphers = "DEFAULT@SECLEVEL=3"\n}\n')
        self.hooks.answer(f"echo 'posternctl: no' >&2; exit {code}")
        rsa = self.make("rsa", "rsa:2048")
        self.bad(self.renew(rsa), "posternd refuses it, and the old one is in place again: ")
        self.assert_pair(self.p256, self.old)

    def test_others_fault(self):
        """Refused with the old pair, too: the new one stays, and is served after the next reload."""
        rsa = self.target("rsa")
        self.configure(self.p256, rsa)
        self.hooks.answer("echo 'posternctl: FILE:1: rsa' >&2; exit 1")
        self.bad(self.renew(self.new), "in place, but the reload was refused: FILE:1: rsa")
        self.assert_pair(self.p256, self.new)
        self.hooks.answer("exit 0")
        done = self.renew(self.make("rsa", "rsa:2048"), "rsa")
        self.assertEqual(done.returncode, 0, done)
        self.assert_clean()

    def test_option_that_needs_a_restart(self):
        """Only the reload is refused, and no pair is to blame: the new one stays."""
        self.hooks.answer("echo 'posternctl: FILE:1: workers' >&2; exit 1")
        self.bad(self.renew(self.new), "in place, but the reload was refused: FILE:1: workers")
        self.assert_pair(self.p256, self.new)

    @table((("no socket", "FILE:1: control = \"\": there is no control socket"),
            ("silent", "/run/s: no posternd answers: timeout")))
    def test_nobody_answers(self, text):
        """A posternd may run all the same, and serve the old pair: that is no success."""
        self.hooks.answer(f"echo 'posternctl: {text}' >&2; exit 69")
        self.bad(self.renew(self.new), f"in place, but not known to be served: {text}")
        self.assert_pair(self.p256, self.new)
        self.hooks.answer("exit 0")
        self.good(self.renew(self.new))

    def test_in_place(self):
        live = os.path.join(self.folder, "live")
        os.mkdir(live)
        for path, name in ((self.new.chain, "fullchain.pem"), (self.new.key, "privkey.pem")):
            shutil.copy(path, os.path.join(self.folder, name))
            os.chmod(os.path.join(self.folder, name), 0o644)
            os.symlink("../" + name, os.path.join(live, name))
        target = Files("p256", os.path.join(live, "fullchain.pem"), os.path.join(live, "privkey.pem"))
        self.configure(target)
        self.p256 = target
        self.good(self.hooks.run("certbot", "p256", RENEWED_LINEAGE=live))
        self.assertEqual((self.hooks.reloads(), sorted(os.listdir(live))),
                         (1, ["fullchain.pem", "privkey.pem"]))
        os.chmod(os.path.join(self.folder, "privkey.pem"), 0o600)
        self.bad(self.hooks.run("certbot", "p256", RENEWED_LINEAGE=live), "Permission denied")
        self.assertTrue(os.path.islink(target.chain))
        os.chmod(os.path.join(self.folder, "privkey.pem"), 0o644)
        self.hooks.answer("echo 'posternctl: no' >&2; exit 1")
        self.bad(self.hooks.run("certbot", "p256", RENEWED_LINEAGE=live),
                 "in place, but the reload was refused: no")

    def test_ended_in_the_middle(self):
        """Once the renames have begun, it takes a kill -9."""
        fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(fifo)
        self.hooks.answer(f"trap - TERM INT HUP\nread line <'{fifo}'")
        hook = self.hooks.start("postern-renew", "-f", self.new.chain, "-k", self.new.key, "p256")
        with open(fifo, "w", encoding="ascii") as gate:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                hook.send_signal(number)
            gate.write("go\n")
        self.assertEqual(hook.wait(), 0)
        self.assert_pair(self.p256, self.new)
        self.assert_clean()

    def test_two_at_one_time(self):
        fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(fifo)
        self.hooks.answer(f"read line <'{fifo}'")
        first = self.hooks.start("postern-renew", "-f", self.new.chain, "-k", self.new.key, "p256")
        with open(fifo, "w", encoding="ascii") as gate:     # it reloads
            self.assert_pair(self.p256, self.new)
            self.hooks.answer("exit 0")
            second = self.hooks.start("postern-renew", "-f", self.old.chain, "-k", self.old.key,
                                      "p256")
            self.wait_for_lock(second)
            self.assert_pair(self.p256, self.new)
            gate.write("go\n")
        self.assertEqual((first.wait(), second.wait()), (0, 0))
        self.assert_pair(self.p256, self.old)
        self.assertEqual(self.hooks.reloads(), 2)
        self.assert_clean()

    def wait_for_lock(self, child):
        """Returns when flock(1), which the child runs, sleeps. Not by /proc/locks: in a container it
        hides a lock whose taker has ended, and with it all that wait."""
        while child.exit_code is None:
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    stat = read(f"/proc/{pid}/stat").decode()
                except OSError:
                    continue
                state, parent = stat.rpartition(")")[2].split()[:2]
                if "(flock)" in stat and state == "S" and int(parent) == child.pid:
                    return
        self.fail("it did not wait")


class Killed(HooksCase):
    def consistent(self):
        """Old, new, or (only with CHAIN.failed) a pair that does not fit."""
        pair = read(self.p256.chain), read(self.p256.key)
        for each in (self.old, self.new):
            if pair == (read(each.chain), read(each.key)):
                return True
        self.assertIn(pair[0], (read(self.old.chain), read(self.new.chain)))
        self.assertIn(pair[1], (read(self.old.key), read(self.new.key)))
        self.assertTrue(os.path.exists(self.p256.chain + ".failed"))
        self.assertIn("interrupted while it was put into place, ",
                      read(self.p256.chain + ".failed").decode())
        return False

    def test_killed_at_each_step(self):
        """Before each command that changes a file; the next run makes it good."""
        stop, broken = 1, 0
        arguments = ("-f", self.new.chain, "-k", self.new.key, "p256")
        while self.hooks.run_killed(stop, *arguments):
            with self.subTest(stop):
                broken += not self.consistent()
                answered = self.hooks.reloads()
                self.assertEqual(self.renew(self.new).returncode, 0)
                self.assertEqual(self.hooks.reloads(), answered + 1)
                self.assert_pair(self.p256, self.new)
                self.assert_clean()
            self.put(self.p256, self.old)
            stop += 1
        self.assertGreater(stop, 10)
        self.assertEqual(broken, 1)
