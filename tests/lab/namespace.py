"""A network namespace for one program: it may have whatever addresses and settings a test likes.
That needs root.

    daemon = stage.posternd(wrapper=namespace.wrapper("ip address add 192.0.2.10/24 dev lo"), ...)
    client = namespace.call(daemon.pid, lambda: Client(daemon.address()))
"""

import ctypes
import os
import threading

CLONE_NEWNET = 0x40000000


def wrapper(*commands):
    """For lab.posternd.Posternd: a namespace with nothing but loopback, where these shell commands
    are run first."""
    script = " && ".join(["PATH=$PATH:/usr/sbin:/sbin", "ip link set lo up", *commands,
                          'exec "$@"'])
    return ["unshare", "--net", "sh", "-c", script, "sh"]


def call(pid, function):
    """What the function returns when it is called in the namespace of the process. Sockets stay in
    the namespace where they were made."""
    results = []
    problems = []

    def run():
        with open(f"/proc/{pid}/ns/net", "rb") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        try:
            results.append(function())
        except Exception as problem:  # pylint: disable=broad-exception-caught
            problems.append(problem)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if problems:
        raise problems[0]
    return results[0]


def can():
    """Whether this account may make one."""
    return os.geteuid() == 0
