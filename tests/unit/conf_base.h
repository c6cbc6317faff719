/* The small good configuration that the tests of conf change in places. */
#ifndef POSTERN_TESTS_UNIT_CONF_BASE_H
#define POSTERN_TESTS_UNIT_CONF_BASE_H

#include "lib/admin/conf.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "dir/postern.conf"

#define TWENTY  "twenty_bytes_of_text"
#define HUNDRED TWENTY TWENTY TWENTY TWENTY TWENTY

static const char base[] = "hostname = \"mail.example.org\"\n"                           /* 1 */
                           "certificate \"a\" { chain = \"a.pem\" key = \"/keys/a\" }\n" /* 2 */
                           "certificate \"b\" { chain = \"b.pem\" }\n"                   /* 3 */
                           "certificate_set \"s\" { certificates = { \"a\", \"b\" } }\n" /* 4 */
                           "tls_profile \"p\" { }\n"                                     /* 5 */
                           "backend \"smtpd\" { address = \"127.0.0.1:12525\" }\n"       /* 6 */
                           "listener \"mx\" {\n"                                         /* 7 */
                           "    address = { \"0.0.0.0:25\", \"[::]:25\" }\n"             /* 8 */
                           "    certificate_sets = \"s\"\n"                              /* 9 */
                           "    backend = \"smtpd\"\n"                                   /* 10 */
                           "}\n";                                                        /* 11 */

/* The base with the first `find` replaced; an empty `find`: with `replace` behind it. */
static inline char *edited(const char *find, const char *replace)
{
    const char *at = find[0] == '\0' ? base + strlen(base) : strstr(base, find);
    size_t size = sizeof base + strlen(replace);
    char *out = malloc(size);

    ck_assert_ptr_nonnull(at);
    ck_assert_ptr_nonnull(out);
    snprintf(out, size, "%.*s%s%s", (int)(at - base), base, replace, at + strlen(find));
    return out;
}

static inline struct conf *parse(const char *text, struct conf_error *error)
{
    return conf_parse(FILE_NAME, (const uint8_t *)text, strlen(text), error);
}

static inline struct conf *parse_edited(const char *find, const char *replace)
{
    struct conf_error error;
    char *text = edited(find, replace);
    struct conf *conf = parse(text, &error);

    free(text);
    ck_assert_msg(conf != NULL, "%s", error.text);
    return conf;
}

#endif
