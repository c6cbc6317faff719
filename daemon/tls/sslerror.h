/*
 * sslerror: OpenSSL's error queue in words.
 *
 * An error leaves several entries in the queue: its cause, and what the callers above it added. The
 * newest one is the closest to what was tried, but it may only say that something below has failed
 * ("EVP lib", "nested asn1 error"; of libssl from 3.2 on "record layer failure"). So the useful
 * entry is the newest that is not of that kind.
 */
#ifndef POSTERN_DAEMON_TLS_SSLERROR_H
#define POSTERN_DAEMON_TLS_SSLERROR_H

/* Empties this thread's queue and returns the useful entry; 0 if it was empty. */
unsigned long sslerror_take(void);

/* The words for an entry, "unknown error" for one that has none, and for 0. Borrowed from OpenSSL's
 * or libc's tables. */
const char *sslerror_text(unsigned long code);

/* sslerror_text() of sslerror_take(). */
const char *sslerror_words(void);

#endif
