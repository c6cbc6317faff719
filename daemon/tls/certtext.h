/*
 * certtext: what an administrator reads about a certificate, as text.
 */
#ifndef POSTERN_DAEMON_TLS_CERTTEXT_H
#define POSTERN_DAEMON_TLS_CERTTEXT_H

#include "lib/base/bytes.h"

#include <openssl/x509.h>

/* Room for the text of a name in a certificate. */
#define CERTTEXT_NAME_SIZE 300

/* Room for "2026-11-23T21:00:00Z", and for a SHA-256 in hexadecimal digits. */
#define CERTTEXT_TIME_SIZE   24
#define CERTTEXT_SHA256_SIZE 65

/* A distinguished name as RFC 2253 writes it, in ASCII, cut to fit. */
void certtext_distinguished(const X509_NAME *name, char out[CERTTEXT_NAME_SIZE]);

/* Calls `each` for the dNSNames and iPAddresses of a certificate, at most `max` of them, with bytes
 * that could confuse a terminal escaped. Returns how many there are. */
size_t certtext_names(const X509 *x509, size_t max, void (*each)(void *arg, const char *name),
                      void *arg);

/* A time in UTC; "unreadable" if it is none. Returns `out`. */
const char *certtext_time(const ASN1_TIME *time, char out[CERTTEXT_TIME_SIZE]);

/* Seconds from now to `time`. A time that cannot be read is now. */
long long certtext_seconds_to(const ASN1_TIME *time);

/* Whole days of so many seconds, rounded down: -1 for a second ago. */
int certtext_days(long long seconds);

/* The SHA-256 of the whole certificate, or of bytes, in lower case; "" if there is no memory for
 * it. Returns `out`. Uses no library context but OpenSSL's default one. */
const char *certtext_fingerprint(const X509 *x509, char out[CERTTEXT_SHA256_SIZE]);
const char *certtext_sha256(struct bytes data, char out[CERTTEXT_SHA256_SIZE]);

#endif
