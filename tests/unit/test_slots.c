#include "lib/net/slots.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

static const uint8_t secret[SIPHASH_KEY_SIZE] = "sixteen bytes..";

static void make(struct slots *s, unsigned max)
{
    ck_assert_int_eq(slots_open(s, max, secret), 0);
}

static struct client_key client(unsigned number)
{
    return (struct client_key){.family = ADDR_IPV4, .network = number};
}

static bool take(struct slots *s, struct slot *slot, unsigned number)
{
    struct client_key key = client(number);

    return slots_take(s, slot, &key);
}

static struct slot *evict(struct slots *s, struct slot *slot, unsigned number)
{
    struct client_key key = client(number);

    return slots_evict(s, slot, &key);
}

static void resize(struct slots *s, unsigned max)
{
    struct slots fresh;

    make(&fresh, max);
    slots_resize(s, &fresh);
    slots_close(&fresh);
    ck_assert_uint_eq(s->max, max);
}

START_TEST(test_take_and_give)
{
    struct slots s;
    struct slot slots[3] = {0};

    make(&s, 2);
    ck_assert(take(&s, &slots[0], 1));
    ck_assert(take(&s, &slots[1], 1));
    ck_assert(!take(&s, &slots[2], 2));
    ck_assert(!slots[2].held);
    ck_assert_uint_eq(s.taken, 2);
    slots_release(&s, &slots[0]);
    slots_release(&s, &slots[0]);
    slots_release(&s, &slots[2]);
    ck_assert_uint_eq(s.taken, 1);
    ck_assert(take(&s, &slots[2], 2));
    ck_assert_uint_eq(s.taken, 2);
    slots_close(&s);
}
END_TEST

START_TEST(test_no_bound)
{
    struct slots s;
    struct slot slots[100] = {0};

    make(&s, 0);
    for (size_t i = 0; i < NUM(slots); i++) {
        ck_assert(take(&s, &slots[i], 1));
    }
    ck_assert_uint_eq(s.taken, 100);
    ck_assert_ptr_null(evict(&s, &slots[0], 2));
    slots_pin(&s, &slots[0]);
    for (size_t i = 0; i < NUM(slots); i++) {
        slots_release(&s, &slots[i]);
    }
    ck_assert_uint_eq(s.taken, 0);
    ck_assert(!s.stressed && !s.full);
    slots_close(&s);
}
END_TEST

/* The oldest waiting session of the client that has most of them makes room. */
START_TEST(test_who_makes_room)
{
    struct slots s;
    struct slot of_one[2] = {0};
    struct slot of_two[4] = {0};
    struct slot others[4] = {0};

    make(&s, 6);
    ck_assert(take(&s, &of_one[0], 1));
    for (size_t i = 0; i < 3; i++) {
        ck_assert(take(&s, &of_two[i], 2));
    }
    ck_assert(take(&s, &of_one[1], 1));
    ck_assert(take(&s, &of_two[3], 2));

    ck_assert_ptr_eq(evict(&s, &others[0], 3), &of_two[0]);
    ck_assert(!of_two[0].held);
    ck_assert(others[0].held);
    ck_assert_uint_eq(s.taken, 6);
    /* The second of client 2 begins a mail: 3 is the next, and then each client has two. */
    slots_pin(&s, &of_two[1]);
    ck_assert_ptr_eq(evict(&s, &others[1], 4), &of_one[0]);
    ck_assert_ptr_eq(evict(&s, &others[2], 5), &of_two[2]);
    /* Each waiting client has one now: that of 3 is the oldest. */
    ck_assert_ptr_eq(evict(&s, &others[3], 6), &others[0]);
    slots_close(&s);
}
END_TEST

/* A flood from one place ends its own sessions, not those of others. */
START_TEST(test_flood_from_one_place)
{
    struct slots s;
    struct slot others[3] = {0};
    struct slot flood[1000] = {0};

    make(&s, 10);
    for (unsigned i = 0; i < NUM(others); i++) {
        ck_assert(take(&s, &others[i], i));
    }
    for (size_t i = 0; i < NUM(flood); i++) {
        ck_assert(take(&s, &flood[i], 99) || evict(&s, &flood[i], 99) == &flood[i - 7]);
    }
    for (unsigned i = 0; i < NUM(others); i++) {
        ck_assert(others[i].held);
    }
    slots_close(&s);
}
END_TEST

/* In relay nobody makes room. */
START_TEST(test_nobody_waits)
{
    struct slots s;
    struct slot slots[3] = {0};

    make(&s, 2);
    ck_assert(take(&s, &slots[0], 1));
    ck_assert(take(&s, &slots[1], 2));
    slots_pin(&s, &slots[0]);
    slots_pin(&s, &slots[1]);
    slots_pin(&s, &slots[1]);
    ck_assert(!take(&s, &slots[2], 3));
    ck_assert_ptr_null(evict(&s, &slots[2], 3));
    ck_assert(slots[0].held && slots[1].held && !slots[2].held);
    slots_release(&s, &slots[0]);
    ck_assert(take(&s, &slots[2], 3));
    slots_close(&s);
}
END_TEST

