"""Children: their log lines, waited for by event, and that nothing of them is left over."""

import array
import atexit
import ctypes
import fcntl
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import time

# Seconds until a wait counts as failed. Generous: only a failing test ever waits that long.
TIMEOUT = 30

PR_SET_CHILD_SUBREAPER = 36

# Bytes of a log that may wait for its reader, here busy with clients of its own: posternd waits for no
# reader, and drops lines. What the kernel gives everybody.
PIPE_SIZE = 1 << 20

# What a sanitizer writes when it has found something.
SANITIZER = re.compile(r"(ERROR|WARNING|FATAL): (Address|Thread|Leak|Memory)Sanitizer"
                       r"|\.[ch]:\d+:\d+: runtime error:|SUMMARY: UndefinedBehaviorSanitizer")
SANITIZER_EXIT = 66


class LabError(Exception):
    """Something in the lab itself does not work: the text says what, in one line or with a log."""


class Timeout(LabError):
    """What was waited for did not happen."""


class _Keeper:
    """keeper.py, started at first use."""

    def __init__(self):
        self._lock = threading.Lock()
        self._child = None

    def tell(self, word, what):
        with self._lock:
            if self._child is None:
                self._child = subprocess.Popen(
                    [sys.executable, os.path.join(os.path.dirname(__file__), "keeper.py")],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/",
                    start_new_session=True)
                # Orphans of a child (Postfix's servers) come to us, so that we can reap them.
                ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
            self._child.stdin.write(f"{word} {what}\n")
            self._child.stdin.flush()
            self._child.stdout.readline()

    def end(self):
        with self._lock:
            if self._child is not None:
                self._child.stdin.close()
                self._child.wait()
                self._child = None


keeper = _Keeper()
atexit.register(keeper.end)


def make_directory():
    """A new directory that every account may enter; the clone may be under /root, where user
    postfix cannot go. It is removed at the latest when this process is gone."""
    path = tempfile.mkdtemp(prefix="postern-", dir="/var/tmp")
    keeper.tell("directory", path)
    os.chmod(path, 0o755)
    return path


def remove_directory(path):
    shutil.rmtree(path)
    keeper.tell("forgotten", path)


