"""What the tests of hooks share: certificates, a folder like /etc/postern, and the hooks installed for it."""

import collections
import glob
import grp
import os
import pwd
import shutil
import stat
import tempfile
import unittest

from common import Case
from hooks import Hooks
from lab.posternd import HOSTNAME, USER, configuration
from lab.process import run
from lab.release import openssl_dates

Files = collections.namedtuple("Files", "name chain key")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)
    return path


@unittest.skipUnless(os.geteuid() == 0, "hooks are root's")
class HooksCase(Case):
    """Each test has a folder like /etc/postern, self.etc, with the pair `old` as self.p256, and the
    pair `new` elsewhere."""

    planted = None  # (text of postern-renew, what is there instead)

    @classmethod
    def prepare(cls):
        cls.made = {}

    @classmethod
    def make(cls, name, *options, days=60):
        """A self-signed certificate and its key, made at first use."""
        if name not in cls.made:
            base = os.path.join(cls.stage.directory, name)
            for words in (["req", "-newkey", *(options or ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")),
                           "-noenc", "-subj", "/CN=" + HOSTNAME, "-keyout", base + ".key",
                           "-out", base + ".csr"],
                          ["x509", "-req", "-in", base + ".csr", "-signkey", base + ".key",
                           *openssl_dates(days), "-out", base + ".pem"]):
                done = run(["openssl", *words])
                assert done.returncode == 0, done.stderr
            cls.made[name] = Files(name, base + ".pem", base + ".key")
        return cls.made[name]

    def setUp(self):
        super().setUp()
        self.old = self.make("old")
        self.new = self.make("new")
        self.folder = tempfile.mkdtemp(dir=self.stage.directory)
        os.chmod(self.folder, 0o755)
        self.etc = os.path.join(self.folder, "etc")
        os.mkdir(self.etc)
        self.p256 = self.target("p256")
        self.configure(self.p256)
        self.put(self.p256, self.old)
        self.hooks = Hooks(self.build, self.folder, self.conf, planted=self.planted)

    def target(self, name, folder=None):
        base = os.path.join(folder or self.etc, name)
        return Files(name, base + ".pem", base + ".key")

    def configure(self, *certificates, **options):
        state = os.path.join(self.folder, "state")
        os.makedirs(state, exist_ok=True)
        shutil.chown(state, USER)
        text = configuration(certificates=certificates, backend="unix:/nonexistent",
                             state=state, **options)
        self.conf = write(os.path.join(self.etc, "postern.conf"), text.encode())

    def put(self, target, pair):
        """What an administrator has installed: the key for posternd's group."""
        shutil.copy(pair.chain, target.chain)
        shutil.copy(pair.key, target.key)
        shutil.chown(target.key, "root", pwd.getpwnam(USER).pw_gid)
        os.chmod(target.key, 0o640)
        os.chmod(target.chain, 0o644)

    def renew(self, pair, *name, **options):
        return self.hooks.run("postern-renew", "-f", pair.chain, "-k", pair.key,
                              *(name or ("p256",)), **options)

    def good(self, done, text="in place, and posternd serves it"):
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        self.assertEqual(done.stdout, f"postern: certificate p256: {text}\n")
        self.assert_clean()

    def bad(self, done, text, failed=True):
        """It has failed with this text, on standard error and in CHAIN.failed."""
        self.assertEqual(done.returncode, 1, done)
        self.assertIn(text, done.stderr)
        self.assertRegex(done.stderr, r"\Apostern: error: certificate \S+: [^\n]+\n\Z")
        if failed:
            with open(self.p256.chain + ".failed", encoding="utf-8") as file:
                line = file.read()
            self.assertRegex(line, r"\A[^\n]+, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n\Z")
            self.assertIn(text, line)
            self.assertEqual(stat.S_IMODE(os.stat(self.p256.chain + ".failed").st_mode), 0o644)
        self.assert_clean(failed)

    def assert_clean(self, failed=False):
        """Nothing is left but what belongs here."""
        left = glob.glob(os.path.join(self.etc, "*.staged")) + glob.glob(
            os.path.join(self.etc, "*.kept"))
        self.assertEqual(left, [])
        self.assertEqual(os.path.exists(self.p256.chain + ".failed"), failed)

    def assert_pair(self, target, pair):
        self.assertEqual((read(target.chain), read(target.key)), (read(pair.chain), read(pair.key)))

    def assert_mode(self, path, mode, user="root", group=None):
        found = os.stat(path)
        self.assertEqual((oct(stat.S_IMODE(found.st_mode)), found.st_uid, found.st_gid),
                         (oct(mode), pwd.getpwnam(user).pw_uid,
                          grp.getgrnam(group).gr_gid if group else pwd.getpwnam(USER).pw_gid))
