/*
 * keyfiles: the bytes of the files with chains, keys, ticket keys and clients' authorities, read
 * once, so that every worker's keystore is the same; and their SHA-256, by which a later load knows
 * what has changed.
 */
#ifndef POSTERN_DAEMON_TLS_KEYFILES_H
#define POSTERN_DAEMON_TLS_KEYFILES_H

#include "lib/admin/conf.h"

#define KEYFILE_SHA256_SIZE 32

struct keyfile {
    uint8_t *data; /* owned; wiped before it is freed; NULL: no such file is named */
    size_t size;   /* of the memory */
    size_t len;
    uint8_t sha256[KEYFILE_SHA256_SIZE]; /* of the contents; 0 without a file */
};

struct keyfiles {
    struct keyfile *chains; /* owned; both in the order of conf->certificates */
    struct keyfile *keys;   /* owned; empty where the key is in the chain's file */
    size_t num;
    struct keyfile *tickets; /* owned; in the order of conf->ticket_keys */
    size_t num_tickets;
    struct keyfile *client_cas; /* owned; in the order of conf->listeners; empty without a path */
    size_t num_listeners;
};

/* Reads the files of chains, keys, ticket keys and clients' authorities (at most 1 MiB each). NULL
 * with `*error` on failure. */
MUST_USE struct keyfiles *keyfiles_read(const struct conf *conf, struct conf_error *error);

/* Wipes and frees. NULL is allowed. */
void keyfiles_free(struct keyfiles *files);

#endif
