#include "lib/admin/asjson_parts.h"

#include "lib/net/addr.h"

#include <limits.h>
#include <string.h>

/* Room for a key, for what a text is escaped into, and for an address without its port. */
enum { KEY_SIZE = 64, ESCAPED_SIZE = 1024 };

json_t *asjson_text(const char *s, size_t max)
{
    json_t *string = json_string(s);
    char buf[ESCAPED_SIZE];
    struct text text = text_in(buf, max < sizeof buf ? max + 1 : sizeof buf);

    if (string == NULL) {
        text_escaped(&text, s, strlen(s), sizeof buf);
        string = json_string(buf);
    }
    return string;
}

static const char *port_key(const struct field *field, char buf[KEY_SIZE])
{
    struct text text = text_in(buf, KEY_SIZE);

    text_addf(&text, "%s_port", field->key);
    return buf;
}

/* --- out ------------------------------------------------------------------------------------ */

static json_t *text_value(const struct field *field, const char *text)
{
    return field->nothing_is_null && text[0] == '\0' ? json_null()
                                                     : asjson_text(text, field->size - 1);
}

static bool put_address(json_t *object, const struct field *field, const struct addr *address)
{
    char text[ADDR_TEXT_SIZE];
    char key[KEY_SIZE];

    return json_object_set_new(object, field->key, json_string(addr_text(address, text))) == 0 &&
           json_object_set_new(object, port_key(field, key), json_integer(address->port)) == 0;
}

bool asjson_put(json_t *object, const struct field *field, const void *from)
{
    const void *value = field_value(field, from);
    json_t *put = NULL;

    switch (field->type) {
    case FIELD_TEXT:
        put = text_value(field, value);
        break;
    case FIELD_NUMBER:
        put = json_integer(*(const int *)value);
        break;
    case FIELD_COUNT:
        put = json_integer(*(const int64_t *)value);
        break;
    case FIELD_FLAG:
        put = json_boolean(*(const bool *)value);
        break;
    case FIELD_WORD:
        put = json_string(field->word(*(const unsigned *)value));
        break;
    case FIELD_ADDRESS:
        return put_address(object, field, value);
    }
    return json_object_set_new(object, field->key, put) == 0;
}

/* --- in ------------------------------------------------------------------------------------- */

static bool take_text(const json_t *value, char *out, size_t size)
{
    const char *text = json_is_null(value) ? "" : json_string_value(value);

    if (text == NULL) {
        return false;
    }
    text_copy(out, size, text);
    return true;
}

/* An integer from 0 to `max`. */
static bool is_number(const json_t *value, json_int_t max)
{
    return json_is_integer(value) && json_integer_value(value) >= 0 &&
           json_integer_value(value) <= max;
}

static bool take_word(const json_t *value, const struct field *field, unsigned *out)
{
    const char *text = json_string_value(value);

    for (unsigned i = 0; text != NULL && i < field->num_words; i++) {
        if (strcmp(field->word(i), text) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static bool take_address(const json_t *object, const struct field *field, struct addr *out)
{
    const char *text = json_string_value(json_object_get(object, field->key));
    char key[KEY_SIZE];
    const json_t *port = json_object_get(object, port_key(field, key));

    if (text == NULL || !addr_parse(out, text) || !is_number(port, UINT16_MAX)) {
        return false;
    }
    out->port = (uint16_t)json_integer_value(port);
    return true;
}

bool asjson_take(const json_t *object, const struct field *field, void *to)
{
    const json_t *value = json_object_get(object, field->key);
    void *out = (char *)to + field->offset;

    if (value == NULL) {
        return true;
    }
    switch (field->type) {
    case FIELD_TEXT:
        return take_text(value, out, field->size);
    case FIELD_NUMBER:
        *(int *)out = is_number(value, INT_MAX) ? (int)json_integer_value(value) : 0;
        return is_number(value, INT_MAX);
    case FIELD_COUNT:
        *(int64_t *)out = json_integer_value(value);
        return is_number(value, INT64_MAX);
    case FIELD_FLAG:
        *(bool *)out = json_is_true(value);
        return json_is_boolean(value);
    case FIELD_WORD:
        return take_word(value, field, out);
    case FIELD_ADDRESS:
        return take_address(object, field, out);
    }
    return false;
}
