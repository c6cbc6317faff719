#include "lib/tls/extension.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/hello_text.h"

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

/* In which versions libssl refuses an extension block. */
enum { NEVER = 0, V10 = 1, V11 = 2, V12 = 4, V13 = 8, OLD = V10 | V11 | V12, ALWAYS = 16 };

static const struct {
    const char *name;
    const char *text; /* the extension block */
    unsigned refused;
} rows[] = {
    {"nothing", "", NEVER},
    {"an unknown extension", "1a1a[010203]", NEVER},
    {"an unknown extension twice", "1a1a[] 1a1a[]", NEVER},
    {"half a type", "00", ALWAYS},
    {"a type without length", "0017", ALWAYS},
    {"a body that overruns", "1a1a 0002 00", ALWAYS},

    {"server_name", "0000[[00[6162]]]", NEVER},
    {"an empty host_name", "0000[[00[]]]", NEVER},
    {"a host_name of 255 bytes", "0000[[00[Kff]]]", NEVER},
    {"a host_name of 256 bytes", "0000[[00[Kff 61]]]", ALWAYS},
    {"a zero byte in host_name", "0000[[00[6100]]]", ALWAYS},
    {"an empty server_name", "0000[]", ALWAYS},
    {"an empty list of names", "0000[[]]", ALWAYS},
    {"another type of name", "0000[[01[6162]]]", ALWAYS},
    {"two names", "0000[[00[61] 00[62]]]", ALWAYS},
    {"bytes behind server_name", "0000[[00[6162]] 00]", ALWAYS},
    {"server_name twice", "0000[[00[61]]] 0000[[00[61]]]", ALWAYS},

    {"max_fragment_length 1", "0001[01]", NEVER},
    {"max_fragment_length 4", "0001[04]", NEVER},
    {"max_fragment_length 0", "0001[00]", ALWAYS},
    {"max_fragment_length 5", "0001[05]", ALWAYS},
    {"two codes of max_fragment_length", "0001[0101]", ALWAYS},
    {"an empty max_fragment_length", "0001[]", ALWAYS},

    {"status_request", "0005[01 [] []]", NEVER},
    {"status_request with a responder", "0005[01 [[a103]] []]", NEVER},
    {"status_request of another type", "0005[02 ff]", NEVER},
    {"an empty status_request", "0005[]", ALWAYS},
    {"status_request without extensions", "0005[01 []]", ALWAYS},
    {"bytes behind status_request", "0005[01 [] [] 00]", ALWAYS},
    {"an empty responder", "0005[01 [[]] []]", ALWAYS},
    {"a torn responder", "0005[01 [00] []]", ALWAYS},

    {"supported_groups", "000a[[0017 0018]]", NEVER},
    {"an empty list of groups", "000a[[]]", ALWAYS},
    {"an odd list of groups", "000a[[001700]]", ALWAYS},
    {"bytes behind the groups", "000a[[0017] 00]", ALWAYS},
    {"an empty supported_groups", "000a[]", ALWAYS},

    {"ec_point_formats", "000b[<01>]", NEVER},
    {"an empty list of point formats", "000b[<>]", OLD},
    {"bytes behind the point formats", "000b[<00> 00]", OLD},
    {"an empty ec_point_formats", "000b[]", OLD},

    {"srp", "000c[<61>]", NEVER},
    {"an srp user of no bytes", "000c[<>]", NEVER},
    {"a zero byte in the srp user", "000c[<6100>]", OLD},
    {"bytes behind srp", "000c[<61> 00]", OLD},

    {"signature_algorithms", "000d[[0403]]", NEVER},
    {"an odd list of schemes", "000d[[040305]]", V12 | V13},
    {"an empty list of schemes", "000d[[]]", ALWAYS},
    {"bytes behind the schemes", "000d[[0403] 00]", ALWAYS},

    {"use_srtp", "000e[[0001] 00]", ALWAYS},

    {"ALPN", "0010[[<736d7470>]]", NEVER},
    {"an empty list of protocols", "0010[[]]", ALWAYS},
    {"an empty protocol name", "0010[[<61><>]]", ALWAYS},
    {"a torn protocol name", "0010[[02 61]]", ALWAYS},
    {"bytes behind ALPN", "0010[[<61>] 00]", ALWAYS},

    {"signed_certificate_timestamp", "0012[00]", NEVER},
    {"padding", "0015[01]", NEVER},
    {"encrypt_then_mac", "0016[01]", NEVER},
    {"session_ticket", "0023[0102]", NEVER},
    {"cookie", "002c[01]", NEVER},
    {"next_protocol_negotiation", "3374[01]", NEVER},
    {"cryptopro_bug", "fde8[01]", NEVER},

    {"extended_master_secret", "0017[]", NEVER},
    {"extended_master_secret with a body", "0017[00]", OLD},
    {"early_data", "002a[]", NEVER},
    {"early_data with a body", "002a[00]", V13},
    {"post_handshake_auth", "0031[]", NEVER},
    {"post_handshake_auth with a body", "0031[00]", V13},

    {"supported_versions", "002b[<0304>]", NEVER},
    {"no versions", "002b[<>]", NEVER},
    {"an odd list of versions", "002b[<030403>]", ALWAYS},
    {"bytes behind the versions", "002b[<0304> 00]", ALWAYS},
    {"an empty supported_versions", "002b[]", ALWAYS},

    {"psk_key_exchange_modes", "002d[<01>]", NEVER},
    {"no modes", "002d[<>]", V13},
    {"bytes behind the modes", "002d[<01> 00]", V13},

    {"certificate_authorities", "002f[[[30<00>]]]", NEVER},
    {"no authorities", "002f[[]]", NEVER},
    {"a name with a long length", "002f[[[30 81 <K80>]]]", NEVER},
    {"a name with a longer length", "002f[[[30 82 [K80]]]]", NEVER},
    {"a name that is no sequence", "002f[[[31<00>]]]", V13},
    {"a name that is too short", "002f[[[30 02 00]]]", V13},
    {"bytes behind a name", "002f[[[30<00> 00]]]", V13},
    {"a name with a torn length", "002f[[[30 82 00]]]", V13},
    {"an empty name", "002f[[[]]]", V13},
    {"a torn name", "002f[[0003 3000]]", V13},
    {"bytes behind the authorities", "002f[[[30<00>]] 00]", V13},

    {"signature_algorithms_cert", "0032[[0403]]", NEVER},
    {"an odd list of certificate schemes", "0032[[040305]]", V12 | V13},
    {"an empty list of certificate schemes", "0032[[]]", ALWAYS},

    {"key_share", "0033[[001d[K20]]]", NEVER},
    {"no shares", "0033[[]]", NEVER},
    {"an empty share", "0033[[001d[]]]", V13},
    {"a torn share", "0033[[001d 0020 00]]", V13},
    {"bytes behind the shares", "0033[[001d[K20]] 00]", V13},
    {"an empty key_share", "0033[]", V13},

    {"renegotiation_info", "ff01[<>]", NEVER},
    {"bytes behind renegotiation_info", "ff01[<> 00]", NEVER},
    {"renegotiation_info of another handshake", "ff01[<00>]", OLD},
    {"an empty renegotiation_info", "ff01[]", OLD},
    {"a torn renegotiation_info", "ff01[02 00]", OLD},

    {"pre_shared_key", "002d[<01>] 0029[[[61] 00000000] [<K20>]]", NEVER},
    {"pre_shared_key without its modes", "0029[[[61] 00000000] [<K20>]]", ALWAYS},
    {"pre_shared_key is not the last", "002d[<01>] 0029[[[61] 00000000] [<K20>]] 1a1a[]", ALWAYS},
    {"an empty identity", "002d[<01>] 0029[[[] 00000000] [<K20>]]", V13},
    {"an identity without age", "002d[<01>] 0029[[[61] 0000] [<K20>]]", V13},
    {"a torn identity", "002d[<01>] 0029[[0002 61]]", V13},
    {"a torn pre_shared_key", "002d[<01>] 0029[00]", V13},
    {"a torn pre_shared_key and another mode", "002d[<00>] 0029[00]", NEVER},
    {"no binders", "002d[<01>] 0029[[]]", NEVER},

    {"groups twice", "000a[[0017]] 000a[[0017]]", ALWAYS},
    {"encrypt_then_mac twice", "0016[] 0016[]", ALWAYS},
    {"renegotiation_info twice", "ff01[<>] ff01[<>]", ALWAYS},
};

