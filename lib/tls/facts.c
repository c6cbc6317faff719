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

void facts_set_sni(struct tls_facts *facts, struct bytes sni)
{
    size_t shown = sni.len;
    struct text t;

    do {
        t = text_in(facts->sni, sizeof facts->sni);
        text_escaped(&t, sni.data, sni.len, shown);
    } while (t.cut && --shown > 0);
}
