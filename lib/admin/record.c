#include "lib/admin/record.h"

#include "lib/base/table.h"

#include <string.h>

static const char *const client_words[] = {
    [RECORD_CLIENT_NONE] = "none",
    [RECORD_CLIENT_UNTRUSTED] = "untrusted",
    [RECORD_CLIENT_TRUSTED] = "trusted",
};
TABLE_HAS_EACH(client_words, NUM_RECORD_CLIENTS);

const char *record_client_word(enum record_client client)
{
    return client_words[client];
}

enum record_client record_client_of(const char *word)
{
    for (size_t i = 0; word != NULL && i < sizeof client_words / sizeof client_words[0]; i++) {
        if (strcmp(client_words[i], word) == 0) {
            return (enum record_client)i;
        }
    }
    return RECORD_CLIENT_NONE;
}

unsigned record_version(const char *protocol)
{
    static const struct {
        const char *name;
        unsigned version;
    } names[] = {
        {"SSLv3", 0x0300},   {"TLSv1", 0x0301},   {"TLSv1.1", 0x0302},
        {"TLSv1.2", 0x0303}, {"TLSv1.3", 0x0304},
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i].name, protocol) == 0) {
            return names[i].version;
        }
    }
    return 0;
}
