/*
 * unixsocket: listening at a path, and connecting to one.
 */
#ifndef POSTERN_DAEMON_COMMON_UNIXSOCKET_H
#define POSTERN_DAEMON_COMMON_UNIXSOCKET_H

/*
 * Listens at `path`, which fits into a sockaddr_un: mode 0660, owned by the present user. A
 * leftover socket is replaced, one that answers is not; a lock or a supervisor must prevent a
 * second program from doing the same at this moment. `flags` are further ones of socket(2), such as
 * SOCK_NONBLOCK. NULL with `*fd`, or what went wrong with `*fd` -1; errno is EADDRINUSE if one
 * answers.
 */
const char *unixsocket_listen(const char *path, int backlog, int flags, int *fd);

/*
 * Connects to a path, which fits into a sockaddr_un; waits at most so many milliseconds for room in
 * a full backlog. The connection does not block; -1 with errno, EAGAIN if there was no room.
 */
int unixsocket_connect(const char *path, long wait_ms);

/* Removes the socket of a program that did not end properly. NULL, or what is there instead. */
const char *unixsocket_remove_stale(const char *path);

#endif
