"""A running postern-milter, and the directory of its sockets.

    directory = socket_directory(postfix)               # before posternd's configuration is written
    conf = stage.write(..., milter={"socket": f"unix:{directory}/milter.sock"})
    with Milter(build, conf) as milter:
        milter.wait_log("reject: RCPT")
"""

import os
import pwd
import re
import shutil

from lab.posternd import USER, program
from lab.process import (TIMEOUT, Child, LabError, run, sanitizer_environment, sanitizer_report)

LISTENING = r"listening on (?P<address>\S+) (?P<what>milter|policy service)$"


def socket_directory(postfix, name="postern"):
    """Makes a directory in the queue in which account USER may make sockets that belong to the
    group of Postfix's processes, as an administrator would; its path."""
    path = os.path.join(postfix.queue, name)
    os.mkdir(path)
    shutil.chown(path, USER, pwd.getpwnam(postfix.owner).pw_gid)
    os.chmod(path, 0o2750)
    return path


def run_milter(build, *arguments):
    """Runs postern-milter to its end (-t, -V, a bad configuration); CompletedProcess. A sanitizer's
    report is a LabError."""
    done = run([program(build, "postern-milter"), *arguments], env=sanitizer_environment())
    report = sanitizer_report(done.stderr.splitlines(), done.returncode)
    if report:
        raise LabError(report)
    return done


class Milter:
    """A running postern-milter on a configuration file whose log goes to standard error. `log`
    (lab.process.Lines) has its lines."""

    def __init__(self, build, conf, *, on_line=None, wrapper=()):
        self.conf = conf
        self.log = None
        self._command = [*wrapper, program(build, "postern-milter"), "-c", conf]
        self._on_line = on_line
        self._child = None

    def start(self):
        """Returns when it listens."""
        with open(self.conf, encoding="utf-8") as file:
            text = file.read()
        milter = re.search(r"^milter \{\n((?:    .*\n)*)\}", text, re.MULTILINE)[1]
        expected = {"policy service"} if "policy_socket" in milter else set()
        if not re.search(r'^    socket = ""$', milter, re.MULTILINE):
            expected.add("milter")
        self._child = Child(self._command, env=sanitizer_environment(), on_line=self._on_line)
        self.log = self._child.log
        if not self.log.wait_until(lambda: expected <= {
                match["what"] for match in self.log.find_all(LISTENING)}):
            if self._child.exit_code is None and not self.log.ended:
                self._child.stop()
            raise LabError("postern-milter does not listen:\n" + self.log.tail())
        return self

    @property
    def pid(self):
        return self._child.pid

    @property
    def exit_code(self):
        """None while it runs."""
        return self._child.exit_code

    def mark(self):
        """The place in the log that is now its end, for wait_log(after=...)."""
        return self.log.mark()

    def wait_log(self, pattern, timeout=TIMEOUT, after=0, times=1):
        """The re.Match of the first log line with the pattern; match.string is the line."""
        return self.log.wait(pattern, timeout, after, times)

    def send_signal(self, number):
        self._child.send_signal(number)

    def stop(self, timeout=TIMEOUT):
        """SIGTERM; its exit code. LabError with the report when a sanitizer found something."""
        if self._child is None:
            return None
        child, self._child = self._child, None
        code = child.stop(timeout=timeout)
        report = sanitizer_report(self.log.lines, code)
        if report:
            raise LabError(report)
        return code

    def kill(self):
        """Ends it as a crash would."""
        child, self._child = self._child, None
        child.send_signal(9)
        child.wait()

    def wait(self, timeout=TIMEOUT):
        """Waits until it ends by itself; its exit code."""
        return self._child.wait(timeout)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
