#include "lib/admin/asjson_parts.h"

json_t *asjson_record(const struct record *record)
{
    json_t *object = json_object();

    for (size_t i = 0; i < record_num_facts; i++) {
        const struct record_fact *fact = &record_facts[i];

        if (record_has(record, fact->level) && !asjson_put(object, &fact->field, record)) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* Whether there is TLS, and what its client has shown, come in the table before what they decide
 * about. */
bool asjson_read_record(const json_t *object, struct record *out)
{
    *out = (struct record){.known = json_is_object(object)};
    for (size_t i = 0; i < record_num_facts; i++) {
        const struct record_fact *fact = &record_facts[i];

        if (record_has(out, fact->level) && !asjson_take(object, &fact->field, out)) {
            *out = (struct record){.known = false};
        }
    }
    return out->known;
}
