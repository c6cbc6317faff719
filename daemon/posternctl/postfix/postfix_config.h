/*
 * postfix_config: what Postfix needs for a configuration, as text for master.cf.
 *
 * Promise: everything printed is a line of master.cf or a comment, so that all of it can be put
 * there. postfix_services.c knows which services are needed, postfix_today.c which there are,
 * postfix_sides.c their settings, postfix_milter.c their milters; postfix_config.c prints them,
 * postfix_notes.c prints further notes. postfix_compare.c compares them with each other, using the
 * results of postfix_ciphers.c and postfix_files.c.
 */
#ifndef POSTERN_DAEMON_POSTERNCTL_POSTFIX_CONFIG_H
#define POSTERN_DAEMON_POSTERNCTL_POSTFIX_CONFIG_H

#include "daemon/posternctl/postfix/postfix_sides.h"

#include <stdio.h>

/* A service accepts this many more sessions than posternd opens: those that it is closing. */
#define POSTFIX_SPARE_PROCESSES 20

/* Prints the services for all backends, and what happens to each of today's settings, the latter
 * also on standard error. `*opens` says whether something is opened. 0, or -1 with `*error`: an
 * address that Postfix cannot have, or that has another purpose. */
MUST_USE int postfix_config(const struct conf *conf, FILE *out, bool *opens,
                            struct conf_error *error);

/* Further notes on master.cf: which services must give way, and which delay others. */
void postfix_notes(const struct conf *conf, const struct postconf *postfix, FILE *out);

/* --- postfix_services.c --------------------------------------------------------------------- */

/* The addresses of a backend: those of `address`, followed by tls_address if it is set. */
size_t postfix_num_addresses(const struct conf_backend *backend);
const struct conf_endpoint *postfix_address(const struct conf_backend *backend, size_t i);

/* Whether two addresses are the same. */
bool postfix_same(const struct endpoint *a, const struct endpoint *b);

/* Whether an earlier address of the backends is the same as address `i` of backend `b`. */
bool postfix_is_repeated(const struct conf *conf, size_t b, size_t i);

/* The maxproc column of the service at an address: the connections that all its backends may have
 * at one time, and a few more; 0: no bound. */
unsigned postfix_processes(const struct conf *conf, const struct endpoint *address);

/* Whether a listener whose mail goes to `address` accepts passwords without TLS. */
bool postfix_takes_plaintext_auth(const struct conf *conf, const struct endpoint *address);

/* Whether no session under TLS reaches `address`: those of its backends go to a tls_address. */
bool postfix_gets_only_plaintext(const struct conf *conf, const struct endpoint *address);

/* Whether no session of the service at an address may log in: it gets the plaintext ones of
 * backends whose sessions under TLS go to a tls_address. */
bool postfix_is_without_auth(const struct conf *conf, const struct endpoint *address);

/* The name that master.cf has for a unix-domain socket in the queue's public directory; NULL: it is
 * in another one. If the queue is not known, the directory's name is compared with "public". */
const char *postfix_socket_name(const struct postconf *postfix, const char *path);

/* Whether inet_protocols has a family of addresses. */
bool postfix_speaks(const struct postconf *postfix, enum addr_family family);

/* Whether an address is one of a backend's. */
bool postfix_has_address(const struct conf_backend *backend, const struct endpoint *address);

/* Whether a listener whose mail goes to `address` (NULL: anywhere) has an address of a family
 * (ADDR_NONE: of any). */
bool postfix_has_clients(const struct conf *conf, const struct endpoint *address,
                         enum addr_family family);

/* Whether master.cf has a postscreen at an address. */
bool postfix_is_postscreen(const struct postconf *postfix, const struct endpoint *address);

/* The smtpd that gets the clients of a service: the service itself, or, of a postscreen, the one
 * that it passes them to. False if there is none. */
bool postfix_smtpd_of(const struct postconf *postfix, const struct postconf_service *service,
                      struct postconf_service *out);

/* --- postfix_milter.c ----------------------------------------------------------------------- */

/* Whether the configuration has a milter for Postfix. */
bool postfix_has_milter(const struct conf *conf);

/* What follows the queue directory and its slash in a path; NULL: it is elsewhere. */
const char *postfix_queue_path(const struct postconf *postfix, const char *path);

/* An address in the form of smtpd_milters and check_policy_service. `size` should be ADDR_PATH_SIZE
 * + 8. */
void postfix_milter_address(const struct postconf *postfix, const struct endpoint *at, char *out,
                            size_t size);

/* Sets smtpd_milters of a planned service, ours first and then those that it has; nothing if there
 * is no milter. 0, or -1 without memory. */
MUST_USE int postfix_add_milters(const struct conf *conf, const struct postconf *postfix,
                                 struct postfix_side *side);

/* Where to use the policy service, as a comment, if there is one. */
void postfix_print_policy_service(const struct conf *conf, const struct postconf *postfix,
                                  FILE *out);

/* A note on the milter for a service with this chroot column. */
void postfix_print_milter_comments(const struct conf *conf, const struct postconf *postfix,
                                   char chroot, FILE *out);

#endif
