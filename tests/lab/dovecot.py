"""A private Dovecot that does nothing but authenticate for Postfix (smtpd_sasl_type = dovecot).

    dovecot = Dovecot(stage_directory, {"user": "password"}).start()
    # smtpd_sasl_path = dovecot.path
    ...
    dovecot.stop()
"""

import os

from lab.process import Child, LabError
from lab.release import dovecot_syntax

PROGRAM = "/usr/sbin/dovecot"

CONF = """\
base_dir = {directory}/run
state_dir = {directory}/state
log_path = /dev/stderr
auth_mechanisms = plain login
auth_failure_delay = 0
auth_verbose = yes
protocols =
ssl = no
service auth {{
    unix_listener {path} {{
        mode = 0666
    }}
}}
service stats {{
    unix_listener stats-writer {{
        mode = 0666
    }}
}}
"""


class Dovecot:
    """Nothing of the system's Dovecot is read or written but its programs. `users` is
    {name: password}; `path` is what goes into smtpd_sasl_path, by default a socket of its own;
    `log` has its lines."""

    def __init__(self, parent, users, *, path=None, on_line=None):
        if not os.path.exists(PROGRAM):
            raise LabError("Dovecot is not installed: sh tests/lab/install-packages check")
        directory = os.path.join(parent, "dovecot")
        os.mkdir(directory)
        self.path = path or f"{directory}/auth"
        self.log = None
        self._conf = os.path.join(directory, "dovecot.conf")
        self._child = None
        self._on_line = on_line
        with open(os.path.join(directory, "users"), "w", encoding="utf-8") as file:
            file.writelines(f"{name}:{password}\n" for name, password in users.items())
        with open(self._conf, "w", encoding="utf-8") as file:
            # The version of the settings comes first.
            file.write((dovecot_syntax() + CONF).format(directory=directory, path=self.path))

    def start(self):
        """Returns when it takes connections."""
        self._child = Child([PROGRAM, "-F", "-c", self._conf], on_line=self._on_line)
        self.log = self._child.log
        self.log.wait("starting up")
        return self

    def stop(self):
        """Ends it, every process reaped."""
        if self._child:
            self._child.stop()
            self._child = None
