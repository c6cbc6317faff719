#include "daemon/tls/keystore.h"

#include "daemon/tls/sslerror.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The maximum number of certificates in a chain: libssl's clients accept at most ten by default. */
#define CHAIN_MAX 16

/* What one certificate section names, while its objects are created. */
struct loading {
    const struct conf *conf;
    const struct conf_certificate *certificate;
    OSSL_LIB_CTX *libctx;
    struct conf_error *error;
};

/* --- PEM ------------------------------------------------------------------------------------ */

/* One block of a PEM file. */
struct block {
    char *name;
    char *header;
    unsigned char *data;
    long len;
};

static void block_free(struct block *block)
{
    OPENSSL_free(block->name);
    OPENSSL_free(block->header);
    if (block->data != NULL) {
        OPENSSL_clear_free(block->data, (size_t)block->len);
    }
    *block = (struct block){0};
}

/* 1 with the next block, 0 at the end, -1 on broken PEM. */
static int next_block(BIO *bio, struct block *block)
{
    ERR_clear_error();
    *block = (struct block){0};
    if (PEM_read_bio(bio, &block->name, &block->header, &block->data, &block->len) == 1) {
        return 1;
    }
    return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? 0 : -1;
}

static bool is_certificate(const struct block *block)
{
    return strcmp(block->name, PEM_STRING_X509) == 0 ||
           strcmp(block->name, PEM_STRING_X509_OLD) == 0;
}

/* "PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY", ... */
static bool is_key(const struct block *block)
{
    static const char suffix[] = "PRIVATE KEY";
    size_t len = strlen(block->name);

    return len >= sizeof suffix - 1 && strcmp(block->name + len - (sizeof suffix - 1), suffix) == 0;
}

static bool is_encrypted(const struct block *block)
{
    return strcmp(block->name, PEM_STRING_PKCS8) == 0 || strstr(block->header, "ENCRYPTED") != NULL;
}

static int add_certificate(struct keystore_entry *entry, const struct loading *l,
                           const struct block *block)
{
    const struct conf_text *path = &l->certificate->chain;
    const unsigned char *at = block->data;
    X509 *x509 = X509_new_ex(l->libctx, NULL);

    if (d2i_X509(&x509, &at, block->len) == NULL) {
        X509_free(x509);
        return conf_fail(l->error, l->conf, path->line, "%s: not a certificate: %s", path->text,
                         sslerror_words());
    }
    if (entry->leaf == NULL) {
        entry->leaf = x509;
        return 0;
    }
    if (sk_X509_num(entry->chain) >= CHAIN_MAX || sk_X509_push(entry->chain, x509) == 0) {
        X509_free(x509);
        return conf_fail(l->error, l->conf, path->line, "%s: more than %d certificates", path->text,
                         CHAIN_MAX);
    }
    return 0;
}

static int add_key(struct keystore_entry *entry, const struct loading *l, const struct block *block)
{
    const struct conf_text *path = &l->certificate->key;
    const unsigned char *at = block->data;

    if (is_encrypted(block)) {
        return conf_fail(l->error, l->conf, path->line, "%s: the key is encrypted", path->text);
    }
    if (entry->key != NULL) {
        return conf_fail(l->error, l->conf, path->line, "%s: more than one key", path->text);
    }
    entry->key = d2i_AutoPrivateKey_ex(NULL, &at, block->len, l->libctx, NULL);
    if (entry->key == NULL) {
        return conf_fail(l->error, l->conf, path->line, "%s: the key cannot be read: %s",
                         path->text, sslerror_words());
    }
    return 0;
}

/* What a file is searched for. */
struct search {
    bool (*wants)(const struct block *block);
    int (*add)(struct keystore_entry *entry, const struct loading *l, const struct block *block);
};

/* Adds every block that is wanted. 0, or -1 with an error; `path` is the configured path. */
static int read_blocks(struct keystore_entry *entry, const struct loading *l,
                       const struct keyfile *file, const struct conf_text *path,
                       const struct search *search)
{
    BIO *bio = BIO_new_mem_buf(file->data, (int)file->len);
    struct block block;
    int more = -1;
    int result = 0;

    while (bio != NULL && result == 0 && (more = next_block(bio, &block)) == 1) {
        if (search->wants(&block)) {
            result = search->add(entry, l, &block);
        }
        block_free(&block);
    }
    BIO_free(bio);
    if (result == 0 && more < 0) {
        result = conf_fail(l->error, l->conf, path->line, "%s: broken PEM: %s", path->text,
                           sslerror_words());
    }
    return result;
}

