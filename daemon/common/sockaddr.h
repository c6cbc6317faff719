/*
 * sockaddr: conversion between our addresses and the kernel's.
 */
#ifndef POSTERN_DAEMON_COMMON_SOCKADDR_H
#define POSTERN_DAEMON_COMMON_SOCKADDR_H

#include "lib/net/addr.h"

#include <sys/socket.h>

/* The kernel's form of an endpoint; returns its length. */
socklen_t sockaddr_from(const struct endpoint *e, struct sockaddr_storage *out);

/* Our form of an IP address from the kernel; family ADDR_NONE for any other kind. */
struct addr sockaddr_to(const struct sockaddr_storage *sa);

/* The address that a socket is bound to. */
struct addr sockaddr_local(int fd);

/*
 * Whether the system knows the address as one of this host, on whatever interface: for such a
 * destination it picks the address itself as the source, or at least lets it be bound. Nothing is
 * sent, and no privilege needed. Also true if that cannot be found out; but if the system lets
 * anybody bind any address (net.ipv4.ip_nonlocal_bind), false for an IPv4 address of this host that
 * is not the first one of its network.
 */
bool sockaddr_is_host(const struct addr *a);

#endif
