#include "lib/base/pace.h"

unsigned pace_note(struct pace *p, unsigned max, int64_t now)
{
    unsigned times = ++p->unsaid;

    if (p->said > 0 && now - p->since >= PACE_MINUTE) {
        p->said = 0;
    }
    if (p->said == max) {
        return 0;
    }
    if (p->said == 0) {
        p->since = now;
    }
    p->said++;
    p->unsaid = 0;
    return times;
}
