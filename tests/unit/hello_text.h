/*
 * hello_text: a ClientHello in a notation that shows its structure.
 *
 * Hex digits are bytes. < >, [ ] and { } enclose what has a length of 1, 2 or 3 bytes in front.
 * K41 stands for 0x41 bytes, the first of them 04: a random, a key share. Blanks mean nothing.
 */
#ifndef POSTERN_TESTS_UNIT_HELLO_TEXT_H
#define POSTERN_TESTS_UNIT_HELLO_TEXT_H

#include "lib/tls/hello.h"

#define EXT_GROUPS(ids)       "000a[[" ids "]]"
#define EXT_SCHEMES(ids)      "000d[[" ids "]]"
#define EXT_CERT_SCHEMES(ids) "0032[[" ids "]]"
#define EXT_VERSIONS(ids)     "002b[<" ids ">]"
#define EXT_SHARES(shares)    "0033[[" shares "]]"

/* A hello with a legacy_version, a list of suites and extensions. */
#define HELLO(version, suites, extensions)                                                         \
    "01{" version " K20 <> [" suites "] <00> [" extensions "]}"

/* The hello of the Windows sender in docs/design.md. */
#define WINDOWS_SUITES  "c02b c02f c023 c027 c013 009d 009c 003d 003c 0035 002f 000a"
#define WINDOWS_SCHEMES "0401 0501 0201 0403 0503 0203 0202 0601 0603"
#define WINDOWS_HELLO                                                                              \
    HELLO("0303", WINDOWS_SUITES,                                                                  \
          "0000[[00[6d61696c2e6578616d706c652e6f7267]]]" EXT_GROUPS(                               \
              "0017") "000b[<00>]" EXT_SCHEMES(WINDOWS_SCHEMES) "0023[]"                           \
                                                                "0017[]"                           \
                                                                "ff01[<>]")

/* A libssl that knows and checks everything that some libssl does. */
extern const struct libssl newest_libssl;

/* The bytes of `text`, in memory of malloc() of just this size, so that a sanitizer sees every
 * step beyond it; `*len` is their number. Ends the program if the text makes no sense. */
uint8_t *hello_text(const char *text, size_t *len);

/* The same, decoded into `hello`; a text without braces is an SSLv2-format hello. Ends the program
 * if the hello is bad. The caller frees what is returned when done with `hello`. */
uint8_t *hello_decode_text(const char *text, struct hello *hello);

#endif
