#include "daemon/posternctl/listing.h"

#include <string.h>

enum { MARGIN = 100, WORD_SIZE = 512 };

struct listing listing_begin(FILE *out, const char *label)
{
    int width = fprintf(out, "    %-*s ", LISTING_INDENT - 5, label);

    return (struct listing){.out = out,
                            .column = width > LISTING_INDENT ? (size_t)width : LISTING_INDENT};
}

void listing_item(struct listing *l, const char *item)
{
    size_t len = strlen(item);

    if (l->num > 0 && l->column + 1 + len > MARGIN) {
        fprintf(l->out, "\n%*s", LISTING_INDENT, "");
        l->column = LISTING_INDENT;
    } else if (l->num > 0) {
        fputs(" ", l->out);
        l->column++;
    }
    fputs(item, l->out);
    l->column += len;
    l->num++;
}

void listing_end(struct listing *l, const char *if_empty)
{
    fprintf(l->out, "%s\n", l->num == 0 ? if_empty : "");
}

void listing_words(struct listing *l, const char *sentence)
{
    while (*sentence != '\0') {
        size_t len = strcspn(sentence, " ");
        char word[WORD_SIZE];

        snprintf(word, sizeof word, "%.*s", (int)len, sentence);
        listing_item(l, word);
        sentence += len + strspn(sentence + len, " ");
    }
}
