/*
 * What the control socket answers about this posternd itself.
 *
 * A configuration may have thousands of certificates, each with two files. So "status" has neither;
 * "certificates" and "files" have a page of them, which is bounded in number and in bytes, and the
 * place of the next one. Between two pages main's loop serves everybody else. A page also has the
 * number of its snapshot, by which the client notices a reload between two of them.
 */
#include "daemon/posternd/control_parts.h"

#include "daemon/posternd/admission.h"
#include "daemon/posternd/reload.h"
#include "daemon/tls/certtext.h"
#include "lib/admin/asjson.h"
#include "lib/base/hex.h"
#include "lib/tls/verdicttext.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A page: as many objects as are made within a few milliseconds, and about so many bytes of texts:
 * with one certificate more that has the most names, this is far below CTLPROTOCOL_ANSWER_MAX. */
enum { PAGE_MAX = 128, PAGE_BYTES = 1 << 20 };

/* Names of a certificate; public CAs sign up to a hundred. */
enum { NAMES_MAX = 100 };

/* Bytes of a text that is not UTF-8. */
enum { ESCAPED_MAX = 1023 };

/* An answer that is being made; bad if there was no memory for a part of it. */
struct making {
    json_t *object;
    bool bad;
    size_t bytes; /* of texts, about */
};

/* `value` is stolen; NULL counts as no memory. */
static void put(struct making *m, json_t *object, const char *key, json_t *value)
{
    m->bad = json_object_set_new(object, key, value) != 0 || m->bad;
}

static void add(struct making *m, json_t *array, json_t *value)
{
    m->bad = json_array_append_new(array, value) != 0 || m->bad;
}

static void put_text(struct making *m, json_t *object, const char *key, const char *text)
{
    m->bytes += 2 * strlen(text);
    put(m, object, key, asjson_text(text, ESCAPED_MAX));
}

/* A path that another program also understands. */
static void put_path(struct making *m, json_t *object, const char *key, const char *path)
{
    char here[PATH_MAX];
    char whole[2 * PATH_MAX];

    if (path[0] != '/' && getcwd(here, sizeof here) != NULL) {
        snprintf(whole, sizeof whole, "%s/%s", here, path);
        path = whole;
    }
    put_text(m, object, key, path);
}

/* The answer, or NULL without memory. */
static json_t *made(struct making *m)
{
    if (m->bad) {
        json_decref(m->object);
        return NULL;
    }
    return m->object;
}

/* --- the whole ------------------------------------------------------------------------------ */

static json_t *snapshot_json(struct making *m, const struct reload_state *now)
{
    const struct snapshot *s = now->snapshot;
    json_t *object = json_object();

    put(m, object, "number", json_integer((json_int_t)now->number));
    put(m, object, "since", json_integer(now->since));
    put_path(m, object, "file", s->conf->file);
    put(m, object, "certificates", json_integer((json_int_t)s->workers[0].keys.num));
    put(m, object, "files", json_integer((json_int_t)s->num_files));
    return object;
}

static json_t *reload_json(struct making *m, const struct reload_state *now)
{
    json_t *object = json_object();
    json_t *failed = now->failure == NULL ? json_null() : json_object();

    if (now->failure != NULL) {
        put(m, failed, "time", json_integer(now->failed_at));
        put_text(m, failed, "text", now->failure);
    }
    put(m, object, "running", json_boolean(now->running));
    put(m, object, "failed", failed);
    return object;
}

/* Where the keys of tickets come from. */
static const char *tickets_word(const struct conf *conf)
{
    if (!conf->tickets) {
        return "off";
    }
    return conf->ticket_keys.num > 0 ? "files" : "own";
}

static json_t *backends_json(struct making *m, const struct conf *conf)
{
    json_t *array = json_array();

    for (size_t i = 0; i < conf->num_backends; i++) {
        struct admission_slots slots = admission_slots(conf->backends[i].name);
        json_t *object = json_object();

        put_text(m, object, "name", conf->backends[i].name);
        put(m, object, "taken", json_integer(slots.taken));
        put(m, object, "waiting", json_integer(slots.waiting));
        put(m, object, "max", json_integer(slots.max));
        add(m, array, object);
    }
    return array;
}

static json_t *sessions_json(struct making *m, const struct snapshot *s)
{
    json_t *object = json_object();
    json_t *workers = json_array();
    struct admission_slots slots = admission_all_slots();

    for (unsigned i = 0; i < s->num_workers; i++) {
        add(m, workers, json_integer(admission_sessions_of(i)));
    }
    put(m, object, "total", json_integer(admission_sessions()));
    put(m, object, "in_relay", json_integer(slots.taken - slots.waiting));
    put(m, object, "waiting", json_integer(slots.waiting));
    put(m, object, "workers", workers);
    return object;
}

static json_t *listeners_json(struct making *m, const struct reload_state *now)
{
    const struct conf *conf = now->snapshot->conf;
    json_t *array = json_array();

    for (size_t l = 0; l < conf->num_listeners; l++) {
        json_t *object = json_object();
        json_t *addresses = json_array();

        for (size_t a = 0; a < conf_bound(&conf->listeners[l]).num; a++) {
            const struct addr *bound = sockets_bound(now->sockets, conf, l, a);
            char text[ADDR_PATH_SIZE + 8];

            if (bound != NULL) {
                endpoint_text(&(struct endpoint){.ip = *bound}, text, sizeof text);
                add(m, addresses, json_string(text));
            }
        }
        put_text(m, object, "name", conf->listeners[l].name);
        put(m, object, "address", addresses);
        add(m, array, object);
    }
    return array;
}

