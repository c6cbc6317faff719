"""A configuration for posternd, and a running posternd.

    text = configuration(certificates=[p256, rsa], backend=inner.address, state=directory)
    with Posternd(build, write_configuration(directory, text)) as posternd:
        posternd.port("mx")
        posternd.wait_log("TLS handshake failed")
"""

import os
import re
import signal

from lab.process import (TIMEOUT, Child, LabError, run, sanitizer_environment, sanitizer_report)

# The account that posternd becomes: one that exists on every Debian machine.
USER = "nobody"

HOSTNAME = "mail.example.test"

LISTENING = r"listening on (?P<host>\[[^]]*\]):(?P<port>\d+) listener=(?P<name>\S+)"

STOPPING = r"stopping: signal "


def _value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "{ " + ", ".join(_value(each) for each in value) + " }"


def section(kind, name, options):
    """A section of postern.conf; an option that is None is left out."""
    head = f'{kind} "{name}"' if name is not None else kind
    return head + " {\n" + "".join(f"    {option} = {_value(value)}\n"
                                   for option, value in options.items()
                                   if value is not None) + "}\n"


def configuration(*, certificates, backend, state, sets=None, listeners=None, backends=None,
                  limits=None, milter=None, extra="", **top):
    """The text of a postern.conf with free ports.

    certificates: certs.Certificate, in the order of preference of the default set.
    backend: address (or list of them) of the backend "postfix".
    state: an existing directory; see Posternd for its owner.
    sets: {set name: [certificate names] or {option: value}}, by default one, "mail", with all
    certificates.
    listeners: {name: {option: value}}; what is left out is filled in, so {"mx": {}} is the default.
    backends: {name: {option: value}} further ones, or options for "postfix".
    limits: {option: value}.  milter: {option: value}, or None: no such section.  top: options outside sections.  extra: text put at the end.
    Option values are str, int, bool or a list of these; None leaves an option out.
    """
    options = {"hostname": HOSTNAME, "user": USER, "workers": 2, "log": "stderr",
               "state_directory": state, "control": os.path.join(state, "control.sock")}
    options.update(top)
    text = "".join(f"{option} = {_value(value)}\n" for option, value in options.items()
                   if value is not None)
    for each in certificates:
        text += section("certificate", each.name, {"chain": each.chain, "key": each.key})
    sets = sets or {"mail": [each.name for each in certificates]}
    for name, members in sets.items():
        text += section("certificate_set", name, members if isinstance(members, dict)
                        else {"certificates": members})
    backends = dict(backends or {})
    backends["postfix"] = {"address": backend, **backends.get("postfix", {})}
    for name, given in backends.items():
        text += section("backend", name, given)
    for name, given in (listeners or {"mx": {}}).items():
        text += section("listener", name, {
            "address": "127.0.0.1:0", "tls": "may", "certificate_sets": next(iter(sets)),
            "backend": "postfix", **given})
    if limits:
        text += section("limits", None, limits)
    if milter is not None:
        text += section("milter", None, milter)
    return text + extra


def write_configuration(directory, text, name="postern.conf"):
    """Writes the text; the file's path."""
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def _addresses(text):
    """At how many addresses the listeners of a configuration listen."""
    number = 0
    for listener in re.split(r'^\s*listener\s+"[^"]*"\s*\{', text, flags=re.MULTILINE)[1:]:
        values = [re.match(rf'[^#]*?\b{option}\s*=\s*(\{{[^}}]*\}}|"[^"]*")', listener)
                  for option in ("trial_address", "address")]
        counts = [len(re.findall(r'"[^"]*"', value[1])) for value in values if value]
        number += next((each for each in counts if each), 0)
    return number


# Seconds for a command that compares more than a hundred services, under a sanitizer.
MANY_SERVICES = 10 * TIMEOUT


def program(build, name):
    return os.path.join(os.path.abspath(build), name)


def has_sanitizer(build):
    """Whether posternd is built with AddressSanitizer or ThreadSanitizer."""
    with open(program(build, "posternd"), "rb") as file:
        return re.search(rb"__[at]san_init", file.read()) is not None


def many(build, number):
    """So many, or a tenth of it in a sanitizer's build, which takes ten times as long."""
    return number // 10 if has_sanitizer(build) else number


