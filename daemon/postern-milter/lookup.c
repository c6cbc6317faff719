/*
 * Theory of operation: there are LOOKUP_CONNECTIONS slots. A question takes a free one, waiting for
 * it if necessary, is sent on its connection, which stays open for the next, and releases the slot.
 * All of this has to be done by one deadline.
 */
#include "daemon/postern-milter/lookup.h"

#include "daemon/common/ctlclient.h"
#include "daemon/common/log.h"
#include "lib/admin/asjson.h"
#include "lib/admin/logline.h"
#include "lib/base/pace.h"
#include "lib/net/hostname.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* The longest answer, with its line end. */
#define ANSWER_MAX 65536

/* One connection, whose owner is the question that has taken it. */
struct slot {
    struct ctlclient client; /* owned */
    bool taken;
};

static struct {
    const struct conf *conf; /* borrowed */
    pthread_mutex_t lock;    /* for all below */
    pthread_cond_t freed;
    struct slot slots[LOOKUP_CONNECTIONS];
    struct bound silent; /* the last question was not answered, */
    int error;           /* ... and why one was not */
} state;

void lookup_init(const struct conf *conf)
{
    pthread_condattr_t attributes;

    state.conf = conf;
    pthread_mutex_init(&state.lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&state.freed, &attributes);
    pthread_condattr_destroy(&attributes);
    for (size_t i = 0; i < LOOKUP_CONNECTIONS; i++) {
        state.slots[i] = (struct slot){.client = ctlclient_open(conf->control.text, ANSWER_MAX)};
    }
}

/* --- slots --------------------------------------------------------------------------------- */

/* Takes a slot, or returns NULL with errno. */
static struct slot *take_slot(const struct timespec *deadline)
{
    struct slot *found = NULL;
    int error = 0;

    pthread_mutex_lock(&state.lock);
    while (found == NULL && error == 0) {
        for (size_t i = 0; i < LOOKUP_CONNECTIONS && found == NULL; i++) {
            found = state.slots[i].taken ? NULL : &state.slots[i];
        }
        if (found == NULL) {
            error = pthread_cond_timedwait(&state.freed, &state.lock, deadline);
        }
    }
    if (found != NULL) {
        found->taken = true;
    }
    pthread_mutex_unlock(&state.lock);
    errno = error;
    return found;
}

static void give_slot(struct slot *slot)
{
    pthread_mutex_lock(&state.lock);
    slot->taken = false;
    pthread_cond_signal(&state.freed);
    pthread_mutex_unlock(&state.lock);
}

/* With the lock held, so that the lines are in the order of the events. */
static void tell(void)
{
    struct bound_news news = bound_news(&state.silent, log_now());
    char times[32];
    struct text t = text_in(times, sizeof times);

    logline_times(&t, news);
    if (news.line == BOUND_CROSSED) {
        log_line(LOG_WARNING, "posternd does not answer on %s: %s%s", state.conf->control.text,
                 strerror(state.error), times);
    } else if (news.line == BOUND_LEFT) {
        log_line(LOG_INFO, "posternd answers again on %s%s", state.conf->control.text, times);
    }
}

/* Logs that posternd is silent, and that it answers again. */
static void note(bool silent, int error)
{
    pthread_mutex_lock(&state.lock);
    bound_set(&state.silent, silent);
    state.error = silent ? error : state.error;
    tell();
    pthread_mutex_unlock(&state.lock);
}

void lookup_tell_withheld(void)
{
    pthread_mutex_lock(&state.lock);
    tell();
    pthread_mutex_unlock(&state.lock);
}

/* --- asking -------------------------------------------------------------------------------- */

/* `request` is stolen. NULL with `*error`, an errno. */
static json_t *ask_in_time(json_t *request, int *error)
{
    struct timespec deadline = ctlclient_deadline(LOOKUP_TIMEOUT_MS);
    struct slot *slot = take_slot(&deadline);
    enum ctlclient_result result;
    json_t *answer;

    if (slot == NULL) {
        *error = errno;
        json_decref(request);
        return NULL;
    }
    result = ctlclient_ask(&slot->client, request, &deadline, &answer);
    *error = result == CTLCLIENT_FAILED ? errno : EPROTO;
    give_slot(slot);
    if (result == CTLCLIENT_REFUSED) {
        json_decref(answer);
        return NULL;
    }
    return answer;
}

/* `request` is stolen; NULL counts as out of memory. NULL, and a line in the log, if it is not
 * answered. */
static json_t *ask(json_t *request)
{
    int error;
    json_t *answer = ask_in_time(request, &error);

    note(answer == NULL, error);
    return answer;
}

/* --- questions ----------------------------------------------------------------------------- */

int lookup_session(const struct addr *client, const struct addr *destination,
                   char id[RECORD_ID_SIZE])
{
    char from[ADDR_TEXT_SIZE];
    char to[ADDR_TEXT_SIZE];
    json_t *answer =
        ask(json_pack("{s:s, s:s, s:i, s:s, s:i}", "request", "session", "client",
                      addr_text(client, from), "client_port", (int)client->port, "destination",
                      addr_text(destination, to), "destination_port", (int)destination->port));
    const char *found = json_string_value(json_object_get(answer, "session"));

    int status = answer == NULL ? -1 : 0;

    snprintf(id, RECORD_ID_SIZE, "%s", found == NULL ? "" : found);
    json_decref(answer);
    return status;
}

int lookup_record(const char *id, struct record *out)
{
    json_t *answer = ask(json_pack("{s:s, s:s}", "request", "facts", "session", id));
    const json_t *facts = json_array_get(json_object_get(answer, "facts"), 0);
    int status = answer == NULL ? -1 : 0;

    if (asjson_read_record(facts, out)) {
        hostname_to_lower(out->facts.sni, strlen(out->facts.sni));
    }
    json_decref(answer);
    return status;
}
