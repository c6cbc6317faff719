/*
 * reload_parts: the steps by which a snapshot comes into force, in reload_change.c; and what the
 * log says about it, in reload_log.c. For reload.c only.
 */
#ifndef POSTERN_DAEMON_POSTERND_RELOAD_PARTS_H
#define POSTERN_DAEMON_POSTERND_RELOAD_PARTS_H

#include "daemon/posternd/admission.h"
#include "daemon/posternd/directory.h"
#include "daemon/posternd/reload.h"

/* What is in force. */
struct reload_force {
    struct snapshot *snapshot; /* a reference; NULL: nothing yet */
    unsigned number;           /* 0: nothing yet */
};

/* Everything that can fail, done before anything changes; zeroed at first. */
struct reload_change {
    struct admission_change admission;
    struct directory_tables tables;
    struct workers_plan plan;
};

/* 0; or -1 with `*error`, and then sockets of `next` may be open. */
MUST_USE int reload_prepare(struct reload_change *change, const struct reload_force *force,
                            struct snapshot *next, const struct reload_setup *setup,
                            struct conf_error *error);

/* Brings `next` (stolen) into force, and tells the workers. */
void reload_renew(struct reload_change *change, struct reload_force *force, struct snapshot *next,
                  const struct reload_setup *setup, const struct workers *workers);

/* The same for the first one (borrowed), with which the workers start. 0, or -1 after an error was
 * logged. */
MUST_USE int reload_begin(struct reload_change *change, struct reload_force *force,
                          struct snapshot *first, struct workers *workers, int news_fd);

/* Frees what is left of a change, whatever became of it. */
void reload_discard(struct reload_change *change);

/* How many addresses a new configuration adds and removes. */
struct reload_opened {
    size_t opened;
    size_t closed;
};

struct reload_opened reload_opened(const struct conf *before, const struct conf *after);

/* Logs that `snapshot` is in force. */
void reload_log(const struct snapshot *snapshot, const struct reload_opened *opened);

/* A permission that only root has, and that was given up at the start, needs a restart: says so in
 * the error. */
void reload_explain(const struct reload_setup *setup, struct conf_error *error);

#endif
