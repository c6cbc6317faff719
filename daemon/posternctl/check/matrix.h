/*
 * matrix: the well-known clients, each tried with one certificate set at one listener.
 *
 * The same decoder and certsel as in the daemon judge them.
 */
#ifndef POSTERN_DAEMON_POSTERNCTL_MATRIX_H
#define POSTERN_DAEMON_POSTERNCTL_MATRIX_H

#include "daemon/tls/snapshot.h"
#include "lib/tls/clients.h"

enum matrix_result {
    MATRIX_OK,       /* a certificate of the set is usable */
    MATRIX_FAIL,     /* none is, but one of another kind would be */
    MATRIX_EXCLUDED, /* none could be: what the profile or this libssl lacks shuts the client out */
    NUM_MATRIX_RESULTS
};

struct matrix_row {
    const struct client *client;
    enum matrix_result result;
    int chosen;               /* index into the set, or -1 */
    unsigned would_fit;       /* bits 1 << enum fit */
    struct hello hello;       /* views of the matrix's bytes */
    struct verdict *verdicts; /* borrowed from the matrix; one for each certificate of the set */
};

/* What is tried: a listener's rules and a set's certificates. */
struct matrix {
    const struct certsel_profile *rules;             /* borrowed from the snapshot */
    const struct conf_set *set;                      /* borrowed from the conf */
    const char *sni;                                 /* borrowed */
    const struct certsel_certificate **certificates; /* array owned */
    struct verdict *verdicts;                        /* owned */
    uint8_t hello[HELLO_SIZE_MAX];
};

/* Whether set `set` of listener `listener` is judged as at an earlier listener: it has the same
 * tls_profile and the same set. */
bool matrix_is_repeated(const struct conf *conf, size_t listener, size_t set);

/* For set `set` of listener `listener` of the snapshot's conf. NULL if there is no memory. */
MUST_USE struct matrix *matrix_new(const struct snapshot *snapshot, size_t listener, size_t set);
void matrix_free(struct matrix *matrix);

/* Tries client `i`, below clients_num(). The row is good until the next call. */
struct matrix_row matrix_try(struct matrix *matrix, size_t i);

/* "ok", "fail", "excluded". */
const char *matrix_word(enum matrix_result result);

#endif
