/*
 * What posternd is measured against: the smallest servers that do the same work.
 *
 *   bench_server sink                 takes SMTP and throws the mail away: the backend
 *   bench_server libssl CHAIN KEY     the same with STARTTLS, by libssl on the accepted socket
 *   bench_server relay PORT           copies bytes to and from 127.0.0.1:PORT
 *
 * The port stands in the first line of standard error. It speaks with bench_client and nobody else:
 * commands come whole, and behind the end of a mail nothing comes before its reply.
 */
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 16384, EVENTS = 64 };

struct conn {
    int fd;
    struct conn *peer; /* of a relay: the other side; not owned */
    SSL *ssl;          /* owned; NULL in plaintext */
    bool shaking;
    bool data;    /* between 354 and the end of the mail */
    bool quit;    /* 221 is said */
    char tail[5]; /* the mail's last bytes */
};

static struct {
    int epoll;
    SSL_CTX *ctx;       /* of "libssl" */
    uint16_t peer_port; /* of "relay" */
    char chunk[CHUNK];
} server;

static struct conn *new_conn(int fd)
{
    struct conn *c = calloc(1, sizeof *c);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

    if (c == NULL) {
        err(1, "calloc");
    }
    c->fd = fd;
    if (epoll_ctl(server.epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        err(1, "epoll_ctl");
    }
    return c;
}

static void say(struct conn *c, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t put = c->ssl != NULL ? SSL_write(c->ssl, text, (int)len)
                                     : send(c->fd, text, len, MSG_NOSIGNAL);

        if (put <= 0) {
            return;
        }
        text += put;
        len -= (size_t)put;
    }
}

/* --- SMTP --- */

static size_t skip_proxy_header(const char *in, size_t len)
{
    static const char signature[] = "\r\n\r\n\0\r\nQUIT\n";

    if (len < 16 || memcmp(in, signature, sizeof signature - 1) != 0) {
        return 0;
    }
    return (size_t)16 + ((size_t)(uint8_t)in[14] << 8 | (uint8_t)in[15]);
}

static void begin_tls(struct conn *c)
{
    c->ssl = SSL_new(server.ctx);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1) {
        errx(1, "SSL_new");
    }
    SSL_set_accept_state(c->ssl);
    c->shaking = true;
}

static const char *reply_to(struct conn *c, const char *line)
{
    if (strncmp(line, "EHLO", 4) == 0) {
        return server.ctx != NULL && c->ssl == NULL
                   ? "250-bench\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 8BITMIME\r\n"
                   : "250-bench\r\n250-PIPELINING\r\n250 8BITMIME\r\n";
    }
    if (strncmp(line, "STARTTLS", 8) == 0) {
        return "220 ready\r\n";
    }
    if (strncmp(line, "DATA", 4) == 0) {
        c->data = true;
        return "354 go on\r\n";
    }
    if (strncmp(line, "QUIT", 4) == 0) {
        c->quit = true;
        return "221 bye\r\n";
    }
    return "250 ok\r\n";
}

static void take_mail(struct conn *c, const char *in, size_t len)
{
    size_t kept = len < sizeof c->tail ? sizeof c->tail - len : 0;
    size_t added = sizeof c->tail - kept;

    memmove(c->tail, c->tail + sizeof c->tail - kept, kept);
    memcpy(c->tail + kept, in + len - added, added);
    if (memcmp(c->tail, "\r\n.\r\n", sizeof c->tail) == 0) {
        c->data = false;
        say(c, "250 taken\r\n", 11);
    }
}

static void take(struct conn *c, const char *in, size_t len)
{
    char out[1024] = "";
    size_t at = skip_proxy_header(in, len);
    bool tls = false;

    if (c->data) {
        take_mail(c, in, len);
        return;
    }
    while (at < len) {
        const char *end = memchr(in + at, '\n', len - at);

        if (end == NULL) {
            errx(1, "a command in two pieces");
        }
        tls = strncmp(in + at, "STARTTLS", 8) == 0;
        strncat(out, reply_to(c, in + at), sizeof out - strlen(out) - 1);
        at = (size_t)(end - in) + 1;
    }
    say(c, out, strlen(out));
    if (tls) {
        begin_tls(c);
    }
}

