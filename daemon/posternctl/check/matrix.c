#include "daemon/posternctl/check/matrix.h"

#include "lib/base/table.h"

#include <stdlib.h>

bool matrix_is_repeated(const struct conf *conf, size_t listener, size_t set)
{
    const struct conf_listener *mine = &conf->listeners[listener];

    for (size_t l = 0; l < listener; l++) {
        const struct conf_listener *other = &conf->listeners[l];

        for (size_t s = 0; s < other->num_sets; s++) {
            if (other->profile == mine->profile && other->sets[s] == mine->sets[set]) {
                return true;
            }
        }
    }
    return false;
}

struct matrix *matrix_new(const struct snapshot *snapshot, size_t listener, size_t set)
{
    const struct snapshot_worker *worker = &snapshot->workers[0];
    const struct conf_set *conf_set = snapshot->conf->listeners[listener].sets[set];
    struct matrix *m = calloc(1, sizeof *m);

    if (m == NULL) {
        return NULL;
    }
    m->rules = tls_listener_rules(worker->tls[listener]);
    m->set = conf_set;
    m->sni = snapshot->conf->hostname.text;
    m->certificates = calloc(conf_set->num_certificates + 1, sizeof *m->certificates);
    m->verdicts = calloc(conf_set->num_certificates + 1, sizeof *m->verdicts);
    if (m->certificates == NULL || m->verdicts == NULL) {
        matrix_free(m);
        return NULL;
    }
    for (size_t i = 0; i < conf_set->num_certificates; i++) {
        m->certificates[i] =
            &keystore_of(&worker->keys, snapshot->conf, conf_set->certificates[i])->rules;
    }
    return m;
}

void matrix_free(struct matrix *m)
{
    if (m != NULL) {
        free(m->certificates);
        free(m->verdicts);
        free(m);
    }
}

struct matrix_row matrix_try(struct matrix *m, size_t i)
{
    struct matrix_row row = {.client = client_at(i), .chosen = -1, .verdicts = m->verdicts};
    size_t num = m->set->num_certificates;
    struct bytes message =
        bytes_of(m->hello, client_hello(row.client, m->sni, m->hello, sizeof m->hello));
    const char *why = NULL;
    enum hello_result decoded = row.client->sslv2 ? hello_decode_sslv2(&row.hello, message, &why)
                                                  : hello_decode(&row.hello, message, &why);

    if (decoded != HELLO_DONE) {
        for (size_t k = 0; k < num; k++) {
            m->verdicts[k] = (struct verdict){.reason = VERDICT_MALFORMED};
        }
        row.result = MATRIX_EXCLUDED;
        return row;
    }
    row.chosen = certsel_choose(m->rules, m->certificates, num, &row.hello, m->verdicts);
    row.would_fit = certsel_would_fit(m->rules, &row.hello);
    if (row.chosen >= 0) {
        row.result = MATRIX_OK;
    } else {
        row.result = row.would_fit != 0 ? MATRIX_FAIL : MATRIX_EXCLUDED;
    }
    return row;
}

const char *matrix_word(enum matrix_result result)
{
    static const char *const words[] = {
        [MATRIX_OK] = "ok",
        [MATRIX_FAIL] = "fail",
        [MATRIX_EXCLUDED] = "excluded",
    };
    TABLE_HAS_EACH(words, NUM_MATRIX_RESULTS);

    return words[result];
}
