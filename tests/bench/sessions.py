"""What a session costs posternd, beside libssl alone and a bare relay in the same run.

    sessions.py --build DIR [--rounds N] [--sessions N] [--idle N] [--mebibytes N] [--only TABLE]

cpu: processor time for a session with STARTTLS, a full handshake and a mail of 4 KiB. bulk: for one
large mail. idle: resident memory for a session under TLS in which nothing happens. Counted is the
process itself, all its threads, user and system time; not the client, not the backend. The three are
measured in turn in each round, and what stands in the table is the median of the rounds.

libssl alone has the client's socket, the same certificate and the same dialogue, and no backend. The
relay passes the dialogue on in plaintext. peer: HAProxy in posternd's place, where it is installed,
with TLS from the first byte for both, because it has no STARTTLS, and without a log. Wall time is not looked at, so other work on the machine
disturbs the figures less, but it does: caches and clock rates are shared.
"""

import argparse
import glob
import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lab.process import Child, LabError  # noqa: E402
from lab.stage import Stage  # noqa: E402

PATIENCE = 600
VERSIONS = "1.3", "1.2"


def processor_ms(pid):
    """User and system time of a process so far, in milliseconds. /proc/PID/stat has the same in
    steps of 10 ms, which is too coarse for short rounds."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(path, encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total / 1e6


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"RssAnon:\s+(\d+)", file.read())[1])


HAPROXY = """global
    nbthread 2
defaults
    mode tcp
    timeout connect 10s
    timeout client 300s
    timeout server 300s
frontend mx
    bind fd@{fd} ssl crt {pem}
    default_backend sink
backend sink
    server sink 127.0.0.1:{port} send-proxy-v2
"""


class Bench:
    def __init__(self, stage, build):
        self._stage = stage
        self._build = os.path.abspath(build)
        self._children = []
        self._peer = None
        self.sink = self._server("sink")
        self.relay = self._server("relay", str(self.sink[1]))

    def _server(self, *arguments):
        child = Child([f"{self._build}/bench_server", *arguments])
        self._children.append(child)
        return child.pid, int(child.log.wait(r"port=(\d+)")[1])

    def libssl(self):
        """A fresh one: (pid, port)."""
        certificate = self._stage.certificate("p256")
        return self._server("libssl", certificate.chain, certificate.key)

    def posternd(self, tls="may", log_sessions=None):
        daemon = self._stage.posternd(certificates=["p256"], backend=f"127.0.0.1:{self.sink[1]}",
                                      listeners={"mx": {"tls": tls}}, log_sessions=log_sessions,
                                      backends={"postfix": {"max_connections": 0}})
        return daemon.pid, daemon.port()

    def haproxy(self, program):
        certificate = self._stage.certificate("p256")
        pem = os.path.join(self._stage.directory, "haproxy.pem")
        with open(pem, "w", encoding="ascii") as out:
            for path in certificate.chain, certificate.key:
                with open(path, encoding="ascii") as file:
                    out.write(file.read())
        path = os.path.join(self._stage.directory, "haproxy.cfg")
        with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
            with open(path, "w", encoding="ascii") as out:
                out.write(HAPROXY.format(fd=listener.fileno(), pem=pem, port=self.sink[1]))
            # pylint: disable-next=consider-using-with
            self._peer = subprocess.Popen([program, "-db", "-f", path], stderr=subprocess.DEVNULL,
                                          pass_fds=[listener.fileno()])
            return self._peer.pid, listener.getsockname()[1]

    def client(self, port, what, number, version):
        child = Child([f"{self._build}/bench_client", str(port), what, str(number), version])
        if what == "idle":
            child.log.wait("held", PATIENCE)
            return child
        if child.wait(PATIENCE) != 0:
            raise LabError("bench_client:\n" + child.log.tail())
        return None

    def spent(self, server, what, number, version):
        """The server's milliseconds for the work."""
        before = processor_ms(server[0])
        self.client(server[1], what, number, version)
        return processor_ms(server[0]) - before

    def grown(self, server, number, version):
        """How many KiB each of `number` idle sessions adds to the server."""
        self.client(server[1], "mail", 20, version)
        before = resident_kib(server[0])
        holder = self.client(server[1], "idle", number, version)
        after = resident_kib(server[0])
        holder.stop()
        return (after - before) / number

    def close(self):
        if self._peer is not None:
            self._peer.terminate()
            self._peer.wait()
        while self._children:
            self._children.pop().stop()


