"""Execs a program as a supervisor does that passes descriptors (sd_listen_fds(3)).

    activate.py FD,FD,... NAME=VALUE ... -- COMMAND...

The descriptors become 3, 4, ...; NAME=VALUE are for the environment, over LISTEN_PID and LISTEN_FDS
as they have to be.
"""

import fcntl
import os
import sys

FIRST = 3


def main():
    split = sys.argv.index("--")
    numbers = [int(each) for each in sys.argv[1].split(",") if each]
    # Away from where they have to go.
    above = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, FIRST + 2 * len(numbers) + 100)
             for each in numbers]
    for each in numbers:
        os.close(each)
    for place, each in enumerate(above, FIRST):
        os.dup2(each, place)
    environment = {**os.environ, "LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(numbers)),
                   **dict(each.split("=", 1) for each in sys.argv[2:split])}
    os.execvpe(sys.argv[split + 1], sys.argv[split + 1:], environment)


main()
