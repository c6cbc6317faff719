/*
 * The client of the benchmarks.
 *
 *   bench_client PORT mail NUM VERSION    NUM sessions one behind the other, each with a mail of 4
 * KiB bench_client PORT idle NUM VERSION    NUM sessions as far as their last EHLO, "held" on
 *                                         standard error, and nothing more until it is killed
 *   bench_client PORT bulk NUM VERSION    one session with a mail of NUM MiB
 *
 * VERSION is 1.2, 1.3, implicit (1.3 from the first byte) or none (no TLS). What libssl offers by
 * itself is offered: X25519 comes first among the groups. No certificate is verified and no session
 * resumed.
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
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 16384, MAIL = 4096 };

struct session {
    int fd;
    SSL *ssl; /* owned; NULL in plaintext */
};

static SSL_CTX *ctx; /* NULL: no TLS */
static bool implicit;
static uint16_t port;

static void say(struct session *s, const char *text, size_t len)
{
    ssize_t put =
        s->ssl != NULL ? SSL_write(s->ssl, text, (int)len) : send(s->fd, text, len, MSG_NOSIGNAL);

    if (put != (ssize_t)len) {
        errx(1, "the server does not read");
    }
}

/* Reads until `num` replies have come, the last of which has this code. */
static void expect(struct session *s, int num, const char *code)
{
    char in[4096];
    size_t len = 0;

    while (num > 0) {
        ssize_t got = s->ssl != NULL ? SSL_read(s->ssl, in + len, (int)(sizeof in - len))
                                     : recv(s->fd, in + len, sizeof in - len, 0);
        char *line = in;
        char *end;

        if (got <= 0) {
            errx(1, "the server has closed instead of saying %s", code);
        }
        len += (size_t)got;
        while ((end = memchr(line, '\n', len - (size_t)(line - in))) != NULL) {
            if (line[3] == ' ' && --num == 0 && strncmp(line, code, 3) != 0) {
                errx(1, "%.*s instead of %s", (int)(end - line), line, code);
            }
            line = end + 1;
        }
        len -= (size_t)(line - in);
        memmove(in, line, len);
    }
}

static void ask(struct session *s, const char *command, int num, const char *code)
{
    say(s, command, strlen(command));
    expect(s, num, code);
}

static void shake_hands(struct session *s)
{
    s->ssl = SSL_new(ctx);
    if (s->ssl == NULL || SSL_set_fd(s->ssl, s->fd) != 1 || SSL_connect(s->ssl) != 1) {
        errx(1, "no handshake");
    }
}

/* Connects and goes as far as the last EHLO. */
static void begin(struct session *s)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    *s = (struct session){.fd = socket(AF_INET, SOCK_STREAM, 0)};
    if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&to, sizeof to) != 0) {
        err(1, "connect");
    }
    (void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (implicit) {
        shake_hands(s);
    }
    expect(s, 1, "220");
    ask(s, "EHLO client.test\r\n", 1, "250");
    if (ctx == NULL || implicit) {
        return;
    }
    ask(s, "STARTTLS\r\n", 1, "220");
    shake_hands(s);
    ask(s, "EHLO client.test\r\n", 1, "250");
}

static void send_mail(struct session *s, size_t size)
{
    static char text[CHUNK];

    memset(text, 'x', sizeof text);
    for (size_t i = 0; i + 78 <= sizeof text; i += 78) {
        memcpy(text + i + 76, "\r\n", 2);
    }
    ask(s, "MAIL FROM:<a@client.test>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n", 3, "354");
    while (size > sizeof text) {
        say(s, text, sizeof text);
        size -= sizeof text;
    }
    memcpy(text + size - 5, "\r\n.\r\n", 5);
    say(s, text, size);
    expect(s, 1, "250");
}

static void end(struct session *s)
{
    ask(s, "QUIT\r\n", 1, "221");
    if (s->ssl != NULL) {
        SSL_shutdown(s->ssl);
        SSL_free(s->ssl);
    }
    close(s->fd);
}

static void hold(size_t num)
{
    struct session s;

    for (size_t i = 0; i < num; i++) {
        begin(&s);
    }
    fprintf(stderr, "held\n");
    for (;;) {
        pause();
    }
}

static void make_ctx(const char *version)
{
    int number = strcmp(version, "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;

    if (strcmp(version, "none") == 0) {
        return;
    }
    implicit = strcmp(version, "implicit") == 0;
    ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, number) != 1 ||
        SSL_CTX_set_max_proto_version(ctx, number) != 1) {
        errx(1, "no TLS");
    }
}

int main(int argc, char **argv)
{
    struct session s;
    size_t num;

    OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (argc != 5) {
        errx(2, "usage: bench_client PORT mail|idle|bulk NUM 1.2|1.3|implicit|none");
    }
    port = (uint16_t)strtoul(argv[1], NULL, 10);
    num = strtoul(argv[3], NULL, 10);
    make_ctx(argv[4]);
    if (strcmp(argv[2], "idle") == 0) {
        hold(num);
    } else if (strcmp(argv[2], "bulk") == 0) {
        begin(&s);
        send_mail(&s, num << 20);
        end(&s);
    } else {
        for (size_t i = 0; i < num; i++) {
            begin(&s);
            send_mail(&s, MAIL);
            end(&s);
        }
    }
    SSL_CTX_free(ctx);
    return 0;
}
