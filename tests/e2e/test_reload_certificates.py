"""Certificates at a reload: what has not changed is not loaded again, what has changed is."""

import os
import shutil
import ssl

from common import ESTABLISHED, client_context, table
from lab import hello
from lab.posternd import USER, section
from reloading import Reloading


BOTH = 'certificates = { "p256", "rsa" }'


def replace(path, content):
    """In place, as some clients of an authority write; owner and mode stay."""
    with open(path, "r+b") as file:
        file.truncate(0)
        file.write(content)


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Certificates(Reloading):
    def setUp(self):
        super().setUp()
        self.begin(certificates=["p256", "rsa"], sets={"mail": ["p256", "rsa"]})
        self.chain, self.key = self.own_certificate()
        self.reload()

    def renew(self, name, kind="p256", key=True):
        """Puts the contents of certificate `name` into the files of "p256"."""
        fresh = self.stage.certificate(name, kind)
        replace(self.chain, read(fresh.chain))
        if key:
            replace(self.key, read(fresh.key))
        return fresh

    def new(self, number):
        self.assertEqual(self.reload()["new"], str(number))

    def served(self, context=None):
        """SHA-256 of what a new client gets."""
        return self.handshake(self.greeted(), context)

    # --- not loaded again ---

    def test_nothing_changed(self):
        before = self.served()
        for _ in range(3):
            self.new(0)
        self.assertEqual(self.served(), before)

    def test_only_times_changed(self):
        for path in (self.chain, self.key):
            os.utime(path)
            replace(path, read(path))
        self.new(0)

    def test_moved_to_other_files(self):
        """Names and contents count, not paths."""
        moved = self.chain + ".moved"
        shutil.move(self.chain, moved)
        self.change((f'chain = "{self.chain}"', f'chain = "{moved}"'))
        self.new(0)

    def test_order_and_sets(self):
        before = self.served()
        self.change((BOTH, 'certificates = { "rsa", "p256" }'))
        self.new(0)
        self.assertNotEqual(self.served(), before)
        self.change(('certificates = { "rsa", "p256" }', 'certificates = "p256"'))
        self.new(0)
        self.assertEqual(self.served(), before)

    def test_another_one_added(self):
        added = self.stage.certificate("ed25519")
        self.append(section("certificate", "added", {"chain": added.chain, "key": added.key}))
        self.change((BOTH, 'certificates = { "added", "p256", "rsa" }'))
        self.new(1)
        self.assertEqual(self.served(), self.pem(added))

    def test_taken_over_many_times(self):
        """The snapshots between have gone, and their certificates have not."""
        running = self.greeted()
        before = self.served()
        for number in range(5):
            self.change(("workers = 2\n", "workers = 2\n" + "# again\n"))
            self.new(0)
            self.change(("# again\n", ""))
            self.assertEqual(self.served(), before, number)
        self.assertEqual(self.handshake(running), before)

    # --- loaded again ---

    @staticmethod
    def pem(certificate):
        """Its leaf."""
        text = read(certificate.chain).decode()
        end = "-----END CERTIFICATE-----\n"
        return text[:text.index(end) + len(end)]

    def test_same_size_and_time(self):
        """Neither tells that the contents have changed."""
        status = os.stat(self.chain)
        chain = read(self.chain)
        # A comment after the last certificate, and then another one of its length.
        replace(self.chain, chain + b"# one\n")
        self.new(1)
        os.utime(self.chain, ns=(status.st_atime_ns, status.st_mtime_ns))
        replace(self.chain, chain + b"# two\n")
        os.utime(self.chain, ns=(status.st_atime_ns, status.st_mtime_ns))
        self.new(1)
        self.new(0)

    def test_key_in_the_chain_file(self):
        """The option key goes, the key does not."""
        replace(self.chain, read(self.chain) + read(self.key))
        if os.geteuid() == 0:
            shutil.chown(self.chain, USER)
        self.new(1)
        self.change((f'    key = "{self.key}"\n', ""))
        self.new(1)
        self.new(0)

    def test_renamed(self):
        before = self.served()
        self.change(('certificate "p256"', 'certificate "other"'),
                    (BOTH, 'certificates = { "other", "rsa" }'))
        self.new(1)
        self.assertEqual(self.served(), before)

    def test_names_exchanged(self):
        """A name's contents are others now."""
        rsa = self.stage.certificate("rsa")
        before = self.served()
        self.change((self.chain, "CHAIN"), (self.key, "KEY"))
        self.change((rsa.chain, self.chain), (rsa.key, self.key))
        self.change(("CHAIN", rsa.chain), ("KEY", rsa.key))
        self.new(2)
        self.assertNotEqual(self.served(), before)

    def test_one_of_two_changed(self):
        """The other one is that of before, in both workers."""
        context = client_context(maximum_version=ssl.TLSVersion.TLSv1_2)
        context.set_ciphers("aRSA")
        rsa = self.served(context)
        fresh = self.renew("renewed one of two")
        self.new(1)
        for _ in range(8):
            self.assertEqual(self.served(), self.pem(fresh))
            self.assertEqual(self.served(context), rsa)

    def test_another_kind_of_key(self):
        fresh = self.renew("renewed as p384", "p384")
        self.new(1)
        self.assertEqual(self.served(), self.pem(fresh))

    # --- refused, and then good ---

    def test_half_renewed(self):
        """The chain is there, its key is not yet: refused as a whole, and good when that comes."""
        before = self.served()
        fresh = self.renew("half renewed", key=False)
        line = self.line_of(self.key)
        self.refuse(rf"{self.daemon.conf}:{line}: the key in {self.key} does not fit the first "
                    rf"certificate in {self.chain}")
        self.assertEqual(self.served(), before)
        replace(self.key, read(fresh.key))
        self.new(1)
        self.assertEqual(self.served(), self.pem(fresh))

    def test_security_level(self):
        """Certificates that are taken over are tried again where more is asked of them."""
        self.append(section("tls_profile", "strict", {"ciphers": "ECDHE:@SECLEVEL=2"}))
        self.change(('backend = "postfix"\n', 'backend = "postfix"\n    tls_profile = "strict"\n'))
        self.new(0)
        before = self.text()
        self.change(("SECLEVEL=2", "SECLEVEL=3"))
        self.refuse(rf'{self.daemon.conf}:\d+: listener "mx" cannot serve certificate "rsa" at '
                    r"security level 3: .*")
        self.write(before.replace("SECLEVEL=2", "SECLEVEL=1"))
        self.new(0)


