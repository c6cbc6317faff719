/*
 * What a reload costs, beside what a start costs.
 *
 *   bench_reload DIRECTORY [CERTIFICATES [ROUNDS]]
 *
 * Writes so many certificates (P-256, each with a set of its own) and a configuration with two
 * workers into the directory, loads it, and loads it again after one of them was renewed, and after
 * all were. Meanwhile each worker's thread shakes hands with a client in memory, one handshake
 * after the other. Written out are the processor time of the loading thread, the memory of the
 * process when it has given the earlier snapshot back, and how long a worker's longest handshake
 * took, by the clock.
 */
#include "daemon/tls/snapshot.h"

#include <err.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORKERS = 2, PATH_SIZE = 512, VALID_DAYS = 60 };

static struct {
    const char *directory;
    EVP_PKEY *authority_key;
    X509 *authority;
    struct libctxs libctxs;
    pthread_mutex_t lock;
    struct snapshot *current; /* of what workers serve with; guarded by the lock */
    atomic_bool ended;
    _Atomic long longest[WORKERS]; /* handshake, in microseconds; set to 0 by the main thread */
    _Atomic long handshakes;
} bench = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void must(bool good, const char *what)
{
    if (!good) {
        errx(1, "%s failed", what);
    }
}

/* --- certificates ---------------------------------------------------------------------------- */

static X509 *make_certificate(EVP_PKEY *key, const char *name)
{
    X509 *made = X509_new();
    X509_NAME *subject = X509_get_subject_name(made);
    const X509_NAME *issuer =
        bench.authority == NULL ? subject : X509_get_subject_name(bench.authority);

    must(X509_set_version(made, X509_VERSION_3) == 1 &&
             X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name,
                                        -1, -1, 0) == 1 &&
             X509_set_issuer_name(made, issuer) == 1 &&
             X509_gmtime_adj(X509_getm_notBefore(made), 0) != NULL &&
             X509_gmtime_adj(X509_getm_notAfter(made), VALID_DAYS * 86400L) != NULL &&
             X509_set_pubkey(made, key) == 1,
         "a certificate");
    if (bench.authority != NULL) {
        char names[PATH_SIZE];
        X509_EXTENSION *extension;

        snprintf(names, sizeof names, "DNS:%s,DNS:mail.example.org", name);
        extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
        must(extension != NULL && X509_add_ext(made, extension, -1) == 1, "an extension");
        X509_EXTENSION_free(extension);
    }
    must(X509_sign(made, bench.authority_key, EVP_sha256()) != 0, "a signature");
    return made;
}

static FILE *open_file(const char *name, char path[PATH_SIZE])
{
    FILE *file;

    snprintf(path, PATH_SIZE, "%s/%s", bench.directory, name);
    file = fopen(path, "w");
    if (file == NULL) {
        err(1, "%s", path);
    }
    return file;
}

/* Writes certificate number `i` with a new key, and its authority's. */
static void renew(unsigned i)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    char path[PATH_SIZE];
    char name[64];
    X509 *leaf;
    FILE *file;

    snprintf(name, sizeof name, "host%u.example.org", i);
    leaf = make_certificate(key, name);
    snprintf(name, sizeof name, "%u.pem", i);
    file = open_file(name, path);
    must(PEM_write_X509(file, leaf) == 1 && PEM_write_X509(file, bench.authority) == 1 &&
             PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1,
         "writing");
    must(fclose(file) == 0, "writing");
    X509_free(leaf);
    EVP_PKEY_free(key);
}

/* Writes everything; `conf` becomes the path of the configuration. */
static void write_all(unsigned num, char conf[PATH_SIZE])
{
    FILE *file;

    bench.authority_key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    bench.authority = make_certificate(bench.authority_key, "an authority");
    for (unsigned i = 0; i < num; i++) {
        renew(i);
    }
    file = open_file("postern.conf", conf);
    fprintf(file, "hostname = \"mail.example.org\"\nworkers = %d\n", WORKERS);
    for (unsigned i = 0; i < num; i++) {
        fprintf(file,
                "certificate \"c%u\" {\n    chain = \"%u.pem\"\n    key = \"%u.pem\"\n}\n"
                "certificate_set \"s%u\" {\n    certificates = \"c%u\"\n"
                "    names = \"host%u.example.org\"\n}\n",
                i, i, i, i, i, i);
    }
    fprintf(file, "backend \"postfix\" {\n    address = \"127.0.0.1:10025\"\n}\n"
                  "listener \"mx\" {\n    address = \"0.0.0.0:25\"\n    backend = \"postfix\"\n"
                  "    certificate_sets = {");
    for (unsigned i = 0; i < num; i++) {
        fprintf(file, "%s\"s%u\"", i > 0 ? ", " : "", i);
    }
    fprintf(file, "}\n}\n");
    must(fclose(file) == 0, "writing");
}

/* --- workers --------------------------------------------------------------------------------- */

