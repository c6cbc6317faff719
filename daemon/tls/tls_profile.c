/*
 * Theory of operation: libssl is more lenient than a configuration may be. It ignores unknown words
 * in a cipher list, and offers no way to ask for its groups and signature schemes. So each name is
 * first tried alone on a scratch SSL_CTX, and groups and schemes are always set by us, without
 * those that the security level would remove again.
 */
#include "daemon/tls/tls_profile.h"

#include "daemon/tls/libssl.h"
#include "daemon/tls/sslerror.h"
#include "lib/tls/names.h"
#include "lib/tls/strength.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Those of them that libssl has: the first is new in OpenSSL 3.5. */
#define DEFAULT_GROUPS "X25519MLKEM768:X25519:P-256:P-384:P-521:X448"

/* Never served: they need no certificate, or protect nothing. */
#define NO_SUITES ":!aNULL:!eNULL"

/* The longest word of a list in the configuration. */
#define WORD_SIZE 128

#define LIST_SIZE 512

/* What "" means in a profile. */
struct defaults {
    int min_version;
    int security_level;
    const char *ciphers;
};

/* Everything that runs, the best first; DHE last, because its cost is on the server. TLS 1.0 and
 * 1.1 sign with MD5 and SHA-1, which only level 0 allows. */
static const struct defaults opportunistic = {
    TLS1_VERSION, 0, "ECDHE+AESGCM:ECDHE+CHACHA20:ALL:!PSK:!SRP:!aDSS:+kDHE"};
static const struct defaults modern = {TLS1_2_VERSION, 2,
                                       "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20"
                                       ":!PSK:!SRP:!aDSS"};

/* libssl's own signature schemes in its order, except those for kinds of keys that the keystore
 * does not accept. The first three are new in OpenSSL 3.5. */
static const uint16_t scheme_order[] = {
    0x0905, 0x0906, 0x0904, 0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0809, 0x080a, 0x080b,
    0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0303, 0x0203, 0x0301, 0x0201,
};

#define NUM_SCHEMES (sizeof scheme_order / sizeof scheme_order[0])

struct job {
    struct tls_profile *out;
    SSL_CTX *ctx;
    SSL_CTX *scratch;
    const struct conf *conf;
    const struct conf_profile *profile;
    const struct defaults *defaults;
    struct conf_error *error;
    unsigned bits; /* asked for by the security level */
};

/* --- words ---------------------------------------------------------------------------------- */

/* The next word of a list; false at its end. Empty words are skipped; one that is too long is cut,
 * and so matches nothing. */
static bool next_word(const char **list, const char *separators, char word[WORD_SIZE])
{
    size_t len;

    *list += strspn(*list, separators);
    len = strcspn(*list, separators);
    if (len == 0) {
        return false;
    }
    memcpy(word, *list, len < WORD_SIZE ? len : WORD_SIZE - 1);
    word[len < WORD_SIZE ? len : WORD_SIZE - 1] = '\0';
    *list += len;
    return true;
}

static int check_ciphers(const struct job *job)
{
    const struct conf_text *ciphers = &job->profile->ciphers;
    const char *rest = ciphers->text;
    char word[WORD_SIZE];

    while (next_word(&rest, ":;, ", word)) {
        /* What is removed or moved need not exist: "!RC4" is right where there is no RC4. */
        if (strchr("!-+@", word[0]) != NULL) {
            continue;
        }
        if (strncmp(word, "SUITEB", 6) == 0) {
            return conf_fail(job->error, job->conf, ciphers->line,
                             "ciphers: \"%s\" is not supported", word);
        }
        if (SSL_CTX_set_cipher_list(job->scratch, word) != 1) {
            return conf_fail(job->error, job->conf, ciphers->line,
                             "ciphers: \"%s\" matches nothing", word);
        }
    }
    return 0;
}

