#include "lib/tls/hellotext.h"

#include "lib/base/hexdump.h"
#include "lib/net/packet.h"

#include <string.h>
#include <strings.h>

enum {
    RECORD_HEADER = 5,
    MESSAGE_HEADER = 4,
    SSLV2_HEADER = 2,
    SSLV2_FIXED = 9,
    CHANGE_CIPHER_SPEC = 20,
    ALERT = 21,
    HANDSHAKE = 22,
    APPLICATION_DATA = 23,
    CLIENT_HELLO = 1,
    SERVER_HELLO = 2,
    CERTIFICATE = 11,
};

static void say(struct hellotext *out, const char *what)
{
    struct text why = text_in(out->why, sizeof out->why);

    text_add(&why, what);
}

static bool begins(struct bytes in, const void *prefix, size_t len)
{
    return in.len >= len && memcmp(in.data, prefix, len) == 0;
}

/* Text has no control characters but those that end lines and make columns. */
static bool is_text(struct bytes in)
{
    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.data[i];

        if (c == 0x7f || (c < ' ' && (c < '\t' || c > '\r'))) {
            return false;
        }
    }
    return true;
}

/* --- what else it may be -------------------------------------------------------------------- */

/* Words that a text begins with, whatever their case. */
static const struct {
    const char *words;
    const char *what;
} texts[] = {
    {"EHLO ", "SMTP"},
    {"HELO ", "SMTP"},
    {"STARTTLS", "SMTP"},
    {"MAIL FROM:", "SMTP"},
    {"QUIT", "SMTP"},
    {"220 ", "SMTP (a server's banner or reply)"},
    {"220-", "SMTP (a server's banner or reply)"},
    {"250 ", "SMTP (a server's reply)"},
    {"250-", "SMTP (a server's reply)"},
    {"421 ", "SMTP (a server's reply)"},
    {"454 ", "SMTP (a server's reply)"},
    {"GET /", "HTTP"},
    {"HEAD /", "HTTP"},
    {"POST /", "HTTP"},
    {"PUT /", "HTTP"},
    {"OPTIONS ", "HTTP"},
    {"CONNECT ", "HTTP"},
    {"HTTP/", "HTTP"},
    {"SSH-", "SSH"},
    {"* OK", "IMAP"},
    {"+OK", "POP3"},
    {"<html", "HTML"},
    {"<!doctype", "HTML"},
    {"<?xml", "XML"},
    {"FgM", "base64, perhaps of a TLS record (decode it with base64 -d)"},
};

/* Bytes that a file begins with. */
static const struct {
    uint8_t prefix[4];
    uint8_t len;
    const char *what;
} magics[] = {
    {{0xd4, 0xc3, 0xb2, 0xa1}, 4, "a capture file (pcap): give only the bytes of the ClientHello"},
    {{0xa1, 0xb2, 0xc3, 0xd4}, 4, "a capture file (pcap): give only the bytes of the ClientHello"},
    {{0x4d, 0x3c, 0xb2, 0xa1}, 4, "a capture file (pcap): give only the bytes of the ClientHello"},
    {{0xa1, 0xb2, 0x3c, 0x4d}, 4, "a capture file (pcap): give only the bytes of the ClientHello"},
    {{0x0a, 0x0d, 0x0d, 0x0a},
     4,
     "a capture file (pcapng): give only the bytes of the ClientHello"},
    {{0xff, 0xfe}, 2, "UTF-16 text: save it as plain text"},
    {{0xfe, 0xff}, 2, "UTF-16 text: save it as plain text"},
    {{0x1f, 0x8b}, 2, "a gzip file"},
    {{0x16, 0xfe}, 2, "a DTLS record"},
    {{0x03, 0x16}, 2, "a TLS record with its bytes in swapped pairs (hexdump without -C?)"},
    {{0x30, 0x82}, 2, "a DER file, perhaps a certificate"},
};

/* "-----BEGIN CERTIFICATE-----" */
static bool is_pem(struct hellotext *out, struct bytes in)
{
    static const char begin[] = "-----BEGIN ";
    struct text why = text_in(out->why, sizeof out->why);
    size_t len = 0;

    if (!begins(in, begin, sizeof begin - 1)) {
        return false;
    }
    in = bytes_of(in.data + sizeof begin - 1, in.len - (sizeof begin - 1));
    while (len < in.len && len < 32 && in.data[len] >= ' ' && in.data[len] != '-') {
        len++;
    }
    text_add(&why, "a PEM file (");
    for (size_t i = 0; i < len; i++) {
        /* Usually words in capitals, but anybody can write anything there. */
        text_escaped(&why, in.data + i, in.data[i] == ' ' ? 0 : 1, 1);
        if (in.data[i] == ' ') {
            text_add(&why, " ");
        }
    }
    text_add(&why, ")");
    return true;
}

static bool is_text_protocol(struct hellotext *out, struct bytes in)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t len = strlen(texts[i].words);

        if (in.len >= len && strncasecmp((const char *)in.data, texts[i].words, len) == 0) {
            say(out, texts[i].what);
            return true;
        }
    }
    return is_pem(out, in);
}

