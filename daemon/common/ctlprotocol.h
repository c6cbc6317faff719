/*
 * ctlprotocol: the protocol of the control socket.
 *
 * A client sends one JSON object a line, {"request":NAME,...}, and gets one JSON object a line
 * back, in the order of its requests; {"error":TEXT} where a request is refused. A connection may
 * be used for further requests; posternd closes one that is idle, and may close any that it has not
 * answered yet. A request may be sent again: another reload changes nothing.
 */
#ifndef POSTERN_DAEMON_COMMON_CTLPROTOCOL_H
#define POSTERN_DAEMON_COMMON_CTLPROTOCOL_H

#include <stddef.h>

/* The longest request, with its line end. */
#define CTLPROTOCOL_REQUEST_MAX ((size_t)65536)

/* The longest answer, with its line end: all kept failures need far less. */
#define CTLPROTOCOL_ANSWER_MAX ((size_t)4 << 20)

/* Seconds after which a client that is silent, or reads no answer, is closed. */
#define CTLPROTOCOL_IDLE 60

#endif
