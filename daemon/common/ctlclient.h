/*
 * ctlclient: asking posternd over its control socket, one question a connection.
 *
 * May include: jsonline, lib/admin/conf, lib/tls/hello, jansson.
 */
#ifndef POSTERN_DAEMON_COMMON_CTLCLIENT_H
#define POSTERN_DAEMON_COMMON_CTLCLIENT_H

#include "lib/admin/conf.h"
#include "lib/tls/hello.h"

#include <jansson.h>

/* How it went; the exit codes of posternctl. */
enum ctl_status {
    CTL_DONE = 0,
    CTL_REFUSED = 1, /* posternd said no, or its socket is not for us */
    CTL_NOBODY = 69, /* no posternd answers: EX_UNAVAILABLE */
};

/*
 * Sends `request` (stolen; NULL counts as no memory) to the posternd of `conf`, and waits for the
 * answer, 10 seconds at most. CTL_DONE with `*answer`, a JSON object that the caller gives back
 * with json_decref(); or another status with `*error`: what is wrong, and with whom.
 */
MUST_USE enum ctl_status ctlclient_ask(const struct conf *conf, json_t *request, json_t **answer,
                                       struct conf_error *error);

/* A hello that posternd has kept. */
struct ctl_hello {
    uint8_t data[HELLO_SIZE_MAX]; /* a handshake message, or an SSLv2-format hello */
    size_t len;
    bool sslv2;
    char listener[64]; /* where it came last; "" if that is not told */
};

/* The hello of the kept failure `id`. Status and `*error` as above. */
MUST_USE enum ctl_status ctlclient_failure_hello(const struct conf *conf, uint64_t id,
                                                 struct ctl_hello *out, struct conf_error *error);

#endif
