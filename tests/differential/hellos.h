/*
 * ClientHellos to order: a description in lists of numbers, and the bytes made from it.
 *
 * hello_describe() gives the same description for the same number in every run: first every
 * combination of a few lists; then good hellos with every prepared fault, every single damaged byte
 * and every cut, with all kinds of key shares, and with every scheme for certificates; then random
 * lists, some of them with a fault.
 */
#ifndef POSTERN_TESTS_DIFFERENTIAL_HELLOS_H
#define POSTERN_TESTS_DIFFERENTIAL_HELLOS_H

#include <openssl/evp.h>

#include "lib/base/bytes.h"

#define LIST_MAX 40

struct list {
    bool present;
    size_t num;
    uint16_t ids[LIST_MAX];
};

/* One extension more, with one of hello_num_bodies() prepared bodies. */
struct fault {
    bool present;
    bool first;    /* in front of the others; else behind them */
    bool replaces; /* takes the place of the extension of its type */
    bool overlong; /* claims a byte too many */
    bool twice;    /* comes twice in one place */
    uint16_t type;
    size_t body;
};

/* A fault in key_share. */
enum share_fault {
    SHARES_GOOD,
    SHARES_FIRST_SHORT, /* the first share lacks its last byte */
    SHARES_LAST_SHORT,
    SHARES_FIRST_EMPTY,
    SHARES_LAST_EMPTY,
    SHARES_TRAILER, /* a byte behind the last share */
    NUM_SHARE_FAULTS
};

/* A fault of the frame, in a hello that is good otherwise. */
enum frame_fault {
    FRAME_GOOD,
    FRAME_LONG_SESSION_ID, /* 33 bytes */
    FRAME_NO_SUITES,
    FRAME_ODD_SUITES, /* a byte too many */
    FRAME_TRAILER,    /* a byte behind the last field */
    NUM_FRAME_FAULTS
};

struct description {
    bool sslv2;
    size_t session_id_len;
    enum frame_fault frame;
    uint16_t legacy_version;
    struct list versions;
    struct list suites;
    struct list groups;
    struct list schemes;
    struct list cert_schemes;
    struct list shares;
    enum share_fault share_fault;
    uint8_t compression[3];
    size_t num_compression;
    bool psk_modes; /* psk_key_exchange_modes with psk_dhe_ke */
    struct fault fault;
    size_t damaged_at; /* this byte of the message ... */
    uint8_t damage;    /* ... is changed by so much */
    size_t cut;        /* the message ends here; 0: it is whole */
};

/* Number of systematic descriptions; those behind them are random. */
size_t hello_num_systematic(void);
void hello_describe(struct description *d, size_t number);

size_t hello_num_bodies(void);

/* Ends the program on failure. */
void shares_make(OSSL_LIB_CTX *libctx);

/* Writes the handshake message (or the SSLv2-format message) into `out`, which has room for
 * HELLO_ROOM bytes; returns its length. */
#define HELLO_ROOM 8192
size_t hello_write(const struct description *d, uint8_t *out);

#endif
