/* Where the hello of `posternctl explain` comes from. */
#include "daemon/posternctl/command.h"
#include "daemon/posternctl/explain/explain.h"
#include "lib/tls/hellotext.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int fail(struct conf_error *error, const char *name, const char *text)
{
    snprintf(error->text, sizeof error->text, "%s: %s", name, text);
    return -1;
}

/* The bytes of a file, at most one more than hellotext_read() takes. NULL with `*error`; the caller
 * frees them. */
static uint8_t *read_file(const char *name, size_t *len, struct conf_error *error)
{
    bool is_stdin = strcmp(name, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(name, "rbe");
    uint8_t *bytes = malloc(HELLOTEXT_SIZE_MAX + 1);
    int problem = errno;

    if (file != NULL && bytes != NULL) {
        errno = 0;
        *len = fread(bytes, 1, HELLOTEXT_SIZE_MAX + 1, file);
        problem = ferror(file) ? errno : 0;
    }
    if (file != NULL && !is_stdin) {
        fclose(file);
    }
    if (file == NULL || bytes == NULL || problem != 0) {
        fail(error, name, strerror(problem));
        free(bytes);
        return NULL;
    }
    return bytes;
}

static int from_file(struct explain_hello *out, const char *name, struct conf_error *error)
{
    struct hellotext found;
    size_t len = 0;
    uint8_t *bytes = read_file(name, &len, error);
    char text[HELLOTEXT_WHY_SIZE + 64];

    if (bytes == NULL) {
        return -1;
    }
    hellotext_read(&found, bytes_of(bytes, len), out->room);
    free(bytes);
    if (found.kind == HELLOTEXT_NONE) {
        snprintf(text, sizeof text, "not a ClientHello, it looks like: %s", found.why);
        return fail(error, strcmp(name, "-") == 0 ? "standard input" : name, text);
    }
    out->sslv2 = found.kind == HELLOTEXT_SSLV2;
    out->message = found.message;
    out->left = found.left;
    return 0;
}

static int from_lists(struct explain_hello *out, const struct hellolists *lists,
                      struct conf_error *error)
{
    struct text why = text_in(error->text, sizeof error->text);

    out->message = bytes_of(out->room, hellolists_build(lists, out->room, HELLO_SIZE_MAX, &why));
    return out->message.len > 0 ? 0 : -1;
}

int explain_hello_read(struct explain_hello *out, const struct explain_options *options,
                       struct conf_error *error)
{
    enum hello_result result;
    int status;

    *out = (struct explain_hello){.room = malloc(HELLOTEXT_SIZE_MAX),
                                  .from_lists = options->hello == NULL && options->failure == NULL};
    if (out->room == NULL) {
        fail(error, "explain", "out of memory");
        return EXIT_BAD_INPUT;
    }
    if (options->failure != NULL) {
        status = explain_failure_read(out, options, error);
    } else {
        status = options->hello != NULL ? from_file(out, options->hello, error)
                                        : from_lists(out, &options->lists, error);
        status = status == 0 ? 0 : EXIT_BAD_INPUT;
    }
    if (status != 0) {
        return status;
    }
    result = out->sslv2 ? hello_decode_sslv2(&out->hello, out->message, &out->malformed)
                        : hello_decode(&out->hello, out->message, &out->malformed);
    if (result == HELLO_DONE) {
        out->malformed = NULL;
    }
    return 0;
}

void explain_hello_free(struct explain_hello *hello)
{
    free(hello->room);
    *hello = (struct explain_hello){0};
}
