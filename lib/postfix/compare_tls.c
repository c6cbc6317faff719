/* What a session must and may be: levels, passwords, certificates. */
#include "lib/postfix/compare_parts.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* posternd's own smtpd_tls_ccert_verifydepth. */
enum { DEPTH_MAX = 9 };

/* --- levels --------------------------------------------------------------------------------- */

/* Which parameter makes today's level. */
static const char *level_name(const struct comparing *c)
{
    const struct settings *values = c->in->today.values;

    if (c->in->today.postscreen && compare_screen_level(values) == compare_today_level(c)) {
        return "postscreen_tls_security_level";
    }
    if (!c->in->today.postscreen && settings_yes(values, "smtpd_tls_wrappermode")) {
        return "smtpd_tls_wrappermode";
    }
    if (c->today[0] != '\0') {
        return c->name;
    }
    return settings_yes(values, "smtpd_enforce_tls") ? "smtpd_enforce_tls"
           : settings_yes(values, "smtpd_use_tls")   ? "smtpd_use_tls"
                                                     : c->name;
}

/* Whether today's service accepts STARTTLS from nobody, whatever its level. */
static bool hides_starttls(const struct comparing *c)
{
    return settings_has_word(compare_today(c, c->in->today.postscreen
                                                  ? "postscreen_discard_ehlo_keywords"
                                                  : "smtpd_discard_ehlo_keywords"),
                             "starttls");
}

static void compare_levels(struct comparing *c)
{
    enum conf_tls level = compare_today_level(c);
    enum conf_tls today = level == CONF_TLS_MAY && hides_starttls(c) ? CONF_TLS_NONE : level;
    enum conf_tls now = c->in->listener->tls;
    const char *name = level_name(c);
    const char *value = compare_today(c, name);
    const char *word = conf_tls_word(now);

    if (today == now) {
        compare_say_of(c, name, COMPARE_EQUAL, value, word, "tls = \"%s\"", word);
    } else if (compare_is_mandatory(today) && !compare_is_mandatory(now)) {
        compare_say_of(
            c, name, COMPARE_FAIL, value, word,
            "mail without TLS is accepted, but today's service demands TLS: tls = \"%s\"",
            conf_tls_word(today));
    } else if (today == CONF_TLS_IMPLICIT || now == CONF_TLS_IMPLICIT) {
        compare_say_of(
            c, name, COMPARE_STRICTER, value, word,
            today == CONF_TLS_IMPLICIT
                ? "clients that begin with TLS are shut out, because STARTTLS is demanded"
                : "clients that do not begin with TLS are shut out");
    } else if (now == CONF_TLS_NONE) {
        compare_say_of(c, name, COMPARE_FAIL, value, word, "TLS is no longer offered");
    } else if (today == CONF_TLS_NONE && now == CONF_TLS_MAY) {
        compare_say_of(c, name, COMPARE_EQUAL, value, word, "STARTTLS is offered, which is new");
    } else {
        compare_say_of(c, name, COMPARE_STRICTER, value, word, "clients without TLS are shut out");
    }
}

/* --- passwords ------------------------------------------------------------------------------ */

static bool has_sasl(const struct comparing *c)
{
    return settings_yes(c->in->today.values, "smtpd_sasl_auth_enable");
}

static bool is_protected_today(const struct comparing *c)
{
    return settings_yes(c->in->today.values, "smtpd_tls_auth_only") ||
           compare_is_mandatory(compare_today_level(c));
}

/* Whether passwords may be sent in plaintext to the listener. */
static bool takes_plaintext_auth(const struct comparing *c)
{
    return c->in->listener->auth_before_tls && !compare_is_mandatory(c->in->listener->tls);
}

static void compare_auth_only(struct comparing *c)
{
    bool before = takes_plaintext_auth(c);

    if (!has_sasl(c)) {
        return;
    }
    if (is_protected_today(c) && before) {
        compare_say(c, COMPARE_FAIL, "true",
                    "passwords are accepted in plaintext, which today's service refuses: "
                    "auth_before_tls = false");
    } else if (!is_protected_today(c) && !before) {
        compare_say(c, COMPARE_STRICTER, "false",
                    "clients that send a password without TLS are shut out; auth_before_tls = true "
                    "accepts them");
    } else if (c->set) {
        compare_say(c, COMPARE_EQUAL, before ? "true" : "false", "auth_before_tls = %s",
                    before ? "true" : "false");
    }
}

