/* recorded: reads dialogues.txt, what passed between clients, posternd and a real Postfix. */
#ifndef POSTERN_TESTS_UNIT_RECORDED_H
#define POSTERN_TESTS_UNIT_RECORDED_H

#include "lib/smtp/gate.h"

#define RECORDED_FILE "tests/unit/dialogues.txt"

enum recorded_kind {
    RECORDED_CLIENT, /* the client sends bytes */
    RECORDED_TLS,    /* the client begins a handshake */
    RECORDED_REPLY,  /* the backend sends bytes when `behind` bytes in all have reached it */
    RECORDED_HEARD,  /* the client hears bytes */
};

struct recorded_line {
    enum recorded_kind kind;
    size_t behind;
    struct bytes bytes; /* borrowed from the whole */
};

struct recorded {
    const char *name; /* borrowed from the whole */
    enum gate_level level;
    bool implicit; /* under TLS from the first byte */
    bool auth;     /* auth_before_tls */
    const struct recorded_line *lines;
    size_t num_lines;
};

/* All of the file, kept until the process ends; `*num` dialogues. A file that cannot be read or has
 * a line that is not as it should be ends the process with a message. */
const struct recorded *recorded_all(size_t *num);

#endif
