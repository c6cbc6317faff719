"""Rows for behind.Bed: who the client is, commands, limits, filters and checks, logs."""

import behind_probes as ask
from behind import FRONT, OWN, STRANGER, Row

NETWORKS = f"mynetworks={OWN}/32 {FRONT}/32"
AUTH = "smtpd_sasl_auth_enable=yes"
CLIENTS = "smtpd_client_restrictions"
RECIPIENTS = "smtpd_recipient_restrictions"
KEYWORDS = "smtpd_discard_ehlo_keywords"

# --- 1, 2: names, values, places ---

OTHER = "127.0.0.5"

PLACES = (
    # The first smtpd in master.cf is in the chroot; most of the others are not.
    Row("a relative path in the chroot", "1.4", ask.says("AUTH", tls="starttls"), "235",
        columns=("y", "-"), today=(AUTH,)),
    Row("fail2ban", "1.3", ask.banned, "1 of 1 by postfix/smtpd"),
    Row("fail2ban by a service's name", "1.3", ask.banned, "1 of 1 by postfix/PORT/smtpd",
        entry="<port> inet n - n - - smtpd",
        today=("syslog_name=postfix/$service_name",)),
    Row("a banner with a service's name", "1.2", ask.banner_of,
        "220 backend.example.test at PORT by smtpd",
        entry="<port> inet n - n - - smtpd",
        today=("smtpd_banner=$myhostname at $service_name by $process_name",)),
    Row("a name made up, and its choice", "1.2", ask.banner_of, "220 yes, mine",
        today=("made_up=mine", "smtpd_banner=${made_up?{yes, $made_up}:{no}}")),
    Row("an option that is there twice", "1.2", ask.banner_of, "220 the last one",
        today=("smtpd_banner=the first one", "smtpd_banner=the last one")),
    Row("an option on continuation lines", "1.2", ask.relay(), "554",
        entry="127.0.0.1:<port> inet n - n - - smtpd -o {\n  smtpd_relay_restrictions\n  =\n"
              "  permit_mynetworks\n  reject_unauth_destination }\n  -o mynetworks=192.0.2.0/24"),
    Row("a socket in the chroot", "1.4", ask.says("AUTH", tls="starttls"), "235",
        columns=("y", "-"), today=(AUTH, "smtpd_sasl_path=unix:/inside")),
    Row("a relative path outside of it", "1.4", ask.says("AUTH", tls="starttls"), "235",
        today=(AUTH,)),
    Row("two addresses with one port", "2", ask.banner_of, "220 one of two",
        today=("smtpd_banner=one of two",)),
    Row("the other address with this port", "2", ask.banner_of, "220 the other one",
        entry=OTHER + ":<port> inet n - n - - smtpd", host=OTHER,
        beside="two addresses with one port", today=("smtpd_banner=the other one",)),
    Row("a port that is closed outside", "2", ask.elsewhere("127.0.0.9"), "closed", "220",
        (("inet_interfaces", "fail"),), entry="<port> inet n - n - - smtpd",
        listener={"address": "0.0.0.0:<port>"}),
)

# --- 4.1: the world in front ---

FRONTS = (
    Row("a front that uses XCLIENT", "4.1", ask.by_xclient, "220 554", "550 250",
        (("smtpd_authorized_xclient_hosts", "fail"),),
        today=(NETWORKS, f"smtpd_authorized_xclient_hosts={FRONT}")),
    Row("a front that may use XCLIENT and does not", "4.1", ask.relay(), "554",
        expected=(("smtpd_authorized_xclient_hosts", "fail"),),
        today=(NETWORKS, f"smtpd_authorized_xclient_hosts={FRONT}")),
    Row("a front that uses XFORWARD", "4.1", ask.codes("XFORWARD ADDR=203.0.113.77", source=FRONT),
        "250", "550", (("smtpd_authorized_xforward_hosts", "lost"),),
        today=(f"smtpd_authorized_xforward_hosts={FRONT}",)),
    Row("no AUTH for some networks", "4.1",
        ask.each_of(hidden=ask.offers("AUTH", "starttls", "127.0.0.27"),
                    shown=ask.offers("AUTH", "starttls", "127.0.0.28")),
        "hidden no, shown yes", today=(AUTH, "smtpd_sasl_exceptions_networks=127.0.0.27/32")),
)

# --- 4.6: EHLO and commands ---

OFFER = ask.each_of(offer=ask.offers("STARTTLS"), command=ask.says("STARTTLS"))
OFFER_TO_SOME = ask.each_of(offer=ask.offers("STARTTLS", source="127.0.0.31"),
                            command=ask.says("STARTTLS", source="127.0.0.31"),
                            others=ask.offers("STARTTLS"))
MAP = KEYWORDS[:-1] + "_address_maps"

