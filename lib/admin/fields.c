#include "lib/admin/fields.h"

#include "lib/net/addr.h"

#include <inttypes.h>
#include <string.h>

const void *field_value(const struct field *field, const void *from)
{
    return (const char *)from + field->offset;
}

static void add_address(struct text *out, const struct addr *address)
{
    char text[ADDR_TEXT_SIZE];

    text_addf(out, strchr(addr_text(address, text), ':') != NULL ? "[%s]:%u" : "%s:%u", text,
              address->port);
}

void field_text(const struct field *field, const void *from, struct text *out)
{
    const void *value = field_value(field, from);

    switch (field->type) {
    case FIELD_TEXT:
        text_add(out, value);
        break;
    case FIELD_NUMBER:
        text_addf(out, "%d", *(const int *)value);
        break;
    case FIELD_COUNT:
        text_addf(out, "%" PRId64, *(const int64_t *)value);
        break;
    case FIELD_FLAG:
        text_add(out, *(const bool *)value ? "yes" : "no");
        break;
    case FIELD_WORD:
        text_add(out, field->word(*(const unsigned *)value));
        break;
    case FIELD_ADDRESS:
        add_address(out, value);
        break;
    }
}

/* Only a text can be shorter than its room. */
static size_t packed_size(const struct field *field, const void *value)
{
    return field->type == FIELD_TEXT ? strlen(value) + 1 : field->size;
}

size_t field_pack(const struct field *field, const void *from, uint8_t *out)
{
    const void *value = field_value(field, from);
    size_t size = packed_size(field, value);

    memcpy(out, value, size);
    return size;
}

size_t field_unpack(const struct field *field, const uint8_t *packed, void *to)
{
    size_t size = packed_size(field, packed);

    memcpy((char *)to + field->offset, packed, size);
    return size;
}
