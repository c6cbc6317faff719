/* What the files of compare share. */
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

/* Adds a finding about the parameter; `now` is borrowed. */
void compare_say(struct comparing *c, enum compare_verdict verdict, const char *now,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The same about something else than the parameter: a word of a list, a column. */
void compare_say_of(struct comparing *c, const char *name, enum compare_verdict verdict,
                    const char *today, const char *now, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* Whether main.cf or a -o of today's service sets a parameter to something else than Postfix's own
 * value. */
bool compare_is_set(const struct comparing *c, const char *name);

/* What today's service demands of a session. */
enum conf_tls compare_today_level(const struct comparing *c);

/* Today's value of another parameter. */
const char *compare_today(const struct comparing *c, const char *name);

/* Whether the parameter is one of smtpd_restriction_classes, which the administrator made. */
bool compare_is_list_of_own(const struct comparing *c);

/* Fails where the service behind has another list. */
void compare_list_of_own(struct comparing *c);

/* Says where the service behind has another value than today's. */
void compare_carried(struct comparing *c);

/* The text of a lookup table: what is within the braces of an inline one, or a file's. The caller
 * frees it. NULL: it is not looked into, or there is no memory. */
char *compare_table_text(const struct comparing *c, struct settings_word table);

/* Where a milter of a list is, without the settings it has of its own. */
struct settings_word compare_milter_at(struct settings_word item);

/* Whether a word is a network, or an address. */
bool compare_is_network(struct settings_word word, struct prefix *out);

/* The rules; each adds what it finds. */
void compare_tls(struct comparing *c);
void compare_suites(struct comparing *c);
void compare_limits(struct comparing *c);
void compare_lists(struct comparing *c);
void compare_milters(struct comparing *c);
void compare_tables(struct comparing *c);
void compare_world(struct comparing *c);

#endif