/* --- events --- */

static void close_conn(struct conn *c)
{
    if (c->ssl != NULL) {
        SSL_shutdown(c->ssl);
        SSL_free(c->ssl);
    }
    close(c->fd);
    if (c->peer != NULL) {
        close(c->peer->fd);
        free(c->peer);
    }
    free(c);
}

/* Bytes read, 0: nothing yet, -1: the connection is over. */
static ssize_t receive(struct conn *c)
{
    ssize_t got;

    if (c->ssl == NULL) {
        got = recv(c->fd, server.chunk, sizeof server.chunk, 0);
        return got > 0 ? got : -1;
    }
    if (c->shaking) {
        int result = SSL_do_handshake(c->ssl);

        c->shaking = result != 1;
        return result == 1 || SSL_get_error(c->ssl, result) == SSL_ERROR_WANT_READ ? 0 : -1;
    }
    got = SSL_read(c->ssl, server.chunk, sizeof server.chunk);
    if (got > 0) {
        return got;
    }
    return SSL_get_error(c->ssl, (int)got) == SSL_ERROR_WANT_READ ? 0 : -1;
}

static void on_conn(struct conn *c)
{
    ssize_t got = receive(c);

    if (got > 0 && c->peer != NULL) {
        say(c->peer, server.chunk, (size_t)got);
    } else if (got > 0) {
        take(c, server.chunk, (size_t)got);
    }
    if (got < 0 || c->quit) {
        close_conn(c);
    }
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        err(1, "connect");
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

static void on_listener(int listener)
{
    /* Only reading from TLS has to be non-blocking: a record may come in pieces. */
    int fd = accept4(listener, NULL, NULL, server.ctx != NULL ? SOCK_NONBLOCK : 0);
    struct conn *c;

    if (fd < 0) {
        err(1, "accept4");
    }
    c = new_conn(fd);
    if (server.peer_port != 0) {
        c->peer = new_conn(connect_to(server.peer_port));
        c->peer->peer = c;
    } else {
        say(c, "220 bench ESMTP\r\n", 17);
    }
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): epoll has it, and close_conn() frees it. */
}

static int open_listener(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    struct epoll_event event = {.events = EPOLLIN};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    server.epoll = epoll_create1(0);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0 || listen(fd, SOMAXCONN) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0 ||
        epoll_ctl(server.epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        err(1, "listening");
    }
    fprintf(stderr, "port=%u\n", ntohs(at.sin_port));
    return fd;
}

/* What posternd asks of libssl, too. */
static SSL_CTX *new_ctx(const char *chain, const char *key)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (ctx == NULL || SSL_CTX_use_certificate_chain_file(ctx, chain) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_set_num_tickets(ctx, 1) != 1) {
        errx(1, "%s: cannot be used", chain);
    }
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return ctx;
}

static void serve(int listener)
{
    struct epoll_event events[EVENTS];

    for (;;) {
        int num = epoll_wait(server.epoll, events, server.peer_port != 0 ? 1 : EVENTS, -1);

        /* One event at a time where serving one can free what another one is for. */
        for (int i = 0; i < num; i++) {
            if (events[i].data.ptr == NULL) {
                on_listener(listener);
            } else {
                on_conn(events[i].data.ptr);
            }
        }
    }
}

int main(int argc, char **argv)
{
    OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (argc == 4 && strcmp(argv[1], "libssl") == 0) {
        server.ctx = new_ctx(argv[2], argv[3]);
    } else if (argc == 3 && strcmp(argv[1], "relay") == 0) {
        server.peer_port = (uint16_t)strtoul(argv[2], NULL, 10);
    } else if (argc != 2 || strcmp(argv[1], "sink") != 0) {
        errx(2, "usage: bench_server sink | libssl CHAIN KEY | relay PORT");
    }
    serve(open_listener());
}
