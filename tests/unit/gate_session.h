/* gate_session: both sides of a session around a gate, with what must hold after every call. */
#ifndef POSTERN_TESTS_UNIT_GATE_SESSION_H
#define POSTERN_TESTS_UNIT_GATE_SESSION_H

#include "lib/smtp/gate.h"

struct stream {
    size_t len;
    uint8_t bytes[1 << 16];
};

struct gate_session {
    struct gate gate;
    struct gate_rules rules;
    struct stream from_client, from_backend; /* sent and not consumed */
    struct buffer to_client, to_backend;     /* come out of the gate and not left yet */
    struct stream client_saw, backend_saw;   /* left */
    size_t drain_max;                        /* bytes that leave a buffer at a time */
    bool by_line; /* of two replies the first may release the command that the second answers */
    uint8_t memory[2][BUFFER_SIZE];
};

void gate_session_begin(struct gate_session *s, bool auth_before_tls);

/* The same with other rules (their hostname may be NULL), and perhaps under TLS from the first
 * byte. */
void gate_session_begin_as(struct gate_session *s, struct gate_rules rules, bool implicit);

void stream_put(struct stream *s, const void *bytes, size_t len);

/* gate_client(), gate_backend() with all that was sent; how many bytes were consumed. */
size_t gate_session_client(struct gate_session *s);
size_t gate_session_backend(struct gate_session *s);

/* Lets the outputs leave, once; how many bytes did. */
size_t gate_session_drain(struct gate_session *s);

/* All of it until nothing moves. */
void gate_session_pump(struct gate_session *s);

#endif
