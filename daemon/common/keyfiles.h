/*
 * keyfiles: the bytes of the chain and key files, as keystore.c reads them.
 */
#ifndef POSTERN_DAEMON_COMMON_KEYFILES_H
#define POSTERN_DAEMON_COMMON_KEYFILES_H

#include "daemon/common/keystore.h"

struct keyfile {
    uint8_t *data; /* owned; wiped before it is freed */
    size_t size;   /* of the memory */
    size_t len;
};

struct keyfiles {
    struct keyfile *chains; /* owned; both in the order of conf->certificates */
    struct keyfile *keys;   /* owned; empty where the key is in the chain's file */
    size_t num;
};

#endif
