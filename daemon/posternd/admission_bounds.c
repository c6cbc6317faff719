/* The limits of all clients together, and what the log says of these and of backends' slots. */
#include "daemon/posternd/admission_parts.h"

#include "daemon/common/log.h"
#include "lib/admin/logline.h"

static void log_bound(enum logline_bound bound, struct bound_news news, enum bound_line which,
                      const struct logline_stress *facts)
{
    char line[LOGLINE_SIZE];
    struct text t = text_in(line, sizeof line);

    if (news.line == which) {
        logline_stress(&t, bound, news, facts);
        log_line(which == BOUND_CROSSED ? LOG_WARNING : LOG_INFO, "%s", line);
    }
}

bool admission_backend_log(struct admission_backend *backend, int64_t now)
{
    struct slots *slots = &backend->slots;
    struct logline_stress facts = {
        .backend = backend->name,
        .taken = slots->taken,
        .max = slots->max,
        .evicted = backend->evicted,
        .refused = backend->refused,
    };
    bool begins = slots->stressed && !backend->stress.over;
    struct bound_news stress;
    struct bound_news full;

    bound_set(&backend->stress, slots->stressed);
    bound_set(&backend->full, slots->full);
    atomic_store(&backend->stressed, slots->stressed);
    stress = bound_news(&backend->stress, now);
    full = bound_news(&backend->full, now);
    if (full.line == BOUND_LEFT) {
        backend->evicted = 0;
        backend->refused = 0;
    }
    /* In the order in which they are met. */
    log_bound(LOGLINE_STRESS, stress, BOUND_CROSSED, &facts);
    log_bound(LOGLINE_FULL, full, BOUND_CROSSED, &facts);
    log_bound(LOGLINE_FULL, full, BOUND_LEFT, &facts);
    log_bound(LOGLINE_STRESS, stress, BOUND_LEFT, &facts);
    return begins;
}

bool admission_limit_take(struct admission_limit *limit, unsigned max)
{
    limit->max = max;
    if (max > 0 && limit->count >= max) {
        bound_set(&limit->full, true);
        return false;
    }
    limit->count++;
    return true;
}

void admission_limit_release(struct admission_limit *limit)
{
    limit->count--;
    if (limit->count < limit->max - limit->max / 10) {
        bound_set(&limit->full, false);
    }
}

void admission_limit_log(struct admission_limit *limit, int64_t now)
{
    struct bound_news news = bound_news(&limit->full, now);
    char line[LOGLINE_SIZE];
    struct text t = text_in(line, sizeof line);

    switch (news.line) {
    case BOUND_SILENT:
        return;
    case BOUND_CROSSED:
        text_addf(&t, "%s=%u reached: %s", limit->name, limit->max, limit->what);
        break;
    case BOUND_LEFT:
        text_addf(&t, "%s=%u: there is room again", limit->name, limit->max);
        break;
    }
    logline_times(&t, news);
    log_line(news.line == BOUND_CROSSED ? LOG_WARNING : LOG_INFO, "%s", line);
}
