/* The contents of the files that Postfix's settings and postern.conf name: certificates, names,
 * authorities, tables. */
#include "daemon/posternctl/postfix/postfix_compare.h"

#include "daemon/common/readfile.h"

#include <dirent.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct postfix_files {
    char certificates[POSTFIX_NAMES_SIZE];
    char names[POSTFIX_NAMES_SIZE];
    char more[POSTFIX_NAMES_SIZE];
    char fewer[POSTFIX_NAMES_SIZE];
};

/* --- certificates --------------------------------------------------------------------------- */

/* Adds all certificates of a file, or only the first. False: it cannot be read, or has none. */
static bool read_certificates(STACK_OF(X509) * into, const char *path, bool all)
{
    BIO *bio = BIO_new_file(path, "r");
    bool any = false;
    X509 *x509;

    while (bio != NULL && (all || !any) &&
           (x509 = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL)) != NULL) {
        any = true;
        if (sk_X509_push(into, x509) <= 0) {
            X509_free(x509);
            any = false;
            break;
        }
    }
    BIO_free(bio);
    ERR_clear_error();
    return any;
}

static bool has_certificate(STACK_OF(X509) * stack, const X509 *wanted)
{
    for (int i = 0; i < sk_X509_num(stack); i++) {
        if (X509_cmp(sk_X509_value(stack, i), wanted) == 0) {
            return true;
        }
    }
    return false;
}

/* The leaves of the listener's sets. */
static bool read_ours(STACK_OF(X509) * into, const struct conf_listener *listener)
{
    for (size_t s = 0; s < listener->num_sets; s++) {
        for (size_t i = 0; i < listener->sets[s]->num_certificates; i++) {
            if (!read_certificates(into, listener->sets[s]->certificates[i]->chain.text, false)) {
                return false;
            }
        }
    }
    return true;
}

/* Names the file if its leaf is not served. False: it cannot be read. */
static bool look_at_leaf(struct postfix_names *names, STACK_OF(X509) * ours, const char *path)
{
    STACK_OF(X509) *leaf = sk_X509_new_null();
    bool read = leaf != NULL && read_certificates(leaf, path, false);

    if (read && !has_certificate(ours, sk_X509_value(leaf, 0))) {
        postfix_add_name(names, path);
    }
    sk_X509_pop_free(leaf, X509_free);
    return read;
}

/* Which of today's certificates are in no set. False: not all files can be read. */
static bool compare_leaves(char out[POSTFIX_NAMES_SIZE], const struct conf_listener *listener,
                           const struct postfix_side *today)
{
    static const char *const single[] = {"smtpd_tls_cert_file", "smtpd_tls_eccert_file"};
    STACK_OF(X509) *ours = sk_X509_new_null();
    const char *chains = settings_get(&today->values, "smtpd_tls_chain_files");
    bool known = ours != NULL && read_ours(ours, listener);
    bool has_chains = chains[0] != '\0';
    struct postfix_names names = postfix_names_in(out);
    struct settings_word word;

    while (known && (word = settings_next_item(&chains)).at != NULL) {
        char *path = strndup(word.at, word.len);

        /* A key may have a file of its own. */
        known = path != NULL && (look_at_leaf(&names, ours, path) || access(path, R_OK) == 0);
        free(path);
    }
    for (size_t i = 0; known && !has_chains && i < sizeof single / sizeof single[0]; i++) {
        const char *path = settings_get(&today->values, single[i]);

        known = path[0] == '\0' || strcmp(path, "none") == 0 || look_at_leaf(&names, ours, path);
    }
    postfix_end_names(&names);
    sk_X509_pop_free(ours, X509_free);
    return known;
}

/* --- authorities ---------------------------------------------------------------------------- */

static void read_directory(STACK_OF(X509) * into, const char *path)
{
    DIR *directory = path[0] == '\0' ? NULL : opendir(path);
    const struct dirent *entry;

    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        char file[1024];

        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        (void)read_certificates(into, file, true);
    }
    if (directory != NULL) {
        closedir(directory);
    }
}

static void name_missing(char out[POSTFIX_NAMES_SIZE], STACK_OF(X509) * these,
                         STACK_OF(X509) * there)
{
    struct postfix_names names = postfix_names_in(out);

    for (int i = 0; i < sk_X509_num(these); i++) {
        X509 *x509 = sk_X509_value(these, i);
        char name[128];

        if (!has_certificate(there, x509)) {
            X509_NAME_oneline(X509_get_subject_name(x509), name, sizeof name);
            postfix_add_name(&names, name);
        }
    }
    postfix_end_names(&names);
}

