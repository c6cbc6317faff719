#include "lib/admin/conf_parts.h"

#include "lib/net/hostname.h"

#include <string.h>
#include <strings.h>

/* The longest name of a section. */
#define TITLE_MAX 63

/* sizeof of the field that a Linux user name has to fit into, without its NUL. */
#define USER_MAX 31

const char *const conf_built_in[CONF_NUM_BUILT_IN] = {"opportunistic", "modern"};

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_hostname(const char *text)
{
    return hostname_is_good(text, strlen(text));
}

/* At most `max` bytes: letters, digits and those of `more`. */
static bool is_made_of(const char *text, const char *more, size_t max)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++) {
        if (!is_alnum(text[i]) && strchr(more, text[i]) == NULL) {
            return false;
        }
    }
    return len > 0 && len <= max;
}

const char *conf_complain_hostname(const char *text)
{
    return is_hostname(text) ? NULL : "is not a host name";
}

const char *conf_complain_sni(const char *text)
{
    return is_hostname(strncmp(text, "*.", 2) == 0 ? text + 2 : text)
               ? NULL
               : "is neither a host name nor \"*.\" and a host name";
}

const char *conf_complain_path(const char *text)
{
    return text[0] != '\0' ? NULL : "is not a path";
}

const char *conf_complain_user(const char *text)
{
    return is_made_of(text, "._-", USER_MAX) && text[0] != '-' ? NULL : "is not a user name";
}

const char *conf_complain_syslog_name(const char *text)
{
    return is_made_of(text, "._-/", TITLE_MAX)
               ? NULL
               : "is not 1 to 63 letters, digits, '.', '_', '-' and '/'";
}

/* Headers that mail usually has: all of them but ours would be removed. */
static bool is_common_header(const char *text)
{
    static const char *const names[] = {
        "Authentication-Results",
        "Bcc",
        "Cc",
        "Comments",
        "Content-Disposition",
        "Content-Transfer-Encoding",
        "Content-Type",
        "DKIM-Signature",
        "Date",
        "Delivered-To",
        "From",
        "In-Reply-To",
        "Keywords",
        "List-Id",
        "List-Unsubscribe",
        "MIME-Version",
        "Message-ID",
        "Received",
        "Received-SPF",
        "References",
        "Reply-To",
        "Return-Path",
        "Sender",
        "Subject",
        "To",
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcasecmp(names[i], text) == 0) {
            return true;
        }
    }
    return false;
}

const char *conf_complain_header(const char *text)
{
    if (!is_made_of(text, "-_", TITLE_MAX)) {
        return "is not 1 to 63 letters, digits, '-' and '_'";
    }
    return is_common_header(text) ? "is a header of ordinary mail, and would be removed from it"
                                  : NULL;
}

const char *conf_complain_title(enum conf_kind kind, const char *text)
{
    for (size_t i = 0; kind == CONF_PROFILE && i < CONF_NUM_BUILT_IN; i++) {
        if (strcmp(text, conf_built_in[i]) == 0) {
            return "is built in and cannot be redefined";
        }
    }
    if (kind == CONF_CERTIFICATE && strcmp(text, "none") == 0) {
        return "means no certificate in the log";
    }
    return is_made_of(text, "._-", TITLE_MAX) ? NULL
                                              : "is not 1 to 63 letters, digits, '.', '_' and '-'";
}
