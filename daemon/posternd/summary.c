#include "daemon/posternd/summary.h"

#include "daemon/posternd/notify.h"
#include "daemon/posternd/sockets.h"
#include "lib/base/text.h"

#include <time.h>

enum { SUMMARY_SIZE = 400 };

static void add_count(struct text *t, const char *before, size_t num, const char *word,
                      const char *plural)
{
    text_addf(t, "%s%zu %s", before, num, num == 1 ? word : plural);
}

static void add_serving(struct text *t, const struct snapshot *snapshot)
{
    const struct conf *conf = snapshot->conf;
    char since[32];
    struct tm tm;

    strftime(since, sizeof since, "%F %T", localtime_r(&snapshot->loaded_at, &tm));
    add_count(t, "serving ", conf->num_listeners, "listener", "listeners");
    add_count(t, " at ", sockets_count(conf), "address", "addresses");
    add_count(t, " with ", conf->num_certificates, "certificate", "certificates");
    add_count(t, ", ", snapshot->num_workers, "worker", "workers");
    text_addf(t, "; configuration read %s", since);
}

void summary_serving(const struct snapshot *snapshot)
{
    char buf[SUMMARY_SIZE];
    struct text t = text_in(buf, sizeof buf);

    add_serving(&t, snapshot);
    notify_status(buf);
}

void summary_not_reloaded(const struct snapshot *snapshot, const char *text)
{
    char buf[SUMMARY_SIZE];
    struct text t = text_in(buf, sizeof buf);

    add_serving(&t, snapshot);
    text_add(&t, "; NOT RELOADED: ");
    text_add(&t, text);
    notify_status(buf);
}