/* What the handshake message of this type is called. */
static const char *message_words(uint8_t type)
{
    switch (type) {
    case SERVER_HELLO:
        return "a ServerHello";
    case CERTIFICATE:
        return "a server's Certificate message";
    default:
        return "a TLS handshake message that is not a ClientHello";
    }
}

/* What a TLS record is that holds no ClientHello: of a handshake, there is at least a byte. */
static void say_record(struct hellotext *out, struct bytes record)
{
    struct text why = text_in(out->why, sizeof out->why);

    switch (record.data[0]) {
    case ALERT:
        if (record.len == RECORD_HEADER + 2) {
            text_addf(&why, "a TLS alert (level %u, description %u)", record.data[5],
                      record.data[6]);
        } else {
            text_add(&why, "a TLS alert");
        }
        break;
    case HANDSHAKE:
        text_add(&why, message_words(record.data[RECORD_HEADER]));
        break;
    case CHANGE_CIPHER_SPEC:
        text_add(&why, "a TLS ChangeCipherSpec");
        break;
    default:
        text_add(&why, "encrypted TLS data");
        break;
    }
}

static bool is_record(struct bytes in)
{
    return in.len >= RECORD_HEADER && in.data[0] >= CHANGE_CIPHER_SPEC &&
           in.data[0] <= APPLICATION_DATA && in.data[1] == 3;
}

/* A message without a record around it. */
static bool is_other_message(struct bytes in)
{
    return in.len > MESSAGE_HEADER && (in.data[0] == SERVER_HELLO || in.data[0] == CERTIFICATE) &&
           (size_t)(in.data[1] << 16 | in.data[2] << 8 | in.data[3]) <= in.len - MESSAGE_HEADER;
}

static void say_what_else(struct hellotext *out, struct bytes in)
{
    out->kind = HELLOTEXT_NONE;
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++) {
        if (begins(in, magics[i].prefix, magics[i].len)) {
            say(out, magics[i].what);
            return;
        }
    }
    if (is_record(in)) {
        say_record(out, in);
    } else if (is_other_message(in)) {
        say(out, message_words(in.data[0]));
    } else if (!is_text_protocol(out, in)) {
        say(out, "bytes that are neither a TLS record nor a handshake message");
    }
}

/* --- the message ---------------------------------------------------------------------------- */

static void say_torn(struct hellotext *out, size_t have, size_t need)
{
    struct text why = text_in(out->why, sizeof out->why);

    out->kind = HELLOTEXT_NONE;
    text_addf(&why, "the beginning of a ClientHello: %zu of its %zu bytes", have, need);
}

static size_t message_len(const uint8_t *message)
{
    return MESSAGE_HEADER +
           (size_t)((uint32_t)message[1] << 16 | (uint32_t)message[2] << 8 | message[3]);
}

/* A handshake message at the front of `in`, already known to be a ClientHello. */
static void take_message(struct hellotext *out, struct bytes in)
{
    size_t len = message_len(in.data);

    if (len > in.len) {
        say_torn(out, in.len, len);
        return;
    }
    out->kind = HELLOTEXT_HANDSHAKE;
    out->message = bytes_of(in.data, len);
    out->left = in.len - len;
}

/* Joins the records at the front of `len` bytes of `data` in place, until they hold the whole
 * message. */
static void take_records(struct hellotext *out, uint8_t *data, size_t len)
{
    size_t joined = 0;
    size_t at = 0;

    while (at + RECORD_HEADER <= len && data[at] == HANDSHAKE && data[at + 1] == 3) {
        size_t body = (size_t)(data[at + 3] << 8 | data[at + 4]);

        at += RECORD_HEADER;
        body = body < len - at ? body : len - at;
        memmove(data + joined, data + at, body);
        joined += body;
        at += body;
        if (joined >= MESSAGE_HEADER && joined >= message_len(data)) {
            break;
        }
    }
    if (joined < MESSAGE_HEADER) {
        say(out, "the first bytes of a TLS record");
        return;
    }
    if (data[0] != CLIENT_HELLO) {
        say(out, message_words(data[0]));
        return;
    }
    take_message(out, bytes_of(data, joined));
    out->left += len - at;
}

/* SSLv2 (RFC 5246 appendix E.2): type, version, three lengths. */
static bool is_sslv2_message(struct bytes in)
{
    return in.len >= SSLV2_FIXED && in.data[0] == CLIENT_HELLO &&
           (in.data[1] == 3 || (in.data[1] == 0 && in.data[2] == 2));
}

static size_t sslv2_len(struct bytes message)
{
    const uint8_t *lengths = message.data + 3;

    return SSLV2_FIXED + (size_t)(lengths[0] << 8 | lengths[1]) +
           (size_t)(lengths[2] << 8 | lengths[3]) + (size_t)(lengths[4] << 8 | lengths[5]);
}