def run_posternd(build, *arguments, timeout=TIMEOUT):
    """Runs posternd to its end (-t, -V, a bad configuration); CompletedProcess. A sanitizer's
    report is a LabError."""
    return _run(program(build, "posternd"), arguments, sanitizer_environment(), timeout)


def run_posternctl(build, *arguments, env=None, timeout=TIMEOUT):
    """Runs posternctl; CompletedProcess. `env`: Postfix.environment for its private instance."""
    environment = sanitizer_environment()
    environment.update(env or {})
    return _run(program(build, "posternctl"), arguments, environment, timeout)


def _run(command, arguments, environment, timeout):
    try:
        done = run([command, *arguments], env=environment, timeout=timeout)
    except FileNotFoundError:
        raise LabError(f"{command} is not built: make") from None
    report = sanitizer_report(done.stderr.splitlines(), done.returncode)
    if report:
        raise LabError(report)
    return done


def postfix_config(build, conf, postfix):
    """What `posternctl postfix-config` says for the configuration file, for Postfix.paste(); also where
    something opens against today's main.cf, which is no set-up of anybody's here."""
    done = run_posternctl(build, "-c", conf, "postfix-config", env=postfix.environment,
                          timeout=MANY_SERVICES)
    if done.returncode not in (0, 1):
        raise LabError("posternctl postfix-config: " + done.stderr.strip())
    return done.stdout


class Posternd:
    """A running posternd on a configuration file whose log goes to standard error. `log`
    (lab.process.Lines) has its lines, `addresses` {listener: [(host, port)]}. The directory that
    is its state_directory, and the keys, must be open to the account USER. `wrapper`: a command
    that execs what follows it (setpriv, prlimit), so that the process id stays; it inherits the
    descriptors `pass_fds`."""

    def __init__(self, build, conf, *, on_line=None, wrapper=(), pass_fds=()):
        self.conf = conf
        self.log = None
        self.addresses = {}
        self._command = [*wrapper, program(build, "posternd"), "-c", conf]
        self._on_line = on_line
        self._pass_fds = pass_fds
        self._child = None

    def start(self):
        """Returns when all its listeners listen."""
        with open(self.conf, encoding="utf-8") as file:
            expected = _addresses(file.read())
        try:
            self._child = Child(self._command, env=sanitizer_environment(), on_line=self._on_line,
                                pass_fds=self._pass_fds)
        except FileNotFoundError:
            raise LabError(f"{self._command[0]} is not built: make") from None
        self.log = self._child.log
        listening = self.log.wait_until(lambda: self._listening(expected))
        if not listening:
            if self._child.exit_code is None and not self.log.ended:
                self._child.stop()
            raise LabError("posternd does not listen:\n" + self.log.tail())
        for match in listening:
            self.addresses.setdefault(match["name"], []).append(
                (match["host"].strip("[]"), int(match["port"])))
        return self

    @property
    def pid(self):
        return self._child.pid

    @property
    def exit_code(self):
        """None while it runs."""
        return self._child.exit_code

    def port(self, listener="mx"):
        return self.addresses[listener][0][1]

    def address(self, listener="mx"):
        """(host, port) of the listener's first address."""
        return self.addresses[listener][0]

    def mark(self):
        """The place in the log that is now its end, for wait_log(after=...)."""
        return self.log.mark()

    def wait_log(self, pattern, timeout=TIMEOUT, after=0, times=1):
        """The re.Match of the first log line with the pattern; match.string is the line."""
        return self.log.wait(pattern, timeout, after, times)

    def send_signal(self, number):
        self._child.send_signal(number)

    def suspend(self):
        """Returns when all its threads stand still, until resume()."""
        self._child.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self):
        self._child.send_signal(signal.SIGCONT)

    def stop(self, timeout=TIMEOUT):
        """SIGTERM, and a second one, so that it waits for no session; its exit code. LabError with
        the report when a sanitizer found something."""
        if self._child is None:
            return None
        child, self._child = self._child, None
        if child.exit_code is None:
            child.send_signal(signal.SIGTERM)
            self.log.wait_until(lambda: self.log.find(STOPPING), timeout)
        code = child.stop(timeout=timeout)
        report = sanitizer_report(self.log.lines, code)
        if report:
            raise LabError(report)
        return code

    def wait(self, timeout=TIMEOUT):
        """Waits until it ends by itself; its exit code."""
        return self._child.wait(timeout)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def _listening(self, expected):
        found = self.log.find_all(LISTENING)
        return found if expected and len(found) >= expected else None
