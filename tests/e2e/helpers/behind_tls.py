"""Rows for behind.Bed: what a session's TLS must be, and what others learn of it."""

import behind_probes as ask
from behind import OWN, Row

LEVEL = "smtpd_tls_security_level"
NO_LEVEL = LEVEL + "="
ENCRYPT = LEVEL + "=encrypt"
AUTH = "smtpd_sasl_auth_enable=yes"
WRAPPER = "smtpd_tls_wrappermode=yes"
ASK = "smtpd_tls_ask_ccert=yes"
REQUIRE = "smtpd_tls_req_ccert=yes"

PLAIN_MAIL = ask.says("MAIL")
PLAIN_AUTH = ask.says("AUTH")
TLS_AUTH = ask.says("AUTH", tls="starttls")
TLS_MAIL = ask.says("MAIL", "RCPT", tls="starttls")
OFFER = ask.each_of(offer=ask.offers("STARTTLS"), command=ask.says("STARTTLS"))
NOT_ANYMORE = "offer no, command 502"
OFFERED = "offer yes, command 220"

REQUIRED = {"client_certificate": "require", "client_ca": "<ca>"}
RELAY_CERTIFICATES = "relay_clientcerts=inline:{ { <fingerprint> = ok } }"
PERMIT_CERTIFICATES = ("smtpd_relay_restrictions=permit_tls_clientcerts, "
                       "reject_unauth_destination")
DENY = "check_ccert_access inline:{ { <fingerprint> = REJECT } }"
ALLOW = "check_ccert_access inline:{ { <fingerprint> = OK } }"

# --- 4.2: what a session must and may be ---

LEVELS = (
    Row("as usual", "control", PLAIN_MAIL, "250"),
    Row("as usual, its own network", "4.1", ask.relay(source=OWN), "250"),
    Row("as usual, a stranger", "4.1", ask.relay(), "554"),
    Row("enforce_tls alone", "4.2", PLAIN_MAIL, "530", "250", (("smtpd_enforce_tls", "fail"),),
        today=(NO_LEVEL, "smtpd_enforce_tls=yes")),
    Row("enforce_tls alone, encrypt", "4.2", PLAIN_MAIL, "530",
        expected=(("smtpd_enforce_tls", "equal"),),
        today=(NO_LEVEL, "smtpd_enforce_tls=yes"), listener={"tls": "encrypt"}),
    Row("enforce_tls under a level", "4.2", PLAIN_MAIL, "250",
        today=(LEVEL + "=may", "smtpd_enforce_tls=yes")),
    Row("use_tls alone", "4.2", OFFER, OFFERED, today=(NO_LEVEL, "smtpd_use_tls=yes")),
    Row("no level, none", "4.2", OFFER, NOT_ANYMORE, today=(NO_LEVEL,),
        listener={"tls": "none"}),
    Row("none, may", "4.2", OFFER, NOT_ANYMORE, OFFERED, today=(LEVEL + "=none",)),
    Row("may, none", "4.2", OFFER, OFFERED, NOT_ANYMORE, ((LEVEL, "fail"),),
        listener={"tls": "none"}),
    Row("may, encrypt", "4.2", PLAIN_MAIL, "250", "530", ((LEVEL, "stricter"),),
        listener={"tls": "encrypt"}),
    Row("encrypt, encrypt", "4.2", PLAIN_MAIL, "530", expected=((LEVEL, "equal"),),
        today=(ENCRYPT,), listener={"tls": "encrypt"}),
    Row("wrappermode, implicit", "4.2", ask.says("MAIL", tls="implicit"), "250",
        expected=(("smtpd_tls_wrappermode", "equal"),),
        today=(WRAPPER,), listener={"tls": "implicit"}),
    Row("wrappermode, may", "4.2", ask.speaks_first, "closed", "220",
        (("smtpd_tls_wrappermode", "fail"),), today=(WRAPPER,)),
    Row("auth_only, AUTH before TLS", "4.2", PLAIN_AUTH, "503", "235",
        (("smtpd_tls_auth_only", "fail"),),
        today=(AUTH, "smtpd_tls_auth_only=yes"), listener={"auth_before_tls": True}),
    Row("auth_only, AUTH under TLS", "4.2", TLS_AUTH, "235",
        today=(AUTH, "smtpd_tls_auth_only=yes")),
    Row("not auth_only, AUTH under TLS only", "4.2", PLAIN_AUTH, "235", "538",
        (("smtpd_tls_auth_only", "stricter"),), today=(AUTH,)),
    Row("not auth_only, AUTH before TLS", "4.2", PLAIN_AUTH, "235",
        today=(AUTH,), listener={"auth_before_tls": True}),
    Row("encrypt, AUTH before TLS", "4.2", PLAIN_AUTH, "530",
        today=(AUTH, ENCRYPT), listener={"auth_before_tls": True, "tls": "encrypt"}),
)

