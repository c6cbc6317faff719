#include "daemon/posternctl/jsontext.h"

#include "lib/base/text.h"

#include <string.h>

json_t *json_text(const char *s)
{
    char buf[1024];
    struct text text = text_in(buf, sizeof buf);
    json_t *string = json_string(s);

    if (string == NULL) {
        text_escaped(&text, s, strlen(s), sizeof buf);
        string = json_string(buf);
    }
    return string;
}

json_t *json_fault(enum verdict_fault fault)
{
    return fault == FAULT_NONE ? json_null() : json_string(fault_word(fault));
}