/* --- the bounds --- */

static const struct {
    unsigned max;
    unsigned stress; /* taken slots with which it begins */
    unsigned spare;  /* ... with which there is room again */
    unsigned calm;   /* ... with which it ends */
} bounds[] = {
    {480, 360, 431, 287}, {100, 75, 89, 59}, {10, 8, 8, 5}, {4, 3, 3, 2},
    {3, 3, 2, 1},         {2, 2, 1, 1},      {1, 1, 0, 0},
};

START_TEST(test_bounds)
{
    static struct slot slots[480];
    unsigned max = bounds[_i].max;
    struct slots s;

    make(&s, max);
    memset(slots, 0, sizeof slots);
    for (unsigned taken = 1; taken <= max; taken++) {
        ck_assert(take(&s, &slots[taken - 1], taken % 7));
        ck_assert_msg(s.stressed == (taken >= bounds[_i].stress), "%u of %u", taken, max);
        ck_assert_msg(s.full == (taken == max), "%u of %u", taken, max);
    }
    ck_assert(s.stressed && s.full);
    for (unsigned taken = max - 1; taken + 1 > 0; taken--) {
        slots_release(&s, &slots[taken]);
        ck_assert_msg(s.stressed == (taken > bounds[_i].calm), "down to %u of %u", taken, max);
        ck_assert_msg(s.full == (taken > bounds[_i].spare), "down to %u of %u", taken, max);
    }
    ck_assert(!s.stressed && !s.full);
    slots_close(&s);
}
END_TEST

/* Making room crosses no bound. */
START_TEST(test_room_crosses_nothing)
{
    struct slots s;
    struct slot slots[5] = {0};

    make(&s, 4);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert(take(&s, &slots[i], i));
    }
    ck_assert_ptr_nonnull(evict(&s, &slots[4], 9));
    ck_assert(s.stressed && s.full);
    slots_close(&s);
}
END_TEST

/* Between the bounds nothing changes. */
START_TEST(test_between_the_bounds)
{
    struct slots s;
    struct slot slots[20] = {0};

    make(&s, NUM(slots));
    for (size_t i = 0; i < NUM(slots); i++) {
        ck_assert(take(&s, &slots[i], 1));
    }
    for (int round = 0; round < 3; round++) {
        slots_release(&s, &slots[0]);
        slots_release(&s, &slots[1]);
        ck_assert(s.stressed && s.full);
        ck_assert(take(&s, &slots[0], 1) && take(&s, &slots[1], 1));
        ck_assert(s.stressed && s.full);
    }
    slots_close(&s);
}
END_TEST

/* --- another bound --- */

/* Who makes room is the same as before. */
START_TEST(test_larger)
{
    struct slots s;
    struct slot of_one[2] = {0};
    struct slot of_two[2] = {0};
    struct slot others[6] = {0};

    make(&s, 4);
    ck_assert(take(&s, &of_two[0], 2) && take(&s, &of_one[0], 1));
    ck_assert(take(&s, &of_one[1], 1) && take(&s, &of_two[1], 2));
    ck_assert(s.full && s.stressed);
    resize(&s, 10);
    ck_assert_uint_eq(s.taken, 4);
    ck_assert(!s.full && !s.stressed);
    for (unsigned i = 0; i < 6; i++) {
        ck_assert(take(&s, &others[i], 3 + i));
    }
    ck_assert(!take(&s, &(struct slot){0}, 9));
    slots_release(&s, &others[0]);
    ck_assert(take(&s, &others[0], 1));
    ck_assert_ptr_eq(evict(&s, &(struct slot){0}, 20), &of_one[0]);
    slots_close(&s);
}
END_TEST

/* Those who have a slot keep it; nobody comes in, nor makes room, until there is room. */
START_TEST(test_smaller_than_taken)
{
    struct slots s;
    struct slot slots[5] = {0};

    make(&s, 4);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert(take(&s, &slots[i], i));
    }
    resize(&s, 2);
    ck_assert(s.full && s.stressed);
    ck_assert_uint_eq(s.taken, 4);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert(slots[i].held);
    }
    ck_assert(!take(&s, &slots[4], 4));
    ck_assert_ptr_null(evict(&s, &slots[4], 4));
    slots_release(&s, &slots[3]);
    ck_assert_ptr_null(evict(&s, &slots[4], 4));
    slots_release(&s, &slots[2]);
    ck_assert(!take(&s, &slots[4], 4));
    ck_assert_ptr_eq(evict(&s, &slots[4], 4), &slots[0]);
    slots_close(&s);
}
END_TEST

