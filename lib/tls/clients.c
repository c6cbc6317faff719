#include "lib/tls/clients.h"

#include "lib/base/table.h"

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

/* The longest list of a row. */
#define LIST_MAX 192

enum { EXT_SNI = 0 };

/*
 * A row changes when its source is found wrong, not when the client has a new version: that is a
 * new row. Captures come from sessions of other protocols than SMTP where there are none of SMTP;
 * what depends on the protocol (ALPN, server_name) does not decide on a certificate's fitness.
 */
static const struct client clients[] = {
#include "lib/tls/clients_windows.inc"

#include "lib/tls/clients_mail.inc"

#include "lib/tls/clients_libraries.inc"
};

size_t clients_num(void)
{
    return NUM(clients);
}

const struct client *client_at(size_t i)
{
    return &clients[i];
}

const char *client_basis_word(enum client_basis basis)
{
    static const char *const words[] = {
        [CLIENT_CAPTURED] = "capture",
        [CLIENT_RUN] = "run",
        [CLIENT_DOCUMENTED] = "documents",
    };
    TABLE_HAS_EACH(words, NUM_CLIENT_BASES);

    return words[basis];
}

/* --- reading a row -------------------------------------------------------------------------- */

/* The value of a digit, or `base` if it is none. */
static unsigned digit_of(char c, unsigned base)
{
    unsigned value = base;

    if (c >= '0' && c <= '9') {
        value = (unsigned)(c - '0');
    } else if (c >= 'a' && c <= 'f') {
        value = (unsigned)(c - 'a') + 10;
    }
    return value < base ? value : base;
}

/* The next number of a list, at most `max`. False if there is none; then *list is at the end of
 * the list unless something is wrong with it. */
static bool next_number(const char **list, unsigned base, uint32_t max, uint32_t *out)
{
    const char *at = *list;
    unsigned digit;

    while (*at == ' ') {
        at++;
    }
    *list = at;
    *out = 0;
    while ((digit = digit_of(*at, base)) < base) {
        *out = *out * base + digit;
        if (*out > max) {
            return false;
        }
        at++;
    }
    if (at == *list) {
        return false;
    }
    *list = at;
    return true;
}

/* Numbers of a row while its hello is made. */
struct numbers {
    uint16_t ids[LIST_MAX];
    size_t num;
    uint32_t kinds[LIST_MAX]; /* those above 16 bits */
    size_t num_kinds;
};

/* Reads a list; false if it is wrong. */
static bool read_numbers(struct numbers *out, const char *list, unsigned base, uint32_t max)
{
    uint32_t value;

    while (next_number(&list, base, max, &value)) {
        if (out->num == LIST_MAX || out->num_kinds == LIST_MAX) {
            return false;
        }
        if (value > UINT16_MAX) {
            out->kinds[out->num_kinds++] = value;
        } else {
            out->ids[out->num++] = (uint16_t)value;
        }
    }
    return *list == '\0';
}

/* Reads a list of 16-bit numbers, if the row has it. */
static bool read_list(struct hello_ids *out, struct numbers *room, const char *list, unsigned base)
{
    if (list == NULL) {
        return true;
    }
    if (!read_numbers(room, list, base, UINT16_MAX)) {
        return false;
    }
    *out = (struct hello_ids){.ids = room->ids, .num = room->num, .present = true};
    return true;
}

static bool has_number(const struct hello_ids *list, uint16_t id)
{
    for (size_t i = 0; i < list->num; i++) {
        if (list->ids[i] == id) {
            return true;
        }
    }
    return false;
}

size_t client_hello(const struct client *client, const char *sni, uint8_t *out, size_t size)
{
    struct numbers suites = {.num = 0};
    struct numbers rooms[6] = {{.num = 0}};
    struct hello_lists lists = {.sslv2 = client->sslv2, .legacy_version = client->version};

    if (!read_numbers(&suites, client->suites, 16, client->sslv2 ? 0xffffff : UINT16_MAX) ||
        !read_list(&lists.groups, &rooms[0], client->groups, 16) ||
        !read_list(&lists.schemes, &rooms[1], client->schemes, 16) ||
        !read_list(&lists.cert_schemes, &rooms[2], client->cert_schemes, 16) ||
        !read_list(&lists.versions, &rooms[3], client->versions, 16) ||
        !read_list(&lists.shares, &rooms[4], client->shares, 16) ||
        !read_list(&lists.extensions, &rooms[5], client->extensions, 10)) {
        return 0;
    }
    lists.suites = (struct hello_ids){.ids = suites.ids, .num = suites.num, .present = true};
    lists.sslv2_kinds = suites.kinds;
    lists.num_sslv2_kinds = suites.num_kinds;
    if (has_number(&lists.extensions, EXT_SNI)) {
        lists.sni = sni;
    }
    return hello_build(&lists, out, size);
}
