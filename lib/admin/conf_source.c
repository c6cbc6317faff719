/*
 * Theory of operation: libconfuse reads the syntax, but silently accepts many mistakes, expands
 * variables and loses count of lines after comments. So the file goes through one pass here, byte
 * by byte, that writes a copy on which libconfuse has nothing to misunderstand:
 *
 * - comments are gone, their line ends are not;
 * - a quoted text begins with CONF_QUOTED, so that 5 and "5" can be distinguished later;
 * - in a quoted text `$` is escaped, and only `"` and `\` can be escaped by the administrator;
 * - outside of quotes there are only words, braces, commas and equal signs.
 *
 * The pass also keeps what libconfuse forgets: which braces are open (it takes the end of the file
 * for a closing one), which options and sections were there before (it lets the last one win), and
 * whether a comma ends a list. The order of tokens is left to libconfuse.
 */
#include "lib/admin/conf_parts.h"

#include <stdlib.h>
#include <string.h>

/* The longest text between quotes: a path. */
#define TEXT_MAX 4095

/* How much of a section's name is shown; longer than any valid one. */
#define TITLE_SHOWN 80

enum token_kind { TOKEN_NONE, TOKEN_WORD, TOKEN_TEXT, TOKEN_MARK };

struct token {
    enum token_kind kind;
    char mark; /* TOKEN_MARK: one of = { } , */
    unsigned line;
    const uint8_t *text; /* TOKEN_WORD, TOKEN_TEXT without quotes: borrowed from the file */
    size_t len;
};

struct source {
    const struct conf *conf;
    struct conf_error *error;
    const uint8_t *in;
    size_t len;
    size_t at;
    unsigned line;
    char *out;
    size_t out_len;
    struct token last;   /* the previous token */
    struct token before; /* and the one before it */
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
    s->out[s->out_len++] = c;
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

static void push(struct source *s, struct token token)
{
    token.line = s->line;
    s->before = s->last;
    s->last = token;
}

static bool is_mark(const struct token *token, char mark)
{
    return token->kind == TOKEN_MARK && token->mark == mark;
}

/* A quoted text; `at` is after its opening quote. */
static int scan_text(struct source *s)
{
    size_t start = s->at;

    put(s, '"');
    put(s, CONF_QUOTED);
    for (; s->at < s->len && s->in[s->at] != '\n' && s->in[s->at] != '\r'; s->at++) {
        uint8_t c = s->in[s->at];

        if (c == '"') {
            put(s, '"');
            s->at++;
            push(s, (struct token){
                        .kind = TOKEN_TEXT, .text = s->in + start, .len = s->at - 1 - start});
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
            put(s, '\\');
            s->at++;
            c = next;
        } else if (c == '$') {
            put(s, '\\');
        }
        put(s, (char)c);
    }
    return conf_fail(s->error, s->conf, s->line, "unterminated string: closing quote missing");
}

static int scan_word(struct source *s)
{
    struct token word = {.kind = TOKEN_WORD, .text = s->in + s->at};

    /* Otherwise the next option would be taken for the missing value. */
    if (is_mark(&s->last, '=') && s->last.line != s->line) {
        return conf_fail(s->error, s->conf, s->last.line, "a value must follow the equal sign");
    }
    for (; s->at < s->len && is_word_byte(s->in[s->at]); s->at++) {
        put(s, (char)s->in[s->at]);
        word.len++;
    }
    push(s, word);
    return 0;
}

/* An option gets its value. */
static int note_option(struct source *s)
{
    const struct conf_section *section = &conf_sections[s->section];
    uint32_t *seen = &s->seen[s->in_section];
    uint32_t bit;
    int index;

    if (s->last.kind != TOKEN_WORD || (s->in_section && s->section == CONF_TOP)) {
        return 0;
    }
    index = conf_option_index(section, (const char *)s->last.text, s->last.len);
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
    return s->before.kind == TOKEN_WORD &&
           (s->last.kind == TOKEN_TEXT || s->last.kind == TOKEN_WORD);
}

/* libconfuse does not report the line of a section's name, so names are checked here. */
static int check_title(struct source *s)
{
    const char *section = conf_sections[s->section].name;
    char title[TITLE_SHOWN + 1];
    size_t len = s->last.len < TITLE_SHOWN ? s->last.len : TITLE_SHOWN;
    const char *complaint;

    memcpy(title, s->last.text, len);
    title[len] = '\0';
    if (s->last.kind == TOKEN_WORD) {
        return conf_fail(s->error, s->conf, s->line, "%s: %s must be in double quotes", section,
                         title);
    }
    complaint = conf_complain_title(s->section, title);
    return complaint == NULL
               ? 0
               : conf_fail(s->error, s->conf, s->line, "%s: \"%s\" %s", section, title, complaint);
}

static int open_section(struct source *s)
{
    const struct token *word = is_title(s) ? &s->before : &s->last;
    uint32_t bit;

    if (s->in_section) {
        return conf_fail(s->error, s->conf, s->line,
                         "a section cannot be inside another one, which begins in line %u",
                         s->section_line);
    }
    s->in_section = true;
    s->section_line = s->line;
    s->section = CONF_TOP;
    s->seen[1] = 0;
    if (word->kind == TOKEN_WORD) {
        s->section = conf_section_kind((const char *)word->text, word->len);
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
        return is_mark(&s->last, ',')
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
    } else if (c == '{' && is_mark(&s->last, '=')) {
        s->in_list = true;
        s->list_line = s->line;
    } else if (c == '{') {
        status = open_section(s);
    } else if (c == '}') {
        status = close_brace(s);
    }
    put(s, (char)c);
    s->at++;
    push(s, (struct token){.kind = TOKEN_MARK, .mark = (char)c});
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
    put(s, (char)c);
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
    put(s, '\n');
    return 0;
}

char *conf_source_clean(const struct conf *conf, const uint8_t *bytes, size_t len, size_t *out_len,
                        struct conf_error *error)
{
    struct source s = {.conf = conf, .error = error, .in = bytes, .len = len, .line = 1};

    if (len > CONF_SIZE_MAX) {
        conf_fail(error, conf, 0, "larger than %zu bytes", CONF_SIZE_MAX);
        return NULL;
    }
    /* A byte becomes at most two (a quote and its mark); a line end comes last. */
    s.out = malloc(2 * len + 1);
    if (s.out == NULL) {
        conf_fail(error, conf, 0, "out of memory");
        return NULL;
    }
    if (scan_all(&s) != 0) {
        free(s.out);
        return NULL;
    }
    *out_len = s.out_len;
    return s.out;
}
