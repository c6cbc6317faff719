"""README.md's certificates, issued and renewed by real ACME clients from a real ACME server (pebble):
put into place by the hooks, served without a restart, with the same keys, and what a failing hook
leaves."""

import json
import re

from common import CLIENT, HOSTNAME, SERVER, SystemCase, commands_of

ACME = "https://localhost:14000/dir"
HOOKS = "/usr/local/share/postern/hooks"

# The server's own certificate, for its HTTPS.
BUNDLE = "/etc/pebble.pem"
PEBBLE = {"pebble": {
    "listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
    "certificate": BUNDLE, "privateKey": "/etc/pebble.key",
    "httpPort": 80, "tlsPort": 443, "ocspResponderURL": "",
    "externalAccountBindingRequired": False}}

CLI_INI = f"""\
server = {ACME}
agree-tos = true
register-unsafely-without-email = true
non-interactive = true
no-random-sleep-on-renew = true
"""

DEHYDRATED = f"""\
CA={ACME}
CURL_OPTS="--cacert {BUNDLE}"
HOOK={HOOKS}/dehydrated
PRIVATE_KEY_RENEW=no
WELLKNOWN=/var/www/.well-known/acme-challenge
BASEDIR=/var/lib/dehydrated
DOMAINS_TXT=/etc/dehydrated/domains.txt
KEY_ALGO=rsa
KEYSIZE=2048
"""

LEGO = (f"LEGO_CA_CERTIFICATES={BUNDLE} lego --server {ACME} --path /etc/lego --accept-tos"
        f" --email postmaster@{HOSTNAME} --domains {HOSTNAME} --key-type ec256"
        f" --http --http.webroot /var/www")
ACME_SH = (f"acme.sh --home /etc/acme.sh --server {ACME} --ca-bundle {BUNDLE} -d {HOSTNAME} --ecc")

# How a client gets each certificate, and nothing but that.
ONLY = {"p256": "-tls1_3 -sigalgs ecdsa_secp256r1_sha256",
        "rsa": "-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256",
        "p384": "-tls1_3 -sigalgs ecdsa_secp384r1_sha384"}

# A session that is inside DATA until something is written into the FIFO.
SESSION = f"""\
import smtplib
client = smtplib.SMTP("{SERVER}", 25, source_address=("{CLIENT}", 0), local_hostname="client.example.net")
client.starttls()
client.ehlo()
client.mail("sender@example.net")
client.rcpt("user@{HOSTNAME}")
print(client.docmd("DATA"), flush=True)
client.send("Subject: across renewals\\r\\n\\r\\n")
open("/run/go").read()
client.send("text\\r\\n.\\r\\n")
print(client.getreply(), client.quit(), flush=True)
"""


