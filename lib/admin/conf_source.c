/*
 * Theory of operation: one pass over the bytes makes an array of tokens, at most one for each byte,
 * in one piece of memory with their texts: without quotes, escapes and comments, each on its line.
 * Texts are in double quotes on one line, and only `"` and `\` can be escaped; nothing is expanded.
 * Outside of quotes there are only words, braces, commas and equal signs.
 *
 * The pass also follows the braces and what is before them, without knowing what may be where, so
 * that a brace that is missing, or an option or a section given twice, is reported as that, and not
 * as whatever it makes of the rest of the file. conf_read.c checks the order of tokens.
 */
#include "lib/admin/conf_parts.h"

#include <stdlib.h>
#include <string.h>

/* The longest text between quotes: a path. */
#define TEXT_MAX 4095

/* How much of a section's name is shown; longer than any valid one. */
#define TITLE_SHOWN 80

struct source {
    const struct conf *conf;
    struct conf_error *error;
    const uint8_t *in;
    size_t len;
    size_t at;
    unsigned line;
    struct conf_token *tokens;
    size_t num_tokens;
    char *texts; /* where the next text goes */
    size_t num_sections;
    bool in_list;
    enum conf_kind section; /* CONF_TOP outside of sections */
    bool in_section;        /* also true in a section of unknown kind */
    unsigned section_line;
    unsigned list_line;
    uint32_t seen[2]; /* options given so far: at the top, in this section */
    uint32_t seen_sections;
};

_Static_assert(CONF_MAX_OPTIONS <= 32 && NUM_CONF_KINDS <= 32, "seen has a bit for each");

static void put(struct source *s, char c)
{
    *s->texts++ = c;
}

static bool is_word_byte(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           c == '-' || c == '.';
}

static int check_byte(struct source *s, uint8_t c)
{
    if (c < ' ' || c == 0x7f) {
        return conf_fail(s->error, s->conf, s->line, "control character 0x%02x", c);
    }
    return 0;
}

/* The token before the next one, for 1; the one before that, for 2. */
static const struct conf_token *previous(const struct source *s, size_t back)
{
    static const struct conf_token none = {.kind = CONF_TOKEN_END};

    return back <= s->num_tokens ? &s->tokens[s->num_tokens - back] : &none;
}

static void push(struct source *s, enum conf_token_kind kind, const char *text)
{
    s->tokens[s->num_tokens++] = (struct conf_token){.kind = kind, .line = s->line, .text = text};
}

/* A quoted text; `at` is after its opening quote. */
static int scan_text(struct source *s)
{
    size_t start = s->at;
    const char *text = s->texts;

    for (; s->at < s->len && s->in[s->at] != '\n' && s->in[s->at] != '\r'; s->at++) {
        uint8_t c = s->in[s->at];

        if (c == '"') {
            put(s, '\0');
            s->at++;
            push(s, CONF_TOKEN_TEXT, text);
            return 0;
        }
        if (check_byte(s, c) != 0) {
            return -1;
        }
        if (s->at - start >= TEXT_MAX) {
            return conf_fail(s->error, s->conf, s->line, "a text may have at most %d bytes",
                             TEXT_MAX);
        }
        if (c == '\\') {
            uint8_t next = s->at + 1 < s->len ? s->in[s->at + 1] : 0;

            if (next != '"' && next != '\\') {
                return conf_fail(s->error, s->conf, s->line,
                                 "unknown escape: only \\\" and \\\\ are allowed in a text");
            }
            s->at++;
            c = next;
        }
        put(s, (char)c);
    }
    return conf_fail(s->error, s->conf, s->line, "unterminated string: closing quote missing");
}

static int scan_word(struct source *s)
{
    const struct conf_token *last = previous(s, 1);
    const char *word = s->texts;

    /* Otherwise the next option would be taken for the missing value. */
    if (conf_is_mark(last, '=') && last->line != s->line) {
        return conf_fail(s->error, s->conf, last->line, "a value must follow the equal sign");
    }
    for (; s->at < s->len && is_word_byte(s->in[s->at]); s->at++) {
        put(s, (char)s->in[s->at]);
    }
    put(s, '\0');
    push(s, CONF_TOKEN_WORD, word);
    return 0;
}

/* An option gets its value. */
static int note_option(struct source *s)
{
    const struct conf_section *section = &conf_sections[s->section];
    const struct conf_token *last = previous(s, 1);
    uint32_t *seen = &s->seen[s->in_section];
    uint32_t bit;
    int index;

    if (last->kind != CONF_TOKEN_WORD || (s->in_section && s->section == CONF_TOP)) {
        return 0;
    }
    index = conf_option_index(section, last->text);
    if (index < 0) {
        return 0;
    }
    bit = UINT32_C(1) << index;
    if (*seen & bit) {
        return conf_fail(s->error, s->conf, s->line, "%s is given twice",
                         section->options[index].name);
    }
    *seen |= bit;
    return 0;
}

/* The last two tokens are a section's word and its name. */
static bool is_title(const struct source *s)
{
    enum conf_token_kind last = previous(s, 1)->kind;

    return previous(s, 2)->kind == CONF_TOKEN_WORD &&
           (last == CONF_TOKEN_TEXT || last == CONF_TOKEN_WORD);
}

