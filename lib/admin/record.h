/*
 * record: what is known about a session, and the table of its facts.
 *
 * posternd sends a record over the control socket; posternctl prints it, and postern-milter makes
 * its header from it and checks it against a policy. A fact is a value of the struct and a row of
 * the table, which all of these walk.
 */
#ifndef POSTERN_LIB_ADMIN_RECORD_H
#define POSTERN_LIB_ADMIN_RECORD_H

#include "lib/admin/fields.h"
#include "lib/net/addr.h"
#include "lib/tls/facts.h"

/* A session id and its NUL. */
#define RECORD_ID_SIZE 11

/* The longest name of a section of the configuration, and its NUL. */
#define RECORD_NAME_SIZE 64

struct record {
    bool known; /* false: nothing is, neither that there is TLS nor that there is none */
    char session[RECORD_ID_SIZE];
    struct addr client;
    struct addr destination;
    char listener[RECORD_NAME_SIZE];
    bool tls; /* a handshake is done; without one there are no facts */
    struct tls_facts facts;
};

/* What a fact is about, and so when it is there. */
enum record_level { RECORD_OF_SESSION, RECORD_OF_TLS, RECORD_OF_CLIENT };

/* How a rule of postern-policy(5) may name a fact. */
enum record_term {
    RECORD_NO_TERM,
    RECORD_LISTENER,    /* KEY=NAME, of a listener of the configuration */
    RECORD_DOMAIN,      /* KEY=NAME or KEY=.NAME, a host name */
    RECORD_FINGERPRINT, /* fingerprint= may be this one */
};

struct record_fact {
    struct field field; /* of struct record */
    enum record_level level;
    const char *label;   /* before a line of its own in `posternctl facts`; NULL: it has none */
    bool label_if_there; /* the line is left out where the text is "" */
    const char *header;  /* its key in the header; NULL: it is not there */
    bool own_words;      /* of the client: the last in the header, and quoted there */
    enum record_term term;
};

extern const struct record_fact record_facts[];
extern const size_t record_num_facts;

/* Whether a record has facts of this level. */
bool record_has(const struct record *record, enum record_level level);

/*
 * Packs all that is known about TLS into `out`, in as few bytes as it takes, and returns their
 * number: for posternd, which keeps it for each of its sessions. And back into `record`, whose
 * `known` and `tls` become true.
 */
#define RECORD_PACKED_SIZE sizeof(struct tls_facts)
size_t record_pack(const struct tls_facts *facts, uint8_t out[RECORD_PACKED_SIZE]);
void record_unpack(struct record *record, const uint8_t *packed);

#endif
