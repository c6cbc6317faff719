#include "lib/tls/alpn.h"

#include <string.h>

/* How many names are shown, and how many bytes of each. */
enum { NAMES_MAX_SHOWN = 8, NAME_MAX_SHOWN = 24 };

/*
 * Protocols of other services: IANA's registry "TLS Application-Layer Protocol Negotiation (ALPN)
 * Protocol IDs", and names that are in use without being registered. A name with a version matches
 * any version.
 */
static const struct {
    const char *name;
    bool is_prefix;
} others[] = {
    {"h2", false},          {"h2c", false},    {"h3", false},
    {"h3-", true}, /* its drafts */
    {"http/", true},        {"spdy/", true},   {"webrtc", false},
    {"c-webrtc", false},    {"imap", false},   {"pop3", false},
    {"managesieve", false}, {"ftp", false},    {"nntp", false},
    {"nnsp", false},        {"irc", false},    {"xmpp-", true}, /* xmpp-client, xmpp-server */
    {"sip/", true},         {"stun.", true},                    /* stun.turn, stun.nat-discovery */
    {"mqtt", false},        {"coap", false},   {"co", false},   /* CoAP over DTLS */
    {"dot", false},         {"doq", false},    {"acme-tls/", true},
    {"ntske/", true},       {"radius/", true}, {"ldap", false}, /* not registered */
    {"ssh", false},                                             /* not registered */
    {"ssh/", true},                                             /* not registered */
    {"smb", false},         {"sunrpc", false}, {"dicom", false},
    {"postgresql", false},  {"tds/", true},    {"netperfmeter/", true},
    {"n-pamp/", true},      {"EoQ", false},    {"snifq/", true},
};

static bool is(struct bytes name, const char *wanted)
{
    return name.len == strlen(wanted) && memcmp(name.data, wanted, name.len) == 0;
}

static bool is_grease(struct bytes name)
{
    return name.len == 2 && id_is_grease((uint16_t)(name.data[0] << 8 | name.data[1]));
}

static bool is_of_another_service(struct bytes name)
{
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct bytes compared = name;
        size_t len = strlen(others[i].name);

        if (others[i].is_prefix && compared.len > len) {
            compared.len = len;
        }
        if (is(compared, others[i].name)) {
            return true;
        }
    }
    return false;
}

enum alpn_answer alpn_judge(enum alpn_rule rule, struct bytes list)
{
    struct bytes name;
    bool any = false;
    bool foreign = false;

    if (rule == ALPN_IGNORE) {
        return ALPN_SILENT;
    }
    while (bytes_vec8(&list, &name)) {
        if (is(name, ALPN_SMTP)) {
            return ALPN_SELECT;
        }
        any = any || !is_grease(name);
        foreign = foreign || is_of_another_service(name);
    }
    return (rule == ALPN_STRICT ? any : foreign) ? ALPN_REFUSE : ALPN_SILENT;
}

void alpn_names(struct text *out, struct bytes list)
{
    struct bytes name;
    size_t shown = 0;

    while (bytes_vec8(&list, &name)) {
        if (is_grease(name)) {
            continue;
        }
        text_add(out, shown > 0 ? "," : "");
        if (shown++ == NAMES_MAX_SHOWN) {
            text_add(out, "...");
            return;
        }
        text_escaped(out, name.data, name.len, NAME_MAX_SHOWN);
    }
}
