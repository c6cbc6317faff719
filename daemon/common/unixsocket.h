/*
 * unixsocket: listening at a path, and connecting to one.
 */
#ifndef POSTERN_DAEMON_COMMON_UNIXSOCKET_H
#define POSTERN_DAEMON_COMMON_UNIXSOCKET_H

/*
 * Listens at `path`, which fits into a sockaddr_un: mode 0660, owned by who we are now. A socket
 * that is left over is replaced, one that answers is not; a lock, or a supervisor, is to keep a
 * second program from doing the same just now. `flags` are further ones of socket(2), such as
 * SOCK_NONBLOCK. NULL with `*fd`, or what went wrong with `*fd` -1.
 */
const char *unixsocket_listen(const char *path, int backlog, int flags, int *fd);

/*
 * Connects to a path, which fits into a sockaddr_un; waits so many milliseconds at the most for
 * room in a backlog that is full. The connection does not block; -1 with errno, EAGAIN if it was in
 * vain.
 */
int unixsocket_connect(const char *path, long wait_ms);

/* Removes the socket of a program that has not ended in an orderly way. NULL, or what is there
 * instead. */
const char *unixsocket_remove_stale(const char *path);

#endif
