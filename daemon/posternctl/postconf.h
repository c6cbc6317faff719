/*
 * postconf: what Postfix's own postconf(1) tells about this machine's Postfix.
 */
#ifndef POSTERN_DAEMON_POSTERNCTL_POSTCONF_H
#define POSTERN_DAEMON_POSTERNCTL_POSTCONF_H

#include <stddef.h>

/* Lines as postconf prints them. All NULL where it cannot be run, or has nothing to read. */
struct postconf {
    char *settings;  /* owned; "name = value", those that main.cf sets */
    char *services;  /* owned; the services of master.cf, one a line */
    char *overrides; /* owned; "service/type/name = value" */
    char *queue;     /* owned; the queue directory, without line end */
};

void postconf_read(struct postconf *out);
void postconf_free(struct postconf *p);

/* The next line of `*at`, without its end; NULL behind the last one. `*at` moves on, `*len` is the
 * line's length. */
const char *postconf_line(const char **at, size_t *len);

#endif
