#include "lib/smtp/delegation.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    size_t offset;
} attributes[] = {
    {"protocol_state", offsetof(struct delegation, protocol_state)},
    {"instance", offsetof(struct delegation, instance)},
    {"sender", offsetof(struct delegation, sender)},
    {"recipient", offsetof(struct delegation, recipient)},
    {"recipient_count", offsetof(struct delegation, recipient_count)},
    {"client_address", offsetof(struct delegation, client_address)},
    {"client_port", offsetof(struct delegation, client_port)},
    {"server_address", offsetof(struct delegation, server_address)},
    {"server_port", offsetof(struct delegation, server_port)},
};

bool delegation_is(struct bytes value, const char *word)
{
    return value.len == strlen(word) &&
           (value.len == 0 || memcmp(value.data, word, value.len) == 0);
}

bool delegation_value(struct bytes value, char *out, size_t size)
{
    if (value.len >= size || (value.len > 0 && memchr(value.data, '\0', value.len) != NULL)) {
        return false;
    }
    if (value.len > 0) {
        memcpy(out, value.data, value.len);
    }
    out[value.len] = '\0';
    return true;
}

bool delegation_number(struct bytes value, uint16_t *out)
{
    uint32_t number = 0;

    if (value.len == 0 || value.len > 5 || (value.len > 1 && value.data[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9') {
            return false;
        }
        number = number * 10 + (uint32_t)(value.data[i] - '0');
    }
    if (number > UINT16_MAX) {
        return false;
    }
    *out = (uint16_t)number;
    return true;
}

/* Takes a line without its end. NULL, or what is wrong. */
static const char *take_line(struct bytes line, struct delegation *out, bool *is_access)
{
    const uint8_t *equals = memchr(line.data, '=', line.len);
    struct bytes name;
    struct bytes value;

    if (equals == NULL) {
        return "a line without '='";
    }
    name = bytes_of(line.data, (size_t)(equals - line.data));
    value = bytes_of(equals + 1, line.len - name.len - 1);
    if (delegation_is(name, "request")) {
        *is_access = delegation_is(value, "smtpd_access_policy");
    }
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
        struct bytes *field = (struct bytes *)((char *)out + attributes[i].offset);

        if (!delegation_is(name, attributes[i].name)) {
            continue;
        }
        if (field->data != NULL) {
            return "an attribute is given twice";
        }
        *field = value;
    }
    return NULL;
}

enum delegation_result delegation_read(struct bytes *in, struct delegation *out, const char **why)
{
    struct bytes rest = *in;
    bool is_access = false;
    size_t used = 0;

    *out = (struct delegation){0};
    for (;;) {
        const uint8_t *end = rest.len == 0 ? NULL : memchr(rest.data, '\n', rest.len);
        struct bytes line;

        if (end == NULL) {
            *why = "the request is too long";
            return used + rest.len >= DELEGATION_SIZE_MAX ? DELEGATION_BAD : DELEGATION_MORE;
        }
        line = bytes_of(rest.data, (size_t)(end - rest.data));
        rest = bytes_of(end + 1, rest.len - line.len - 1);
        used += line.len + 1;
        if (line.len == 0) {
            break;
        }
        *why = take_line(line, out, &is_access);
        if (*why != NULL) {
            return DELEGATION_BAD;
        }
    }
    *why = "not request=smtpd_access_policy";
    if (!is_access) {
        return DELEGATION_BAD;
    }
    *in = rest;
    return DELEGATION_DONE;
}

void delegation_answer(struct text *t, const char *action, const char *argument)
{
    text_addf(t, "action=%s", action);
    if (argument != NULL) {
        text_addf(t, " %s", argument);
    }
    text_add(t, "\n\n");
}
