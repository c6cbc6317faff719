/*
 * extension: the extension block of a ClientHello, read as libssl reads it.
 *
 * Only hello.c is meant to call this.
 */
#ifndef POSTERN_LIB_TLS_EXTENSION_H
#define POSTERN_LIB_TLS_EXTENSION_H

#include "lib/tls/hello.h"

/*
 * Reads `out->extensions` into the other fields of `out`. Returns NULL, or a static text with the
 * fault for which libssl refuses the hello in any version.
 */
const char *extension_read_block(struct hello *out);

/* Checks the extensions that belong to `version` (0x0301 to 0x0304), and those that `libssl` knows
 * and others do not: NULL or the fault. */
const char *extension_check_block(const struct hello *hello, const struct libssl *libssl,
                                  uint16_t version);

#endif
