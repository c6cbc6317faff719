"""Rows for behind.Bed: set-ups that administrators have and that were once made wrong without a
word, and others of their kinds."""

import behind_probes as ask
from behind import FRONT, OWN, Row

LEVEL = "smtpd_tls_security_level"
AUTH = "smtpd_sasl_auth_enable=yes"
CLIENTS = "smtpd_client_restrictions"
RECIPIENTS = "smtpd_recipient_restrictions"
USERS = f"{CLIENTS}=permit_sasl_authenticated, reject"
NETWORKS = f"mynetworks={OWN}/32 {FRONT}/32"
HAPROXY = "smtpd_upstream_proxy_protocol=haproxy"
NO_HEADER = "smtpd_upstream_proxy_protocol="

OPENS_RELAY = (("smtpd_upstream_proxy_protocol", "fail"),)

# A load balancer in mynetworks says who the client is.
BALANCER = (
    Row("a balancer", "case balancer", ask.by_proxy(), "554", "250", OPENS_RELAY,
        today=(NETWORKS, HAPROXY)),
    Row("a balancer that is believed", "case balancer", ask.by_proxy(), "554",
        expected=(("smtpd_upstream_proxy_protocol", "equal"),),
        today=(NETWORKS, HAPROXY), listener={"accept_proxy_from": FRONT}),
    # Who may say who the client is stands nowhere in Postfix: what is named is taken for it.
    Row("a balancer, and another one is believed", "case balancer", ask.by_proxy(), "554", "250",
        (("smtpd_upstream_proxy_protocol", "equal"),), today=(NETWORKS, HAPROXY), listener={"accept_proxy_from": "127.0.0.8"}),
    Row("a balancer by a made-up name", "case balancer", ask.by_proxy(), "554", "250",
        OPENS_RELAY, today=(NETWORKS, "in_front=haproxy",
                            "smtpd_upstream_proxy_protocol=${in_front?{$in_front}}")),
    Row("a client whose network is named by the balancer", "case balancer",
        ask.by_proxy("192.0.2.33"), "250", today=(NETWORKS + " 192.0.2.33/32", HAPROXY),
        expected=(("smtpd_upstream_proxy_protocol", "equal"),),
        listener={"accept_proxy_from": FRONT}),
)

SUBMISSIONS = ("smtpd_tls_wrappermode=yes", "smtpd_tls_req_ccert=yes", AUTH, USERS)
SUBMISSION = (LEVEL + "=encrypt", "smtpd_tls_req_ccert=yes", AUTH, USERS)
REQUIRED = {"client_certificate": "require", "client_ca": "<ca>"}
NO_CERTIFICATE = (("smtpd_tls_req_ccert", "fail"),)


def user(tls, certificate=None):
    """What a recipient elsewhere is answered to a client with a password."""
    return ask.turned_away(ask.says("AUTH", "MAIL", "RELAY", tls=tls, certificate=certificate))


# Port 465 wants a certificate and a password.
CLIENT_CERTIFICATE = (
    Row("a password and no certificate on 465", "case client-certificate", user("implicit"),
        "closed", "250", NO_CERTIFICATE, today=(*SUBMISSIONS, "smtpd_tls_CAfile=<ca>"),
        listener={"tls": "implicit"}),
    Row("a password and no certificate on 465, required", "case client-certificate",
        user("implicit"), "closed", today=(*SUBMISSIONS, "smtpd_tls_CAfile=<ca>"),
        expected=(("smtpd_tls_req_ccert", "equal"),), listener={"tls": "implicit", **REQUIRED}),
    Row("both on 465, required", "case client-certificate", user("implicit", "known"), "250",
        today=(*SUBMISSIONS, "smtpd_tls_CAfile=<ca>"),
        expected=(("smtpd_tls_req_ccert", "equal"),), listener={"tls": "implicit", **REQUIRED}),
    Row("a password and no certificate on 587", "case client-certificate", user("starttls"),
        "closed", "250", NO_CERTIFICATE, today=SUBMISSION, listener={"tls": "encrypt"}),
    Row("asking is not requiring", "case client-certificate", user("starttls"),
        "closed", "250", NO_CERTIFICATE, today=SUBMISSION,
        listener={"tls": "encrypt", "client_certificate": "ask", "client_ca": "<ca>"}),
    Row("a certificate of other authorities", "case client-certificate",
        user("implicit", "known"), "closed", "250", (("smtpd_tls_CAfile", "fail"),),
        today=(*SUBMISSIONS, "smtpd_tls_CAfile=<self-made>.pem"),
        listener={"tls": "implicit", **REQUIRED}),
)