/* The options behind compared with today's: a missing word opens something. */
static void compare_options(struct comparing *c, const char *behind, const char *wanted,
                            const char *sessions)
{
    if (!settings_words_in(wanted, behind)) {
        compare_say(c, COMPARE_FAIL, behind,
                    "for sessions %s TLS today's service has \"%s\", and the service behind "
                    "\"%s\": it accepts passwords that are refused today",
                    sessions, wanted, behind);
    } else if (!settings_words_in(behind, wanted)) {
        compare_say(c, COMPARE_STRICTER, behind,
                    "for sessions %s TLS today's service has \"%s\", and the service behind \"%s\"",
                    sessions, wanted, behind);
    }
}

/* Dovecot learns about the session that Postfix sees. */
static void compare_secured(struct comparing *c)
{
    if (has_sasl(c) && strcasecmp(c->today, "dovecot") == 0 &&
        c->in->listener->tls != CONF_TLS_NONE) {
        compare_say(c, COMPARE_LOST, c->secured,
                    "Dovecot does not learn that a session is under TLS (%%{secured})");
    }
}

/* The service for sessions without TLS needs no AUTH if none of them may use it. */
static void compare_sasl_enable(struct comparing *c)
{
    bool today = has_sasl(c);
    const struct settings *plain = c->in->plain.values;
    const struct settings *secured = c->in->secured.values;
    bool wants_plain = plain == secured || takes_plaintext_auth(c);

    if ((wants_plain && settings_yes(plain, c->name) != today) ||
        settings_yes(secured, c->name) != today) {
        compare_say(c, today ? COMPARE_STRICTER : COMPARE_FAIL, today ? "no" : "yes",
                    today ? "nobody can log in" : "clients can log in, which is new");
    }
}

/* The service behind sees plaintext whatever the client's session is. */
static void compare_sasl_options(struct comparing *c)
{
    if (!has_sasl(c)) {
        return;
    }
    if (c->in->listener->tls != CONF_TLS_NONE) {
        compare_options(c, c->secured, compare_today(c, "smtpd_sasl_tls_security_options"),
                        "under");
    }
    if (takes_plaintext_auth(c)) {
        compare_options(c, c->plain, c->today, "without");
    }
}

/* --- certificates --------------------------------------------------------------------------- */

static void compare_asked(struct comparing *c)
{
    enum conf_client_certificate now = c->in->listener->client_certificate;

    if (!settings_yes(c->in->today.values, "smtpd_tls_ask_ccert") ||
        compare_today_level(c) == CONF_TLS_NONE) {
        return;
    }
    if (now == CONF_CLIENT_CERTIFICATE_NONE) {
        compare_say(c, COMPARE_LOST, "none",
                    "no client is asked for a certificate: client_certificate = \"ask\"");
    } else {
        const char *word = conf_client_certificate_word(now);

        compare_say(c, COMPARE_EQUAL, word, "client_certificate = \"%s\"", word);
    }
}

/* smtpd ignores it unless it demands TLS itself, and postscreen always ignores it. */
static bool requires_certificate(const struct comparing *c)
{
    const struct settings *values = c->in->today.values;

    return settings_yes(values, "smtpd_tls_req_ccert") &&
           (c->in->today.postscreen ? compare_smtpd_level(values) == CONF_TLS_ENCRYPT
                                    : compare_is_mandatory(compare_today_level(c)));
}

static void compare_required(struct comparing *c)
{
    bool now = c->in->listener->client_certificate == CONF_CLIENT_CERTIFICATE_REQUIRE &&
               compare_is_mandatory(c->in->listener->tls);

    if (requires_certificate(c) && !now) {
        compare_say(c, COMPARE_FAIL, "",
                    "clients without a certificate are accepted, which today's service turns "
                    "away: client_certificate = \"require\" with client_ca, and tls = \"%s\"",
                    conf_tls_word(compare_today_level(c)));
    } else if (requires_certificate(c)) {
        compare_say(c, COMPARE_EQUAL, "require", "client_certificate = \"require\"");
    } else if (now) {
        compare_say(c, COMPARE_STRICTER, "require", "clients without a certificate are shut out");
    }
}

static bool uses_authorities(const struct comparing *c)
{
    return c->in->listener->client_certificate != CONF_CLIENT_CERTIFICATE_NONE &&
           (settings_yes(c->in->today.values, "smtpd_tls_ask_ccert") || requires_certificate(c));
}

