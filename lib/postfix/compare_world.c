/* Who the client is: fronts that say so, and what posternd must know about them. */
#include "lib/postfix/compare_parts.h"

static void compare_front(struct comparing *c)
{
    if (c->today[0] == '\0') {
        return;
    }
    if (c->in->listener->accept_proxy_from.num == 0) {
        compare_say(c, COMPARE_FAIL, "", "%s", c->row->text);
    } else {
        compare_say(c, COMPARE_EQUAL, "", "accept_proxy_from lists who may name the client");
    }
}

/* Only the program that clients reach first reads the header. */
static void compare_proxy(struct comparing *c)
{
    if (compare_is_of_postscreen(c->name) == c->in->today.postscreen) {
        compare_front(c);
    }
    if (settings_find(c->in->main_cf, c->name) != NULL && c->today[0] != '\0') {
        compare_say(c, COMPARE_LOST, "",
                    "it is in main.cf, so every service of this kind expects the header: remove "
                    "it, or set it to empty for the others");
    }
}

/* Postfix refuses the header of a client whose family it does not speak. */
static void compare_families(struct comparing *c)
{
    static const struct {
        enum addr_family family;
        const char *word;
        const char *name;
    } families[] = {{ADDR_IPV4, "ipv4", "IPv4"}, {ADDR_IPV6, "ipv6", "IPv6"}};
    const struct conf_listener *listener = c->in->listener;

    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        bool has_clients = false;

        for (size_t i = 0; i < listener->num_addresses; i++) {
            has_clients =
                has_clients || listener->addresses[i].endpoint.ip.family == families[f].family;
        }
        if (has_clients && !settings_has_word(c->today, "all") &&
            !settings_has_word(c->today, families[f].word)) {
            compare_say(c, COMPARE_STRICTER, "",
                        "every client on %s gets 421: postconf -e inet_protocols=all, and restart "
                        "Postfix",
                        families[f].name);
        }
    }
}

void compare_world(struct comparing *c)
{
    if (c->row->rule == RULE_FAMILIES) {
        compare_families(c);
    } else if (c->row->rule == RULE_PROXY) {
        compare_proxy(c);
    } else if (c->row->rule == RULE_XCLIENT) {
        compare_front(c);
    }
}