COMMANDS = (
    Row("STARTTLS for nobody", "4.6", OFFER, "offer no, command 502", "offer yes, command 220",
        ((KEYWORDS, "lost"),), today=(f"{KEYWORDS}=starttls",)),
    Row("STARTTLS for nobody, none", "4.6", OFFER, "offer no, command 502",
        expected=((KEYWORDS, "equal"),), today=(f"{KEYWORDS}=starttls",),
        listener={"tls": "none"}),
    Row("STARTTLS not for some", "4.6", OFFER_TO_SOME, "offer no, command 502, others yes",
        "offer yes, command 220, others yes", ((MAP, "lost"),),
        today=(MAP + "=cidr:{{127.0.0.31/32 starttls}}",)),
    Row("STARTTLS not for some, nor behind", "4.6", OFFER_TO_SOME,
        "offer no, command 502, others yes", expected=((MAP, "equal"),),
        today=(MAP + "=cidr:{{127.0.0.31/32 starttls}}",),
        listener={"starttls_except": "127.0.0.31"}),
    Row("keywords as they are", "4.6", ask.keywords("starttls"),
        "8BITMIME AUTH CHUNKING DSN ENHANCEDSTATUSCODES ETRN PIPELINING SIZE SMTPUTF8 VRFY",
        today=(AUTH,)),
    Row("fewer keywords", "4.6", ask.keywords("starttls"), "ENHANCEDSTATUSCODES ETRN SIZE VRFY",
        today=(AUTH, f"{KEYWORDS}=auth, pipelining, chunking, dsn, 8bitmime, smtputf8, "
                     "silent-discard")),
    Row("fewer keywords for some", "4.6",
        ask.each_of(some=ask.offers("PIPELINING", source="127.0.0.31"),
                    others=ask.offers("PIPELINING")), "some no, others yes",
        today=(MAP + "=cidr:{{127.0.0.31/32 pipelining}}",)),
    Row("a filter of STARTTLS", "4.6", ask.says("STARTTLS"), "250", "220",
        (("smtpd_command_filter", "lost"),),
        today=("smtpd_command_filter=regexp:{{/^STARTTLS/ NOOP}}",)),
    Row("a filter of another command", "4.6", ask.says("VRFY nobody@example.test"), "250",
        today=("smtpd_command_filter=regexp:{{/^VRFY/ NOOP}}",)),
    Row("STARTTLS is forbidden and taken", "4.6", ask.says("STARTTLS"), "220",
        today=("smtpd_forbidden_commands=STARTTLS",)),
    Row("a forbidden command", "4.6", ask.codes("FOO", "NOOP"), "closed",
        today=("smtpd_forbidden_commands=FOO",)),
    Row("AUTH lines", "4.6", ask.auth_lines("starttls"), "AUTH PLAIN CRAM-MD5",
        today=(AUTH,)),
    Row("AUTH lines for broken clients", "4.6", ask.auth_lines("starttls"),
        "AUTH PLAIN CRAM-MD5; AUTH=PLAIN CRAM-MD5",
        today=(AUTH, "broken_sasl_auth_clients=yes")),
    Row("a client is named with its port", "4.6", ask.text_of("MAIL", "RCPT"),
        f"554 5.7.1 <unknown[{STRANGER}]>: Client host rejected: Access denied",
        f"554 5.7.1 <unknown[{STRANGER}]:PORT>: Client host rejected: Access denied",
        today=(f"{CLIENTS}=reject",)),
    Row("a footer about the client", "4.6", ask.text_of("MAIL", "RELAY"),
        "554-5.7.1 <someone@foreign.test>: Relay access denied\r\n"
        f"554 5.7.1 {STRANGER}:PORT at backend.example.test",
        today=("smtpd_reject_footer=$client_address:$client_port at $server_name",)),
    Row("refusals that are not final", "4.6", ask.relay(), "454", today=("soft_bounce=yes",)),
    Row("a setting that nobody knows", "1.1", ask.banner(), "220",
        expected=(("smtpd_unheard_of", "not-judged"),), today=("smtpd_unheard_of=1",)),
    Row("a banner", "4.6", ask.banner_of, "220 other.example.test at your service",
        today=("myhostname=other.example.test",
               "{ smtpd_banner = $myhostname at your service }")),
)

# --- 4.7: limits and time ---

