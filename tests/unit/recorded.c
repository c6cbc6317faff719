#include "tests/unit/recorded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIALOGUES_MAX = 1000, LINES_MAX = 40000, TEXTS_MAX = 500, BYTES_MAX = 4 << 20 };

static struct {
    struct recorded dialogues[DIALOGUES_MAX];
    struct recorded_line lines[LINES_MAX];
    struct bytes texts[TEXTS_MAX];
    uint8_t bytes[BYTES_MAX];
    size_t num_dialogues, num_lines, num_bytes, line_number;
} file;

_Noreturn static void fail(const char *why)
{
    fprintf(stderr, "%s:%zu: %s\n", RECORDED_FILE, file.line_number, why);
    exit(1);
}

static void put(uint8_t byte)
{
    if (file.num_bytes == BYTES_MAX) {
        fail("too many bytes");
    }
    file.bytes[file.num_bytes++] = byte;
}

/* One byte as it stands in the file, perhaps escaped. */
static uint8_t take_byte(const char **p)
{
    static const char names[] = "r\rn\nt\t\\\\";
    const char *at = *p;
    char digits[3] = "";
    const char *name;

    if (*at != '\\') {
        (*p)++;
        return (uint8_t)*at;
    }
    if (at[1] == 'x' && at[2] != '\0' && at[3] != '\0') {
        *p += 4;
        memcpy(digits, at + 2, 2);
        return (uint8_t)strtoul(digits, NULL, 16);
    }
    name = at[1] == '\0' ? NULL : strchr(names, at[1]);
    if (name == NULL) {
        fail("no such escape");
    }
    *p += 2;
    return (uint8_t)name[1];
}

/* Bytes up to the end of the line, or what is called so. */
static struct bytes take_bytes(const char *p)
{
    size_t start = file.num_bytes;

    if (*p == '@') {
        unsigned long number = strtoul(p + 1, NULL, 10);

        if (number >= TEXTS_MAX || file.texts[number].data == NULL) {
            fail("no such text");
        }
        return file.texts[number];
    }
    while (*p != '\0') {
        unsigned long times = 1;
        bool run = *p == '{';
        uint8_t byte;

        p += run;
        byte = take_byte(&p);
        if (run) {
            char *end;

            times = strtoul(p + 1, &end, 10);
            if (*p != '*' || *end != '}') {
                fail("a run without its end");
            }
            p = end + 1;
        }
        for (; times > 0; times--) {
            put(byte);
        }
    }
    return bytes_of(file.bytes + start, file.num_bytes - start);
}

static void add_line(enum recorded_kind kind, size_t behind, struct bytes bytes)
{
    if (file.num_lines == LINES_MAX || file.num_dialogues == 0) {
        fail("a line too many");
    }
    file.lines[file.num_lines++] = (struct recorded_line){kind, behind, bytes};
    file.dialogues[file.num_dialogues - 1].num_lines++;
}

static void begin(const char *name)
{
    struct bytes kept = take_bytes(name);

    put('\0');
    if (file.num_dialogues == DIALOGUES_MAX) {
        fail("a dialogue too many");
    }
    file.dialogues[file.num_dialogues++] =
        (struct recorded){.name = (const char *)kept.data, .lines = file.lines + file.num_lines};
}

static void take_rules(const char *rules)
{
    struct recorded *d = &file.dialogues[file.num_dialogues - 1];

    d->level = strncmp(rules, "encrypt ", 8) == 0 ? GATE_ENCRYPT
               : strncmp(rules, "none ", 5) == 0  ? GATE_NONE
                                                  : GATE_MAY;
    d->implicit = strncmp(rules, "implicit ", 9) == 0;
    d->auth = strstr(rules, " yes") != NULL;
}

static bool begins(const char *line, const char *word, const char **rest)
{
    *rest = line + strlen(word);
    return strncmp(line, word, strlen(word)) == 0;
}

static void take_line(const char *line)
{
    const char *rest;
    char *end;

    if (line[0] == '#') {
        return;
    }
    if (begins(line, "text ", &rest)) {
        unsigned long number = strtoul(rest, &end, 10);

        if (number >= TEXTS_MAX) {
            fail("a text too many");
        }
        file.texts[number] = take_bytes(end + 1);
    } else if (begins(line, "dialogue ", &rest)) {
        begin(rest);
    } else if (begins(line, "rules ", &rest) && file.num_dialogues > 0) {
        take_rules(rest);
    } else if (begins(line, "> ", &rest)) {
        add_line(RECORDED_CLIENT, 0, take_bytes(rest));
    } else if (begins(line, "< ", &rest)) {
        size_t behind = strtoul(rest, &end, 10);

        add_line(RECORDED_REPLY, behind, take_bytes(end + 1));
    } else if (begins(line, "= ", &rest)) {
        add_line(RECORDED_HEARD, 0, take_bytes(rest));
    } else if (strcmp(line, "tls") == 0) {
        add_line(RECORDED_TLS, 0, bytes_of(NULL, 0));
    } else {
        fail("what is this?");
    }
}

const struct recorded *recorded_all(size_t *num)
{
    FILE *in = fopen(RECORDED_FILE, "r");
    char *line = NULL;
    size_t size = 0;
    ssize_t len;

    if (in == NULL) {
        fail("cannot be opened");
    }
    file.num_dialogues = file.num_lines = file.num_bytes = file.line_number = 0;
    while ((len = getline(&line, &size, in)) > 0) {
        file.line_number++;
        line[len - 1] = '\0';
        take_line(line);
    }
    free(line);
    fclose(in);
    *num = file.num_dialogues;
    return file.dialogues;
}
