"""Pairs of equal Postfix services: one that offers STARTTLS itself, one behind posternd."""

import os

from common import Case
from lab.posternd import postfix_config
from lab.sasl import AuthServer

HOSTNAME = "backend.example.test"

# The address that mynetworks trusts; the tests' clients are not there.
TRUSTED = "127.0.0.2/32"

MAIN_CF = {
    "mynetworks": TRUSTED,
    "smtpd_sasl_auth_enable": "yes",
    "smtpd_sasl_type": "dovecot",
    "smtpd_error_sleep_time": "0",
    "smtpd_soft_error_limit": "1000000",
    "smtpd_hard_error_limit": "1000000",
    "smtpd_junk_command_limit": "1000000",
    "smtpd_sender_restrictions":
        "reject_non_fqdn_sender, check_sender_access inline:{{refused@client.test=REJECT}}",
    "smtpd_recipient_restrictions":
        "check_recipient_access inline:{{refused@example.test=550 5.7.1 Not this one} "
        "{later@example.test=450 4.2.1 Not now}}",
    "header_checks": "regexp:{{/^Subject: refused/ REJECT}}",
}


class Pair:
    """both: overrides of both services. alone: of the one without posternd. listener: options of
    posternd's listener before the other. moves: sessions under TLS go on at a second service behind
    it (tls_address)."""

    def __init__(self, *both, alone=(), listener=None, moves=False):
        self.both = both
        self.alone = alone
        self.listener = listener or {}
        self.moves = moves


class Pairs(Case):
    """Tests on `pairs`, a dict of Pair by name, which a class defines, with further settings in
    `main_cf`. Of each there is Postfix alone, the same without STARTTLS, and posternd."""

    pairs = {}
    main_cf = {}

    @classmethod
    def prepare(cls):
        auth = AuthServer(os.path.join(cls.stage.directory, "auth"))
        cls.addClassCleanup(auth.stop)
        postfix = cls.stage.make_postfix(
            main_cf={**MAIN_CF, "smtpd_sasl_path": "unix:" + auth.server_address,
                     **cls.main_cf})
        certificate = cls.stage.certificate("p256")
        cls._services, cls._second, behind = {}, {}, {}
        for name, pair in cls.pairs.items():
            options = *pair.both, *pair.alone
            behind[name] = postfix.smtpd("behind-" + name, "unix", options=pair.both).address
            if pair.moves:
                cls._second[name] = postfix.smtpd("second-" + name, "unix",
                                                  options=pair.both).address
            cls._services[name] = (
                postfix.starttls("alone-" + name, certificate, options=options),
                postfix.smtpd("plain-" + name, proxied=False, options=(
                    *options, *["smtpd_sasl_auth_enable=no"] * bool(pair.alone))))
        postfix.paste(postfix_config(cls.build, cls.configuration(behind), postfix))
        cls.stage.start_postfix()
        cls.posternd = cls.stage.posternd(cls.configuration(
            {name: cls.between(name, address) for name, address in behind.items()}))

    @classmethod
    def configuration(cls, behind):
        """Writes posternd's with these addresses of backends; its path."""
        return cls.stage.write(
            certificates=["p256"], backend=next(iter(behind.values())), hostname=HOSTNAME,
            log_sessions="problems",
            backends={name: {"address": address, "tls_address": cls._second.get(name)}
                      for name, address in behind.items()},
            listeners={name: {"backend": name, **pair.listener}
                       for name, pair in cls.pairs.items()})

    @classmethod
    def between(cls, _name, address):
        """What posternd connects to for the backend of that name and address."""
        return address

    def alone(self, name):
        """The address of Postfix alone, with STARTTLS."""
        return "127.0.0.1", self._services[name][0].port

    def plain(self, name):
        """The same without STARTTLS."""
        return "127.0.0.1", self._services[name][1].port

    def front(self, name):
        """The address of posternd before its equal."""
        return self.posternd.address(name)