static int check_title(struct source *s)
{
    const char *section = conf_sections[s->section].name;
    const struct conf_token *title = previous(s, 1);
    const char *complaint;

    if (title->kind == CONF_TOKEN_WORD) {
        return conf_fail(s->error, s->conf, s->line, "%s: %.*s must be in double quotes", section,
                         TITLE_SHOWN, title->text);
    }
    complaint = conf_complain_title(s->section, title->text);
    return complaint == NULL ? 0
                             : conf_fail(s->error, s->conf, s->line, "%s: \"%.*s\" %s", section,
                                         TITLE_SHOWN, title->text, complaint);
}

static int open_section(struct source *s)
{
    const struct conf_token *word = previous(s, is_title(s) ? 2 : 1);
    uint32_t bit;

    if (s->in_section) {
        return conf_fail(s->error, s->conf, s->line,
                         "a section cannot be inside another one, which begins in line %u",
                         s->section_line);
    }
    s->in_section = true;
    s->num_sections++;
    s->section_line = s->line;
    s->section = CONF_TOP;
    s->seen[1] = 0;
    if (word->kind == CONF_TOKEN_WORD) {
        s->section = conf_section_kind(word->text);
    }
    if (conf_sections[s->section].titled && is_title(s) && check_title(s) != 0) {
        return -1;
    }
    bit = UINT32_C(1) << s->section;
    if (s->section != CONF_TOP && !conf_sections[s->section].titled) {
        if (s->seen_sections & bit) {
            return conf_fail(s->error, s->conf, s->line, "%s is given twice",
                             conf_sections[s->section].name);
        }
        s->seen_sections |= bit;
    }
    return 0;
}

static int close_brace(struct source *s)
{
    if (s->in_list) {
        s->in_list = false;
        return conf_is_mark(previous(s, 1), ',')
                   ? conf_fail(s->error, s->conf, s->line, "a value must follow the comma")
                   : 0;
    }
    if (!s->in_section) {
        return conf_fail(s->error, s->conf, s->line, "a closing brace without an opening one");
    }
    s->in_section = false;
    s->section = CONF_TOP;
    return 0;
}

static int scan_mark(struct source *s, uint8_t c)
{
    int status = 0;

    if (c == '=') {
        status = note_option(s);
    } else if (c == '{' && conf_is_mark(previous(s, 1), '=')) {
        s->in_list = true;
        s->list_line = s->line;
    } else if (c == '{') {
        status = open_section(s);
    } else if (c == '}') {
        status = close_brace(s);
    }
    push(s, CONF_TOKEN_MARK, s->texts);
    put(s, (char)c);
    put(s, '\0');
    s->at++;
    return status;
}

static int unexpected(struct source *s, uint8_t c)
{
    if (check_byte(s, c) != 0) {
        return -1;
    }
    if (c >= 0x80) {
        return conf_fail(s->error, s->conf, s->line, "unexpected byte 0x%02x outside of quotes", c);
    }
    return conf_fail(s->error, s->conf, s->line,
                     "unexpected %c: write a text in double quotes, and begin a comment with #", c);
}

static int scan_next(struct source *s)
{
    uint8_t c = s->in[s->at];

    if (is_word_byte(c)) {
        return scan_word(s);
    }
    if (c == '"') {
        s->at++;
        return scan_text(s);
    }
    if (c == '=' || c == '{' || c == '}' || c == ',') {
        return scan_mark(s, c);
    }
    if (c == '#') {
        while (s->at < s->len && s->in[s->at] != '\n') {
            s->at++;
        }
        return 0;
    }
    if (c == '\r' && s->at + 1 < s->len && s->in[s->at + 1] == '\n') {
        c = ' ';
    }
    if (c != ' ' && c != '\t' && c != '\n') {
        return unexpected(s, c);
    }
    s->line += c == '\n';
    s->at++;
    return 0;
}

static int scan_all(struct source *s)
{
    if (s->len >= 3 && memcmp(s->in, "\xef\xbb\xbf", 3) == 0) {
        return conf_fail(s->error, s->conf, s->line, "the file begins with a byte order mark");
    }
    while (s->at < s->len) {
        if (scan_next(s) != 0) {
            return -1;
        }
    }
    if (s->in_list || s->in_section) {
        return conf_fail(s->error, s->conf, s->in_list ? s->list_line : s->section_line,
                         "the brace that opens here is never closed");
    }
    s->line++;
    push(s, CONF_TOKEN_END, NULL);
    return 0;
}

bool conf_is_mark(const struct conf_token *token, char mark)
{
    return token->kind == CONF_TOKEN_MARK && token->text[0] == mark;
}

struct conf_token *conf_source_tokens(const struct conf *conf, const uint8_t *bytes, size_t len,
                                      size_t *num_sections, struct conf_error *error)
{
    struct source s = {.conf = conf, .error = error, .in = bytes, .len = len, .line = 1};

    if (len > CONF_SIZE_MAX) {
        conf_fail(error, conf, 0, "larger than %zu bytes", CONF_SIZE_MAX);
        return NULL;
    }
    /* A byte becomes at most one token and two bytes of text (itself and a NUL); the end is
     * also a token. */
    s.tokens = malloc((len + 1) * sizeof *s.tokens + 2 * len);
    if (s.tokens == NULL) {
        conf_fail(error, conf, 0, "out of memory");
        return NULL;
    }
    s.texts = (char *)&s.tokens[len + 1];
    if (scan_all(&s) != 0) {
        free(s.tokens);
        return NULL;
    }
    *num_sections = s.num_sections;
    return s.tokens;
}
