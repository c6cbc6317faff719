"""README.md's way in and out, on a booted system: installed beside Postfix, in front of port 25,
started again at a boot, stopped, and Postfix back at its port."""

from common import CLIENT, SERVER, SystemCase

END = "systemctl show -p Result -p ExecMainStatus --value postern"


class Service(SystemCase):
    def test_from_installing_to_the_way_back(self):
        machine = self.machine
        self.boot()
        self.readme("Installing", "adduser --system")
        self.install_certificates()
        self.readme("Installing", "posternd -t")
        self.readme("In front of port 25", "enable --now")
        self.check_mail("before a reboot")
        self.check_group()

        machine.power_off()
        self.boot()
        # Others may fail: a kept root has what the tests installed, fail2ban without a log to read.
        failed = machine.run("systemctl --failed --no-legend --plain")
        self.assertNotRegex(failed, "post(ern|fix)")
        self.assertEqual(machine.run("systemctl is-active postern postfix").split(), ["active"] * 2)
        self.check_mail("after a reboot")

        machine.run("systemctl stop postern")
        self.assertEqual(machine.run(END).split(), ["success", "0"])
        self.assertEqual(self.listeners(), [])
        machine.run("test ! -e /run/postern")
        self.readme("In front of port 25", "disable --now")
        machine.run("systemctl restart postfix")
        self.assertIn("master", self.listeners()[0])
        machine.power_off()

    def check_mail(self, words):
        """A mail with these words passes posternd under TLS and is delivered, and its log says so."""
        self.assertIn("posternd", self.listeners()[0])
        mail, seen = self.send(words)
        self.assertIn(f"Subject: {words}", mail)
        self.assertIn(f"from client.example.net (unknown [{CLIENT}])", mail)
        self.assertRegex(seen, r"TLS started .*")
        self.assertRegex(self.machine.run("journalctl --boot --output=cat"),
                         r"Anonymous TLS connection established from .*certificate=p256")
        self.assertEqual(self.machine.run("stat --format %U /proc/$(pidof posternd)").strip(),
                         "postern")

    def check_group(self):
        """The shipped configuration takes the best group that OpenSSL has."""
        has_hybrid = "X25519MLKEM768" in self.machine.run("openssl list -kem-algorithms")
        group = "X25519MLKEM768" if has_hybrid else "X25519"
        self.machine.run("echo QUIT | openssl s_client -starttls smtp -connect"
                         f" {SERVER}:25 -groups {group} 2>&1")
        self.assertIn(f" key-exchange {group} ",
                      self.machine.run("journalctl --boot --output=cat"))

    def listeners(self):
        """What listens at port 25, a line each."""
        return self.machine.run("ss -Htlnp 'sport = :25'").splitlines()
