#include "daemon/posternd/sessionlog.h"

#include "daemon/common/log.h"

#include <stdatomic.h>
#include <time.h>

/*
 * Ids are microseconds since 1970 in base 62, made unique by counting on if two sessions begin in
 * the same microsecond: unique across restarts as long as the clock is not set back, and 10 digits
 * last beyond the year 20000.
 */
void sessionlog_new_id(char out[RECORD_ID_SIZE])
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    static _Atomic uint64_t last;
    uint64_t before = atomic_load(&last);
    struct timespec now;
    uint64_t id;

    clock_gettime(CLOCK_REALTIME, &now);
    do {
        id = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
        if (id <= before) {
            id = before + 1;
        }
    } while (!atomic_compare_exchange_weak(&last, &before, id));
    out[RECORD_ID_SIZE - 1] = '\0';
    for (size_t i = RECORD_ID_SIZE - 1; i > 0; i--) {
        out[i - 1] = digits[id % 62];
        id /= 62;
    }
}

static struct logline_session parts(const struct session *s)
{
    return (struct logline_session){
        .client = s->client_addr,
        .destination = s->destination,
        .upstream = s->upstream,
        .listener = s->listener->name,
        .id = s->id,
    };
}

/* Whether the lines of a session without problems are wanted now. */
static bool wanted(const struct session *s)
{
    switch (s->snapshot->conf->log_sessions) {
    case CONF_SESSIONS_ALL:
        return true;
    case CONF_SESSIONS_TLS:
        return s->handshake || s->excepted;
    case CONF_SESSIONS_PROBLEMS:
    case NUM_CONF_LOG_SESSIONS:
        break;
    }
    return false;
}

void sessionlog_connect(struct session *s)
{
    struct logline_session p = parts(s);
    char line[LOGLINE_SIZE];
    struct text t = text_in(line, sizeof line);

    if (s->connect_logged || !wanted(s)) {
        return;
    }
    s->connect_logged = true;
    logline_connect(&t, &p);
    log_line(LOG_INFO, "%s", line);
}

/* The outcome when something was served although no certificate fitted. */
static void log_unmatched(const struct session *s, struct handshake_choice *choice,
                          const char *outcome, const char *detail)
{
    struct logline_session p = parts(s);
    char line[LOGLINE_SIZE];
    struct text t = text_in(line, sizeof line);

    if (choice->unmatched != NULL) {
        choice->ja4 = tls_ja4(s->client.tls);
        logline_unmatched(&t, &p, choice, outcome, detail);
        log_line(LOG_WARNING, "%s", line);
    }
}

void sessionlog_established(const struct session *s, const struct tls_facts *facts)
{
    struct logline_session p = parts(s);
    struct handshake_choice choice = tls_choice(s->client.tls);
    char line[LOGLINE_SIZE];
    struct text t = text_in(line, sizeof line);

    if (wanted(s)) {
        logline_established(&t, &p, facts);
        log_line(LOG_INFO, "%s", line);
    }
    log_unmatched(s, &choice, "accepted", NULL);
}

void sessionlog_handshake_failed(const struct session *s, enum handshake_failure reason,
                                 const char *detail)
{
    struct logline_session p = parts(s);
    struct handshake_choice choice = tls_choice(s->client.tls);
    char line[LOGLINE_SIZE];
    struct text t = text_in(line, sizeof line);

    choice.ja4 = tls_ja4(s->client.tls);
    logline_handshake_failed(&t, &p, reason, &choice, detail);
    log_line(LOG_WARNING, "%s", line);
    log_unmatched(s, &choice, handshake_failure_word(reason), detail);
}

void sessionlog_verdict_wrong(const struct session *s, const struct tls_facts *facts,
                              struct bytes raw_hello)
{
    struct logline_session p = parts(s);
    struct handshake_choice choice = tls_choice(s->client.tls);
    char line[LOGLINE_SIZE];
    struct text t = text_in(line, sizeof line);

    logline_verdict_wrong(&t, &p, &choice, facts->certificate, raw_hello);
    log_line(LOG_WARNING, "%s", line);
}

void sessionlog_lost(const struct session *s)
{
    struct logline_session p = parts(s);
    char line[LOGLINE_SIZE];
    struct text t = text_in(line, sizeof line);

    if (wanted(s)) {
        logline_lost(&t, &p, gate_last_verb(&s->gate));
        log_line(LOG_INFO, "%s", line);
    }
}

