#include "daemon/posternctl/check/certreport.h"

#include "daemon/tls/certtext.h"
#include "lib/base/table.h"
#include "lib/base/text.h"
#include "lib/tls/verdicttext.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define SECONDS_A_DAY 86400

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
    char subject[CERTTEXT_NAME_SIZE];

    for (int i = 0; i < num_sent(entry) && out->ending == 0; i++) {
        long long left = certtext_seconds_to(X509_get0_notAfter(sent(entry, i)));

        if (left <= (long long)CERTREPORT_DAYS * SECONDS_A_DAY) {
            char day[CERTTEXT_TIME_SIZE];

            certtext_time(X509_get0_notAfter(sent(entry, i)), day);
            certtext_distinguished(X509_get_subject_name(sent(entry, i)), subject);
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
    char issuer[CERTTEXT_NAME_SIZE];
    bool failed;
    X509 *root = find_root(last, libctx, &failed);

    certtext_distinguished(X509_get_issuer_name(last), issuer);
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
    certtext_time(X509_get0_notBefore(entry->leaf), out->not_before);
    certtext_time(X509_get0_notAfter(entry->leaf), out->not_after);
    out->days_left = certtext_days(certtext_seconds_to(X509_get0_notAfter(entry->leaf)));
    out->not_yet_valid = certtext_seconds_to(X509_get0_notBefore(entry->leaf)) > 0;
    look_for_end(out, entry);
    result = look_at_chain(out, entry, libctx);
    ERR_clear_error();
    return result;
}
