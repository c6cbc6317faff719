"""Planted changes of what surrounds the choice: server names, what does not fit, ticket keys,
ALPN; and what is said of clients' certificates."""

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

ALPN = in_file(
    "lib/tls/alpn.c",
    ("ALPN: ignore never looks", "alpn", "if (rule == ALPN_IGNORE) {", "if (false) {"),
    ("ALPN: smtp is selected", "alpn", "if (is(name, ALPN_SMTP)) {", "if (false) {"),
    ("ALPN: the whole name counts", "alpn", "name.len == strlen(wanted) && ", ""),
    ("ALPN: strict counts no GREASE", "alpn", "any = any || !is_grease(name);", "any = true;"),
    ("ALPN: strict wants smtp", "alpn", "rule == ALPN_STRICT ? any : foreign", "foreign"),
    ("ALPN: guard lets unknown names through", "alpn", "rule == ALPN_STRICT ? any : foreign", "any"),
    ("ALPN: every name counts", "alpn", "foreign = foreign || is_of_another_service(name);",
     "foreign = is_of_another_service(name);"),
    ("ALPN: GREASE has two bytes", "alpn", "name.len == 2 && ", "name.len >= 2 && "),
    ("ALPN: protocols of any version", "alpn", "if (others[i].is_prefix && compared.len > len) {",
     "if (false) {"),
    ("ALPN: only those of any version", "alpn", "if (others[i].is_prefix && compared.len > len) {",
     "if (compared.len > len) {"),
    ("ALPN: names are escaped", "alpn", "text_escaped(out, name.data, name.len, NAME_MAX_SHOWN);",
     'text_addf(out, "%.*s", (int)name.len, (const char *)name.data);'),
    ("ALPN: a bound of names", "alpn", "if (shown++ == NAMES_MAX_SHOWN) {", "if (shown++ == 99) {"),
    ("ALPN: GREASE is not shown", "alpn", "if (is_grease(name)) {", "if (false) {"),
)

USERS = in_file(
    "lib/admin/conf.c",
    ("milter: its user is that of all, unless it has its own", "conf",
     "conf->milter.user.text[0] == '\\0' ? &conf->user : &conf->milter.user",
     "&conf->user"),
    ("milter: or else that of all", "conf",
     "conf->milter.user.text[0] == '\\0' ? &conf->user : &conf->milter.user",
     "&conf->milter.user"),
)

LISTENERS = in_file(
    "lib/admin/conf_address.c",
    ("trial: posternd listens at trial_address", "conf",
     "if (listener->num_trial_addresses > 0) {", "if (false) {"),
    ("trial: without one it listens at address", "conf",
     "if (listener->num_trial_addresses > 0) {", "if (true) {"),
    ("trial: trial_address is the listener's, as well", "conf_mistakes",
     "listener->num_addresses + listener->num_trial_addresses", "listener->num_addresses"),
    ("trial: address stays the listener's", "conf_mistakes",
     "index < listener->num_addresses", "false && index < listener->num_addresses"),
) + in_file(
    "lib/admin/conf_check.c",
    ("trial: a mistake names its option", "conf_mistakes",
     'listener].num_addresses ? "address" : "trial_address"',
     'listener].num_addresses ? "address" : "address"'),
    ("trial: not at the address of any listener", "conf_mistakes",
     "l < listener ? conf_num_own(other) : address", "l < listener ? other->num_addresses : address"),
    ("trial: no backend there", "conf_mistakes",
     "i < conf_num_own(listener); i++) {\n            struct addr b",
     "i < listener->num_addresses; i++) {\n            struct addr b"),
    ("trial: its addresses are looked at", "conf_mistakes",
     "i < conf_num_own(&conf->listeners[l])", "i < conf->listeners[l].num_addresses"),
    ("exceptions: only where clients may do without TLS", "conf_mistakes",
     "if (listener->tls == CONF_TLS_MAY || ", "if (true || "),
    ("exceptions: where they may, there can be some", "conf",
     "if (listener->tls == CONF_TLS_MAY || ", "if ("),
    ("exceptions: none are allowed everywhere", "conf",
     " || listener->starttls_except.num == 0) {", ") {"),
)

CLIENTS = in_file(
    "lib/admin/logline.c",
    ("log: an exception is told", "logline", 'end->excepted ? " starttls_except=yes" : ""', '""'),
    ("log: only an exception is", "logline", 'end->excepted ? " starttls_except=yes" : ""',
     '" starttls_except=yes"'),
    ("log: no key exchange, no words", "logline", "if (facts->key_exchange[0] != '\\0') {",
     "if (true) {"),
    ("client: trusted is more than shown", "logline", '[TLS_TRUST_UNTRUSTED] = "Untrusted"',
     '[TLS_TRUST_UNTRUSTED] = "Trusted"'),
    ("client: nothing of one without a certificate", "logline",
     "if (client->trust != TLS_TRUST_NONE) {", "if (true) {"),
    ("log: who signs nothing has no words", "logline", "if (signature->algorithm[0] == '\\0') {",
     "if (false) {"),
    ("client: names are escaped", "logline", "    add_name(t, name);\n}\n\nstatic void add_client_c",
     "    text_add(t, name);\n}\n\nstatic void add_client_c"),
    ("client: a nameless field is still a field", "logline",
     "text_add(t, name[0] == '\\0' ? \"\\\"\\\"\" : \"\");", ""),
    ("log: a fault is told", "logline", "if (facts->fault[0] != '\\0') {", "if (false) {"),
    ("log: down to TLS 1.2 is told", "logline", 'facts->capped ? " capped=yes" : ""', '""'),
    ("log: how often a bound was crossed, unless it is once a line", "logline",
     "news.crossed != (news.line == BOUND_CROSSED ? 1 : 0)", "true"),
    ("client: only where it is the reason", "logline",
     "reason == HANDSHAKE_CLIENT_CERTIFICATE && choice->client != NULL", "choice->client != NULL"),
)

ALL = NAMES + UNMATCHED + TICKET_KEYS + ALPN + USERS + LISTENERS + CLIENTS
