/*
 * alpn: what is answered to a client that names application protocols (ALPN, RFC 7301).
 *
 * A client that wants to talk to a web server, and was tricked into talking to a mail server with a
 * certificate that is valid for both, names the protocol that it expects: there such a handshake
 * can be ended before a byte of it is taken for mail. SMTP has no name in IANA's registry; those
 * who send one send "smtp".
 */
#ifndef POSTERN_LIB_TLS_ALPN_H
#define POSTERN_LIB_TLS_ALPN_H

#include "lib/base/text.h"
#include "lib/tls/hello.h"

/* The name that is selected. */
#define ALPN_SMTP "smtp"

/* What to do with a client that names protocols. */
enum alpn_rule {
    ALPN_GUARD,  /* refused if another service's protocol is named, and smtp is not */
    ALPN_STRICT, /* refused unless smtp is named */
    ALPN_IGNORE, /* never looked at */
    NUM_ALPN_RULES,
};

enum alpn_answer {
    ALPN_SILENT, /* the handshake continues without an answer */
    ALPN_SELECT, /* ALPN_SMTP is selected */
    ALPN_REFUSE, /* alert 120, no_application_protocol */
};

/*
 * `list` is a protocol_name_list without its length; empty if the client sent none, which is never
 * refused. GREASE (RFC 8701) is ignored, and so is everything after a truncated name: libssl
 * refuses that.
 */
enum alpn_answer alpn_judge(enum alpn_rule rule, struct bytes list);

/* Appends the first names of such a list, without GREASE, escaped and with commas between them. */
void alpn_names(struct text *out, struct bytes list);

#endif
