#include "daemon/posternctl/selftest/selftest.h"

#include "daemon/common/sockaddr.h"

#include <openssl/x509.h>
#include <string.h>

/* Room for a listener and its address, and for a server name. */
enum { NAME_SIZE = 140, SERVER_NAME_SIZE = 100 };

/* The cure if posternd runs with a different configuration, or with older files. */
static const char reload[] = "posternctl reload";

/* An address of a listener that is being tested. */
struct asked {
    struct selftest *t;
    const struct conf_listener *listener;
    struct endpoint to;
    char name[NAME_SIZE];
    bool excepted; /* this machine is in starttls_except, with the address that it comes from */
};

/* What was received, or why nothing was. */
static const char *words_of(const struct smtpclient *c, const struct smtpreply *reply)
{
    return c->trouble == SMTPCLIENT_NONE ? reply->text : c->why;
}

/* --- before TLS ----------------------------------------------------------------------------- */

static void look_at_starttls(const struct asked *a, bool offered)
{
    bool wanted = a->listener->tls != CONF_TLS_NONE;

    if (a->excepted && offered) {
        selftest_fault(a->t, "starttls", a->name, reload,
                       "offers STARTTLS, but starttls_except has this machine's address");
    } else if (a->excepted) {
        selftest_ok(a->t, "starttls", a->name,
                    "offers no STARTTLS: starttls_except has this machine's address");
    } else if (wanted != offered) {
        selftest_fault(a->t, "starttls", a->name, reload, "%s STARTTLS, but tls = \"%s\"",
                       offered ? "offers" : "does not offer", conf_tls_word(a->listener->tls));
    } else {
        selftest_ok(a->t, "starttls", a->name, "%s STARTTLS", offered ? "offers" : "offers no");
    }
}

static void look_at_offers(const struct asked *a, const struct smtpreply *ehlo)
{
    look_at_starttls(a, (ehlo->keywords & SMTPCLIENT_STARTTLS) != 0);
    if ((ehlo->keywords & (SMTPCLIENT_XCLIENT | SMTPCLIENT_XFORWARD)) != 0) {
        selftest_fault(a->t, "xclient", a->name, reload, "offers XCLIENT or XFORWARD");
    }
    if (a->listener->auth_before_tls && a->listener->tls != CONF_TLS_ENCRYPT) {
        selftest_ok(a->t, "auth", a->name, "%s AUTH before TLS: auth_before_tls = true",
                    (ehlo->keywords & SMTPCLIENT_AUTH) != 0 ? "offers" : "offers no");
    } else if ((ehlo->keywords & SMTPCLIENT_AUTH) != 0) {
        selftest_fault(a->t, "auth", a->name, reload, "offers AUTH before TLS");
    } else {
        selftest_ok(a->t, "auth", a->name, "offers no AUTH before TLS");
    }
}

/* Where TLS is demanded, no mail begins before it. */
static void look_at_level(const struct asked *a, struct smtpclient *c)
{
    struct smtpreply reply;

    if (a->listener->tls != CONF_TLS_ENCRYPT) {
        return;
    }
    if (smtpclient_command(c, "MAIL FROM:<>", &reply, SELFTEST_STEP) && reply.code == 530) {
        selftest_ok(a->t, "level", a->name, "accepts no mail before TLS");
    } else {
        selftest_fault(a->t, "level", a->name, reload,
                       "does not answer 530 to MAIL before TLS, but tls = \"encrypt\": %s",
                       selftest_words(c, &reply));
    }
}

/* Whether the listener does not offer STARTTLS to this machine, as the client of `c`. */
static bool is_excepted(const struct asked *a, const struct smtpclient *c)
{
    const struct conf_prefixes *networks = &a->listener->starttls_except;
    struct addr mine = sockaddr_local(c->fd);

    return prefix_any_contains(networks->items, networks->num, &mine);
}

/* False: there is no answer. */
static bool look_at_plaintext(struct asked *a)
{
    struct smtpclient c;
    struct smtpreply reply;
    bool greeted = selftest_begin(a->t, &c, a->listener, &a->to, &reply);

    if (greeted) {
        a->excepted = is_excepted(a, &c);
        selftest_ok(a->t, "greeting", a->name, "greets, and accepts EHLO");
        look_at_offers(a, &reply);
        look_at_level(a, &c);
    } else if (c.trouble == SMTPCLIENT_NOBODY) {
        selftest_fault(a->t, "greeting", a->name, reload,
                       "cannot be reached (%s): posternd runs with a different configuration",
                       c.why);
    } else {
        selftest_fault(a->t, "greeting", a->name, "", "does not greet as it should: %s",
                       words_of(&c, &reply));
    }
    smtpclient_close(&c, SELFTEST_QUIT);
    return greeted;
}

/* --- under TLS ------------------------------------------------------------------------------ */

/* Our client can use every certificate; which one a set serves it with a profile of the
 * administrator's is not predicted. */
static bool is_built_in(const struct conf_profile *profile)
{
    return profile->line == 0;
}

/* The position of a certificate in a set; its number if it is not in it, or not known. */
static size_t place_of(const struct selftest *t, const struct conf_set *set, const X509 *served)
{
    for (size_t i = 0; i < set->num_certificates; i++) {
        const X509 *leaf = t->leaves[set->certificates[i] - t->conf->certificates];

        if (leaf != NULL && X509_cmp(leaf, served) == 0) {
            return i;
        }
    }
    return set->num_certificates;
}

