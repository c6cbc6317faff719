/*
 * choice: certsel's decision, in the JSON keys that check and explain have in common.
 */
#ifndef POSTERN_DAEMON_POSTERNCTL_CHOICE_H
#define POSTERN_DAEMON_POSTERNCTL_CHOICE_H

#include "daemon/posternctl/report.h"
#include "lib/tls/certsel.h"

/* Puts what the chosen verdict (NULL: none) negotiates into an object: OpenSSL's names as version
 * and cipher, IANA's as group and signature; and fault and capped. */
void choice_put(struct report *r, json_t *object, const struct verdict *chosen);

/* Adds a verdict to an array, with the certificate's name and the verdict's text. */
void choice_add_verdict(struct report *r, json_t *array, const char *certificate,
                        const struct verdict *verdict, const char *text);

/* Puts the kinds of certificate that would fit into an object, from bits 1 << enum fit. */
void choice_put_fits(struct report *r, json_t *object, unsigned would_fit);

#endif
