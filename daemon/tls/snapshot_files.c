/* Which files a snapshot was made from. */
#include "daemon/tls/snapshot_parts.h"

#include <stdlib.h>
#include <string.h>

static void add(struct snapshot *s, enum snapshot_purpose purpose, const char *of, const char *path,
                const uint8_t sha256[KEYFILE_SHA256_SIZE])
{
    struct snapshot_file *file = &s->files[s->num_files++];

    *file = (struct snapshot_file){.path = path, .purpose = purpose, .of = of};
    memcpy(file->sha256, sha256, sizeof file->sha256);
}

/* Adds a file that was read; none if the configuration names none. */
static void add_read(struct snapshot *s, enum snapshot_purpose purpose, const char *of,
                     const struct conf_text *path, const struct keyfile *file)
{
    if (file->data != NULL) {
        add(s, purpose, of, path->text, file->sha256);
    }
}

int snapshot_list_files(struct snapshot *s, const struct keyfiles *files,
                        const uint8_t configuration[KEYFILE_SHA256_SIZE])
{
    const struct conf *conf = s->conf;

    s->files =
        calloc(1 + 2 * files->num + files->num_tickets + files->num_listeners, sizeof *s->files);
    if (s->files == NULL) {
        return -1;
    }
    add(s, SNAPSHOT_CONFIGURATION, "", conf->file, configuration);
    for (size_t i = 0; i < files->num; i++) {
        const struct conf_certificate *certificate = &conf->certificates[i];

        add_read(s, SNAPSHOT_CHAIN, certificate->name, &certificate->chain, &files->chains[i]);
        add_read(s, SNAPSHOT_KEY, certificate->name, &certificate->key, &files->keys[i]);
    }
    for (size_t i = 0; i < files->num_tickets; i++) {
        add_read(s, SNAPSHOT_TICKET_KEY, "", &conf->ticket_keys.items[i], &files->tickets[i]);
    }
    for (size_t i = 0; i < files->num_listeners; i++) {
        const struct conf_listener *listener = &conf->listeners[i];

        add_read(s, SNAPSHOT_CLIENT_CA, listener->name, &listener->client_ca,
                 &files->client_cas[i]);
    }
    return 0;
}
