#include "lib/base/bound.h"

void bound_set(struct bound *b, bool over)
{
    b->crossed += over && !b->over;
    b->over = over;
}

struct bound_news bound_news(struct bound *b, int64_t now)
{
    struct bound_news news = {.line = b->over ? BOUND_CROSSED : BOUND_LEFT, .crossed = b->crossed};
    bool told = b->over == b->told_over && b->crossed == 0;

    if (told || (b->said[b->over] && now - b->said_at[b->over] < PACE_MINUTE)) {
        return (struct bound_news){.line = BOUND_SILENT};
    }
    b->said[b->over] = true;
    b->said_at[b->over] = now;
    b->told_over = b->over;
    b->crossed = 0;
    return news;
}
