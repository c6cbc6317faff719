#include "daemon/posternctl/ask.h"

#include "daemon/common/ctlclient.h"
#include "daemon/common/ctlprotocol.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Seconds for the whole answer, of a posternd that knows it. */
#define ANSWER_TIMEOUT 10

static enum ask_status fail(enum ask_status status, const char *path, const char *reason,
                            struct conf_error *error)
{
    snprintf(error->text, sizeof error->text, "%s: %s", path, reason);
    return status;
}

static enum ask_status fail_not_posternd(const char *path, struct conf_error *error)
{
    return fail(ASK_NOBODY, path, "what answered is not posternd", error);
}

enum ask_status ask_not_posternd(const struct conf *conf, struct conf_error *error)
{
    return fail_not_posternd(conf->control.text, error);
}

static enum ask_status fail_errno(const char *path, int reason, struct conf_error *error)
{
    bool late = reason == ETIMEDOUT || reason == EAGAIN;
    char text[128];

    if (reason == EACCES || reason == EPERM) {
        return fail(ASK_REFUSED, path, strerror(reason), error);
    }
    if (reason == EPROTO) {
        return fail_not_posternd(path, error);
    }
    snprintf(text, sizeof text, "no posternd answers: %s", late ? "timeout" : strerror(reason));
    return fail(ASK_NOBODY, path, text, error);
}

enum ask_status ask_at(const char *path, unsigned seconds, json_t *request, json_t **answer,
                       struct conf_error *error)
{
    struct ctlclient client = ctlclient_open(path, CTLPROTOCOL_ANSWER_MAX);
    struct timespec deadline = ctlclient_deadline(seconds * 1000);
    enum ask_status status = ASK_DONE;

    switch (ctlclient_ask(&client, request, &deadline, answer)) {
    case CTLCLIENT_ANSWERED:
        break;
    case CTLCLIENT_REFUSED:
        status =
            fail(ASK_REFUSED, path, json_string_value(json_object_get(*answer, "error")), error);
        json_decref(*answer);
        break;
    case CTLCLIENT_FAILED:
        status = fail_errno(path, errno, error);
        break;
    }
    ctlclient_close(&client);
    return status;
}

enum ask_status ask_posternd(const struct conf *conf, json_t *request, json_t **answer,
                             struct conf_error *error)
{
    if (conf->control.text[0] == '\0') {
        json_decref(request);
        snprintf(error->text, sizeof error->text, "%s: control = \"\": there is no control socket",
                 conf->file);
        return ASK_NOBODY;
    }
    return ask_at(conf->control.text, ANSWER_TIMEOUT, request, answer, error);
}
