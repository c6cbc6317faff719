/* The comparison's findings as text. */
#include "daemon/posternctl/postfix/postfix_compare.h"

#include <string.h>

/* How much is shown of a value of the administrator's, and of a list of names. */
enum { VALUE_MAX = 60, NAMES_MAX = 6 };

struct postfix_names postfix_names_in(char buf[POSTFIX_NAMES_SIZE])
{
    return (struct postfix_names){.text = text_in(buf, POSTFIX_NAMES_SIZE)};
}

void postfix_add_name(struct postfix_names *names, const char *name)
{
    if (names->num++ < NAMES_MAX) {
        text_addf(&names->text, "%s%s", names->num > 1 ? ", " : "", name);
    }
}

void postfix_end_names(struct postfix_names *names)
{
    if (names->num > NAMES_MAX) {
        text_addf(&names->text, " and %zu more", names->num - NAMES_MAX);
    }
}

/* In the order of printing: the most important first. */
static const struct {
    enum compare_verdict verdict;
    const char *word;
} order[] = {
    {COMPARE_FAIL, "FAIL"}, {COMPARE_NOT_JUDGED, "not judged"}, {COMPARE_STRICTER, "stricter"},
    {COMPARE_LOST, "lost"}, {COMPARE_EQUAL, "equal"},
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* "smtpd_tls_security_level = encrypt: ..." */
static void print_finding(const struct compare_finding *finding, FILE *out)
{
    size_t len = strlen(finding->today);

    fputs(finding->parameter, out);
    if (len > VALUE_MAX) {
        fprintf(out, " = %.*s...", VALUE_MAX, finding->today);
    } else if (len > 0) {
        fprintf(out, " = %s", finding->today);
    }
    fprintf(out, ": %s\n", finding->text);
}

static void print_one(const struct postfix_compared *c, const char *before, FILE *out)
{
    fprintf(out, "%slistener \"%s\": %s today, %s behind: %zu settings are the same\n", before,
            c->listener->name, c->today, c->behind, c->result.num_by_verdict[COMPARE_SAME]);
    for (size_t i = 0; i < COUNT(order); i++) {
        for (size_t f = 0; f < c->result.num; f++) {
            if (c->result.findings[f].verdict == order[i].verdict) {
                fprintf(out, "%s    %-10s  ", before, order[i].word);
                print_finding(&c->result.findings[f], out);
            }
        }
    }
}

void postfix_print_comparisons(const struct postfix_comparisons *all, const char *before, FILE *out)
{
    for (size_t i = 0; i < all->num; i++) {
        print_one(all->items[i], before, out);
    }
}

void postfix_tell(const struct postfix_comparisons *all, FILE *out)
{
    for (size_t i = 0; i < all->num; i++) {
        const struct postfix_compared *c = all->items[i];

        for (size_t k = 0; k < COUNT(order); k++) {
            for (size_t f = 0; f < c->result.num; f++) {
                if (order[k].verdict != COMPARE_EQUAL &&
                    c->result.findings[f].verdict == order[k].verdict) {
                    fprintf(out, "posternctl: %s: listener \"%s\": ", order[k].word,
                            c->listener->name);
                    print_finding(&c->result.findings[f], out);
                }
            }
        }
    }
}
