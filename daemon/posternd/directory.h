/*
 * directory: the live sessions of all workers, and what is known about each.
 *
 * A session is entered when it is known who its client is, and removed at its end. The directory
 * says what is known about a session, by its id or by its addresses, and which session a server
 * behind us talks to; for that it also remembers, for a minute, which sessions have ended.
 *
 * One mutex guards everything, held for at most some hundred nanoseconds: no system call, no
 * allocation and no search under it (tables hashed with random bytes of the process). All functions
 * may be called from any thread, but those of an entry only from the thread of its session's
 * worker.
 */
#ifndef POSTERN_DAEMON_POSTERND_DIRECTORY_H
#define POSTERN_DAEMON_POSTERND_DIRECTORY_H

#include "lib/admin/record.h"

#include <sys/queue.h>

/* A session's entry, part of the session and zeroed at first. All of it is the directory's. */
struct directory_entry {
    LIST_ENTRY(directory_entry) by_id;
    LIST_ENTRY(directory_entry) by_client;
    uint8_t *facts;       /* owned: of its TLS, packed; NULL: no handshake is done */
    const char *id;       /* borrowed from the session; NULL: is not entered */
    const char *listener; /* borrowed from the session's configuration */
    struct addr client;
    struct addr destination;
    bool unknown; /* is under TLS, and nobody knows under which: not to be found */
    bool claimed; /* somebody has asked for it by its addresses */
};

/* Makes the directory, for very few sessions. 0, or -1 with errno. */
MUST_USE int directory_open(void);

/* Tables of another size, zeroed at first. All of it is the directory's. */
struct directory_tables {
    struct directory_chain *by_id;
    struct directory_chain *by_client;
    struct directory_gone *gone;
    size_t num_heads;
};

/* To be for about `max_sessions`; with more, everything is slower. First the memory is taken, then
 * the tables are used, which takes time for each session and forgets nothing, and then
 * directory_discard() frees what is not used (any more). 0, or -1 without memory. Only main's
 * thread calls these. */
MUST_USE int directory_prepare(struct directory_tables *tables, size_t max_sessions);
void directory_renew(struct directory_tables *tables);
void directory_discard(struct directory_tables *tables);

/* Frees it, when all workers have ended; also after a failed directory_open(). */
void directory_close(void);

/* --- a session's --- */

/* Enters the session `id` of these addresses (v4-mapped or not) at `listener`. Both texts have to
 * live as long as the entry. */
void directory_add(struct directory_entry *entry, const char *id, const char *listener,
                   const struct addr *client, const struct addr *destination);

/* What is known about the session's TLS from now on. If memory runs out, nobody finds the session
 * any more: it must not be taken for one in plaintext. */
void directory_set_tls(struct directory_entry *entry, const struct tls_facts *facts);

/* The session ends. An entry that was not entered is left alone. `now` here and below: milliseconds
 * of a clock that never goes back. */
void directory_remove(struct directory_entry *entry, int64_t now);

/* --- everybody's --- */

/* Milliseconds for which a session that ended before anybody had asked for it makes its addresses
 * ambiguous: a server behind us may still be about to ask. */
#define DIRECTORY_AMBIGUOUS_MS 60000

/* The live session with this id. False, and `*out` is left as it was, if there is none. */
MUST_USE bool directory_find(const char *id, struct record *out);

/*
 * The live sessions of the client address and port `client`, v4-mapped or not. Fills up to `max` of
 * them and returns how many there are: with more than one, a session that ends and one that has its
 * client's port again, nobody can say which is meant.
 */
size_t directory_find_by_address(const struct addr *client, struct record *out, size_t max);

/*
 * Which session a server behind us speaks with, that was told these addresses. 0 with its id, or
 * -1 if nobody can say: there is none, or more than one, or, within DIRECTORY_AMBIGUOUS_MS, there
 * was one that ended before it was asked for: what has just been connected may be that one.
 */
MUST_USE int directory_claim(const struct addr *client, const struct addr *destination, int64_t now,
                             char id[RECORD_ID_SIZE]);

#endif
