"""A private real Postfix: own configuration, queue, data, log and mailbox in a directory of its
own. Nothing of the system's Postfix is read or written but its programs.

    postfix = Postfix(stage_directory)
    inner = postfix.smtpd("postern", "unix")    # inner.address goes into postern.conf
    postfix.start()
    ...
    mail = postfix.wait_for_mail()              # mail to anyone at example.test
    postfix.stop()
"""

import contextlib
import email
import email.policy
import os
import pwd
import re
import shutil
import signal
import socket
import time

from lab.process import TIMEOUT, Child, LabError, Timeout, run

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Where install-packages unpacks Postfix beside another mail server.
UNPACKED = os.path.join(TOP, "build", "postfix-root")

# The domain that is delivered, whoever the recipient, to one mailbox.
DOMAIN = "example.test"

# An instance needs an owner and a set-gid group that are nobody else's; where Postfix is only
# unpacked, the accounts that it would have made do not exist and two of Debian's own serve.
OWNERS = (("postfix", "postdrop"), ("daemon", "uucp"))

MASTER_CF = """\
cleanup    unix       n - n - 0 cleanup
qmgr       unix       n - n 300 1 qmgr
tlsmgr     unix       - - n 1000? 1 tlsmgr
rewrite    unix       - - n - - trivial-rewrite
bounce     unix       - - n - 0 bounce
defer      unix       - - n - 0 bounce
trace      unix       - - n - 0 bounce
proxymap   unix       - - n - - proxymap
error      unix       - - n - - error
retry      unix       - - n - - error
discard    unix       - - n - - discard
virtual    unix       - n n - - virtual
local      unix       - n n - - local
anvil      unix       - - n - 1 anvil
scache     unix       - - n - 1 scache
showq      unix       n - n - - showq
dnsblog    unix       - - n - 0 dnsblog
tlsproxy   unix       - - n - 0 tlsproxy
postlog    unix-dgram n - n - 1 postlogd
"""

QUEUE_DIRECTORIES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold",
                     "incoming", "private", "saved", "trace")

# Files that name and time functions want inside a chroot.
CHROOT_FILES = ("localtime", "nsswitch.conf", "resolv.conf", "hosts", "services")


def _overrides(options):
    return "".join(f"    -o {option}\n" for option in options)


class Smtpd:
    """A service of master.cf. `address` is "unix:/path" or "127.0.0.1:port"; `port` is None for a
    unix one; `path` is None for the other. `options` stand behind whatever is its `line`."""

    def __init__(self, name, address, line, options=(), reserved=None):
        self.name = name
        self.address = address
        self.line = line
        self.options = options
        self.reserved = reserved
        is_unix = address.startswith("unix:")
        self.path = address[len("unix:"):] if is_unix else None
        self.port = None if is_unix else int(address.rpartition(":")[2])


