"""Restarts that nobody notices: by systemctl, by a kill -9, and after an upgrade of libssl, with a
connect every millisecond and eight senders of mail."""

import os
import ssl
import time

from common import SystemCase, commands_of
from lab import renewal
from lab.postfix import Mail
from lab.process import TIMEOUT, Child
from lab.smtp import Client

RESTARTS = 20
KILLS = 5

# Mails that are delivered between two of them.
MAILS = 20

MX = ("127.0.0.1", 25)
PROBE = ("127.0.0.1", 2500)

# So many sessions a second are too many for a Postfix on a small machine: most of them have a backend
# of their own.
EXTRA = """
backend "sink" {{
    address = {{ "{sink}" }}
    max_connections = 0
}}
listener "probe" {{
    address = {{ "%s:%d" }}
    certificate_sets = {{ "mail" }}
    backend = "sink"
}}
""" % PROBE

# libssl's package as it will be reinstalled, without a network.
DOWNLOAD = """
set -e
apt-get update --quiet --quiet
dpkg-query --show --showformat='${Package}\\n' 'libssl3*' | grep -x -e libssl3 -e libssl3t64 > /root/libssl
apt-get install --reinstall --yes --quiet --quiet --download-only $(cat /root/libssl)
"""

MAILBOX = "home/user/Maildir/new"

SETTINGS = "".join(f"{name} = {value}\n" for name, value in {
    **renewal.SLOW_DOTS, "home_mailbox": "Maildir/", "in_flow_delay": "0"}.items())

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


