#include "lib/admin/factsheader.h"

#include <string.h>
#include <strings.h>

/* RFC 5322 section 2.1.1. */
#define LINE_WIDTH 78

/* A tab's columns, as most readers show them. */
#define TAB_WIDTH 8

/* The longest text that is shown of a client's own words. */
#define CLIENT_NAME_MAX 128

/* Room for one part: a key and a value, which the limits above bound. */
#define PART_SIZE 160

struct header {
    struct text *out;
    size_t column;
    bool fold;
};

static void put(struct header *h, const char *part)
{
    size_t len = strlen(part);

    if (h->fold && h->column + 2 + len > LINE_WIDTH) {
        text_add(h->out, ";\n\t");
        h->column = TAB_WIDTH;
    } else {
        text_add(h->out, "; ");
        h->column += 2;
    }
    text_add(h->out, part);
    h->column += len;
}

static void put_word(struct header *h, const char *key, const char *value)
{
    char part[PART_SIZE];
    struct text t = text_in(part, sizeof part);

    text_addf(&t, "%s=%s", key, value);
    put(h, part);
}

static void put_quoted(struct header *h, const char *key, const char *value, size_t max)
{
    char part[PART_SIZE];
    struct text t = text_in(part, sizeof part);

    text_addf(&t, "%s=\"", key);
    max += t.len;
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;
        bool plain = c >= ' ' && c < 0x7f && strchr("\"\\%", c) == NULL;

        if (t.len + (plain ? 1 : 3) > max) {
            break;
        }
        text_addf(&t, plain ? "%c" : "%%%02X", c);
    }
    text_add(&t, "\"");
    put(h, part);
}

static void put_fact(struct header *h, const struct record_fact *fact, const struct record *record)
{
    char value[TLS_CLIENT_NAME_SIZE];
    struct text t = text_in(value, sizeof value);

    field_text(&fact->field, record, &t);
    if (fact->own_words) {
        put_quoted(h, fact->header, value, CLIENT_NAME_MAX);
    } else {
        put_word(h, fact->header, value);
    }
}

static void put_facts(struct header *h, const struct record *record, bool own_words)
{
    for (size_t i = 0; i < record_num_facts; i++) {
        const struct record_fact *fact = &record_facts[i];

        if (fact->header != NULL && fact->own_words == own_words &&
            record_has(record, fact->level)) {
            put_fact(h, fact, record);
        }
    }
}

void factsheader_write(struct text *t, const char *name, const char *hostname,
                       const struct record *record, const char *tag, bool fold)
{
    struct header h = {.out = t, .column = strlen(name) + 2 + strlen(hostname), .fold = fold};

    text_add(t, hostname);
    if (!record_has(record, RECORD_OF_TLS)) {
        put(&h, record->known ? "none" : "unknown");
    }
    put_facts(&h, record, false);
    put_facts(&h, record, true);
    if (record->known) {
        put_word(&h, "session", record->session);
    }
    if (tag != NULL) {
        put_quoted(&h, "tag", tag, FACTSHEADER_TAG_MAX);
    }
}

bool factsheader_is(const char *name, const char *found, size_t len)
{
    while (len > 0 && (found[len - 1] == ' ' || found[len - 1] == '\t')) {
        len--;
    }
    return len == strlen(name) && strncasecmp(name, found, len) == 0;
}
