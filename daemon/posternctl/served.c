#include "daemon/posternctl/served.h"

#include "daemon/common/readfile.h"
#include "daemon/tls/certtext.h"
#include "daemon/tls/snapshot.h"
#include "lib/admin/inforce.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

/* Room for what a file is for: a title has at most 63 bytes. */
#define KEY_SIZE 96

/* Room for the subject of a finding, and for a path. */
enum { SUBJECT_SIZE = 96, PATH_SIZE = 4096 };

/* How often it is asked again, when posternd has reloaded between two pages. */
enum { ATTEMPTS = 5 };

/* Lines about files that could not be compared; bytes of what a hook says. */
enum { NOT_COMPARED_MAX = 10, HOOK_LINE_MAX = 300 };

/* --- asking --------------------------------------------------------------------------------- */

/* Appends a page to `array`. `*next` becomes the place of the next one, or -1. */
static bool take_page(json_t *array, json_t *page, const char *key, json_int_t *next)
{
    json_t *items = json_object_get(page, key);
    const json_t *place = json_object_get(page, "next");
    json_int_t before = *next;

    *next = json_is_null(place) ? -1 : json_integer_value(place);
    return json_is_array(items) && (*next == -1 || *next > before) &&
           json_array_extend(array, items) == 0;
}

/* All pages of `key` of snapshot `number`. `*same` becomes false if another one is in force. */
static enum ask_status ask_pages(const char *path, const char *key, json_int_t number,
                                 json_t *array, bool *same, struct conf_error *error)
{
    json_int_t next = 0;

    while (next >= 0 && *same) {
        json_t *page = NULL;
        enum ask_status status = ask_at(
            path, ASK_SECONDS, json_pack("{s:s, s:I}", "request", key, "from", next), &page, error);
        bool good;

        if (status != ASK_DONE) {
            return status;
        }
        *same = json_integer_value(json_object_get(page, "snapshot")) == number;
        good = take_page(array, page, key, &next);
        json_decref(page);
        if (!good) {
            return ask_not_posternd(path, error);
        }
    }
    return ASK_DONE;
}

/* The status with its pages, if no reload comes between. */
static enum ask_status ask_once(const char *path, json_t **served, bool *same,
                                struct conf_error *error)
{
    static const char *const keys[] = {"certificates", "files"};
    enum ask_status status =
        ask_at(path, ASK_SECONDS, json_pack("{s:s}", "request", "status"), served, error);
    json_int_t number;

    *same = true;
    if (status != ASK_DONE) {
        return status;
    }
    number = report_number(json_object_get(*served, "snapshot"), "number");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && status == ASK_DONE && *same; i++) {
        json_t *array = json_array();

        if (json_object_set_new(*served, keys[i], array) != 0) {
            status = ask_not_posternd(path, error);
        } else {
            status = ask_pages(path, keys[i], number, array, same, error);
        }
    }
    if (status != ASK_DONE || !*same) {
        json_decref(*served);
        *served = NULL;
    }
    return status;
}

enum ask_status served_ask(const char *path, json_t **served, struct conf_error *error)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        bool same;
        enum ask_status status = ask_once(path, served, &same, error);

        if (status != ASK_DONE || same) {
            return status;
        }
    }
    snprintf(error->text, sizeof error->text, "%s: posternd reloads again and again", path);
    return ASK_REFUSED;
}

/* --- files ---------------------------------------------------------------------------------- */

/* What is compared, and with what. */
struct comparing {
    struct report *r;     /* borrowed */
    json_t *array;        /* borrowed */
    json_t *files;        /* owned: the served SHA-256, by index_key() */
    json_t *certificates; /* owned: the served certificates by their names */
    const char *cure;     /* what puts in force what has changed */
};

/* A file as it is now. */
struct present {
    char sha256[CERTTEXT_SHA256_SIZE];
    char leaf[CERTTEXT_SHA256_SIZE]; /* "": it has no certificate */
    char not_before[CERTTEXT_TIME_SIZE];
};

static const char *index_key(char key[KEY_SIZE], enum snapshot_purpose purpose, const char *of)
{
    snprintf(key, KEY_SIZE, "%s %s", snapshot_purpose_word(purpose), of);
    return key;
}

/* Nobody is asked for a passphrase. */
static int no_passphrase(char *out, int size, int writing, void *arg)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

/* The first certificate of a chain. */
static void read_leaf(struct present *out, const uint8_t *data, size_t len)
{
    BIO *bio = BIO_new_mem_buf(data, (int)len);
    X509 *leaf = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);

    if (leaf != NULL) {
        certtext_fingerprint(leaf, out->leaf);
        certtext_time(X509_get0_notBefore(leaf), out->not_before);
    }
    X509_free(leaf);
    BIO_free(bio);
    ERR_clear_error();
}