SASL = "smtpd_sasl_security_options"
SASL_TLS = "smtpd_sasl_tls_security_options"
BOTH_AUTH = ask.each_of(plain=PLAIN_AUTH, tls=TLS_AUTH)

PASSWORDS = (
    Row("no plaintext passwords under TLS", "4.2", TLS_AUTH, "535",
        today=(AUTH, f"{SASL_TLS}=noanonymous,noplaintext")),
    Row("no plaintext passwords, by a name", "4.2", TLS_AUTH, "535",
        today=(AUTH, f"{SASL}=noanonymous,noplaintext", f"{SASL_TLS}=${SASL}")),
    Row("no plaintext passwords without TLS", "4.2", TLS_AUTH, "235",
        today=(AUTH, f"{SASL}=noanonymous,noplaintext", f"{SASL_TLS}=noanonymous")),
    Row("one service for two kinds of passwords", "4.2", BOTH_AUTH, "plain 535, tls 235",
        "plain 235, tls 235", ((SASL, "fail"),),
        today=(AUTH, f"{SASL}=noanonymous,noplaintext", f"{SASL_TLS}=noanonymous"),
        listener={"auth_before_tls": True}),
    Row("two services for two kinds of passwords", "4.2", BOTH_AUTH, "plain 535, tls 235",
        today=(AUTH, f"{SASL}=noanonymous,noplaintext", f"{SASL_TLS}=noanonymous"),
        listener={"auth_before_tls": True},
        backend={"tls_address": "unix:<queue>/public/postern-two-kinds-tls"}),
)

ANONYMOUS = ask.suite("TLSv1_2", "ADH-AES256-GCM-SHA384")

CERTIFICATES = (
    Row("encrypt wants a certificate", "4.2", ask.turned_away(TLS_MAIL), "closed", "250",
        (("smtpd_tls_req_ccert", "fail"),),
        today=(ENCRYPT, REQUIRE), listener={"tls": "encrypt"}),
    Row("encrypt wants a certificate, required", "4.2", ask.turned_away(TLS_MAIL), "closed",
        expected=(("smtpd_tls_req_ccert", "equal"),),
        today=(ENCRYPT, REQUIRE), listener={"tls": "encrypt", **REQUIRED}),
    Row("encrypt gets a certificate, required", "4.2",
        ask.says("MAIL", tls="starttls", certificate="known"), "250",
        expected=(("smtpd_tls_req_ccert", "equal"),),
        today=(ENCRYPT, REQUIRE), listener={"tls": "encrypt", **REQUIRED}),
    Row("wrappermode wants a certificate", "4.2",
        ask.turned_away(ask.says("MAIL", tls="implicit")), "closed", "250",
        (("smtpd_tls_req_ccert", "fail"),),
        today=(WRAPPER, REQUIRE), listener={"tls": "implicit"}),
    Row("wrappermode wants a certificate, required", "4.2",
        ask.turned_away(ask.says("MAIL", tls="implicit")), "closed",
        expected=(("smtpd_tls_req_ccert", "equal"),),
        today=(WRAPPER, REQUIRE), listener={"tls": "implicit", **REQUIRED}),
    Row("may wants a certificate", "4.2", TLS_MAIL, "250", today=(REQUIRE,)),
    Row("any certificate will do", "4.2",
        ask.turned_away(ask.says("MAIL", tls="starttls", certificate="self-made")), "closed", "250",
        (("smtpd_tls_CAfile", "fail"),), today=(ENCRYPT, REQUIRE),
        listener={"tls": "encrypt", "client_certificate": "require"}),
    # Alert 80 with OpenSSL 3.0, 70 with 3.5.
    Row("who wants a certificate has no TLS 1.0", "4.2",
        ask.turned_away(ask.suite("TLSv1", "ECDHE+AES", "known")), "closed", "ECDHE-RSA-AES256-SHA",
        today=(ENCRYPT, REQUIRE),
        listener={"tls": "encrypt", "tls_profile": "as-postfix", **REQUIRED}),
    Row("who wants a certificate has no TLS 1.1", "4.2",
        ask.turned_away(ask.suite("TLSv1_1", "ECDHE+AES", "known")), "closed", "ECDHE-RSA-AES256-SHA",
        today=(ENCRYPT, REQUIRE),
        listener={"tls": "encrypt", "tls_profile": "as-postfix", **REQUIRED}),
    Row("who wants a certificate is not anonymous", "4.2",
        ask.suite("TLSv1_2", "aNULL"), "alert 40",
        today=(ENCRYPT, REQUIRE), listener={"tls": "encrypt", **REQUIRED}),
    Row("no certificate of the server's own", "4.2", ask.suite("TLSv1_2"), "alert 40",
        "ECDHE-RSA-AES256-GCM-SHA384",
        today=("smtpd_tls_chain_files=", "smtpd_tls_cert_file=none")),
    Row("no certificate of the server's own, anonymous", "4.2", ANONYMOUS,
        "ADH-AES256-GCM-SHA384", listener={"certificate_sets": "anonymous"},
        today=("smtpd_tls_chain_files=", "smtpd_tls_cert_file=none")),
    Row("check_ccert_access without a warning", "4.2",
        ask.warned("ccert_access.*ask_ccert"), "not warned",
        today=(ASK, f"smtpd_recipient_restrictions={ALLOW}"),
        listener={"client_certificate": "ask"}),
)

