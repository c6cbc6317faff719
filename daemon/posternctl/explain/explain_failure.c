/* A hello that posternd has kept, for `posternctl explain --failure`. */
#include "daemon/common/ctlclient.h"
#include "daemon/common/readconf.h"
#include "daemon/posternctl/command.h"
#include "daemon/posternctl/explain/explain.h"

#include <stdlib.h>
#include <string.h>

/* The id, or 0 if it is none. */
static uint64_t read_id(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len <= 18 && strspn(text, "0123456789") == len ? strtoull(text, NULL, 10) : 0;
}

/* It is explained by the rules of the listener that it came to, if there still is one. */
static bool has_listener(const struct conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->num_listeners; i++) {
        if (strcmp(conf->listeners[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static int take(struct explain_hello *out, const struct conf *conf, uint64_t id,
                struct conf_error *error)
{
    struct ctl_hello *kept = malloc(sizeof *kept);
    enum ctl_status status;

    if (kept == NULL) {
        snprintf(error->text, sizeof error->text, "out of memory");
        return EXIT_BAD_INPUT;
    }
    status = ctlclient_failure_hello(conf, id, kept, error);
    if (status == CTL_DONE) {
        memcpy(out->room, kept->data, kept->len);
        out->message = bytes_of(out->room, kept->len);
        out->sslv2 = kept->sslv2;
        if (has_listener(conf, kept->listener)) {
            snprintf(out->listener, sizeof out->listener, "%s", kept->listener);
        }
    }
    free(kept);
    return (int)status;
}

int explain_failure_read(struct explain_hello *out, const struct explain_options *options,
                         struct conf_error *error)
{
    uint64_t id = read_id(options->failure);
    struct conf *conf;
    int status;

    if (id == 0) {
        snprintf(error->text, sizeof error->text, "--failure %s: not an ID of posternctl failures",
                 options->failure);
        return EXIT_BAD_INPUT;
    }
    conf = readconf(options->daemon_conf, error);
    if (conf == NULL) {
        return EXIT_BAD_INPUT;
    }
    status = take(out, conf, id, error);
    conf_free(conf);
    return status;
}
