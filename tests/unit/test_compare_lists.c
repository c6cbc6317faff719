#include "tests/unit/compare_base.h"

#include <check.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NONE    "tls = \"none\""
#define ENCRYPT "tls = \"encrypt\""

#define LIST(items)    "smtpd_recipient_restrictions = " items "\n"
#define SENDERS(items) "smtpd_sender_restrictions = " items "\n"
#define ASKED          "smtpd_tls_ask_ccert = yes\n"
#define ASK            "client_certificate = \"ask\" client_ca = \"ca.pem\""
#define CLASSES        "smtpd_restriction_classes = one, two\n"
#define FIVE(word)     word word word word word
#define TWENTY(word)   FIVE(word) FIVE(word) FIVE(word) FIVE(word)

#define REFUSES_ALL "refuses all mail behind posternd"
#define UNSAFE      "mail without TLS is accepted"
#define PERMIT_NOBODY                                                                              \
    {                                                                                              \
        "smtpd_recipient_restrictions", COMPARE_LOST, "permit nobody"                              \
    }
#define ASKED_EQUAL                                                                                \
    {                                                                                              \
        "smtpd_tls_ask_ccert", COMPARE_EQUAL, NULL                                                 \
    }

/* --- reject_plaintext_session --------------------------------------------------------------- */