/* Reads a file of the configuration. */
static struct inforce_file look_at(const struct comparing *c, enum snapshot_purpose purpose,
                                   const char *of, const char *path, struct present *present)
{
    char key[KEY_SIZE];
    struct inforce_file file = {.path = path};
    size_t len;
    uint8_t *data = readfile(path, &len, NULL, &file.why);

    *present = (struct present){.sha256 = ""};
    if (data != NULL) {
        file.present = certtext_sha256(bytes_of(data, len), present->sha256);
        if (purpose == SNAPSHOT_CHAIN) {
            read_leaf(present, data, len);
        }
        OPENSSL_cleanse(data, len);
        free(data);
    }
    file.served = json_string_value(json_object_get(c->files, index_key(key, purpose, of)));
    return file;
}

/* --- comparing ------------------------------------------------------------------------------ */

static void find(const struct comparing *c, enum inforce_state state, const char *subject,
                 const char *text)
{
    bool compared = state != INFORCE_NOT_COMPARED;
    struct finding finding = {.result = compared ? FINDING_WARNING : FINDING_NOT_CHECKED,
                              .subject = subject,
                              .text = text,
                              .cure = compared ? c->cure : ""};

    if (state != INFORCE_SAME) {
        report_finding(c->r, c->array, &finding);
    }
}

static void compare_file(const struct comparing *c, enum snapshot_purpose purpose, const char *of,
                         const char *path, const char *subject)
{
    char buf[INFORCE_TEXT_SIZE];
    struct text text = text_in(buf, sizeof buf);
    struct present present;
    struct inforce_file file = look_at(c, purpose, of, path, &present);

    find(c, inforce_file_text(&text, &file), subject, buf);
}

static void compare_certificate(const struct comparing *c, const struct conf_certificate *from)
{
    const json_t *served = json_object_get(c->certificates, from->name);
    struct inforce_certificate certificate = {
        .served = {json_string_value(json_object_get(served, "sha256")),
                   report_string(served, "not_before")}};
    char buf[INFORCE_TEXT_SIZE];
    struct text text = text_in(buf, sizeof buf);
    char subject[SUBJECT_SIZE];
    struct present chain;
    struct present key;

    certificate.chain = look_at(c, SNAPSHOT_CHAIN, from->name, from->chain.text, &chain);
    if (strcmp(from->chain.text, from->key.text) != 0) {
        certificate.key = look_at(c, SNAPSHOT_KEY, from->name, from->key.text, &key);
    }
    if (chain.leaf[0] != '\0') {
        certificate.present = (struct inforce_leaf){chain.leaf, chain.not_before};
    }
    snprintf(subject, sizeof subject, "certificate \"%s\"", from->name);
    find(c, inforce_certificate_text(&text, &certificate), subject, buf);
}

/* The files that the configuration names, in the order in which they are loaded. */
static void compare_named(const struct comparing *c, const struct conf *conf)
{
    char subject[SUBJECT_SIZE];

    for (size_t i = 0; i < conf->num_certificates; i++) {
        compare_certificate(c, &conf->certificates[i]);
    }
    for (size_t i = 0; i < conf->ticket_keys.num; i++) {
        snprintf(subject, sizeof subject, "%zu", i);
        compare_file(c, SNAPSHOT_TICKET_KEY, subject, conf->ticket_keys.items[i].text,
                     "ticket_keys");
    }
    for (size_t i = 0; i < conf->num_listeners; i++) {
        const struct conf_listener *listener = &conf->listeners[i];

        if (listener->tls != CONF_TLS_NONE && listener->client_ca.text[0] != '\0') {
            snprintf(subject, sizeof subject, "listener \"%s\"", listener->name);
            compare_file(c, SNAPSHOT_CLIENT_CA, listener->name, listener->client_ca.text, subject);
        }
    }
}

/* What was served, by what it is for. Ticket keys have no names, but an order. */
static void make_index(struct comparing *c, const json_t *served)
{
    const json_t *files = json_object_get(served, "files");
    const json_t *certificates = json_object_get(served, "certificates");
    size_t num_tickets = 0;

    for (size_t i = 0; i < json_array_size(files); i++) {
        const json_t *file = json_array_get(files, i);
        const char *purpose = report_string(file, "purpose");
        char key[KEY_SIZE];

        if (strcmp(purpose, snapshot_purpose_word(SNAPSHOT_TICKET_KEY)) == 0) {
            snprintf(key, sizeof key, "%s %zu", purpose, num_tickets++);
        } else {
            snprintf(key, sizeof key, "%s %s", purpose, report_string(file, "of"));
        }
        report_put(c->r, c->files, key, json_incref(json_object_get(file, "sha256")));
    }
    for (size_t i = 0; i < json_array_size(certificates); i++) {
        json_t *certificate = json_array_get(certificates, i);

        report_put(c->r, c->certificates, report_string(certificate, "name"),
                   json_incref(certificate));
    }
}