/* A libssl without any of the newer extensions, and what is refused by one that has them. */
static const struct libssl oldest;
static const struct libssl client_type = {.knows_client_certificate_type = true};
static const struct libssl server_type = {.knows_server_certificate_type = true};
static const struct libssl compression = {.knows_compress_certificate = true};
static const struct libssl compressing = {.knows_compress_certificate = true,
                                          .reads_compress_certificate = true};

static const struct {
    const char *name;
    const struct libssl *libssl;
    const char *text;
    unsigned refused;
} newer_rows[] = {
    {"client_certificate_type", &client_type, "0013[<02>] 1a1a[]", NEVER},
    {"client_certificate_type twice", &client_type, "0013[<02>] 1a1a[] 0013[]", OLD | V13},
    {"the other two twice", &client_type, "0014[] 0014[] 001b[] 001b[]", NEVER},
    {"server_certificate_type twice", &server_type, "0014[<02>] 0014[<02>]", OLD | V13},
    {"the other two twice", &server_type, "0013[] 0013[] 001b[] 001b[]", NEVER},
    {"compress_certificate twice", &compression, "001b[<0002>] 001b[<0002>]", OLD | V13},
    {"the other two twice", &compression, "0013[] 0013[] 0014[] 0014[]", NEVER},
    {"all twice, older libssl", &oldest, "0013[] 0013[] 0014[] 0014[] 001b[] 001b[]", NEVER},
    {"an unknown one twice", &compressing, "1a1a[] 1a1a[]", NEVER},
    {"compress_certificate", &compressing, "001b[<0002>]", NEVER},
    {"several compressions, one of them unknown", &compressing, "001b[<0001 0a0a 0003>]", NEVER},
    {"an empty compress_certificate", &compressing, "001b[]", V13},
    {"no compression", &compressing, "001b[<>]", V13},
    {"an odd list of compressions", &compressing, "001b[<000200>]", V13},
    {"bytes behind the compressions", &compressing, "001b[<0002> 00]", V13},
    {"a torn list of compressions", &compressing, "001b[04 0002]", V13},
    {"a torn list of compressions, built without any", &compression, "001b[04 0002]", NEVER},
    {"a torn list of compressions, older libssl", &oldest, "001b[04 0002]", NEVER},
};

