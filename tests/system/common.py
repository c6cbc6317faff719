"""What the cases share: an installed Debian with Postfix, and README.md's own commands."""

import os
import re
import unittest

from lab.process import LabError
from lab.root import TOP
from machine import Machine

HOSTNAME = "mail.example.org"

# What a Debian has after "Internet Site", without what this machine has no use for.
MAIN_CF = f"""\
compatibility_level = 3.6
smtpd_banner = $myhostname ESMTP $mail_name (Debian)
myhostname = {HOSTNAME}
mydestination = $myhostname, localhost
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
alias_maps =
inet_interfaces = all
inet_protocols = all
"""

SERVER = "192.0.2.10"
CLIENT = "192.0.2.7"

SWAKS = (f"swaks --server {SERVER} --local-interface {CLIENT} --ehlo client.example.net"
         f" --from sender@example.net --to user@{HOSTNAME}")


def commands_of(section, word):
    """The commands of the first block with this word in README.md's section."""
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as file:
        text = file.read()
    part = re.search(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if part is None:
        raise LabError(f"README.md has no section {section!r}")
    for block in re.findall(r"^```\n(.*?)^```$", part[1], re.MULTILINE | re.DOTALL):
        if word in block:
            return block
    raise LabError(f"README.md, section {section!r}: no block with {word!r}")


class SystemCase(unittest.TestCase):
    """A class of tests with one machine, which has Postfix, and postern built but not installed."""

    layers = None   # set by main.py

    @classmethod
    def setUpClass(cls):
        cls.machine = Machine(cls.layers.add())
        cls.addClassCleanup(cls.machine.__exit__)
        cls.machine.write("/etc/postfix/main.cf", MAIN_CF)
        cls.machine.write("/etc/hostname", HOSTNAME + "\n")
        cls.machine.write("/etc/hosts", f"127.0.0.1 localhost {HOSTNAME}\n::1 localhost\n")
        cls.machine.chroot("useradd --create-home user")

    def boot(self):
        """Boots the machine, with an address for it and one for a client on its loopback."""
        self.machine.boot()
        for address in (SERVER, CLIENT):
            self.machine.run(f"ip address add {address}/24 dev lo")

    def readme(self, section, word):
        """Runs one of README.md's blocks in the booted machine, in the clone."""
        self.machine.run("set -e\ncd /root/postern\n" + commands_of(section, word), timeout=300)

    def install_certificates(self):
        """Three certificates for the shipped postern.conf."""
        for name, key in (("p256", "ec -pkeyopt ec_paramgen_curve:P-256"), ("rsa", "rsa:2048"),
                          ("p384", "ec -pkeyopt ec_paramgen_curve:P-384")):
            self.machine.run(
                f"cd /etc/postern && openssl req -x509 -newkey {key} -nodes -days 90"
                f" -subj /CN={HOSTNAME} -addext subjectAltName=DNS:{HOSTNAME}"
                f" -keyout {name}.key -out {name}.pem"
                f" && chgrp postern {name}.key && chmod 640 {name}.key")

    def send(self, words):
        """Sends a mail with these words through port 25 under TLS; the delivered mail, and what
        the client saw."""
        mark = self.machine.run("journalctl --lines=0 --show-cursor").split("-- cursor: ")[1].strip()
        seen = self.machine.run(f"{SWAKS} --tls --header 'Subject: {words}' 2>&1")
        log = self.machine.follow(f"journalctl --follow --after-cursor='{mark}' --output=cat")
        self.addCleanup(log.stop)
        log.log.wait(r"to=<user@.*status=sent")
        log.stop()
        return self.machine.run("cat /var/mail/user"), seen
