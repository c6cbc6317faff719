/*
 * jsontext: texts of the configuration, and words of the choice, as JSON strings.
 */
#ifndef POSTERN_DAEMON_POSTERNCTL_JSONTEXT_H
#define POSTERN_DAEMON_POSTERNCTL_JSONTEXT_H

#include "lib/tls/certsel.h"

#include <jansson.h>

/* A JSON string; bytes that are not UTF-8 are escaped as in the log. NULL if there is no memory. */
json_t *json_text(const char *s);

/* The word of a fault, or null. NULL if there is no memory. */
json_t *json_fault(enum verdict_fault fault);

#endif
