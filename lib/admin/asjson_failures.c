#include "lib/admin/asjson_parts.h"

#include "lib/base/hex.h"

#include <string.h>

#define FORMAT "postern failures 2"

/* The longest text of a server name: each of its bytes may be escaped. */
enum { SNI_MAX = 255, SNI_TEXT_SIZE = 4 * SNI_MAX + sizeof "..." };

static const char *reason_word(unsigned reason)
{
    return handshake_failure_word((enum handshake_failure)reason);
}

#define COUNT(member) .key = #member, .type = FIELD_COUNT, FIELD_OF(failure, member)

static const struct field fields[] = {
    {COUNT(id)},
    {.key = "reason",
     .type = FIELD_WORD,
     FIELD_OF(failure, reason),
     .word = reason_word,
     .num_words = NUM_HANDSHAKE_FAILURES},
    {COUNT(first)},
    {COUNT(last)},
    {COUNT(count)},
    {.key = "listener", .type = FIELD_TEXT, FIELD_OF(failure, listener)},
    {.key = "ja4", .type = FIELD_TEXT, FIELD_OF(failure, ja4), .nothing_is_null = true},
};

static const struct field sslv2 = {.key = "sslv2", .type = FIELD_FLAG, FIELD_OF(failure, sslv2)};

enum { NUM_FIELDS = sizeof fields / sizeof fields[0] };

/* --- out ------------------------------------------------------------------------------------ */