class Others(Reloading):
    """What surrounds certificates."""

    def test_try_anyway(self):
        """The attempts of a certificate that is taken over still serve, those of a renewed one do,
        and a changed profile makes new ones."""
        self.begin(certificates=["p384"], sets={"mail": {"certificates": ["p384"],
                                                         "unmatched": "try-anyway"}},
                   extra='tls_profile "other" { ciphers = "ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0" }\n')
        chain, key = self.own_certificate("p384")
        fresh = self.stage.certificate("renewed p384", "p384")

        def serves(new, certificate, suite=0xc02b):
            self.assertEqual(self.reload()["new"], str(new))
            for _ in range(8):
                client = self.greeted()
                client.command("STARTTLS")
                client.send(hello.records(hello.story()))
                answer = hello.read_answer(client)
                self.assertEqual((answer.done, answer.suite), (True, suite), answer.text)
                self.assertEqual(ssl.DER_cert_to_PEM_cert(answer.certificates[0]),
                                 Certificates.pem(certificate))

        old = self.stage.certificate("p384")
        serves(0, old)
        serves(0, old)
        replace(chain, read(fresh.chain))
        replace(key, read(fresh.key))
        serves(1, fresh)
        serves(0, fresh)
        self.change(('backend = "postfix"\n', 'backend = "postfix"\n    tls_profile = "other"\n'))
        serves(0, fresh, 0xc023)

    def test_client_ca(self):
        """The file has its path, and other authorities."""
        roots = {kind: os.path.join(self.stage.authority.directory, f"root-{kind}.pem")
                 for kind in ("p256", "p384")}
        own = os.path.join(self.stage.directory, f"authorities-{id(self)}.pem")
        certificate = self.stage.certificate("client", "p256", purpose="clientAuth")
        self.stage.certificate("p384")
        shutil.copy(roots["p384"], own)
        self.begin(certificates=["p256"],
                   listeners={"mx": {"client_certificate": "ask", "client_ca": own}})
        context = client_context()
        context.load_cert_chain(certificate.chain, certificate.key)
        for kind, trust in (("p384", "Untrusted"), ("p256", "Trusted"), ("p384", "Untrusted")):
            shutil.copy(roots[kind], own)
            self.assertEqual(self.reload()["new"], "0")
            mark = self.daemon.mark()
            self.handshake(self.greeted(), context)
            self.assertEqual(self.daemon.wait_log(ESTABLISHED, after=mark)["trust"], trust)


class Wrong(Reloading):
    @table((
        ("not PEM", b"nonsense\n", "it contains no certificate"),
        ("broken PEM", b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
         "broken PEM: .*"),
        ("not a certificate", b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
         "not a certificate: .*"),
    ))
    def test_chain(self, content, text):
        self.begin(certificates=["p256", "rsa"], sets={"mail": ["p256", "rsa"]})
        chain, _ = self.own_certificate()
        good = read(chain)
        self.reload()
        replace(chain, content)
        self.refuse(f"{self.daemon.conf}:{self.line_of(chain)}: {chain}: {text}")
        replace(chain, good)
        self.assertEqual(self.reload()["new"], "0")
