#include "tests/differential/hellos.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/tls/names.h"

#define NUM(array) (sizeof(array) / sizeof((array)[0]))
#define LIST(...)                                                                                  \
    {                                                                                              \
        true, sizeof((uint16_t[]){__VA_ARGS__}) / sizeof(uint16_t),                                \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define ABSENT                                                                                     \
    {                                                                                              \
        false, 0,                                                                                  \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

static const struct version_choice {
    bool sslv2;
    uint16_t legacy;
    struct list versions;
} version_choices[] = {
    {true, 0x0301, ABSENT},
    {true, 0x0303, ABSENT},
    {true, 0x0002, ABSENT},
    {true, 0x0401, ABSENT},
    {false, 0x0300, ABSENT},
    {false, 0x0301, ABSENT},
    {false, 0x0302, ABSENT},
    {false, 0x0303, ABSENT},
    {false, 0x0304, ABSENT},
    {false, 0x0303, LIST(0x0304)},
    {false, 0x0303, LIST(0x0304, 0x0303)},
    {false, 0x0303, LIST(0x0a0a, 0x0301, 0x0302, 0x0303)},
    {false, 0x0303, LIST(0x7a7a, 0x0304, 0x0303, 0x0302, 0x0301)},
    {false, 0x0301, LIST(0x0303, 0x0304)},
    {false, 0x0300, LIST(0x0304, 0x0303)},
    {false, 0x0303, {true, 0, {0}}},
};

static const struct list suite_choices[] = {
    LIST(0xc02b, 0xc02f, 0xc023, 0xc027, 0xc013, 0x009d, 0x009c, 0x003d, 0x003c, 0x0035, 0x002f,
         0x000a),
    LIST(0x1302, 0x1303, 0x1301, 0xc02c, 0xc030, 0x009f, 0xcca9, 0xcca8, 0xccaa, 0xc02b, 0xc02f,
         0x009e, 0xc024, 0xc028, 0x006b, 0xc023, 0xc027, 0x0067, 0xc00a, 0xc014, 0x0039, 0xc009,
         0xc013, 0x0033, 0x009d, 0x009c, 0x003d, 0x003c, 0x0035, 0x002f, 0x00ff),
    LIST(0xc009, 0xc00a, 0x1301),
    LIST(0xc013, 0xc014, 0x1303),
    LIST(0x002f, 0x0035, 0x000a, 0x0005),
    LIST(0x0033, 0x0039, 0x1301),
    LIST(0x1301, 0x1302),
    LIST(0xc02c, 0xc02b, 0xc030, 0x5600),
    LIST(0x1302, 0xc02b, 0xc013, 0x002f, 0x5600),
    LIST(0xc018, 0x0034, 0xc02b, 0x002f),
    LIST(0x0a0a, 0x00ab, 0xc001, 0x1304),
};

static const struct list group_choices[] = {
    ABSENT,
    LIST(0x0017),
    LIST(0x0018),
    LIST(0x0019, 0x0018),
    LIST(0x001d),
    LIST(0x001e, 0x0018),
    LIST(0x2a2a, 0x001d, 0x0017, 0x0018),
    LIST(0x0018, 0x0017),
    LIST(0x0100, 0x0101),
    LIST(0x0016, 0x001a),
    LIST(0x0016, 0x001a, 0x0019, 0x0017),
    LIST(0x11ec, 0x001d, 0x0017, 0x0018, 0x0019),
    LIST(0x11ec),
    LIST(0x11ed, 0x11eb, 0x0018),
    LIST(0x001d, 0x11ec),
};

static const struct list scheme_choices[] = {
    ABSENT,
    LIST(0x0401, 0x0501, 0x0201, 0x0403, 0x0503, 0x0203, 0x0202, 0x0601, 0x0603),
    LIST(0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0809, 0x080a, 0x080b, 0x0804, 0x0805, 0x0806,
         0x0401, 0x0501, 0x0601),
    LIST(0x0403),
    LIST(0x0503),
    LIST(0x0603),
    LIST(0x0203),
    LIST(0x0303, 0x0301),
    LIST(0x0201),
    LIST(0x0401),
    LIST(0x0601, 0x0501),
    LIST(0x0804),
    LIST(0x0806),
    LIST(0x080b),
    LIST(0x0809, 0x0806),
    LIST(0x0807),
    LIST(0x0808, 0x0a0a),
    LIST(0x0202, 0x0402),
    LIST(0x081a, 0x0904),
    LIST(0x0905),
    LIST(0x0906, 0x0904, 0x0403),
    LIST(0x0301, 0x0401, 0x0303, 0x0403),
    LIST(0x081c, 0x081b, 0x081a, 0x0806, 0x0503, 0x0403),
};

static const struct list cert_scheme_choices[] = {
    ABSENT,
    LIST(0x0401, 0x0501, 0x0403),
    ABSENT,
    LIST(0x0503, 0x0303),
    LIST(0x0201, 0x0804),
    ABSENT,
    LIST(0x0807, 0x080a),
    LIST(0x0601, 0x0809),
    LIST(0x0905, 0x0503),
    LIST(0x0a0a, 0x081a),
    LIST(0x081b, 0x081c),
};

/* What random lists are drawn from; what stands twice comes more often. */
static const uint16_t suite_pool[] = {
    0x1301, 0x1302, 0x1303, 0x1304, 0xc02b, 0xc02c, 0xc02f, 0xc030, 0xcca8, 0xcca9, 0xccaa, 0xc009,
    0xc00a, 0xc013, 0xc014, 0xc023, 0xc024, 0xc027, 0xc028, 0x0033, 0x0039, 0x009e, 0x009f, 0x0067,
    0x002f, 0x0035, 0x003c, 0x009c, 0x009d, 0x000a, 0x0005, 0x0004, 0x00ff, 0x1a1a, 0xc018, 0x0034,
    0x00a6, 0x0041, 0xc09c, 0xc0ac, 0x008c, 0xc05c, 0x0002, 0x0013, 0xfefe, 0x1301, 0xc02b,
};
static const uint16_t group_pool[] = {0x0017, 0x0018, 0x0019, 0x001d, 0x001e, 0x0016,
                                      0x001a, 0x0100, 0x0101, 0x11ec, 0x3a3a, 0x0001,
                                      0x0017, 0x001d, 0x11eb, 0x11ec, 0x11ed, 0x0201};
static const uint16_t scheme_pool[] = {0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805,
                                       0x0806, 0x0809, 0x080a, 0x080b, 0x0401, 0x0501, 0x0601,
                                       0x0201, 0x0203, 0x0301, 0x0303, 0x0202, 0x0402, 0x4a4a,
                                       0x081a, 0x081b, 0x081c, 0x0904, 0x0101, 0x0905, 0x0906};
static const uint16_t version_pool[] = {0x0304, 0x0303, 0x0302, 0x0301, 0x0300,
                                        0x5a5a, 0x7f1c, 0x0304, 0x0303};

/* Every extension that libssl 3.0 knows, those that newer ones know, and one that none does. */
static const uint16_t extension_pool[] = {0,  1,  5,  10,    11,     12,     13,     14, 16, 18,
                                          21, 22, 23, 35,    41,     42,     43,     44, 45, 47,
                                          49, 50, 51, 13172, 0xfde8, 0xff01, 0x0a0a, 19, 20, 27};

/* What clients of TLS 1.3 offer, with each list of shares: strangers, GREASE and groups of older
 * versions among them. */
static const struct list offer_choices[] = {
    LIST(0x0017),
    LIST(0x001d, 0x0017),
    LIST(0x0017, 0x001d),
    LIST(0x0018, 0x0017, 0x001d),
    LIST(0x001d, 0x001d, 0x0017),
    LIST(0x11ec, 0x001d, 0x0017, 0x0018, 0x0019, 0x001e, 0x0100),
    LIST(0x2a2a, 0x001a, 0x0016, 0x0019, 0x001e, 0x0017),
    LIST(0x11ec, 0x2a2a),
    LIST(0x11eb, 0x0018, 0x11ed, 0x11ec),
};

static const struct list share_choices[] = {
    ABSENT,
    {true, 0, {0}},
    LIST(0x001d),
    LIST(0x0017),
    LIST(0x0018),
    LIST(0x001d, 0x0017),
    LIST(0x0017, 0x001d),
    LIST(0x0018, 0x0017, 0x001d),
    LIST(0x001e, 0x0019, 0x0018),
    LIST(0x0017, 0x0017),
    LIST(0x0017, 0x001d, 0x0017),
    LIST(0x11ec),
    LIST(0x11ec, 0x001d),
    LIST(0x0017, 0x11ec),
    LIST(0x11eb),
    LIST(0x11ed, 0x0018),
    LIST(0x2a2a, 0x0017),
    LIST(0x001a, 0x0017),
    LIST(0x0100, 0x0018),
    LIST(0x0017, 0x0202),
};

/* splitmix64: the same numbers on every machine. */
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static size_t below(uint64_t *state, size_t limit)
{
    return (size_t)(next(state) % limit);
}

static void fill(struct list *out, uint64_t *state, const uint16_t *pool, size_t num, size_t max)
{
    out->present = true;
    out->num = 1 + below(state, max);
    for (size_t i = 0; i < out->num; i++) {
        out->ids[i] = pool[below(state, num)];
    }
}

/* Shares for the first `num` groups of the client. */
static void share_first(struct description *d, size_t num)
{
    d->shares.present = true;
    d->shares.num = 0;
    for (size_t i = 0; i < d->groups.num && i < num; i++) {
        d->shares.ids[d->shares.num++] = d->groups.ids[i];
    }
}

static void describe_random(struct description *d, uint64_t *state)
{
    size_t pick = below(state, 100);

    d->sslv2 = pick < 4;
    d->legacy_version = pick < 60 ? 0x0303 : version_pool[below(state, NUM(version_pool))];
    if (pick >= 20 && below(state, 3) > 0) {
        fill(&d->versions, state, version_pool, NUM(version_pool), 4);
    }
    fill(&d->suites, state, suite_pool, NUM(suite_pool), pick % 3 == 0 ? 3 : 30);
    if (below(state, 20) == 0) {
        d->suites.ids[0] = SCSV_FALLBACK;
    }
    d->session_id_len = below(state, 2) * 32;
    if (below(state, 20) == 0) {
        d->frame = (enum frame_fault)below(state, NUM_FRAME_FAULTS);
    }
    if (below(state, 12) > 0) {
        fill(&d->groups, state, group_pool, NUM(group_pool), 5);
    }
    if (below(state, 10) > 0) {
        fill(&d->schemes, state, scheme_pool, NUM(scheme_pool), pick % 3 == 0 ? 3 : 20);
    }
    if (below(state, 4) == 0) {
        fill(&d->cert_schemes, state, scheme_pool, NUM(scheme_pool), 6);
    }
    if (below(state, 15) > 0) {
        share_first(d, below(state, 4));
        if (below(state, 20) == 0) {
            fill(&d->shares, state, group_pool, NUM(group_pool), 3);
        } else if (d->groups.num > 0 && below(state, 5) == 0) {
            fill(&d->shares, state, d->groups.ids, d->groups.num, 4);
        }
        if (below(state, 30) == 0) {
            d->share_fault = (enum share_fault)below(state, NUM_SHARE_FAULTS);
        }
    }
    if (below(state, 12) == 0) {
        d->num_compression = below(state, 4);
        for (size_t i = 0; i < d->num_compression; i++) {
            d->compression[i] = (uint8_t)below(state, 2);
        }
    }
    if (below(state, 4) == 0) {
        d->fault = (struct fault){
            .present = true,
            .first = below(state, 2) == 0,
            .replaces = below(state, 3) == 0,
            .overlong = below(state, 40) == 0,
            .twice = below(state, 8) == 0,
            .type = extension_pool[below(state, NUM(extension_pool))],
            .body = below(state, hello_num_bodies()),
        };
    }
}

/* How many suite lists each combination of versions, groups and schemes is tried with. */
enum { SUITES_PER_COMBINATION = 3 };

/* Hellos that every RSA and P-256 certificate can serve, but for a fault: one for each version,
 * and the SSLv2 format. */
static const struct version_choice good_versions[] = {
    {false, 0x0303, LIST(0x0304)},
    {false, 0x0303, ABSENT},
    {false, 0x0301, ABSENT},
    {true, 0x0301, ABSENT},
};

static const uint8_t damages[] = {0x01, 0x80, 0xff, 0x20, 0x21};

/* Longer than any good hello. */
enum { GOOD_MAX = 220 };

static void describe_good(struct description *d, size_t which)
{
    static const struct list suites = LIST(0x1301, 0xc02b, 0xc02f, 0xc009, 0xc013, 0x002f);
    static const struct list groups = LIST(0x001d, 0x0017);
    static const struct list schemes = LIST(0x0403, 0x0804, 0x0401, 0x0809);
    static const struct list cert_schemes = LIST(0x0401, 0x0503);

    d->sslv2 = good_versions[which].sslv2;
    d->legacy_version = good_versions[which].legacy;
    d->versions = good_versions[which].versions;
    d->suites = suites;
    d->groups = groups;
    d->schemes = schemes;
    d->cert_schemes = cert_schemes;
    d->psk_modes = true;
    share_first(d, 1);
}

static size_t num_combinations(void)
{
    return NUM(version_choices) * NUM(group_choices) * NUM(scheme_choices) * SUITES_PER_COMBINATION;
}

/* Each good hello that has extensions, each extension, each body: in place of the extension that is
 * there, in front of it, or twice in its place. */
enum fault_place { IN_PLACE, IN_FRONT, TWICE_IN_PLACE, NUM_PLACES };

static size_t num_faults(void)
{
    return (NUM(good_versions) - 1) * NUM(extension_pool) * hello_num_bodies() * NUM_PLACES;
}

static size_t num_damages(void)
{
    return NUM(good_versions) * GOOD_MAX * (NUM(damages) + 1);
}

static size_t num_frames(void)
{
    return NUM(good_versions) * NUM_FRAME_FAULTS;
}

/* The versions of a client that sends key shares. */
enum { SHARE_VERSIONS = 2 };

static size_t num_share_lists(void)
{
    return SHARE_VERSIONS * NUM(offer_choices) * NUM(share_choices) * NUM_SHARE_FAULTS;
}

/* Each scheme alone in signature_algorithms_cert. */
static size_t num_cert_schemes(void)
{
    return (NUM(good_versions) - 1) * NUM(scheme_pool);
}

size_t hello_num_systematic(void)
{
    return num_combinations() + num_faults() + num_damages() + num_frames() + num_share_lists() +
           num_cert_schemes();
}

static void describe_combination(struct description *d, size_t n)
{
    uint64_t state = n;
    const struct version_choice *choice = &version_choices[n % NUM(version_choices)];

    d->sslv2 = choice->sslv2;
    d->legacy_version = choice->legacy;
    d->versions = choice->versions;
    n /= NUM(version_choices);
    d->groups = group_choices[n % NUM(group_choices)];
    n /= NUM(group_choices);
    d->schemes = scheme_choices[n % NUM(scheme_choices)];
    /* The first two lists, which have something for every key, half of the time. */
    d->suites =
        suite_choices[below(&state, 2) == 0 ? below(&state, 2) : below(&state, NUM(suite_choices))];
    d->cert_schemes = cert_scheme_choices[below(&state, NUM(cert_scheme_choices))];
    share_first(d, below(&state, 3));
}

static void describe_fault(struct description *d, size_t n)
{
    describe_good(d, n % (NUM(good_versions) - 1));
    n /= NUM(good_versions) - 1;
    d->fault.present = true;
    d->fault.replaces = n % NUM_PLACES != IN_FRONT;
    d->fault.twice = n % NUM_PLACES == TWICE_IN_PLACE;
    n /= NUM_PLACES;
    d->fault.type = extension_pool[n % NUM(extension_pool)];
    n /= NUM(extension_pool);
    d->fault.body = n;
    d->fault.first = d->fault.type != 41;
}

static void describe_damage(struct description *d, size_t n)
{
    describe_good(d, n % NUM(good_versions));
    n /= NUM(good_versions);
    if (n % (NUM(damages) + 1) == NUM(damages)) {
        d->cut = 1 + n / (NUM(damages) + 1);
    } else {
        d->damage = damages[n % (NUM(damages) + 1)];
        d->damaged_at = n / (NUM(damages) + 1);
    }
}

static void describe_frame(struct description *d, size_t n)
{
    describe_good(d, n % NUM(good_versions));
    d->frame = (enum frame_fault)(n / NUM(good_versions));
}

static void describe_shares(struct description *d, size_t n)
{
    static const struct list older = LIST(0x0304, 0x0303);

    describe_good(d, 0);
    if (n % SHARE_VERSIONS > 0) {
        d->versions = older;
    }
    n /= SHARE_VERSIONS;
    d->groups = offer_choices[n % NUM(offer_choices)];
    n /= NUM(offer_choices);
    d->shares = share_choices[n % NUM(share_choices)];
    d->share_fault = (enum share_fault)(n / NUM(share_choices));
}

static void describe_cert_scheme(struct description *d, size_t n)
{
    describe_good(d, n % (NUM(good_versions) - 1));
    d->cert_schemes.num = 1;
    d->cert_schemes.ids[0] = scheme_pool[n / (NUM(good_versions) - 1)];
}

void hello_describe(struct description *d, size_t number)
{
    const struct {
        size_t num;
        void (*describe)(struct description *d, size_t n);
    } kinds[] = {
        {num_combinations(), describe_combination}, {num_faults(), describe_fault},
        {num_damages(), describe_damage},           {num_frames(), describe_frame},
        {num_share_lists(), describe_shares},       {num_cert_schemes(), describe_cert_scheme},
    };
    uint64_t state = number;

    *d = (struct description){.num_compression = 1};
    for (size_t i = 0; i < NUM(kinds); i++) {
        if (number < kinds[i].num) {
            kinds[i].describe(d, number);
            return;
        }
        number -= kinds[i].num;
    }
    describe_random(d, &state);
}