static bool are_files_known(const struct selftest *t, const struct conf_set *set)
{
    for (size_t i = 0; i < set->num_certificates; i++) {
        if (t->leaves[set->certificates[i] - t->conf->certificates] == NULL) {
            return false;
        }
    }
    return true;
}

/* The certificate of a completed handshake. */
static void look_at_certificate(const struct asked *a, const struct conf_set *set,
                                const char *subject, const SSL *ssl)
{
    X509 *served = SSL_get1_peer_certificate(ssl);
    size_t place = served == NULL ? 0 : place_of(a->t, set, served);
    bool expected = is_built_in(a->listener->profile) ? place == 0 : place < set->num_certificates;

    if (served == NULL) {
        selftest_fault(a->t, "certificate", subject, reload, "serves no certificate");
    } else if (expected) {
        selftest_ok(a->t, "certificate", subject, "serves certificate \"%s\"",
                    set->certificates[place]->name);
    } else if (place < set->num_certificates) {
        selftest_fault(a->t, "certificate", subject, reload,
                       "serves certificate \"%s\", but \"%s\" is the first of certificate_set "
                       "\"%s\"",
                       set->certificates[place]->name, set->certificates[0]->name, set->name);
    } else if (!are_files_known(a->t, set)) {
        selftest_not_checked(a->t, "certificate", subject,
                             "a chain of certificate_set \"%s\" cannot be read by this account",
                             set->name);
    } else {
        selftest_fault(a->t, "certificate", subject, reload,
                       "serves a certificate that is not, or no longer, in certificate_set \"%s\"",
                       set->name);
    }
    X509_free(served);
}

/* A session under TLS with a server name (NULL: none), which selects this set. */
static void look_at_tls(const struct asked *a, const struct conf_set *set, const char *name)
{
    struct smtpclient c;
    struct smtpreply reply;
    char subject[SELFTEST_SUBJECT_SIZE];
    bool greeted = selftest_begin_tls(a->t, &c, a->listener, &a->to, name, &reply);
    bool turned_away = a->t->asked_certificate &&
                       a->listener->client_certificate == CONF_CLIENT_CERTIFICATE_REQUIRE;

    snprintf(subject, sizeof subject, "%s, %.*s", a->name, SERVER_NAME_SIZE,
             name == NULL ? "no server name" : name);
    if (!greeted && turned_away) {
        selftest_not_checked(a->t, "tls", subject,
                             "client_certificate = \"require\", and selftest has none");
    } else if (!c.secured) {
        selftest_fault(a->t, "tls", subject, "", "TLS does not work: %s", words_of(&c, &reply));
    } else if (!greeted) {
        selftest_fault(a->t, "tls", subject, "", "under TLS, EHLO is not accepted: %s",
                       words_of(&c, &reply));
    } else if ((reply.keywords &
                (SMTPCLIENT_STARTTLS | SMTPCLIENT_XCLIENT | SMTPCLIENT_XFORWARD)) != 0) {
        selftest_fault(a->t, "tls", subject, reload,
                       "offers STARTTLS, XCLIENT or XFORWARD under TLS");
    } else {
        selftest_ok(a->t, "tls", subject, "%s; AUTH is %soffered", SSL_get_version(c.ssl),
                    (reply.keywords & SMTPCLIENT_AUTH) != 0 ? "" : "not ");
    }
    if (c.secured) {
        look_at_certificate(a, set, subject, c.ssl);
    }
    smtpclient_close(&c, SELFTEST_QUIT);
}

/* Each set by the first of its names, and the first set without a name. No client here gets a
 * further set without names. */
static void look_at_sets(const struct asked *a)
{
    const struct conf_listener *listener = a->listener;

    for (size_t s = 0; s < listener->num_sets; s++) {
        const struct conf_set *set = listener->sets[s];
        char name[300];

        if (s == 0) {
            look_at_tls(a, set, NULL);
        }
        if (set->names.num > 0) {
            bool wildcard = set->names.items[0].text[0] == '*';

            snprintf(name, sizeof name, "%s%s", wildcard ? "postern-selftest" : "",
                     set->names.items[0].text + wildcard);
            look_at_tls(a, set, name);
        }
    }
}

void selftest_listener(struct selftest *t, const struct conf_listener *listener,
                       const struct conf_endpoint *address)
{
    struct asked a = {.t = t, .listener = listener};
    char text[ADDR_PATH_SIZE + 8];

    endpoint_text(&address->endpoint, text, sizeof text);
    snprintf(a.name, sizeof a.name, "listener \"%s\" %s", listener->name, text);
    if (!selftest_reach(address, &a.to)) {
        selftest_not_checked(t, "greeting", a.name, "port 0: the system picked the port");
    } else if (listener->tls != CONF_TLS_IMPLICIT && !look_at_plaintext(&a)) {
        return;
    } else if (a.excepted) {
        selftest_not_checked(t, "tls", a.name,
                             "starttls_except has this machine's address: test from elsewhere");
    } else {
        look_at_sets(&a);
    }
}