static void compare_authorities(struct comparing *c)
{
    const struct compare_files *files = &c->in->files;
    const char *path = c->in->listener->client_ca.text;

    if (!uses_authorities(c)) {
        return;
    }
    if (requires_certificate(c) && path[0] == '\0') {
        compare_say(
            c, COMPARE_FAIL, "",
            "a certificate from any authority is accepted: client_ca must be a file with today's "
            "authorities");
        return;
    }
    if (files->authorities_more == NULL) {
        compare_say(c, COMPARE_NOT_JUDGED, path,
                    "the files with the authorities for client certificates cannot be read");
        return;
    }
    if (files->authorities_more[0] != '\0') {
        compare_say(c, requires_certificate(c) ? COMPARE_FAIL : COMPARE_LOST, path,
                    "client_ca has authorities that today's service does not trust: %s",
                    files->authorities_more);
    }
    if (files->authorities_fewer[0] != '\0') {
        compare_say(c, COMPARE_STRICTER, path, "client_ca lacks authorities of today's service: %s",
                    files->authorities_fewer);
    }
}

/* posternd's own bound is Postfix's own value. */
static void compare_depth(struct comparing *c)
{
    long today = settings_number(c->in->today.values, c->name, DEPTH_MAX);

    if (!uses_authorities(c)) {
        return;
    }
    if (today < DEPTH_MAX) {
        compare_say(c, requires_certificate(c) ? COMPARE_FAIL : COMPARE_LOST, "",
                    "longer chains of client certificates are trusted than today: posternd's bound "
                    "is %d",
                    DEPTH_MAX);
    } else if (today > DEPTH_MAX) {
        compare_say(c, COMPARE_STRICTER, "",
                    "chains of more than %d client certificates are not trusted", DEPTH_MAX);
    }
}

/* Whether today's service goes by fingerprints of client certificates. */
static void compare_fingerprints(struct comparing *c)
{
    if (settings_yes(c->in->today.values, "smtpd_tls_ask_ccert") &&
        strcasecmp(c->today, "sha256") != 0) {
        compare_say(c, COMPARE_LOST, "sha256",
                    "postern-policy(5) knows only SHA-256 fingerprints: those of %s must be "
                    "recomputed",
                    c->today);
    }
}

static void compare_certificates(struct comparing *c)
{
    const char *name = c->today[0] != '\0' ? c->name
                       : compare_today(c, "smtpd_tls_cert_file")[0] != '\0'
                           ? "smtpd_tls_cert_file"
                           : "smtpd_tls_eccert_file";
    const char *missing = c->in->files.certificates;
    const char *value = compare_today(c, name);

    if (value[0] == '\0' || strcasecmp(value, "none") == 0 ||
        compare_today_level(c) == CONF_TLS_NONE || c->in->listener->tls == CONF_TLS_NONE) {
        return;
    }
    if (missing == NULL) {
        compare_say_of(c, name, COMPARE_NOT_JUDGED, value, "",
                       "the files of today's certificates cannot be read");
    } else if (missing[0] != '\0') {
        compare_say_of(c, name, COMPARE_LOST, value, "",
                       "posternd does not serve today's certificate: %s", missing);
    } else {
        compare_say_of(c, name, COMPARE_EQUAL, value, "", "posternd serves today's certificates");
    }
}

static void compare_server_names(struct comparing *c)
{
    const char *missing = c->in->files.names;

    if (c->today[0] == '\0' || compare_today_level(c) == CONF_TLS_NONE ||
        c->in->listener->tls == CONF_TLS_NONE) {
        return;
    }
    if (missing == NULL) {
        compare_say(c, COMPARE_NOT_JUDGED, "",
                    "it cannot be read; its names must be names of certificate_set");
    } else if (missing[0] != '\0') {
        compare_say(c, COMPARE_LOST, "", "no certificate_set has these names: %s", missing);
    } else {
        compare_say(c, COMPARE_EQUAL, "", "its names are those of certificate_sets");
    }
}

/* --- all ------------------------------------------------------------------------------------ */

void compare_tls(struct comparing *c)
{
    switch (c->row->rule) {
    case RULE_LEVEL:
        compare_levels(c);
        break;
    case RULE_AUTH_ONLY:
        compare_auth_only(c);
        break;
    case RULE_SASL_ENABLE:
        compare_sasl_enable(c);
        break;
    case RULE_SECURED:
        compare_secured(c);
        break;
    case RULE_SASL_OPTIONS:
        compare_sasl_options(c);
        break;
    case RULE_ASK_CERTIFICATE:
        compare_asked(c);
        break;
    case RULE_REQUIRE_CERTIFICATE:
        compare_required(c);
        break;
    case RULE_AUTHORITIES:
        compare_authorities(c);
        break;
    case RULE_DEPTH:
        compare_depth(c);
        break;
    case RULE_FINGERPRINTS:
        compare_fingerprints(c);
        break;
    case RULE_CERTIFICATES:
        compare_certificates(c);
        break;
    case RULE_SERVER_NAMES:
        compare_server_names(c);
        break;
    default:
        break;
    }
}
