/*
 * inforce: what of a configuration the running posternd does not serve, in words.
 *
 * posternd tells the SHA-256 of each file that it has loaded, and of each certificate; posternctl
 * reads the files that the configuration names now. They are compared by contents: a file may have
 * been written again without a change, and changed within a tick of its clock. Pure: digests, texts
 * and reasons are passed in.
 */
#ifndef POSTERN_LIB_ADMIN_INFORCE_H
#define POSTERN_LIB_ADMIN_INFORCE_H

#include "lib/base/bytes.h"
#include "lib/base/text.h"

/* Room for a sentence with two long paths. */
#define INFORCE_TEXT_SIZE 1024

/* What is compared, the worse the later. */
enum inforce_state {
    INFORCE_SAME,
    INFORCE_NOT_COMPARED, /* it cannot be read */
    INFORCE_NOT_SERVED,   /* posternd has loaded no such file */
    INFORCE_CHANGED,
};

/* A file. All texts are borrowed. */
struct inforce_file {
    const char *path;    /* NULL: the configuration names none */
    const char *served;  /* SHA-256 of what posternd has loaded; NULL: it has no such file */
    const char *present; /* of what it has now; NULL: it cannot be read */
    const char *why;     /* why not */
};

enum inforce_state inforce_state(const struct inforce_file *file);

/* Appends what is wrong with a file, nothing if it is INFORCE_SAME: "/etc/x.pem has changed since
 * it was loaded". Returns its state. */
enum inforce_state inforce_file_text(struct text *out, const struct inforce_file *file);

/* A certificate as it is served, or as its file has it; in the words of JSON. */
struct inforce_leaf {
    const char *sha256;     /* of the certificate; NULL: unknown */
    const char *not_before; /* "2026-11-23T21:00:00Z" */
};

struct inforce_certificate {
    struct inforce_file chain;
    struct inforce_file key; /* without a path if it is in the chain's file */
    struct inforce_leaf served;
    struct inforce_leaf present;
};

/* Appends what is wrong with a certificate's files: "that of 2026-09-01 is served, but /etc/x.pem
 * has a newer one, of 2026-11-23". Returns the worse of their states. What has changed is more
 * important than what cannot be read: with both, the text has only the former. */
enum inforce_state inforce_certificate_text(struct text *out,
                                            const struct inforce_certificate *certificate);

/* Appends the first line of what a file or another program says, at most `max` bytes of it, with
 * everything but printable ASCII as '?', so that it cannot confuse a terminal. */
void inforce_line(struct text *out, struct bytes data, size_t max);

#endif
