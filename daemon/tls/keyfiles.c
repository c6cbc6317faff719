#include "daemon/tls/keyfiles.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The largest file. */
#define FILE_SIZE_MAX ((size_t)1 << 20)

static int read_open(int fd, struct keyfile *file, const struct conf *conf,
                     const struct conf_text *path, struct conf_error *error)
{
    struct stat status;
    ssize_t got = 1;

    if (fstat(fd, &status) != 0) {
        return conf_fail(error, conf, path->line, "cannot read %s: %s", path->text,
                         strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return conf_fail(error, conf, path->line, "%s is not a regular file", path->text);
    }
    if (status.st_size > (off_t)FILE_SIZE_MAX) {
        return conf_fail(error, conf, path->line, "%s is larger than %zu bytes", path->text,
                         FILE_SIZE_MAX);
    }
    file->size = (size_t)status.st_size + 1;
    file->data = malloc(file->size);
    if (file->data == NULL) {
        return conf_fail(error, conf, path->line, "cannot read %s: out of memory", path->text);
    }
    while (got > 0 && file->len < file->size) {
        got = read(fd, file->data + file->len, file->size - file->len);
        if (got > 0) {
            file->len += (size_t)got;
        } else if (got < 0 && errno == EINTR) {
            got = 1;
        }
    }
    if (got < 0) {
        return conf_fail(error, conf, path->line, "cannot read %s: %s", path->text,
                         strerror(errno));
    }
    if (file->len == file->size) {
        return conf_fail(error, conf, path->line, "%s grew while it was read", path->text);
    }
    if (file->len == 0) {
        return conf_fail(error, conf, path->line, "%s is empty", path->text);
    }
    return 0;
}

/* What all files are read with. */
struct reading {
    const struct conf *conf;
    EVP_MD *sha256;
    struct conf_error *error;
};

static int read_file(struct keyfile *file, const struct reading *r, const struct conf_text *path)
{
    /* Non-blocking, so that a FIFO in place of a file cannot stop the program. */
    int fd = open(path->text, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int result;

    if (fd < 0) {
        return conf_fail(r->error, r->conf, path->line, "cannot open %s: %s", path->text,
                         strerror(errno));
    }
    result = read_open(fd, file, r->conf, path, r->error);
    close(fd);
    if (result == 0 &&
        EVP_Digest(file->data, file->len, file->sha256, NULL, r->sha256, NULL) != 1) {
        return conf_fail(r->error, r->conf, path->line, "cannot read %s: out of memory",
                         path->text);
    }
    return result;
}

static bool key_is_in_chain_file(const struct conf_certificate *certificate)
{
    return strcmp(certificate->key.text, certificate->chain.text) == 0;
}

static struct keyfiles *make_files(const struct conf *conf)
{
    struct keyfiles *files = calloc(1, sizeof *files);

    if (files == NULL) {
        return NULL;
    }
    files->num = conf->num_certificates;
    files->chains = calloc(files->num + 1, sizeof *files->chains);
    files->keys = calloc(files->num + 1, sizeof *files->keys);
    files->num_tickets = conf->ticket_keys.num;
    files->tickets = calloc(files->num_tickets + 1, sizeof *files->tickets);
    files->num_listeners = conf->num_listeners;
    files->client_cas = calloc(files->num_listeners + 1, sizeof *files->client_cas);
    if (files->chains == NULL || files->keys == NULL || files->tickets == NULL ||
        files->client_cas == NULL) {
        keyfiles_free(files);
        return NULL;
    }
    return files;
}

static int read_all(struct keyfiles *files, const struct reading *r)
{
    const struct conf *conf = r->conf;

    for (size_t i = 0; i < files->num; i++) {
        const struct conf_certificate *certificate = &conf->certificates[i];

        if (read_file(&files->chains[i], r, &certificate->chain) != 0 ||
            (!key_is_in_chain_file(certificate) &&
             read_file(&files->keys[i], r, &certificate->key) != 0)) {
            return -1;
        }
    }
    for (size_t i = 0; i < files->num_tickets; i++) {
        if (read_file(&files->tickets[i], r, &conf->ticket_keys.items[i]) != 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < files->num_listeners; i++) {
        const struct conf_listener *listener = &conf->listeners[i];

        if (listener->tls != CONF_TLS_NONE && listener->client_ca.text[0] != '\0' &&
            read_file(&files->client_cas[i], r, &listener->client_ca) != 0) {
            return -1;
        }
    }
    return 0;
}

struct keyfiles *keyfiles_read(const struct conf *conf, struct conf_error *error)
{
    struct reading r = {conf, EVP_MD_fetch(NULL, "SHA256", NULL), error};
    struct keyfiles *files = make_files(conf);
    int result = -1;

    if (files == NULL || r.sha256 == NULL) {
        conf_fail(error, conf, 0, "out of memory");
    } else {
        result = read_all(files, &r);
    }
    EVP_MD_free(r.sha256);
    if (result != 0) {
        keyfiles_free(files);
        return NULL;
    }
    return files;
}

static void free_files(struct keyfile *files, size_t num)
{
    for (size_t i = 0; files != NULL && i < num; i++) {
        if (files[i].data != NULL) {
            OPENSSL_cleanse(files[i].data, files[i].size);
        }
        free(files[i].data);
    }
    free(files);
}

void keyfiles_free(struct keyfiles *files)
{
    if (files == NULL) {
        return;
    }
    free_files(files->chains, files->num);
    free_files(files->keys, files->num);
    free_files(files->tickets, files->num_tickets);
    free_files(files->client_cas, files->num_listeners);
    free(files);
}
