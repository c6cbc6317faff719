/*
 * Theory of operation
 *
 *   LINES   each line is a command, and gets one reply. A BDAT begins a CHUNK of the size that it
 *           names, and its reply is outstanding when the chunk is out.
 *   CHUNK   so many bytes are missing in it.
 *   MAIL    after a 354: nothing is outstanding until the line that ends the mail. CRLF on both
 *           sides of its dot, because only that ends a mail for every Postfix.
 *   LOST    the client is not followed any more: after a byte a reply is outstanding, and after
 *           every complete reply none is.
 *
 * A 354 makes a MAIL only if all that was sent before it had its reply but the DATA; otherwise part
 * of the mail, or its end, may be out already. If the end of a mail was found in a write of which
 * not every byte was looked at, an earlier end may have been missed, and then the lines after it
 * may be part of a chunk: no BDAT among them counts as the end of a mail until the next 354.
 */
#include "lib/smtp/owed.h"

#include "lib/smtp/line.h"
#include "lib/smtp/message.h"

#include <string.h>
#include <strings.h>

enum reading { READING_LINES, READING_CHUNK, READING_MAIL, READING_LOST };

static const char mail_end[] = "\r\n.\r\n";

/* Bytes of the end of a mail that can be the last ones of one write before it is whole. */
enum { END_LEN = sizeof mail_end - 1, CARRIED = END_LEN - 1 };