static const struct compare_row plaintext[] = {
    {.name = "plaintext: left in the service behind",
     .today = LIST("reject_plaintext_session, permit"),
     .found = {{"smtpd_recipient_restrictions", COMPARE_FAIL, REFUSES_ALL}}},
    {.name = "plaintext: by a table in the old form",
     .today = LIST("hash:/etc/access, permit"),
     .tables = {{"hash:/etc/access", "a@b.c  reject_plaintext_session\n"}},
     .found = {{"smtpd_recipient_restrictions", COMPARE_FAIL, REFUSES_ALL}}},
    {.name = "plaintext: a table that only warns",
     .today = LIST("warn_if_reject check_sender_access hash:/etc/access, permit"),
     .tables = {{"hash:/etc/access", "a@b.c  reject_plaintext_session\n"}}},
    {.name = "plaintext: left in, and tls = \"encrypt\" is the cure",
     .today = LIST("reject_plaintext_session"),
     .found = {{"smtpd_recipient_restrictions", COMPARE_FAIL, "tls = \"encrypt\" demands TLS"}}},
    {.name = "plaintext: left in behind a listener that demands TLS",
     .today = LIST("reject_plaintext_session") "smtpd_tls_security_level = encrypt\n",
     .options = ENCRYPT,
     .found = {{"smtpd_recipient_restrictions", COMPARE_FAIL, "the listener demands TLS"}}},
    {.name = "plaintext: taken out, and mail is taken",
     .today = LIST("reject_plaintext_session, reject_unlisted_recipient"),
     .behind = LIST("reject_unlisted_recipient"),
     .found = {{"smtpd_recipient_restrictions", COMPARE_FAIL, UNSAFE}}},
    {.name = "plaintext: taken out, and the listener demands TLS",
     .today = LIST("Reject_Plaintext_Session, reject_unlisted_recipient") "smtpd_tls_security_"
                                                                          "level = encrypt\n",
     .behind = LIST("reject_unlisted_recipient"),
     .options = ENCRYPT,
     .found = {{"smtpd_recipient_restrictions", COMPARE_EQUAL, "is replaced"}}},
    {.name = "plaintext: the service for plaintext has it",
     .today = LIST("reject_unlisted_recipient, reject_plaintext_session"),
     .secured = LIST("reject_unlisted_recipient"),
     .found = {{"smtpd_recipient_restrictions", COMPARE_EQUAL, "is replaced"}}},
    {.name = "plaintext: the service for TLS has it",
     .today = LIST("reject_plaintext_session"),
     .secured = "",
     .found = {{"smtpd_recipient_restrictions", COMPARE_FAIL, REFUSES_ALL}}},
    {.name = "plaintext: it is new for plaintext",
     .behind = LIST("reject_plaintext_session"),
     .secured = "",
     .found = {{"smtpd_recipient_restrictions", COMPARE_STRICTER, "without TLS is refused"}}},
    {.name = "plaintext: it is new for all",
     .behind = LIST("reject_plaintext_session"),
     .found = {{"smtpd_recipient_restrictions", COMPARE_FAIL, REFUSES_ALL}}},

    /* Wherever it is. */
    {.name = "plaintext: taken out, and its warn_if_reject with it",
     .today = LIST(
         "permit_mynetworks, warn_if_reject Reject_Plaintext_Session, reject") "smtpd_tls_security_"
                                                                               "level = encrypt\n",
     .options = ENCRYPT,
     .behind = LIST("permit_mynetworks, reject")},
    {.name = "plaintext: taken out, and what follows is only warned of",
     .today = LIST(
         "warn_if_reject, reject_plaintext_session, reject_unauth_destination") "smtpd_tls_"
                                                                                "security_level = "
                                                                                "encrypt\n",
     .options = ENCRYPT,
     .behind = LIST("warn_if_reject, reject_unauth_destination"),
     .found = {{"smtpd_recipient_restrictions", COMPARE_FAIL, "has a different list"}}},
    {.name = "plaintext: in braces",
     .today = LIST("{ reject_plaintext_session }"),
     .found = {{"smtpd_recipient_restrictions", COMPARE_FAIL, REFUSES_ALL}}},
    {.name = "plaintext: in a class",
     .today = CLASSES "one = permit_mynetworks, reject_plaintext_session\n" LIST("one"),
     .found = {{"smtpd_recipient_restrictions", COMPARE_FAIL, REFUSES_ALL}}},
    {.name = "plaintext: in a class of a class",
     .today =
         CLASSES "two = reject_plaintext_session\none = reject_unlisted_sender, two\n" LIST("one"),
     .found = {{"smtpd_recipient_restrictions", COMPARE_FAIL, REFUSES_ALL}}},
    {.name = "plaintext: in no class, as none has the name",
     .today = "three = reject_plaintext_session\n" CLASSES LIST("three")},
    {.name = "plaintext: in a class that nobody names",
     .today = CLASSES "one = reject_plaintext_session\n" LIST("permit")},
    {.name = "plaintext: in the class of the service behind",
     .today = CLASSES "one = permit\n" LIST("one"),
     .behind = "one = reject_plaintext_session\n",
     .found = {{"smtpd_recipient_restrictions", COMPARE_FAIL, REFUSES_ALL},
               {"one", COMPARE_FAIL, "different list"}}},
    {.name = "plaintext: in a class that names itself",
     .today = CLASSES "one = one, two\ntwo = one, reject_plaintext_session, two\n" LIST("one"),
     .found = {{"smtpd_recipient_restrictions", COMPARE_FAIL, REFUSES_ALL}}},
    {.name = "plaintext: in a long chain of classes",
     .today = "smtpd_restriction_classes = a b c d e f g h i\n"
              "a = b\nb = c\nc = d\nd = e\ne = f\nf = g\ng = h\nh = i\n"
              "i = reject_plaintext_session\n" LIST("a"),
     .found = {{"smtpd_recipient_restrictions", COMPARE_FAIL, REFUSES_ALL}}},
    {.name = "plaintext: in classes that are named again and again",
     .today = CLASSES
     "one = " TWENTY("two,") "permit\n"
                             "two = " TWENTY("one,") "reject_plaintext_session\n" LIST("one"),
     .found = {{"smtpd_recipient_restrictions", COMPARE_FAIL, REFUSES_ALL}}},
    {.name = "plaintext: a result of a table",
     .today = LIST("check_sender_access hash:/etc/access"),
     .tables = {{"hash:/etc/access", "a@b.c  reject_plaintext_session\n"}},
     .found = {{"smtpd_recipient_restrictions", COMPARE_FAIL, REFUSES_ALL}}},
    {.name = "plaintext: a class as a result of a table",
     .today = CLASSES
     "one = reject_plaintext_session\n" LIST("Check_Recipient_Access  hash:/etc/access, permit"),
     .tables = {{"hash:/etc/access", "a@b.c\tOK\nd@e.f\tone\n"}},
     .found = {{"smtpd_recipient_restrictions", COMPARE_FAIL, REFUSES_ALL}}},
    {.name = "plaintext: a result of an inline table",
     .today = LIST("check_client_access inline:{ {192.0.2.1 = OK}, {192.0.2.2 = "
                   "reject_plaintext_session} }"),
     .found = {{"smtpd_recipient_restrictions", COMPARE_FAIL, REFUSES_ALL}}},
    {.name = "plaintext: in a table within braces",
     .today = LIST("{ check_client_access hash:/etc/access }"),
     .tables = {{"hash:/etc/access", "192.0.2.1 reject_plaintext_session\n"}},
     .found = {{"smtpd_recipient_restrictions", COMPARE_FAIL, REFUSES_ALL}}},
    {.name = "plaintext: in no table",
     .today = LIST("check_client_access hash:/etc/access"),
     .tables = {{"hash:/etc/access", "192.0.2.1 reject\n"}}},
    {.name = "plaintext: a longer word", .today = LIST("reject_plaintext_session_of_mine")},
};

