"""What clients get when libssl has no memory for a session. A library that is loaded before libssl
says so as long as a file is there."""

import os
import subprocess

from common import CERTIFICATES, PROGRAM, SESSION, Case

SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

void *SSL_new(void *ctx)
{
    void *(*next)(void *) = (void *(*)(void *))dlsym(RTLD_NEXT, "SSL_new");

    return access(getenv("NO_TLS"), F_OK) == 0 ? NULL : next(ctx);
}
"""

NO_TLS = f"^{PROGRAM}fatal: TLS cannot be set up for {SESSION}$"
UNAVAILABLE = b"454 4.7.0 TLS not available due to local problem\r\n"


class NoTls(Case):
    @classmethod
    def prepare(cls):
        cls.inner = cls.stage.make_postfix().smtpd("postern", "unix")
        cls.stage.start_postfix()
        cls.no_tls = os.path.join(cls.stage.directory, "no-tls")
        cls.shim = os.path.join(cls.stage.directory, "shim.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-o", cls.shim, "-", "-ldl"],
                       input=SHIM, text=True, check=True)

    def setUp(self):
        super().setUp()
        # A sanitizer wants to be the first library, but does not have to be.
        options = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        self.posternd = self.stage.posternd(
            certificates=CERTIFICATES, backend=self.inner.address, log_sessions="all",
            listeners={"mx": {}, "smtps": {"tls": "implicit"}},
            limits={"max_handshakes": 1},
            wrapper=["env", "LD_PRELOAD=" + self.shim, "NO_TLS=" + self.no_tls,
                     "ASAN_OPTIONS=" + options])
        self.addCleanup(self.stage.stop, self.posternd)
        self.addCleanup(self.end)
        with open(self.no_tls, "wb"):
            pass

    def end(self):
        """There is memory again."""
        if os.path.exists(self.no_tls):
            os.unlink(self.no_tls)

    def test_starttls(self):
        """The session goes on, and may try it again."""
        client = self.connect(self.posternd.address())
        client.greet()
        for _ in range(2):
            client.send(b"STARTTLS\r\n")
            self.assertEqual(client.line(), UNAVAILABLE)
        self.posternd.wait_log(NO_TLS, times=2)
        self.assert_code(client.command("EHLO x"), 250)
        self.end()
        self.assert_code(client.command("STARTTLS"), 220)
        client.tls()
        self.assert_code(client.command("EHLO x"), 250)
        self.assert_code(client.mail(), 250)

    def test_no_handshake_is_under_way(self):
        waiting = self.connect(self.posternd.address())
        waiting.greet()
        for _ in range(2):
            self.assert_code(waiting.command("STARTTLS"), 454)
        self.end()
        self.connect(self.posternd.address()).starttls()
        self.assert_code(waiting.command("QUIT"), 221)

    def test_from_the_first_byte(self):
        client = self.connect(self.posternd.address("smtps"))
        self.assert_closed(client)
        self.posternd.wait_log(NO_TLS)
        self.disconnect(self.posternd, client)