class RestartLoad(SystemCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        machine = cls.machine
        machine.chroot("make -s -C /root/postern build/bench_server")
        machine.chroot(DOWNLOAD)
        with open(os.path.join(machine.folder, "etc/postfix/main.cf"), "a",
                  encoding="utf-8") as main_cf:
            main_cf.write(SETTINGS)
        cls.boot(cls)
        cls.readme(cls, "Installing", "adduser --system")
        cls.install_certificates(cls)
        sink = machine.follow("exec /root/postern/build/bench_server sink")
        cls.addClassCleanup(sink.stop)
        before, _, _ = commands_of("In front of port 25", "enable --now").partition("systemctl enable")
        machine.run("set -e\n" + before)
        # Not before: postfix-config would have a service of Postfix's at the sink's port.
        with open(os.path.join(machine.folder, "etc/postern/postern.conf"), "a",
                  encoding="utf-8") as conf:
            cls.sink = "127.0.0.1:" + sink.log.wait(r"port=(\d+)")[1]
            conf.write(EXTRA.format(sink=cls.sink))
        # Postfix gives up the port a moment after its reload.
        cls.wait_for(cls, "ss -Htln 'sport = :25'", "")
        machine.run("systemctl enable --now postern")
        cls.wait_for(cls, "swaks --quit-after BANNER --server 127.0.0.1 >/root/banner 2>&1; echo $?",
                     "0")

    # --- the load ---

    def load(self):
        """The load from the machine's network."""
        beside = [self.sink, os.path.join(self.machine.folder, "var/spool/postfix/public/postern")]
        command = renewal.command([PROBE] * 19 + [MX], MX, "--recipient", "user@localhost", beside=beside)
        load = renewal.Load(Child([*self.machine.network(), *command]))
        self.addCleanup(load.abandon)
        return load

    def settle(self, load):
        """Ends the load; its report, the mails that were lost and those that were doubled."""
        report = load.end()
        end = time.monotonic() + 4 * TIMEOUT
        while self.machine.run("postqueue -j").strip():
            self.assertLess(time.monotonic(), end, "Postfix's queue")
        lost, doubled = report.balance(self.delivered())
        print(f"{self.id()}: {report.figures()}", flush=True)
        return report, lost, doubled

    def mails(self):
        """The files of all mails that were delivered."""
        new = os.path.join(self.machine.folder, MAILBOX)
        # The first mail makes it.
        return [os.path.join(new, name) for name in os.listdir(new)] if os.path.isdir(new) else []

    def delivered(self):
        return [Mail(path).subject for path in self.mails()]

    # --- renewing ---

    def restart(self):
        """(when it began, when it had ended)."""
        began = time.monotonic()
        self.machine.run("systemctl restart postern")
        return began, time.monotonic()

    def wait_for_mails(self):
        """Until the load goes on: so many more mails are delivered."""
        end = time.monotonic() + 4 * TIMEOUT
        before = len(self.mails())
        while len(self.mails()) < before + MAILS:
            self.assertLess(time.monotonic(), end, "mails are delivered")
            time.sleep(0.02)

    def served(self, address=MX):
        """Waits for a banner."""
        def connect():
            with Client(address) as client:
                self.assertEqual(client.reply().code, 220)
                client.command("QUIT")
        self.machine.call(connect)

    def assert_unnoticed(self, report, lost, doubled):
        self.assertGreater(report.served, 0)
        self.assertEqual((report.refused(), report.reset()), (0, 0), report.hurt())
        self.assertEqual(report.hurt(restarted=True), {})
        self.assertEqual((lost, doubled, report.without_reply()), (set(), set(), []))

    def assert_waits(self, report, restarts):
        """Nobody waited much longer than for the replies that were outstanding, or than who went past
        posternd."""
        print("longest wait for a banner, for the oldest outstanding reply, and past posternd (ms): "
              + ", ".join(" ".join(f"{1000 * each:.0f}" for each in waits)
                          for waits in report.waits(restarts)), flush=True)
        self.assertEqual(report.too_long(restarts), [])

    # --- tests ---

    def test_restarts(self):
        load = self.load()
        restarts = []
        for _ in range(RESTARTS):
            self.wait_for_mails()
            restarts.append(self.restart())
        report, lost, doubled = self.settle(load)
        self.assert_unnoticed(report, lost, doubled)
        self.assert_waits(report, restarts)

    def test_mail_that_is_being_sent(self):
        """A session idle in DATA is waited for, and gets its 250; the next one is served after."""
        load = self.load()
        client = self.machine.call(self.in_data)
        restart = self.machine.follow("systemctl restart postern")
        self.addCleanup(restart.stop)
        self.wait_for("systemctl show -P ActiveState postern", "deactivating")
        self.machine.call(lambda: self.finish(client))
        self.assertEqual(restart.wait(), 0)
        self.served()
        self.assert_unnoticed(*self.settle(load))
        self.assertEqual(self.delivered().count("old session"), 1)

    @staticmethod
    def in_data():
        client = Client(MX)
        client.starttls()
        for line in ("MAIL FROM:<old@client.test>", "RCPT TO:<user@localhost>", "DATA"):
            client.command(line)
        client.send(b"Subject: old session\r\n\r\nhalf of it")
        return client

    def finish(self, client):
        with client:
            client.send(b", and the rest\r\n.\r\n")
            self.assertEqual(client.reply().code, 250)

    def wait_for(self, command, wanted):
        end = time.monotonic() + TIMEOUT
        while self.machine.run(command).strip() != wanted:
            assert time.monotonic() < end, self.machine.run("journalctl --lines=40")

    def test_kill(self):
        """Nobody is refused. Sessions are reset, and a mail whose dot was not answered is sent again:
        that cannot be helped."""
        load = self.load()
        for _ in range(KILLS):
            self.wait_for_mails()
            pid = self.machine.run("systemctl show -P MainPID postern").strip()
            self.machine.run(f"kill -9 {pid}")
            self.wait_for("systemctl show -P MainPID postern"
                          f" | grep -vx -e {pid} -e 0 | sed s/.*/new/", "new")
        report, lost, doubled = self.settle(load)
        print(f"{KILLS} kills: {report.hurt()}; doubled {len(doubled)}", flush=True)
        self.assertEqual(report.refused(), 0, report.hurt())
        self.assertEqual(lost, set())
        self.assertLessEqual(doubled, {subject for _, _, subject in report.without_reply()})

    def test_upgrade_of_libssl(self):
        """Its files are replaced under the running posternd; then comes the restart."""
        load = self.load()
        self.machine.run("apt-get install --reinstall --yes --quiet --no-download $(cat /root/libssl)",
                         timeout=10 * TIMEOUT)
        self.served()
        restarts = [self.restart()]
        self.served()
        report, lost, doubled = self.settle(load)
        self.assert_unnoticed(report, lost, doubled)
        self.assert_waits(report, restarts)

    def test_resumption(self):
        """A ticket from before a restart, or a kill -9, is accepted after."""
        sessions = [(context, self.machine.call(lambda context=context: self.shake(context))[0])
                    for context in map(context_of, VERSIONS)]
        for command in ("systemctl restart postern", "kill -9 $(systemctl show -P MainPID postern)"):
            self.machine.run(command)
            self.served()
            for context, session in sessions:
                _, resumed = self.machine.call(lambda: self.shake(context, session))
                self.assertTrue(resumed, f"{command}, {context.minimum_version}")

    @staticmethod
    def shake(context, session=None):
        """(the session of a connection, whether it resumed the one given)."""
        with Client(MX) as client:
            client.greet()
            client.command("STARTTLS")
            client.socket = context.wrap_socket(client.socket, session=session)
            client.command("EHLO client.test")
            found = client.socket.session, client.socket.session_reused
            client.command("QUIT")
        return found


def context_of(version):
    """For a client that verifies nothing, with this version alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    return context
