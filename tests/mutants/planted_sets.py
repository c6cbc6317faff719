"""Planted changes of what surrounds the choice: server names, what does not fit, ticket keys."""

from planted import in_file

NAMES = in_file(
    "lib/tls/sni.c",
    ("server name: a wildcard stands for one label", "sni",
     "strchr(name, '.')", "strrchr(name, '.')"),
    ("server name: exact before wildcard", "sni", "found == NULL && dot", "dot"),
    ("server name: one final dot", "sni", "asked.data[len - 1] == '.'", "false"),
    ("server name: case does not matter", "sni", "c >= 'A' && c <= 'Z'", "false"),
    ("server name: nothing hides behind a NUL", "sni",
     " || memchr(asked.data, '\\0', len) != NULL", ""),
    ("server name: the longest", "sni", "len > SNI_NAME_MAX", "len > SNI_NAME_MAX - 1"),
    ("server name: twice, in the order of the sets", "sni", "by_name_and_set);", "by_name);"),
)

UNMATCHED = in_file(
    "lib/tls/unmatched.c",
    ("try-anyway: signature_algorithms has ECDSA", "unmatched",
     "if (!names_ecdsa(&hello->schemes)) {", "if (false) {"),
    ("try-anyway: only if nothing fits", "unmatched",
     "if (verdicts[i].reason == VERDICT_USABLE) {", "if (false) {"),
    ("try-anyway: the first of the set", "unmatched", "chosen < 0 && ", ""),
    ("try-anyway: not what is switched off", "unmatched", "may_try[i] && ", ""),
    ("try-anyway: only for the curve", "unmatched",
     "verdicts[i].reason == VERDICT_CURVE_NOT_IN_GROUPS", "true"),
    ("try-anyway: all else fits", "unmatched",
     "certsel_judge(&up_to_tls12, &moved, hello).reason == VERDICT_USABLE", "true"),
    ("try-anyway: never in TLS 1.3", "unmatched", "up_to_tls12.max_version = TLS12;", ""),
    ("try-anyway: unknown groups are no groups", "unmatched",
     "group != NULL && group->bits != 0", "true"),
    ("anonymous: not after a fallback", "unmatched", "listener->max_version > TLS12 &&",
     "false &&"),
    ("anonymous: a fallback to the best there is", "unmatched",
     "listener->max_version > TLS12 &&", ""),
)

TICKET_KEYS = in_file(
    "lib/tls/ticketring.c",
    ("ticket keys: the first is due at once", "ticketring", "ring->num == 0 || ", ""),
    ("ticket keys: after a period", "ticketring", ">= TICKET_PERIOD", "> TICKET_PERIOD"),
    ("ticket keys: the one before decrypts", "ticketring", "ring->keys[1] = ring->keys[0];", ""),
    ("ticket keys: an idle one is forgotten", "ticketring",
     "< 2 * TICKET_PERIOD", "<= 3 * TICKET_PERIOD"),
    ("ticket keys: and wiped", "ticketring", "memset(&ring->keys[1], 0, sizeof ring->keys[1]);",
     ""),
    ("ticket keys: each has its time", "ticketring", "ring->since = now;", ""),
    ("ticket keys: the whole name counts", "ticketring", "sizeof keys[i].name", "15"),
)

ALL = NAMES + UNMATCHED + TICKET_KEYS
