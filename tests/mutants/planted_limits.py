"""Planted changes of what clients and backends are bounded by."""

from planted import in_file

SIPHASH = in_file(
    "lib/base/siphash.c",
    ("siphash: the key counts", "siphash", "uint64_t k1 = word_of(key + 8, 8);",
     "uint64_t k1 = 0;"),
    ("siphash: the length counts", "siphash", " | (uint64_t)len << 56", ""),
    ("siphash: every word counts", "siphash", "left >= 8; left -= 8", "left > 8; left -= 8"),
)

PACE = in_file(
    "lib/base/pace.c",
    ("pace: so many lines", "pace", "if (p->said == max) {", "if (p->said > max) {"),
    ("pace: a minute", "pace", "now - p->since >= PACE_MINUTE", "now - p->since > PACE_MINUTE"),
    ("pace: a minute begins with its first line", "pace", "    if (p->said == 0) {\n", "    {\n"),
    ("pace: times since the last line", "pace", "    p->unsaid = 0;\n", ""),
    ("bound: crossings are counted", "pace", "b->crossed += changed && over;", "b->crossed += changed;"),
    ("bound: told once", "pace", "b->over == b->told_over && b->crossed == 0", "false"),
    ("bound: what nobody was told of is told", "pace", "b->told_over && b->crossed == 0;",
     "b->told_over;"),
    ("bound: each line once a minute", "pace", "b->said[b->over] && now", "false && now"),
    ("bound: a minute", "pace", "b->said_at[b->over] < PACE_MINUTE", "b->said_at[b->over] <= PACE_MINUTE"),
    ("bound: the first line at once", "pace", "(b->said[b->over] && now", "(now"),
    ("bound: each line has its own minute", "pace", "    b->said_at[b->over] = now;\n",
     "    b->said_at[0] = b->said_at[1] = now;\n    b->said[0] = b->said[1] = true;\n"),
    ("bound: what was told", "pace", "    b->told_over = b->over;\n", ""),
    ("bound: crossings since the last line", "pace", "    b->crossed = 0;\n", ""),
)

TALLY = in_file(
    "lib/net/tally.c",
    ("clients: v4-mapped", "tally", "addr_unmap(&plain);", ""),
    ("clients: an IPv6 network of 64 bits", "tally", "? 4 : 8;", "? 4 : 7;"),
    ("clients: families differ", "tally", "a->family == b->family && ", ""),
    ("clients: one with a session keeps its place", "tally",
     "if (client->sessions > 0) {\n        return;", "if (false) {\n        return;"),
    ("clients: whom nothing is known of is not kept", "tally",
     "if (!is_remembered(client, now)) {", "if (false) {"),
    ("clients: handshakes are remembered", "tally", "bool remembered = client->handshakes > 0 &&",
     "bool remembered = false &&"),
    ("clients: lines are remembered", "tally", "(client->refusals[i].said && ", "(false && "),
    ("clients: the one idle for longest makes room", "tally",
     "TAILQ_INSERT_TAIL(&c->idle, client, idle);", "TAILQ_INSERT_HEAD(&c->idle, client, idle);"),
    ("clients: one that comes back is not idle", "tally", "if (client->sessions == 0) {",
     "if (false) {"),
    ("clients: forgotten in time", "tally", "forget_some(c, now);", ""),
    ("clients: not forgotten too soon", "tally", "now - client->idle_since < MINUTE",
     "now - client->idle_since < 1"),
    ("handshakes: a minute", "tally", "now - client->handshakes_since >= MINUTE",
     "now - client->handshakes_since > MINUTE"),
    ("handshakes: counted anew", "tally", "        client->handshakes = 0;\n", ""),
    ("lines: one a minute", "tally",
     "if (client->refusals[what].said && now - client->refusals[what].said_at < MINUTE) {",
     "if (false) {"),
    ("lines: of all clients", "tally", "if (c->lines == TALLY_LINES_MAX) {", "if (false) {"),
    ("lines: counted anew", "tally", "        c->lines = 0;\n", ""),
    ("lines: refusals since the last", "tally", "    client->refusals[what].refused = 0;\n", ""),
)

SLOTS = in_file(
    "lib/net/slots.c",
    ("slots: bounded", "slots", "if (s->max > 0 && s->taken >= s->max) {", "if (false) {"),
    ("slots: given once", "slots", "if (!slot->held) {\n        return;",
     "if (false) {\n        return;"),
    ("slots: the oldest makes room", "slots", "TAILQ_INSERT_TAIL(&slot->group->waiting",
     "TAILQ_INSERT_HEAD(&slot->group->waiting"),
    ("slots: the client with most makes room", "slots", "if (num > s->most) {", "if (s->most == 0) {"),
    ("slots: the most get less", "slots", "        s->most--;\n", ""),
    ("slots: of several who has had so many for longest", "slots",
     "TAILQ_INSERT_TAIL(&s->by_num[num], group, neighbour);",
     "TAILQ_INSERT_HEAD(&s->by_num[num], group, neighbour);"),
    ("slots: nobody in relay makes room", "slots", "        slot->group = NULL;\n", ""),
    ("slots: who made room holds none", "slots", "    victim->held = false;\n", ""),
    ("slots: stress at 75 %", "slots", "STRESS_BEGINS = 75", "STRESS_BEGINS = 76"),
    ("slots: stress ends below 60 %", "slots", "percent_of_all < (uint64_t)s->max * STRESS_ENDS",
     "percent_of_all <= (uint64_t)s->max * STRESS_ENDS"),
    ("slots: full at 100 %", "slots", "    if (s->taken >= s->max) {\n        s->full",
     "    if (s->taken + 1 >= s->max) {\n        s->full"),
    ("slots: room below 90 %", "slots", "SPARE_AGAIN = 90", "SPARE_AGAIN = 95"),
)

ALL = PACE + SIPHASH + TALLY + SLOTS
