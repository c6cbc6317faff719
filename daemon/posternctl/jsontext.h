/*
 * jsontext: texts of the configuration as JSON strings.
 */
#ifndef POSTERN_DAEMON_POSTERNCTL_JSONTEXT_H
#define POSTERN_DAEMON_POSTERNCTL_JSONTEXT_H

#include <jansson.h>

/* A JSON string; bytes that are not UTF-8 are escaped as in the log. NULL if there is no memory. */
json_t *json_text(const char *s);

#endif
