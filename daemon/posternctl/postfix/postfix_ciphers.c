/*
 * Theory of operation: Postfix's lists use OpenSSL's syntax, so only libssl knows what they mean.
 * Both lists are made with it, and compared as sets: the order differs, but does not affect who is
 * served. The clients of `check`, each with the best certificate that it could get, show whom the
 * difference shuts out.
 */
#include "daemon/posternctl/postfix/postfix_compare.h"

#include "daemon/tls/libssl.h"
#include "daemon/tls/tls_profile.h"
#include "lib/base/text.h"
#include "lib/tls/clients.h"
#include "lib/tls/names.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LIST_SIZE = 2048, SUITES_MAX = 256, GROUPS_MAX = 64 };

struct postfix_ciphers {
    char opened[POSTFIX_NAMES_SIZE];
    char closed[POSTFIX_NAMES_SIZE];
    char clients[POSTFIX_NAMES_SIZE];
    char groups[POSTFIX_NAMES_SIZE];
    uint16_t suites[SUITES_MAX]; /* today's, those of TLS 1.3 among them */
    size_t num_suites;
    bool anonymous;
    uint16_t group_ids[GROUPS_MAX]; /* today's, as far as they have a number here */
    size_t num_groups;
    unsigned versions; /* today's, as in struct compare_ciphers */
};

/* --- what Postfix says ---------------------------------------------------------------------- */

static bool is_mandatory(const struct postfix_side *today)
{
    return compare_is_mandatory(compare_level(&today->values, today->postscreen));
}

static const char *value(const struct postfix_side *today, const char *name)
{
    return settings_get(&today->values, name);
}

static bool asks_certificate(const struct postfix_side *today)
{
    return settings_yes(&today->values, "smtpd_tls_ask_ccert") ||
           (settings_yes(&today->values, "smtpd_tls_req_ccert") && is_mandatory(today));
}

static void exclude(struct text *t, const char *words)
{
    struct settings_word word;

    while ((word = settings_next_word(&words)).at != NULL) {
        text_addf(t, ":!%.*s", (int)word.len, word.at);
    }
}

/* Today's list in OpenSSL's words. */
static void write_list(struct text *t, const struct postfix_side *today)
{
    bool mandatory = is_mandatory(today);
    const char *grade =
        value(today, mandatory ? "smtpd_tls_mandatory_ciphers" : "smtpd_tls_ciphers");
    char name[SETTINGS_NAME_SIZE];

    snprintf(name, sizeof name, "tls_%.32s_cipherlist", grade);
    text_add(t, value(today, name));
    exclude(t, value(today, "smtpd_tls_exclude_ciphers"));
    if (mandatory) {
        exclude(t, value(today, "smtpd_tls_mandatory_exclude_ciphers"));
    }
    if (asks_certificate(today)) {
        exclude(t, "aNULL");
    }
    if (strcasecmp(value(today, "smtpd_tls_eecdh_grade"), "none") == 0) {
        exclude(t, "kEECDH");
    }
}

/* Postfix takes a version by OpenSSL's name, or by its number in hex. */
static unsigned version_bit(struct settings_word word)
{
    for (unsigned version = TLS10; version <= TLS13; version++) {
        char number[sizeof "00000301"];

        snprintf(number, sizeof number, "%04x", version);
        if (settings_is_word(word, version_name((uint16_t)version)) ||
            settings_is_word(word, number) ||
            (version == TLS10 && settings_is_word(word, "TLSv1.0"))) {
            return 1U << (version - TLS10);
        }
    }
    return 0;
}

/* The next word of a list of versions. They are also separated by colons, and by "=", so that ">"
 * and "<" are words before the version that they are about. */
static struct settings_word next_version(const char **rest)
{
    static const char between[] = " \t\r\n,:=";
    struct settings_word word = {.at = *rest + strspn(*rest, between)};

