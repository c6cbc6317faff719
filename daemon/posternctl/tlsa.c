/*
 * Theory of operation: a sender that uses DANE looks up _PORT._tcp.NAME, where NAME is the MX host
 * name, and sends NAME as server_name (RFC 7672 section 8.1). So for each listener and port, each
 * name of its sets, and `hostname`, gets one record for every certificate that may be served to
 * that server_name: all of the set that the name selects, and for `hostname` also those of the
 * first set, which senders without server_name see. "3 1 1" (RFC 7671 section 5.1) is the digest of
 * the key alone, which a renewal with the same key leaves valid. Names that cannot be queried in
 * the DNS, the wildcards, are listed in a comment. "2 1 1", the digest of the issuing CA's key (RFC
 * 7671 section 5.2), is also a comment: it is valid only as long as the CA issues from this key,
 * which many CAs change without notice.
 */
#include "daemon/posternctl/command.h"
#include "daemon/posternctl/report.h"
#include "daemon/tls/snapshot.h"
#include "lib/base/hex.h"
#include "lib/tls/sni.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DIGEST_HEX_SIZE 65

enum usage { TRUST_ANCHOR = 2, END_ENTITY = 3 };

struct record {
    const char *name; /* borrowed from the conf, without the final dot */
    unsigned port;
    enum usage usage;
    char data[DIGEST_HEX_SIZE];
    const struct conf_certificate *certificate; /* the first one that it is for */
};

struct records {
    const struct snapshot *snapshot; /* borrowed */
    struct record *items;            /* owned */
    size_t num;
    bool failed; /* out of memory, or a key that cannot be hashed */
};

/* --- records -------------------------------------------------------------------------------- */

/* The SHA-256 of the SubjectPublicKeyInfo in lower-case hex. */
static bool digest_key(const X509 *x509, char out[DIGEST_HEX_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned char *der = NULL;
    struct text text;
    size_t len = 0;
    int der_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &der);
    int good =
        der_len > 0 ? EVP_Q_digest(NULL, "SHA256", NULL, der, (size_t)der_len, digest, &len) : 0;

    OPENSSL_free(der);
    if (good != 1 || len * 2 + 1 != DIGEST_HEX_SIZE) {
        return false;
    }
    text = text_in(out, DIGEST_HEX_SIZE);
    hex_add(&text, bytes_of(digest, len));
    return true;
}

static bool is_known(const struct records *records, const struct record *record)
{
    for (size_t i = 0; i < records->num; i++) {
        const struct record *known = &records->items[i];

        if (known->port == record->port && known->usage == record->usage &&
            strcasecmp(known->name, record->name) == 0 && strcmp(known->data, record->data) == 0) {
            return true;
        }
    }
    return false;
}

static void add_record(struct records *records, struct record record, const X509 *x509)
{
    struct record *more;

    if (!digest_key(x509, record.data)) {
        records->failed = true;
        return;
    }
    if (is_known(records, &record)) {
        return;
    }
    more = realloc(records->items, (records->num + 1) * sizeof *more);
    if (more == NULL) {
        records->failed = true;
        return;
    }
    records->items = more;
    more[records->num++] = record;
}

static void add_set(struct records *records, const char *name, unsigned port,
                    const struct conf_set *set)
{
    const struct snapshot *snapshot = records->snapshot;

    for (size_t i = 0; i < set->num_certificates; i++) {
        const struct keystore_entry *entry =
            keystore_of(&snapshot->workers[0].keys, snapshot->conf, set->certificates[i]);
        struct record record = {
            .name = name, .port = port, .usage = END_ENTITY, .certificate = set->certificates[i]};

        add_record(records, record, entry->leaf);
        if (sk_X509_num(entry->chain) > 0) {
            record.usage = TRUST_ANCHOR;
            add_record(records, record, sk_X509_value(entry->chain, 0));
        }
    }
}

/* --- which names ---------------------------------------------------------------------------- */

static bool is_wildcard(const char *name)
{
    return name[0] == '*';
}

/* The names of the listener's sets, sorted for sni_find(); NULL if there is no memory. The caller
 * frees them. */
static struct sni_name *sort_names(const struct conf_listener *listener, size_t *num)
{
    struct sni_name *names;
    size_t all = 0;

    *num = 0;
    for (size_t s = 0; s < listener->num_sets; s++) {
        all += listener->sets[s]->names.num;
    }
    names = calloc(all + 1, sizeof *names);
    for (size_t s = 0; names != NULL && s < listener->num_sets; s++) {
        for (size_t i = 0; i < listener->sets[s]->names.num; i++) {
            names[(*num)++] =
                (struct sni_name){.name = listener->sets[s]->names.items[i].text, .set = s};
        }
    }
    sni_sort(names, *num);
    return names;
}

/* Adds what a client sees that asks for `name`. */
static void add_name(struct records *records, const struct conf_listener *listener, unsigned port,
                     const char *name, const struct sni_name *names, size_t num)
{
    size_t set = sni_find(names, num, bytes_of(name, strlen(name)), 0);

    add_set(records, name, port, listener->sets[set]);
}