static int load_chain(struct keystore_entry *entry, const struct loading *l,
                      const struct keyfile *file)
{
    static const struct search certificates = {is_certificate, add_certificate};
    const struct conf_text *path = &l->certificate->chain;

    if (read_blocks(entry, l, file, path, &certificates) != 0) {
        return -1;
    }
    if (entry->leaf == NULL) {
        return conf_fail(l->error, l->conf, path->line, "%s: it contains no certificate",
                         path->text);
    }
    return 0;
}

static int load_key(struct keystore_entry *entry, const struct loading *l,
                    const struct keyfile *file)
{
    static const struct search keys = {is_key, add_key};
    const struct conf_text *path = &l->certificate->key;

    if (read_blocks(entry, l, file, path, &keys) != 0) {
        return -1;
    }
    if (entry->key == NULL) {
        return conf_fail(l->error, l->conf, path->line, "%s: it contains no private key",
                         path->text);
    }
    return 0;
}

/* --- what the choice needs to know ---------------------------------------------------------- */

/* The IANA group of an EC key, 0 for a curve that is not supported. */
static uint16_t curve_of(const EVP_PKEY *key)
{
    static const struct {
        const char *name;
        uint16_t id;
    } curves[] = {
        {"prime256v1", 0x0017}, {"P-256", 0x0017},     {"secp384r1", 0x0018},
        {"P-384", 0x0018},      {"secp521r1", 0x0019}, {"P-521", 0x0019},
    };
    char name[64];

    if (EVP_PKEY_get_group_name(key, name, sizeof name, NULL) != 1) {
        return 0;
    }
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
        if (strcmp(name, curves[i].name) == 0) {
            return curves[i].id;
        }
    }
    return 0;
}

/* ML-DSA's object identifiers (RFC 9881 section 2), known to OpenSSL from 3.5 on. */
static const struct {
    const char *oid;
    uint16_t scheme;
} mldsa[] = {
    {"2.16.840.1.101.3.4.3.17", 0x0904},
    {"2.16.840.1.101.3.4.3.18", 0x0905},
    {"2.16.840.1.101.3.4.3.19", 0x0906},
};

#define NUM_MLDSA (sizeof mldsa / sizeof mldsa[0])

/* The scheme of a signature algorithm, or 0. */
static uint16_t mldsa_scheme(int nid)
{
    for (size_t i = 0; i < NUM_MLDSA; i++) {
        if (nid != NID_undef && OBJ_txt2nid(mldsa[i].oid) == nid) {
            return mldsa[i].scheme;
        }
    }
    return 0;
}

/*
 * The signature scheme on `x509` as libssl checks it against signature_algorithms_cert: by digest
 * and kind of key, so that for ECDSA the issuer's curve does not matter, and RSA-PSS has the number
 * for RSA keys (0x0804) whatever the issuer's key is.
 */
static uint16_t scheme_of(X509 *x509)
{
    static const struct {
        int key;
        int digest;
        uint16_t scheme;
    } table[] = {
        {EVP_PKEY_RSA, NID_sha1, 0x0201},       {EVP_PKEY_EC, NID_sha1, 0x0203},
        {EVP_PKEY_RSA, NID_sha224, 0x0301},     {EVP_PKEY_EC, NID_sha224, 0x0303},
        {EVP_PKEY_RSA, NID_sha256, 0x0401},     {EVP_PKEY_EC, NID_sha256, 0x0403},
        {EVP_PKEY_RSA, NID_sha384, 0x0501},     {EVP_PKEY_EC, NID_sha384, 0x0503},
        {EVP_PKEY_RSA, NID_sha512, 0x0601},     {EVP_PKEY_EC, NID_sha512, 0x0603},
        {EVP_PKEY_RSA_PSS, NID_sha256, 0x0804}, {EVP_PKEY_RSA_PSS, NID_sha384, 0x0805},
        {EVP_PKEY_RSA_PSS, NID_sha512, 0x0806}, {EVP_PKEY_ED25519, NID_undef, 0x0807},
        {EVP_PKEY_ED448, NID_undef, 0x0808},
    };
    int digest;
    int key;

    if (X509_get_signature_info(x509, &digest, &key, NULL, NULL) != 1) {
        return 0;
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].key == key && table[i].digest == digest) {
            return table[i].scheme;
        }
    }
    return mldsa_scheme(X509_get_signature_nid(x509));
}