static bool take_sslv2(struct hellotext *out, struct bytes in)
{
    struct bytes message = in;
    size_t len;

    if (in.len > SSLV2_HEADER && (in.data[0] & 0x80) != 0) {
        message = bytes_of(in.data + SSLV2_HEADER, in.len - SSLV2_HEADER);
        len = (size_t)(in.data[0] & 0x7f) << 8 | in.data[1];
        if (!is_sslv2_message(message) || len < SSLV2_FIXED) {
            return false;
        }
    } else {
        if (!is_sslv2_message(in) || sslv2_len(in) != in.len) {
            return false;
        }
        len = in.len;
    }
    if (len > message.len) {
        say_torn(out, message.len, len);
        return true;
    }
    out->kind = HELLOTEXT_SSLV2;
    out->message = bytes_of(message.data, len);
    out->left = message.len - len;
    return true;
}

/* A ClientHello without a record around it: its length takes two bytes, its version begins with 3,
 * which an SSLv2 hello has in another place. */
static bool is_message(struct bytes in)
{
    return in.len > MESSAGE_HEADER && in.data[0] == CLIENT_HELLO && in.data[1] == 0 &&
           in.data[4] == 3;
}

static bool take_hello(struct hellotext *out, uint8_t *data, size_t len)
{
    struct bytes in = bytes_of(data, len);

    if (is_record(in) && in.data[0] == HANDSHAKE &&
        (len == RECORD_HEADER || data[RECORD_HEADER] == CLIENT_HELLO)) {
        take_records(out, data, len);
    } else if (is_message(in)) {
        take_message(out, in);
    } else if (!take_sslv2(out, in)) {
        return false;
    }
    return true;
}

/* Whether a hello may begin here. */
static bool may_begin(struct bytes in)
{
    return in.len > 2 && ((in.data[0] == HANDSHAKE && in.data[1] == 3) ||
                          ((in.data[0] & 0x80) != 0 && in.data[2] == CLIENT_HELLO));
}

/* Joins, in place, the contents of the packets in `data`, from the first one that a hello may begin
 * with, and looks for the hello there: before it, the two sides spoke SMTP. */
static bool take_packets(struct hellotext *out, uint8_t *data, size_t len)
{
    struct bytes rest = bytes_of(data, len);
    struct bytes first = {0};
    struct bytes payload;
    size_t joined = 0;

    if (!packet_take(&rest, &payload)) {
        return false;
    }
    do {
        if (first.len == 0) {
            first = payload;
        }
        if (joined > 0 || may_begin(payload)) {
            memmove(data + joined, payload.data, payload.len);
            joined += payload.len;
        }
    } while (packet_take(&rest, &payload));
    if (joined > 0 && take_hello(out, data, joined)) {
        return true;
    }
    if (joined == 0 && first.len == 0) {
        say(out, "a TCP packet without data");
    } else {
        say_what_else(out, joined > 0 ? bytes_of(data, joined) : first);
    }
    return true;
}

/* In a conversation that was saved whole, the hello follows the lines in which the two sides spoke
 * SMTP. */
static bool take_conversation(struct hellotext *out, uint8_t *data, size_t len)
{
    for (size_t i = 0; i + 1 < len && is_text(bytes_of(data + i, 1)); i++) {
        if (data[i] == '\n' && may_begin(bytes_of(data + i + 1, len - i - 1)) &&
            take_hello(out, data + i + 1, len - i - 1)) {
            return true;
        }
    }
    return false;
}

/* --- input ---------------------------------------------------------------------------------- */

static struct bytes without_blanks(struct bytes in)
{
    while (in.len > 0 && (in.data[0] == ' ' || (in.data[0] >= '\t' && in.data[0] <= '\r'))) {
        in = bytes_of(in.data + 1, in.len - 1);
    }
    return in;
}

/* Writes the bytes into `room`: unchanged, or read from text. False if there are none. */
static bool get_bytes(struct hellotext *out, struct bytes in, uint8_t *room, size_t *len)
{
    struct text why = text_in(out->why, sizeof out->why);

    if (!is_text(in)) {
        memcpy(room, in.data, in.len);
        *len = in.len;
        return true;
    }
    if (without_blanks(in).len == 0) {
        text_add(&why, "empty");
        return false;
    }
    if (is_text_protocol(out, without_blanks(in))) {
        return false;
    }
    text_add(&why, "text that is not hex: ");
    if (!hexdump_read(in, room, HELLOTEXT_SIZE_MAX, len, &why)) {
        return false;
    }
    if (*len == 0) {
        say(out, "text without any hex");
        return false;
    }
    out->why[0] = '\0';
    return true;
}

void hellotext_read(struct hellotext *out, struct bytes in, uint8_t *room)
{
    size_t len;

    *out = (struct hellotext){.kind = HELLOTEXT_NONE};
    if (in.len > HELLOTEXT_SIZE_MAX) {
        say(out, "longer than 64 KiB");
        return;
    }
    if (get_bytes(out, in, room, &len) && !take_hello(out, room, len) &&
        !take_packets(out, room, len) && !take_conversation(out, room, len)) {
        say_what_else(out, bytes_of(room, len));
    }
}
