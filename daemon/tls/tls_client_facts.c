/* What is known about a client's certificate. */
#include "daemon/tls/tls_parts.h"
#include "lib/base/hex.h"
#include "lib/tls/verdicttext.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

/* Copies UTF-8 into `out`, cut before a character that does not fit. */
static void copy_name(char out[TLS_CLIENT_NAME_SIZE], const char *data, size_t len)
{
    if (len >= TLS_CLIENT_NAME_SIZE) {
        len = TLS_CLIENT_NAME_SIZE - 1;
        while (len > 0 && (data[len] & 0xc0) == 0x80) {
            len--;
        }
    }
    memcpy(out, data, len);
    out[len] = '\0';
}

/* A text with such bytes is not accepted as a name: it could appear to end early, or hide its
 * meaning. */
static bool has_control(const unsigned char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] < ' ' || data[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

/* The only common name, if there is one that can be shown unchanged. */
static bool read_common_name(char out[TLS_CLIENT_NAME_SIZE], const X509_NAME *name)
{
    int first = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    unsigned char *data = NULL;
    bool good;
    int len;

    if (first < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, first) >= 0) {
        return false;
    }
    len = ASN1_STRING_to_UTF8(&data, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, first)));
    good = len > 0 && !has_control(data, (size_t)len);
    if (good) {
        copy_name(out, (const char *)data, (size_t)len);
    }
    OPENSSL_free(data);
    return good;
}

/* The whole name in the form of RFC 2253, which escapes control bytes; "" if it cannot be shown. */
static void read_whole_name(char out[TLS_CLIENT_NAME_SIZE], const X509_NAME *name)
{
    unsigned long form = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
    BIO *text = BIO_new(BIO_s_mem());
    char *data;
    long len;

    out[0] = '\0';
    if (text != NULL && X509_NAME_print_ex(text, name, 0, form) >= 0) {
        len = BIO_get_mem_data(text, &data);
        if (len > 0) {
            copy_name(out, data, (size_t)len);
        }
    }
    BIO_free(text);
}

static void read_name(char out[TLS_CLIENT_NAME_SIZE], const X509_NAME *name)
{
    if (!read_common_name(out, name)) {
        read_whole_name(out, name);
    }
}

/* SHA-256 as Postfix and `openssl x509 -fingerprint` write it. */
static bool write_fingerprint(char out[TLS_FINGERPRINT_SIZE], const EVP_MD *sha256,
                              const unsigned char *der, int len)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    struct text text = text_in(out, TLS_FINGERPRINT_SIZE);
    unsigned hash_len;

    if (len < 0 || EVP_Digest(der, (size_t)len, hash, &hash_len, sha256, NULL) != 1) {
        return false;
    }
    hex_add_fingerprint(&text, bytes_of(hash, hash_len));
    return true;
}

static bool read_fingerprints(struct tls_client *client, X509 *x509, OSSL_LIB_CTX *libctx)
{
    EVP_MD *sha256 = EVP_MD_fetch(libctx, "SHA256", NULL);
    unsigned char *der = NULL;
    unsigned char *key = NULL;
    int len = i2d_X509(x509, &der);
    int key_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &key);
    bool good = sha256 != NULL && write_fingerprint(client->fingerprint, sha256, der, len) &&
                write_fingerprint(client->key_fingerprint, sha256, key, key_len);

    OPENSSL_free(der);
    OPENSSL_free(key);
    EVP_MD_free(sha256);
    return good;
}

static void read_key(struct tls_signature *out, const X509 *x509)
{
    const EVP_PKEY *key = X509_get0_pubkey(x509);
    struct text text = text_in(out->key, sizeof out->key);
    char curve[64] = "";
    const char *nist = NULL;
    enum key_kind kind;

    if (key == NULL || !keystore_kind_of(key, &kind)) {
        return;
    }
    if (EVP_PKEY_get_group_name(key, curve, sizeof curve, NULL) == 1) {
        nist = EC_curve_nid2nist(OBJ_txt2nid(curve));
    }
    key_size_text(&text, kind, nist != NULL ? nist : curve, (unsigned)EVP_PKEY_get_bits(key));
}

struct tls_client *tls_client_describe(X509 *x509, OSSL_LIB_CTX *libctx)
{
    struct tls_client *client = calloc(1, sizeof *client);

    if (client == NULL) {
        return NULL;
    }
    client->trust = TLS_TRUST_UNTRUSTED;
    if (!read_fingerprints(client, x509, libctx)) {
        free(client);
        return NULL;
    }
    read_name(client->subject, X509_get_subject_name(x509));
    read_name(client->issuer, X509_get_issuer_name(x509));
    read_key(&client->signature, x509);
    /* An unknown key, or a name in a broken encoding, is no reason to fail. */
    ERR_clear_error();
    return client;
}
