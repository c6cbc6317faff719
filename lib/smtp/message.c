#include "lib/smtp/message.h"

#include "lib/base/table.h"
#include "lib/smtp/line.h"

#include <string.h>
#include <strings.h>

static const char *const verbs[] = {
    [VERB_OTHER] = "UNKNOWN",     [VERB_AUTH] = "AUTH", [VERB_BDAT] = "BDAT",
    [VERB_DATA] = "DATA",         [VERB_EHLO] = "EHLO", [VERB_ETRN] = "ETRN",
    [VERB_EXPN] = "EXPN",         [VERB_HELO] = "HELO", [VERB_HELP] = "HELP",
    [VERB_MAIL] = "MAIL",         [VERB_NOOP] = "NOOP", [VERB_QUIT] = "QUIT",
    [VERB_RCPT] = "RCPT",         [VERB_RSET] = "RSET", [VERB_VRFY] = "VRFY",
    [VERB_STARTTLS] = "STARTTLS",
};
TABLE_HAS_EACH(verbs, VERB_NUM);

/* isspace() without LF, whatever the locale. */
static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r';
}

static bool is_end(uint8_t c)
{
    return c == '\n' || c == '\0';
}

static bool is_word(struct bytes word, const char *name)
{
    return word.len == strlen(name) && strncasecmp((const char *)word.data, name, word.len) == 0;
}

/* The word at or after `*pos`, empty at the line's end; `*pos` moves past it. */
static struct bytes next_word(struct bytes line, size_t *pos)
{
    size_t start;

    while (*pos < line.len && is_blank(line.data[*pos])) {
        (*pos)++;
    }
    start = *pos;
    while (*pos < line.len && !is_blank(line.data[*pos]) && !is_end(line.data[*pos])) {
        (*pos)++;
    }
    return *pos == start ? bytes_of(NULL, 0) : bytes_of(line.data + start, *pos - start);
}

bool message_verb(struct bytes line, enum verb *out)
{
    size_t pos = 0;
    struct bytes word = next_word(line, &pos);

    if (pos == line.len) {
        return false;
    }
    *out = VERB_OTHER;
    for (enum verb v = VERB_OTHER + 1; v < VERB_NUM; v++) {
        if (is_word(word, verbs[v])) {
            *out = v;
        }
    }
    return true;
}

const char *message_verb_name(enum verb verb)
{
    return verbs[verb];
}

bool message_argument(struct bytes line, struct bytes *out)
{
    size_t pos = 0;

    next_word(line, &pos);
    *out = next_word(line, &pos);
    return pos < line.len;
}

bool message_has_argument(struct bytes line)
{
    size_t pos = 0;

    next_word(line, &pos);
    return next_word(line, &pos).len > 0;
}

bool message_reply_line(struct bytes line, struct reply_line *out)
{
    unsigned code = 0;
    size_t skip = 3;

    if (line.len < 3) {
        return false;
    }
    for (size_t i = 0; i < 3; i++) {
        if (line.data[i] < '0' || line.data[i] > '9') {
            return false;
        }
        code = code * 10 + (unsigned)(line.data[i] - '0');
    }
    out->code = code;
    out->last = line.len == skip || line.data[skip] != '-';
    if (line.len > skip && (line.data[skip] == '-' || line.data[skip] == ' ')) {
        skip++;
    }
    out->text = bytes_of(line.data + skip, line.len - skip);
    return true;
}

bool message_is_keyword(struct bytes text, const char *keyword)
{
    size_t pos = 0;
    struct bytes word = next_word(line_content(text), &pos);
    const uint8_t *equals = word.len == 0 ? NULL : memchr(word.data, '=', word.len);

    if (equals != NULL) {
        word.len = (size_t)(equals - word.data);
    }
    return is_word(word, keyword);
}

static void put_string(struct buffer *out, const char *s)
{
    buffer_put(out, s, strlen(s));
}

/* Writes a line that is kept; it is held back unless it is the last. */
static void put_line(struct buffer *out, const uint8_t *code, bool last, struct bytes text)
{
    buffer_put(out, code, 3);
    put_string(out, last ? " " : "-");
    buffer_put(out, text.data, text.len);
    out->held = last ? 0 : text.len + 4;
}

/* The reply ends without its last line: the one before takes its place. */
static void end_early(struct buffer *out)
{
    if (out->held > 0) {
        out->data[out->end - out->held + 3] = ' ';
        out->held = 0;
    } else {
        put_string(out, "250 \r\n");
    }
}

static bool is_hidden(const struct reply_line *r, bool hide_auth)
{
    return r->code == 250 &&
           (message_is_keyword(r->text, "STARTTLS") || message_is_keyword(r->text, "XCLIENT") ||
            message_is_keyword(r->text, "XFORWARD") ||
            (hide_auth && message_is_keyword(r->text, "AUTH")));
}

void message_put_ehlo_line(struct buffer *out, struct bytes line, const struct reply_line *r,
                           bool first, struct message_edit edit)
{
    static const char starttls[] = "STARTTLS\r\n";
    bool add = first && edit.add_starttls;

    if (first || !is_hidden(r, edit.hide_auth)) {
        put_line(out, line.data, r->last && !add, r->text);
    } else if (r->last) {
        end_early(out);
    }
    if (add) {
        put_line(out, line.data, r->last, bytes_of(starttls, sizeof starttls - 1));
    }
}
