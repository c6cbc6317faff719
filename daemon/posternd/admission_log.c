#include "daemon/posternd/admission_parts.h"

#include "daemon/common/log.h"
#include "lib/admin/logline.h"

static int level_of(enum bound_line line)
{
    return line == BOUND_CROSSED ? LOG_WARNING : LOG_INFO;
}

void admission_log_limit(struct limit *limit, const char *name, const char *what, int64_t now)
{
    struct bound_news news = bound_news(&limit->full, now);
    char line[LOGLINE_SIZE];
    struct text t = text_in(line, sizeof line);

    switch (news.line) {
    case BOUND_SILENT:
        return;
    case BOUND_CROSSED:
        text_addf(&t, "%s=%u reached: %s", name, limit->max, what);
        break;
    case BOUND_LEFT:
        text_addf(&t, "%s=%u: there is room again", name, limit->max);
        break;
    }
    logline_times(&t, news);
    log_line(level_of(news.line), "%s", line);
}

static void log_bound(enum logline_bound bound, struct bound_news news, enum bound_line which,
                      const struct logline_stress *facts)
{
    char line[LOGLINE_SIZE];
    struct text t = text_in(line, sizeof line);

    if (news.line == which) {
        logline_stress(&t, bound, news, facts);
        log_line(level_of(which), "%s", line);
    }
}

void admission_log_backend(const struct backend *backend, const struct backends_news *news)
{
    struct logline_stress facts = {
        .backend = backend->name,
        .taken = backend->slots.taken,
        .max = backend->slots.max,
        .evicted = news->evicted,
        .refused = news->refused,
    };

    /* In the order in which they are met. */
    log_bound(LOGLINE_STRESS, news->stress, BOUND_CROSSED, &facts);
    log_bound(LOGLINE_FULL, news->full, BOUND_CROSSED, &facts);
    log_bound(LOGLINE_FULL, news->full, BOUND_LEFT, &facts);
    log_bound(LOGLINE_STRESS, news->stress, BOUND_LEFT, &facts);
}