static void add_names(struct records *records, const struct conf_listener *listener, unsigned port)
{
    const char *hostname = records->snapshot->conf->hostname.text;
    size_t num;
    struct sni_name *names = sort_names(listener, &num);

    if (names == NULL) {
        records->failed = true;
        return;
    }
    add_name(records, listener, port, hostname, names, num);
    add_set(records, hostname, port, listener->sets[0]);
    for (size_t i = 0; i < num; i++) {
        if (!is_wildcard(names[i].name)) {
            add_name(records, listener, port, names[i].name, names, num);
        }
    }
    free(names);
}

static void collect(struct records *records)
{
    const struct conf *conf = records->snapshot->conf;

    for (size_t l = 0; l < conf->num_listeners; l++) {
        const struct conf_listener *listener = &conf->listeners[l];

        for (size_t a = 0; a < listener->num_addresses && listener->num_sets > 0; a++) {
            const struct addr *ip = &listener->addresses[a].endpoint.ip;

            if (ip->family != ADDR_NONE && ip->port != 0) {
                add_names(records, listener, ip->port);
            }
        }
    }
}

/* --- printing ------------------------------------------------------------------------------- */

static void print_wildcards(const struct conf *conf)
{
    for (size_t s = 0; s < conf->num_sets; s++) {
        const struct conf_set *set = &conf->sets[s];

        for (size_t i = 0; i < set->names.num; i++) {
            if (is_wildcard(set->names.items[i].text)) {
                printf("; %s (certificate_set \"%s\"): each name that you use needs its own "
                       "records, with the same data\n",
                       set->names.items[i].text, set->name);
            }
        }
    }
}

static void print_chosen_ports(const struct conf *conf)
{
    for (size_t l = 0; l < conf->num_listeners; l++) {
        for (size_t a = 0; a < conf->listeners[l].num_addresses; a++) {
            const struct addr *ip = &conf->listeners[l].addresses[a].endpoint.ip;

            if (ip->family != ADDR_NONE && ip->port == 0) {
                printf("; listener \"%s\": its port is known only when it listens, so there is "
                       "no record for it\n",
                       conf->listeners[l].name);
            }
        }
    }
}

/* The records of an array of the document; `before` precedes each. */
static void print_records(const json_t *records, const char *before)
{
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *record = json_array_get(records, i);

        printf("%s_%lld._tcp.%s. IN TLSA %lld %lld %lld %s\n", before,
               report_number(record, "port"), report_string(record, "name"),
               report_number(record, "usage"), report_number(record, "selector"),
               report_number(record, "matching"), report_string(record, "data"));
    }
}

static void print_text(const json_t *document, const struct conf *conf)
{
    const json_t *anchors = json_object_get(document, "issuer_records");

    print_records(json_object_get(document, "records"), "");
    puts("; They are valid while renewals keep the keys, as certbot's --reuse-key does: "
         "postern-hooks(8)");
    if (json_array_size(anchors) > 0) {
        puts("; The keys of the issuing CAs, if you want to trust these as well:");
    }
    print_records(anchors, "; ");
    print_wildcards(conf);
    print_chosen_ports(conf);
}

/* The records with this usage, as an array of the document. */
static void put_records(struct report *r, const char *key, const struct records *records,
                        enum usage usage)
{
    json_t *array = json_array();

    for (size_t i = 0; i < records->num; i++) {
        const struct record *record = &records->items[i];

        if (record->usage == usage) {
            report_add(r, array,
                       json_pack("{s:o, s:i, s:i, s:i, s:i, s:s, s:o}", "name",
                                 report_text(record->name), "port", (int)record->port, "usage",
                                 (int)usage, "selector", 1, "matching", 1, "data", record->data,
                                 "certificate", report_text(record->certificate->name)));
        }
    }
    report_put(r, r->document, key, array);
}

/* 0, or -1 if there is no memory. */
static int print(const struct records *records, bool json)
{
    struct report r;
    int status = 0;

    report_begin(&r);
    put_records(&r, "records", records, END_ENTITY);
    put_records(&r, "issuer_records", records, TRUST_ANCHOR);
    if (json || report_document(&r) == NULL) {
        status = report_print_json(report_document(&r), stdout);
    } else {
        print_text(report_document(&r), records->snapshot->conf);
    }
    report_end(&r);
    return status;
}

/* The warnings are those of `check`. */
static void ignore_warning(const char *text)
{
    (void)text;
}

int command_tlsa(const struct invocation *invocation)
{
    struct records records = {.num = 0};
    struct libctxs libctxs = {0};
    struct conf_error error;
    struct snapshot *snapshot;
    int status = EXIT_SUCCESS;

    if (tls_library_init() != 0) {
        return command_fail("TLS cannot be set up");
    }
    snapshot = snapshot_load(invocation->file, &libctxs, NULL, ignore_warning, &error);
    if (snapshot == NULL) {
        libctxs_close(&libctxs);
        return command_fail(error.text);
    }
    records.snapshot = snapshot;
    collect(&records);
    if (records.failed || print(&records, invocation->json) != 0) {
        status = command_fail("out of memory");
    }
    free(records.items);
    snapshot_unref(snapshot);
    libctxs_close(&libctxs);
    return status;
}
