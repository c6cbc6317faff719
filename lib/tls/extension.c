/*
 * Theory of operation: libssl takes an extension block apart first: types and lengths, no type that
 * it knows twice, pre_shared_key at the end. Then it chooses the version (from supported_versions),
 * and then it reads the bodies, each only in the versions it belongs to: a broken key_share does no
 * harm in TLS 1.2. So each row of the table has a `read` for what is refused in every version and
 * for what others need to know, and a `check` for what is refused in some.
 *
 * The table has the extensions that every libssl knows. Those that only some know are checked with
 * the second group, in every version: the hello is refused anyway.
 *
 * Of DER inside status_request and certificate_authorities only the outer structure is checked; a
 * fault deeper inside is left to libssl.
 */
#include "lib/tls/extension.h"

#include <string.h>

#include "lib/tls/names.h"

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

#define TWICE "an extension appears twice"

enum {
    HOST_NAME_MAX_LEN = 255,
    EXT_CLIENT_CERTIFICATE_TYPE = 19,
    EXT_SERVER_CERTIFICATE_TYPE = 20,
    EXT_COMPRESS_CERTIFICATE = 27,
    EXT_PSK = 41,
    EXT_PSK_KEX_MODES = 45,
    PSK_DHE_KE = 1,
    DER_SEQUENCE = 0x30,
    STATUS_OCSP = 1,
};

/* Reads the body of one extension; returns what is wrong with it, or NULL. */
typedef const char *read_body(struct hello *out, struct bytes body);
typedef const char *check_body(const struct hello *hello, struct bytes body);

/* A vector that fills the whole of `body`. */
static bool whole_vec8(struct bytes body, struct bytes *out)
{
    return bytes_vec8(&body, out) && body.len == 0;
}

static bool whole_vec16(struct bytes body, struct bytes *out)
{
    return bytes_vec16(&body, out) && body.len == 0;
}

static struct id_list list_of(struct bytes b, size_t stride)
{
    return (struct id_list){
        .data = b.data, .num = b.len / stride, .stride = stride, .present = true};
}

static const char *read_sni(struct hello *out, struct bytes body)
{
    struct bytes list;
    struct bytes name;
    uint8_t type;

    if (!whole_vec16(body, &list) || !bytes_u8(&list, &type) || type != 0 ||
        !whole_vec16(list, &name)) {
        return "server_name is not one host_name";
    }
    if (name.len > HOST_NAME_MAX_LEN) {
        return "server_name is longer than 255 bytes";
    }
    if (name.len > 0 && memchr(name.data, 0, name.len) != NULL) {
        return "server_name contains a zero byte";
    }
    out->has_sni = true;
    out->sni = name;
    return NULL;
}

static const char *read_max_fragment_length(struct hello *out, struct bytes body)
{
    (void)out;
    if (body.len != 1 || body.data[0] < 1 || body.data[0] > 4) {
        return "max_fragment_length is not one code from 1 to 4";
    }
    return NULL;
}

static const char *read_status_request(struct hello *out, struct bytes body)
{
    struct bytes responders;
    struct bytes responder;
    struct bytes extensions;
    uint8_t type;

    (void)out;
    if (!bytes_u8(&body, &type)) {
        return "status_request is empty";
    }
    if (type != STATUS_OCSP) {
        return NULL;
    }
    if (!bytes_vec16(&body, &responders) || !whole_vec16(body, &extensions)) {
        return "status_request is broken";
    }
    while (responders.len > 0) {
        if (!bytes_vec16(&responders, &responder) || responder.len == 0) {
            return "status_request has a broken list of responders";
        }
    }
    return NULL;
}

static const char *read_groups(struct hello *out, struct bytes body)
{
    struct bytes list;

    if (!whole_vec16(body, &list) || list.len == 0 || list.len % 2 != 0) {
        return "supported_groups is broken, empty or of odd length";
    }
    out->groups = list_of(list, 2);
    return NULL;
}

static const char *read_scheme_list(struct id_list *out, struct bytes body)
{
    struct bytes list;

    if (!whole_vec16(body, &list) || list.len == 0) {
        return "a list of signature schemes is broken or empty";
    }
    *out = list_of(list, 2);
    return NULL;
}