static bool has_suite(const SSL_CTX *ctx, const char *name)
{
    STACK_OF(SSL_CIPHER) *suites = SSL_CTX_get_ciphers(ctx);

    for (int i = 0; i < sk_SSL_CIPHER_num(suites); i++) {
        if (strcmp(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(suites, i)), name) == 0) {
            return true;
        }
    }
    return false;
}

static int check_ciphersuites(const struct job *job)
{
    const struct conf_text *suites = &job->profile->ciphersuites;
    const char *rest = suites->text;
    char word[WORD_SIZE];

    while (next_word(&rest, ": ", word)) {
        if (SSL_CTX_set_ciphersuites(job->scratch, word) != 1 || !has_suite(job->scratch, word)) {
            return conf_fail(job->error, job->conf, suites->line,
                             "ciphersuites: \"%s\" matches nothing", word);
        }
    }
    return 0;
}

/* --- setting -------------------------------------------------------------------------------- */

static int set_suites(struct job *job)
{
    const struct conf_text *ciphers = &job->profile->ciphers;
    const struct conf_text *suites = &job->profile->ciphersuites;
    const char *base = ciphers->text[0] != '\0' ? ciphers->text : job->defaults->ciphers;
    size_t size;
    char *list;
    int result;

    if (check_ciphers(job) != 0 || check_ciphersuites(job) != 0) {
        return -1;
    }
    size = strlen(base) + sizeof NO_SUITES;
    list = malloc(size);
    if (list == NULL) {
        return conf_fail(job->error, job->conf, ciphers->line, "out of memory");
    }
    snprintf(list, size, "%s%s", base, NO_SUITES);
    SSL_CTX_set_security_level(job->ctx, job->defaults->security_level);
    result = SSL_CTX_set_cipher_list(job->ctx, list);
    free(list);
    if (result != 1) {
        return conf_fail(job->error, job->conf, ciphers->line, "ciphers: %s", sslerror_words());
    }
    if (suites->text[0] != '\0' && SSL_CTX_set_ciphersuites(job->ctx, suites->text) != 1) {
        return conf_fail(job->error, job->conf, suites->line, "ciphersuites: %s", sslerror_words());
    }
    job->out->rules.security_level = SSL_CTX_get_security_level(job->ctx);
    job->bits = strength_of_level(job->out->rules.security_level);
    return 0;
}

/* The numbers of IANA and OpenSSL are the same. */
static int version_of(const char *word, int fallback)
{
    int version = version_by_name(word);

    return version != 0 ? version : fallback;
}

static int set_versions(struct job *job)
{
    const struct conf_text *limit = &job->profile->max_protocol;
    int min = version_of(job->profile->min_protocol.text, job->defaults->min_version);
    int max = version_of(limit->text, TLS1_3_VERSION);

    if (max < min) {
        return conf_fail(job->error, job->conf, limit->line,
                         "max_protocol: no version remains between min_protocol and this");
    }
    /* Above level 0 a handshake of an older version could only end in an internal error of ours;
     * this way the client learns what is wrong. */
    if (job->out->rules.security_level > 0 && min < TLS1_2_VERSION) {
        min = TLS1_2_VERSION;
    }
    if (max < min) {
        return conf_fail(job->error, job->conf, limit->line,
                         "max_protocol: %s needs @SECLEVEL=0 in ciphers", limit->text);
    }
    if (SSL_CTX_set_min_proto_version(job->ctx, min) != 1 ||
        SSL_CTX_set_max_proto_version(job->ctx, max) != 1) {
        return conf_fail(job->error, job->conf, limit->line, "max_protocol: %s", sslerror_words());
    }
    job->out->rules.min_version = (uint16_t)min;
    job->out->rules.max_version = (uint16_t)max;
    return 0;
}

/* Appends ":name" to a list for libssl. False if it does not fit. */
static bool append(char *list, size_t size, const char *name)
{
    size_t len = strlen(list);
    int more = snprintf(list + len, size - len, "%s%s", len == 0 ? "" : ":", name);

    return more > 0 && (size_t)more < size - len;
}

