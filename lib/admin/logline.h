/*
 * logline: the text of each log line, one function per event.
 *
 * Words and order are the contract of docs/design.md "Log": Postfix's words where Postfix has
 * words, so that its log readers understand. Each function appends to a bounded text; bytes from
 * the network are escaped. The "warning: " of a line is not written here: log_line() adds it
 * according to the level.
 */
#ifndef POSTERN_LIB_ADMIN_LOGLINE_H
#define POSTERN_LIB_ADMIN_LOGLINE_H

#include "lib/base/bound.h"
#include "lib/base/text.h"
#include "lib/net/addr.h"
#include "lib/tls/handshake.h"

/* Room for any line built here. */
#define LOGLINE_SIZE 2048

/* What every line of a session has. */
struct logline_session {
    struct addr client;
    struct addr destination;
    struct addr upstream; /* whose PROXY header named these two; no family: nobody's */
    const char *listener; /* borrowed */
    const char *id;       /* borrowed */
};

/* connect from unknown[192.0.2.7]:49211 to mx[203.0.113.5]:25 session=... With an upstream, " via
 * [198.51.100.9]:40112" precedes the session. */
void logline_connect(struct text *t, const struct logline_session *s);

/* Anonymous TLS connection established from unknown[...]:...: TLSv1.2 with cipher ... "Untrusted"
 * or "Trusted", with client-signature, client_certificate, client_fingerprint, client_issuer and
 * perhaps client_error, if the client sent a certificate. After them the fields that appear only if
 * they apply, such as fault=... and capped=yes. */
void logline_established(struct text *t, const struct logline_session *s,
                         const struct tls_facts *facts);

/*
 * warning: TLS handshake failed from unknown[...]:...: reason=no-certificate-fits
 * p384=curve-not-in-groups groups=secp256r1 would_fit=ecdsa-p256,rsa ja4=t12d120800_... session=...
 * Verdicts, groups and would_fit stand there when `choice` has a hello and the reason is
 * no-certificate-fits, the client's certificate with client-certificate, if it sent one; ja4
 * whenever it is known; `detail` (may be NULL; our own or libssl's words) becomes detail="...".
 */
void logline_handshake_failed(struct text *t, const struct logline_session *s,
                              enum handshake_failure reason, const struct handshake_choice *choice,
                              const char *detail);

/* warning: verdict=wrong for unknown[...]:...: libssl served CERTIFICATE although p384=...: the
 * hello follows in hex (cut when too long), so that it can be reported. */
void logline_verdict_wrong(struct text *t, const struct logline_session *s,
                           const struct handshake_choice *choice, const char *certificate,
                           struct bytes raw_hello);

/*
 * warning: unmatched=try-anyway for unknown[...]:...: outcome=accepted certificate=p384
 * p384=curve-not-in-groups groups=secp256r1 would_fit=ecdsa-p256,rsa ja4=t12d1208... session=...
 * For each choice with an `unmatched`; `outcome` is "accepted", or the word of a handshake_failure
 * with its `detail` (may be NULL).
 */
void logline_unmatched(struct text *t, const struct logline_session *s,
                       const struct handshake_choice *choice, const char *outcome,
                       const char *detail);

/* What is logged about a session at its end. */
struct logline_end {
    const char *certificate; /* borrowed; NULL without TLS */
    uint64_t received;       /* bytes */
    uint64_t sent;
    double seconds;
    bool excepted; /* the client is in starttls_except */
};

/* disconnect from unknown[...]:... tls=yes certificate=p256 received=4812 sent=1203 seconds=1.42
 * session=...; without TLS there is no field certificate. starttls_except=yes follows seconds, if
 * it applies. */
void logline_disconnect(struct text *t, const struct logline_session *s,
                        const struct logline_end *end);

/* lost connection after MAIL from unknown[...]:... session=...; `stage` is the last known command
 * of the session, CONNECT before the first. */
void logline_lost(struct text *t, const struct logline_session *s, const char *stage);

/*
 * warning: unknown[192.0.2.7]:49211: SASL PLAIN authentication failed: encryption required
 * session=...: what fail2ban's filter "postfix" looks for in its mode "auth". `mechanism` is the
 * client's word: escaped; "" if there was none.
 */
void logline_auth_refused(struct text *t, const struct logline_session *s, const char *mechanism);

/* too many errors after AUTH from unknown[192.0.2.7]:49211: nothing may follow it, or fail2ban's
 * filter "postfix" does not recognise it in its mode "errors". */
void logline_too_many_errors(struct text *t, const struct logline_session *s, const char *stage);

/* warning: TEXT: client=unknown[192.0.2.7]:49211 session=...: one line for anything without its own
 * event; `text` is ours. `detail` (may be NULL) is the network's or the system's: escaped. */
void logline_warning(struct text *t, const struct logline_session *s, const char *text,
                     const char *detail);

/* What a client may have too much of. */
enum logline_limit { LOGLINE_SESSIONS, LOGLINE_HANDSHAKES };

/*
 * warning: Connection concurrency limit exceeded: 51 from unknown[192.0.2.7]:49211 for service mx
 * refused=1 session=...; of handshakes "New TLS session rate limit exceeded: ...". `count` is how
 * many the client has, or has begun; `refused` how often it was refused since the last such line.
 */
void logline_limit(struct text *t, const struct logline_session *s, enum logline_limit what,
                   unsigned count, unsigned refused);

/* The end of a line about a bound: " times=26", how often it was crossed since the previous line;
 * nothing if that is obvious: once if this line says that it is crossed, otherwise not at all. */
void logline_times(struct text *t, struct bound_news news);

/* The bounds of a backend's connections. */
enum logline_bound { LOGLINE_STRESS, LOGLINE_FULL, NUM_LOGLINE_BOUNDS };

struct logline_stress {
    const char *backend; /* borrowed */
    unsigned taken;
    unsigned max;
    unsigned evicted; /* LOGLINE_FULL, left: sessions that made room since the last such line */
    unsigned refused; /* ... and clients for whom nobody could */
};

/* warning: backend=postfix: 360 of 480 connections: stress begins
 * With a line to be said only. */
void logline_stress(struct text *t, enum logline_bound bound, struct bound_news news,
                    const struct logline_stress *facts);

#endif
