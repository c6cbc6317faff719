#include "daemon/tls/keystore.h"

#include "daemon/tls/sslerror.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

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
    entry->accepted_level = -1;
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
