"""What it costs to ask posternd about a session: processor time for each mail.

    lookup.py --build DIR [--mails N]

A client is connected under TLS, and postern-milter's policy service is asked about N mails of this
session: for each of them it asks posternd which session that is and what is known of it, judges by
100 rules and makes a header. What is counted is the time of both processes, their threads and the
kernel's work for them. Postfix, and the way to it, is not part of it.
"""

import argparse
import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lab.smtp import Client, received  # noqa: E402
from lab.stage import Stage  # noqa: E402

RULES = "".join(f"recipient=r{number}@example.test tls>=1.2 reject\n" for number in range(100))


def processor_seconds(pid):
    """User and system time of a process so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Service:
    """A connection to the policy service, as a smtpd has one."""

    def __init__(self, path, client):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._buffer = b""
        host, port = client.socket.getsockname()
        to_host, to_port = client.socket.getpeername()
        self._attributes = (
            f"request=smtpd_access_policy\nprotocol_state=RCPT\nclient_address={host}\n"
            f"client_port={port}\nserver_address={to_host}\nserver_port={to_port}\n"
            "sender=sender@client.test\nrecipient=recipient@example.test\nrecipient_count=0\n")

    def ask(self, mail):
        self._socket.sendall(f"{self._attributes}instance={mail}\n\n".encode())
        while b"\n\n" not in self._buffer:
            self._buffer += received(self._socket)
        answer, _, self._buffer = self._buffer.partition(b"\n\n")
        if b"; version=TLSv1.3; " not in answer:
            raise RuntimeError(f"not what is known of the session: {answer!r}")


def main():
    parser = argparse.ArgumentParser(prog="lookup.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--build", required=True, help="where the programs are")
    parser.add_argument("--mails", type=int, default=50000)
    arguments = parser.parse_args()
    with Stage(arguments.build) as stage:
        inner = stage.make_postfix().smtpd("postern", "unix")
        policy = os.path.join(stage.directory, "policy")
        with open(policy, "w", encoding="ascii") as file:
            file.write(RULES)
        conf = stage.write(certificates=["p256"], backend=inner.address, milter={
            "socket": "", "policy": policy,
            "policy_socket": f"unix:{stage.directory}/posternd-1/state/p.sock"})
        stage.start_postfix()
        daemon = stage.posternd(conf)
        milter = stage.milter(conf)
        with Client(daemon.address(), "127.0.0.9") as client:
            client.starttls()
            service = Service(f"{stage.directory}/posternd-1/state/p.sock", client)
            service.ask("first")
            pids = daemon.pid, milter.pid
            before = [processor_seconds(pid) for pid in pids]
            for number in range(arguments.mails):
                service.ask(number)
            spent = [processor_seconds(pid) - start for pid, start in zip(pids, before)]
    posternd, asker = (1000 * seconds / arguments.mails for seconds in spent)
    print(f"{arguments.mails} mails, two questions each: posternd {posternd:.4f} ms, "
          f"postern-milter {asker:.4f} ms, {posternd + asker:.4f} ms together")


if __name__ == "__main__":
    main()