/* --- lists ---------------------------------------------------------------------------------- */

static const struct compare_row lists[] = {
    {.name = "lists: the same", .today = LIST("reject_unlisted_recipient permit")},
    {.name = "lists: written in another way",
     .today = LIST("reject_unlisted_recipient permit"),
     .behind = LIST("reject_unlisted_recipient,permit")},
    {.name = "lists: shorter",
     .today = LIST("reject_unlisted_recipient, permit"),
     .behind = LIST("reject_unlisted_recipient"),
     .found = {{"smtpd_recipient_restrictions", COMPARE_FAIL, "different list"}}},
    {.name = "lists: longer",
     .today = LIST("reject_unlisted_recipient"),
     .behind = LIST("reject_unlisted_recipient, permit"),
     .found = {{"smtpd_recipient_restrictions", COMPARE_FAIL, "different list"}}},
    {.name = "lists: in another order",
     .today = LIST("reject_unlisted_recipient, permit"),
     .behind = LIST("permit, reject_unlisted_recipient"),
     .found = {{"smtpd_recipient_restrictions", COMPARE_FAIL, "different list"}}},
    {.name = "lists: of the service for TLS",
     .today = LIST("reject_unlisted_recipient"),
     .secured = LIST("permit"),
     .found = {{"smtpd_recipient_restrictions", COMPARE_FAIL, "different list"}}},
    {.name = "lists: of who may relay",
     .behind = "smtpd_relay_restrictions = permit\n",
     .found = {{"smtpd_relay_restrictions", COMPARE_FAIL, "different list"}}},
    {.name = "lists: a class has another list",
     .today = CLASSES "one = reject_unlisted_sender\n" LIST("one"),
     .behind = "one = permit\n",
     .found = {{"one", COMPARE_FAIL, "different list"}}},
    {.name = "lists: a class of the service for TLS",
     .today = CLASSES "one = reject_unlisted_sender\n" LIST("one"),
     .secured = "one = permit\n",
     .found = {{"one", COMPARE_FAIL, "different list"}}},
    {.name = "lists: a class without the word that is not for a service behind",
     .today = CLASSES
     "one = reject_plaintext_session, permit\n" LIST("one") "smtpd_tls_security_level = encrypt\n",
     .options = ENCRYPT,
     .behind = "one = permit\n",
     .found = {{"smtpd_recipient_restrictions", COMPARE_EQUAL, "is replaced"}}},
    {.name = "lists: classes that are others",
     .today = CLASSES LIST("permit"),
     .behind = "smtpd_restriction_classes = one\n",
     .found = {{"smtpd_restriction_classes", COMPARE_FAIL, NULL}}},
    {.name = "policy service",
     .today = LIST("check_policy_service inet:127.0.0.1:10031"),
     .found = {{"smtpd_recipient_restrictions", COMPARE_LOST, "gets no encryption_protocol"}}},
    {.name = "policy service in braces",
     .today = LIST("{ check_policy_service inet:[::1]:10031, timeout=5s }"),
     .found = {{"smtpd_recipient_restrictions", COMPARE_LOST, "gets no encryption_protocol"}}},
    {.name = "a table that is not read",
     .today = LIST("check_sender_access ldap:users, check_helo_access pcre:/etc/helo"),
     .found = {{"smtpd_recipient_restrictions", COMPARE_NOT_JUDGED, "ldap:users is not read"}}},
    {.name = "a table in a class that is not read",
     .today = CLASSES "one = check_client_access sql:x\n" LIST("one"),
     .found = {{"smtpd_recipient_restrictions", COMPARE_NOT_JUDGED, "sql:x is not read"}}},
    {.name = "a table is missing", .today = LIST("permit, check_sender_access")},
    {.name = "a restriction that takes no table", .today = LIST("check__access, check_access")},
    {.name = "a very long word",
     .today = CLASSES LIST(
         "a23456789a123456789a123456789a123456789a123456789a123456789a123456789a123456789"
         "a23456789a123456789a123456789a123456789a123456789a123456789")},
    {.name = "every list is gone through",
     .today = "smtpd_client_restrictions = reject_plaintext_session\n" SENDERS(
         "reject_plaintext_session") "smtpd_relay_restrictions = reject_plaintext_session\n",
     .found = {{"smtpd_client_restrictions", COMPARE_FAIL, REFUSES_ALL},
               {"smtpd_sender_restrictions", COMPARE_FAIL, REFUSES_ALL},
               {"smtpd_relay_restrictions", COMPARE_FAIL, REFUSES_ALL}}},
};