# --- 4.4: versions, suites, tickets ---

ALL_OLD = "TLS-1.0 TLS-1.1 ECDHE-CBC RSA DHE-CBC Camellia aNULL"

SUITES = (
    Row("anonymous suites on 25", "4.4", ANONYMOUS, "ADH-AES256-GCM-SHA384", "alert 40",
        (("smtpd_tls_ciphers", "stricter"),)),
    Row("anonymous suites on 25, unmatched", "4.4", ANONYMOUS, "ADH-AES256-GCM-SHA384",
        listener={"certificate_sets": "anonymous"}),
    Row("anonymous suites under encrypt", "4.4", ANONYMOUS, "ADH-AES256-GCM-SHA384", "alert 40",
        (("smtpd_tls_mandatory_ciphers", "stricter"),),
        today=(ENCRYPT,), listener={"tls": "encrypt"}),
    Row("old clients and modern", "4.4", ask.old_clients, ALL_OLD, "none",
        (("smtpd_tls_mandatory_ciphers", "stricter"),
         ("smtpd_tls_mandatory_protocols", "stricter")),
        today=(ENCRYPT,), listener={"tls": "encrypt"}),
    Row("old clients and Postfix's list", "4.4", ask.old_clients, ALL_OLD,
        ALL_OLD.replace(" aNULL", ""), (("smtpd_tls_mandatory_ciphers", "stricter"),),
        today=(ENCRYPT,), listener={"tls": "encrypt", "tls_profile": "as-postfix"}),
    Row("old clients and opportunistic", "4.4", ask.old_clients, ALL_OLD,
        ALL_OLD.replace(" aNULL", ""), (("smtpd_tls_ciphers", "stricter"),)),
    Row("no TLS 1.0 today", "4.4", ask.suite("TLSv1", "ECDHE+AES"), "alert 70",
        "ECDHE-RSA-AES256-SHA", (("smtpd_tls_protocols", "fail"),),
        today=("smtpd_tls_protocols=>=TLSv1.2",)),
    Row("TLS 1.3 alone today", "4.4", ask.suite("TLSv1_2"), "alert 70",
        "ECDHE-RSA-AES256-GCM-SHA384", (("smtpd_tls_mandatory_protocols", "fail"),),
        today=(ENCRYPT, "smtpd_tls_mandatory_protocols=>=TLSv1.3"), listener={"tls": "encrypt"}),
    Row("a suite excluded today", "4.4", ask.suite("TLSv1_2", "AES128-SHA"), "alert 40",
        "AES128-SHA", (("smtpd_tls_exclude_ciphers", "fail"),),
        today=("smtpd_tls_exclude_ciphers=kRSA",)),
    Row("no tickets today", "4.4", ask.ticket, "none", "ticket", (("tls_ssl_options", "lost"),),
        today=("tls_ssl_options=NO_TICKET",)),
    Row("no tickets at all", "4.4", ask.ticket, "none", group="no-tickets",
        expected=(("tls_ssl_options", "equal"),), today=("tls_ssl_options=NO_TICKET",)),
    Row("tickets as usual", "4.4", ask.ticket, "ticket"),
)