static const char *read_schemes(struct hello *out, struct bytes body)
{
    return read_scheme_list(&out->schemes, body);
}

static const char *read_cert_schemes(struct hello *out, struct bytes body)
{
    return read_scheme_list(&out->cert_schemes, body);
}

static const char *check_schemes(const struct hello *hello, struct bytes body)
{
    (void)hello;
    return body.len % 2 != 0 ? "a list of signature schemes is of odd length" : NULL;
}

static const char *read_alpn(struct hello *out, struct bytes body)
{
    struct bytes list;
    struct bytes name;

    if (!whole_vec16(body, &list) || list.len == 0) {
        return "application_layer_protocol_negotiation is broken or empty";
    }
    out->has_alpn = true;
    out->alpn = list;
    while (list.len > 0) {
        if (!bytes_vec8(&list, &name) || name.len == 0) {
            return "application_layer_protocol_negotiation has a broken or empty name";
        }
    }
    return NULL;
}

/* DTLS only: libssl refuses it in TLS. */
static const char *read_use_srtp(struct hello *out, struct bytes body)
{
    (void)out;
    (void)body;
    return "use_srtp is not allowed in TLS";
}

static const char *read_versions(struct hello *out, struct bytes body)
{
    struct bytes list;

    if (!whole_vec8(body, &list) || list.len % 2 != 0) {
        return "supported_versions is broken or of odd length";
    }
    out->versions = list_of(list, 2);
    return NULL;
}

static const char *read_key_share(struct hello *out, struct bytes body)
{
    out->has_key_share = whole_vec16(body, &out->key_share);
    return NULL;
}

static const char *check_key_share(const struct hello *hello, struct bytes body)
{
    struct bytes shares;
    struct bytes key;
    uint16_t group;

    (void)hello;
    if (!whole_vec16(body, &shares)) {
        return "key_share is broken";
    }
    while (shares.len > 0) {
        if (!bytes_u16(&shares, &group) || !bytes_vec16(&shares, &key) || key.len == 0) {
            return "key_share has a broken or empty share";
        }
    }
    return NULL;
}

static const char *read_ca_names(struct hello *out, struct bytes body)
{
    out->has_ca_names = whole_vec16(body, &out->ca_names);
    return NULL;
}

/* Whether `name` is one DER SEQUENCE from end to end. */
static bool is_sequence(struct bytes name)
{
    uint8_t tag;
    uint8_t len;
    uint8_t byte;
    size_t value;

    if (!bytes_u8(&name, &tag) || !bytes_u8(&name, &len) || tag != DER_SEQUENCE) {
        return false;
    }
    value = len;
    if (len > 0x80) {
        value = 0;
        for (int i = len & 0x7f; i > 0; i--) {
            if (!bytes_u8(&name, &byte) || value > UINT16_MAX) {
                return false;
            }
            value = value << 8 | byte;
        }
    }
    return value == name.len;
}

static const char *check_ca_names(const struct hello *hello, struct bytes body)
{
    struct bytes names;
    struct bytes name;

    (void)hello;
    if (!whole_vec16(body, &names)) {
        return "certificate_authorities is broken";
    }
    while (names.len > 0) {
        if (!bytes_vec16(&names, &name) || !is_sequence(name)) {
            return "certificate_authorities has a broken name";
        }
    }
    return NULL;
}

/* There is no earlier handshake on the connection whose verify_data could be repeated. */
static const char *check_renegotiation_info(const struct hello *hello, struct bytes body)
{
    struct bytes verify_data;

    (void)hello;
    if (!bytes_vec8(&body, &verify_data)) {
        return "renegotiation_info is broken";
    }
    return verify_data.len > 0 ? "renegotiation_info names an earlier handshake" : NULL;
}

static const char *check_srp(const struct hello *hello, struct bytes body)
{
    struct bytes user;

    (void)hello;
    if (!whole_vec8(body, &user) || (user.len > 0 && memchr(user.data, 0, user.len) != NULL)) {
        return "srp is broken or contains a zero byte";
    }
    return NULL;
}

