/* The level of TLS that a service demands. */
#include "lib/postfix/compare_parts.h"

#include <strings.h>

static bool is_one_of(const char *value, const char *const *words, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        if (strcasecmp(value, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The two old names apply if there is no level. */
static enum conf_tls level_of(const char *level, bool enforce, bool use)
{
    static const char *const encrypt[] = {"encrypt",     "dane",   "dane-only",
                                          "fingerprint", "verify", "secure"};

    if (level[0] == '\0') {
        return enforce ? CONF_TLS_ENCRYPT : use ? CONF_TLS_MAY : CONF_TLS_NONE;
    }
    if (is_one_of(level, encrypt, sizeof encrypt / sizeof encrypt[0])) {
        return CONF_TLS_ENCRYPT;
    }
    return strcasecmp(level, "may") == 0 ? CONF_TLS_MAY : CONF_TLS_NONE;
}

enum conf_tls compare_screen_level(const struct settings *values)
{
    return level_of(settings_get(values, "postscreen_tls_security_level"),
                    settings_yes(values, "postscreen_enforce_tls"),
                    settings_yes(values, "postscreen_use_tls"));
}

enum conf_tls compare_smtpd_level(const struct settings *values)
{
    return level_of(settings_get(values, "smtpd_tls_security_level"),
                    settings_yes(values, "smtpd_enforce_tls"),
                    settings_yes(values, "smtpd_use_tls"));
}

enum conf_tls compare_level(const struct settings *values, bool postscreen)
{
    enum conf_tls smtpd = compare_smtpd_level(values);
    enum conf_tls screen = compare_screen_level(values);

    if (postscreen) {
        return smtpd == CONF_TLS_ENCRYPT || screen == CONF_TLS_NONE ? smtpd : screen;
    }
    return settings_yes(values, "smtpd_tls_wrappermode") ? CONF_TLS_IMPLICIT : smtpd;
}

bool compare_is_mandatory(enum conf_tls level)
{
    return level == CONF_TLS_ENCRYPT || level == CONF_TLS_IMPLICIT;
}

enum conf_tls compare_today_level(const struct comparing *c)
{
    return compare_level(c->in->today.values, c->in->today.postscreen);
}