    word.len = strcspn(word.at, between);
    *rest = word.at + word.len;
    return word.len == 0 ? (struct settings_word){0} : word;
}

/* ">=TLSv1.2", "!TLSv1", "!SSLv3:!TLSv1", "TLSv1.2, TLSv1.3". */
static unsigned versions_of(const char *list)
{
    unsigned low = 0;
    unsigned high = 15;
    unsigned named = 0;
    unsigned excluded = 0;
    char before = '\0';
    struct settings_word word;

    while ((word = next_version(&list)).at != NULL) {
        bool negated = word.at[0] == '!';
        unsigned bit;

        if (word.len == 1 && (word.at[0] == '>' || word.at[0] == '<')) {
            before = word.at[0];
            continue;
        }
        word.at += negated;
        word.len -= negated;
        bit = version_bit(word);
        if (before == '>') {
            low = bit;
        } else if (before == '<' && bit != 0) {
            high = bit * 2 - 1;
        } else if (negated) {
            excluded |= bit;
        } else {
            named |= bit;
        }
        before = '\0';
    }
    return (named != 0 ? named : 15U) & ~(low == 0 ? 0 : low - 1) & high & ~excluded;
}

/* --- today's lists -------------------------------------------------------------------------- */

static void add_suite(struct postfix_ciphers *all, const SSL_CIPHER *cipher)
{
    uint16_t id = SSL_CIPHER_get_protocol_id(cipher);

    if (all->num_suites < SUITES_MAX) {
        all->suites[all->num_suites++] = id;
    }
    all->anonymous = all->anonymous || SSL_CIPHER_get_auth_nid(cipher) == NID_auth_null;
}

/* False: libssl knows none of it. */
static bool read_suites(struct postfix_ciphers *all, const struct postfix_side *today)
{
    char list[LIST_SIZE];
    struct text t = text_in(list, sizeof list);
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    STACK_OF(SSL_CIPHER) * ciphers;
    bool known;

    if (ctx == NULL) {
        return false;
    }
    write_list(&t, today);
    SSL_CTX_set_security_level(ctx, 0);
    known = !t.cut && SSL_CTX_set_cipher_list(ctx, list) == 1;
    ciphers = SSL_CTX_get_ciphers(ctx);
    for (int i = 0; known && i < sk_SSL_CIPHER_num(ciphers); i++) {
        add_suite(all, sk_SSL_CIPHER_value(ciphers, i));
    }
    SSL_CTX_free(ctx);
    ERR_clear_error();
    return known;
}

static void read_group_words(struct postfix_ciphers *all, const char *words)
{
    struct settings_word word;
    char name[SETTINGS_NAME_SIZE];

    while ((word = settings_next_word(&words)).at != NULL) {
        const struct group *group;

        snprintf(name, sizeof name, "%.*s", (int)word.len, word.at);
        group = strcasecmp(name, "prime256v1") == 0 ? group_by_name("P-256") : group_by_name(name);
        group = group == NULL && strcasecmp(name, "X25519") == 0 ? group_by_name("X25519") : group;
        if (group != NULL && all->num_groups < GROUPS_MAX) {
            all->group_ids[all->num_groups++] = group->id;
        }
    }
}

static void read_groups(struct postfix_ciphers *all, const struct postfix_side *today)
{
    const char *grade = value(today, "smtpd_tls_eecdh_grade");

    read_group_words(all,
                     value(today, strcasecmp(grade, "strong") == 0  ? "tls_eecdh_strong_curve"
                                  : strcasecmp(grade, "ultra") == 0 ? "tls_eecdh_ultra_curve"
                                                                    : "tls_eecdh_auto_curves"));
}

/* --- the differences ------------------------------------------------------------------------ */

