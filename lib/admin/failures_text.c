#include "lib/admin/failures_parts.h"

#include <stdio.h>
#include <string.h>

#define HEAD "postern failures 1 entries="

/* Bytes that are turned to hex at a time. */
#define HEX_STEP 256

/* --- writing ------------------------------------------------------------------------------- */

size_t failures_text_size(const struct failures *f)
{
    size_t size = FAILURES_LINE_BASE;

    for (size_t i = 0; i < f->num; i++) {
        size += FAILURES_LINE_BASE + f->entries[i]->hello.len * 2;
    }
    return size;
}

static void add_hex(struct text *out, struct bytes data)
{
    static const char digits[] = "0123456789abcdef";
    char hex[HEX_STEP * 2 + 1];
    struct bytes part;

    while (data.len > 0 && bytes_take(&data, data.len < HEX_STEP ? data.len : HEX_STEP, &part)) {
        for (size_t i = 0; i < part.len; i++) {
            hex[i * 2] = digits[part.data[i] >> 4];
            hex[i * 2 + 1] = digits[part.data[i] & 15];
        }
        hex[part.len * 2] = '\0';
        text_add(out, hex);
    }
}

static void add_entry(struct text *out, const struct failure *entry)
{
    text_addf(out,
              "%llu %s %s first=%lld last=%lld count=%llu clients=", (unsigned long long)entry->id,
              handshake_failure_word(entry->reason), entry->sslv2 ? "sslv2" : "tls",
              (long long)entry->first, (long long)entry->last, (unsigned long long)entry->count);
    for (size_t i = 0; i < entry->num_clients; i++) {
        struct endpoint client = {.ip = entry->clients[i]};
        char address[ADDR_PATH_SIZE + 8];

        endpoint_text(&client, address, sizeof address);
        text_addf(out, "%s%s", i > 0 ? "," : "", address);
    }
    text_addf(out, " listener=%s ja4=%s hello=", entry->listener, entry->ja4);
    add_hex(out, entry->hello);
    text_add(out, "\n");
}

void failures_write(const struct failures *f, struct text *out)
{
    text_addf(out, HEAD "%zu last_id=%llu\n", f->num, (unsigned long long)f->last_id);
    for (size_t i = 0; i < f->num; i++) {
        add_entry(out, f->entries[i]);
    }
}

/* --- reading ------------------------------------------------------------------------------- */

/* Removes `word` from the front of the line. */
static bool take_word(struct bytes *line, const char *word)
{
    size_t len = strlen(word);
    struct bytes taken;

    return line->len >= len && memcmp(line->data, word, len) == 0 && bytes_take(line, len, &taken);
}

/* A decimal number as it is written, at most INT64_MAX. */
static bool take_number(struct bytes *line, uint64_t *out)
{
    uint64_t number = 0;
    size_t num = 0;
    uint8_t digit;

    while (line->len > 0 && line->data[0] >= '0' && line->data[0] <= '9') {
        if (!bytes_u8(line, &digit) || number > (INT64_MAX - 9) / 10 || (num == 1 && number == 0)) {
            return false;
        }
        number = number * 10 + (uint64_t)(digit - '0');
        num++;
    }
    *out = number;
    return num > 0;
}

static bool take_time(struct bytes *line, int64_t *out)
{
    uint64_t number;

    if (!take_number(line, &number)) {
        return false;
    }
    *out = (int64_t)number;
    return true;
}

/* The text before `end`, or before the end of the line, as a string. */
static bool take_until(struct bytes *line, char end, char *out, size_t size)
{
    const uint8_t *at = memchr(line->data, end, line->len);
    size_t len = at == NULL ? line->len : (size_t)(at - line->data);
    struct bytes taken;

    if (len >= size || !bytes_take(line, len, &taken)) {
        return false;
    }
    memcpy(out, taken.data, len);
    out[len] = '\0';
    return strlen(out) == len;
}

static bool take_reason(struct bytes *line, enum handshake_failure *out)
{
    static const enum handshake_failure reasons[] = {HANDSHAKE_NO_CERTIFICATE_FITS,
                                                     HANDSHAKE_CLIENT_ALERT};

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (take_word(line, handshake_failure_word(reasons[i]))) {
            *out = reasons[i];
            return true;
        }
    }
    return false;
}

