"""Cleans up when its parent is gone.

The parent (process.py) tells what it has started and made, a line each, and gets a newline back
once it is noted; when its end of the pipe closes, however it ended, what is left of that is ended
and removed. Processes are held by pidfd, so that a reused process id is never hit.

    process PID     forget PID     directory PATH     forgotten PATH
"""

import os
import select
import shutil
import signal
import sys

# How long a process may take to end by itself.
GRACE_SECONDS = 10


def end(pidfd):
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGTERM)
        if not select.select([pidfd], [], [], GRACE_SECONDS)[0]:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            select.select([pidfd], [], [], GRACE_SECONDS)
    except ProcessLookupError:
        pass


def main():
    processes, directories = {}, set()
    for line in sys.stdin:
        word, _, rest = line.rstrip("\n").partition(" ")
        if word == "process":
            try:
                processes[rest] = os.pidfd_open(int(rest))
            except ProcessLookupError:
                pass
        elif word == "forget":
            if rest in processes:
                os.close(processes.pop(rest))
        elif word == "directory":
            directories.add(rest)
        elif word == "forgotten":
            directories.discard(rest)
        print(flush=True)
    for pidfd in reversed(processes.values()):
        end(pidfd)
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    main()