NO_TLS = ask.says("MAIL")

# Port 25 demands TLS by an option of its own; main.cf does not.
ENCRYPT_ON_25 = (
    Row("encrypt on 25", "case encrypt-on-25", NO_TLS, "530", "250", ((LEVEL, "fail"),),
        today=(LEVEL + "=encrypt",)),
    Row("encrypt on 25, encrypt", "case encrypt-on-25", NO_TLS, "530",
        expected=((LEVEL, "equal"),), today=(LEVEL + "=encrypt",), listener={"tls": "encrypt"}),
    Row("encrypt on 25 by a made-up name", "case encrypt-on-25", NO_TLS, "530", "250",
        ((LEVEL, "fail"),),
        today=("our_level=encrypt", LEVEL + "=${our_level?{$our_level}:{may}}")),
    Row("encrypt on 25 by a level of clients", "case encrypt-on-25", NO_TLS, "530", "250",
        ((LEVEL, "fail"),), today=(LEVEL + "=verify",)),
    Row("encrypt on 25 on a continuation line", "case encrypt-on-25", NO_TLS, "530", "250",
        ((LEVEL, "fail"),), entry="127.0.0.1:<port>\n    inet n - n - - smtpd\n"
        "# a comment\n    -o {\n    smtpd_tls_security_level = encrypt }"),
    Row("encrypt on 25, and then may", "case encrypt-on-25", NO_TLS, "250",
        today=(LEVEL + "=encrypt", LEVEL + "=may")),
)

# Some clients are spared all milters; postern-milter is one.
MILTER_MAPS = (
    Row("a map spares a client all milters", "case milter-maps", ask.forged_header(FRONT),
        "forged", "forged", (("smtpd_milter_maps", "fail"),),
        today=("smtpd_milter_maps=cidr:{{127.0.0.7/32 DISABLE}}",), group="milter"),
    Row("a map spares another client all milters", "case milter-maps", ask.forged_header(),
        "forged", "ours", (("smtpd_milter_maps", "fail"),),
        today=("smtpd_milter_maps=cidr:{{127.0.0.7/32 DISABLE}}",), group="milter"),
    Row("no map spares a client any milter", "case milter-maps", ask.forged_header(FRONT),
        "forged", "ours", today=("smtpd_milter_maps=",), group="milter"),
    Row("a policy of ours holds for all", "case milter-maps", ask.says("MAIL", "RCPT", "DATA"),
        "354", "550", group="milter"),
)

SASL = ask.says("AUTH", tls="starttls")

# One service is in the chroot, the next one is not, and has its socket outside.
MIXED_CHROOT = (
    Row("a socket out of the chroot", "case mixed-chroot", SASL, "235",
        today=(AUTH, "smtpd_sasl_path=unix:<auth>")),
    Row("a socket out of the chroot, by default", "case mixed-chroot", SASL, "235",
        columns=("-", "-"), today=(AUTH, "smtpd_sasl_path=unix:<auth>")),
    Row("a socket out of the chroot, for TLS only", "case mixed-chroot", SASL, "235",
        today=(AUTH, "smtpd_sasl_path=unix:<auth>"),
        backend={"tls_address": "unix:<queue>/public/postern-out-of-chroot"}),
)

LETTER = ask.says("AUTH", "MAIL", "RCPT", tls="starttls")
OVERRIDE = f"{RECIPIENTS}=reject_plaintext_session,permit_sasl_authenticated,reject"
REPLACED = ((RECIPIENTS, "equal"),)

