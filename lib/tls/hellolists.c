#include "lib/tls/hellolists.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/base/hex.h"
#include "lib/tls/hellobuild.h"
#include "lib/tls/names.h"

/* X25519MLKEM768 */
enum { HYBRID = 0x11ec };

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

/* A name is shorter than NAME_SIZE; WORD_MAX characters are shown of a word that means nothing. */
enum { IDS_MAX = 1024, NAME_SIZE = 64, WORD_MAX = 40 };

/* Finds the number of a name. */
typedef bool find_id(const char *name, uint16_t *out);

/* One list while it is read. */
struct reading {
    const char *option; /* as it is called on the command line */
    const char *what;   /* what a word may name */
    find_id *find;
    uint16_t ids[IDS_MAX];
    size_t num;
    bool half;      /* the first byte of the next number has been read */
    uint8_t first;  /* that byte */
    bool was_name;  /* the last word was a name */
    bool in_parens; /* after a name: its number */
    struct text *why;
};

/* --- names ---------------------------------------------------------------------------------- */

static bool find_suite(const char *name, uint16_t *out)
{
    const struct suite *suite = suite_by_name(name);

    *out = suite != NULL ? suite->id : 0;
    return suite != NULL;
}

static bool find_group(const char *name, uint16_t *out)
{
    /* OpenSSL knows this curve by two names. */
    const struct group *group = group_by_name(strcmp(name, "prime256v1") == 0 ? "P-256" : name);

    *out = group != NULL ? group->id : 0;
    return group != NULL;
}

/* "RSA+SHA256": OpenSSL also accepts this form for schemes that have an IANA name. */
static bool find_pair(const char *name, uint16_t *out)
{
    static const struct {
        const char *name;
        uint8_t number;
    } hashes[] = {{"SHA1", 2}, {"SHA224", 3}, {"SHA256", 4}, {"SHA384", 5}, {"SHA512", 6}},
      keys[] = {{"RSA+", 1}, {"DSA+", 2}, {"ECDSA+", 3}}, pss[] = {{"RSA-PSS+", 8}, {"PSS+", 8}};
    const char *plus = strchr(name, '+');
    size_t len = plus != NULL ? (size_t)(plus - name) + 1 : 0;

    for (size_t h = 0; len > 0 && h < NUM(hashes); h++) {
        if (strcmp(name + len, hashes[h].name) != 0) {
            continue;
        }
        for (size_t k = 0; k < NUM(keys); k++) {
            if (strlen(keys[k].name) == len && memcmp(name, keys[k].name, len) == 0) {
                *out = (uint16_t)(hashes[h].number << 8 | keys[k].number);
                return true;
            }
        }
        for (size_t k = 0; k < NUM(pss); k++) {
            if (strlen(pss[k].name) == len && memcmp(name, pss[k].name, len) == 0) {
                *out = (uint16_t)(pss[k].number << 8 | hashes[h].number);
                return scheme_by_id(*out) != NULL;
            }
        }
    }
    return false;
}

static bool find_scheme(const char *name, uint16_t *out)
{
    const struct scheme *scheme = scheme_by_name(name);

    if (scheme == NULL) {
        return find_pair(name, out);
    }
    *out = scheme->id;
    return true;
}

/* "1.2" and "1", with or without "TLS" or "TLSv" in whatever case; "SSLv3". */
static bool find_version(const char *name, uint16_t *out)
{
    char full[NAME_SIZE + 4];

    if (strcmp(name, version_name(SSL3)) == 0) {
        *out = SSL3;
        return true;
    }
    if (strncasecmp(name, "TLSv", 4) == 0) {
        name += 4;
    } else if (strncasecmp(name, "TLS", 3) == 0) {
        name += 3;
    }
    snprintf(full, sizeof full, "TLSv%s", name);
    *out = version_by_name(full);
    return *out != 0;
}

/* --- lists ---------------------------------------------------------------------------------- */

static bool add_id(struct reading *r, uint16_t id)
{
    if (r->num == IDS_MAX) {
        text_addf(r->why, "--%s: more than %d entries", r->option, IDS_MAX);
        return false;
    }
    r->ids[r->num++] = id;
    return true;
}

static bool add_byte(struct reading *r, uint8_t byte)
{
    r->half = !r->half;
    if (r->half) {
        r->first = byte;
        return true;
    }
    return add_id(r, (uint16_t)(r->first << 8 | byte));
}

static bool add_hex(struct reading *r, const char *word, size_t len)
{
    size_t skip = len > 2 && word[0] == '0' && (word[1] | 0x20) == 'x' ? 2 : 0;
    bool is_hex = len % 2 == 0;

    for (size_t i = skip; i < len; i++) {
        is_hex = is_hex && hex_value((uint8_t)word[i]) >= 0;
    }
    if (!is_hex) {
        text_addf(r->why, "--%s: \"", r->option);
        text_escaped(r->why, word, len, WORD_MAX);
        text_addf(r->why, "\" is neither hex bytes nor the name of a %s", r->what);
        return false;
    }
    for (size_t i = skip; i < len; i += 2) {
        if (!add_byte(
                r, (uint8_t)(hex_value((uint8_t)word[i]) << 4 | hex_value((uint8_t)word[i + 1])))) {
            return false;
        }
    }
    return true;
}

static bool add_word(struct reading *r, const char *word, size_t len)
{
    char name[NAME_SIZE] = "";
    uint16_t id;

    r->was_name = false;
    /* Names first: "ed25519" has nothing but hex digits. */
    if (!r->half && len < NAME_SIZE) {
        memcpy(name, word, len);
        r->was_name = r->find(name, &id);
    }
    return r->was_name ? add_id(r, id) : add_hex(r, word, len);
}