/* --- client certificates -------------------------------------------------------------------- */

static const struct compare_row ccerts[] = {
    {.name = "ccert: permits",
     .today = ASKED LIST("permit_tls_clientcerts"),
     .options = ASK,
     .found = {PERMIT_NOBODY}},
    {.name = "ccert: permits all",
     .today = ASKED LIST("permit_tls_all_clientcerts"),
     .options = ASK,
     .found = {PERMIT_NOBODY}},
    {.name = "ccert: permits in a class",
     .today = ASKED CLASSES "one = permit_tls_clientcerts\n" LIST("one"),
     .options = ASK,
     .found = {PERMIT_NOBODY}},
    {.name = "ccert: permits to add headers",
     .today = ASKED "local_header_rewrite_clients = permit_tls_clientcerts\n",
     .options = ASK,
     .found = {{"local_header_rewrite_clients", COMPARE_LOST, "permit nobody"}}},
    {.name = "ccert: permits where certificates are demanded",
     .today = "smtpd_tls_req_ccert = yes\nsmtpd_tls_security_level = encrypt\n" LIST(
         "permit_tls_clientcerts"),
     .options = ENCRYPT " client_certificate = \"require\" client_ca = \"ca.pem\"",
     .found = {PERMIT_NOBODY}},
    {.name = "ccert: permits nobody today, as nobody is asked",
     .today = LIST("permit_tls_clientcerts, check_ccert_access hash:/etc/c")},
    {.name = "ccert: a table that permits",
     .today = ASKED LIST("check_ccert_access hash:/etc/c"),
     .options = ASK,
     .tables = {{"hash:/etc/c", "AB:CD:EF OK\n01:23:45 permit\n67:89:AB 250\nCC:DD DUNNO\n"}},
     .found = {{"smtpd_recipient_restrictions", COMPARE_LOST,
                "check_ccert_access matches nobody: "
                "Postfix"}}},
    {.name = "ccert: an inline table that permits",
     .today = ASKED LIST("check_ccert_access inline:{ {AB:CD:EF = OK} }"),
     .options = ASK,
     .found = {{"smtpd_recipient_restrictions", COMPARE_LOST, "Postfix sees no client"}}},
    {.name = "ccert: a table that is not read",
     .today = ASKED LIST("check_ccert_access ldap:c"),
     .options = ASK,
     .found = {{"smtpd_recipient_restrictions", COMPARE_FAIL, "no longer refuses anybody"},
               {"smtpd_recipient_restrictions", COMPARE_NOT_JUDGED, "ldap:c"}}},
    {.name = "ccert: a table of tables",
     .today = ASKED LIST("check_ccert_access unionmap:{hash:/etc/c}"),
     .options = ASK,
     .tables = {{"hash:/etc/c", "AB:CD:EF REJECT\n"}},
     .found = {{"smtpd_recipient_restrictions", COMPARE_FAIL, "no longer refuses anybody"},
               {"smtpd_recipient_restrictions", COMPARE_NOT_JUDGED, "unionmap:{hash:/etc/c}"}}},
    {.name = "ccert: both words",
     .today = ASKED LIST("permit_tls_clientcerts, check_ccert_access hash:/etc/c"),
     .options = ASK,
     .tables = {{"hash:/etc/c", "AB:CD:EF REJECT\n"}},
     .found = {PERMIT_NOBODY,
               {"smtpd_recipient_restrictions", COMPARE_FAIL, "no longer refuses anybody"}}},
    {.name = "ccert: another table's words are its own",
     .today = ASKED LIST("check_sender_access hash:/etc/s, check_ccert_access hash:/etc/c"),
     .options = ASK,
     .tables = {{"hash:/etc/s", "a@b.c REJECT\n"}, {"hash:/etc/c", "AB:CD:EF OK\n"}},
     .found = {{"smtpd_recipient_restrictions", COMPARE_LOST, "Postfix sees no client"}}},
};