static const char *read_point_formats(struct hello *out, struct bytes body)
{
    out->has_point_formats = whole_vec8(body, &out->point_formats);
    return NULL;
}

static const char *check_point_formats(const struct hello *hello, struct bytes body)
{
    struct bytes list;

    (void)hello;
    return !whole_vec8(body, &list) || list.len == 0 ? "ec_point_formats is broken or empty" : NULL;
}

static const char *check_empty(const struct hello *hello, struct bytes body)
{
    (void)hello;
    return body.len > 0 ? "an extension that must be empty is not" : NULL;
}

static const char *check_psk_kex_modes(const struct hello *hello, struct bytes body)
{
    struct bytes modes;

    (void)hello;
    return !whole_vec8(body, &modes) || modes.len == 0 ? "psk_key_exchange_modes is broken or empty"
                                                       : NULL;
}

static check_body check_psk;

/*
 * The extensions that every libssl knows: `read` sees the body at once, `check` in the versions
 * from `min_version` to `max_version`. The rows without either are here to be counted.
 */
static const struct extension {
    uint16_t type;
    uint16_t min_version;
    uint16_t max_version;
    read_body *read;
    check_body *check;
} extensions[] = {
    {0, 0, 0, read_sni, NULL},                                   /* server_name */
    {1, 0, 0, read_max_fragment_length, NULL},                   /* max_fragment_length */
    {5, 0, 0, read_status_request, NULL},                        /* status_request */
    {10, 0, 0, read_groups, NULL},                               /* supported_groups */
    {11, TLS10, TLS12, read_point_formats, check_point_formats}, /* ec_point_formats */
    {12, TLS10, TLS12, NULL, check_srp},                         /* srp */
    {13, TLS12, TLS13, read_schemes, check_schemes},             /* signature_algorithms */
    {14, 0, 0, read_use_srtp, NULL},                             /* use_srtp */
    {16, 0, 0, read_alpn, NULL},                                 /* ALPN */
    {18, 0, 0, NULL, NULL},                                      /* signed_certificate_timestamp */
    {21, 0, 0, NULL, NULL},                                      /* padding */
    {22, 0, 0, NULL, NULL},                                      /* encrypt_then_mac */
    {23, TLS10, TLS12, NULL, check_empty},                       /* extended_master_secret */
    {35, 0, 0, NULL, NULL},                                      /* session_ticket */
    {EXT_PSK, TLS13, TLS13, NULL, check_psk},                    /* pre_shared_key */
    {42, TLS13, TLS13, NULL, check_empty},                       /* early_data */
    {43, 0, 0, read_versions, NULL},                             /* supported_versions */
    {44, 0, 0, NULL, NULL},                                      /* cookie */
    {EXT_PSK_KEX_MODES, TLS13, TLS13, NULL, check_psk_kex_modes},
    {47, TLS13, TLS13, read_ca_names, check_ca_names},      /* certificate_authorities */
    {49, TLS13, TLS13, NULL, check_empty},                  /* post_handshake_auth */
    {50, TLS12, TLS13, read_cert_schemes, check_schemes},   /* signature_algorithms_cert */
    {51, TLS13, TLS13, read_key_share, check_key_share},    /* key_share */
    {13172, 0, 0, NULL, NULL},                              /* next_protocol_negotiation */
    {0xfde8, 0, 0, NULL, NULL},                             /* cryptopro_bug */
    {0xff01, TLS10, TLS12, NULL, check_renegotiation_info}, /* renegotiation_info */
};

/* The row of a type, or NULL for one that not every libssl knows. */
static const struct extension *extension_of(uint16_t type)
{
    for (size_t i = 0; i < NUM(extensions); i++) {
        if (extensions[i].type == type) {
            return &extensions[i];
        }
    }
    return NULL;
}

/* The body of the first extension of a type in a block, or in the rest of one. */
static bool find_extension(struct bytes rest, uint16_t wanted, struct bytes *out)
{
    uint16_t type;

    while (bytes_u16(&rest, &type) && bytes_vec16(&rest, out)) {
        if (type == wanted) {
            return true;
        }
    }
    return false;
}

