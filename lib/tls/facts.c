#include "lib/tls/facts.h"

#include "lib/base/table.h"
#include "lib/base/text.h"

#include <string.h>

const char *facts_trust_word(enum tls_trust trust)
{
    static const char *const words[] = {
        [TLS_TRUST_NONE] = "none",
        [TLS_TRUST_UNTRUSTED] = "untrusted",
        [TLS_TRUST_TRUSTED] = "trusted",
    };

    TABLE_HAS_EACH(words, NUM_TLS_TRUSTS);
    return words[trust];
}

void facts_set_key_exchange(struct tls_facts *facts, const char *key_exchange, const char *group)
{
    struct text t = text_in(facts->key_exchange, sizeof facts->key_exchange);

    if (key_exchange[0] == '\0' || strcmp(group, "X25519") == 0 || strcmp(group, "X448") == 0) {
        text_add(&t, group);
        return;
    }
    text_add(&t, key_exchange);
    if (group[0] != '\0') {
        text_addf(&t, " (%s)", group);
    }
}

/* How many bytes of `data`, from its first on, fit into `room` characters when they are escaped. */
static size_t num_fitting(struct bytes data, size_t room)
{
    size_t num = 0;

    for (; num < data.len; num++) {
        char one[sizeof "\\x00"];
        struct text t = text_in(one, sizeof one);

        text_escaped(&t, data.data + num, 1, 1);
        if (t.len > room) {
            break;
        }
        room -= t.len;
    }
    return num;
}

void facts_set_sni(struct tls_facts *facts, struct bytes sni)
{
    struct text t = text_in(facts->sni, sizeof facts->sni);

    text_escaped(&t, sni.data, sni.len, sni.len);
    if (t.cut) {
        size_t shown = num_fitting(sni, sizeof facts->sni - sizeof "...");

        t = text_in(facts->sni, sizeof facts->sni);
        text_escaped(&t, sni.data, sni.len, shown);
    }
}