/* What a table of check_ccert_access may have as a result, and whether it refuses somebody. */
static const struct {
    const char *text;
    bool denies;
} results[] = {
    {"AB:CD OK", false},
    {"AB:CD FILTER smtp:[127.0.0.1]:10024", true},
    {"AB:CD permit_auth_destination", false},
    {"AB:CD DUNNO", false},
    {"AB:CD 1", false},
    {"AB:CD WARN known", false},
    {"AB:CD PREPEND X-Known: yes", false},
    {"45:67 OK", false},
    {"456 OK", true}, /* no fingerprint, but who can tell */
    {"AB:CD REJECT", true},
    {"AB:CD reject stolen", true},
    {"AB:CD DEFER", true},
    {"AB:CD DEFER_IF_PERMIT", true},
    {"AB:CD DEFER_IF_REJECT", true},
    {"AB:CD DISCARD", true},
    {"AB:CD HOLD", true},
    {"AB:CD REDIRECT a@b.c", true},
    {"AB:CD BCC a@b.c", true},
    {"AB:CD 450 later", true},
    {"AB:CD 554 5.7.1 never", true},
    {"AB:CD 250 OK", false},
    {"AB:CD 4500", false},
    {"AB:CD reject_unauth_destination", true},
    {"AB:CD defer_unauth_destination", true},
    {"AB:CD two", true}, /* a class, which may refuse */
    {"AB:CD three", false},
};

START_TEST(test_results)
{
    struct compare_row row = {
        .name = results[_i].text,
        .today = ASKED CLASSES "two = permit\n" LIST("check_ccert_access hash:/etc/c"),
        .options = ASK,
        .tables = {{"hash:/etc/c", results[_i].text}},
    };

    row.found[0] = (struct compare_found){"smtpd_recipient_restrictions",
                                          results[_i].denies ? COMPARE_FAIL : COMPARE_LOST,
                                          "check_ccert_access matches nobody"};
    compare_row_check(&row);
}
END_TEST