/* A size has at most so many digits here: no sum overflows, and the line fits `head`. */
enum { DIGITS_MAX = 18 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

void owed_give_up(struct owed_count *o)
{
    *o = (struct owed_count){.reading = READING_LOST, .replies = o->replies};
}

static void expect_reply(struct owed_count *o, bool mail)
{
    o->replies++;
    if (mail) {
        o->until_mail = o->replies;
    }
}

/* --- commands --- */

/* "BDAT SIZE\r\n" or "BDAT SIZE LAST\r\n" and nothing else, where Postfix would take more. */
static bool read_bdat(struct bytes line, uint64_t *size, bool *last)
{
    size_t pos = sizeof "BDAT " - 1;
    size_t start = pos;
    struct bytes rest;

    if (line.len < pos || line.data[pos - 1] != ' ') {
        return false;
    }
    *size = 0;
    for (; pos < line.len && line.data[pos] >= '0' && line.data[pos] <= '9'; pos++) {
        *size = *size * 10 + (uint64_t)(line.data[pos] - '0');
    }
    if (pos == start || pos - start > DIGITS_MAX) {
        return false;
    }
    rest = bytes_of(line.data + pos, line.len - pos);
    *last = rest.len == 7 && strncasecmp((const char *)rest.data, " LAST\r\n", rest.len) == 0;
    return *last || (rest.len == 2 && memcmp(rest.data, "\r\n", rest.len) == 0);
}

static void end_chunk(struct owed_count *o)
{
    o->reading = READING_LINES;
    expect_reply(o, o->last && !o->doubtful);
}

/* Whether it is certain what the backend makes of the line whose start is in `head`. Begins the
 * chunk of a BDAT. */
static bool read_line(struct owed_count *o)
{
    struct bytes head = bytes_of(o->head, o->head_len);
    enum verb verb;

    if (o->line_len > OWED_LINE_MAX) {
        return false;
    }
    if (!message_verb(head, &verb)) {
        /* One long word, unless there are many blanks before it. */
        verb = head.data[0] > ' ' ? VERB_OTHER : VERB_BDAT;
    }
    if (verb != VERB_BDAT) {
        expect_reply(o, false);
        return true;
    }
    if (!read_bdat(head, &o->chunk, &o->last)) {
        return false;
    }
    o->reading = READING_CHUNK;
    if (o->chunk == 0) {
        end_chunk(o);
    }
    return true;
}

static void end_line(struct owed_count *o)
{
    if (!read_line(o)) {
        owed_give_up(o);
        expect_reply(o, false);
    }
    o->head_len = 0;
    o->line_len = 0;
}

static size_t take_line(struct owed_count *o, struct bytes in)
{
    bool ended;
    size_t len = line_span(in, &ended);
    size_t kept = smaller(len, sizeof o->head - o->head_len);

    memcpy(o->head + o->head_len, in.data, kept);
    o->head_len = (uint8_t)(o->head_len + kept);
    o->line_len = (uint16_t)smaller(o->line_len + len, OWED_LINE_MAX + 1);
    if (ended) {
        end_line(o);
    }
    return len;
}

static size_t take_chunk(struct owed_count *o, struct bytes in)
{
    size_t len = in.len < o->chunk ? in.len : (size_t)o->chunk;

    o->chunk -= len;
    if (o->chunk == 0) {
        end_chunk(o);
    }
    return len;
}

/* --- mails --- */

static bool find_end(const uint8_t *data, size_t len, size_t *after)
{
    const uint8_t *found = memmem(data, len, mail_end, END_LEN);

    if (found == NULL) {
        return false;
    }
    *after = (size_t)(found - data) + END_LEN;
    return true;
}

/* Where the mail ends in `in`, whose start may complete the end that `head` begins. */
static bool find_mail_end(const struct owed_count *o, struct bytes in, size_t *after)
{
    uint8_t joint[2 * CARRIED];
    size_t num = smaller(in.len, CARRIED);
    size_t window = smaller(in.len, OWED_WINDOW);

    memcpy(joint, o->head, o->head_len);
    memcpy(joint + o->head_len, in.data, num);
    if (find_end(joint, o->head_len + num, after)) {
        *after -= o->head_len;
        return true;
    }
    if (find_end(in.data + in.len - window, window, after)) {
        *after += in.len - window;
        return true;
    }
    return false;
}

/* Keeps the last bytes of the mail, of `head` and `in` together. */
static void carry(struct owed_count *o, struct bytes in)
{
    size_t num = smaller(in.len, CARRIED);
    size_t old = smaller(o->head_len, CARRIED - num);

    memmove(o->head, o->head + o->head_len - old, old);
    memcpy(o->head + old, in.data + in.len - num, num);
    o->head_len = (uint8_t)(old + num);
}

static size_t take_mail(struct owed_count *o, struct bytes in)
{
    size_t after;

    if (!find_mail_end(o, in, &after)) {
        carry(o, in);
        return in.len;
    }
    o->doubtful = in.len > OWED_WINDOW;
    o->reading = READING_LINES;
    o->head_len = 0;
    expect_reply(o, true);
    return after;
}

static void begin_mail(struct owed_count *o)
{
    bool early = o->reading != READING_LINES || o->replies > 0 || o->head_len > 0;

    if (early) {
        owed_give_up(o);
        o->in_mail = true;
        return;
    }
    /* An empty mail has only its dot. */
    *o = (struct owed_count){.reading = READING_MAIL, .head = "\r\n", .head_len = 2};
}

/* --- both --- */

void owed_forwarded(struct owed_count *o, struct bytes bytes)
{
    while (bytes.len > 0) {
        size_t len = bytes.len;

        switch ((enum reading)o->reading) {
        case READING_LINES:
            len = take_line(o, bytes);
            break;
        case READING_CHUNK:
            len = take_chunk(o, bytes);
            break;
        case READING_MAIL:
            len = take_mail(o, bytes);
            break;
        case READING_LOST:
            o->replies = 1;
            break;
        }
        bytes = bytes_of(bytes.data + len, bytes.len - len);
    }
}

void owed_replied(struct owed_count *o, unsigned code)
{
    o->in_mail = false;
    if (o->reading == READING_LOST) {
        o->replies = 0;
    } else if (o->reading == READING_MAIL) {
        /* Its end was not seen, or the backend does not want the rest. */
        *o = (struct owed_count){.reading = READING_LINES, .doubtful = true};
    }
    if (o->replies > 0) {
        o->replies--;
    }
    if (o->until_mail > 0) {
        o->until_mail--;
    }
    if (code == 354) {
        begin_mail(o);
    }
}

enum owed owed_now(const struct owed_count *o)
{
    if (o->until_mail > 0) {
        return OWED_MAIL;
    }
    if (o->reading == READING_MAIL || o->reading == READING_CHUNK || o->in_mail) {
        return OWED_DATA;
    }
    return o->replies > 0 ? OWED_REPLY : OWED_NOTHING;
}