static long microseconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* One handshake with a client, over a pair of sockets. */
static void shake_hands(const struct snapshot *s, unsigned worker, SSL_CTX *client_ctx)
{
    enum tls_status status = TLS_WANT_READ;
    struct tls_session *server;
    int fds[2];
    SSL *client = SSL_new(client_ctx);
    int result = -1;

    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0,
         "socketpair");
    server = tls_session_new(s->workers[worker].tls[0], fds[0]);
    must(server != NULL && client != NULL && SSL_set_fd(client, fds[1]) == 1 &&
             SSL_set_tlsext_host_name(client, "host7.example.org") == 1,
         "a session");
    while (result != 1 || status != TLS_DONE) {
        result = SSL_connect(client);
        must(result == 1 || SSL_get_error(client, result) == SSL_ERROR_WANT_READ, "a client");
        status = status == TLS_DONE ? TLS_DONE : tls_handshake(server);
        must(status != TLS_FAILED, "a handshake");
    }
    tls_session_free(server);
    SSL_free(client);
    close(fds[0]);
    close(fds[1]);
}

static struct snapshot *ref_current(void)
{
    struct snapshot *s;

    pthread_mutex_lock(&bench.lock);
    s = snapshot_ref(bench.current);
    pthread_mutex_unlock(&bench.lock);
    return s;
}

static void *serve(void *arg)
{
    _Atomic long *longest = arg;
    unsigned worker = (unsigned)(longest - bench.longest);
    SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());

    while (!atomic_load(&bench.ended)) {
        struct snapshot *s = ref_current();
        long begin = microseconds(CLOCK_MONOTONIC);
        long took;

        shake_hands(s, worker, client_ctx);
        snapshot_unref(s);
        took = microseconds(CLOCK_MONOTONIC) - begin;
        if (took > atomic_load(longest)) {
            atomic_store(longest, took);
        }
        atomic_fetch_add(&bench.handshakes, 1);
    }
    OPENSSL_thread_stop_ex(bench.libctxs.items[worker]);
    SSL_CTX_free(client_ctx);
    return NULL;
}

/* --- measuring ------------------------------------------------------------------------------- */

static void warn_nobody(const char *text)
{
    (void)text;
}

/* The memory of the process in MB. */
static double resident(void)
{
    unsigned long size = 0;
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    must(file != NULL && fscanf(file, "%lu %lu", &size, &pages) == 2, "statm");
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static void forget_longest(void)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        atomic_store(&bench.longest[i], 0);
    }
}

/* Waits until only the current snapshot is left. */
static void await_freed(void)
{
    unsigned users;

    do {
        usleep(1000);
        pthread_mutex_lock(&bench.libctxs.lock);
        users = bench.libctxs.users;
        pthread_mutex_unlock(&bench.libctxs.lock);
    } while (users > 1);
}

static void print(const char *what, double cpu, const char *note)
{
    long longest = 0;

    for (unsigned i = 0; i < WORKERS; i++) {
        long took = atomic_load(&bench.longest[i]);

        longest = took > longest ? took : longest;
    }
    printf("%-34s %8.1f ms %8.1f MB %8.1f ms  %s\n", what, cpu, resident(), (double)longest / 1000,
           note);
    fflush(stdout);
}

/* Loads, publishes and gives the earlier one back. */
static void load(const char *conf, const char *what)
{
    struct snapshot *earlier = bench.current;
    struct conf_error error;
    struct snapshot *loaded;
    char note[80];
    long begin;
    long took;

    forget_longest();
    begin = microseconds(CLOCK_THREAD_CPUTIME_ID);
    loaded = snapshot_load(conf, &bench.libctxs, earlier, warn_nobody, &error);
    if (loaded == NULL) {
        errx(1, "%s", error.text);
    }
    took = microseconds(CLOCK_THREAD_CPUTIME_ID) - begin;
    pthread_mutex_lock(&bench.lock);
    bench.current = loaded;
    pthread_mutex_unlock(&bench.lock);
    if (earlier != NULL) {
        snapshot_unref(earlier);
    }
    await_freed();
    snprintf(note, sizeof note, "%zu taken over, %zu loaded", loaded->num_taken_over,
             loaded->num_loaded);
    print(what, (double)took / 1000, note);
}

int main(int argc, char **argv)
{
    unsigned num = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 3000;
    unsigned rounds = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 10;
    pthread_t threads[WORKERS];
    char conf[PATH_SIZE];

    if (argc < 2 || num < 8) {
        errx(2, "usage: bench_reload DIRECTORY [CERTIFICATES [ROUNDS]], at least 8");
    }
    bench.directory = argv[1];
    must(tls_library_init() == 0, "libssl");
    write_all(num, conf);
    printf("%-34s %11s %11s %11s\n", "", "CPU", "memory", "handshake");
    load(conf, "start");
    for (unsigned i = 0; i < WORKERS; i++) {
        must(pthread_create(&threads[i], NULL, serve, &bench.longest[i]) == 0, "a thread");
    }
    sleep(2);
    print("no reload, 2 s", 0, "");
    for (unsigned i = 1; i <= rounds; i++) {
        char what[64];

        snprintf(what, sizeof what, "reload %u, one renewed", i);
        renew(i % num);
        load(conf, what);
    }
    for (unsigned i = 0; i < num; i++) {
        renew(i);
    }
    load(conf, "reload, all renewed");
    load(conf, "reload, nothing changed");
    atomic_store(&bench.ended, true);
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], NULL);
    }
    printf("%ld handshakes\n", atomic_load(&bench.handshakes));
    snapshot_unref(bench.current);
    libctxs_close(&bench.libctxs);
    X509_free(bench.authority);
    EVP_PKEY_free(bench.authority_key);
    return 0;
}
