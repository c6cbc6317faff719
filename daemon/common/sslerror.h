/*
 * sslerror: OpenSSL's error queue in words.
 */
#ifndef POSTERN_DAEMON_COMMON_SSLERROR_H
#define POSTERN_DAEMON_COMMON_SSLERROR_H

/* The words for the newest error of this thread's queue, "unknown error" if it is empty. Borrowed
 * from OpenSSL's tables; the queue stays as it is. */
const char *sslerror_words(void);

#endif
