/* The one timer of a session. */
#include "daemon/posternd/session_parts.h"

const struct lifetime *session_lifetime(struct session *s, enum lifetime_wait wait)
{
    struct lifetime *life = &s->life;

    life->wait = wait;
    life->connecting = s->backend.fd >= 0;
    life->backend_turn = gate_backend_turn(&s->gate);
    life->stressed = admission_is_stressed(&s->admission);
    life->client_blocked_since = s->client.blocked_since;
    life->backend_blocked_since = s->backend.blocked_since;
    life->stopping_since = s->thread->stop.since;
    life->owed = gate_owes(&s->gate);
    life->said_bye = gate_said_bye(&s->gate);
    life->shutdown_timeout = s->thread->stop.timeout;
    return life;
}

/* The timer is only ever moved forward to an earlier time; when it fires too early it is set again.
 * So a busy session does not touch it. */
bool session_set_timer(struct session *s, enum lifetime_wait wait)
{
    int64_t at = lifetime_deadline(session_lifetime(s, wait));
    int64_t in_ms;
    struct timeval in;

    if (s->timer_at != 0 && s->timer_at <= at) {
        return true;
    }
    in_ms = at - thread_now();
    in_ms = in_ms < 1 ? 1 : in_ms;
    in = (struct timeval){.tv_sec = in_ms / 1000, .tv_usec = in_ms % 1000 * 1000};
    if (event_add(&s->timer, &in) != 0) {
        return false;
    }
    s->timer_at = at;
    return true;
}
