#include "lib/admin/milterlog.h"

#include <string.h>

/* What a line shows at most of addresses, which the network has written, and of paths. */
#define ADDRESS_MAX_SHOWN 255
#define PATH_MAX_SHOWN    255

static void add_escaped(struct text *t, const char *s, size_t max)
{
    text_escaped(t, s, strlen(s), max);
}

void milterlog_refusal(struct text *t, const struct milterlog_refusal *refusal)
{
    char address[ADDR_TEXT_SIZE];

    text_addf(t, "%s: %s from unknown[%s]:%u: %s %s; from=<",
              refusal->for_good ? "reject" : "defer", refusal->stage,
              addr_text(&refusal->client, address), refusal->client.port, refusal->enhanced,
              refusal->text);
    add_escaped(t, refusal->sender, ADDRESS_MAX_SHOWN);
    text_add(t, ">");
    if (refusal->recipient != NULL) {
        text_add(t, " to=<");
        add_escaped(t, refusal->recipient, ADDRESS_MAX_SHOWN);
        text_add(t, ">");
    }
    if (refusal->line != 0) {
        text_add(t, " rule=");
        add_escaped(t, refusal->file, PATH_MAX_SHOWN);
        text_addf(t, ":%u", refusal->line);
    }
    if (refusal->session[0] != '\0') {
        text_add(t, " session=");
        add_escaped(t, refusal->session, ADDRESS_MAX_SHOWN);
    }
}
