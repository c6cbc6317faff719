"""One thread of another process, stopped while all others run: what SIGSTOP cannot do."""

import ctypes
import os

from lab.process import LabError

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


def _ptrace(request, thread):
    if _libc.ptrace(request, thread, None, None) != 0:
        raise LabError(f"ptrace: {os.strerror(ctypes.get_errno())}")


class Held:
    """with Held(thread id): the thread stands still. Left by the thread that has entered it."""

    def __init__(self, thread):
        self._thread = thread

    def __enter__(self):
        _ptrace(PTRACE_SEIZE, self._thread)
        _ptrace(PTRACE_INTERRUPT, self._thread)
        os.waitpid(self._thread, 0x40000000)    # __WALL
        return self

    def __exit__(self, *_):
        _ptrace(PTRACE_DETACH, self._thread)
