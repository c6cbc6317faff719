#include "lib/net/packet.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/hello_text.h"

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

#define ETHERNET    "020000000001 020000000002 0800"
#define ETHERNET_V6 "020000000001 020000000002 86dd"
#define VLAN        "020000000001 020000000002 8100 0007 0800"
#define COOKED      "0000 0001 0006 020000000001 0000 0800"
#define COOKED_2    "86dd 0000 00000002 0001 00 06 020000000001 0000"
#define LOOPBACK    "02000000"
#define LOOPBACK_BE "00000018"

/* Headers for a total length, a protocol, and with it the upper half of TCP's thirteenth byte. */
#define IPV4(total, protocol) "45 00" total "1c46 4000 40" protocol "0000 c0000207 cb007105"
#define IPV4_OPTIONS(total)   "46 00" total "1c46 4000 40 06 0000 c0000207 cb007105 94040000"
#define IPV6(len, protocol)                                                                        \
    "60000000" len protocol "40"                                                                   \
    "20010db8000000000000000000000007 20010db8000000000000000000000005"
#define TCP         "c03b 0019 00000001 00000001 50 18 ffff 0000 0000"
#define TCP_OPTIONS "c03b 0019 00000001 00000001 80 18 ffff 0000 0000 0101080a0000000100000002"

#define TCP_PACKET IPV4("002c", "06") TCP "16030100"

static const struct {
    const char *name;
    const char *packet;
    const char *payload; /* NULL: not a TCP packet */
    size_t rest;
} rows[] = {
    {"bare IPv4", TCP_PACKET, "16030100", 0},
    {"bare IPv6", IPV6("0018", "06") TCP "16030100", "16030100", 0},
    {"Ethernet", ETHERNET TCP_PACKET, "16030100", 0},
    {"Ethernet and IPv6", ETHERNET_V6 IPV6("0018", "06") TCP "16030100", "16030100", 0},
    {"VLAN", VLAN TCP_PACKET, "16030100", 0},
    {"Linux cooked", COOKED TCP_PACKET, "16030100", 0},
    {"Linux cooked 2", COOKED_2 IPV6("0018", "06") TCP "16030100", "16030100", 0},
    {"loopback, little endian", LOOPBACK TCP_PACKET, "16030100", 0},
    {"loopback, big endian", LOOPBACK_BE IPV6("0018", "06") TCP "16030100", "16030100", 0},
    {"options", IPV4_OPTIONS("003c") TCP_OPTIONS "16030100", "16030100", 0},
    {"what follows the packet stays", TCP_PACKET "aabb", "16030100", 2},
    {"padding of a short frame", ETHERNET IPV4("0028", "06") TCP "000000000000", "", 6},
    {"captured in part", IPV4("1000", "06") TCP "16030100", "16030100", 0},
    {"no length yet, IPv4", IPV4("0000", "06") TCP "16030100", "16030100", 0},
    {"no length yet, IPv6", IPV6("0000", "06") TCP "16030100", "16030100", 0},
    {"UDP", IPV4("002c", "11") TCP "16030100", NULL, 0},
    {"UDP over IPv6", IPV6("0018", "11") TCP "16030100", NULL, 0},
    {"ARP", "ffffffffffff 020000000002 0806 0001080006040001", NULL, 0},
    {"another network layer", "020000000001 020000000002 0801" TCP_PACKET, NULL, 0},
    {"too short for TCP", IPV4("0027", "06") "c03b 0019 00000001 00000001 50 18 ffff 0000 00", NULL,
     0},
    {"TCP header longer than the packet",
     IPV4("0028", "06") "c03b 0019 00000001 00000001 60 18"
                        "ffff 0000 0000",
     NULL, 0},
    {"TCP header too short",
     IPV4("002c", "06") "c03b 0019 00000001 00000001 40 18 ffff 0000 0000"
                        "16030100",
     NULL, 0},
    {"IPv4 header too short",
     "44 00 002c 1c46 4000 40 06 0000 c0000207 cb007105 c03b 0019 00000001 50000001 50 18 ffff 0000"
     "0000 16030100",
     NULL, 0},
    {"VLAN tag cut off", "020000000001 020000000002 8100 0007", NULL, 0},
    {"nothing", "", NULL, 0},
};

START_TEST(packet)
{
    size_t len;
    uint8_t *bytes = hello_text(rows[_i].packet, &len);
    struct bytes in = bytes_of(bytes, len);
    struct bytes payload = {0};
    bool taken = packet_take(&in, &payload);

    ck_assert_msg(taken == (rows[_i].payload != NULL), "%s", rows[_i].name);
    if (taken) {
        size_t expected_len;
        uint8_t *expected = hello_text(rows[_i].payload, &expected_len);

        ck_assert_msg(payload.len == expected_len && in.len == rows[_i].rest, "%s: %zu, %zu left",
                      rows[_i].name, payload.len, in.len);
        ck_assert_msg(memcmp(payload.data, expected, expected_len) == 0, "%s", rows[_i].name);
        free(expected);
    } else {
        ck_assert_msg(in.data == bytes && in.len == len && payload.data == NULL, "%s",
                      rows[_i].name);
    }
    free(bytes);
}
END_TEST

/* A capture may end anywhere. */
START_TEST(cut_anywhere)
{
    for (size_t i = 0; i < NUM(rows); i++) {
        size_t len;
        uint8_t *whole = hello_text(rows[i].packet, &len);

        for (size_t cut = 0; cut < len; cut++) {
            uint8_t *part = malloc(cut + 1);
            struct bytes in = bytes_of(part, cut);
            struct bytes payload = {0};

            memcpy(part, whole, cut);
            if (packet_take(&in, &payload)) {
                ck_assert(payload.data >= part && payload.data + payload.len <= part + cut);
                ck_assert(in.data >= part && in.data + in.len <= part + cut);
            }
            free(part);
        }
        free(whole);
    }
}
END_TEST

Suite *packet_suite(void)
{
    Suite *suite = suite_create("packet");
    TCase *tests = tcase_create("packet");

    tcase_add_loop_test(tests, packet, 0, NUM(rows));
    tcase_add_test(tests, cut_anywhere);
    suite_add_tcase(suite, tests);
    return suite;
}
