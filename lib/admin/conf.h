/*
 * conf: the configuration file, from bytes to checked structs.
 *
 * One table row per option (name, type, default, words, bounds) drives parsing, defaults and the
 * check that postern.conf(5) names every option. A mistake is always "FILE:LINE: text". References
 * between sections are resolved and checked; files are not opened (daemon/tls/snapshot does that).
 */
#ifndef POSTERN_LIB_ADMIN_CONF_H
#define POSTERN_LIB_ADMIN_CONF_H

#include "lib/net/prefix.h"
#include "lib/tls/alpn.h"

/* The largest configuration file, in bytes. */
#define CONF_SIZE_MAX ((size_t)1 << 20)

/* A text with the line that it is on; for a default, the line of its section's closing brace. */
struct conf_text {
    char *text; /* owned by the conf */
    unsigned line;
};

struct conf_texts {
    struct conf_text *items; /* owned */
    size_t num;
};

struct conf_endpoint {
    struct endpoint endpoint;
    unsigned line;
};

struct conf_prefixes {
    struct prefix *items; /* owned */
    size_t num;
};

struct conf_certificate {
    const char *name;       /* borrowed from the conf */
    unsigned line;          /* of the section's closing brace */
    struct conf_text chain; /* path, already relative to the working directory or absolute */
    struct conf_text key;   /* path; equal to chain if the option is missing */
};

/* What is served when no certificate of a set fits. */
enum conf_unmatched {
    CONF_UNMATCHED_FAIL,
    CONF_UNMATCHED_ANONYMOUS,
    CONF_UNMATCHED_TRY_ANYWAY,
    NUM_CONF_UNMATCHED,
};

struct conf_set {
    const char *name;
    unsigned line;
    struct conf_texts names;                      /* SNI names; exact or "*.suffix", lower case */
    const struct conf_certificate **certificates; /* in order of preference; array owned */
    size_t num_certificates;
    enum conf_unmatched unmatched;
};

struct conf_profile {
    const char *name;              /* "opportunistic" and "modern" always exist, and come first */
    unsigned line;                 /* 0 for these two */
    struct conf_text min_protocol; /* "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3" or "": the default */
    struct conf_text max_protocol;
    struct conf_text ciphers;      /* OpenSSL's syntax; "": the default */
    struct conf_text ciphersuites; /* OpenSSL's syntax; "": the default */
    struct conf_text groups;       /* colon-separated names; "": the default */
    enum alpn_rule alpn;
};

/* How the backend learns who the client is. */
enum conf_client_address { CONF_PROXY_V2, CONF_PROXY_V1, NUM_CONF_CLIENT_ADDRESSES };

struct conf_backend {
    const char *name;
    unsigned line;
    struct conf_endpoint *addresses; /* owned; tried in order */
    size_t num_addresses;
    struct conf_endpoint tls_address; /* for sessions under TLS; conf_is_set() */
    enum conf_client_address client_address;
    unsigned max_connections; /* 0: no bound */
    unsigned connect_timeout; /* seconds */
    unsigned backend_timeout; /* seconds */
};

enum conf_tls {
    CONF_TLS_MAY,      /* STARTTLS is offered */
    CONF_TLS_ENCRYPT,  /* STARTTLS is demanded */
    CONF_TLS_IMPLICIT, /* TLS from the first byte */
    CONF_TLS_NONE,     /* no TLS */
    NUM_CONF_TLS,
};

enum conf_client_certificate {
    CONF_CLIENT_CERTIFICATE_NONE,
    CONF_CLIENT_CERTIFICATE_ASK,
    CONF_CLIENT_CERTIFICATE_REQUIRE,
    NUM_CONF_CLIENT_CERTIFICATES,
};

struct conf_listener {
    const char *name;
    unsigned line;
    struct conf_endpoint *addresses; /* owned; what clients use */
    size_t num_addresses;
    struct conf_endpoint *trial_addresses; /* owned; where it listens instead, if not empty */
    size_t num_trial_addresses;
    enum conf_tls tls;
    const struct conf_profile *profile; /* borrowed from the conf */
    const struct conf_set **sets; /* array owned; the first is the default; none without TLS */
    size_t num_sets;
    const struct conf_backend *backend;
    bool auth_before_tls;
    struct conf_prefixes
        starttls_except; /* clients that are not offered STARTTLS; only CONF_TLS_MAY */
    enum conf_client_certificate client_certificate;
    struct conf_text client_ca;             /* path; "": no client is trusted */
    struct conf_prefixes accept_proxy_from; /* whose PROXY header is believed */
};

/* What happens to mail while posternd does not answer the milter. */
enum conf_on_failure { CONF_ON_FAILURE_TEMPFAIL, CONF_ON_FAILURE_ACCEPT, NUM_CONF_ON_FAILURES };

struct conf_milter {
    unsigned line;                      /* of the section's closing brace; 0: there is none */
    struct conf_endpoint socket;        /* where Postfix finds the milter; conf_is_set() */
    struct conf_text header;            /* the name of the header that it puts into mail */
    struct conf_text policy;            /* path of the policy file; "": no policy */
    struct conf_endpoint policy_socket; /* of the policy service; conf_is_set() */
    enum conf_on_failure on_failure;
    struct conf_prefixes keep_from; /* clients whose own headers with that name are kept */
    struct conf_text user; /* the user that it runs as; "": conf.user. conf_milter_user() */
};