class Mail:
    """A message as it was delivered: lines end in LF, Postfix's headers first."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            self.raw = file.read()
        head, _, self.body = self.raw.partition(b"\n\n")
        self.headers = email.message_from_bytes(head + b"\n\n", policy=email.policy.compat32)

    @property
    def recipient(self):
        return self.headers["X-Original-To"]

    @property
    def subject(self):
        return self.headers["Subject"]

    @property
    def received(self):
        """The topmost Received header, in one line."""
        return re.sub(r"\s+", " ", self.headers["Received"])


class Postfix:
    """See the module. `main_cf` holds further or other main.cf settings, `process_limit` is
    default_process_limit. The log is `log` (lab.process.Lines); `on_line` sees each of its lines
    as it comes."""

    def __init__(self, parent, *, main_cf=None, process_limit=100, message_size_limit=104857600,
                 on_line=None):
        if os.geteuid():
            raise LabError("Postfix can be started by root only")
        self.directory = os.path.join(parent, "postfix")
        self.config = os.path.join(self.directory, "config")
        self.queue = os.path.join(self.directory, "queue")
        self.mailbox = os.path.join(self.directory, "mail", "inbox")
        self._root = "" if os.path.exists("/usr/sbin/postfix") else UNPACKED
        self.daemons = self._root + "/usr/lib/postfix/sbin"
        if not os.path.exists(self.daemons + "/master"):
            raise LabError("Postfix is not installed: sh tests/lab/install-packages run")
        self.log = None
        self._on_line = on_line
        self._master = None
        self.services = {}
        self._pasted = {}
        self._taken = set()
        self._owner, self._group = self._accounts()
        self._settings = self._main_cf(process_limit, message_size_limit)
        self._settings.update(main_cf or {})
        self._make_directories()
        self._write()

    @property
    def owner(self):
        """The account that its processes run as."""
        return self._owner

    # --- before the start ---

    def smtpd(self, name, kind="inet", *, proxied=True, options=(), maxproc=None, chroot=False):
        """Adds an smtpd service and returns its Smtpd. kind: "unix" (a socket in queue/public,
        only for proxied ones) or "inet" (a port of 127.0.0.1 from the kernel). proxied: expects a
        PROXY header; paste() gives it the other overrides that it needs behind posternd. If not,
        it is an ordinary smtpd for direct clients. options: "name=value" overrides. maxproc:
        process limit of the service."""
        reserved = None
        if kind == "unix":
            address = f"unix:{self.queue}/public/{name}"
            first = f"{name} unix n"
        else:
            reserved = self._reserve("127.0.0.1")
            first = address = f"127.0.0.1:{reserved.getsockname()[1]}"
            first += " inet n"
        overrides = ["smtpd_upstream_proxy_protocol=haproxy"] if proxied else []
        line = (f"{first} - {'y' if chroot else 'n'} - {'-' if maxproc is None else maxproc} smtpd\n"
                + _overrides(overrides))
        self.services[name] = Smtpd(name, address, line, options, reserved)
        self._write()
        return self.services[name]

    def entry(self, name, text, *, host="127.0.0.1", port=0):
        """Adds an inet service as an administrator has written it: `text` is its whole entry, where
        <port> is a port of `host`, by default one from the kernel. paste() puts all of it away when
        it replaces it. Returns its Smtpd."""
        reserved = self._reserve(host, port)
        port = reserved.getsockname()[1]
        line = text.replace("<port>", str(port)).rstrip("\n") + "\n"
        self.services[name] = Smtpd(name, f"{host}:{port}", line, reserved=reserved)
        self._write()
        return self.services[name]

    def postscreen(self, name, options=()):
        """Adds a postscreen that expects a PROXY header, on a port of 127.0.0.1. paste() gives it a
        smtpd to pass its clients to."""
        service = self.smtpd(name, maxproc=1, options=options)
        service.line = service.line.replace(" smtpd\n", " postscreen\n").replace(
            " smtpd_upstream_", " postscreen_upstream_")
        self._write()
        return service

    def starttls(self, name, certificate, *, options=(), maxproc=None):
        """Adds an ordinary smtpd that offers STARTTLS itself with a certs.Certificate (or several,
        one per key type): what the administrator had before."""
        several = certificate if isinstance(certificate, (list, tuple)) else [certificate]
        chains = ",".join(part for each in several for part in (each.key, each.chain))
        return self.smtpd(name, proxied=False, maxproc=maxproc, options=(
            "smtpd_tls_security_level=may", "smtpd_tls_chain_files=" + chains,
            "smtpd_tls_loglevel=1", *options))

    def paste(self, text):
        """Puts the output of `posternctl postfix-config` into place: each service in it replaces
        the line of the smtpd() with the same socket, whose own options are kept; each setting
        goes to main.cf."""
        lines = [line for line in text.splitlines()
                 if line.strip() and not line.lstrip().startswith("#")]
        entry = None
        for line in lines:
            if line[0].isspace():
                if entry:
                    self._pasted[entry] += line + "\n"
                continue
            fields = line.split()
            entry = None
            if len(fields) >= 8 and fields[1] in ("inet", "unix", "pass"):
                entry = (fields[0], fields[1])
                self._pasted[entry] = line + "\n"
            elif "=" in line:
                name, _, value = line.partition("=")
                self._settings[name.strip()] = value.strip()
            else:
                raise LabError(f"postfix-config wrote a line of neither file: {line!r}")
        self._write()

    @property
    def environment(self):
        """The environment for Postfix's commands, and for ours that ask postconf, so that they
        speak of this instance."""
        environment = dict(os.environ, MAIL_CONFIG=self.config)
        if self._root:
            environment["PATH"] = f"{self._root}/usr/sbin:{environment['PATH']}"
            environment["LD_LIBRARY_PATH"] = self._library_path()
        return environment

    # --- running ---

    def start(self):
        """Returns when the services take connections."""
        self._master = Child([self.daemons + "/master", "-c", self.config, "-s"],
                             env=self.environment, on_line=self._on_line)
        self.log = self._master.log
        self.log.wait("daemon started")
        return self

    def stop(self):
        """Ends it, every process reaped. It can be started again: ports stay reserved."""
        if self._master:
            self._master.stop()
            self._master = None

    @contextlib.contextmanager
    def suspended(self):
        """Meanwhile none of its processes does anything; the kernel takes connections for it."""
        self._master.signal_group(signal.SIGSTOP)
        try:
            yield
        finally:
            self._master.signal_group(signal.SIGCONT)

    def command(self, name, *arguments):
        """Runs postqueue, postconf, ... on this instance; CompletedProcess."""
        return run([name, *arguments], env=self.environment)

    def wait_for_mail(self, matches=lambda mail: True, timeout=TIMEOUT):
        """The next delivered Mail for which matches(mail) is true; each is returned once."""
        def take():
            for name in sorted(os.listdir(self.mailbox + "/new")):
                if name not in self._taken:
                    mail = Mail(os.path.join(self.mailbox, "new", name))
                    if matches(mail):
                        self._taken.add(name)
                        return mail
            return None

        mail = self.log.wait_until(take, timeout)
        if mail is None:
            raise Timeout("no such mail was delivered; Postfix's log:\n" + self.log.tail())
        return mail

    def wait_for_mails(self, number, timeout=TIMEOUT):
        """Waits until `number` mails in all have been delivered since the start; their paths."""
        def paths():
            names = os.listdir(self.mailbox + "/new")
            return names if len(names) >= number else None

        names = self.log.wait_until(paths, timeout)
        if names is None:
            raise Timeout(f"{len(os.listdir(self.mailbox + '/new'))} of {number} mails were "
                          "delivered; Postfix's log:\n" + self.log.tail())
        return [os.path.join(self.mailbox, "new", name) for name in names]

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # --- files ---

    @staticmethod
    def _reserve(host, port=0):
        """A socket that is bound but never listens: nobody else is given its port, and Postfix can
        listen on it."""
        reserved = socket.socket()
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind((host, port))
        return reserved

    @staticmethod
    def _accounts():
        names = {entry.pw_name for entry in pwd.getpwall()}
        for owner, group in OWNERS:
            if owner in names:
                return owner, group
        raise LabError("no account for Postfix to run as")

    def _library_path(self):
        found = [self._root + "/usr/lib/postfix"]
        for base in ("/usr/lib", "/lib"):
            found += sorted(each.path for each in os.scandir(self._root + base)
                            if each.name.endswith("-linux-gnu")) if os.path.isdir(
                                self._root + base) else []
        return ":".join(found)

    def _main_cf(self, process_limit, message_size_limit):
        nobody = pwd.getpwnam("nobody")
        settings = {
            "compatibility_level": "3.6",
            "config_directory": self.config,
            "queue_directory": self.queue,
            "data_directory": self.directory + "/data",
            "daemon_directory": self.daemons,
            "command_directory": self._root + "/usr/sbin",
            "meta_directory": self._root + "/etc/postfix",
            "shlib_directory": self._root + "/usr/lib/postfix",
            "mail_owner": self._owner,
            "setgid_group": self._group,
            "maillog_file": "/dev/stdout",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "all" if socket.has_ipv6 and os.path.exists("/proc/net/if_inet6")
                              else "ipv4",
            "myhostname": "backend." + DOMAIN,
            "mydestination": "",
            "mynetworks": "127.0.0.0/8",
            "alias_maps": "",
            "alias_database": "",
            # Whatever a test does, no mail leaves this machine.
            "default_transport": "error:only " + DOMAIN + " is delivered here",
            "relay_transport": "error:only " + DOMAIN + " is delivered here",
            "disable_dns_lookups": "yes",
            "smtpd_peername_lookup": "no",
            "smtpd_tls_security_level": "none",
            "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
            "virtual_transport": "virtual",
            "virtual_mailbox_domains": DOMAIN,
            "virtual_mailbox_base": self.directory + "/mail",
            "virtual_mailbox_maps": "static:inbox/",
            "virtual_uid_maps": f"static:{nobody.pw_uid}",
            "virtual_gid_maps": f"static:{nobody.pw_gid}",
            "virtual_minimum_uid": "1",
            "virtual_mailbox_limit": "0",
            "message_size_limit": str(message_size_limit),
            "default_process_limit": str(process_limit),
            "in_flow_delay": "0",
            # Many tests send as no honest client may. A few of their own (test_defaults) have what
            # Postfix 3.9 and later do unless told otherwise.
            "smtpd_forbid_unauth_pipelining": "no",
            "smtpd_forbid_bare_newline": "no",
        }
        if self._root:
            settings["import_environment"] = "MAIL_CONFIG LANG=C LD_LIBRARY_PATH"
        return settings

    def _make_directories(self):
        owner = self._owner
        os.makedirs(self.config)
        os.makedirs(self.directory + "/data", mode=0o700)
        shutil.chown(self.directory + "/data", owner)
        os.makedirs(self.queue)
        for name in QUEUE_DIRECTORIES:
            os.mkdir(os.path.join(self.queue, name), 0o700)
            shutil.chown(os.path.join(self.queue, name), owner)
        os.mkdir(self.queue + "/pid")
        # Here group postdrop decides who may reach the sockets of a real Postfix; in the lab
        # posternd runs as an account without groups.
        os.mkdir(self.queue + "/public")
        os.chmod(self.queue + "/public", 0o711)
        shutil.chown(self.queue + "/public", owner, self._group)
        os.mkdir(self.queue + "/maildrop")
        os.chmod(self.queue + "/maildrop", 0o730)
        shutil.chown(self.queue + "/maildrop", owner, self._group)
        os.mkdir(self.queue + "/etc")
        for name in CHROOT_FILES:
            if os.path.exists("/etc/" + name):
                shutil.copy("/etc/" + name, self.queue + "/etc/" + name)
        for name in ("", "/cur", "/new", "/tmp"):
            os.makedirs(self.mailbox + name, mode=0o700)
            shutil.chown(self.mailbox + name, "nobody")

    def _write(self):
        with open(self.config + "/main.cf", "w", encoding="utf-8") as main:
            main.writelines(f"{name} = {value}\n" for name, value in self._settings.items())
        with open(self.config + "/master.cf", "w", encoding="utf-8") as master:
            master.write(MASTER_CF)
            pasted = dict(self._pasted)
            for service in self.services.values():
                line = pasted.pop(tuple(service.line.split()[:2]), service.line)
                master.write(line + _overrides(service.options))
            master.writelines(pasted.values())
        # Postfix waits before it reads a file that was written just now.
        long_ago = time.time() - 60
        for name in ("/main.cf", "/master.cf"):
            os.utime(self.config + name, (long_ago, long_ago))
