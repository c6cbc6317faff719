#include "daemon/postern-milter/policyfile.h"

#include "daemon/common/log.h"
#include "daemon/common/readfile.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct {
    const struct conf *conf; /* borrowed */
    pthread_rwlock_t lock;   /* for `policy` */
    struct policy *policy;   /* owned; NULL: none */
    pthread_mutex_t reading; /* for `seen` */
    struct stat seen;        /* the file that was read last, good or bad */
    _Atomic time_t looked;   /* when it was last checked, on a clock that never goes back */
} state = {.lock = PTHREAD_RWLOCK_INITIALIZER, .reading = PTHREAD_MUTEX_INITIALIZER};

static bool is_wanted(void)
{
    return state.conf->milter.policy.text[0] != '\0';
}

/* NULL with `*error`. */
static struct policy *read_policy(struct stat *found, struct conf_error *error)
{
    const char *path = state.conf->milter.policy.text;
    struct policy *policy;
    const char *reason;
    size_t len;
    uint8_t *bytes = readfile(path, &len, found, &reason);

    if (bytes == NULL) {
        snprintf(error->text, sizeof error->text, "%s: %s", path, reason);
        return NULL;
    }
    policy = policy_parse(state.conf, path, bytes, len, error);
    free(bytes);
    return policy;
}

int policyfile_open(const struct conf *conf, struct conf_error *error)
{
    state.conf = conf;
    if (!is_wanted()) {
        return 0;
    }
    state.policy = read_policy(&state.seen, error);
    return state.policy == NULL ? -1 : 0;
}

/* With `reading` held. */
static void replace(void)
{
    struct conf_error error;
    struct policy *policy = read_policy(&state.seen, &error);
    struct policy *old;

    if (policy == NULL) {
        log_line(LOG_ERR, "%s: the previous policy stays in force", error.text);
        return;
    }
    pthread_rwlock_wrlock(&state.lock);
    old = state.policy;
    state.policy = policy;
    pthread_rwlock_unlock(&state.lock);
    log_line(LOG_INFO, "policy %s read: %zu rules", state.conf->milter.policy.text,
             policy_num_rules(policy));
    policy_free(old);
}

void policyfile_reload(void)
{
    if (is_wanted()) {
        pthread_mutex_lock(&state.reading);
        replace();
        pthread_mutex_unlock(&state.reading);
    }
}

static bool differs(const struct stat *a, const struct stat *b)
{
    return a->st_ino != b->st_ino || a->st_dev != b->st_dev || a->st_size != b->st_size ||
           a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec;
}

/* A file that is still being written has only some of its rules. */
static bool is_settled(const struct stat *st)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec - st->st_mtim.tv_sec > 1 || st->st_mtim.tv_sec > now.tv_sec;
}

/* Once a second, in the first thread that gets here. */
static bool is_due(void)
{
    time_t before = atomic_load(&state.looked);
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec != before &&
           atomic_compare_exchange_strong(&state.looked, &before, now.tv_sec);
}

static void look(void)
{
    struct stat st;

    if (!is_wanted() || !is_due() || stat(state.conf->milter.policy.text, &st) != 0 ||
        !is_settled(&st)) {
        return;
    }
    pthread_mutex_lock(&state.reading);
    if (differs(&st, &state.seen)) {
        state.seen = st;
        replace();
    }
    pthread_mutex_unlock(&state.reading);
}

void policyfile_judge(const struct policy_mail *mail, struct policyfile_verdict *out)
{
    look();
    pthread_rwlock_rdlock(&state.lock);
    out->verdict = policy_judge(state.policy, mail);
    if (out->verdict.text != NULL) {
        snprintf(out->text, sizeof out->text, "%s", out->verdict.text);
        out->verdict.text = out->text;
    }
    if (out->verdict.enhanced != NULL) {
        snprintf(out->enhanced, sizeof out->enhanced, "%s", out->verdict.enhanced);
        out->verdict.enhanced = out->enhanced;
    }
    pthread_rwlock_unlock(&state.lock);
}