enum conf_log { CONF_LOG_SYSLOG, CONF_LOG_STDERR, NUM_CONF_LOGS };
enum conf_log_sessions {
    CONF_SESSIONS_ALL,
    CONF_SESSIONS_TLS,
    CONF_SESSIONS_PROBLEMS,
    NUM_CONF_LOG_SESSIONS,
};
enum conf_failures {
    CONF_FAILURES_OFF,
    CONF_FAILURES_MEMORY,
    CONF_FAILURES_DISK,
    NUM_CONF_FAILURES,
};

struct conf {
    char *file; /* owned; as given to conf_parse(), used in messages */
    struct conf_text hostname;
    struct conf_text user;
    unsigned workers; /* 0: one per processor */
    unsigned workers_line;
    enum conf_log log;
    struct conf_text log_facility; /* a syslog facility's word: "mail", "local0", ... */
    struct conf_text syslog_name;
    enum conf_log_sessions log_sessions;
    enum conf_failures failures;
    unsigned failures_line;
    struct conf_text control;         /* path of the control socket; "": none */
    unsigned shutdown_timeout;        /* seconds */
    bool tickets;                     /* sessions may be resumed */
    struct conf_texts ticket_keys;    /* paths; empty: generated keys */
    struct conf_text state_directory; /* path, made relative to the file like every path */
    struct {
        unsigned max_sessions;
        unsigned max_sessions_per_client;   /* a client: an IPv4 address or IPv6 /64; 0: no bound */
        unsigned max_handshakes_per_client; /* begun in a minute; 0: no bound */
        unsigned max_handshakes;            /* at one time; 0: no bound */
        unsigned handshake_timeout;         /* seconds */
        unsigned idle_timeout;              /* seconds */
        struct conf_prefixes exempt;        /* exempt from the limits for each client */
    } limits;
    struct conf_milter milter;
    struct conf_certificate *certificates; /* these arrays are owned */
    size_t num_certificates;
    struct conf_set *sets;
    size_t num_sets;
    struct conf_profile *profiles;
    size_t num_profiles;
    struct conf_backend *backends;
    size_t num_backends;
    struct conf_listener *listeners;
    size_t num_listeners;
};

/* Receives a message about the configuration: one line, "FILE:LINE: text" or "FILE: text". */
struct conf_error {
    char text[512];
};

/*
 * Parses `len` bytes of the file called `file` (used for messages and to resolve relative paths).
 * Returns a conf that the caller frees with conf_free(), or NULL with `*error` filled.
 * Re-entrant. While it works it takes up to 18 bytes for each byte of the file, and 300 for each
 * section, besides the conf.
 */
MUST_USE struct conf *conf_parse(const char *file, const uint8_t *bytes, size_t len,
                                 struct conf_error *error);

/*
 * Whether a running posternd can go on with `next` in place of `present`: with other certificates,
 * listeners, backends, limits, ..., but not with other workers (`num_workers` are running), user,
 * control socket, failures or state_directory. 0, or -1 with `*error`, which names the option.
 */
MUST_USE int conf_check_reload(const struct conf *present, const struct conf *next,
                               unsigned num_workers, struct conf_error *error);

/* Where posternd's control socket is if nobody says otherwise. */
#define CONF_CONTROL "/run/postern/control.sock"

/* The control socket that a file names. */
struct conf_control {
    char path[ADDR_PATH_SIZE]; /* "": there is none */
    unsigned line;             /* 0: the file does not name it */
};

/* Finds it also if there are mistakes in the file: posternctl, which lets posternd read the file
 * again, wants to hear about these. The first value at the top counts; CONF_CONTROL if there is
 * none. 0; or -1 with `*error`, if it is too long for a socket. */
MUST_USE int conf_find_control(const char *file, const uint8_t *bytes, size_t len,
                               struct conf_control *out, struct conf_error *error);

/* The words of options: "may", "try-anyway", "require", "proxy-v2", "guard", ... */
const char *conf_tls_word(enum conf_tls tls);
const char *conf_unmatched_word(enum conf_unmatched unmatched);
const char *conf_client_certificate_word(enum conf_client_certificate asked);
const char *conf_client_address_word(enum conf_client_address address);
const char *conf_alpn_word(enum alpn_rule rule);

/* Where a listener listens: at its trial_address, or at its address if it has none. */
struct conf_bound {
    const struct conf_endpoint *addresses; /* borrowed from the listener */
    size_t num;
};

struct conf_bound conf_bound(const struct conf_listener *listener);

/* Every address of a listener: its address, followed by its trial_address. */
size_t conf_num_own(const struct conf_listener *listener);
const struct conf_endpoint *conf_own(const struct conf_listener *listener, size_t index);

/* Whether an optional address was given. */
bool conf_is_set(const struct conf_endpoint *address);

/* The user that postern-milter runs as. */
const struct conf_text *conf_milter_user(const struct conf *conf);

/* Frees a conf; NULL is allowed. */
void conf_free(struct conf *conf);

/* "FILE:LINE: " and the formatted text into `*error`; returns -1, so that callers can return it. */
int conf_fail(struct conf_error *error, const struct conf *conf, unsigned line, const char *format,
              ...) __attribute__((format(printf, 4, 5)));

/* Calls `row` for each option: section ("" at the top), option, its type's word and its default as
 * text. A test checks the manual page against this. */
void conf_each_option(void (*row)(void *arg, const char *section, const char *option,
                                  const char *type, const char *fallback),
                      void *arg);

#endif