/* libssl looks at the identities only if the client accepts the one way to resume that libssl
 * offers. */
static const char *check_psk(const struct hello *hello, struct bytes body)
{
    struct bytes modes;
    struct bytes list;
    struct bytes identities;
    struct bytes identity;
    struct bytes age;

    if (!find_extension(hello->extensions, EXT_PSK_KEX_MODES, &modes) ||
        !whole_vec8(modes, &list) || list.len == 0 ||
        memchr(list.data, PSK_DHE_KE, list.len) == NULL) {
        return NULL;
    }
    if (!bytes_vec16(&body, &identities)) {
        return "pre_shared_key is broken";
    }
    while (identities.len > 0) {
        if (!bytes_vec16(&identities, &identity) || !bytes_take(&identities, 4, &age) ||
            identity.len == 0) {
            return "pre_shared_key has a broken or empty identity";
        }
    }
    return NULL;
}

const char *extension_read_block(struct hello *out)
{
    struct bytes rest = out->extensions;
    struct bytes body;
    uint32_t seen = 0;
    uint16_t type;

    _Static_assert(NUM(extensions) <= 32, "one bit of `seen` for each extension");
    while (rest.len > 0) {
        const struct extension *extension;
        const char *why;

        if (!bytes_u16(&rest, &type) || !bytes_vec16(&rest, &body)) {
            return "an extension overruns the extension block";
        }
        extension = extension_of(type);
        if (extension == NULL) {
            continue;
        }
        if ((seen >> (extension - extensions) & 1) != 0) {
            return TWICE;
        }
        seen |= (uint32_t)1 << (extension - extensions);
        if (type == EXT_PSK && rest.len > 0) {
            return "pre_shared_key is not the last extension";
        }
        why = extension->read != NULL ? extension->read(out, body) : NULL;
        if (why != NULL) {
            return why;
        }
    }
    if (find_extension(out->extensions, EXT_PSK, &body) &&
        !find_extension(out->extensions, EXT_PSK_KEX_MODES, &body)) {
        return "pre_shared_key without psk_key_exchange_modes";
    }
    return NULL;
}

static bool knows_newer(const struct libssl *libssl, uint16_t type)
{
    switch (type) {
    case EXT_CLIENT_CERTIFICATE_TYPE:
        return libssl->knows_client_certificate_type;
    case EXT_SERVER_CERTIFICATE_TYPE:
        return libssl->knows_server_certificate_type;
    case EXT_COMPRESS_CERTIFICATE:
        return libssl->knows_compress_certificate;
    default:
        return false;
    }
}

static const char *check_compress_certificate(struct bytes body)
{
    struct bytes list;

    return !whole_vec8(body, &list) || list.len == 0 || list.len % 2 != 0
               ? "compress_certificate is broken, empty or of odd length"
               : NULL;
}

/* What this libssl refuses, and another does not, in an extension and the `rest` after it. */
static const char *check_newer(const struct libssl *libssl, uint16_t version, uint16_t type,
                               struct bytes body, struct bytes rest)
{
    struct bytes other;

    if (knows_newer(libssl, type) && find_extension(rest, type, &other)) {
        return TWICE;
    }
    if (type == EXT_COMPRESS_CERTIFICATE && version >= TLS13 &&
        libssl->reads_compress_certificate) {
        return check_compress_certificate(body);
    }
    return NULL;
}

const char *extension_check_block(const struct hello *hello, const struct libssl *libssl,
                                  uint16_t version)
{
    struct bytes rest = hello->extensions;
    struct bytes body;
    const char *why = NULL;
    uint16_t type;

    while (why == NULL && bytes_u16(&rest, &type) && bytes_vec16(&rest, &body)) {
        const struct extension *extension = extension_of(type);

        if (extension == NULL) {
            why = check_newer(libssl, version, type, body, rest);
        } else if (extension->check != NULL && version >= extension->min_version &&
                   version <= extension->max_version) {
            why = extension->check(hello, body);
        }
    }
    return why;
}
