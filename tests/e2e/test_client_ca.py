"""client_ca: what cannot be read, or makes no sense, is said at start."""

import os
import re
import shutil

from certificate_requests import Certificates
from common import table
from lab.posternd import run_posternd

BACKEND = "127.0.0.1:1"


class ClientCa(Certificates):
    @classmethod
    def prepare(cls):
        cls.certificates = {}
        cls.stage.certificate("p256")
        cls.directory = cls.stage.authority.directory
        cls.good = cls.made("good", "/CN=An authority", ca=True).chain

    def checked(self, code, **options):
        """What posternd -t says of a listener with these options, which end in client_ca."""
        conf = self.stage.write(certificates=["p256"], backend=BACKEND, sets=options.pop(
            "sets", None), listeners={"mx": options})
        done = run_posternd(self.stage.build, "-c", conf, "-t")
        self.assertEqual(done.returncode, code, done.stderr)
        with open(conf, encoding="utf-8") as file:
            lines = file.read().splitlines()
        return conf, lines, done.stderr

    def file(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path

    def assert_refused(self, client_ca, text, **options):
        conf, lines, said = self.checked(2, client_certificate="ask", client_ca=client_ca,
                                         **options)
        line = 1 + next(number for number, each in enumerate(lines) if "client_ca" in each)
        self.assertRegex(said, f"^{re.escape(conf)}:{line}: .*{text}.*\n$")

    @table((
        ("empty", "", "is empty"),
        ("no certificate", "nothing of the kind\n", "it contains no certificate"),
        ("broken", "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
         "bad base64 decode"),
        ("not a certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
         "client_ca: .*bad.pem: not a PEM certificate: wrong tag"),
    ))
    def test_bad_file(self, text, said):
        self.assert_refused(self.file("bad.pem", text), said)

    def test_good_and_bad(self):
        with open(self.good, encoding="ascii") as file:
            good = file.read()
        self.assert_refused(self.file("both.pem", good + "-----BEGIN CERTIFICATE-----\n!!!!\n"
                                      "-----END CERTIFICATE-----\n"), "bad base64 decode")

    def test_missing_file(self):
        self.assert_refused("nowhere.pem", "cannot open .*nowhere.pem: No such file or directory")

    def test_directory(self):
        self.assert_refused(self.directory, "is not a regular file")

    def test_names_too_long(self):
        """What would not fit into a handshake is found at start."""
        text = ""
        for number in range(14):
            # Attributes are 64 bytes long at most, so a long name has many.
            subject = "".join(f"/OU={number:02}{each:02}{'x' * 60}" for each in range(34))
            with open(self.made(f"long-{number}", subject, ca=True).chain,
                      encoding="ascii") as file:
                text += file.read()
        self.assert_refused(self.file("long.pem", text),
                            "the names of its authorities, which are sent to clients, are longer "
                            "than 32768 bytes")

    def test_read_by_the_user_only(self):
        """It is read before root is given up, like the keys."""
        path = shutil.copy(self.good, os.path.join(self.directory, "private.pem"))
        os.chmod(path, 0o600)
        if os.geteuid() == 0:
            shutil.chown(path, "root")
        _, _, said = self.checked(0, client_certificate="ask", client_ca=path)
        self.assertNotIn("client_ca", said)

    @table((
        ("require without client_ca", {"client_certificate": "require", "tls": "encrypt"},
         'listener "mx": client_certificate = "require" without client_ca accepts any certificate'),
        ("client_ca without a use", {"client_ca": True},
         'listener "mx": client_ca has no effect while client_certificate is "none"'),
        ("require with client_ca", {"client_certificate": "require", "client_ca": True,
                                    "tls": "implicit"}, None),
        ("require, and clients without TLS", {"client_certificate": "require", "client_ca": True},
         'client_certificate = "require", but clients need not use TLS (tls = "may"), and are '
         'then not asked'),
        ("ask without client_ca", {"client_certificate": "ask"}, None),
        ("ask with client_ca", {"client_certificate": "ask", "client_ca": True}, None),
        ("require without TLS", {"client_certificate": "require", "client_ca": "nowhere",
                                 "tls": "none"},
         'listener "mx": client_certificate has no effect while tls is "none"'),
        ("ask without TLS", {"client_certificate": "ask", "tls": "none"},
         'listener "mx": client_certificate has no effect while tls is "none"'),
        ("anonymous", {"client_certificate": "require", "client_ca": True, "tls": "encrypt",
                       "tls_profile": "opportunistic",
                       "sets": {"mail": {"certificates": ["p256"], "unmatched": "anonymous"}}},
         'unmatched = "anonymous" of certificate_set "mail" has no effect where client '
         'certificates are required'),
    ))
    def test_warning(self, options, text):
        options = dict(options)
        if options.get("client_ca") is True:
            options["client_ca"] = self.good
        conf, lines, said = self.checked(0, **options)
        found = [line for line in said.splitlines() if "client" in line]
        if text is None:
            self.assertEqual(found, [])
            return
        self.assertEqual(len(found), 1, said)
        if "client_ca has no effect" in text:
            number = next(at for at, line in enumerate(lines) if "client_ca =" in line)
        else:
            # Of something missing, or of the whole: the line of the section's closing brace.
            number = next(at for at, line in enumerate(lines)
                          if line == "}" and at > lines.index('listener "mx" {'))
        self.assertIn(f"{conf}:{number + 1}: ", found[0])
        self.assertIn(text, found[0])
