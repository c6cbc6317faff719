/* A store of failures, and hellos put into it in the notation of hello_text. */
#ifndef POSTERN_TESTS_UNIT_FAILURES_BASE_H
#define POSTERN_TESTS_UNIT_FAILURES_BASE_H

#include "lib/admin/failures.h"
#include "tests/unit/hello_text.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW ((int64_t)1763900000)
#define JA4 "t13d1516h2_8daaf6152771_e5627efa2ab1"

static struct failures store;

static inline struct addr address(const char *text)
{
    struct endpoint endpoint;
    const char *why;

    ck_assert_int_eq(endpoint_parse(&endpoint, text, &why), 0);
    return endpoint.ip;
}

/* Adds a hello in the notation of hello_text; SSLv2 if it has no braces. */
static inline bool add_as(const char *text, const char *client, enum handshake_failure reason,
                          int64_t now)
{
    size_t len;
    uint8_t *raw = hello_text(text, &len);
    struct failure_event event = {
        .reason = reason,
        .client = address(client),
        .hello = bytes_of(raw, len),
        .sslv2 = strchr(text, '{') == NULL,
        .listener = "mx-1.a_b",
        .ja4 = JA4,
    };
    bool added = failures_add(&store, &event, now);

    free(raw);
    return added;
}

static inline bool add(const char *text, const char *client, int64_t now)
{
    return add_as(text, client, HANDSHAKE_NO_CERTIFICATE_FITS, now);
}

static inline void empty(void)
{
    failures_clear(&store);
    store = (struct failures){0};
}

#endif