static bool has(const uint16_t *ids, size_t num, uint16_t id)
{
    for (size_t i = 0; i < num; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

/* Suites that could be used with any certificate of ours. TLS 1.3 has its own, which no list of
 * Postfix's names. */
static bool is_compared(uint16_t id)
{
    const struct suite *suite = suite_by_id(id);

    return suite != NULL && suite->min_version < TLS13 &&
           (suite->auth == AUTH_RSA || suite->auth == AUTH_ECDSA) && suite->openssl[0] != '\0';
}

static void compare_suites(struct postfix_ciphers *all, const struct certsel_profile *now)
{
    struct postfix_names opened = postfix_names_in(all->opened);
    struct postfix_names closed = postfix_names_in(all->closed);

    for (size_t i = 0; i < now->num_suites; i++) {
        if (is_compared(now->suites[i]) && !has(all->suites, all->num_suites, now->suites[i])) {
            postfix_add_name(&opened, suite_by_id(now->suites[i])->openssl);
        }
    }
    for (size_t i = 0; i < all->num_suites; i++) {
        if (is_compared(all->suites[i]) && !has(now->suites, now->num_suites, all->suites[i])) {
            postfix_add_name(&closed, suite_by_id(all->suites[i])->openssl);
        }
    }
    postfix_end_names(&opened);
    postfix_end_names(&closed);
}

/* Those that a profile may have; in TLS 1.3 posternd deliberately has no DHE group. */
static void compare_groups(struct postfix_ciphers *all, const struct certsel_profile *now)
{
    struct postfix_names lacking = postfix_names_in(all->groups);

    for (size_t i = 0; i < all->num_groups; i++) {
        const struct group *group = group_by_id(all->group_ids[i]);

        if (!has(now->groups, now->num_groups, group->id) &&
            strncmp(group->name, "ffdhe", 5) != 0) {
            postfix_add_name(&lacking, group_openssl_name(group->id));
        }
    }
    postfix_end_names(&lacking);
}

static bool is_served(const struct certsel_profile *rules, const struct client *client,
                      const char *sni)
{
    uint8_t buffer[HELLO_SIZE_MAX];
    struct bytes message = bytes_of(buffer, client_hello(client, sni, buffer, sizeof buffer));
    struct hello hello;
    const char *why;
    enum hello_result decoded = client->sslv2 ? hello_decode_sslv2(&hello, message, &why)
                                              : hello_decode(&hello, message, &why);

    return decoded == HELLO_DONE && certsel_would_fit(rules, &hello) != 0;
}

static void compare_clients(struct postfix_ciphers *all, const struct certsel_profile *now,
                            const char *sni)
{
    struct postfix_names lost = postfix_names_in(all->clients);
    struct certsel_profile today = *now;

    today.security_level = 0;
    today.min_version = (all->versions & 1) != 0   ? TLS10
                        : (all->versions & 2) != 0 ? TLS11
                        : (all->versions & 4) != 0 ? TLS12
                                                   : TLS13;
    today.max_version = (all->versions & 8) != 0   ? TLS13
                        : (all->versions & 4) != 0 ? TLS12
                        : (all->versions & 2) != 0 ? TLS11
                                                   : TLS10;
    today.suites = all->suites;
    today.num_suites = all->num_suites;
    for (size_t i = 0; i < clients_num(); i++) {
        const struct client *client = client_at(i);

        if (is_served(&today, client, sni) && !is_served(now, client, sni)) {
            postfix_add_name(&lost, client->name);
        }
    }
    postfix_end_names(&lost);
}

static unsigned versions_between(const struct certsel_profile *rules)
{
    unsigned bits = 0;

    for (unsigned version = TLS10; version <= TLS13; version++) {
        if (version >= rules->min_version && version <= rules->max_version) {
            bits |= 1U << (version - TLS10);
        }
    }
    return bits;
}

/* --- all ------------------------------------------------------------------------------------ */

/* False: the profile cannot be applied, which is reported when the configuration is loaded. */
static bool compare_profile(struct postfix_ciphers *all, const struct conf *conf,
                            const struct conf_listener *listener, struct compare_ciphers *out)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    struct tls_profile profile = {0};
    struct conf_error error;
    bool done =
        ctx != NULL && tls_profile_apply(&profile, ctx, NULL, conf, listener->profile, &error) == 0;

    if (done) {
        compare_suites(all, &profile.rules);
        compare_groups(all, &profile.rules);
        compare_clients(all, &profile.rules, conf->hostname.text);
        out->now = versions_between(&profile.rules);
    }
    tls_profile_free(&profile);
    SSL_CTX_free(ctx);
    ERR_clear_error();
    return done;
}

struct postfix_ciphers *postfix_ciphers_new(const struct conf *conf,
                                            const struct conf_listener *listener,
                                            const struct postfix_side *today,
                                            struct compare_ciphers *out)
{
    struct postfix_ciphers *all = calloc(1, sizeof *all);

    *out = (struct compare_ciphers){0};
    if (all == NULL || listener->tls == CONF_TLS_NONE) {
        return all;
    }
    all->versions = versions_of(value(today, is_mandatory(today) ? "smtpd_tls_mandatory_protocols"
                                                                 : "smtpd_tls_protocols"));
    read_groups(all, today);
    *out = (struct compare_ciphers){.today = all->versions,
                                    .opened = all->opened,
                                    .closed = all->closed,
                                    .clients = all->clients,
                                    .groups = all->groups};
    out->known = read_suites(all, today) && compare_profile(all, conf, listener, out);
    out->today_anonymous = all->anonymous;
    return all;
}

/* The word of a version's bit. */
static const char *version_word(unsigned bit)
{
    uint16_t version = TLS10;

    while (version < TLS13 && bit != 1U << (version - TLS10)) {
        version++;
    }
    return version_name(version);
}

static void print_versions(const struct postfix_ciphers *all, const char *before, FILE *out)
{
    unsigned lowest = all->versions & -all->versions;
    unsigned highest = 8;

    while ((all->versions & highest) == 0 && highest > 1) {
        highest /= 2;
    }
    fprintf(out, "%s        min_protocol = \"%s\"\n", before, version_word(lowest));
    if (highest != 8) {
        fprintf(out, "%s        max_protocol = \"%s\"\n", before, version_word(highest));
    }
}

/* Whether the profile opens something, or shuts somebody out. */
static bool is_told_of_profile(const struct postfix_compared *c)
{
    for (size_t i = 0; i < c->result.num; i++) {
        const struct compare_finding *finding = &c->result.findings[i];
        const struct parameter *row = parameter_find(finding->parameter);

        if (finding->verdict == COMPARE_FAIL && row != NULL && row->option != NULL &&
            (strcmp(row->option, "ciphers") == 0 || strcmp(row->option, "min_protocol") == 0)) {
            return true;
        }
    }
    return c->ciphers->clients[0] != '\0';
}

void postfix_print_profile(const struct postfix_compared *c, const char *before, FILE *out)
{
    const struct postfix_ciphers *all = c->ciphers;
    const char *name = c->listener->name;

    if (c->listener->profile->line != 0 || !is_told_of_profile(c)) {
        return;
    }
    fprintf(out,
            "%sFor listener \"%s\", tls_profile = \"postfix-%s\" has the versions and suites of "
            "today's service:\n%s    tls_profile \"postfix-%s\" {\n",
            before, name, name, before, name);
    print_versions(all, before, out);
    fprintf(out, "%s        ciphers = \"", before);
    for (size_t i = 0; i < all->num_suites; i++) {
        if (is_compared(all->suites[i])) {
            fprintf(out, "%s:", suite_by_id(all->suites[i])->openssl);
        }
    }
    /* TLS 1.0 and 1.1 are for level 0 only. */
    fprintf(out, "@SECLEVEL=0\"\n%s    }\n", before);
}

void postfix_ciphers_free(struct postfix_ciphers *ciphers)
{
    free(ciphers);
}
