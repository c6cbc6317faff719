#include "daemon/posternctl/check/certreport.h"

#include "lib/base/table.h"
#include "lib/base/text.h"
#include "lib/tls/verdicttext.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define SECONDS_A_DAY 86400

/* Room for the text of a name in a certificate. */
#define NAME_SIZE 300

/* --- names ---------------------------------------------------------------------------------- */

/* A distinguished name as RFC 2253 writes it, in ASCII, cut to fit. */
static void write_name(const X509_NAME *name, char out[NAME_SIZE])
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    long len = 0;

    if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
        len = BIO_get_mem_data(bio, &data);
    }
    snprintf(out, NAME_SIZE, "%.*s", (int)len, data != NULL ? data : "");
    BIO_free(bio);
}

static void give_name(const GENERAL_NAME *name, void (*each)(void *arg, const char *name),
                      void *arg)
{
    char buf[NAME_SIZE];
    struct text text = text_in(buf, sizeof buf);

    if (name->type == GEN_DNS) {
        text_escaped(&text, ASN1_STRING_get0_data(name->d.dNSName),
                     (size_t)ASN1_STRING_length(name->d.dNSName), 255);
        each(arg, buf);
    } else if (name->type == GEN_IPADD) {
        int len = ASN1_STRING_length(name->d.iPAddress);

        if ((len == 4 || len == 16) &&
            inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress), buf,
                      sizeof buf) != NULL) {
            each(arg, buf);
        }
    }
}

void certreport_names(const struct keystore_entry *entry, void (*each)(void *arg, const char *name),
                      void *arg)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(entry->leaf, NID_subject_alt_name, NULL, NULL);

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        give_name(sk_GENERAL_NAME_value(names, i), each, arg);
    }
    GENERAL_NAMES_free(names);
}

/* --- time ----------------------------------------------------------------------------------- */

static void write_time(const ASN1_TIME *time, char out[24])
{
    struct tm tm;

    if (ASN1_TIME_to_tm(time, &tm) != 1 || strftime(out, 24, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        snprintf(out, 24, "unreadable");
    }
}

/* Seconds from now to `time`. A time that cannot be read is now. */
static long long seconds_to(const ASN1_TIME *time)
{
    int days = 0;
    int seconds = 0;

    if (ASN1_TIME_diff(&days, &seconds, NULL, time) != 1) {
        return 0;
    }
    return (long long)days * SECONDS_A_DAY + seconds;
}

static int whole_days(long long seconds)
{
    return (int)(seconds >= 0 ? seconds / SECONDS_A_DAY
                              : -((SECONDS_A_DAY - 1 - seconds) / SECONDS_A_DAY));
}

/* Certificate `i` of those that are sent: the leaf, then the chain. */
static X509 *sent(const struct keystore_entry *entry, int i)
{
    return i == 0 ? entry->leaf : sk_X509_value(entry->chain, i - 1);
}

static int num_sent(const struct keystore_entry *entry)
{
    return 1 + sk_X509_num(entry->chain);
}

static void look_for_end(struct certreport *out, const struct keystore_entry *entry)
{
    char subject[NAME_SIZE];

    for (int i = 0; i < num_sent(entry) && out->ending == 0; i++) {
        long long left = seconds_to(X509_get0_notAfter(sent(entry, i)));

        if (left <= (long long)CERTREPORT_DAYS * SECONDS_A_DAY) {
            char day[24];

            write_time(X509_get0_notAfter(sent(entry, i)), day);
            write_name(X509_get_subject_name(sent(entry, i)), subject);
            out->ending = i + 1;
            snprintf(out->ending_text, sizeof out->ending_text, "certificate %d (%.200s) %s %s",
                     i + 1, subject, left < 0 ? "expired at" : "expires at", day);
        }
    }
}

/* --- the chain ------------------------------------------------------------------------------ */

static bool issues(X509 *issuer, X509 *subject)
{
    return X509_check_issued(issuer, subject) == X509_V_OK &&
           X509_verify(subject, X509_get0_pubkey(issuer)) == 1;
}

/* The certificate of this machine's trusted roots that issues `x509`, or NULL. The caller frees
 * it. `*failed` if there is no memory to look. */
static X509 *find_root(X509 *x509, OSSL_LIB_CTX *libctx, bool *failed)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new_ex(libctx, NULL);
    X509 *root = NULL;

    *failed = store == NULL || ctx == NULL || X509_STORE_CTX_init(ctx, store, x509, NULL) != 1;
    if (!*failed && X509_STORE_set_default_paths_ex(store, libctx, NULL) == 1 &&
        X509_STORE_CTX_get1_issuer(&root, ctx, x509) != 1) {
        root = NULL;
    }
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return root;
}

static int look_above(struct certreport *out, X509 *last, OSSL_LIB_CTX *libctx)
{
    char issuer[NAME_SIZE];
    bool failed;
    X509 *root = find_root(last, libctx, &failed);

    write_name(X509_get_issuer_name(last), issuer);
    out->chain = root != NULL ? CHAIN_COMPLETE : CHAIN_UNKNOWN_ISSUER;
    if (root != NULL) {
        snprintf(out->chain_text, sizeof out->chain_text,
                 "leads to a root that this machine trusts: %s", issuer);
    } else {
        snprintf(out->chain_text, sizeof out->chain_text,
                 "leads to %.250s, which is not a root that this machine trusts: unless it is "
                 "your own root, a certificate is missing",
                 issuer);
    }
    X509_free(root);
    return failed ? -1 : 0;
}

static int look_at_chain(struct certreport *out, const struct keystore_entry *entry,
                         OSSL_LIB_CTX *libctx)
{
    int num = num_sent(entry);
    X509 *last = sent(entry, num - 1);

    for (int i = 1; i < num; i++) {
        if (!issues(sent(entry, i), sent(entry, i - 1))) {
            out->chain = CHAIN_BROKEN;
            snprintf(out->chain_text, sizeof out->chain_text,
                     "certificate %d in the file does not issue certificate %d", i + 1, i);
            return 0;
        }
    }
    if (!issues(last, last)) {
        return look_above(out, last, libctx);
    }
    out->chain = num == 1 ? CHAIN_SELF_SIGNED : CHAIN_COMPLETE;
    snprintf(out->chain_text, sizeof out->chain_text, "%s",
             num == 1 ? "self-signed: only clients that verify nothing, or use DANE, accept it"
                      : "contains the root, which clients already have");
    return 0;
}

const char *chain_word(enum chain_state state)
{
    static const char *const words[] = {
        [CHAIN_COMPLETE] = "complete",
        [CHAIN_UNKNOWN_ISSUER] = "unknown-issuer",
        [CHAIN_BROKEN] = "broken",
        [CHAIN_SELF_SIGNED] = "self-signed",
    };
    TABLE_HAS_EACH(words, NUM_CHAIN_STATES);

    return words[state];
}

int certreport_make(struct certreport *out, const struct keystore_entry *entry,
                    OSSL_LIB_CTX *libctx)
{
    struct text type;
    int result;

    *out = (struct certreport){.ending = 0};
    type = text_in(out->type, sizeof out->type);
    key_text(&type, &entry->rules);
    write_time(X509_get0_notBefore(entry->leaf), out->not_before);
    write_time(X509_get0_notAfter(entry->leaf), out->not_after);
    out->days_left = whole_days(seconds_to(X509_get0_notAfter(entry->leaf)));
    out->not_yet_valid = seconds_to(X509_get0_notBefore(entry->leaf)) > 0;
    look_for_end(out, entry);
    result = look_at_chain(out, entry, libctx);
    ERR_clear_error();
    return result;
}
