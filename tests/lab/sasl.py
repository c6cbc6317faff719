"""An authentication service for Postfix's smtpd (smtpd_sasl_type = dovecot) that a test starts.

    auth = AuthServer(path)      # smtpd_sasl_path = unix:path
    ...
    auth.stop()
"""

import base64
import os
import socketserver
import threading


# What AUTH PLAIN is given.
PLAIN = base64.b64encode(b"\0user\0password").decode()


class AuthServer(socketserver.ThreadingUnixStreamServer):
    """Stands in for Dovecot's authentication service: takes every PLAIN response that is not
    empty. (The protocol is described in Dovecot's documentation, "Authentication Protocol v1".)
    `mechanisms`: further ones that it offers, and takes nothing with: (name, property)."""

    daemon_threads = True

    def __init__(self, path, mechanisms=()):
        self.mechanisms = (("PLAIN", "plaintext"), *mechanisms)
        super().__init__(path, AuthConnection)
        os.chmod(path, 0o666)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()


class AuthConnection(socketserver.StreamRequestHandler):
    """One connection of an AuthServer."""

    def handle(self):
        self.say("VERSION", "1", "1")
        for mechanism in self.server.mechanisms:
            self.say("MECH", *mechanism)
        self.say("SPID", "1")
        self.say("CUID", "1")
        self.say("COOKIE", "00000000000000000000000000000000")
        self.say("DONE")
        for line in self.rfile:
            fields = line.decode().rstrip("\n").split("\t")
            response = [each for each in fields[2:] if fields[0] == "CONT"
                        or each.startswith("resp=")]
            if fields[0] in ("AUTH", "CONT"):
                if response and response[-1]:
                    self.say("OK", fields[1], "user=user")
                else:
                    self.say("CONT", fields[1], "")

    def say(self, *fields):
        self.wfile.write("\t".join(fields).encode() + b"\n")
