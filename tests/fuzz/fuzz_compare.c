/*
 * Fuzz target: what an administrator's settings come to.
 *
 * The input has up to three parts, which a form feed ends: the settings of today's service, those
 * that are other ones behind posternd, and the text of every lookup table. Each finding has a
 * verdict, a parameter and a whole text, and all are counted.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/postfix/compare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PARTS = 3 };

static const char configuration[] =
    "hostname = \"mail.example.org\"\n"
    "certificate \"a\" { chain = \"a.pem\" }\n"
    "certificate_set \"s\" { certificates = \"a\" names = { \"mail.example.org\" } }\n"
    "backend \"smtpd\" { address = \"127.0.0.1:12525\" }\n"
    "milter { }\n"
    "listener \"mx\" {\n"
    "    address = { \"0.0.0.0:25\", \"[::]:25\" }\n"
    "    certificate_sets = \"s\"\n"
    "    backend = \"smtpd\"\n"
    "    starttls_except = { \"192.0.2.0/24\" }\n"
    "}\n";

static void must(bool good)
{
    if (!good) {
        abort();
    }
}

/* Copies the part that `*data` begins with, without NULs, which no line of postconf's has. */
static char *take_part(const uint8_t **data, const uint8_t *end)
{
    char *part = malloc((size_t)(end - *data) + 1);
    size_t len = 0;

    must(part != NULL);
    while (*data < end && **data != '\f') {
        part[len] = (char)**data;
        len += *(*data)++ != '\0';
    }
    *data += *data < end;
    part[len] = '\0';
    return part;
}

static char *read_table(void *arg, const char *table)
{
    return strncmp(table, "sql:", 4) == 0 ? NULL : strdup(arg);
}

static void check_findings(const struct comparison *all)
{
    size_t num = 0;

    for (size_t i = 0; i < all->num; i++) {
        must(all->findings[i].verdict > COMPARE_SAME &&
             all->findings[i].verdict <= COMPARE_NOT_JUDGED);
        must(memchr(all->findings[i].text, '\0', COMPARE_TEXT_SIZE) != NULL);
        must(all->findings[i].parameter[0] != '\0');
    }
    for (size_t i = COMPARE_SAME + 1; i < NUM_COMPARE_VERDICTS; i++) {
        num += all->num_by_verdict[i];
    }
    must(num == all->num);
}

static void compare_parts(const struct conf *conf, char *const parts[PARTS])
{
    struct settings none = {0};
    struct settings today = {0};
    struct settings behind = {0};
    struct comparison all;
    struct compare_input input = {.conf = conf,
                                  .listener = &conf->listeners[0],
                                  .defaults = &none,
                                  .main_cf = &today,
                                  .own = &none,
                                  .known = true,
                                  .files = {"", "", "", ""},
                                  .read_table = read_table,
                                  .arg = parts[2]};

    must(settings_read(&today, parts[0]) == 0 && settings_take(&behind, &today, "") == 0 &&
         settings_read(&behind, parts[1]) == 0);
    input.today.values = &today;
    input.plain.values = &behind;
    input.secured = input.plain;
    must(compare(&input, &all) == 0);
    check_findings(&all);
    comparison_free(&all);
    settings_free(&today);
    settings_free(&behind);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct conf *conf;
    const uint8_t *end = data + size;
    struct conf_error error;
    char *parts[PARTS];

    if (conf == NULL) {
        conf = conf_parse("postern.conf", (const uint8_t *)configuration, strlen(configuration),
                          &error);
        must(conf != NULL);
    }
    for (size_t i = 0; i < PARTS; i++) {
        parts[i] = take_part(&data, end);
    }
    compare_parts(conf, parts);
    for (size_t i = 0; i < PARTS; i++) {
        free(parts[i]);
    }
    return 0;
}
