"""The hooks of conf/hooks as `make install` would install them, for posternd's account in the tests.

    hooks = Hooks(build, directory, conf)
    hooks.answer("echo 'posternctl: no' >&2; exit 1")   # what `posternctl reload` does from now on
    done = hooks.run("postern-renew", "-f", chain, "-k", key, "p256")
    hooks.reloads()
"""

import os
import re
import shutil
import signal

from lab.posternd import program
from lab.process import Child, run

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
SOURCES = os.path.join(TOP, "conf/hooks")

# posternctl, but for `reload`, which is played.
POSTERNCTL = """\
#!/bin/sh
for word; do last=$word; done
[ "$last" = reload ] || exec "$0.real" "$@"
echo reload >>"$0.reloads"
. "$0.answer"
"""

# Counts the commands that change files, and ends like a kill -9 before one of them.
POINT = """
point() {
    echo x >>"$POINTS"
    [ "$(wc -l <"$POINTS")" != "$STOP" ] || kill -9 $$
    "$@"
}
"""


class Hooks:
    """Everything is below `directory`, which every account may enter: what is below the clone may be
    closed to posternd's. `planted`: a text of postern-renew, and what replaces it."""

    def __init__(self, build, directory, conf, planted=None):
        self.directory = os.path.join(directory, "hooks")
        self.conf = conf
        os.mkdir(self.directory)
        shutil.copy(program(build, "posternd"), self._path("posternd"))
        shutil.copy(program(build, "posternctl"), self._path("posternctl.real"))
        self._write("posternctl", POSTERNCTL)
        self.answer("exit 0")
        for name in os.listdir(SOURCES):
            with open(os.path.join(SOURCES, name), encoding="utf-8") as file:
                self._write(name, self._installed(file.read()))
        if planted:
            self._plant(*planted)

    def _plant(self, old, new):
        with open(self._path("postern-renew"), encoding="utf-8") as file:
            text = file.read()
        if text.count(old) != 1:
            raise ValueError(f"postern-renew does not have {old!r} once")
        self._write("postern-renew", text.replace(old, new))

    def _installed(self, text):
        text = text.replace("@SYSCONFDIR@/postern/postern.conf", self.conf)
        text = text.replace("lock=/run/", f"lock={self.directory}/")
        return text.replace("@SBINDIR@", self.directory).replace("@HOOKDIR@", self.directory)

    def _path(self, name):
        return os.path.join(self.directory, name)

    def _write(self, name, text):
        with open(self._path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self._path(name), 0o755)

    def answer(self, script):
        """What the played `posternctl reload` does."""
        self._write("posternctl.answer", script + "\n")

    def reloads(self):
        """How often posternd was asked to reload."""
        try:
            with open(self._path("posternctl.reloads"), encoding="utf-8") as file:
                return len(file.readlines())
        except FileNotFoundError:
            return 0

    def run(self, hook, *arguments, wrapper=(), **environment):
        """Runs a hook to its end; CompletedProcess."""
        return run([*wrapper, self._path(hook), *arguments], env=self._environment(environment))

    def start(self, hook, *arguments):
        """A Child that runs a hook."""
        return Child([self._path(hook), *arguments], env=self._environment({}))

    def run_killed(self, stop, *arguments):
        """Runs postern-renew, which is killed before its `stop`-th command that changes a file.
        Whether there was one."""
        with open(self._path("postern-renew"), encoding="utf-8") as file:
            text = file.read()
        text = re.sub(r"(?m)^(.*[( ]|)(mv|ln|rm|chown|chmod|sync) (?=-)", r"\1point \2 ", text)
        self._write("renew-killed", text.replace("\nset -u\n", "\nset -u\n" + POINT))
        points = self._path("points")
        if os.path.exists(points):
            os.remove(points)
        done = self.run("renew-killed", *arguments, POINTS=points, STOP=str(stop))
        return done.returncode == -signal.SIGKILL

    @staticmethod
    def _environment(further):
        return {"PATH": os.environ["PATH"], **further}
