/* A hello that posternd has kept, for `posternctl explain --failure`. */
#include "daemon/common/readconf.h"
#include "daemon/posternctl/ask.h"
#include "daemon/posternctl/command.h"
#include "daemon/posternctl/explain/explain.h"
#include "lib/base/hex.h"

#include <stdlib.h>
#include <string.h>

/* The id, or 0 if it is none. */
static uint64_t read_id(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len <= 18 && strspn(text, "0123456789") == len ? strtoull(text, NULL, 10) : 0;
}

/* It is explained by the rules of the listener where it arrived, if that still exists. */
static bool has_listener(const struct conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->num_listeners; i++) {
        if (strcmp(conf->listeners[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Reads posternd's answer about a kept failure. False if it is not such an answer. */
static bool take(struct explain_hello *out, const struct conf *conf, const json_t *answer)
{
    const json_t *hello = json_object_get(answer, "hello");
    struct bytes hex = bytes_of(json_string_value(hello), json_string_length(hello));
    const char *listener = json_string_value(json_object_get(answer, "listener"));
    size_t len;

    if (hex.data == NULL || !hex_read(hex, out->room, HELLO_SIZE_MAX, &len)) {
        return false;
    }
    out->message = bytes_of(out->room, len);
    out->sslv2 = json_is_true(json_object_get(answer, "sslv2"));
    snprintf(out->listener, sizeof out->listener, "%s", listener == NULL ? "" : listener);
    if (!has_listener(conf, out->listener)) {
        out->listener[0] = '\0';
    }
    return true;
}

static int ask(struct explain_hello *out, const struct conf *conf, uint64_t id,
               struct conf_error *error)
{
    json_t *request = json_pack("{s:s, s:I}", "request", "failure", "id", (json_int_t)id);
    json_t *answer;
    enum ask_status status = ask_posternd(conf, request, &answer, error);

    if (status != ASK_DONE) {
        return (int)status;
    }
    if (!take(out, conf, answer)) {
        status = ask_not_posternd(conf->control.text, error);
    }
    json_decref(answer);
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
    status = ask(out, conf, id, error);
    conf_free(conf);
    return status;
}