/* --- keywords ------------------------------------------------------------------------------- */

#define MAPS "smtpd_discard_ehlo_keyword_address_maps"

static const struct compare_row keywords[] = {
    {.name = "discard: other words", .today = "smtpd_discard_ehlo_keywords = dsn, auth\n"},
    {.name = "discard: starttls, and it is offered",
     .today = "smtpd_discard_ehlo_keywords = silent-discard, StartTLS\n",
     .found = {{"smtpd_discard_ehlo_keywords", COMPARE_LOST, "offers to nobody"}}},
    {.name = "discard: starttls, and it is not offered",
     .today = "smtpd_discard_ehlo_keywords = starttls\n",
     .options = NONE,
     .found = {{"smtpd_discard_ehlo_keywords", COMPARE_EQUAL, "tls = \"none\""}}},
    {.name = "discard: starttls without TLS",
     .today = "smtpd_discard_ehlo_keywords = starttls\nsmtpd_tls_security_level = none\n"},
    {.name = "discard: others behind",
     .today = "smtpd_discard_ehlo_keywords = dsn\n",
     .behind = "smtpd_discard_ehlo_keywords = \n",
     .found = {{"smtpd_discard_ehlo_keywords", COMPARE_LOST, "has \"\""}}},
    {.name = "discard: postscreen's",
     .screened = true,
     .screens = true,
     .today = "postscreen_discard_ehlo_keywords = starttls\n",
     .found = {{"postscreen_discard_ehlo_keywords", COMPARE_LOST, "offers to nobody"}}},

    {.name = "discard for some: other words",
     .today = MAPS " = cidr:/etc/d\n",
     .tables = {{"cidr:/etc/d", "192.0.2.0/24 dsn, auth\n"}}},
    {.name = "discard for some: starttls",
     .today = MAPS " = cidr:/etc/d\n",
     .tables = {{"cidr:/etc/d", "192.0.2.0/24 dsn, STARTTLS\n198.51.100.1 dsn\n"}},
     .found = {{MAPS, COMPARE_LOST, "STARTTLS is offered to 192.0.2.0/24"}}},
    {.name = "discard for some: they are in starttls_except",
     .today = MAPS " = cidr:/etc/d\n",
     .options = "starttls_except = { \"192.0.2.0/23\", \"2001:db8::1\" }",
     .tables = {{"cidr:/etc/d", "192.0.2.0/24 starttls\n2001:db8::1\n  dsn,\n  starttls\n"}},
     .found = {{MAPS, COMPARE_EQUAL, "starttls_except"}}},
    {.name = "discard for some: an entry without it before one with it",
     .today = MAPS " = cidr:/etc/d\n",
     .options = "starttls_except = \"192.0.2.0/24\"",
     .tables = {{"cidr:/etc/d", "  \n198.51.100.1 dsn\n\n192.0.2.0/24 starttls\n"}},
     .found = {{MAPS, COMPARE_EQUAL, "starttls_except"}}},
    {.name = "discard for some: several are not in starttls_except",
     .today = MAPS " = cidr:/etc/d\n",
     .tables = {{"cidr:/etc/d", "192.0.2.1 starttls\n192.0.2.2 starttls\n192.0.2.3 starttls\n"}},
     .found = {{MAPS, COMPARE_LOST, "offered to 192.0.2.1 and others"}}},
    {.name = "discard for some: only some are in starttls_except",
     .today = MAPS " = hash:/etc/d, cidr:/etc/e\n",
     .options = "starttls_except = \"192.0.2.0/25\"",
     .tables = {{"hash:/etc/d", "192.0.2.1 starttls\n"},
                {"cidr:/etc/e", "192.0.2.0/24 starttls\n"}},
     .found = {{MAPS, COMPARE_LOST, "offered to 192.0.2.0/24"}}},
    {.name = "discard for some: a pattern",
     .today = MAPS " = pcre:/etc/d\n",
     .options = "starttls_except = \"192.0.2.0/24\"",
     .tables = {{"pcre:/etc/d", "/^192\\.0\\.2\\./ starttls\n"}},
     .found = {{MAPS, COMPARE_LOST, "offered to /^192"}}},
    {.name = "discard for some: an inline table",
     .today = MAPS " = inline:{ {192.0.2.1 = silent-discard, starttls}, 192.0.2.2=dsn }\n",
     .options = "starttls_except = \"192.0.2.1\"",
     .found = {{MAPS, COMPARE_EQUAL, "starttls_except"}}},
    {.name = "discard for some: an inline table, and they are not in starttls_except",
     .today = MAPS " = inline:{ {192.0.2.1 = silent-discard}, 192.0.2.2=starttls }\n",
     .options = "starttls_except = \"192.0.2.1\"",
     .found = {{MAPS, COMPARE_LOST, "offered to 192.0.2.2"}}},
    {.name = "discard for some: for all",
     .today = MAPS " = static:starttls\n",
     .tables = {{"static:starttls", "starttls"}},
     .found = {{MAPS, COMPARE_LOST, "tls = \"none\""}}},
    {.name = "discard for some: not looked into",
     .today = MAPS " = ldap:d\n",
     .found = {{MAPS, COMPARE_NOT_JUDGED, "ldap:d is not read"}}},
    {.name = "discard for some: nobody is offered it",
     .today = MAPS " = cidr:/etc/d\n",
     .options = NONE,
     .tables = {{"cidr:/etc/d", "192.0.2.0/24 starttls\n"}},
     .found = {{"smtpd_tls_security_level", COMPARE_FAIL, "TLS is no longer offered"}}},
    {.name = "discard for some: without TLS today",
     .today = MAPS " = ldap:d\nsmtpd_tls_security_level = none\n"},
    {.name = "discard for some: another table behind",
     .today = MAPS " = cidr:/etc/d\n",
     .behind = MAPS " = \n",
     .tables = {{"cidr:/etc/d", "192.0.2.0/24 dsn\n"}},
     .found = {{MAPS, COMPARE_LOST, "has \"\""}}},
    {.name = "discard for some: postscreen's",
     .screened = true,
     .screens = true,
     .today = "postscreen_discard_ehlo_keyword_address_maps = cidr:/etc/d\n",
     .tables = {{"cidr:/etc/d", "192.0.2.0/24 starttls\n"}},
     .found = {{"postscreen_discard_ehlo_keyword_address_maps", COMPARE_LOST, "offered to"}}},
};

/* --- milters -------------------------------------------------------------------------------- */

START_TEST(test_plaintext)
{
    compare_row_check(&plaintext[_i]);
}
END_TEST

START_TEST(test_lists)
{
    compare_row_check(&lists[_i]);
}
END_TEST

START_TEST(test_ccerts)
{
    compare_row_check(&ccerts[_i]);
}
END_TEST

START_TEST(test_keywords)
{
    compare_row_check(&keywords[_i]);
}
END_TEST

Suite *compare_lists_suite(void)
{
    Suite *suite = suite_create("compare_lists");
    TCase *tcase = tcase_create("compare_lists");

    tcase_add_loop_test(tcase, test_plaintext, 0, (int)NUM(plaintext));
    tcase_add_loop_test(tcase, test_lists, 0, (int)NUM(lists));
    tcase_add_loop_test(tcase, test_ccerts, 0, (int)NUM(ccerts));
    tcase_add_loop_test(tcase, test_results, 0, (int)NUM(results));
    tcase_add_loop_test(tcase, test_keywords, 0, (int)NUM(keywords));
    suite_add_tcase(suite, tcase);
    return suite;
}