/* Without a bound nobody is short of anything; those from that time never make room. */
START_TEST(test_bound_goes_and_comes)
{
    struct slots s;
    struct slot slots[7] = {0};

    make(&s, 2);
    ck_assert(take(&s, &slots[0], 1) && take(&s, &slots[1], 2));
    resize(&s, 0);
    ck_assert(!s.full && !s.stressed);
    ck_assert(take(&s, &slots[2], 3) && take(&s, &slots[3], 4));
    resize(&s, 5);
    ck_assert(take(&s, &slots[4], 5));
    ck_assert_ptr_eq(evict(&s, &slots[5], 6), &slots[0]);
    ck_assert_ptr_eq(evict(&s, &slots[0], 7), &slots[1]);
    ck_assert_ptr_eq(evict(&s, &slots[1], 8), &slots[4]);
    slots_pin(&s, &slots[5]);
    slots_pin(&s, &slots[0]);
    slots_pin(&s, &slots[1]);
    ck_assert_ptr_null(evict(&s, &slots[6], 9));
    slots_close(&s);
}
END_TEST

/* --- against a simple model --- */

enum { MODEL_MIN = 20, MODEL_MAX = 40, MODEL_SLOTS = 60, MODEL_CLIENTS = 9, MODEL_ROUNDS = 50000 };

struct model {
    struct slot slot;
    unsigned client;
    unsigned age;
    bool waits;
};

static unsigned waiting_of(const struct model *all, unsigned number)
{
    unsigned num = 0;

    for (size_t i = 0; i < MODEL_SLOTS; i++) {
        num += all[i].waits && all[i].client == number;
    }
    return num;
}

/* The victim has to be the oldest of its client, and no client may have more than it. */
static void check_victim(const struct model *all, const struct model *victim)
{
    unsigned num = waiting_of(all, victim->client);

    ck_assert(victim->waits);
    for (unsigned number = 0; number < MODEL_CLIENTS; number++) {
        ck_assert_uint_le(waiting_of(all, number), num);
    }
    for (size_t i = 0; i < MODEL_SLOTS; i++) {
        ck_assert(!all[i].waits || all[i].client != victim->client || all[i].age >= victim->age);
    }
}

static bool nobody_waits(const struct model *all)
{
    for (size_t i = 0; i < MODEL_SLOTS; i++) {
        if (all[i].waits) {
            return false;
        }
    }
    return true;
}

static void come(struct slots *s, struct model *all, struct model *m, unsigned round)
{
    unsigned number = (unsigned)rand() % MODEL_CLIENTS;
    bool room = s->taken < s->max;
    struct slot *victim;

    ck_assert(take(s, &m->slot, number) == room);
    if (!room) {
        bool nobody = s->taken > s->max || nobody_waits(all);

        victim = evict(s, &m->slot, number);
        ck_assert((victim == NULL) == nobody);
        if (nobody) {
            return;
        }
        check_victim(all, (struct model *)victim);
        ((struct model *)victim)->waits = false;
    }
    m->client = number;
    m->age = round;
    m->waits = true;
}

START_TEST(test_model)
{
    static struct model all[MODEL_SLOTS];
    struct slots s;
    bool changes = _i > 0;

    make(&s, MODEL_MAX);
    memset(all, 0, sizeof all);
    srand(1);
    for (unsigned round = 0; round < MODEL_ROUNDS; round++) {
        struct model *m = &all[rand() % MODEL_SLOTS];
        unsigned held = 0;

        if (changes && rand() % 100 == 0) {
            resize(&s, MODEL_MIN + (unsigned)rand() % (MODEL_MAX - MODEL_MIN + 1 + round / 5000));
        }
        if (!m->slot.held) {
            come(&s, all, m, round);
        } else if (rand() % 3 == 0) {
            slots_pin(&s, &m->slot);
            m->waits = false;
        } else {
            slots_release(&s, &m->slot);
            m->waits = false;
        }
        for (size_t i = 0; i < MODEL_SLOTS; i++) {
            held += all[i].slot.held;
        }
        ck_assert_uint_eq(held, s.taken);
    }
    slots_close(&s);
}
END_TEST

Suite *slots_suite(void)
{
    Suite *suite = suite_create("slots");
    TCase *tcase = tcase_create("slots");

    tcase_add_test(tcase, test_take_and_give);
    tcase_add_test(tcase, test_no_bound);
    tcase_add_test(tcase, test_who_makes_room);
    tcase_add_test(tcase, test_flood_from_one_place);
    tcase_add_test(tcase, test_nobody_waits);
    tcase_add_loop_test(tcase, test_bounds, 0, (int)NUM(bounds));
    tcase_add_test(tcase, test_room_crosses_nothing);
    tcase_add_test(tcase, test_between_the_bounds);
    tcase_add_test(tcase, test_larger);
    tcase_add_test(tcase, test_smaller_than_taken);
    tcase_add_test(tcase, test_bound_goes_and_comes);
    /* With one bound, and with one that changes. */
    tcase_add_loop_test(tcase, test_model, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}
