#include "lib/tls/hello.h"

#include <string.h>

#include "lib/tls/extension.h"
#include "lib/tls/names.h"

enum { CLIENT_HELLO = 1, RANDOM_LEN = 32, SESSION_ID_MAX = 32 };

static struct id_list list_of(struct bytes b, size_t stride)
{
    return (struct id_list){
        .data = b.data, .num = b.len / stride, .stride = stride, .present = true};
}

/* Reads the body of a ClientHello; NULL or what is wrong. */
static const char *read_hello(struct hello *out, struct bytes body)
{
    struct bytes random;
    struct bytes suites;

    if (!bytes_u16(&body, &out->legacy_version) || !bytes_take(&body, RANDOM_LEN, &random) ||
        !bytes_vec8(&body, &out->session_id)) {
        return "the message is too short";
    }
    if (out->session_id.len > SESSION_ID_MAX) {
        return "session_id is longer than 32 bytes";
    }
    if (!bytes_vec16(&body, &suites)) {
        return "the list of cipher suites overruns the message";
    }
    if (suites.len == 0 || suites.len % 2 != 0) {
        return "the list of cipher suites is empty or of odd length";
    }
    out->suites = list_of(suites, 2);
    if (!bytes_vec8(&body, &out->compression)) {
        return "the list of compression methods overruns the message";
    }
    if (memchr(out->compression.data, 0, out->compression.len) == NULL) {
        return "the null compression method is missing";
    }
    if (body.len > 0 && (!bytes_vec16(&body, &out->extensions) || body.len > 0)) {
        return "the extension block does not end with the message";
    }
    return extension_read_block(out);
}

enum hello_result hello_decode(struct hello *out, struct bytes message, const char **why)
{
    uint8_t type;
    uint32_t len;

    *out = (struct hello){0};
    if (message.len > HELLO_SIZE_MAX) {
        *why = "the message is too long";
    } else if (!bytes_u8(&message, &type) || !bytes_u24(&message, &len) || type != CLIENT_HELLO) {
        *why = "not a ClientHello";
    } else if (len != message.len) {
        *why = "the length of the message is wrong";
    } else {
        *why = read_hello(out, message);
    }
    return *why == NULL ? HELLO_DONE : HELLO_BAD;
}

/* Reads an SSLv2-format hello after its type; NULL or what is wrong. */
static const char *read_sslv2(struct hello *out, struct bytes body)
{
    static const uint8_t null_compression = 0;
    struct bytes specs;
    struct bytes challenge;
    uint16_t specs_len;
    uint16_t session_id_len;
    uint16_t challenge_len;

    out->sslv2 = true;
    out->compression = bytes_of(&null_compression, 1);
    if (!bytes_u16(&body, &out->legacy_version) || !bytes_u16(&body, &specs_len) ||
        !bytes_u16(&body, &session_id_len) || !bytes_u16(&body, &challenge_len)) {
        return "the message is too short";
    }
    if (session_id_len > SESSION_ID_MAX) {
        return "session_id is longer than 32 bytes";
    }
    if (!bytes_take(&body, specs_len, &specs) ||
        !bytes_take(&body, session_id_len, &out->session_id) ||
        !bytes_take(&body, challenge_len, &challenge) || body.len > 0) {
        return "the lengths do not add up to the message";
    }
    if (specs.len == 0 || specs.len % 3 != 0) {
        return "the list of cipher specs is empty or not of whole specs";
    }
    out->suites = list_of(specs, 3);
    return NULL;
}

enum hello_result hello_decode_sslv2(struct hello *out, struct bytes message, const char **why)
{
    uint8_t type;

    *out = (struct hello){0};
    if (message.len > HELLO_SIZE_MAX) {
        *why = "the message is too long";
    } else if (!bytes_u8(&message, &type) || type != CLIENT_HELLO) {
        *why = "not a ClientHello";
    } else {
        *why = read_sslv2(out, message);
    }
    return *why == NULL ? HELLO_DONE : HELLO_BAD;
}

enum hello_result hello_check(const struct hello *hello, const struct libssl *libssl,
                              uint16_t version, const char **why)
{
    if (version >= TLS13 && hello->compression.len != 1) {
        *why = "TLS 1.3 with a compression method besides null";
    } else {
        *why = extension_check_block(hello, libssl, version);
    }
    return *why == NULL ? HELLO_DONE : HELLO_BAD;
}

uint16_t id_at(const struct id_list *list, size_t i)
{
    const uint8_t *entry = list->data + i * list->stride;

    if (list->stride == 3) {
        if (entry[0] != 0) {
            return 0;
        }
        entry++;
    }
    return (uint16_t)(entry[0] << 8 | entry[1]);
}

bool id_list_has(const struct id_list *list, uint16_t id)
{
    for (size_t i = 0; i < list->num; i++) {
        if (id_at(list, i) == id) {
            return true;
        }
    }
    return false;
}

bool id_is_grease(uint16_t id)
{
    return (id & 0x0f0f) == 0x0a0a && id >> 8 == (id & 0xff);
}
