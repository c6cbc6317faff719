/*
 * hellotext: a ClientHello in the form that an administrator has.
 *
 * Finds the ClientHello in what was saved or pasted: the bytes themselves or hex in any form that
 * hexdump reads; of TLS records, a handshake message, an SSLv2-format record, or of packets with
 * one of these in them. What comes out is the message for hello_decode(); whether it is well
 * formed is not judged here.
 */
#ifndef POSTERN_LIB_TLS_HELLOTEXT_H
#define POSTERN_LIB_TLS_HELLOTEXT_H

#include "lib/base/bytes.h"

/* The most bytes that are examined. */
#define HELLOTEXT_SIZE_MAX ((size_t)65536)

#define HELLOTEXT_WHY_SIZE 200

enum hellotext_kind {
    HELLOTEXT_NONE,      /* not a whole ClientHello: `why` says what it looks like instead */
    HELLOTEXT_HANDSHAKE, /* `message` is for hello_decode() */
    HELLOTEXT_SSLV2,     /* `message` is for hello_decode_sslv2() */
};

struct hellotext {
    enum hellotext_kind kind;
    struct bytes message; /* borrowed from the room */
    size_t left;          /* bytes after the message, which were ignored */
    char why[HELLOTEXT_WHY_SIZE];
};

/* Reads `in` (of any length). `room` has HELLOTEXT_SIZE_MAX bytes and must outlive `out`. */
void hellotext_read(struct hellotext *out, struct bytes in, uint8_t *room);

#endif
