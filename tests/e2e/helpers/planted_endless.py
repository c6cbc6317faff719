"""Tests that never end, and others beside them; run by test_time_limit alone."""

import contextlib
import itertools
import socket
import threading

from common import Case
from lab.process import Child


def wait_for_ever():
    threading.Event().wait()


class Endless(Case):
    @classmethod
    def prepare(cls):
        cls.child = Child(["sleep", "infinity"])
        cls.addClassCleanup(cls.child.stop)

    def setUp(self):
        super().setUp()
        self.near, self.far = socket.socketpair()
        self.addCleanup(self.near.close)
        self.addCleanup(self.far.close)

    def test_1_takes_the_end_for_data(self):
        self.far.close()
        self.logged.append(("planted", "logged by the test"))
        self.logged.append(("planted", str(self.child.pid)))
        while True:
            self.near.recv(1)

    def test_2_waits_for_bytes(self):
        self.near.recv(1)

    def test_3_waits_for_a_thread(self):
        thread = threading.Thread(target=wait_for_ever, daemon=True)
        thread.start()
        thread.join()

    def test_4_goes_on_when_an_assertion_fails(self):
        for _ in itertools.count():
            with contextlib.suppress(AssertionError):
                self.near.recv(1)
                return
            self.near.recv(1)

    def test_5_does_not_clean_up(self):
        self.addCleanup(wait_for_ever)

    def test_6_ends(self):
        pass


class Beginning(Case):
    prepare = staticmethod(wait_for_ever)

    def test_not_reached(self):
        pass


class End(Case):
    @classmethod
    def prepare(cls):
        cls.addClassCleanup(wait_for_ever)

    def test_ends(self):
        pass


class Thread(Case):
    def test_leaves_a_thread(self):
        threading.Thread(target=wait_for_ever, name="left").start()