/* False: a file cannot be read. */
static bool compare_authorities(struct postfix_files *files, const struct conf_listener *listener,
                                const struct postfix_side *today)
{
    const char *file = settings_get(&today->values, "smtpd_tls_CAfile");
    STACK_OF(X509) *ours = sk_X509_new_null();
    STACK_OF(X509) *theirs = sk_X509_new_null();
    bool known = ours != NULL && theirs != NULL;

    if (known && listener->client_ca.text[0] != '\0') {
        known = read_certificates(ours, listener->client_ca.text, true);
    }
    if (known && file[0] != '\0') {
        known = read_certificates(theirs, file, true);
    }
    if (known) {
        read_directory(theirs, settings_get(&today->values, "smtpd_tls_CApath"));
        name_missing(files->more, ours, theirs);
        name_missing(files->fewer, theirs, ours);
    }
    sk_X509_pop_free(ours, X509_free);
    sk_X509_pop_free(theirs, X509_free);
    return known;
}

/* --- tables --------------------------------------------------------------------------------- */

/* The kinds that are built from a text with the same path, or are one. */
static bool has_text(const char *type, size_t len)
{
    static const char *const types[] = {"hash",     "lmdb", "btree", "cdb",    "dbm",
                                        "texthash", "cidr", "pcre",  "regexp", "sdbm"};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strlen(types[i]) == len && strncmp(type, types[i], len) == 0) {
            return true;
        }
    }
    return false;
}

/* Without the lines that are comments. */
static void drop_comments(char *text)
{
    char *to = text;

    for (char *line = text; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        size_t whole = len + (line[len] == '\n');

        if (line[strspn(line, " \t")] != '#') {
            memmove(to, line, whole);
            to += whole;
        }
        line += whole;
    }
    *to = '\0';
}

static char *read_text(const char *path)
{
    const char *reason;
    size_t len;
    uint8_t *bytes = readfile(path, &len, NULL, &reason);
    char *text = bytes == NULL ? NULL : strndup((const char *)bytes, len);

    free(bytes);
    if (text != NULL) {
        drop_comments(text);
    }
    return text;
}

char *postfix_read_table(void *arg, const char *table)
{
    const char *colon;

    (void)arg;
    while (strncmp(table, "proxy:", strlen("proxy:")) == 0) {
        table += strlen("proxy:");
    }
    colon = strchr(table, ':');
    if (colon == NULL) {
        return table[0] == '/' ? read_text(table) : NULL;
    }
    if (strncmp(table, "static:", strlen("static:")) == 0 ||
        strncmp(table, "inline:", strlen("inline:")) == 0) {
        return strdup(colon + 1);
    }
    /* A relative path is a file of Postfix's queue directory, and not of this one. */
    return colon[1] == '/' && has_text(table, (size_t)(colon - table)) ? read_text(colon + 1)
                                                                       : NULL;
}

/* --- server names --------------------------------------------------------------------------- */

/* Postfix's ".example.com" is our "*.example.com". */
static bool is_name_of(const struct conf_listener *listener, const char *key)
{
    for (size_t s = 0; s < listener->num_sets; s++) {
        const struct conf_texts *names = &listener->sets[s]->names;

        for (size_t i = 0; i < names->num; i++) {
            const char *name = names->items[i].text;

            if (strcasecmp(key[0] == '.' && name[0] == '*' ? name + 1 : name, key) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* The keys are at the beginning of lines. False: it cannot be read. */
static bool compare_names(char out[POSTFIX_NAMES_SIZE], const struct conf_listener *listener,
                          const char *table)
{
    char *text = postfix_read_table(NULL, table);
    bool known = text != NULL;
    struct postfix_names names = postfix_names_in(out);

    for (const char *line = text; line != NULL && *line != '\0';) {
        size_t len = strcspn(line, "\n");
        size_t key = strcspn(line, " \t\n");

        if (key > 0 && key < SETTINGS_NAME_SIZE) {
            char name[SETTINGS_NAME_SIZE];

            memcpy(name, line, key);
            name[key] = '\0';
            if (!is_name_of(listener, name)) {
                postfix_add_name(&names, name);
            }
        }
        line += len + (line[len] == '\n');
    }
    postfix_end_names(&names);
    free(text);
    return known;
}

/* --- all ------------------------------------------------------------------------------------ */

struct postfix_files *postfix_files_new(const struct conf_listener *listener,
                                        const struct postfix_side *today, struct compare_files *out)
{
    struct postfix_files *files = calloc(1, sizeof *files);
    const char *names = settings_get(&today->values, "tls_server_sni_maps");

    *out = (struct compare_files){0};
    if (files == NULL) {
        return NULL;
    }
    out->certificates =
        compare_leaves(files->certificates, listener, today) ? files->certificates : NULL;
    out->names =
        names[0] == '\0' || compare_names(files->names, listener, names) ? files->names : NULL;
    if (compare_authorities(files, listener, today)) {
        out->authorities_more = files->more;
        out->authorities_fewer = files->fewer;
    }
    return files;
}

void postfix_files_free(struct postfix_files *files)
{
    free(files);
}
