"""A limit for each test: one that never ends would hide all tests behind it.

    limit = TimeLimit(60)
    limit.begin("test_x.Class.test_y")      # from now on TooLong may be raised in the main thread
    ...
    limit.end()

The kernel's alarm interrupts whatever the main thread waits for. TooLong is a failed assertion: the
test's cleanups come after it, and then the next tests. It is raised again after as long a time, for
a test that takes it for something else, and for a cleanup that does not end either. The process of
one that goes on all the same, or that waits where no alarm reaches it, shows where its threads are
and ends, with exit code 1.
"""

import faulthandler
import signal

# How often TooLong is raised before the process ends.
TIMES = 5


class TooLong(AssertionError):
    """A test has not ended in its time."""


class TimeLimit:
    """`seconds`: of wall time, for whatever has begun last. In the main thread only."""

    def __init__(self, seconds):
        self._seconds = seconds
        self._name = None
        signal.signal(signal.SIGALRM, self._expired)

    def begin(self, name):
        """`name` begins, whatever was before."""
        self._name = name
        faulthandler.dump_traceback_later((TIMES + 0.5) * self._seconds, exit=True)
        signal.setitimer(signal.ITIMER_REAL, self._seconds, self._seconds)

    @staticmethod
    def end():
        """Nothing has a limit until the next begin()."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()

    def _expired(self, _number, _frame):
        raise TooLong(f"{self._name} did not end within {self._seconds:g} s")