START_TEST(newer_row)
{
    size_t len;
    uint8_t *bytes = hello_text(newer_rows[_i].text, &len);
    struct hello hello = {.extensions = bytes_of(bytes, len)};

    ck_assert_msg(extension_read_block(&hello) == NULL, "%s", newer_rows[_i].name);
    for (uint16_t i = 0; i < 4; i++) {
        const char *fault =
            extension_check_block(&hello, newer_rows[_i].libssl, (uint16_t)(0x0301 + i));

        ck_assert_msg((fault != NULL) == ((newer_rows[_i].refused & 1u << i) != 0),
                      "%s in %04x: %s", newer_rows[_i].name, 0x0301 + i,
                      fault != NULL ? fault : "good");
    }
    free(bytes);
}
END_TEST

START_TEST(row)
{
    size_t len;
    uint8_t *bytes = hello_text(rows[_i].text, &len);
    struct hello hello = {.extensions = bytes_of(bytes, len)};
    const char *why = extension_read_block(&hello);

    ck_assert_msg((why != NULL) == (rows[_i].refused == ALWAYS), "%s: %s", rows[_i].name,
                  why != NULL ? why : "good");
    for (uint16_t i = 0; i < 4 && why == NULL; i++) {
        const char *fault = extension_check_block(&hello, &newest_libssl, (uint16_t)(0x0301 + i));

        ck_assert_msg((fault != NULL) == ((rows[_i].refused & 1u << i) != 0), "%s in %04x: %s",
                      rows[_i].name, 0x0301 + i, fault != NULL ? fault : "good");
    }
    free(bytes);
}
END_TEST

/* Each extension that libssl knows may come once only. */
START_TEST(known_extensions_come_once)
{
    static const uint16_t known[] = {18, 21, 22, 23, 35, 42, 44, 49, 13172, 0xfde8};

    for (size_t i = 0; i < NUM(known); i++) {
        const uint8_t high = (uint8_t)(known[i] >> 8);
        const uint8_t low = (uint8_t)known[i];
        const uint8_t block[] = {high, low, 0, 0, high, low, 0, 0};
        struct hello hello = {.extensions = bytes_of(block, sizeof block)};

        ck_assert_msg(extension_read_block(&hello) != NULL, "%d", known[i]);
    }
}
END_TEST

/* What is torn is not there for those who look only at the fields. */
START_TEST(torn_fields_are_absent)
{
    size_t len;
    uint8_t *bytes = hello_text("0033[[001d[K20]] 00] 002f[00]", &len);
    struct hello hello = {.extensions = bytes_of(bytes, len)};

    ck_assert_ptr_null(extension_read_block(&hello));
    ck_assert(!hello.has_key_share && !hello.has_ca_names);
    free(bytes);
}
END_TEST

Suite *extension_suite(void)
{
    Suite *suite = suite_create("extension");
    TCase *tests = tcase_create("extension");

    tcase_add_loop_test(tests, row, 0, NUM(rows));
    tcase_add_loop_test(tests, newer_row, 0, NUM(newer_rows));
    tcase_add_test(tests, known_extensions_come_once);
    tcase_add_test(tests, torn_fields_are_absent);
    suite_add_tcase(suite, tests);
    return suite;
}