static bool take_clients(struct bytes *line, struct failure *out)
{
    char list[FAILURES_CLIENTS * 64];
    struct bytes rest;

    if (!take_until(line, ' ', list, sizeof list)) {
        return false;
    }
    rest = bytes_of(list, strlen(list));
    do {
        struct endpoint client;
        const char *why;
        char text[64];

        if (out->num_clients == FAILURES_CLIENTS || !take_until(&rest, ',', text, sizeof text) ||
            endpoint_parse(&client, text, &why) != 0 || client.ip.family == ADDR_NONE) {
            return false;
        }
        out->clients[out->num_clients++] = client.ip;
    } while (take_word(&rest, ","));
    return rest.len == 0;
}

/* The characters of names of sections and of fingerprints. */
static bool take_name(struct bytes *line, char *out, size_t size)
{
    static const char allowed[] =
        "0123456789._-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    return take_until(line, ' ', out, size) && strspn(out, allowed) == strlen(out);
}

static int hex_value(uint8_t digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* The rest of the line as bytes. The number of them, 0 if it is not hex or too long. */
static size_t read_hex(struct bytes line, uint8_t out[HELLO_SIZE_MAX])
{
    if (line.len % 2 != 0 || line.len / 2 > HELLO_SIZE_MAX) {
        return 0;
    }
    for (size_t i = 0; i < line.len / 2; i++) {
        int high = hex_value(line.data[i * 2]);
        int low = hex_value(line.data[i * 2 + 1]);

        if (high < 0 || low < 0) {
            return 0;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return line.len / 2;
}

/* The fields before the hello; false if they are not in the written form. */
static bool read_fields(struct bytes *line, struct failure *out)
{
    bool good = take_number(line, &out->id) && take_word(line, " ") &&
                take_reason(line, &out->reason) && take_word(line, " ");

    if (!good) {
        return false;
    }
    out->sslv2 = take_word(line, "sslv2");
    return (out->sslv2 || take_word(line, "tls")) && take_word(line, " first=") &&
           take_time(line, &out->first) && take_word(line, " last=") &&
           take_time(line, &out->last) && take_word(line, " count=") &&
           take_number(line, &out->count) && take_word(line, " clients=") &&
           take_clients(line, out) && take_word(line, " listener=") &&
           take_name(line, out->listener, sizeof out->listener) && take_word(line, " ja4=") &&
           take_name(line, out->ja4, sizeof out->ja4) && take_word(line, " hello=");
}

/* Reads one entry; NULL or what is wrong. */
static const char *read_entry(struct failures *f, struct bytes line)
{
    struct failure read = {0};
    uint8_t raw[HELLO_SIZE_MAX];
    struct shape shape;
    struct failure *entry;
    struct bytes sni;
    size_t len;

    if (!read_fields(&line, &read)) {
        return "not an entry";
    }
    if (read.id == 0 || read.id > f->last_id || failures_find(f, read.id) != NULL) {
        return "the id is out of range or there twice";
    }
    if (read.count == 0) {
        return "the count is 0";
    }
    len = read_hex(line, raw);
    if (len == 0 || !shape_of(&shape, &sni, bytes_of(raw, len), read.sslv2)) {
        return "not a complete hello";
    }
    entry = failures_append(f, bytes_of(raw, len), sni, shape_hash(&shape));
    if (entry == NULL) {
        return "out of memory";
    }
    read.hello = entry->hello;
    read.sni = entry->sni;
    read.hash = entry->hash;
    *entry = read;
    return NULL;
}

/* The next line without its end; false if the text is at its end or the line has none. */
static bool next_line(struct bytes *text, struct bytes *line)
{
    const uint8_t *end = text->len == 0 ? NULL : memchr(text->data, '\n', text->len);
    struct bytes newline;

    return end != NULL && bytes_take(text, (size_t)(end - text->data), line) &&
           bytes_take(text, 1, &newline);
}

static bool read_head(struct bytes line, uint64_t *num, uint64_t *last_id)
{
    return take_word(&line, HEAD) && take_number(&line, num) && *num <= FAILURES_MAX &&
           take_word(&line, " last_id=") && take_number(&line, last_id) && line.len == 0;
}

int failures_read(struct failures *f, struct bytes text, unsigned *line, const char **why)
{
    struct bytes next;
    uint64_t num;

    *line = 1;
    *why = NULL;
    if (!next_line(&text, &next) || !read_head(next, &num, &f->last_id)) {
        *why = "not a list of failures";
    }
    while (*why == NULL && f->num < num) {
        ++*line;
        *why = next_line(&text, &next) ? read_entry(f, next) : "the text ends too early";
    }
    if (*why == NULL && text.len > 0) {
        ++*line;
        *why = "more entries than the first line says";
    }
    if (*why != NULL) {
        failures_clear(f);
        f->last_id = 0;
        return -1;
    }
    return 0;
}
