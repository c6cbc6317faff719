#include "lib/smtp/line.h"

#include <string.h>

size_t line_span(struct bytes in, bool *ended)
{
    const uint8_t *lf = in.len == 0 ? NULL : memchr(in.data, '\n', in.len);

    *ended = lf != NULL;
    return lf == NULL ? in.len : (size_t)(lf - in.data) + 1;
}

enum line_result line_take(struct bytes *in, size_t max, struct bytes *out)
{
    struct bytes seen = bytes_of(in->data, in->len < max ? in->len : max);
    bool ended;
    size_t len = line_span(seen, &ended);

    if (!ended) {
        return seen.len == max ? LINE_BAD : LINE_MORE;
    }
    return bytes_take(in, len, out) ? LINE_DONE : LINE_MORE;
}

struct bytes line_content(struct bytes line)
{
    size_t len = line.len;

    if (len > 0 && line.data[len - 1] == '\n') {
        len--;
        while (len > 0 && line.data[len - 1] == '\r') {
            len--;
        }
    }
    return bytes_of(line.data, len);
}