static bool has_id(const uint16_t *ids, size_t num, uint16_t id)
{
    for (size_t i = 0; i < num; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

/* Whether libssl accepts a list of one group, or of one scheme. Its macros accept no constant
 * texts. */
static bool takes_group(SSL_CTX *ctx, const char *name)
{
    char list[WORD_SIZE] = "";

    return append(list, sizeof list, name) && SSL_CTX_set1_groups_list(ctx, list) == 1;
}

static bool takes_scheme(SSL_CTX *ctx, const char *name)
{
    char list[WORD_SIZE] = "";

    return append(list, sizeof list, name) && SSL_CTX_set1_sigalgs_list(ctx, list) == 1;
}

/* Whether libssl has a group; NULL is none. */
static bool runs_group(const struct job *job, const struct group *group)
{
    return group != NULL && group->bits != 0 && takes_group(job->scratch, group->openssl);
}

/* The group that a word of the configuration names; NULL with an error. */
static const struct group *named_group(const struct job *job, const char *word)
{
    const struct group *group = group_by_name(word);

    if (runs_group(job, group)) {
        return group;
    }
    if (group != NULL && group->bits != 0) {
        (void)conf_fail(job->error, job->conf, job->profile->groups.line,
                        "groups: this machine's OpenSSL, %s, has no \"%s\"",
                        OpenSSL_version(OPENSSL_VERSION_STRING), word);
    } else {
        (void)conf_fail(job->error, job->conf, job->profile->groups.line,
                        "groups: \"%s\" matches nothing", word);
    }
    return NULL;
}

bool tls_profile_has_group(OSSL_LIB_CTX *libctx, const char *name)
{
    SSL_CTX *scratch = SSL_CTX_new_ex(libctx, NULL, TLS_server_method());
    bool has = scratch != NULL && takes_group(scratch, name);

    SSL_CTX_free(scratch);
    ERR_clear_error();
    return has;
}

static int set_groups(struct job *job)
{
    const struct conf_text *text = &job->profile->groups;
    bool named = text->text[0] != '\0';
    const char *rest = named ? text->text : DEFAULT_GROUPS;
    uint16_t *ids = calloc(strlen(rest) + 1, sizeof *ids);
    char list[LIST_SIZE] = "";
    char word[WORD_SIZE];
    size_t num = 0;

    if (ids == NULL) {
        return conf_fail(job->error, job->conf, text->line, "out of memory");
    }
    job->out->groups = ids;
    job->out->rules.groups = ids;
    while (next_word(&rest, ":", word)) {
        const struct group *group = named ? named_group(job, word) : group_by_name(word);

        if (group == NULL) {
            return -1;
        }
        if (!named && !runs_group(job, group)) {
            continue;
        }
        if (has_id(ids, num, group->id)) {
            return conf_fail(job->error, job->conf, text->line, "groups: \"%s\" is listed twice",
                             word);
        }
        if (group->bits >= job->bits && append(list, sizeof list, group->openssl)) {
            ids[num++] = group->id;
        }
    }
    job->out->rules.num_groups = num;
    if (num == 0) {
        return conf_fail(job->error, job->conf, text->line,
                         "groups: none is left at security level %d",
                         job->out->rules.security_level);
    }
    if (SSL_CTX_set1_groups_list(job->ctx, list) != 1) {
        return conf_fail(job->error, job->conf, text->line, "groups: %s", sslerror_words());
    }
    return 0;
}

static int set_schemes(struct job *job)
{
    uint16_t *ids = calloc(NUM_SCHEMES, sizeof *ids);
    char list[LIST_SIZE] = "";
    bool fits = true;

    if (ids == NULL) {
        return conf_fail(job->error, job->conf, job->profile->line, "out of memory");
    }
    job->out->schemes = ids;
    job->out->rules.schemes = ids;
    for (size_t i = 0; i < NUM_SCHEMES; i++) {
        const struct scheme *scheme = scheme_by_id(scheme_order[i]);

        if (strength_of_scheme(scheme) >= job->bits &&
            takes_scheme(job->scratch, scheme->openssl)) {
            fits = fits && append(list, sizeof list, scheme->openssl);
            ids[job->out->rules.num_schemes++] = scheme->id;
        }
    }
    if (!fits || SSL_CTX_set1_sigalgs_list(job->ctx, list) != 1) {
        return conf_fail(job->error, job->conf, job->profile->line, "signature schemes: %s",
                         sslerror_words());
    }
    return 0;
}

/* --- reading back --------------------------------------------------------------------------- */

/* Writes the suites that libssl would really use into `out`; returns how many, 0 also without
 * memory. */
static size_t read_suites(struct tls_profile *out, SSL_CTX *ctx)
{
    SSL *ssl = SSL_new(ctx);
    STACK_OF(SSL_CIPHER) *suites = ssl == NULL ? NULL : SSL_get1_supported_ciphers(ssl);
    int num = suites == NULL ? 0 : sk_SSL_CIPHER_num(suites);
    uint16_t *ids = calloc((size_t)num + 1, sizeof *ids);

    free(out->suites);
    out->suites = ids;
    out->rules.suites = ids;
    out->rules.num_suites = 0;
    for (int i = 0; ids != NULL && i < num; i++) {
        ids[out->rules.num_suites++] = SSL_CIPHER_get_protocol_id(sk_SSL_CIPHER_value(suites, i));
    }
    sk_SSL_CIPHER_free(suites);
    SSL_free(ssl);
    return out->rules.num_suites;
}

static int check_suites(const struct job *job)
{
    if (read_suites(job->out, job->ctx) == 0) {
        return conf_fail(job->error, job->conf, job->profile->ciphers.line,
                         "ciphers: no suite is left for the versions allowed");
    }
    return 0;
}

static int probe_libssl(const struct job *job, OSSL_LIB_CTX *libctx)
{
    if (libssl_probe(&job->out->rules.libssl, libctx) != 0) {
        return conf_fail(job->error, job->conf, job->profile->line,
                         "TLS cannot be set up: libssl does not answer the test hellos");
    }
    return 0;
}

int tls_profile_apply(struct tls_profile *out, SSL_CTX *ctx, OSSL_LIB_CTX *libctx,
                      const struct conf *conf, const struct conf_profile *profile,
                      struct conf_error *error)
{
    struct job job = {
        .out = out,
        .ctx = ctx,
        .scratch = SSL_CTX_new_ex(libctx, NULL, TLS_server_method()),
        .conf = conf,
        .profile = profile,
        .defaults = strcmp(profile->name, "modern") == 0 ? &modern : &opportunistic,
        .error = error,
    };
    int result = -1;

    *out = (struct tls_profile){0};
    if (job.scratch == NULL) {
        return conf_fail(error, conf, profile->line, "TLS cannot be set up: %s", sslerror_words());
    }
    SSL_CTX_set_security_level(job.scratch, 0);
    if (set_suites(&job) == 0 && set_versions(&job) == 0 && set_groups(&job) == 0 &&
        set_schemes(&job) == 0 && check_suites(&job) == 0 && probe_libssl(&job, libctx) == 0) {
        result = 0;
    }
    SSL_CTX_free(job.scratch);
    ERR_clear_error();
    return result;
}

int tls_profile_make_anonymous(struct tls_profile *profile, SSL_CTX *ctx)
{
    struct certsel_profile *rules = &profile->rules;

    if (rules->max_version > TLS1_2_VERSION) {
        rules->max_version = TLS1_2_VERSION;
    }
    if (rules->min_version > rules->max_version ||
        SSL_CTX_set_max_proto_version(ctx, rules->max_version) != 1 ||
        SSL_CTX_set_cipher_list(ctx, "AECDH:ADH:!eNULL") != 1) {
        return -1;
    }
    return read_suites(profile, ctx) > 0 ? 0 : -1;
}

void tls_profile_free(struct tls_profile *profile)
{
    free(profile->suites);
    free(profile->groups);
    free(profile->schemes);
    *profile = (struct tls_profile){0};
}