void sessionlog_disconnect(const struct session *s)
{
    struct logline_session p = parts(s);
    struct logline_end end = {
        .certificate = s->certificate,
        .received = s->received,
        .sent = s->sent,
        .seconds = (double)(thread_now() - s->life.began) / 1000.0,
        .excepted = s->excepted,
    };
    char line[LOGLINE_SIZE];
    struct text t = text_in(line, sizeof line);

    /* A client that was turned away has no session lines. */
    if (s->connect_logged) {
        logline_disconnect(&t, &p, &end);
        log_line(LOG_INFO, "%s", line);
    }
}

void sessionlog_limit(const struct session *s, enum logline_limit what,
                      const struct admission_answer *answer)
{
    struct logline_session p = parts(s);
    char line[LOGLINE_SIZE];
    struct text t = text_in(line, sizeof line);

    if (answer->refused > 0) {
        logline_limit(&t, &p, what, answer->count, answer->refused);
        log_line(LOG_WARNING, "%s", line);
    }
}

static void problem(const struct session *s, int level, const char *text, const char *detail)
{
    struct logline_session p = parts(s);
    char line[LOGLINE_SIZE];
    struct text t = text_in(line, sizeof line);

    logline_warning(&t, &p, text, detail);
    log_line(level, "%s", line);
}

void sessionlog_warning(const struct session *s, const char *text, const char *detail)
{
    problem(s, LOG_WARNING, text, detail);
}

void sessionlog_note(const struct session *s, const char *text)
{
    if (wanted(s)) {
        problem(s, LOG_INFO, text, NULL);
    }
}

static void auth_refused(const struct session *s)
{
    struct logline_session p = parts(s);
    char line[LOGLINE_SIZE];
    struct text t = text_in(line, sizeof line);

    logline_auth_refused(&t, &p, gate_mechanism(&s->gate));
    log_line(LOG_WARNING, "%s", line);
}

static void too_many_errors(const struct session *s)
{
    struct logline_session p = parts(s);
    char line[LOGLINE_SIZE];
    struct text t = text_in(line, sizeof line);

    logline_too_many_errors(&t, &p, gate_last_verb(&s->gate));
    log_line(LOG_INFO, "%s", line);
}

void sessionlog_notes(const struct session *s, unsigned notes)
{
    static const struct {
        enum gate_note note;
        int level;
        const char *text;
    } lines[] = {
        {GATE_NOTE_EHLO_MISSING, LOG_WARNING, "command after STARTTLS without EHLO refused"},
        {GATE_NOTE_BACKEND_220, LOG_ERR,
         "the backend accepted STARTTLS or XCLIENT itself: set smtpd_tls_security_level=none "
         "there"},
        {GATE_NOTE_BACKEND_AUTH, LOG_ERR,
         "the backend accepted AUTH before TLS: connection closed"},
        {GATE_NOTE_BACKEND_LINE, LOG_ERR, "reply line of the backend is too long"},
        {GATE_NOTE_BACKEND_REPLY, LOG_ERR, "reply of the backend is too long"},
        {GATE_NOTE_BACKEND_UNASKED, LOG_WARNING,
         "the backend sent an unexpected reply: STARTTLS is no longer offered"},
        {GATE_NOTE_BACKEND_SHUT, LOG_WARNING,
         "the backend does not wait for STARTTLS: connection closed"},
        {GATE_NOTE_BACKEND_BANNER, LOG_WARNING,
         "the backend at tls_address does not greet with 220: connection closed"},
        {GATE_NOTE_CLIENT_LINE, LOG_WARNING,
         "a command is longer than 2048 bytes: connection closed"},
    };

    if ((notes & GATE_NOTE_AUTH_REFUSED) != 0) {
        auth_refused(s);
    }
    if ((notes & GATE_NOTE_STARTTLS_REFUSED) != 0 && s->excepted) {
        problem(s, LOG_WARNING, "STARTTLS refused: the client is in starttls_except", NULL);
    }
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if ((notes & lines[i].note) != 0) {
            problem(s, lines[i].level, lines[i].text, NULL);
        }
    }
    if ((notes & GATE_NOTE_TOO_MANY_ERRORS) != 0) {
        too_many_errors(s);
    }
}