static json_t *clients_of(const struct failure *failure)
{
    json_t *list = json_array();

    for (size_t i = 0; i < failure->num_clients; i++) {
        char address[ADDR_TEXT_SIZE];

        if (json_array_append_new(list, json_string(addr_text(&failure->clients[i], address))) !=
            0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *sni_of(const struct failure *failure)
{
    char buf[SNI_TEXT_SIZE];
    struct text text = text_in(buf, sizeof buf);

    text_escaped(&text, failure->sni.data, failure->sni.len, SNI_MAX);
    return failure->sni.len > 0 ? json_string(buf) : json_null();
}

static json_t *hello_of(const struct failure *failure)
{
    char hex[2 * HELLO_SIZE_MAX + 1];
    struct text text = text_in(hex, sizeof hex);

    hex_add(&text, failure->hello);
    return json_string(hex);
}

json_t *asjson_failure(const struct failure *failure, bool whole)
{
    json_t *object = json_object();
    bool done = true;

    for (size_t i = 0; i < NUM_FIELDS; i++) {
        done = done && asjson_put(object, &fields[i], failure);
    }
    if (!done || json_object_set_new(object, "clients", clients_of(failure)) != 0 ||
        json_object_set_new(object, "sni", sni_of(failure)) != 0 ||
        (whole && (!asjson_put(object, &sslv2, failure) ||
                   json_object_set_new(object, "hello", hello_of(failure)) != 0))) {
        json_decref(object);
        return NULL;
    }
    return object;
}

size_t asjson_failures_size(const struct failures *f)
{
    size_t size = ASJSON_LINE_BASE;

    for (size_t i = 0; i < f->num; i++) {
        size += ASJSON_LINE_BASE + f->entries[i]->hello.len * 2;
    }
    return size;
}

/* `object` is stolen; NULL counts as no memory. */
static bool add_object(struct text *out, json_t *object)
{
    size_t room = out->size - out->len;
    size_t len = json_dumpb(object, out->buf + out->len, room, JSON_COMPACT);
    bool done = len > 0 && len < room;

    json_decref(object);
    out->len += done ? len : 0;
    return done;
}

/* asjson_failure() with its hello, as a line. The hello, by far the longest value, is written
 * directly: in a tree it takes twenty times as long, and workers wait meanwhile. */
static bool add_failure(struct text *out, const struct failure *failure)
{
    if (!add_object(out, asjson_failure(failure, false))) {
        return false;
    }
    out->len--; /* the closing brace */
    text_addf(out, ",\"%s\":%s,\"hello\":\"", sslv2.key, failure->sslv2 ? "true" : "false");
    hex_add(out, failure->hello);
    text_add(out, "\"}\n");
    return !out->cut;
}

bool asjson_write_failures(const struct failures *f, struct text *out)
{
    bool done = add_object(out, json_pack("{s:s, s:I, s:I}", "format", FORMAT, "entries",
                                          (json_int_t)f->num, "last_id", (json_int_t)f->last_id));

    text_add(out, "\n");
    for (size_t i = 0; i < f->num && done; i++) {
        done = add_failure(out, f->entries[i]);
    }
    return done;
}

/* --- in ------------------------------------------------------------------------------------- */

/* What names of sections and fingerprints are made of. */
static bool is_name(const char *text)
{
    static const char allowed[] =
        "0123456789._-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    return strspn(text, allowed) == strlen(text);
}

static bool take_clients(const json_t *list, struct failure *out)
{
    size_t num = json_array_size(list);

    if (num == 0 || num > FAILURES_CLIENTS) {
        return false;
    }
    for (size_t i = 0; i < num; i++) {
        const char *text = json_string_value(json_array_get(list, i));

        if (text == NULL || !addr_parse(&out->clients[i], text)) {
            return false;
        }
    }
    out->num_clients = num;
    return true;
}

static bool take_field(const json_t *object, const struct field *field, struct failure *out)
{
    const json_t *value = json_object_get(object, field->key);

    return value != NULL &&
           (field->type != FIELD_TEXT || json_string_length(value) < field->size) &&
           asjson_take(object, field, out);
}

/* All but the hello; its server name is told again by the hello itself. */
static bool take_fields(const json_t *object, struct failure *out)
{
    for (size_t i = 0; i < NUM_FIELDS; i++) {
        if (!take_field(object, &fields[i], out)) {
            return false;
        }
    }
    return take_field(object, &sslv2, out) &&
           take_clients(json_object_get(object, "clients"), out) && is_name(out->listener) &&
           is_name(out->ja4) && failures_wants(out->reason);
}

/* Reads one failure; NULL or what is wrong. */
static const char *read_failure(struct failures *f, const json_t *object)
{
    const json_t *hex = json_object_get(object, "hello");
    struct failure read = {0};
    uint8_t raw[HELLO_SIZE_MAX];
    size_t len = 0;

    if (!take_fields(object, &read)) {
        return "not a failure";
    }
    if (!json_is_string(hex) || !hex_read(bytes_of(json_string_value(hex), json_string_length(hex)),
                                          raw, sizeof raw, &len)) {
        return "not a complete hello";
    }
    read.hello = bytes_of(raw, len);
    return failures_restore(f, &read);
}

/* The next line as JSON without its end; NULL if the text is at its end or the line is none. */
static json_t *next_line(struct bytes *text)
{
    const uint8_t *end = text->len == 0 ? NULL : memchr(text->data, '\n', text->len);
    struct bytes line;

    if (end == NULL || !bytes_take(text, (size_t)(end - text->data) + 1, &line)) {
        return NULL;
    }
    return json_loadb((const char *)line.data, line.len, JSON_REJECT_DUPLICATES, NULL);
}

/* Reads the first line: the number of entries, or -1. */
static json_int_t read_head(struct failures *f, struct bytes *text)
{
    json_t *head = next_line(text);
    const char *format = json_string_value(json_object_get(head, "format"));
    const json_t *entries = json_object_get(head, "entries");
    const json_t *last_id = json_object_get(head, "last_id");
    json_int_t num = -1;

    if (format != NULL && strcmp(format, FORMAT) == 0 && json_is_integer(entries) &&
        json_is_integer(last_id) && json_integer_value(last_id) >= 0) {
        num = json_integer_value(entries);
        f->last_id = (uint64_t)json_integer_value(last_id);
    }
    json_decref(head);
    return num <= FAILURES_MAX ? num : -1;
}

/* Reads the line of a failure; NULL or what is wrong. */
static const char *read_line(struct failures *f, struct bytes *text)
{
    bool ended = text->len == 0 || memchr(text->data, '\n', text->len) == NULL;
    json_t *object = ended ? NULL : next_line(text);
    const char *why = ended ? "the text ends too early" : read_failure(f, object);

    json_decref(object);
    return why;
}

int asjson_read_failures(struct failures *f, struct bytes text, unsigned *line, const char **why)
{
    json_int_t num = read_head(f, &text);

    *line = 1;
    *why = num < 0 ? "not a list of failures" : NULL;
    while (*why == NULL && (json_int_t)f->num < num) {
        ++*line;
        *why = read_line(f, &text);
    }
    if (*why == NULL && text.len > 0) {
        ++*line;
        *why = "more entries than the first line says";
    }
    if (*why != NULL) {
        failures_clear(f);
        f->last_id = 0;
        return -1;
    }
    return 0;
}
