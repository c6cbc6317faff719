/*
 * sessionlog: the log lines of a session, and which of them log_sessions omits.
 */
#ifndef POSTERN_DAEMON_POSTERND_SESSIONLOG_H
#define POSTERN_DAEMON_POSTERND_SESSIONLOG_H

#include "daemon/posternd/session_parts.h"
#include "lib/admin/logline.h"

/* An id that no other session of this host gets for years. */
void sessionlog_new_id(char out[RECORD_ID_SIZE]);

/* connect: at the start; with log_sessions = "tls" when a handshake begins, and at the start only
 * for a client in starttls_except. */
void sessionlog_connect(struct session *s);
void sessionlog_established(const struct session *s, const struct tls_facts *facts);
void sessionlog_handshake_failed(const struct session *s, enum handshake_failure reason,
                                 const char *detail);
void sessionlog_verdict_wrong(const struct session *s, const struct tls_facts *facts,
                              struct bytes raw_hello);
void sessionlog_lost(const struct session *s);
void sessionlog_disconnect(const struct session *s);

/* A client over one of its limits, if a line about that is due. */
void sessionlog_limit(const struct session *s, enum logline_limit what,
                      const struct admission_answer *answer);

/* A line, with a text of our own, about something that is not a problem of this session. */
void sessionlog_note(const struct session *s, const char *text);

/* A problem, with a text of our own; `detail` (may be NULL) is the system's. */
void sessionlog_warning(const struct session *s, const char *text, const char *detail);

/* One line for each thing that the gate noted. */
void sessionlog_notes(const struct session *s, unsigned notes);

#endif
