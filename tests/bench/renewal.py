"""What a reload costs with many names: one certificate of 3,000 is renewed.

    renewal.py --build DIR [--names N] [--rounds N] [--most MS]

Each name has a P-256 certificate and a set of its own, all of one listener. Timed is `posternctl
reload`, from its start to its end, when all workers serve the new configuration: in each round once
with one certificate renewed and once with nothing new; once, at the end, with all of them renewed, as
a start does it. Meanwhile a session on each worker sends NOOP after NOOP: the longest answer, beside
the longest of as long a time without a reload, is what a client can notice. Memory is that of the
process (VmRSS, and VmHWM for the highest value). --most: exit code 1 if the median with one
renewed certificate is longer.
"""

import argparse
import concurrent.futures
import os
import re
import shutil
import statistics
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lab.certs import Certificate  # noqa: E402
from lab.posternd import USER, configuration, run_posternctl, write_configuration  # noqa: E402
from lab.process import Child, LabError, run  # noqa: E402
from lab.smtp import Client  # noqa: E402
from lab.stage import Stage  # noqa: E402
from lookup import processor_seconds  # noqa: E402

# Seconds for a start.
PATIENCE = 600

# Further reloads, after which memory is looked at again.
MORE_RELOADS = 20

WORKERS = 2


class Names:
    """`number` certificates in a folder, each of which can be renewed."""

    def __init__(self, folder, number):
        self.folder = folder
        self.all = [Certificate(f"c{each}", "p256", os.path.join(folder, f"c{each}"))
                    for each in range(number)]
        self._renewed = 0
        os.makedirs(folder)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(self._make, range(number)))

    def _make(self, number):
        name = self.all[number]
        new = name.chain + ".new", name.key + ".new"
        done = run(["openssl", "req", "-x509", "-noenc", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-days", "90", "-subj", f"/CN=n{number}.example.test",
                    "-addext", f"subjectAltName=DNS:n{number}.example.test",
                    "-addext", "keyUsage=digitalSignature", "-addext",
                    "extendedKeyUsage=serverAuth", "-out", new[0], "-keyout", new[1]])
        if done.returncode:
            raise LabError(done.stderr)
        os.chmod(new[1], 0o600)
        if os.geteuid() == 0:
            shutil.chown(new[1], USER)
        for path in new:
            os.rename(path, path.removesuffix(".new"))

    def renew(self):
        """The next one."""
        self._make(self._renewed % len(self.all))
        self._renewed += 1

    def renew_all(self):
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(self._make, range(len(self.all))))


class Pings(threading.Thread):
    """Sessions that send a NOOP each in turn; `longest` since take()."""

    def __init__(self, address, number):
        super().__init__(daemon=True)
        self._clients = [Client(address) for _ in range(number)]
        for client in self._clients:
            client.greet()
        self._longest = 0
        self._over = threading.Event()

    def run(self):
        while not self._over.is_set():
            for client in self._clients:
                began = time.monotonic()
                client.command("NOOP")
                self._longest = max(self._longest, time.monotonic() - began)
            time.sleep(0.0005)

    def take(self):
        longest, self._longest = self._longest, 0
        return 1000 * longest

    def stop(self):
        self._over.set()
        self.join()
        for client in self._clients:
            client.close()


def memory_mib(pid, what="VmRSS"):
    """Its memory, or with VmHWM the most since forget_highest()."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(what + r":\s+(\d+)", file.read())[1]) / 1024


def forget_highest(pid):
    with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


class Bench:
    def __init__(self, stage, arguments):
        self._build = os.path.abspath(arguments.build)
        self.names = Names(os.path.join(stage.directory, "names"), arguments.names)
        self._sink = Child([f"{self._build}/bench_server", "sink"])
        backend = "127.0.0.1:" + self._sink.log.wait(r"port=(\d+)")[1]
        state = os.path.join(stage.directory, "state")
        os.makedirs(state)
        if os.geteuid() == 0:
            shutil.chown(state, USER)
        sets = {each.name: {"names": f"n{number}.example.test", "certificates": each.name}
                for number, each in enumerate(self.names.all)}
        text = configuration(certificates=self.names.all, backend=backend, state=state, sets=sets,
                             workers=WORKERS, log_sessions="problems",
                             listeners={"mx": {"certificate_sets": list(sets)}})
        self._conf = write_configuration(stage.directory, text)
        began = time.monotonic()
        self.daemon = stage.posternd(self._conf)
        print(f"start                               {time.monotonic() - began:8.2f} s", flush=True)
        # Enough that each worker has one.
        self.pings = Pings(self.daemon.address(), 4 * WORKERS)
        self.pings.start()

    def reload(self):
        """(milliseconds until posternctl has ended, processor time of posternd, longest answer to a
        session meanwhile)."""
        spent = processor_seconds(self.daemon.pid)
        self.pings.take()
        began = time.monotonic()
        done = run_posternctl(self._build, "-c", self._conf, "reload", timeout=PATIENCE)
        took = 1000 * (time.monotonic() - began)
        if done.returncode:
            raise LabError(done.stderr)
        spent = processor_seconds(self.daemon.pid) - spent
        return took, 1000 * spent, self.pings.take()

    def quiet(self, ms):
        """The longest answer to a session in so long a time without a reload."""
        self.pings.take()
        time.sleep(ms / 1000)
        return self.pings.take()

    def close(self):
        self.pings.stop()
        self._sink.stop()


def row(name, rounds):
    took, spent, stalls = zip(*rounds)
    print(f"{name:32} {statistics.median(took):8.0f} ms   {min(took):.0f}-{max(took):.0f}; "
          f"processor time {statistics.median(spent):.0f}; longest answer to a session "
          f"{max(stalls):.1f}", flush=True)
    return statistics.median(took)


def measure(bench, arguments):
    pid = bench.daemon.pid
    before = memory_mib(pid)
    forget_highest(pid)
    renewed, same, quiet = [], [], []
    for _ in range(arguments.rounds):
        bench.names.renew()
        renewed.append(bench.reload())
        same.append(bench.reload())
        quiet.append(bench.quiet(renewed[-1][0]))
    memory = [memory_mib(pid, "VmHWM"), memory_mib(pid)]
    for _ in range(MORE_RELOADS):
        bench.names.renew()
        bench.reload()
    memory.append(memory_mib(pid))
    median = row("reload, one renewed", renewed)
    row("reload, nothing new", same)
    print(f"no reload: longest answer           {max(quiet):8.1f} ms")
    print(f"memory before                       {before:8.1f} MiB; highest {memory[0]:.1f}; after "
          f"{2 * arguments.rounds} reloads {memory[1]:.1f}, after {MORE_RELOADS} more "
          f"{memory[2]:.1f}", flush=True)
    bench.names.renew_all()
    forget_highest(pid)
    row("reload, all renewed", [bench.reload()])
    # The earlier one is freed meanwhile.
    bench.reload()
    print(f"memory after one more               {memory_mib(pid):8.1f} MiB; highest "
          f"{memory_mib(pid, 'VmHWM'):.1f}", flush=True)
    return median


def main():
    parser = argparse.ArgumentParser(prog="renewal.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--build", required=True, help="where the programs are")
    parser.add_argument("--names", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--most", type=float, help="milliseconds for a reload with one renewed")
    arguments = parser.parse_args()
    with Stage(arguments.build) as stage:
        bench = Bench(stage, arguments)
        try:
            median = measure(bench, arguments)
        finally:
            bench.close()
    return int(arguments.most is not None and median > arguments.most)


if __name__ == "__main__":
    sys.exit(main())