class Acme(SystemCase):
    def test_clients(self):
        self.boot()
        self.readme("Installing", "adduser --system")
        self.start_pebble()
        self.readme("Getting the certificates", "certbot certonly")
        self.assert_files()
        self.readme("Installing", "posternd -t")
        self.readme("In front of port 25", "enable --now")
        pid = self.machine.run("pidof posternd")
        session = self.begin_session()

        self.certbot()
        self.failing_hook()
        self.left_alone()
        self.start_www()
        self.lego()
        self.dehydrated()
        if self.machine.run("command -v acme.sh", check=False):
            self.acme_sh()

        self.assertEqual(self.machine.run("pidof posternd"), pid)
        self.machine.run("echo go >/run/go")
        self.assertRegex(session.log.wait(r"\(250, .*\(221").string, "queued as")
        self.assertIn("Subject: after all", self.send("after all")[0])
        self.assertIn("Subject: across renewals", self.machine.run("cat /var/mail/user"))
        self.machine.power_off()

    # --- the stage ---

    def start_pebble(self):
        machine = self.machine
        machine.write("/etc/pebble.json", json.dumps(PEBBLE))
        machine.run("openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj /CN=localhost"
                    " -addext subjectAltName=DNS:localhost -keyout /etc/pebble.key"
                    f" -out {BUNDLE} && mkdir -p /var/www/.well-known/acme-challenge"
                    " /etc/letsencrypt /etc/dehydrated /var/lib/dehydrated")
        machine.write("/etc/letsencrypt/cli.ini", CLI_INI)
        machine.run("systemd-run --unit=pebble --setenv=PEBBLE_VA_NOSLEEP=1"
                    " --setenv=PEBBLE_WFE_NONCEREJECT=0 pebble -config /etc/pebble.json")
        machine.run(f"curl --cacert {BUNDLE} --silent --show-error --retry 20 --retry-connrefused"
                    f" --retry-delay 1 {ACME}", timeout=60)

    def start_www(self):
        """Where the clients without a server of their own put what pebble asks for."""
        self.machine.run("systemd-run --unit=www python3 -m http.server 80 --directory /var/www"
                         " && curl --silent --show-error --retry 20 --retry-connrefused"
                         " --retry-delay 1 --output /dev/null http://localhost/", timeout=60)

    def readme(self, section, word):
        self.machine.run(f"set -e\ncd /root/postern\nexport REQUESTS_CA_BUNDLE={BUNDLE}\n"
                         + commands_of(section, word), timeout=300)

    def begin_session(self):
        self.machine.write("/root/session.py", SESSION)
        session = self.machine.follow("mkfifo /run/go && python3 /root/session.py")
        self.addCleanup(session.stop)
        session.log.wait("354")
        return session

    # --- what is looked at ---

    def served(self, name):
        """The PEM of the certificate that a client gets for whom only `name` fits."""
        text = self.machine.run(f"echo QUIT | openssl s_client -starttls smtp -connect {SERVER}:25"
                                f" {ONLY[name]} 2>/dev/null")
        return re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", text,
                         re.DOTALL)[0]

    def key(self, name):
        return self.machine.run(f"openssl pkey -in /etc/postern/{name}.key -pubout")

    def state(self, name):
        """(what is served, its key), which is the one in place."""
        served = self.served(name)
        self.assertTrue(self.machine.run(f"cat /etc/postern/{name}.pem").startswith(served), name)
        return served, self.key(name)

    def assert_renewed(self, name, before):
        """Another certificate with the same key is served, and no failure remains."""
        after = self.state(name)
        self.assertNotEqual(after[0], before[0])
        self.assertEqual(after[1], before[1])
        self.assertEqual(self.machine.run("ls /etc/postern/*.failed 2>/dev/null", check=False), "")

    def assert_files(self):
        for name in ONLY:
            self.assertEqual(self.machine.run(f"cd /etc/postern && stat -c '%n %U:%G %a'"
                                              f" {name}.pem {name}.key").splitlines(),
                             [f"{name}.pem root:postern 644", f"{name}.key root:postern 640"])

    def errors(self):
        """What the hooks have put into the mail log as errors."""
        return self.machine.run("journalctl --boot --output=cat SYSLOG_FACILITY=2 PRIORITY=3"
                                " SYSLOG_IDENTIFIER=postern/hook", check=False)

    # --- the clients ---

    def run_certbot(self, arguments):
        return self.machine.run(f"REQUESTS_CA_BUNDLE={BUNDLE} certbot {arguments} 2>&1", timeout=120)

    def certbot(self):
        before = {name: self.state(name) for name in ONLY}
        self.run_certbot("renew --force-renewal")
        for name, state in before.items():
            self.assert_renewed(name, state)
        self.assert_files()

    def failing_hook(self):
        """posternd cannot read what is put into place; then it can."""
        before = self.state("p256")
        self.machine.run("chmod 600 /etc/postern/p256.key")
        said = self.run_certbot("renew --force-renewal --cert-name mail-p256")
        self.assertIn("error code 1", said)
        self.assertIn("Permission denied", said)
        self.assertEqual(self.state("p256"), before)
        self.assertRegex(self.errors(), "error: certificate p256: .*Permission denied")
        for command in ("status", "check"):
            self.assertRegex(self.machine.run(f"posternctl {command}", check=False),
                             r"p256.*the last renewal failed: .*Permission denied")
        self.machine.run("chmod 640 /etc/postern/p256.key")
        self.run_certbot("renew --force-renewal --cert-name mail-p256")
        self.assert_renewed("p256", before)
        self.assertNotIn("renewal failed", self.machine.run("posternctl status", check=False))

    def left_alone(self):
        """One hook for all lineages, and one lineage that is not postern's."""
        self.machine.run("mkdir -p /etc/letsencrypt/renewal-hooks/deploy &&"
                         f" ln -s {HOOKS}/certbot /etc/letsencrypt/renewal-hooks/deploy/postern")
        self.run_certbot(f"certonly --standalone -d {HOSTNAME} --cert-name www --duplicate"
                         " --key-type rsa")
        said = self.run_certbot("renew --force-renewal --cert-name www")
        self.assertIn('no certificate "www" in /etc/postern/postern.conf: left alone', said)
        self.assertNotIn("error code", said)

    def lego(self):
        before = self.state("p256")
        self.machine.run(f"{LEGO} run --run-hook '{HOOKS}/lego p256' 2>&1", timeout=120)
        first = self.state("p256")
        self.assertNotEqual(first[1], before[1])
        renew = f"{LEGO} renew --days 100000 --no-random-sleep --reuse-key --renew-hook '{HOOKS}/lego p256'"
        self.machine.run(f"{renew} 2>&1", timeout=120)
        self.assert_renewed("p256", first)
        self.assert_exit_code(f"{renew}", "p256")

    def dehydrated(self):
        self.machine.write("/etc/dehydrated/config", DEHYDRATED)
        self.machine.write("/etc/dehydrated/domains.txt", f"{HOSTNAME} > rsa\n")
        before = self.state("rsa")
        self.machine.run("dehydrated --register --accept-terms && dehydrated --cron 2>&1",
                         timeout=120)
        first = self.state("rsa")
        self.assertNotEqual(first[1], before[1])
        self.machine.run("dehydrated --cron --force 2>&1", timeout=120)
        self.assert_renewed("rsa", first)
        self.assert_exit_code("dehydrated --cron --force", "rsa")

    def acme_sh(self):
        before = self.state("p384")
        self.machine.run(f"{ACME_SH} --issue --keylength ec-384 --webroot /var/www 2>&1"
                         f" && {ACME_SH} --install-cert --reloadcmd '{HOOKS}/acme.sh p384' 2>&1",
                         timeout=120)
        first = self.state("p384")
        self.assertNotEqual(first[1], before[1])
        self.machine.run(f"{ACME_SH} --renew --force 2>&1", timeout=120)
        self.assert_renewed("p384", first)
        self.machine.run("chmod 600 /etc/postern/p384.key")
        self.assertIn("Reload error", self.machine.run(f"{ACME_SH} --renew --force 2>&1",
                                                       check=False, timeout=120))
        self.machine.run("chmod 640 /etc/postern/p384.key")

    def assert_exit_code(self, renew, name):
        """A failing hook is a failure of the client."""
        before = self.state(name)
        self.machine.run(f"chmod 600 /etc/postern/{name}.key")
        self.assertRegex(self.machine.run(f"{renew} >/dev/null 2>&1; echo $?", check=False,
                                          timeout=120), r"^[1-9]\d*$")
        self.assertEqual(self.state(name), before)
        self.machine.run(f"chmod 640 /etc/postern/{name}.key")
        self.machine.run(f"{renew} 2>&1", timeout=120)
        self.assert_renewed(name, before)
