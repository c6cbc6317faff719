"""posternd under systemd itself: restarts, kills and starts that fail, with clients all the time."""

import json
import os
import re

from common import SERVER, SystemCase

# An address that the machine does not have at first.
LATER = "192.0.2.55"

SOCKET = """\
[Socket]
ListenStream=0.0.0.0:25
ListenStream=[::]:25
BindIPv6Only=ipv6-only
[Install]
WantedBy=sockets.target
"""


class Supervised(SystemCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with open(os.path.join(os.path.dirname(__file__), "probe.py"), encoding="utf-8") as file:
            cls.machine.write("/root/probe.py", file.read())
        cls.installed = False

    def setUp(self):
        if not self.installed:
            self.boot()
            self.readme("Installing", "adduser --system")
            self.install_certificates()
            self.machine.run("cp -p /etc/postern/postern.conf /root/postern.conf")
            self.readme("Installing", "posternd -t")
            self.readme("In front of port 25", "enable --now")
            type(self).installed = True
        self.addCleanup(self.restore)

    def restore(self):
        """What a test has changed is as before, and posternd runs."""
        self.machine.run("cp -p /root/postern.conf /etc/postern/ && systemctl reset-failed postern;"
                         "systemctl restart postern")

    def show(self, *properties):
        """Their values, in the order of systemd's own list if there are several."""
        options = " ".join(f"-p {each}" for each in properties)
        text = self.machine.run(f"systemctl show {options} postern")
        found = dict(line.split("=", 1) for line in text.splitlines())
        return [found[each] for each in properties]

    def cursor(self):
        """The end of the journal now."""
        return self.machine.run("journalctl --lines=0 --show-cursor").split("-- cursor: ")[1].strip()

    def wait_journal(self, pattern, cursor, times=1):
        """The match of the line after the cursor that has the pattern, the `times`-th one."""
        log = self.machine.follow(f"journalctl --follow --after-cursor='{cursor}' --output=cat")
        self.addCleanup(log.stop)
        match = log.log.wait(pattern, times=times)
        log.stop()
        return match

    def under_probe(self, action):
        """What happened to clients while action() ran."""
        self.machine.run("rm -f /root/stop")
        probe = self.machine.follow(f"python3 /root/probe.py {SERVER} 25 /root/stop")
        self.addCleanup(probe.stop)
        probe.log.wait("^started$")
        action()
        self.machine.run("touch /root/stop")
        found = json.loads(probe.log.wait(r"^\{.*\}$")[0])
        self.assertEqual(probe.wait(), 0)
        print(f"[{self.id().rpartition('.')[2]}: {found}] ", end="")
        self.assertGreater(found["served"], 50)
        return found

    def workers(self):
        return int(self.machine.run("nproc"))

    def restart_often(self):
        for _ in range(5):
            self.machine.run("systemctl restart postern")

    def kill_often(self):
        for _ in range(3):
            mark = self.cursor()
            self.machine.run("systemctl kill --kill-who=main -s KILL postern")
            self.wait_journal("listening on", mark, times=2)

    def test_restart_refuses_nobody(self):
        found = self.under_probe(self.restart_often)
        self.assertEqual((found["refused"], found["reset"]), (0, 0))
        # Two addresses, and the tickets' keys.
        self.assertEqual(self.show("NFileDescriptorStore"), [str(2 * self.workers() + 1)])

    def test_kill_refuses_nobody(self):
        found = self.under_probe(self.kill_often)
        self.assertEqual(found["refused"], 0)
        self.assertEqual(self.show("NFileDescriptorStore"), [str(2 * self.workers() + 1)])

    def test_number_of_workers_changes(self):
        def restart():
            for workers in (4, 1, 3):
                self.machine.run(f"sed -i '1i workers = {workers}' /etc/postern/postern.conf"
                                 " && systemctl restart postern"
                                 " && cp -p /root/postern.conf /etc/postern/")
        self.machine.run("sed -i '/^workers/d' /etc/postern/postern.conf")
        found = self.under_probe(restart)
        self.assertEqual((found["refused"], found["reset"]), (0, 0))

    def test_stop_closes_everything(self):
        self.machine.run("systemctl stop postern")
        self.assertEqual(self.machine.run("ss -Htln 'sport = :25'"), "")

    def test_status(self):
        """What is served; after it has begun nothing is left of how it began."""
        self.assertRegex(self.show("StatusText")[0],
                         f"^serving 1 listener at 2 addresses with 3 certificates, {self.workers()} "
                         "workers?; configuration read 20")
        self.assertEqual(self.show("Type", "ActiveState", "WatchdogUSec"),
                         ["notify", "active", "1min"])

    def test_address_that_comes_later(self):
        """It is tried again until the address is there, and says so."""
        mark = self.cursor()
        self.machine.run(f"sed -i 's/\"0.0.0.0:25\"/\"{LATER}:25\"/' /etc/postern/postern.conf"
                         " && ! systemctl restart postern")
        self.wait_journal(rf"^fatal: .*cannot listen on {LATER}:25: Cannot assign requested "
                          "address; starting again may help$", mark, times=2)
        self.assertEqual(self.show("ExecMainStatus"), ["75"])
        self.machine.run(f"ip address add {LATER}/24 dev lo")
        self.wait_journal(rf"listening on \[{LATER}\]:25", mark)
        self.assertEqual(self.machine.run("systemctl is-active postern").strip(), "active")

    def test_mistake_in_the_configuration(self):
        """It is said once, at its own priority, and not tried again."""
        self.machine.run("systemctl stop postern")
        mark = self.cursor()
        self.machine.run("echo 'nonsense = 1' >> /etc/postern/postern.conf && ! systemctl start postern")
        self.assertEqual(self.show("ActiveState", "NRestarts", "ExecMainStatus"),
                         ["failed", "0", "2"])
        lines = self.machine.run(f"journalctl --after-cursor='{mark}' --output=json --no-pager")
        found = [each for each in map(json.loads, lines.splitlines())
                 if "nonsense" in str(each.get("MESSAGE"))]
        self.assertEqual([(each["PRIORITY"], each.get("SYSLOG_FACILITY"), each["_COMM"])
                          for each in found], [("2", "2", "posternd")], found)
        self.assertRegex(found[0]["MESSAGE"], r"^fatal: \S+postern.conf:\d+: ")

    def test_check_says_it_at_its_priority(self):
        """-t in a unit of the administrator's own."""
        mark = self.cursor()
        self.machine.run("echo 'nonsense = 1' >> /etc/postern/postern.conf;"
                         "! systemd-run --quiet --wait --uid=postern posternd -t")
        lines = self.machine.run(f"journalctl --after-cursor='{mark}' --output=json --no-pager")
        found = [each["PRIORITY"] for each in map(json.loads, lines.splitlines())
                 if "nonsense" in str(each.get("MESSAGE"))]
        self.assertEqual(found, ["2"])

    def test_socket_unit(self):
        """An administrator's own: its sockets are shared by all workers."""
        self.machine.run("systemctl stop postern")
        self.machine.write("/etc/systemd/system/postern.socket", SOCKET)
        self.machine.run("systemctl daemon-reload && systemctl start postern.socket"
                         " && systemctl start postern")
        self.addCleanup(self.machine.run, "systemctl stop postern postern.socket"
                        " && rm /etc/systemd/system/postern.socket && systemctl daemon-reload")
        self.assertEqual(len(self.machine.run("ss -Htln 'sport = :25'").splitlines()), 2)
        found = self.under_probe(self.restart_often)
        self.assertEqual((found["refused"], found["reset"]), (0, 0))
        self.assertEqual(self.show("NFileDescriptorStore"), ["3"])

    def test_worker_that_does_not_go_on(self):
        """The whole process is stopped: the watchdog ends it, and nobody is refused."""
        self.machine.run("mkdir -p /run/systemd/system/postern.service.d"
                         " && printf '[Service]\\nWatchdogSec=2\\n'"
                         " > /run/systemd/system/postern.service.d/watchdog.conf"
                         " && systemctl daemon-reload && systemctl restart postern")
        self.addCleanup(self.machine.run, "rm -r /run/systemd/system/postern.service.d"
                        " && systemctl daemon-reload")

        def stall():
            mark = self.cursor()
            self.machine.run("systemctl kill --kill-who=main -s STOP postern")
            self.wait_journal("listening on", mark, times=2)

        found = self.under_probe(stall)
        self.assertEqual(found["refused"], 0)
        self.assertIsNotNone(re.search("Watchdog timeout", self.machine.run(
            "journalctl --unit=postern --output=cat --no-pager")))
