"""posternd and postern-milter under failnth.so."""

import os
import signal
import subprocess
import time

from lab.milter import Milter
from lab.posternd import Posternd, program
from lab.process import LabError
from memory import Memory
from scenes import PATIENCE

# Seconds after which a number that has not changed is taken for the last one.
QUIET = 0.2


class Program:
    """One of the two. `memory`: what its present process shares with us."""

    KINDS = {"posternd": Posternd, "postern-milter": Milter}

    def __init__(self, world, name, library):
        self.name = name
        self.memory = None
        self.daemon = None
        self._world = world
        self._library = library
        self._idle = 1 << 20

    def start(self, first=0, num=1, conf=None):
        """Starts it on the world's configuration, or another one; `first` and `num`: allocations that
        fail, counted from its beginning (Memory.arm). LabError if it does not listen."""
        self._new_memory(first, num)
        self.daemon = self.KINDS[self.name](self._world.stage.build, conf or self._world.conf,
                                            wrapper=self.memory.wrapper(self._library))
        self._world.programs[self.name] = self.daemon
        self.daemon.start()
        # It listens before it has all its threads.
        self._wait_for_same(lambda: self._entries("task"))
        self.memory.disarm()
        if not self.memory.used:
            raise LabError(f"{self.name} does not run under {self._library}")
        if not self.runs:
            raise LabError(f"{self.name} ended:\n" + self.daemon.log.tail())

    def check(self, conf, first, num=1):
        """Runs it with -t; (exit code, what it said). SIGABRT ends it when it hangs."""
        self._new_memory(first, num)
        command = [*self.memory.wrapper(self._library),
                   program(self._world.stage.build, self.name), "-t", "-c", conf]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, cwd="/") as process:
            try:
                _, said = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGABRT)
                _, said = process.communicate()
                said += "\nhangs"
        return process.returncode, said

    def stop(self):
        """Ends it if it runs; its exit code."""
        return self.daemon.stop() if self.daemon else None

    @property
    def runs(self):
        return self.daemon.exit_code is None

    def note_idle(self):
        """What it holds when that no longer changes is what it holds without clients."""
        self._idle = self._wait_for_same(lambda: self._entries("fd"))

    def settle(self):
        """Waits until it holds no more than without clients. False if that does not come."""
        end = time.monotonic() + PATIENCE
        while self.runs and self._entries("fd") > self._idle:
            if time.monotonic() > end:
                return False
            time.sleep(0.001)
        return True

    def _new_memory(self, first, num):
        if self.memory:
            self.memory.close()
        self.memory = Memory(self._world.stage.directory, self.name)
        self.memory.arm(first, num)

    def _entries(self, what):
        try:
            return len(os.listdir(f"/proc/{self.daemon.pid}/{what}"))
        except FileNotFoundError:
            return 0

    @staticmethod
    def _wait_for_same(ask):
        """What ask() says, when it has said the same for a while."""
        since = time.monotonic()
        found = ask()
        while time.monotonic() - since < QUIET:
            time.sleep(0.005)
            now = ask()
            if now != found:
                found, since = now, time.monotonic()
        return found
