/*
 * policy_parts: what the files of policy share, and nobody else includes.
 *
 * policy_fail.c writes an error of a file, policy_address.c reads addresses, policy_terms.c reads
 * the conditions and requirements of rules, policy_read.c cuts a file into rules, and policy.c
 * checks mail against them.
 */
#ifndef POSTERN_LIB_ADMIN_POLICY_PARTS_H
#define POSTERN_LIB_ADMIN_POLICY_PARTS_H

#include "lib/admin/policy.h"

/* Alternatives that a requirement may list. */
#define FINGERPRINTS_MAX 8

/* Facts of a session that a rule may name, each once. */
#define FACT_PATTERNS_MAX 4

enum pattern_kind {
    PATTERN_ANY,       /* the rule has no such condition */
    PATTERN_EXACT,     /* a whole address, or a whole name */
    PATTERN_DOMAIN,    /* of an address */
    PATTERN_SUBDOMAIN, /* all below a domain, not the domain itself; begins with the dot */
};

/* A text of an address or name, lower case. */
struct pattern {
    enum pattern_kind kind;
    const char *text; /* into the policy's own copy of the file */
};

/* What a fact of the session has to be. */
struct fact_pattern {
    const struct record_fact *fact;
    struct pattern pattern;
};

struct rule {
    unsigned line;
    bool has_client;
    struct prefix client;
    struct pattern sender;
    struct pattern recipient;
    struct fact_pattern facts[FACT_PATTERNS_MAX];
    size_t num_facts;
    bool tls; /* required: TLS of any kind; also set by all below */
    unsigned min_version;
    int min_bits;
    bool trusted; /* a client certificate that chains to client_ca */
    const char *fingerprints[FINGERPRINTS_MAX];
    size_t num_fingerprints;
    enum policy_action action;
    char enhanced[12];
    char text[POLICY_TEXT_MAX + 1];
};

struct policy {
    char *source;       /* owned: the file's bytes, cut into words */
    struct rule *rules; /* owned */
    size_t num;
};

/* A file being read. */
struct policy_reader {
    const struct conf *conf; /* borrowed, like the next two */
    const char *file;
    struct conf_error *error;
    unsigned line;
    struct rule *rule; /* being read */
};

/* policy_fail.c: "FILE:LINE: " and the formatted text into the reader's error; returns -1. */
int policy_fail(const struct policy_reader *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* policy_address.c: whether all bytes of a text are ASCII. */
bool policy_is_ascii(const char *text);

/* policy_terms.c: parses a word of a rule if it is a condition, or a requirement. 1: it is one; 0:
 * it is not; -1: it has a mistake. */
MUST_USE int policy_take_condition(struct policy_reader *r, char *word);
MUST_USE int policy_take_requirement(struct policy_reader *r, char *word);

#endif
