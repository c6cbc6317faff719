"""All dialogues, and the pairs of services that they are played with."""

from dialogues_commands import REFERENCE
from dialogues_levels import LEVELS
from dialogues_lines import LINES
from dialogues_pipelines import KINDS, PIPELINES
from dialogues_starttls import STARTTLS
from postfix_pairs import Pair

DIALOGUES = (*STARTTLS, *LINES, *REFERENCE, *LEVELS, *PIPELINES)

# What an administrator sets where AUTH is for TLS only.
AUTH_ONLY = ("smtpd_tls_auth_only=yes",)



def _minding(kind):
    """The services of dialogues_pipelines."""
    both = ("smtpd_forbid_unauth_pipelining=" + ("yes" if kind == KINDS[0] else "no"),)
    return {
        kind: Pair(*both, alone=AUTH_ONLY),
        kind + "-implicit": Pair(*both, alone=("smtpd_tls_wrappermode=yes", *AUTH_ONLY),
                                 listener={"tls": "implicit"}),
        kind + "-moved": Pair(*both, alone=AUTH_ONLY, moves=True),
        kind + "-encrypt": Pair(*both, alone=("smtpd_tls_security_level=encrypt", *AUTH_ONLY),
                                listener={"tls": "encrypt"}),
    }


PAIRS = {
    "mx": Pair(alone=AUTH_ONLY),
    "auth": Pair(listener={"auth_before_tls": True}),
    "limits": Pair("smtpd_hard_error_limit=20", "smtpd_junk_command_limit=100", alone=AUTH_ONLY),
    "bare": Pair("smtpd_forbid_bare_newline=reject", alone=AUTH_ONLY),
    "normalize": Pair("smtpd_forbid_bare_newline=normalize", alone=AUTH_ONLY),
    "refusing": Pair("smtpd_delay_reject=no", "smtpd_client_restrictions=reject",
                     alone=AUTH_ONLY),
    "moved": Pair(alone=AUTH_ONLY, moves=True),
    "encrypt": Pair("smtpd_hard_error_limit=20",
                    alone=("smtpd_tls_security_level=encrypt", *AUTH_ONLY),
                    listener={"tls": "encrypt"}),
    "implicit": Pair(alone=("smtpd_tls_wrappermode=yes", *AUTH_ONLY),
                     listener={"tls": "implicit"}),
    # The client that all dialogues have.
    "excepted": Pair("smtpd_hard_error_limit=20",
                     alone=("smtpd_discard_ehlo_keyword_address_maps=static:starttls", *AUTH_ONLY),
                     listener={"starttls_except": "127.0.0.1"}),
    "none": Pair("smtpd_hard_error_limit=20", alone=("smtpd_tls_security_level=none", *AUTH_ONLY),
                 listener={"tls": "none"}),
    **_minding(KINDS[0]),
    **_minding(KINDS[1]),
}
