"""A stage for reloads and restarts: posternd at fixed ports under the load of lab/load.py, in front of
a Postfix whose replies take up to a second, and what has become of its mails."""

import os
import sys

from common import Case
from lab import renewal
from lab.postfix import Mail
from lab.posternd import has_sanitizer
from lab.process import Child

PROBES = ("probe-a", "probe-b")


class RenewalCase(Case):
    """`sink` is the backend of the listeners that are probed: so many sessions a second are too many
    for a Postfix on a small machine. The probes go to the mail's listener, too."""

    @classmethod
    def prepare(cls):
        cls.sink = cls.start_sink()
        cls.postfix = cls.stage.make_postfix(process_limit=200, main_cf=renewal.SLOW_DOTS)
        cls.inner = cls.postfix.smtpd("postern", "unix")
        cls.stage.start_postfix()

    @classmethod
    def start_sink(cls):
        child = Child([os.path.join(cls.build, "bench_server"), "sink"])
        cls.addClassCleanup(child.stop)
        return "127.0.0.1:" + child.log.wait(r"port=(\d+)")[1]

    def load(self, daemon, *options):
        """The load on a posternd with the listeners mx and probe."""
        probes = [daemon.address("probe")] * 19 + [daemon.address("mx")]
        load = renewal.Load(Child(renewal.command(
            probes, daemon.address("mx"), *options, beside=[self.sink, self.inner.path])))
        self.addCleanup(load.abandon)
        return load

    def settle(self, load):
        """Ends the load; its report, once every mail that was accepted is delivered, and what is
        doubled has had its time: all that Postfix has taken."""
        report = load.end()
        self.wait_for_queue()
        lost, doubled = report.balance(self.delivered())
        print(f"{self.id()}: {report.figures()}", file=sys.stderr)
        return report, lost, doubled

    def assert_waits(self, report, spans):
        """Nobody waited much longer than for the replies that were outstanding, or than who went past
        posternd. In a sanitizer's build these are told and not judged: its time is not posternd's."""
        too_long = report.too_long(spans)
        if not has_sanitizer(self.build):
            self.assertEqual(too_long, [])
        elif too_long:
            print(f"{self.id()}: waits under a sanitizer, not judged: {too_long}", file=sys.stderr)

    def wait_for_queue(self):
        """Until Postfix has delivered all that it has taken."""
        def is_empty():
            done = self.postfix.command("postqueue", "-j")
            return done.returncode == 0 and not done.stdout.strip()

        self.assertTrue(self.postfix.log.wait_until(is_empty), "Postfix's queue")

    def delivered(self):
        new = os.path.join(self.postfix.mailbox, "new")
        return [Mail(os.path.join(new, name)).subject for name in os.listdir(new)]
