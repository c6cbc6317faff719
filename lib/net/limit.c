#include "lib/net/limit.h"

bool limit_take(struct limit *limit, unsigned max)
{
    limit->max = max;
    if (max > 0 && limit->count >= max) {
        bound_set(&limit->full, true);
        return false;
    }
    limit->count++;
    return true;
}

void limit_release(struct limit *limit)
{
    limit->count--;
    if (limit->max == 0 || limit->count < limit->max - limit->max / 10) {
        bound_set(&limit->full, false);
    }
}
