#include "daemon/tls/certtext.h"

#include "lib/base/hex.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#define SECONDS_A_DAY 86400

/* --- names ---------------------------------------------------------------------------------- */

void certtext_distinguished(const X509_NAME *name, char out[CERTTEXT_NAME_SIZE])
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    long len = 0;

    if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
        len = BIO_get_mem_data(bio, &data);
    }
    snprintf(out, CERTTEXT_NAME_SIZE, "%.*s", (int)len, data != NULL ? data : "");
    BIO_free(bio);
}

/* False for a name of another kind. */
static bool name_text(const GENERAL_NAME *name, char out[CERTTEXT_NAME_SIZE])
{
    struct text text = text_in(out, CERTTEXT_NAME_SIZE);
    int len;

    if (name->type == GEN_DNS) {
        text_escaped(&text, ASN1_STRING_get0_data(name->d.dNSName),
                     (size_t)ASN1_STRING_length(name->d.dNSName), 255);
        return true;
    }
    if (name->type != GEN_IPADD) {
        return false;
    }
    len = ASN1_STRING_length(name->d.iPAddress);
    return (len == 4 || len == 16) &&
           inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress), out,
                     CERTTEXT_NAME_SIZE) != NULL;
}

size_t certtext_names(const X509 *x509, size_t max, void (*each)(void *arg, const char *name),
                      void *arg)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
    size_t num = 0;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        char text[CERTTEXT_NAME_SIZE];

        if (name_text(sk_GENERAL_NAME_value(names, i), text)) {
            num++;
            if (num <= max) {
                each(arg, text);
            }
        }
    }
    GENERAL_NAMES_free(names);
    return num;
}

/* --- time ----------------------------------------------------------------------------------- */

const char *certtext_time(const ASN1_TIME *time, char out[CERTTEXT_TIME_SIZE])
{
    struct tm tm;

    if (ASN1_TIME_to_tm(time, &tm) != 1 ||
        strftime(out, CERTTEXT_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        snprintf(out, CERTTEXT_TIME_SIZE, "unreadable");
    }
    return out;
}

long long certtext_seconds_to(const ASN1_TIME *time)
{
    int days = 0;
    int seconds = 0;

    if (ASN1_TIME_diff(&days, &seconds, NULL, time) != 1) {
        return 0;
    }
    return (long long)days * SECONDS_A_DAY + seconds;
}

int certtext_days(long long seconds)
{
    return (int)(seconds >= 0 ? seconds / SECONDS_A_DAY
                              : -((SECONDS_A_DAY - 1 - seconds) / SECONDS_A_DAY));
}

/* --- fingerprints --------------------------------------------------------------------------- */

const char *certtext_sha256(struct bytes data, char out[CERTTEXT_SHA256_SIZE])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    struct text text = text_in(out, CERTTEXT_SHA256_SIZE);

    if (EVP_Digest(data.data, data.len, digest, NULL, EVP_sha256(), NULL) == 1) {
        hex_add(&text, bytes_of(digest, sizeof digest));
    }
    return out;
}

const char *certtext_fingerprint(const X509 *x509, char out[CERTTEXT_SHA256_SIZE])
{
    uint8_t *der = NULL;
    int len = i2d_X509(x509, &der);

    out[0] = '\0';
    if (len > 0) {
        certtext_sha256(bytes_of(der, (size_t)len), out);
    }
    OPENSSL_free(der);
    ERR_clear_error();
    return out;
}
