#include "lib/admin/span.h"

static void add(struct text *out, long long num, const char *unit)
{
    text_addf(out, "%lld %s%s", num, unit, num == 1 ? "" : "s");
}

void span_text(struct text *out, long long seconds)
{
    static const struct {
        long long seconds;
        const char *name;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}};

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (seconds >= 2 * units[i].seconds) {
            add(out, seconds / units[i].seconds, units[i].name);
            return;
        }
    }
    add(out, seconds < 0 ? 0 : seconds, "second");
}

void span_expiry_text(struct text *out, long long days)
{
    if (days < 0) {
        text_add(out, "EXPIRED ");
        add(out, -days, "day");
        text_add(out, " ago");
    } else if (days == 0) {
        text_add(out, "EXPIRES today");
    } else if (days < SPAN_SOON_DAYS) {
        text_add(out, "EXPIRES in ");
        add(out, days, "day");
    } else {
        add(out, days, "day");
        text_add(out, " left");
    }
}
