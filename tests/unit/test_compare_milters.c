#include "tests/unit/compare_base.h"

#include <check.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define OURS    "unix:/run/postern/milter"
#define SECTION "milter { socket = \"" OURS "\" }\n"

static const struct compare_row milters[] = {
    {.name = "milters: ours before today's",
     .today = "smtpd_milters = inet:127.0.0.1:11332, unix:/run/dkim\n",
     .behind = "smtpd_milters = " OURS ", inet:127.0.0.1:11332, unix:/run/dkim\n",
     .more = SECTION},
    {.name = "milters: macros about TLS",
     .today = "smtpd_milters = unix:/run/dkim\nmilter_helo_macros = {tls_version} {cipher}\n",
     .found = {{"milter_helo_macros", COMPARE_LOST, "milters get no {tls_version}"}}},
    {.name = "milters: macros about TLS for nobody",
     .today = "milter_helo_macros = {tls_version}\n"},
    {.name = "milters: other macros",
     .today = "smtpd_milters = unix:/run/dkim\nmilter_mail_macros = i {auth_type}\n"},
    {.name = "milters: one is gone",
     .today = "smtpd_milters = inet:127.0.0.1:11332, unix:/run/dkim\n",
     .behind = "smtpd_milters = " OURS ", inet:127.0.0.1:11332\n",
     .found = {{"smtpd_milters", COMPARE_FAIL, "does not use unix:/run/dkim"}}},
    {.name = "milters: all are gone",
     .today = "smtpd_milters = inet:127.0.0.1:11332, unix:/run/dkim\n",
     .behind = "smtpd_milters = \n",
     .found = {{"smtpd_milters", COMPARE_FAIL, "inet:127.0.0.1:11332"},
               {"smtpd_milters", COMPARE_FAIL, "unix:/run/dkim"}}},
    {.name = "milters: one is gone for TLS",
     .today = "smtpd_milters = unix:/run/dkim\n",
     .secured = "smtpd_milters = \n",
     .found = {{"smtpd_milters", COMPARE_FAIL, "unix:/run/dkim"}}},
    {.name = "milters: with settings of its own",
     .today = "smtpd_milters = { inet:127.0.0.1:1, connect_timeout=5s, default_action=accept }\n",
     .behind =
         "smtpd_milters = " OURS " {inet:127.0.0.1:1,connect_timeout=5s default_action=accept}\n"},
    {.name = "milters: with different settings",
     .today = "smtpd_milters = { inet:127.0.0.1:1, default_action=reject }\n",
     .behind = "smtpd_milters = { inet:127.0.0.1:1, default_action=accept }\n",
     .found = {{"smtpd_milters", COMPARE_LOST, "uses inet:127.0.0.1:1 with different settings"}}},
    {.name = "milters: without the settings of its own",
     .today = "smtpd_milters = { inet:127.0.0.1:1, default_action=reject }\n",
     .behind = "smtpd_milters = inet:127.0.0.1:1\n",
     .found = {{"smtpd_milters", COMPARE_LOST, "uses inet:127.0.0.1:1 with different settings"}}},
    {.name = "milters: in braces without settings",
     .today = "smtpd_milters = { inet:127.0.0.1:1 }\n",
     .behind = "smtpd_milters = inet:127.0.0.1:1\n"},
    {.name = "milters: a longer name is another one",
     .today = "smtpd_milters = inet:127.0.0.1:1\n",
     .behind = "smtpd_milters = inet:127.0.0.1:11 { inet:127.0.0.1:12 }\n",
     .found = {{"smtpd_milters", COMPARE_FAIL, "does not use inet:127.0.0.1:1"}}},
    {.name = "milters: new ones", .behind = "smtpd_milters = unix:/run/new\n"},
    {.name = "milters: nothing in braces", .today = "smtpd_milters = {} { }\n"},

    {.name = "milter maps: no milter of ours", .today = "smtpd_milter_maps = cidr:/etc/m\n"},
    {.name = "milter maps: a policy service alone",
     .today = "smtpd_milter_maps = cidr:/etc/m\n",
     .more =
         "milter { socket = \"\" policy = \"p\" policy_socket = \"unix:/run/postern/policy\" }\n"},
    {.name = "milter maps: none", .more = SECTION},
    {.name = "milter maps: ours is not asked",
     .today = "smtpd_milter_maps = cidr:/etc/m\n",
     .behind = "smtpd_milters = " OURS "\n",
     .more = SECTION,
     .tables = {{"cidr:/etc/m", "192.0.2.0/24 unix:/run/dkim\n"}},
     .found = {{"smtpd_milter_maps", COMPARE_FAIL, "postern-milter is not used"}}},
    {.name = "milter maps: not looked into",
     .today = "smtpd_milter_maps = ldap:m\n",
     .behind = "smtpd_milters = " OURS "\n",
     .more = SECTION,
     .found = {{"smtpd_milter_maps", COMPARE_FAIL, "postern-milter is not used"}}},
    {.name = "milter maps: ours is in each entry",
     .today = "smtpd_milter_maps = cidr:/etc/m\n",
     .behind = "smtpd_milters = " OURS "\n",
     .more = SECTION,
     .tables = {{"cidr:/etc/m",
                 "192.0.2.0/24 unix:/run/dkim, " OURS "\n198.51.100.1\n  " OURS "\n"}},
     .found = {{"smtpd_milter_maps", COMPARE_EQUAL, "each entry"}}},
    {.name = "milter maps: ours is in each entry but one",
     .today = "smtpd_milter_maps = cidr:/etc/m\n",
     .behind = "smtpd_milters = " OURS "\n",
     .more = SECTION,
     .tables = {{"cidr:/etc/m", "192.0.2.0/24 " OURS "\n198.51.100.1 DISABLE\n"}},
     .found = {{"smtpd_milter_maps", COMPARE_FAIL, "postern-milter is not used"}}},
    {.name = "milter maps: ours by its name in Postfix's queue directory",
     .today = "smtpd_milter_maps = inline:{ {192.0.2.1 = {unix:postern/milter, "
              "default_action=accept}}, 192.0.2.2=unix:milter }\n",
     .behind = "smtpd_milters = " OURS "\n",
     .more = SECTION,
     .found = {{"smtpd_milter_maps", COMPARE_EQUAL, "each entry"}}},
    {.name = "milter maps: another one in the queue directory",
     .today = "smtpd_milter_maps = cidr:/etc/m\n",
     .behind = "smtpd_milters = " OURS "\n",
     .more = SECTION,
     .tables = {{"cidr:/etc/m", "192.0.2.0/24 unix:filter unix: unix:lter inet:milter:1\n"}},
     .found = {{"smtpd_milter_maps", COMPARE_FAIL, "postern-milter is not used"}}},
    {.name = "milter maps: ours at a port",
     .today = "smtpd_milter_maps = cidr:/etc/m, cidr:/etc/n\n",
     .behind = "smtpd_milters = inet:127.0.0.1:8891\n",
     .more = "milter { socket = \"127.0.0.1:8891\" }\n",
     .tables = {{"cidr:/etc/m", "192.0.2.0/24 inet:127.0.0.1:8891\n"},
                {"cidr:/etc/n", "192.0.3.0/24 { inet:127.0.0.1:8891, protocol=6 }\n"}},
     .found = {{"smtpd_milter_maps", COMPARE_EQUAL, "each entry"}}},
    {.name = "milter maps: another port",
     .today = "smtpd_milter_maps = cidr:/etc/m\n",
     .behind = "smtpd_milters = inet:127.0.0.1:8891\n",
     .more = "milter { socket = \"127.0.0.1:8891\" }\n",
     .tables = {{"cidr:/etc/m", "192.0.2.0/24 inet:127.0.0.1:8892\n"}},
     .found = {{"smtpd_milter_maps", COMPARE_FAIL, "postern-milter is not used"}}},
    {.name = "milter maps: taken away",
     .today = "smtpd_milter_maps = cidr:/etc/m\n",
     .behind = "smtpd_milters = " OURS "\nsmtpd_milter_maps = \n",
     .more = SECTION,
     .tables = {{"cidr:/etc/m", "192.0.2.0/24 DISABLE\n"}},
     .found = {{"smtpd_milter_maps", COMPARE_LOST, "the milters in smtpd_milters"}}},
    {.name = "milter maps: taken away without need",
     .today = "smtpd_milter_maps = cidr:/etc/m\n",
     .behind = "smtpd_milter_maps = \n",
     .found = {{"smtpd_milter_maps", COMPARE_FAIL, "is not demanded there"}}},
};

START_TEST(test_milters)
{
    compare_row_check(&milters[_i]);
}
END_TEST

Suite *compare_milters_suite(void)
{
    Suite *suite = suite_create("compare_milters");
    TCase *tcase = tcase_create("compare_milters");

    tcase_add_loop_test(tcase, test_milters, 0, (int)NUM(milters));
    suite_add_tcase(suite, tcase);
    return suite;
}
