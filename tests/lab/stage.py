"""Certificates, a private Postfix and posternd together, in a directory that is removed after.

    with Stage(build) as stage:
        posternd = stage.front(["p256", "rsa", "p384"])     # with a Postfix behind it
        ...                                                 # posternd.port("mx")
        mail = stage.postfix.wait_for_mail()
"""

import os
import shutil

from lab import posternd as postern
from lab.certs import Authority
from lab.milter import Milter
from lab.postfix import Postfix
from lab.process import make_directory, remove_directory


class Stage:
    """`build`: where posternd and posternctl are. `on_line(program, line)` sees every log line,
    and None at the end of each log."""

    def __init__(self, build, on_line=None):
        self.build = build
        self.directory = None
        self.authority = None
        self.postfix = None
        self._on_line = on_line
        self._certificates = {}
        self._running = []
        self._number = 0

    def __enter__(self):
        self.directory = make_directory()
        self.authority = Authority(os.path.join(self.directory, "certificates"), postern.USER)
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Stops what is running, last started first, and removes the directory."""
        try:
            while self._running:
                self._running.pop().stop()
        finally:
            for left in reversed(self._running):
                left.stop()
            remove_directory(self.directory)

    def certificate(self, name, kind=None, **options):
        """The certs.Certificate `name`, made at first use (Authority.leaf)."""
        if name not in self._certificates:
            self._certificates[name] = self.authority.leaf(name, kind, **options)
        return self._certificates[name]

    def make_postfix(self, **options):
        """A Postfix (not yet started) of this stage, `stage.postfix` from now on."""
        self.postfix = Postfix(self.directory, on_line=self._tagged("postfix"), **options)
        return self.postfix

    def start_postfix(self):
        self._running.append(self.postfix)
        return self.postfix.start()

    def write(self, **options):
        """Writes a configuration (posternd.configuration; certificates also by name); its path."""
        self._number += 1
        directory = os.path.join(self.directory, f"posternd-{self._number}")
        state = os.path.join(directory, "state")
        os.makedirs(state)
        if os.geteuid() == 0:
            shutil.chown(state, postern.USER)
        options["certificates"] = [self.certificate(each) if isinstance(each, str) else each
                                   for each in options["certificates"]]
        return postern.write_configuration(
            directory, postern.configuration(**{"state": state, **options}))

    def posternd(self, conf=None, *, wrapper=(), pass_fds=(), **options):
        """Starts a posternd on `conf`, or on what write(**options) writes."""
        daemon = postern.Posternd(self.build, conf or self.write(**options), wrapper=wrapper,
                                  pass_fds=pass_fds, on_line=self._tagged("posternd"))
        self._running.append(daemon)
        return daemon.start()

    def milter(self, conf, wrapper=()):
        """Starts a postern-milter on a configuration."""
        daemon = Milter(self.build, conf, wrapper=wrapper, on_line=self._tagged("milter"))
        self._running.append(daemon)
        return daemon.start()

    def front(self, certificates, *, socket="unix", **options):
        """A Postfix set up by `posternctl postfix-config` and started, unless the stage has one
        running already, and a posternd before it. `options` as for write()."""
        if self.postfix in self._running:
            inner = self.postfix.services["postern"]
            return self.posternd(certificates=certificates, backend=inner.address, **options)
        inner = (self.postfix or self.make_postfix()).smtpd("postern", socket)
        conf = self.write(certificates=certificates, backend=inner.address, **options)
        self.postfix.paste(postern.postfix_config(self.build, conf, self.postfix))
        self.start_postfix()
        return self.posternd(conf)

    def marks(self):
        """{posternd: the place in its log that is now the end} of those that run."""
        return {each: each.mark() for each in self._running if isinstance(each, postern.Posternd)}

    def stop(self, daemon):
        """Stops one before the end of the stage; its exit code."""
        self._running.remove(daemon)
        return daemon.stop()

    def forget(self, daemon):
        """One that a test has ended by itself."""
        self._running.remove(daemon)

    def _tagged(self, program):
        if self._on_line is None:
            return None
        return lambda line: self._on_line(program, line)