def row(name, unit, posternd, libssl, relay=None):
    """Prints medians, and posternd's ratio to what it cannot do without."""
    own, ssl = statistics.median(posternd), statistics.median(libssl)
    bare = statistics.median(relay) if relay else 0
    print(f"{name:28} {unit:5} {own:8.3f} {ssl:8.3f} {f'{bare:8.3f}' if relay else '       -'} "
          f"{own / (ssl + bare):7.2f}   {min(posternd):.3f}-{max(posternd):.3f}", flush=True)


def measure_cpu(bench, arguments):
    """Sessions one behind the other; with the log of all sessions, which a process of ours reads,
    and without it."""
    number = arguments.sessions
    servers = bench.posternd(), bench.posternd(log_sessions="problems"), bench.libssl()
    for version in VERSIONS:
        for server in servers:
            bench.client(server[1], "mail", 50, version)
        rounds = [[bench.spent(server, "mail", number, version) / number for server in servers]
                  + [bench.spent(bench.relay, "mail", number, "none") / number]
                  for _ in range(arguments.rounds)]
        logging, silent, libssl, relay = zip(*rounds)
        row(f"session, TLS {version}", "ms", logging, libssl, relay)
        row(f"session, TLS {version}, no log", "ms", silent, libssl, relay)


def measure_bulk(bench, arguments):
    size = arguments.mebibytes
    per_gigabyte = 1e9 / (size << 20) / 1000
    servers = bench.posternd(), bench.libssl()
    rounds = [[bench.spent(server, "bulk", size, "1.3") * per_gigabyte for server in servers]
              + [bench.spent(bench.relay, "bulk", size, "none") * per_gigabyte]
              for _ in range(arguments.rounds)]
    row("bulk, TLS 1.3", "s/GB", *zip(*rounds))


def measure_idle(bench, arguments):
    """Each time with fresh servers: what malloc keeps of earlier sessions would not be seen."""
    for version in VERSIONS:
        rounds = [[bench.grown(bench.posternd(), arguments.idle, version),
                   bench.grown(bench.libssl(), arguments.idle, version)]
                  for _ in range(min(arguments.rounds, 3))]
        row(f"idle session, TLS {version}", "KiB", *zip(*rounds))


def measure_peer(bench, arguments):
    """posternd's time in each round, and its ratio to HAProxy's."""
    program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    if program is None:
        return
    number = arguments.sessions
    servers = bench.posternd("implicit", "problems"), bench.haproxy(program)
    for server in servers:
        bench.client(server[1], "mail", 50, "implicit")
    rounds = [[bench.spent(server, "mail", number, "implicit") / number for server in servers]
              for _ in range(arguments.rounds)]
    own, peer = (statistics.median(each) for each in zip(*rounds))
    print(f"{'implicit TLS 1.3, no log':28} {'ms':5} {own:8.3f}   HAProxy {peer:.3f}, "
          f"ratio {own / peer:.2f}", flush=True)


TABLES = {"cpu": measure_cpu, "peer": measure_peer, "bulk": measure_bulk, "idle": measure_idle}


def main():
    parser = argparse.ArgumentParser(prog="sessions.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--build", required=True, help="where the programs are")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--sessions", type=int, default=300, help="in each round of cpu and peer")
    parser.add_argument("--idle", type=int, default=2000, help="idle sessions at one time")
    parser.add_argument("--mebibytes", type=int, default=256, help="the large mail")
    parser.add_argument("--only", choices=TABLES)
    arguments = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(f"{'':28} {'':5} {'posternd':>8} {'libssl':>8} {'relay':>8}   ratio   posternd's range")
    with Stage(arguments.build) as stage:
        bench = Bench(stage, arguments.build)
        try:
            for name, measure in TABLES.items():
                if arguments.only in (None, name):
                    measure(bench, arguments)
        finally:
            bench.close()


if __name__ == "__main__":
    main()
