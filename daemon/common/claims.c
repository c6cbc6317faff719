#include "daemon/common/claims.h"

#include <stdlib.h>

int claims_gather(struct claim_rules *out, const struct conf *conf)
{
    size_t num_own = 0;
    size_t num_upstreams = 0;

    for (size_t l = 0; l < conf->num_listeners; l++) {
        num_own += conf_num_own(&conf->listeners[l]);
        num_upstreams += conf->listeners[l].accept_proxy_from.num;
    }
    *out = (struct claim_rules){.own = calloc(num_own + 1, sizeof *out->own),
                                .upstreams = calloc(num_upstreams + 1, sizeof *out->upstreams)};
    if (out->own == NULL || out->upstreams == NULL) {
        claims_free(out);
        return -1;
    }
    for (size_t l = 0; l < conf->num_listeners; l++) {
        const struct conf_listener *listener = &conf->listeners[l];

        for (size_t i = 0; i < conf_num_own(listener); i++) {
            out->own[out->num_own++] = conf_own(listener, i)->endpoint.ip;
        }
        for (size_t i = 0; i < listener->accept_proxy_from.num; i++) {
            out->upstreams[out->num_upstreams++] = listener->accept_proxy_from.items[i];
        }
    }
    return 0;
}

void claims_free(struct claim_rules *rules)
{
    free(rules->own);
    free(rules->upstreams);
    *rules = (struct claim_rules){0};
}
