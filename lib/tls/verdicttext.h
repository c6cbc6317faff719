/*
 * verdicttext: verdicts in words, for people.
 *
 * One clause for each verdict of certsel, which names what the client offers and what the
 * certificate is, so that the reader sees why they do not match. Lists are cut after a few names.
 */
#ifndef POSTERN_LIB_TLS_VERDICTTEXT_H
#define POSTERN_LIB_TLS_VERDICTTEXT_H

#include "lib/base/text.h"
#include "lib/tls/certsel.h"

/* Room for any clause of verdict_text(). */
#define VERDICT_TEXT_SIZE 512

/* Appends what tells keys of a kind apart: "2048 bits" of RSA, the name of its curve of ECDSA,
 * nothing of the others. */
void key_size_text(struct text *out, enum key_kind kind, const char *curve, unsigned bits);

/* Appends the kind of key: "ECDSA P-256", "RSA 2048 bits", "Ed25519". */
void key_text(struct text *out, const struct certsel_certificate *certificate);

/* Appends OpenSSL's name of a protocol version: "TLSv1.2", or "0x0305". */
void version_text(struct text *out, uint16_t version);

/* Appends OpenSSL's name of a suite, IANA's where it has none, or the number: "0x1a2b". */
void suite_text(struct text *out, uint16_t suite);

/* Appends what a fault is: "its keyUsage lacks digitalSignature"; nothing for FAULT_NONE. */
void fault_text(struct text *out, enum verdict_fault fault);

/* Appends, for the `verdict` that certsel_judge() came to with the other three, a clause such as
 * "its key is on secp384r1; the client's supported_groups: secp256r1". */
void verdict_text(struct text *out, const struct certsel_profile *profile,
                  const struct certsel_certificate *certificate, const struct hello *hello,
                  const struct verdict *verdict);

#endif
