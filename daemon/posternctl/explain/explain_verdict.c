/* The result for a hello: our verdicts, and what libssl does with each certificate alone. */
#include "daemon/posternctl/explain/explain.h"
#include "lib/tls/names.h"
#include "lib/tls/verdicttext.h"

#include <stdlib.h>

static int choose(struct explain *e)
{
    const struct explain_server *server = &e->server;

    e->chosen = -1;
    e->verdicts = calloc(server->num + 1, sizeof *e->verdicts);
    e->alone = calloc(server->num + 1, sizeof *e->alone);
    if (e->verdicts == NULL || e->alone == NULL) {
        return -1;
    }
    if (e->client.malformed != NULL) {
        for (size_t i = 0; i < server->num; i++) {
            e->verdicts[i].reason = VERDICT_MALFORMED;
        }
        return 0;
    }
    e->chosen = certsel_choose(&server->profile.rules, server->rules, server->num, &e->client.hello,
                               e->verdicts);
    e->would_fit = certsel_would_fit(&server->profile.rules, &e->client.hello);
    return 0;
}

/* Tries libssl with each certificate alone. It never gets a hello from us that is too long for us.
 */
static int ask_libssl(struct explain *e)
{
    if (e->client.message.len > HELLO_SIZE_MAX) {
        return 0;
    }
    for (size_t i = 0; i < e->server.num; i++) {
        if (reference_run(&e->alone[i], e->server.ctx, &e->server.entries[i], 1,
                          e->verdicts[i].capped, e->client.sslv2, e->client.message) != 0) {
            return -1;
        }
    }
    e->compared = true;
    return 0;
}

int explain_judge(struct explain *e)
{
    return choose(e) == 0 && ask_libssl(e) == 0 ? 0 : -1;
}

bool explain_agrees(const struct explain *e, size_t i)
{
    return !e->compared || reference_agrees(&e->alone[i], &e->verdicts[i]);
}

enum alpn_rule explain_alpn_rule(const struct explain *e)
{
    return e->server.listener != NULL ? e->server.listener->profile->alpn : ALPN_GUARD;
}

/* What is wrong with the hello in the highest version in which something is wrong. */
static const char *fault_of(const struct explain *e)
{
    const char *why = e->client.malformed;

    for (uint16_t version = TLS13; why == NULL && version >= TLS10; version--) {
        if (hello_check(&e->client.hello, &e->server.profile.rules.libssl, version, &why) ==
            HELLO_DONE) {
            why = NULL;
        }
    }
    return why;
}

void explain_verdict(const struct explain *e, size_t i, char out[EXPLAIN_TEXT_SIZE])
{
    struct text t = text_in(out, EXPLAIN_TEXT_SIZE);
    const char *fault = NULL;

    if (e->verdicts[i].reason == VERDICT_MALFORMED) {
        fault = fault_of(e);
    }
    if (fault != NULL) {
        text_add(&t, fault);
    } else {
        verdict_text(&t, &e->server.profile.rules, e->server.rules[i], &e->client.hello,
                     &e->verdicts[i]);
    }
}