bool keystore_kind_of(const EVP_PKEY *key, enum key_kind *out)
{
    static const struct {
        const char *name;
        enum key_kind kind;
    } table[] = {
        {"RSA", KEY_RSA},           {"RSA-PSS", KEY_RSA_PSS},   {"EC", KEY_ECDSA},
        {"ED25519", KEY_ED25519},   {"ED448", KEY_ED448},       {"ML-DSA-44", KEY_MLDSA44},
        {"ML-DSA-65", KEY_MLDSA65}, {"ML-DSA-87", KEY_MLDSA87},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (EVP_PKEY_is_a(key, table[i].name) == 1) {
            *out = table[i].kind;
            return true;
        }
    }
    return false;
}

/* Whether the key is an ML-DSA key, known to this OpenSSL or not. */
static bool is_mldsa(const X509 *x509)
{
    ASN1_OBJECT *algorithm;
    char oid[64];

    if (X509_PUBKEY_get0_param(&algorithm, NULL, NULL, NULL, X509_get_X509_PUBKEY(x509)) != 1 ||
        OBJ_obj2txt(oid, sizeof oid, algorithm, 1) <= 0) {
        return false;
    }
    for (size_t i = 0; i < NUM_MLDSA; i++) {
        if (strcmp(oid, mldsa[i].oid) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether the certificate gives the curve of an EC key by explicit parameters. */
static bool is_explicit(const EVP_PKEY *key)
{
    int decoded = 0;

    return EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &decoded) ==
               1 &&
           decoded == 1;
}

static bool read_issuers(struct keystore_entry *entry)
{
    int num = 1 + sk_X509_num(entry->chain);

    entry->issuers = calloc((size_t)num, sizeof *entry->issuers);
    if (entry->issuers == NULL) {
        return false;
    }
    for (int i = 0; i < num; i++) {
        const X509 *x509 = i == 0 ? entry->leaf : sk_X509_value(entry->chain, i - 1);
        const unsigned char *der;
        size_t len;

        if (X509_NAME_get0_der(X509_get_issuer_name(x509), &der, &len) == 1) {
            entry->issuers[entry->rules.num_issuers++] = bytes_of(der, len);
        }
    }
    entry->rules.issuers = entry->issuers;
    return true;
}

/* The end of its validity, 0 if it cannot be read. */
static int64_t end_of(const X509 *x509)
{
    struct tm end;

    return ASN1_TIME_to_tm(X509_get0_notAfter(x509), &end) == 1 ? timegm(&end) : 0;
}

const char *keystore_read_rules(struct keystore_entry *entry)
{
    const EVP_PKEY *key = X509_get0_pubkey(entry->leaf);
    struct certsel_certificate *rules = &entry->rules;
    uint32_t usage = X509_get_key_usage(entry->leaf);

    if (key == NULL && is_mldsa(entry->leaf)) {
        return "this machine's OpenSSL has no ML-DSA, which came with 3.5";
    }
    if (key == NULL || !keystore_kind_of(key, &rules->kind)) {
        return "this kind of key is not supported (RSA, ECDSA, Ed25519, Ed448, ML-DSA)";
    }
    if (rules->kind == KEY_ECDSA) {
        rules->curve = curve_of(key);
        if (rules->curve == 0) {
            return "the curve of its key is not supported (P-256, P-384, P-521)";
        }
    }
    rules->compressed = rules->kind == KEY_ECDSA &&
                        EVP_PKEY_get_ec_point_conv_form(key) != POINT_CONVERSION_UNCOMPRESSED;
    rules->explicit_curve = rules->kind == KEY_ECDSA && is_explicit(key);
    rules->bits = (unsigned)EVP_PKEY_get_bits(key);
    rules->can_sign = (usage & X509v3_KU_DIGITAL_SIGNATURE) != 0;
    rules->can_encipher = (usage & X509v3_KU_KEY_ENCIPHERMENT) != 0;
    rules->leaf_scheme = scheme_of(entry->leaf);
    entry->not_after = end_of(entry->leaf);
    return read_issuers(entry) ? NULL : "out of memory";
}

static int read_rules(struct keystore_entry *entry, const struct loading *l)
{
    const struct conf_text *path = &l->certificate->chain;
    const char *wrong = keystore_read_rules(entry);

    return wrong == NULL ? 0
                         : conf_fail(l->error, l->conf, path->line, "%s: %s", path->text, wrong);
}

/* --- the store ------------------------------------------------------------------------------ */

static int load_entry(struct keystore_entry *entry, const struct loading *l,
                      const struct keyfile *chain, const struct keyfile *key)
{
    const struct conf_certificate *certificate = l->certificate;

    entry->chain = sk_X509_new_null();
    if (entry->chain == NULL) {
        return conf_fail(l->error, l->conf, certificate->line, "out of memory");
    }
    if (load_chain(entry, l, chain) != 0 || read_rules(entry, l) != 0 ||
        load_key(entry, l, key->data == NULL ? chain : key) != 0) {
        return -1;
    }
    if (X509_check_private_key(entry->leaf, entry->key) != 1) {
        return conf_fail(l->error, l->conf, certificate->key.line,
                         "the key in %s does not fit the first certificate in %s",
                         certificate->key.text, certificate->chain.text);
    }
    return 0;
}

struct keystore_entry *keystore_entry_new(const char *name)
{
    struct keystore_entry *entry = calloc(1, sizeof *entry);

    if (entry == NULL) {
        return NULL;
    }
    atomic_init(&entry->references, 1);
    entry->name = strdup(name);
    if (entry->name == NULL) {
        free(entry);
        return NULL;
    }
    return entry;
}

static void entry_unref(struct keystore_entry *entry)
{
    if (entry != NULL &&
        atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) == 1) {
        keystore_entry_clear(entry);
        free(entry);
    }
}

static struct keystore_entry *entry_ref(struct keystore_entry *entry)
{
    atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
    return entry;
}

/* The entry of one certificate, loaded. NULL with an error. */
static struct keystore_entry *make_entry(const struct loading *l, const struct keyfile *chain,
                                         const struct keyfile *key)
{
    struct keystore_entry *entry = keystore_entry_new(l->certificate->name);

    if (entry == NULL) {
        (void)conf_fail(l->error, l->conf, l->certificate->line, "out of memory");
        return NULL;
    }
    if (load_entry(entry, l, chain, key) != 0) {
        entry_unref(entry);
        return NULL;
    }
    memcpy(entry->chain_sha256, chain->sha256, sizeof entry->chain_sha256);
    memcpy(entry->key_sha256, key->sha256, sizeof entry->key_sha256);
    return entry;
}

int keystore_load(struct keystore *out, OSSL_LIB_CTX *libctx, const struct conf *conf,
                  const struct keyfiles *files, struct keystore_unchanged unchanged,
                  struct conf_error *error)
{
    int result = 0;

    *out = (struct keystore){.entries = calloc(files->num + 1, sizeof(struct keystore_entry *))};
    if (out->entries == NULL) {
        return conf_fail(error, conf, 0, "out of memory");
    }
    for (size_t i = 0; i < files->num && result == 0; i++) {
        struct loading l = {conf, &conf->certificates[i], libctx, error};
        size_t same = unchanged.of == NULL ? 0 : unchanged.of[i];

        out->entries[i] = same > 0 ? entry_ref(unchanged.earlier->entries[same - 1])
                                   : make_entry(&l, &files->chains[i], &files->keys[i]);
        out->num = i + 1;
        result = out->entries[i] != NULL ? 0 : -1;
    }
    if (result != 0) {
        keystore_unload(out);
    }
    ERR_clear_error();
    return result;
}

void keystore_entry_clear(struct keystore_entry *entry)
{
    X509_free(entry->leaf);
    sk_X509_pop_free(entry->chain, X509_free);
    EVP_PKEY_free(entry->key);
    free(entry->issuers);
    free(entry->name);
    *entry = (struct keystore_entry){0};
}

void keystore_unload(struct keystore *store)
{
    for (size_t i = 0; i < store->num; i++) {
        entry_unref(store->entries[i]);
    }
    free(store->entries);
    *store = (struct keystore){0};
}

const struct keystore_entry *keystore_of(const struct keystore *store, const struct conf *conf,
                                         const struct conf_certificate *certificate)
{
    return store->entries[certificate - conf->certificates];
}
