/* Numbers and times, and posternd's own log and replies. */
#include "lib/postfix/compare_parts.h"

#include <string.h>
#include <strings.h>

/* The longest command and reply that posternd passes on. */
enum { VERB_MAX = 2048, REPLY_MAX = 4096 };

static long today_number(const struct comparing *c)
{
    return settings_number(c->in->today.values, c->name, -1);
}

static void compare_handshake_timeout(struct comparing *c)
{
    long today = today_number(c);
    long now = (long)c->in->conf->limits.handshake_timeout;

    if (!c->set || today < 0) {
        return;
    }
    if (today == now) {
        compare_say(c, COMPARE_EQUAL, "", "handshake_timeout = %ld", now);
        return;
    }
    compare_say(c, now > today ? COMPARE_LOST : COMPARE_STRICTER, "",
                "a handshake may take %ld s, today %ld s: handshake_timeout", now, today);
}

/* Postfix counts in a time unit of its own, posternd in minutes. */
static void compare_handshake_rate(struct comparing *c)
{
    long unit = settings_number(c->in->today.values, "anvil_rate_time_unit", 60);
    long long today = 60LL * today_number(c);
    long long now = c->in->conf->limits.max_handshakes_per_client;

    if (today > 0 && (now == 0 || now * unit > today)) {
        compare_say(c, COMPARE_LOST, "",
                    "a client may begin %s handshakes: max_handshakes_per_client, a minute",
                    now == 0 ? "any number of" : "more");
    } else if (now > 0 && (today == 0 || now * unit < today)) {
        compare_say(c, COMPARE_STRICTER, "",
                    "a client may begin %lld handshakes a minute: max_handshakes_per_client", now);
    }
}

static void compare_sessions(struct comparing *c)
{
    long today = today_number(c);
    unsigned now = c->in->conf->limits.max_sessions_per_client;

    if (now != 0 && (today == 0 || today > (long)now)) {
        compare_say(c, COMPARE_STRICTER, "",
                    "a client may have %u sessions at one time: max_sessions_per_client", now);
    }
}

/* Whether a network is within one of those that are exempt from posternd's limits. */
static bool is_exempt(const struct conf *conf, const struct prefix *network)
{
    for (size_t i = 0; i < conf->limits.exempt.num; i++) {
        const struct prefix *exempt = &conf->limits.exempt.items[i];

        if (exempt->bits <= network->bits && prefix_contains(exempt, &network->base)) {
            return true;
        }
    }
    return false;
}

bool compare_is_network(struct settings_word word, struct prefix *out)
{
    char text[PREFIX_TEXT_SIZE + 2];
    const char *why;

    if (word.len >= sizeof text) {
        return false;
    }
    memcpy(text, word.at, word.len);
    text[word.len] = '\0';
    return prefix_parse(out, text, &why) == 0;
}

/* Postfix's default is mynetworks; this is about this machine's own addresses in it. */
static void compare_exempt(struct comparing *c)
{
    const struct conf *conf = c->in->conf;
    const char *rest = c->today;
    struct settings_word word;
    bool unknown = false;

    if ((!c->set && !compare_is_set(c, "mynetworks") && !compare_is_set(c, "mynetworks_style")) ||
        (conf->limits.max_sessions_per_client == 0 &&
         conf->limits.max_handshakes_per_client == 0)) {
        return;
    }
    while ((word = settings_next_word(&rest)).at != NULL) {
        struct prefix network;

        if (!compare_is_network(word, &network)) {
            unknown = true;
        } else if (!addr_is_loopback(&network.base) && !is_exempt(conf, &network)) {
            compare_say(c, COMPARE_STRICTER, "",
                        "posternd also counts the sessions of %.*s: limits { exempt }",
                        (int)word.len, word.at);
        }
    }
    if (unknown) {
        compare_say(c, COMPARE_NOT_JUDGED, "",
                    "limits { exempt } must list these clients; it cannot name hosts and tables");
    }
}

static void compare_idle_timeout(struct comparing *c)
{
    long today = today_number(c);
    long now = (long)c->in->conf->limits.idle_timeout;

    if (today > 0 && now < today) {
        compare_say(c, COMPARE_STRICTER, "",
                    "posternd ends a silent session after %ld s: idle_timeout", now);
    }
}

static void compare_log_level(struct comparing *c)
{
    if (today_number(c) > 0 && c->in->conf->log_sessions == CONF_SESSIONS_PROBLEMS) {
        compare_say(c, COMPARE_LOST, "problems",
                    "no line says how a session is protected: log_sessions = \"tls\"");
    }
}

static void compare_line_length(struct comparing *c)
{
    long today = today_number(c);

    if (today > REPLY_MAX || (today >= 0 && today < VERB_MAX)) {
        compare_say(c, COMPARE_LOST, "",
                    "posternd has its own bounds: %d for a command, %d for a reply", VERB_MAX,
                    REPLY_MAX);
    }
}

static void compare_hostname(struct comparing *c)
{
    const char *now = c->in->conf->hostname.text;

    if (strcasecmp(c->today, now) != 0) {
        compare_say(c, COMPARE_LOST, now,
                    "posternd's own replies have a different name, \"%s\": hostname", now);
    }
}

static void compare_facility(struct comparing *c)
{
    const char *now = c->in->conf->log_facility.text;

    if (c->in->conf->log == CONF_LOG_SYSLOG && strcasecmp(c->today, now) != 0) {
        compare_say(c, COMPARE_LOST, now, "%s: log_facility = \"%s\"", c->row->text, c->today);
    }
}

void compare_limits(struct comparing *c)
{
    switch (c->row->rule) {
    case RULE_HANDSHAKE_TIMEOUT:
        compare_handshake_timeout(c);
        break;
    case RULE_HANDSHAKE_RATE:
        compare_handshake_rate(c);
        break;
    case RULE_SESSIONS_PER_CLIENT:
        compare_sessions(c);
        break;
    case RULE_EXEMPT:
        compare_exempt(c);
        break;
    case RULE_IDLE_TIMEOUT:
        compare_idle_timeout(c);
        break;
    case RULE_LOG_LEVEL:
        compare_log_level(c);
        break;
    case RULE_LINE_LENGTH:
        compare_line_length(c);
        break;
    case RULE_HOSTNAME:
        compare_hostname(c);
        break;
    case RULE_FACILITY:
        compare_facility(c);
        break;
    default:
        break;
    }
}