LIMITS = (
    Row("two processes", "4.7", ask.processes(4, 2), "2 processes", "4 processes",
        (("maxproc", "lost"),), columns=("n", "2")),
    Row("connections at once", "4.7", ask.at_once(2), "220 421",
        today=("smtpd_client_connection_count_limit=1",)),
    Row("connections at once, an exception", "4.7", ask.at_once(2), "220 220",
        today=("smtpd_client_connection_count_limit=1",
               "smtpd_client_event_limit_exceptions=127.0.0.50/32")),
    Row("connections at once, its own network", "4.7", ask.at_once(2, OWN), "220 220",
        today=("smtpd_client_connection_count_limit=1",)),
    Row("connections in a minute", "4.7", ask.one_by_one(3, "127.0.0.51"), "220 220 421",
        today=("smtpd_client_connection_rate_limit=2",)),
    Row("mails in a minute", "4.7",
        ask.codes("MAIL", "RSET", "MAIL", source="127.0.0.52"), "250 250 450",
        today=("smtpd_client_message_rate_limit=1",)),
    Row("three errors", "4.7", ask.errors(4), "500 500 500 421",
        today=("smtpd_hard_error_limit=3",)),
    # master knows no stress of a service that has loopback addresses alone: this is the calm half.
    Row("fewer errors under stress", "4.7", ask.errors(3), "500 500 421",
        expected=(("smtpd_hard_error_limit", "lost"),),
        today=("smtpd_hard_error_limit=${stress?{1}:{2}}",)),
    Row("a line behind EHLO", "4.7", ask.one_segment("EHLO", "NOOP"), "554",
        today=("smtpd_forbid_unauth_pipelining=yes",), needs="smtpd_forbid_unauth_pipelining"),
    Row("EHLO before the banner", "4.7", ask.some_speak_first(15), "554 to some",
        today=("smtpd_forbid_unauth_pipelining=yes",), needs="smtpd_forbid_unauth_pipelining"),
    Row("a line behind EHLO, allowed", "4.7", ask.one_segment("EHLO", "NOOP"), "250",
        today=("smtpd_forbid_unauth_pipelining=no",), needs="smtpd_forbid_unauth_pipelining"),
)

# --- 4.8, 6: filters and checks ---

PLAINTEXT = ask.says("MAIL", "RCPT", tls="starttls")
REFUSES_ALL = ((RECIPIENTS, "fail"),)

CHECKS = (
    Row("no delay of refusals", "4.8", ask.banner(), "554",
        today=("smtpd_delay_reject=no", f"{CLIENTS}=reject")),
    Row("headers are completed for its own network", "4.8", ask.dated(source=OWN), "dated",
        today=("local_header_rewrite_clients=permit_mynetworks",)),
    Row("headers of strangers stay as they are", "4.8", ask.dated(), "not dated",
        today=("local_header_rewrite_clients=permit_mynetworks",)),
    Row("a content filter", "4.8", ask.transport_says, "the filter",
        today=("content_filter=discard:the filter",)),
    Row("no content filter", "4.8", ask.transport_says, "delivered to maildir"),
    Row("TLS is demanded by a restriction", "6", PLAINTEXT, "250", "450", REFUSES_ALL,
        today=(f"{RECIPIENTS}=reject_plaintext_session",)),
    Row("TLS is demanded by a class", "6", PLAINTEXT, "250", "450", REFUSES_ALL,
        today=("smtpd_restriction_classes=protected", "protected=reject_plaintext_session",
               f"{RECIPIENTS}=protected")),
    Row("TLS is demanded by a table", "6", PLAINTEXT, "250", "450", REFUSES_ALL,
        today=("smtpd_restriction_classes=protected", "protected=reject_plaintext_session",
               f"{RECIPIENTS}=check_recipient_access "
               "inline:{ { example.test = protected } }")),
    Row("TLS is demanded by a table's file", "6", PLAINTEXT, "250", "450", REFUSES_ALL,
        today=(f"{RECIPIENTS}=check_recipient_access texthash:<table>",)),
    Row("TLS is demanded on one of two services", "6",
        ask.each_of(plain=ask.says("MAIL", "RCPT"), tls=PLAINTEXT), "plain 450, tls 250",
        today=(f"{RECIPIENTS}=reject_plaintext_session",),
        backend={"tls_address": "unix:<queue>/public/postern-one-of-two-tls"}),
    Row("TLS is demanded, and only said to be", "6", PLAINTEXT, "250",
        today=(f"{RECIPIENTS}=warn_if_reject reject_plaintext_session",)),
)

# --- 4.9 ---

SCREEN = ("postscreen_greet_wait=1s", "postscreen_cache_map=",
          "postscreen_access_list=cidr:{{127.0.0.66/32 reject}, {127.0.0.67/32 permit}}",
          "postscreen_denylist_action=enforce")

POSTSCREEN = (
    Row("a postscreen in front", "4.9", ask.says("MAIL", "RCPT", source="127.0.0.66"), "550", "250",
        (("postscreen", "fail"),), columns=("n", "1"),
        entry="127.0.0.1:<port> inet n - <chroot> - <maxproc> postscreen",
        today=(*SCREEN, "smtpd_service_name=behind-screen"),
        more="behind-screen pass - - n - - smtpd\n"),
    Row("settings behind a postscreen", "2", ask.relay(source="127.0.0.67"), "250",
        expected=(("postscreen", "fail"),), columns=("n", "1"),
        entry="127.0.0.1:<port> inet n - <chroot> - <maxproc> postscreen",
        today=(*SCREEN, "smtpd_service_name=behind-other"),
        more="behind-other pass - - n - - smtpd\n    -o mynetworks=127.0.0.67/32\n"),
)

ROWS = (*PLACES, *FRONTS, *COMMANDS, *LIMITS, *CHECKS, *POSTSCREEN)