/* Whether two paths, the second one from another program, mean one file. It is looked at, but not
 * opened. */
static bool is_one_file(const char *ours, const char *theirs)
{
    struct stat a;
    struct stat b;

    return strcmp(ours, theirs) == 0 || (stat(ours, &a) == 0 && stat(theirs, &b) == 0 &&
                                         a.st_dev == b.st_dev && a.st_ino == b.st_ino);
}

void served_compare(struct report *r, json_t *array, const char *file, const struct conf *conf,
                    const json_t *served)
{
    const char *theirs = report_string(json_object_get(served, "snapshot"), "file");
    struct comparing c = {r, array, json_object(), json_object(),
                          conf != NULL ? "posternctl reload" : ""};

    if (is_one_file(file, theirs)) {
        make_index(&c, served);
        compare_file(&c, SNAPSHOT_CONFIGURATION, "", file, "configuration");
        if (conf != NULL) {
            compare_named(&c, conf);
        }
    } else {
        char buf[INFORCE_TEXT_SIZE];
        struct text text = text_in(buf, sizeof buf);

        text_addf(&text, "its configuration is %s: the files of %s were not compared", theirs,
                  file);
        find(&c, INFORCE_NOT_COMPARED, "posternd", buf);
    }
    json_decref(c.files);
    json_decref(c.certificates);
}

/* --- renewals ------------------------------------------------------------------------------- */

/* What the hook says in CHAIN.failed. False if there is no such file. */
static bool read_failure(const struct conf_certificate *certificate, struct text *out)
{
    char path[PATH_SIZE];
    const char *reason;
    struct stat st;
    struct stat opened;
    uint8_t *data;
    size_t len;

    if (snprintf(path, sizeof path, "%s.failed", certificate->chain.text) >= (int)sizeof path ||
        lstat(path, &st) != 0) {
        return false;
    }
    /* A hook writes a file, and nobody else a link in its place. */
    reason = "not a regular file";
    data = S_ISREG(st.st_mode) ? readfile(path, &len, &opened, &reason) : NULL;
    text_add(out, "the last renewal failed: ");
    if (data != NULL && (opened.st_dev != st.st_dev || opened.st_ino != st.st_ino)) {
        text_add(out, "the file was replaced while it was read");
    } else if (data != NULL) {
        inforce_line(out, bytes_of(data, len), HOOK_LINE_MAX);
    } else {
        text_add(out, reason);
    }
    text_addf(out, " (%s)", path);
    free(data);
    return true;
}

void served_look_for_failed(struct report *r, json_t *array, const struct conf *conf)
{
    for (size_t i = 0; i < conf->num_certificates; i++) {
        char buf[INFORCE_TEXT_SIZE + PATH_SIZE];
        struct text text = text_in(buf, sizeof buf);
        char subject[SUBJECT_SIZE];
        struct finding finding = {
            .result = FINDING_WARNING, .subject = subject, .text = buf, .cure = ""};

        if (read_failure(&conf->certificates[i], &text)) {
            snprintf(subject, sizeof subject, "certificate \"%s\"", conf->certificates[i].name);
            report_finding(r, array, &finding);
        }
    }
}

/* --- printing ------------------------------------------------------------------------------- */

static const char *cure_of(const json_t *finding)
{
    return json_string_value(json_object_get(finding, "cure"));
}

void served_print(const json_t *array, FILE *out)
{
    size_t num_not_compared = 0;
    const char *cure = NULL;

    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *finding = json_array_get(array, i);
        bool compared = strcmp(report_string(finding, "result"), "not-checked") != 0;

        num_not_compared += !compared;
        if (cure_of(finding) != NULL) {
            cure = cure_of(finding);
        }
        if (compared || num_not_compared <= NOT_COMPARED_MAX) {
            report_print_finding(finding, out);
        }
    }
    if (num_not_compared > NOT_COMPARED_MAX) {
        fprintf(out, "not checked: %zu more\n", num_not_compared - NOT_COMPARED_MAX);
    }
    if (cure != NULL) {
        fprintf(out, "\"%s\" puts in force what has changed\n", cure);
    }
}
