/*
 * main_loop: what main's thread does while workers work: signals, the control socket, writing, and
 * withheld log lines about limits.
 */
#ifndef POSTERN_DAEMON_POSTERND_MAIN_LOOP_H
#define POSTERN_DAEMON_POSTERND_MAIN_LOOP_H

#include "daemon/posternd/sockets.h"

#include <event2/event.h>

struct main_loop;

/* Takes over all signals (signals_take_over()), and creates an event loop that handles them. NULL
 * with errno. */
MUST_USE struct main_loop *main_loop_new(void);

struct event_base *main_loop_base(const struct main_loop *loop);

/* An eventfd: a write to it makes the loop look at what the workers say. */
int main_loop_news_fd(const struct main_loop *loop);

/* Returns when the workers have ended, which a signal that stops the program makes them do
 * (stop.h). The room reload is open, with these listening sockets. */
void main_loop_run(struct main_loop *loop, struct sockets *sockets);

/* Its events must be gone. NULL is allowed. */
void main_loop_free(struct main_loop *loop);

#endif