# --- 4.5, 6: what others learn of it ---

TLS_TOLD = "encryption_protocol encryption_cipher encryption_keysize"
CERTIFICATE_TOLD = "ccert_subject ccert_issuer ccert_fingerprint ccert_pubkey_fingerprint"
ASK_POLICY = "smtpd_recipient_restrictions=check_policy_service inet:127.0.0.1:<policy_port>"
ASKS = {"client_certificate": "ask", "client_ca": "<ca>"}

LEARNT = (
    Row("Received tells of TLS", "4.5", ask.protocol_in_header(), "ESMTPS", "ESMTP",
        (("smtpd_tls_received_header", "lost"),), today=("smtpd_tls_received_header=yes",)),
    Row("Received tells of no TLS", "4.5", ask.protocol_in_header(None), "ESMTP"),
    Row("a policy server hears of TLS", "4.5", ask.policy_told(), TLS_TOLD, "nothing",
        (("smtpd_recipient_restrictions", "lost"),), today=(ASK_POLICY,)),
    Row("a policy server hears of a certificate", "4.5", ask.policy_told("known"),
        f"{TLS_TOLD} {CERTIFICATE_TOLD}", "nothing",
        (("smtpd_recipient_restrictions", "lost"),), today=(ASK, ASK_POLICY), listener=ASKS),
    Row("Received hides the session", "4.5", ask.protocol_in_header(), "nothing",
        today=("smtpd_hide_client_session=yes",), needs="smtpd_hide_client_session"),
    Row("starttls_timeout", "4.5", ask.turned_away(ask.patience), "closed", "250",
        (("smtpd_starttls_timeout", "lost"),), today=("smtpd_starttls_timeout=1s",)),
    Row("starttls_timeout, in postern.conf as well", "4.5", ask.hung_up, "closed",
        group="impatient", expected=(("smtpd_starttls_timeout", "equal"),),
        today=("smtpd_starttls_timeout=1s",)),
    Row("handshakes in a minute", "4.5", ask.handshakes("127.0.0.35"), "220 220 454",
        "220 220 220",
        (("smtpd_client_new_tls_session_rate_limit", "lost"),),
        today=("smtpd_client_new_tls_session_rate_limit=1",)),
    Row("a certificate may relay", "6", ask.relay(tls="starttls", certificate="known"),
        "250", "554", (("smtpd_relay_restrictions", "lost"),),
        today=(ASK, RELAY_CERTIFICATES, PERMIT_CERTIFICATES), listener=ASKS),
    Row("any certificate may relay", "6", ask.relay(tls="starttls", certificate="known"),
        "250", "554", (("smtpd_relay_restrictions", "lost"),),
        today=(ASK, PERMIT_CERTIFICATES.replace("tls_client", "tls_all_client")), listener=ASKS),
    Row("a certificate may, another not", "6",
        ask.relay(tls="starttls", certificate="self-made"), "554",
        expected=(("smtpd_relay_restrictions", "lost"),),
        today=(ASK, RELAY_CERTIFICATES, PERMIT_CERTIFICATES), listener=ASKS),
    Row("a certificate is refused", "6",
        ask.says("MAIL", "RCPT", tls="starttls", certificate="known"), "554", "250",
        (("smtpd_recipient_restrictions", "fail"),),
        today=(ASK, f"smtpd_recipient_restrictions={DENY}"), listener=ASKS),
    Row("a certificate is refused, by a class", "6",
        ask.says("MAIL", "RCPT", tls="starttls", certificate="known"), "554", "250",
        (("smtpd_recipient_restrictions", "fail"),),
        today=(ASK, "smtpd_restriction_classes=by_certificate", f"by_certificate={DENY}",
               "smtpd_recipient_restrictions=by_certificate"), listener=ASKS),
    Row("a certificate is let in", "6",
        ask.says("MAIL", "RCPT", tls="starttls", certificate="known"), "250", "554",
        (("smtpd_recipient_restrictions", "lost"),),
        today=(ASK, f"smtpd_recipient_restrictions={ALLOW}, reject"), listener=ASKS),
    Row("a certificate gets its headers completed", "4.8",
        ask.dated("starttls", certificate="known"), "dated", "not dated",
        (("local_header_rewrite_clients", "lost"),),
        today=(ASK, "local_header_rewrite_clients=permit_tls_all_clientcerts"), listener=ASKS),
)

ROWS = (*LEVELS, *PASSWORDS, *CERTIFICATES, *SUITES, *LEARNT)