# Users send on 587, by a restriction that only holds for them there.
OVERRIDES = (
    Row("TLS is demanded of users by an option", "case overrides-not-read", LETTER, "250",
        expected=REPLACED, today=(LEVEL + "=encrypt", AUTH, OVERRIDE), listener={"tls": "encrypt"}),
    Row("TLS is demanded of users by nested classes", "case overrides-not-read", LETTER, "250",
        expected=REPLACED, listener={"tls": "encrypt"},
        today=(LEVEL + "=encrypt", AUTH, "smtpd_restriction_classes=outer, inner", "outer=inner",
               "inner=reject_plaintext_session, permit_sasl_authenticated, reject",
               f"{RECIPIENTS}=outer")),
    Row("TLS is demanded of users in braces", "case overrides-not-read", LETTER, "250",
        expected=REPLACED, today=(LEVEL + "=encrypt", AUTH), listener={"tls": "encrypt"},
        entry="127.0.0.1:<port> inet n - n - - smtpd -o {\n  smtpd_recipient_restrictions =\n"
              "  reject_plaintext_session\n  permit_sasl_authenticated, reject }"),
    Row("TLS is demanded of users by a made-up name", "case overrides-not-read", LETTER, "250",
        expected=REPLACED, listener={"tls": "encrypt"},
        today=(LEVEL + "=encrypt", AUTH, "mua_rules=reject_plaintext_session,permit",
               f"{RECIPIENTS}=$mua_rules")),
)

# The way back from a content filter has the address that postern.conf gives its backend.
REINJECTION = (
    Row("the way back from a filter", "case reinjection", ask.way_back, "250", listener=None,
        today=("content_filter=", "mynetworks=127.0.0.1/32",
               f"{CLIENTS}=permit_mynetworks,reject",
               "receive_override_options=no_header_body_checks,no_unknown_recipient_checks")),
    Row("a backend that is the way back", "case reinjection", ask.says("MAIL", "RCPT"),
        "250", "refused", None, today=("content_filter=discard:the filter",), group=None,
        backend={"address": "127.0.0.1:<port of the way back from a filter>"}),
    Row("the way back by a name", "case reinjection", ask.way_back, "250", listener=None,
        entry="localhost:<port> inet n - n - - smtpd",
        today=("content_filter=", "mynetworks=127.0.0.1/32",
               f"{CLIENTS}=permit_mynetworks,reject")),
    Row("a backend that is the way back by a name", "case reinjection", ask.says("MAIL", "RCPT"),
        "250", "refused", None, today=("content_filter=discard:the filter",), group=None,
        backend={"address": "127.0.0.1:<port of the way back by a name>"}),
    Row("web mail's way in", "case reinjection", ask.way_back, "250", listener=None,
        today=("mynetworks=127.0.0.1/32", "smtpd_relay_restrictions=permit_mynetworks, reject")),
    Row("a backend that is web mail's", "case reinjection",
        ask.says("MAIL", "RCPT", tls="starttls"), "250", "refused", None, group=None,
        backend={"tls_address": "127.0.0.1:<port of web mail's way in>"}),
)

FILTERED = ask.each_of(evil=ask.says("MAIL FROM:<a@evil.example>", "RCPT"),
                       filter=ask.transport_says)
FILTER = ("content_filter=discard:the filter",
          "smtpd_sender_restrictions=check_sender_access inline:{evil.example=REJECT}")

# A listener on a port of its own, to which a firewall sends some clients of port 25.
TRIAL = (
    # To the tool nobody uses a service there today: it has nothing to compare.
    Row("a trial on another port", "case trial-on-2525", FILTERED,
        "evil 554, filter the filter", "evil 250, filter delivered to maildir", None,
        today=FILTER, listener={"address": "127.0.0.1:<free>"}),
    Row("a trial that stands for today's port", "case trial-on-2525", FILTERED,
        "evil 554, filter the filter", today=FILTER),
    Row("a trial whose service has an overridden option", "case trial-on-2525", FILTERED,
        "evil 250, filter the filter",
        today=(*FILTER, "smtpd_sender_restrictions=$made_up", "made_up=")),
)

