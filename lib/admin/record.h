/*
 * record: what is known about the session that a mail arrived through, in the milter's own memory.
 *
 * posternd provides it over the control socket; the header and the policy use it. All texts are
 * copies, cut to their room.
 */
#ifndef POSTERN_LIB_ADMIN_RECORD_H
#define POSTERN_LIB_ADMIN_RECORD_H

#include "lib/tls/facts.h"

/* A session id and its NUL. */
#define RECORD_ID_SIZE 11

enum record_state {
    RECORD_UNKNOWN,   /* nothing is known: neither that there was TLS nor that there was none */
    RECORD_PLAINTEXT, /* the session is without TLS */
    RECORD_TLS,
};

enum record_client {
    RECORD_CLIENT_NONE,      /* no certificate was shown */
    RECORD_CLIENT_UNTRUSTED, /* one that client_ca does not lead to */
    RECORD_CLIENT_TRUSTED,
    NUM_RECORD_CLIENTS,
};

struct record {
    enum record_state state;
    char session[RECORD_ID_SIZE]; /* these two except for RECORD_UNKNOWN */
    char listener[64];
    char protocol[16]; /* the rest for RECORD_TLS only: OpenSSL's names */
    char cipher[64];
    int bits;             /* of the cipher, in use */
    char certificate[64]; /* the name of ours that was served */
    char sni[256];        /* lower case; "": none was sent */
    enum record_client client;
    char fingerprint[TLS_FINGERPRINT_SIZE];     /* "AB:CD:...", of the client's certificate */
    char key_fingerprint[TLS_FINGERPRINT_SIZE]; /* the same of its public key */
    char client_name[TLS_CLIENT_NAME_SIZE];     /* who it is for, in the client's own words */
};

/* "none", "untrusted", "trusted". */
const char *record_client_word(enum record_client client);

/* The client that has such a word, RECORD_CLIENT_NONE for every other word and for NULL. */
enum record_client record_client_of(const char *word);

/* The number of a version by OpenSSL's name, 0x0304 for "TLSv1.3"; 0 for another name. */
unsigned record_version(const char *protocol);

#endif
