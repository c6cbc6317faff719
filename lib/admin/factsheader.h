/*
 * factsheader: the header that says how a mail arrived.
 *
 *   X-Postern-TLS: mail.example.org; version=TLSv1.3; cipher=TLS_AES_256_GCM_SHA384; bits=256;
 *       certificate=p256; client_certificate=none; session=4Zk2m1QyTz
 *   X-Postern-TLS: mail.example.org; none; session=4Zk2m1QyTz
 *   X-Postern-TLS: mail.example.org; unknown
 *
 * The host that says so comes first, as in Authentication-Results. Texts from a client are in
 * double quotes, and bytes that could end these, or are not printable ASCII, are written as %XX.
 */
#ifndef POSTERN_LIB_ADMIN_FACTSHEADER_H
#define POSTERN_LIB_ADMIN_FACTSHEADER_H

#include "lib/admin/record.h"
#include "lib/base/text.h"

/* Room for the value of any header made here, which is below RFC 5322's 998 bytes a line even
 * without line ends. */
#define FACTSHEADER_SIZE 960

/* The longest tag that is shown. */
#define FACTSHEADER_TAG_MAX 128

/*
 * Appends the value of the header. `name` is the header's name, which takes room on the first line;
 * `hostname` is ours; `tag` is the policy's tag, or NULL. With `fold`, lines are folded with "\n\t"
 * before they exceed 78 columns where possible; without, there is only one line.
 */
void factsheader_write(struct text *t, const char *name, const char *hostname,
                       const struct record *record, const char *tag, bool fold);

/* Whether a mail's header of this name (`len` bytes, perhaps with blanks before its colon) is one
 * called `name`, ignoring case. */
bool factsheader_is(const char *name, const char *found, size_t len);

#endif
