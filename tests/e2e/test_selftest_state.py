"""posternctl selftest in different states of the system: what posternd's user may not reach, a Postfix
that does not run, a master.cf that was edited, a posternd that cannot be asked."""

import contextlib
import grp
import os
import shutil
import socket

from common import free_port, table
from lab.posternd import USER, postfix_config, run_posternctl
from lab.process import run, sanitizer_environment
from selftest_case import Selftest

PRINTED = "posternctl postfix-config >> /etc/postfix/master.cf && "


class State(Selftest):
    """A good set-up."""

    @classmethod
    def prepare(cls):
        cls.postfix = cls.stage.make_postfix()
        cls.inner = cls.postfix.smtpd("postern", "unix")
        cls.conf = cls.stage.write(certificates=["p256"], backend=cls.inner.address, listeners={
            "mx": {"address": f"127.0.0.1:{free_port()}"}})
        cls.postfix.paste(postfix_config(cls.build, cls.conf, cls.postfix))
        cls.stage.start_postfix()
        cls.posternd = cls.stage.posternd(cls.conf)
        cls.public = cls.postfix.queue + "/public"

    def connect_fault(self, conf=None):
        """(text, cure) of the backend, which cannot be reached."""
        check, = self.of(self.checks(conf or self.conf, 1), "connect", "fault")
        return check["text"], check["cure"]

    @contextlib.contextmanager
    def stopped(self):
        """Meanwhile Postfix does not run."""
        self.stage.stop(self.postfix)
        try:
            yield
        finally:
            self.stage.start_postfix()

    def test_good(self):
        self.checks(self.conf, 0)

    # --- posternd's user ---

    def test_closed_to_its_user(self):
        """Root may connect, and what it finds there says nothing of posternd."""
        self.addCleanup(os.chmod, self.public, 0o711)
        os.chmod(self.public, 0o700)
        text, cure = self.connect_fault()
        self.assertEqual(cure, None)
        self.assertRegex(text, f"^user {USER} may not connect to it: {self.public} is closed to it "
                         rf"\(owner {self.postfix.owner}, group \S+, mode 2?0?700\)$")

    def test_closed_but_to_a_group(self):
        group = "daemon"
        self.addCleanup(os.chmod, self.public, 0o711)
        self.addCleanup(shutil.chown, self.public, None, os.stat(self.public).st_gid)
        shutil.chown(self.public, None, group)
        os.chmod(self.public, 0o710)
        text, cure = self.connect_fault()
        self.assertIn(f"group {group}, mode 0710)", text)
        self.assertEqual(cure, f"usermod -aG {group} {USER} && systemctl restart postern")

    def test_groups_of_root(self):
        """They are not posternd's."""
        group = grp.getgrnam("daemon").gr_gid
        self.addCleanup(os.chmod, self.public, 0o711)
        self.addCleanup(shutil.chown, self.public, None, os.stat(self.public).st_gid)
        shutil.chown(self.public, None, group)
        os.chmod(self.public, 0o710)
        done = run(["setpriv", f"--groups={group}", os.path.join(self.build, "posternctl"), "-c",
                    self.conf, "selftest"],
                   env={**sanitizer_environment(), **self.postfix.environment})
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(f"FAULT        user {USER} may not connect to it: {self.public} is closed",
                      done.stdout)

    def test_root_again(self):
        """After a connection the keys can be read, which are root's."""
        checks = self.checks(self.conf, 0)
        self.of(checks, "certificate", "ok")

    def test_no_such_user(self):
        conf = self.edited([(f'user = "{USER}"', 'user = "nobody-of-this-name"')])
        check, = self.of(self.checks(conf, 3), "connect")
        self.assertEqual(check["text"], 'whether its user "nobody-of-this-name" may connect to the '
                         "backends: there is no such user")

    def edited(self, changes, name="edited.conf"):
        """A postern.conf with other lines, which posternd has not read; its path."""
        with open(self.conf, encoding="utf-8") as file:
            text = file.read()
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        path = os.path.join(os.path.dirname(self.conf), name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    # --- Postfix does not run, or not with this service ---

    def test_stopped(self):
        with self.stopped():
            text, cure = self.connect_fault()
        self.assertRegex(text, "^cannot be reached: (Connection refused|No such file or directory); "
                         "Postfix is not running$")
        self.assertEqual(cure, "postfix start")

    @table((("which runs", "reload"), ("which is stopped", "start")))
    def test_no_such_service(self, word):
        conf = self.edited([(self.inner.address, f"unix:{self.public}/missing")])
        with self.stopped() if word == "start" else contextlib.nullcontext():
            text, cure = self.connect_fault(conf)
        self.assertIn("cannot be reached: No such file or directory", text)
        self.assertEqual(cure, f"{PRINTED}postfix {word}")

    def test_not_loaded(self):
        """master.cf has it, and Postfix has not read it."""
        added = self.postfix.smtpd("added", "unix")
        text, cure = self.connect_fault(self.edited([(self.inner.address, added.address)]))
        self.assertEqual((text, cure), ("cannot be reached: No such file or directory; master.cf "
                                        "has the service", "postfix reload"))

    def test_elsewhere(self):
        """What Postfix does not make here is not cured here."""
        conf = self.edited([(self.inner.address, f"unix:{self.stage.directory}/missing")])
        self.assertEqual(self.connect_fault(conf)[1], None)

    def test_socket_of_somebody_else(self):
        path = f"{self.public}/taken"
        with socket.socket(socket.AF_UNIX) as taken:
            taken.bind(path)
        self.addCleanup(os.unlink, path)
        shutil.chown(path, "daemon" if self.postfix.owner != "daemon" else "bin")
        os.chmod(path, 0o666)
        text, _ = self.connect_fault(self.edited([(self.inner.address, "unix:" + path)]))
        self.assertRegex(text, "^cannot be reached: Connection refused; the socket there belongs to "
                         "user (daemon|bin), not to Postfix$")

    def test_no_socket(self):
        path = f"{self.public}/file"
        with open(path, "w", encoding="ascii"):
            os.chmod(path, 0o666)
        self.addCleanup(os.unlink, path)
        text, _ = self.connect_fault(self.edited([(self.inner.address, "unix:" + path)]))
        self.assertEqual(text, "cannot be reached: Connection refused; the file there is not a "
                         "socket")

    # --- what was changed since ---

    @table((
        ("no header", "smtpd_upstream_proxy_protocol=haproxy", "smtpd_upstream_proxy_protocol="),
        ("TLS", "smtpd_tls_security_level=none", "smtpd_tls_security_level=may"),
    ))
    def test_master_cf_was_edited(self, line, edited):
        path = self.postfix.config + "/master.cf"
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.addCleanup(self.write, path, text)
        self.assertIn(line, text)
        self.write(path, text.replace(line, edited))
        check, = self.of(self.checks(self.conf, 1), "settings", "fault")
        self.assertEqual(check["subject"], 'listener "mx", main.cf today, postern unix behind')
        self.assertTrue(check["text"].startswith(line.partition("=")[0]), check)
        self.assertEqual(check["cure"], "-o " + line)

    @staticmethod
    def write(path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    # --- what cannot be asked ---

    def test_no_control_socket(self):
        control = os.path.join(os.path.dirname(self.conf), "state", "control.sock")
        checks = self.checks(self.edited([(f'control = "{control}"', 'control = ""')]), 3)
        self.assertEqual([check["text"] for check in checks if check["result"] != "ok"],
                         ['control = "": there is no socket to ask it'])

    def test_no_postconf(self):
        done = run_posternctl(self.build, "-c", self.conf, "selftest",
                              env={"MAIL_CONFIG": "/nowhere"})
        self.assertEqual(done.returncode, 3, done.stdout)
        self.assertIn("Postfix\n    not checked  postconf cannot be run, or finds no main.cf: its "
                      "settings are not compared\n", done.stdout)
