/*
 * compare_parts: what the files of compare share.
 *
 * compare_finding.c keeps what is found, compare_level.c finds the level of TLS, compare_behind.c
 * compares plain values. Of the rules, compare_tls.c knows what a session must and may be,
 * compare_suites.c how it is protected, compare_limits.c numbers and time, compare_milters.c which
 * milters are used, compare_tables.c exceptions for some clients, compare_lists.c what is in
 * restriction lists, compare_world.c who the client is. compare.c goes over the parameters.
 */
#ifndef POSTERN_LIB_POSTFIX_COMPARE_PARTS_H
#define POSTERN_LIB_POSTFIX_COMPARE_PARTS_H

#include "lib/postfix/compare.h"

/* A comparison that is being made, at one parameter. */
struct comparing {
    const struct compare_input *in;
    struct comparison *out;
    const struct parameter *row;
    const char *name;  /* the parameter's */
    const char *today; /* its values */
    const char *plain;
    const char *secured;
    bool set;    /* compare_is_set() of it */
    bool said;   /* there is a finding */
    bool failed; /* no memory */
};

/* --- compare_finding.c --------------------------------------------------------------------- */

/* Adds a finding about the parameter; `now` is borrowed. */
void compare_say(struct comparing *c, enum compare_verdict verdict, const char *now,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The same about something other than the parameter: a word of a list, a column. */
void compare_say_of(struct comparing *c, const char *name, enum compare_verdict verdict,
                    const char *today, const char *now, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* Today's value of another parameter. */
const char *compare_today(const struct comparing *c, const char *name);

/* Whether main.cf or a -o of today's service sets a parameter to something else than Postfix's own
 * value. */
bool compare_is_set(const struct comparing *c, const char *name);

bool compare_is_of_postscreen(const char *name);

/* --- compare_level.c ----------------------------------------------------------------------- */

/* What each of the two programs demands by its own parameters; compare_level() knows both. */
enum conf_tls compare_smtpd_level(const struct settings *values);
enum conf_tls compare_screen_level(const struct settings *values);

/* What today's service demands of a session. */
enum conf_tls compare_today_level(const struct comparing *c);

/* --- compare_behind.c ---------------------------------------------------------------------- */

/* Reports that the service behind has a different value than today's. */
void compare_carried(struct comparing *c);

/* Reports that the service behind does not have the value that it must have. */
void compare_ours(struct comparing *c);

/* --- the rules: each adds what it finds ---------------------------------------------------- */

void compare_tls(struct comparing *c);
void compare_suites(struct comparing *c);
void compare_world(struct comparing *c);

void compare_limits(struct comparing *c);

/* Whether a word is a network, or an address. */
bool compare_is_network(struct settings_word word, struct prefix *out);

void compare_milters(struct comparing *c);

/* The address of a milter in a list, without its own settings. */
struct settings_word compare_milter_at(struct settings_word item);

void compare_tables(struct comparing *c);

/* The text of a lookup table: what is within the braces of an inline one, or a file's. The caller
 * frees it. NULL: the table is not read, or there is no memory. */
char *compare_table_text(const struct comparing *c, struct settings_word table);

void compare_lists(struct comparing *c);

/* Whether the parameter is one of smtpd_restriction_classes, which the administrator made. */
bool compare_is_list_of_own(const struct comparing *c);

/* Fails if the service behind has a different list. */
void compare_list_of_own(struct comparing *c);

#endif
