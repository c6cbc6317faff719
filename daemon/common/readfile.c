#include "daemon/common/readfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads until the end of the file or until there are `size` bytes. The number of bytes, or -1 with
 * errno. */
static ssize_t read_up_to(int fd, uint8_t *out, size_t size)
{
    size_t len = 0;

    while (len < size) {
        ssize_t got = read(fd, out + len, size - len);

        if (got < 0 && errno != EINTR) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        len += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)len;
}

static uint8_t *read_regular(int fd, size_t *len, struct stat *st, const char **reason)
{
    size_t size = READFILE_SIZE_MAX + 1; /* one byte more shows that there is more */
    uint8_t *bytes = NULL;
    ssize_t got = -1;

    *reason = "not a regular file";
    if (fstat(fd, st) == 0 && S_ISREG(st->st_mode)) {
        bytes = malloc(size);
        if (bytes != NULL) {
            got = read_up_to(fd, bytes, size);
        }
        *reason = got < 0 ? strerror(errno) : "larger than 1 MiB";
    }
    if (got < 0 || (size_t)got == size) {
        free(bytes);
        return NULL;
    }
    *len = (size_t)got;
    return bytes;
}

uint8_t *readfile(const char *path, size_t *len, struct stat *found, const char **reason)
{
    /* O_NONBLOCK: opening a FIFO must not wait for its writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    uint8_t *bytes;
    struct stat st;

    if (fd < 0) {
        *reason = strerror(errno);
        return NULL;
    }
    bytes = read_regular(fd, len, found == NULL ? &st : found, reason);
    close(fd);
    return bytes;
}
