/* The lines that cure what `posternctl selftest` finds, as far as this machine's Postfix shows. */
#include "daemon/posternctl/selftest/selftest.h"
#include "lib/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* The service at an address; false: master.cf has none, or is not known. */
static bool find(const struct selftest *t, const struct endpoint *address,
                 struct postconf_service *out)
{
    return postconf_known(&t->postfix) && postconf_at(&t->postfix, address, out);
}

const char *selftest_cure_header(const struct selftest *t, const struct endpoint *address)
{
    return postfix_is_postscreen(&t->postfix, address)
               ? "-o postscreen_upstream_proxy_protocol=haproxy"
               : "-o smtpd_upstream_proxy_protocol=haproxy";
}

/* The name of the smtpd behind a postscreen; `at` NULL: the service is none, or has none. */
static struct postconf_text passed_to(const struct selftest *t, const struct endpoint *address)
{
    struct postconf_service service;
    struct postconf_service smtpd;

    if (!postfix_is_postscreen(&t->postfix, address) || !find(t, address, &service) ||
        !postfix_smtpd_of(&t->postfix, &service, &smtpd)) {
        return (struct postconf_text){0};
    }
    return postconf_column(&smtpd, POSTCONF_NAME);
}

void selftest_cure_smtpd(const struct selftest *t, const struct endpoint *address,
                         const char *setting, char out[SELFTEST_CURE_SIZE])
{
    struct postconf_text name = passed_to(t, address);

    if (name.at == NULL) {
        snprintf(out, SELFTEST_CURE_SIZE, "-o %s", setting);
    } else {
        snprintf(out, SELFTEST_CURE_SIZE, "-o %s (of the pass service %.*s)", setting,
                 (int)name.len, name.at);
    }
}

void selftest_cure_starttls(const struct selftest *t, const struct endpoint *address,
                            char out[SELFTEST_CURE_SIZE])
{
    char smtpd[SELFTEST_CURE_SIZE / 2];

    selftest_cure_smtpd(t, address, "smtpd_tls_security_level=none", out);
    if (postfix_is_postscreen(&t->postfix, address)) {
        snprintf(smtpd, sizeof smtpd, "%s", out);
        snprintf(out, SELFTEST_CURE_SIZE, "-o postscreen_tls_security_level=none, and %s", smtpd);
    }
}

/* A service that begins with TLS waits for a ClientHello. */
const char *selftest_cure_silence(const struct selftest *t, const struct endpoint *address)
{
    struct postconf_service service;

    if (find(t, address, &service) &&
        postconf_is(postconf_of(&t->postfix, &service, "smtpd_tls_wrappermode"), "yes")) {
        return "-o smtpd_tls_wrappermode=no";
    }
    return "";
}

void selftest_cure_loop(const struct selftest *t, const struct conf_backend *backend,
                        const struct endpoint *address, char out[SELFTEST_CURE_SIZE])
{
    if (postfix_same(address, &backend->tls_address.endpoint)) {
        snprintf(out, SELFTEST_CURE_SIZE, "tls_address = \"\"");
    } else {
        snprintf(out, SELFTEST_CURE_SIZE, "address = \"unix:%s/public/postern\"",
                 postconf_known(&t->postfix) ? t->postfix.queue : "/var/spool/postfix");
    }
}

/* --- Postfix's state ------------------------------------------------------------------------ */

/* Whether a process has the lock of an open file, in either of the ways that Postfix may use.
 */
static bool is_locked(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (flock(fd, LOCK_SH | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK;
    }
    (void)flock(fd, LOCK_UN);
    return fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

enum selftest_master selftest_master(const struct selftest *t)
{
    char path[1024];
    bool locked;
    int fd;

    if (!postconf_known(&t->postfix)) {
        return SELFTEST_MASTER_UNKNOWN;
    }
    snprintf(path, sizeof path, "%s/pid/master.pid", t->postfix.queue);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? SELFTEST_MASTER_STOPPED : SELFTEST_MASTER_UNKNOWN;
    }
    locked = is_locked(fd);
    close(fd);
    return locked ? SELFTEST_MASTER_RUNS : SELFTEST_MASTER_STOPPED;
}

/* `postfix start` refuses if Postfix is running, and `postfix reload` if it is not. */
static const char *start_or_reload(const struct selftest *t)
{
    switch (selftest_master(t)) {
    case SELFTEST_MASTER_STOPPED:
        return "postfix start";
    case SELFTEST_MASTER_RUNS:
        return "postfix reload";
    case SELFTEST_MASTER_UNKNOWN:
        break;
    }
    return "postfix start || postfix reload";
}

void selftest_cure_nobody(const struct selftest *t, const struct endpoint *address,
                          char out[SELFTEST_CURE_SIZE])
{
    bool is_socket = address->ip.family == ADDR_NONE;
    struct postconf_service service;

    out[0] = '\0';
    if (find(t, address, &service)) {
        snprintf(out, SELFTEST_CURE_SIZE, "%s", start_or_reload(t));
    } else if (is_socket ? postfix_socket_name(&t->postfix, address->path) != NULL
                         : postconf_is_here(&address->ip)) {
        bool unknown = selftest_master(t) == SELFTEST_MASTER_UNKNOWN;

        snprintf(out, SELFTEST_CURE_SIZE,
                 "posternctl postfix-config >> /etc/postfix/master.cf && %s%s%s",
                 unknown ? "{ " : "", start_or_reload(t), unknown ? "; }" : "");
    }
}

const char *selftest_mail_owner(const struct selftest *t)
{
    return t->postfix.owner != NULL ? t->postfix.owner : "postfix";
}

/* --- relaying ------------------------------------------------------------------------------- */

/* mynetworks without the networks that have the client. False: none has it. */
static bool write_networks(struct text *out, struct postconf_text value, const struct addr *client)
{
    const char *end = value.at + value.len;
    const char *at = value.at;
    bool found = false;
    size_t num = 0;

    while (at < end) {
        size_t len = strcspn(at, ", \t\n");

        if (len > 0 &&
            selftest_in_network((struct settings_word){at, len}, client) == SELFTEST_INSIDE) {
            found = true;
        } else if (len > 0) {
            text_addf(out, "%s%.*s", num++ > 0 ? " " : "", (int)len, at);
        }
        at += len + 1;
    }
    return found;
}

void selftest_cure_relay(const struct selftest *t, const struct endpoint *address,
                         const struct addr *client, char out[SELFTEST_CURE_SIZE])
{
    struct postconf_text value = {0};
    struct postconf_service service;
    struct postconf_service smtpd;
    char networks[SELFTEST_CURE_SIZE / 2];
    char setting[sizeof networks + 20];
    struct text text = text_in(networks, sizeof networks);

    if (find(t, address, &service) && postfix_smtpd_of(&t->postfix, &service, &smtpd)) {
        value = postconf_of(&t->postfix, &smtpd, "mynetworks");
    }
    if (value.at == NULL || !write_networks(&text, value, client) || text.cut) {
        snprintf(setting, sizeof setting,
                 "smtpd_relay_restrictions=permit_sasl_authenticated,reject_unauth_destination");
    } else if (strchr(networks, ' ') != NULL) {
        snprintf(setting, sizeof setting, "{ mynetworks = %s }", networks);
    } else {
        snprintf(setting, sizeof setting, "mynetworks=%s", networks);
    }
    selftest_cure_smtpd(t, address, setting, out);
}
