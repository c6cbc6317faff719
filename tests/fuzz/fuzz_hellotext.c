/*
 * Fuzz target: what an administrator gives to `posternctl explain`.
 *
 * The input is a file for --hello; if it begins with "--", its lines are the values of --version,
 * --ciphers, --groups, --sigalgs and --sni.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/tls/hellolists.h"
#include "lib/tls/hellotext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NUM_LISTS = 5, LISTS_MAX = 4096 };

static void must(bool good)
{
    if (!good) {
        abort();
    }
}

static void read_file(const uint8_t *data, size_t size)
{
    static uint8_t room[HELLOTEXT_SIZE_MAX];
    struct hellotext found;
    struct hello hello;
    const char *why;

    hellotext_read(&found, bytes_of(data, size), room);
    must((found.kind == HELLOTEXT_NONE) == (found.why[0] != '\0'));
    must(strlen(found.why) < sizeof found.why);
    if (found.kind == HELLOTEXT_NONE) {
        return;
    }
    must(found.message.data >= room && found.message.len > 0 &&
         found.message.data + found.message.len + found.left <= room + sizeof room);
    if (found.kind == HELLOTEXT_SSLV2) {
        must(hello_decode_sslv2(&hello, found.message, &why) == HELLO_DONE || why != NULL);
    } else {
        must(hello_decode(&hello, found.message, &why) == HELLO_DONE || why != NULL);
    }
}

static void read_lists(const uint8_t *data, size_t size)
{
    static uint8_t out[HELLO_SIZE_MAX];
    static char lines[LISTS_MAX + 1];
    char *values[NUM_LISTS] = {0};
    char *rest = lines;
    char buf[256];
    struct text why = text_in(buf, sizeof buf);
    struct hellolists lists;
    size_t len;

    size = size < LISTS_MAX ? size : LISTS_MAX;
    memcpy(lines, data, size);
    lines[size] = '\0';
    for (size_t i = 0; i < NUM_LISTS; i++) {
        values[i] = strsep(&rest, "\n");
    }
    lists = (struct hellolists){values[0], values[1], values[2], values[3], values[4]};
    len = hellolists_build(&lists, out, sizeof out, &why);
    must(len <= sizeof out && (len == 0) == (buf[0] != '\0'));
    if (len > 0) {
        struct hello hello;
        const char *fault;

        must(hello_decode(&hello, bytes_of(out, len), &fault) == HELLO_DONE || fault != NULL);
        must(hello.suites.num > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= 2 && memcmp(data, "--", 2) == 0) {
        read_lists(data + 2, size - 2);
    } else {
        read_file(data, size);
    }
    return 0;
}