/* Lines of a protocol analyser's tree, such as "Cipher Suite: AES128-SHA (0x002f)". */
static bool is_tree(const char *list)
{
    return strstr(list, ": ") != NULL && strstr(list, "(0x") != NULL;
}

/* Only the numbers in parentheses of these count: the rest are labels, names and lengths. */
static bool read_tree(struct reading *r, const char *list)
{
    while ((list = strstr(list, "(0x")) != NULL) {
        size_t len = strcspn(++list, ")");

        if (!add_hex(r, list, len)) {
            return false;
        }
        list += len;
    }
    return true;
}

static bool read_words(struct reading *r, const char *list)
{
    while (*list != '\0') {
        size_t len = strcspn(list, " \t\r\n,:;{}()[]\\");

        if (len == 0) {
            r->in_parens = (*list == '(' && r->was_name) || (r->in_parens && *list != ')');
            list++;
            continue;
        }
        /* "TLS 1.2" is a version in two words. */
        if (!r->in_parens && (len != 3 || memcmp(list, "TLS", 3) != 0) && !add_word(r, list, len)) {
            return false;
        }
        list += len;
    }
    return true;
}

static bool read_list(struct reading *r, const char *list)
{
    if (!(is_tree(list) ? read_tree(r, list) : read_words(r, list))) {
        return false;
    }
    if (r->half) {
        text_addf(r->why, "--%s: an odd number of bytes", r->option);
        return false;
    }
    return true;
}

static struct hello_ids ids_of(const struct reading *r, const char *list)
{
    return (struct hello_ids){.ids = r->ids, .num = r->num, .present = list != NULL};
}

/* A host name as in a hello: an IDN as A-labels. */
static bool check_sni(const char *name, struct text *why)
{
    size_t len = strlen(name);
    bool good = len > 0;

    for (size_t i = 0; i < len; i++) {
        good = good && name[i] > ' ' && name[i] < 0x7f;
    }
    if (!good) {
        text_add(why, "--sni: \"");
        text_escaped(why, name, len, WORD_MAX);
        text_add(why, "\" is not a host name; give an international name in its ASCII form "
                      "(xn--...)");
    }
    return good;
}

/* --- the hello ------------------------------------------------------------------------------ */

/* The versions of supported_versions, and the version in front of the hello. */
static void set_versions(struct hello_lists *out, struct reading *versions)
{
    uint16_t best = 0;

    for (size_t i = 0; i < versions->num; i++) {
        best = versions->ids[i] > best ? versions->ids[i] : best;
    }
    out->legacy_version = best < TLS12 ? best : TLS12;
    if (best < TLS13) {
        return;
    }
    for (size_t i = 0; versions->num == 1 && i < out->suites.num; i++) {
        const struct suite *suite = suite_by_id(out->suites.ids[i]);

        if (suite != NULL && suite->min_version < TLS13 && suite->kx != KX_NONE) {
            versions->ids[versions->num++] = TLS12;
        }
    }
    out->versions = (struct hello_ids){versions->ids, versions->num, true};
}

static bool is_usual(uint16_t group)
{
    static const uint16_t usual[] = {HYBRID, 0x001d, 0x0017, 0x0018, 0x0019, 0x001e};

    for (size_t i = 0; i < NUM(usual); i++) {
        if (group == usual[i]) {
            return true;
        }
    }
    return false;
}

/* One share, as most clients send: for the first group that clients have shares of. Those that
 * begin with the hybrid also send one for the next, in case the server does not know it. */
static void set_shares(struct hello_lists *out, uint16_t shares[2])
{
    out->shares = (struct hello_ids){.ids = shares, .present = out->versions.present};
    for (size_t i = 0; i < out->groups.num; i++) {
        size_t num = out->shares.num;

        if (is_usual(out->groups.ids[i]) && (num == 0 || (num == 1 && shares[0] == HYBRID))) {
            shares[out->shares.num++] = out->groups.ids[i];
        }
    }
}

size_t hellolists_build(const struct hellolists *lists, uint8_t *out, size_t size, struct text *why)
{
    struct reading version = {"version", "version", find_version, .why = why};
    struct reading suites = {"ciphers", "cipher suite", find_suite, .why = why};
    struct reading groups = {"groups", "group", find_group, .why = why};
    struct reading schemes = {"sigalgs", "signature scheme", find_scheme, .why = why};
    struct hello_lists hello = {.sni = lists->sni};
    uint16_t shares[2];
    size_t len;

    if ((lists->version != NULL && !read_list(&version, lists->version)) ||
        (lists->ciphers != NULL && !read_list(&suites, lists->ciphers)) ||
        (lists->groups != NULL && !read_list(&groups, lists->groups)) ||
        (lists->sigalgs != NULL && !read_list(&schemes, lists->sigalgs)) ||
        (lists->sni != NULL && !check_sni(lists->sni, why))) {
        return 0;
    }
    if (version.num == 0 || suites.num == 0) {
        text_add(why, version.num == 0 ? "--version is needed, for example --version 1.2"
                                       : "--ciphers is needed: a hello must name a cipher suite");
        return 0;
    }
    hello.suites = ids_of(&suites, lists->ciphers);
    hello.groups = ids_of(&groups, lists->groups);
    hello.schemes = ids_of(&schemes, lists->sigalgs);
    set_versions(&hello, &version);
    set_shares(&hello, shares);
    len = hello_build(&hello, out, size);
    if (len == 0) {
        text_add(why, "the lists are too long for a ClientHello");
    }
    return len;
}
