#include "lib/admin/inforce.h"

#include <string.h>

/* The date in front of a time: "2026-11-23". */
enum { DATE_LEN = 10 };

/* --- files ---------------------------------------------------------------------------------- */

enum inforce_state inforce_state(const struct inforce_file *file)
{
    if (file->path == NULL) {
        return INFORCE_SAME;
    }
    if (file->present == NULL) {
        return INFORCE_NOT_COMPARED;
    }
    if (file->served == NULL) {
        return INFORCE_NOT_SERVED;
    }
    return strcmp(file->served, file->present) == 0 ? INFORCE_SAME : INFORCE_CHANGED;
}

enum inforce_state inforce_file_text(struct text *out, const struct inforce_file *file)
{
    enum inforce_state state = inforce_state(file);

    switch (state) {
    case INFORCE_SAME:
        break;
    case INFORCE_NOT_COMPARED:
        text_addf(out, "%s cannot be compared: %s", file->path, file->why);
        break;
    case INFORCE_NOT_SERVED:
        text_addf(out, "%s has not been loaded", file->path);
        break;
    case INFORCE_CHANGED:
        text_addf(out, "%s has changed since it was loaded", file->path);
        break;
    }
    return state;
}

/* --- certificates --------------------------------------------------------------------------- */

/* Whether the file has another certificate, and not only another chain. */
static bool has_another_leaf(const struct inforce_certificate *c)
{
    return c->served.sha256 != NULL && c->present.sha256 != NULL &&
           strcmp(c->served.sha256, c->present.sha256) != 0;
}

static void add_leaves(struct text *out, const struct inforce_certificate *c)
{
    int order = strcmp(c->present.not_before, c->served.not_before);
    const char *which = "another";

    if (order != 0) {
        which = order > 0 ? "a newer" : "an older";
    }
    text_addf(out, "that of %.*s is served, but %s has %s one, of %.*s", DATE_LEN,
              c->served.not_before, c->chain.path, which, DATE_LEN, c->present.not_before);
}

enum inforce_state inforce_certificate_text(struct text *out,
                                            const struct inforce_certificate *certificate)
{
    enum inforce_state chain = inforce_state(&certificate->chain);
    enum inforce_state key = inforce_state(&certificate->key);

    if (chain == INFORCE_CHANGED && has_another_leaf(certificate)) {
        add_leaves(out, certificate);
        return INFORCE_CHANGED;
    }
    if (chain == INFORCE_CHANGED && key == INFORCE_CHANGED) {
        text_addf(out, "%s and %s have changed since they were loaded", certificate->chain.path,
                  certificate->key.path);
        return INFORCE_CHANGED;
    }
    return inforce_file_text(out, key > chain ? &certificate->key : &certificate->chain);
}

/* --- lines ---------------------------------------------------------------------------------- */

void inforce_line(struct text *out, struct bytes data, size_t max)
{
    for (size_t i = 0; i < data.len && i < max && data.data[i] != '\n'; i++) {
        bool printable = data.data[i] >= ' ' && data.data[i] < 0x7f;

        text_addf(out, "%c", printable ? data.data[i] : '?');
    }
}
