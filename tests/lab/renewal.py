"""What clients see while posternd is reloaded or started again: the load of load.py, and its report.

    load = Load(Child(command(probes, mail)))
    began = time.monotonic()
    ...                                     # what nobody may notice
    report = load.end()
    report.hurt()                           # {what: how many}, empty if nobody was
    report.balance(subjects)                # of the mails that were delivered
"""

import collections
import json
import os
import re
import signal
import sys

from lab.process import TIMEOUT

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "load.py")

# main.cf's line for a Postfix whose replies to every second sender's dot take a second.
SLOW_DOTS = {"smtpd_end_of_data_restrictions":
             "check_sender_access inline:{ {slow@client.test = sleep 1} }"}

# What a server says that shuts down in good order: the mail of this client is somewhere else's.
SHUTTING_DOWN = re.compile(r"(refused by )?421 4\.3\.2 ")

# Seconds that a banner may take beyond the oldest outstanding reply, and beyond what clients wait at
# the same time who connect to posternd's servers themselves.
ALLOWANCE = 1

# Seconds around a span in which somebody went past posternd, even on a busy machine.
NEAR = 0.2

# Seconds for the senders to finish their mails.
FINISH = 120


def command(probes, mail, *options, beside=(), python=sys.executable, program=PROGRAM):
    """load.py's command line for addresses (host, port). beside: those of posternd's servers, or paths
    of their sockets."""
    def text(address):
        return address if isinstance(address, str) else "%s:%d" % address

    return [python, program, "--probe", *map(text, probes), "--mail", text(mail),
            *(["--beside", *map(text, beside)] if beside else []), *options]


class Load:
    """A running load.py. `child`: its lab.process.Child; `signal_it`: sends SIGTERM to the process id
    given, by default that of the child itself."""

    def __init__(self, child, signal_it=None):
        self._child = child
        self._signal_it = signal_it or (lambda pid: os.kill(pid, signal.SIGTERM))
        try:
            self._pid = int(child.log.wait(r"^load: pid=(\d+) begun$", TIMEOUT)[1])
        except BaseException:
            self.abandon()
            raise

    def end(self):
        """Returns the Report when senders have finished their mails."""
        self._signal_it(self._pid)
        line = self._child.log.wait("^load: report (.*)$", FINISH)[1]
        self._child.wait()
        return Report(json.loads(line))

    def abandon(self):
        """Ends it in the middle, if it still runs."""
        if self._child.exit_code is None:
            self._child.stop(signal.SIGKILL)


class Report:
    def __init__(self, found):
        self.probe = found["probe"]
        self.mail = found["mail"]
        self.accepted = collections.Counter(self.mail["accepted"])

    def hurt(self, restarted=False):
        """{what happened instead of what a client asked for: how often}. restarted: a session may be
        told that the service is shutting down."""
        found = collections.Counter()
        for outcome, number in self._outcomes():
            if outcome != "served" and not (restarted and SHUTTING_DOWN.match(outcome)):
                found[outcome] += number
        return dict(found)

    def told(self):
        """Sessions that were told that the service is shutting down."""
        return sum(number for outcome, number in self._outcomes() if SHUTTING_DOWN.match(outcome))

    def refused(self):
        return self._matching("refused$|refused at")

    def reset(self):
        """Connections that were reset, or closed without a word."""
        return self._matching("reset|closed")

    def _matching(self, pattern):
        return sum(number for outcome, number in self._outcomes() if re.search(pattern, outcome))

    def _outcomes(self):
        return [*self.probe["outcomes"].items(), *self.mail["outcomes"].items()]

    def balance(self, subjects):
        """({accepted mails that were not delivered}, {those that were more than once}), whoever else
        sent mail meanwhile."""
        delivered = collections.Counter(each for each in subjects if each in self.accepted)
        return (set(self.accepted) - set(delivered),
                {each for each, number in delivered.items() if number > 1})

    def without_reply(self):
        """The mails whose dot was sent and never answered."""
        return [dot for dot in self.mail["dots"] if dot[1] is None]

    @property
    def longest(self):
        """The longest wait for a banner, in seconds."""
        return max(self.probe["waits"]["longest"], self.mail["waits"]["longest"])

    def longest_since(self, begin, end):
        """The longest wait for a banner of the clients that came from `begin` to `end`."""
        return max(self._longest(side["waits"], begin, end) for side in (self.probe, self.mail))

    @staticmethod
    def _longest(waits, begin, end):
        return max((wait for span, wait in waits["spans"] if begin - 0.1 <= span < end), default=0)

    def outstanding(self, moment):
        """How long after this moment the last reply came of those that were outstanding at it."""
        return max((reply - moment for sent, reply, _ in self.mail["dots"]
                    if reply is not None and sent <= moment < reply), default=0)

    def waits(self, spans):
        """Of each (begin, end): (the longest wait for a banner, that for the oldest reply that was
        outstanding when it began, the longest wait for a banner past posternd)."""
        return [(self.longest_since(begin, end), self.outstanding(begin),
                 self._longest(self.probe["beside"], begin - NEAR, end + NEAR)) for begin, end in spans]

    def too_long(self, spans):
        """Those of waits() that are longer than nobody notices."""
        return [each for each in self.waits(spans) if each[0] > each[1] + each[2] + ALLOWANCE]

    @property
    def served(self):
        """Probes that got a banner and a 221."""
        return self.probe["outcomes"].get("served", 0)

    def figures(self):
        """One line with the numbers, for who reads the test's output."""
        waits = self.probe["waits"]
        beside = self.probe["beside"]
        return (f"{waits['num']} banners (median {1000 * waits['median']:.1f} ms, p99 "
                f"{1000 * waits['p99']:.1f} ms, longest {1000 * self.longest:.0f} ms), past posternd "
                f"{beside['num']} (longest {1000 * beside['longest']:.0f} ms), "
                f"{len(self.accepted)} mails; {self.refused()} refused, {self.reset()} reset, "
                f"{self.told()} told 421, "
                f"{len(self.without_reply())} dots without reply; "
                f"connects left out: {self.probe['late']}")