class Lines:
    """Log lines as they come. `on_line` is called with each, and with None at the end, in the
    reader's thread. Of a pipe, find(), find_all() and mark() know every line that was written
    before they are called, even if the reader has not come to it yet."""

    def __init__(self, on_line=None, pipe=None):
        self.lines = []
        self.ended = False
        self._on_line = on_line
        self._changed = threading.Condition()
        self._pipe = pipe  # a descriptor
        self._taken = 0    # bytes of the pipe
        self._reader = None

    def read(self, raw_lines):
        """Takes lines of bytes until there are no more."""
        for raw in raw_lines:
            with self._changed:
                taken = self._take([raw])
            self._tell(taken)
        self._end()

    def read_pipe(self):
        """Takes lines of the pipe until it ends."""
        self._reader = threading.get_ident()
        ready = select.poll()
        ready.register(self._pipe, select.POLLIN)
        rest = b""
        more = True
        while more:
            ready.poll()
            with self._changed:
                # What is not in the pipe any more is among the lines when the lock is free.
                data = os.read(self._pipe, PIPE_SIZE)
                self._taken += len(data)
                *lines, rest = (rest + data).split(b"\n")
                more = data != b""
                taken = self._take(lines if more or not rest else [rest])
            self._tell(taken)
        self._end()

    def _take(self, raw_lines):
        taken = [raw.decode("utf-8", "backslashreplace").rstrip("\n") for raw in raw_lines]
        self.lines += taken
        self._changed.notify_all()
        return taken

    def _tell(self, lines):
        if self._on_line:
            for line in lines:
                self._on_line(line)

    def _end(self):
        with self._changed:
            self.ended = True
            self._changed.notify_all()
        self._tell([None])

    def _settle(self):
        """Returns when all that is in the pipe now has been taken."""
        with self._changed:
            if self._pipe is None or self.ended or threading.get_ident() == self._reader:
                return
            waiting = array.array("i", [0])
            fcntl.ioctl(self._pipe, termios.FIONREAD, waiting)
            goal = self._taken + waiting[0]
            self._changed.wait_for(lambda: self._taken >= goal or self.ended, TIMEOUT)

    def mark(self):
        """The place in the log that is now its end, for `after`."""
        self._settle()
        with self._changed:
            return len(self.lines)

    def wait_until(self, condition, timeout=TIMEOUT):
        """Calls condition() now and after every new line, returns its first true result; None at
        the end of the log or of the time."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                result = condition()
                if result:
                    return result
                left = deadline - time.monotonic()
                if self.ended or left <= 0:
                    return None
                self._changed.wait(left)

    def find(self, pattern, after=0):
        """The re.Match of the first line that contains the pattern, or None. Waits for no line that
        is not written yet."""
        self._settle()
        matches = (re.search(pattern, line) for line in self.lines[after:])
        return next((match for match in matches if match), None)

    def find_all(self, pattern, after=0):
        """The re.Match of each line that contains the pattern, likewise."""
        self._settle()
        return [match for line in self.lines[after:] if (match := re.search(pattern, line))]

    def wait(self, pattern, timeout=TIMEOUT, after=0, times=1):
        """The re.Match of the first line (the `times`-th one) that contains the pattern, from place
        `after` on; match.string is the line. Timeout if none comes."""
        state = {"next": after, "seen": 0}

        def search():
            while state["next"] < len(self.lines):
                match = re.search(pattern, self.lines[state["next"]])
                state["next"] += 1
                if match:
                    state["seen"] += 1
                    if state["seen"] == times:
                        return match
            return None

        match = self.wait_until(search, timeout)
        if match is None:
            raise Timeout(f"no line with {pattern!r}"
                          f"{' before the log ended' if self.ended else f' in {timeout} s'}; "
                          f"the log:\n" + self.tail())
        return match

    def tail(self, number=40):
        return "\n".join("    " + line for line in self.lines[-number:])


class Child:
    """A process of ours whose output (standard output and error together) is a log.

    stop() ends it by its process id and reaps it and everything in its process group.
    """

    def __init__(self, command, *, env=None, on_line=None, pass_fds=()):
        self._popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, env=env, cwd="/",
                                       start_new_session=True, pass_fds=pass_fds,
                                       pipesize=PIPE_SIZE)
        self.pid = self._popen.pid
        self.log = Lines(on_line, self._popen.stdout.fileno())
        keeper.tell("process", self.pid)
        self._reader = threading.Thread(target=self.log.read_pipe, daemon=True)
        self._reader.start()

    @property
    def exit_code(self):
        """None while it runs; negative: the signal that ended it."""
        return self._popen.poll()

    def send_signal(self, number):
        self._popen.send_signal(number)

    def signal_group(self, number):
        """Signals it and its children."""
        os.killpg(self.pid, number)

    def wait(self, timeout=TIMEOUT):
        """Waits until it ends by itself; its exit code."""
        try:
            code = self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Timeout(f"process {self.pid} is still running; its log:\n"
                          + self.log.tail()) from None
        self._reap_group()
        self._reader.join()
        self._popen.stdout.close()
        return code

    def stop(self, number=signal.SIGTERM, timeout=TIMEOUT):
        """Signals it if it still runs, and waits; its exit code. Killed when it takes too long,
        which is an error."""
        if self.exit_code is None:
            self.send_signal(number)
        try:
            return self.wait(timeout)
        except Timeout:
            self.send_signal(signal.SIGKILL)
            self.wait()
            raise

    def _reap_group(self):
        # Its leader is gone; all that is left of the group are throw-away servers, ours by
        # PR_SET_CHILD_SUBREAPER once their parent is gone.
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        try:
            while True:
                os.waitpid(-self.pid, 0)
        except ChildProcessError:
            pass
        keeper.tell("forget", self.pid)


def sanitizer_environment():
    """The environment for a program that may have been built with a sanitizer."""
    environment = dict(os.environ)
    common = f"exitcode={SANITIZER_EXIT}"
    environment["ASAN_OPTIONS"] = common
    environment["LSAN_OPTIONS"] = common
    environment["TSAN_OPTIONS"] = common
    environment["UBSAN_OPTIONS"] = "print_stacktrace=1"
    return environment


def sanitizer_report(lines, exit_code=None):
    """The report in these lines as text, or None."""
    for number, line in enumerate(lines):
        if SANITIZER.search(line):
            return "\n".join(lines[number:number + 80])
    return "ended by a sanitizer" if exit_code == SANITIZER_EXIT else None


def run(command, *, env=None, timeout=TIMEOUT, text=True, stdin=None):
    """Runs a command to its end; CompletedProcess with stdout and stderr. Bytes when not text."""
    return subprocess.run(command, env=env, timeout=timeout, text=text, input=stdin, cwd="/",
                          stdin=subprocess.DEVNULL if stdin is None else None,
                          capture_output=True, check=False)
