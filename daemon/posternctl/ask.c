#include "daemon/posternctl/ask.h"

#include "daemon/common/ctlclient.h"
#include "daemon/common/ctlprotocol.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Milliseconds for the whole answer. */
#define ANSWER_TIMEOUT_MS 10000

static enum ask_status fail(enum ask_status status, const struct conf *conf, const char *reason,
                            struct conf_error *error)
{
    snprintf(error->text, sizeof error->text, "%s: %s", conf->control.text, reason);
    return status;
}

enum ask_status ask_not_posternd(const struct conf *conf, struct conf_error *error)
{
    return fail(ASK_NOBODY, conf, "what answered is not posternd", error);
}

static enum ask_status fail_errno(const struct conf *conf, int reason, struct conf_error *error)
{
    bool late = reason == ETIMEDOUT || reason == EAGAIN;
    char text[128];

    if (reason == EACCES || reason == EPERM) {
        return fail(ASK_REFUSED, conf, strerror(reason), error);
    }
    if (reason == EPROTO) {
        return ask_not_posternd(conf, error);
    }
    snprintf(text, sizeof text, "no posternd answers: %s", late ? "timeout" : strerror(reason));
    return fail(ASK_NOBODY, conf, text, error);
}

enum ask_status ask_posternd(const struct conf *conf, json_t *request, json_t **answer,
                             struct conf_error *error)
{
    struct ctlclient client = ctlclient_open(conf->control.text, CTLPROTOCOL_ANSWER_MAX);
    struct timespec deadline = ctlclient_deadline(ANSWER_TIMEOUT_MS);
    enum ask_status status = ASK_DONE;

    if (conf->control.text[0] == '\0') {
        json_decref(request);
        snprintf(error->text, sizeof error->text, "%s: control = \"\": there is no control socket",
                 conf->file);
        return ASK_NOBODY;
    }
    switch (ctlclient_ask(&client, request, &deadline, answer)) {
    case CTLCLIENT_ANSWERED:
        break;
    case CTLCLIENT_REFUSED:
        status =
            fail(ASK_REFUSED, conf, json_string_value(json_object_get(*answer, "error")), error);
        json_decref(*answer);
        break;
    case CTLCLIENT_FAILED:
        status = fail_errno(conf, errno, error);
        break;
    }
    ctlclient_close(&client);
    return status;
}
