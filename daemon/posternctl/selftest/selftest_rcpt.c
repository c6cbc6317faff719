/* MAIL and RCPT for one recipient after another, and never DATA. */
#include "daemon/posternctl/selftest/selftest.h"

#include <string.h>
#include <strings.h>

enum { SENDERS = 2, RECIPIENTS = 2 };

/* --- the dialogue --------------------------------------------------------------------------- */

/* MAIL and RCPT. The last reply; code 0 if there was none. */
static struct smtpreply try_sender(struct smtpclient *c, const char *sender, const char *recipient)
{
    struct smtpreply reply;
    char line[400];

    snprintf(line, sizeof line, "MAIL FROM:<%s>", sender);
    if (!smtpclient_command(c, line, &reply, SELFTEST_STEP) || reply.code / 100 != 2) {
        return reply;
    }
    snprintf(line, sizeof line, "RCPT TO:<%s>", recipient);
    if (!smtpclient_command(c, line, &reply, SELFTEST_STEP)) {
        return (struct smtpreply){0};
    }
    return reply;
}

bool selftest_names_client(const struct smtpreply *reply, const struct addr *client)
{
    char address[ADDR_TEXT_SIZE];

    return strstr(reply->text, addr_text(client, address)) != NULL;
}

static enum selftest_mail judge(const struct smtpreply *reply, const struct addr *client)
{
    switch (reply->code / 100) {
    case 2:
        return SELFTEST_TAKEN;
    case 4:
        return SELFTEST_PUT_OFF;
    case 5:
        return selftest_names_client(reply, client) ? SELFTEST_PUT_OFF : SELFTEST_REFUSED;
    default:
        return SELFTEST_UNASKED;
    }
}

/* The domains that are tested. */
struct domains {
    char names[RECIPIENTS][SELFTEST_RECIPIENT_SIZE];
    size_t num;
    bool complete; /* all domains of the service are in its settings, and not in tables */
};

/* The first domain of a list that is another one than the host's. */
static void read_domains(struct domains *domains, const char *list)
{
    struct settings_word item;

    while ((item = settings_next_item(&list)).at != NULL) {
        char name[SELFTEST_RECIPIENT_SIZE];

        snprintf(name, sizeof name, "%.*s", (int)item.len, item.at);
        if (strpbrk(name, ":/!") != NULL) {
            domains->complete = domains->complete && name[0] == '!';
        } else if (domains->num < RECIPIENTS && strchr(name, '.') != NULL && name[0] != '.' &&
                   strncmp(name, "localhost", strlen("localhost")) != 0 &&
                   strcasecmp(name, domains->names[0]) != 0) {
            snprintf(domains->names[domains->num++], sizeof name, "%s", name);
        }
    }
}

static void find_domains(struct domains *out, const struct selftest_asked *a)
{
    static const char *const lists[] = {"mydestination", "virtual_mailbox_domains",
                                        "virtual_alias_domains", "relay_domains"};

    *out = (struct domains){.num = 1, .complete = a->side.values.num > 0};
    snprintf(out->names[0], sizeof out->names[0], "%s", a->t->conf->hostname.text);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        read_domains(out, settings_get(&a->side.values, lists[i]));
    }
}

bool selftest_knows_domains(const struct selftest_asked *a)
{
    struct domains domains;

    find_domains(&domains, a);
    return domains.complete;
}

bool selftest_is_relay_refusal(const struct smtpreply *reply)
{
    return strstr(reply->text, "elay access denied") != NULL;
}

enum selftest_mail selftest_try_mail(const struct selftest_asked *a, struct smtpclient *c,
                                     const struct addr *client, struct smtpreply *reply,
                                     char to[SELFTEST_RECIPIENT_SIZE])
{
    char postmaster[SELFTEST_RECIPIENT_SIZE];
    const char *const senders[SENDERS] = {postmaster, ""};
    enum selftest_mail best = SELFTEST_UNASKED;
    struct domains domains;

    find_domains(&domains, a);
    snprintf(postmaster, sizeof postmaster, "postmaster@%.280s", a->t->conf->hostname.text);
    snprintf(to, SELFTEST_RECIPIENT_SIZE, "%s", postmaster);
    *reply = (struct smtpreply){0};
    for (size_t i = 0; i < SENDERS * domains.num && best != SELFTEST_TAKEN; i++) {
        char recipient[SELFTEST_RECIPIENT_SIZE];
        struct smtpreply reset;
        struct smtpreply got;
        enum selftest_mail mail;

        if (c->trouble != SMTPCLIENT_NONE ||
            !smtpclient_command(c, "RSET", &reset, SELFTEST_STEP)) {
            break;
        }
        snprintf(recipient, sizeof recipient, "postmaster@%.280s", domains.names[i % domains.num]);
        got = try_sender(c, senders[i / domains.num], recipient);
        mail = judge(&got, client);
        if (mail > best || (mail == SELFTEST_REFUSED && selftest_is_relay_refusal(reply) &&
                            !selftest_is_relay_refusal(&got))) {
            best = mail > best ? mail : best;
            *reply = got;
            snprintf(to, SELFTEST_RECIPIENT_SIZE, "%s", recipient);
        }
    }
    return best;
}

/* --- relaying ------------------------------------------------------------------------------- */

/* The result for a mail from outside to outside. A refusal for another reason may be about the
 * sender, so another one is tried. */
struct smtpreply selftest_try_relaying(const struct selftest_asked *a, struct smtpclient *c,
                                       const char *recipient)
{
    char postmaster[SELFTEST_RECIPIENT_SIZE];
    const char *const senders[SENDERS] = {postmaster, ""};
    struct smtpreply reply = {0};

    snprintf(postmaster, sizeof postmaster, "postmaster@%s", a->t->conf->hostname.text);
    for (size_t i = 0; i < SENDERS; i++) {
        struct smtpreply reset;

        reply = try_sender(c, senders[i], recipient);
        if (reply.code / 100 == 2 || selftest_is_relay_refusal(&reply) ||
            c->trouble != SMTPCLIENT_NONE ||
            !smtpclient_command(c, "RSET", &reset, SELFTEST_STEP)) {
            break;
        }
    }
    return reply;
}