json_t *control_answer_status(const json_t *request, struct control_caller *caller,
                              char why[CONTROL_WHY_SIZE])
{
    struct reload_state now = reload_state();
    struct making m = {.object = json_object()};

    (void)request;
    (void)caller;
    (void)why;
    put(&m, m.object, "version", json_string(POSTERN_VERSION));
    put(&m, m.object, "pid", json_integer(getpid()));
    put(&m, m.object, "started", json_integer(now.started));
    put(&m, m.object, "snapshot", snapshot_json(&m, &now));
    put(&m, m.object, "reload", reload_json(&m, &now));
    put(&m, m.object, "tickets", json_string(tickets_word(now.snapshot->conf)));
    put(&m, m.object, "sessions", sessions_json(&m, now.snapshot));
    put(&m, m.object, "backends", backends_json(&m, now.snapshot->conf));
    put(&m, m.object, "listeners", listeners_json(&m, &now));
    return made(&m);
}

/* --- pages ---------------------------------------------------------------------------------- */

/* The names of a certificate, being collected. */
struct names {
    struct making *m; /* borrowed */
    json_t *array;    /* borrowed */
};

static void add_name(void *arg, const char *name)
{
    struct names *names = arg;

    names->m->bytes += 2 * strlen(name);
    add(names->m, names->array, json_string(name));
}

static json_t *certificate_json(struct making *m, const struct snapshot *s, size_t i)
{
    const struct keystore_entry *entry = s->workers[0].keys.entries[i];
    const ASN1_TIME *not_after = X509_get0_notAfter(entry->leaf);
    struct names names = {m, json_array()};
    json_t *object = json_object();
    char time[CERTTEXT_TIME_SIZE];
    char sha256[CERTTEXT_SHA256_SIZE];
    char type[40];
    struct text text = text_in(type, sizeof type);
    char subject[CERTTEXT_NAME_SIZE];
    size_t num = certtext_names(entry->leaf, NAMES_MAX, add_name, &names);

    key_text(&text, &entry->rules);
    certtext_distinguished(X509_get_subject_name(entry->leaf), subject);
    put_text(m, object, "name", entry->name);
    put_path(m, object, "chain", s->conf->certificates[i].chain.text);
    put(m, object, "type", json_string(type));
    put_text(m, object, "subject", subject);
    put(m, object, "names", names.array);
    put(m, object, "num_names", json_integer((json_int_t)num));
    put(m, object, "not_before",
        json_string(certtext_time(X509_get0_notBefore(entry->leaf), time)));
    put(m, object, "not_after", json_string(certtext_time(not_after, time)));
    put(m, object, "days_left", json_integer(certtext_days(certtext_seconds_to(not_after))));
    put(m, object, "sha256", json_string(certtext_fingerprint(entry->leaf, sha256)));
    return object;
}

static json_t *file_json(struct making *m, const struct snapshot *s, size_t i)
{
    const struct snapshot_file *file = &s->files[i];
    json_t *object = json_object();
    char sha256[CERTTEXT_SHA256_SIZE];
    struct text text = text_in(sha256, sizeof sha256);

    hex_add(&text, bytes_of(file->sha256, sizeof file->sha256));
    put(m, object, "purpose", json_string(snapshot_purpose_word(file->purpose)));
    put_text(m, object, "of", file->of);
    put_path(m, object, "path", file->path);
    put(m, object, "sha256", json_string(sha256));
    return object;
}

/* {"snapshot":N, `key`:[...], "next":M}: objects from the request's "from" on, and the place of the
 * next one, or null. */
static json_t *answer_page(const json_t *request, char why[CONTROL_WHY_SIZE], const char *key,
                           size_t num,
                           json_t *(*make)(struct making *m, const struct snapshot *s, size_t i))
{
    json_int_t from = json_integer_value(json_object_get(request, "from"));
    struct reload_state now = reload_state();
    struct making m = {.object = json_object()};
    json_t *array = json_array();
    size_t at = (size_t)from;

    if (!json_is_integer(json_object_get(request, "from")) || from < 0 || at > num) {
        snprintf(why, CONTROL_WHY_SIZE, "\"from\" is not a number from 0 to %zu", num);
        m.bad = true;
    }
    tls_memory_begin();
    for (; at < num && at - (size_t)from < PAGE_MAX && m.bytes < PAGE_BYTES && !m.bad; at++) {
        add(&m, array, make(&m, now.snapshot, at));
    }
    /* A name that there was no memory for would be missing without a word. */
    m.bad = m.bad || tls_memory_was_short();
    put(&m, m.object, "snapshot", json_integer((json_int_t)now.number));
    put(&m, m.object, key, array);
    put(&m, m.object, "next", at < num ? json_integer((json_int_t)at) : json_null());
    return made(&m);
}

json_t *control_answer_certificates(const json_t *request, struct control_caller *caller,
                                    char why[CONTROL_WHY_SIZE])
{
    (void)caller;
    return answer_page(request, why, "certificates", reload_state().snapshot->workers[0].keys.num,
                       certificate_json);
}

json_t *control_answer_files(const json_t *request, struct control_caller *caller,
                             char why[CONTROL_WHY_SIZE])
{
    (void)caller;
    return answer_page(request, why, "files", reload_state().snapshot->num_files, file_json);
}
