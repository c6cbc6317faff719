"""A limit for each test: one that never ends would hide all tests behind it.

    limit = TimeLimit(60)
    limit.begin("test_x.Class.test_y")      # from now on TooLong may be raised in the main thread
    ...
    limit.end()

The kernel's alarm interrupts whatever the main thread waits for. TooLong is a failed assertion: the
test's cleanups come after it, and then the next tests. It is raised again after as long a time, for
a test that takes it for something else, and for a cleanup that does not end either.
"""

import signal


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
        signal.setitimer(signal.ITIMER_REAL, self._seconds, self._seconds)

    @staticmethod
    def end():
        """Nothing has a limit until the next begin()."""
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _expired(self, _number, _frame):
        raise TooLong(f"{self._name} did not end within {self._seconds:g} s")