ROWS = (*BALANCER, *CLIENT_CERTIFICATE, *ENCRYPT_ON_25, *MILTER_MAPS, *MIXED_CHROOT, *OVERRIDES,
        *REINJECTION, *TRIAL)

# --- what stands in main.cf ---

# Settings that hold for all services; each row takes back those of the others.
MAIN_CF = {
    "smtpd_upstream_proxy_protocol": "haproxy", "smtpd_authorized_xclient_hosts": FRONT,
    "mynetworks": f"{OWN}/32 {FRONT}/32", LEVEL: "", "smtpd_enforce_tls": "yes",
    "smtpd_restriction_classes": "outer inner", "outer": "inner",
    "inner": "reject_plaintext_session", "smtpd_milter_maps": "cidr:{{127.0.0.7/32 DISABLE}}",
    "mua_restrictions": "permit_sasl_authenticated, reject", "our_banner": "ESMTP of $myhostname",
}
MAY = LEVEL + "=may"
NO_XCLIENT = "smtpd_authorized_xclient_hosts="

MAIN_CF_ROWS = (
    Row("a balancer in main cf", "case balancer", ask.by_proxy(), "554", "250", OPENS_RELAY,
        today=(MAY, NO_XCLIENT)),
    Row("a balancer in main cf that is believed", "case balancer", ask.by_proxy(), "554",
        expected=(("smtpd_upstream_proxy_protocol", "equal"),),
        today=(MAY, NO_XCLIENT), listener={"accept_proxy_from": FRONT}),
    Row("a balancer in main cf, taken back", "case balancer", ask.relay(), "554",
        today=(MAY, NO_HEADER, NO_XCLIENT)),
    Row("XCLIENT in main cf", "4.1", ask.by_xclient, "220 554", "550 250",
        (("smtpd_authorized_xclient_hosts", "fail"),), today=(MAY, NO_HEADER)),
    Row("enforce_tls in main cf", "case encrypt-on-25", NO_TLS, "530", "250",
        (("smtpd_enforce_tls", "fail"),), today=(NO_HEADER, NO_XCLIENT)),
    Row("enforce_tls in main cf, taken back", "case encrypt-on-25", NO_TLS, "250",
        today=(NO_HEADER, NO_XCLIENT, "smtpd_enforce_tls=no")),
    Row("nested classes in main cf", "case overrides-not-read",
        ask.says("MAIL", "RCPT", tls="starttls"), "250", "450",
        ((RECIPIENTS, "fail"),), today=(MAY, NO_HEADER, NO_XCLIENT, f"{RECIPIENTS}=outer")),
    Row("a user's rules by a name of main cf", "1.2",
        ask.says("AUTH", "MAIL", "RCPT", tls="starttls"), "250",
        today=(MAY, NO_HEADER, NO_XCLIENT, AUTH, f"{CLIENTS}=$mua_restrictions")),
    Row("nobody's rules by a name of main cf", "1.2",
        ask.says("MAIL", "RCPT", tls="starttls"), "554",
        today=(MAY, NO_HEADER, NO_XCLIENT, AUTH, f"{CLIENTS}=$mua_restrictions")),
    Row("a banner by a name of main cf", "1.2", ask.banner_of, "220 ESMTP of other.example.test",
        today=(MAY, NO_HEADER, NO_XCLIENT, "myhostname=other.example.test",
               "smtpd_banner=$our_banner")),
    Row("a map of main cf spares a client all milters", "case milter-maps",
        ask.forged_header(FRONT), "forged", "forged", (("smtpd_milter_maps", "fail"),),
        today=(MAY, NO_HEADER, NO_XCLIENT), group="milter"),
    Row("a map of main cf, taken back", "case milter-maps", ask.forged_header(FRONT),
        "forged", "ours", today=(MAY, NO_HEADER, NO_XCLIENT, "smtpd_milter_maps="),
        group="milter"),
)
