#include "lib/net/shares.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

/* Root, the daemon's and the milter's; the same one twice. */
static const uint32_t owners[] = {0, 105, 106, 105};

static struct shares shares;

static void make(void)
{
    shares_init(&shares, owners, NUM(owners));
}

static struct shares_place *enter(struct shares_place *place, uint32_t uid)
{
    return shares_enter(&shares, place, uid, 0).ended;
}

static void fill(struct shares_place *places, size_t num, uint32_t uid)
{
    for (size_t i = 0; i < num; i++) {
        ck_assert_ptr_null(enter(&places[i], uid));
    }
}

static const struct {
    const char *name;
    uint32_t uid;
    unsigned max;
} bounds[] = {
    {"root", 0, 16}, {"own", 105, 16}, {"milter", 106, 16}, {"another", 1000, 8}, {"-1", ~0U, 8},
};

/* At its bound a user's own caller is ended, the one silent for longest. */
START_TEST(test_bound_of_a_user)
{
    struct shares_place places[20];
    struct shares_place others[4];
    uint32_t uid = bounds[_i].uid;
    unsigned max = bounds[_i].max;

    make();
    ck_assert_ptr_null(enter(&others[0], uid == 0 ? 105 : 0));
    ck_assert_ptr_null(enter(&others[1], 999));
    ck_assert_ptr_null(enter(&others[2], uid == 106 ? 105 : 106));
    fill(places, max, uid);
    ck_assert_ptr_eq(enter(&places[max], uid), &places[0]);
    shares_spoke(&shares, &places[1]);
    ck_assert_ptr_eq(enter(&places[0], uid), &places[2]);
    shares_leave(&shares, &places[3]);
    ck_assert_ptr_null(enter(&places[3], uid));
    ck_assert_ptr_eq(enter(&places[2], uid), &places[4]);
    ck_assert_msg(shares_is_owner(&shares, uid) == (max == 16), "%s", bounds[_i].name);
}
END_TEST

/* Whatever the others do, they are never in the way of one with a share of its own. */
START_TEST(test_own_shares_are_nobodys)
{
    static struct shares_place others[1000];
    static struct shares_place own[3][16];

    make();
    for (size_t i = 0; i < NUM(own); i++) {
        fill(own[i], 16, owners[i]);
    }
    for (size_t i = 0; i < NUM(others); i++) {
        struct shares_place *ended = enter(&others[i], (uint32_t)(1000 + i % 101));

        ck_assert((ended == NULL) == (i < 32));
        ck_assert(ended == NULL || (ended >= others && ended < others + NUM(others)));
    }
    ck_assert_uint_eq(shares.num_others, 32);
    /* And they are not in the way of others. */
    for (size_t i = 0; i < NUM(own); i++) {
        for (size_t k = 0; k < NUM(own[i]); k++) {
            ck_assert_ptr_nonnull(own[i][k].user);
        }
    }
}
END_TEST

/* All others together: who has most ends its own, also when that is the new one's user. */
START_TEST(test_bound_of_all_others)
{
    static struct shares_place a[8], b[8], c[8], d[9], e[9];

    make();
    fill(a, 7, 1001);
    fill(b, 8, 1002);
    fill(c, 8, 1003);
    fill(d, 8, 1004);
    fill(e, 1, 1005);
    ck_assert_uint_eq(shares.num_others, 32);
    /* Three have eight: of them b has been silent for longest. */
    ck_assert_ptr_eq(enter(&e[1], 1005), &b[0]);
    /* c and d now. */
    shares_spoke(&shares, &c[0]);
    ck_assert_ptr_eq(enter(&e[2], 1005), &c[1]);
    ck_assert_ptr_eq(enter(&e[3], 1005), &d[0]);
    /* All have seven but e, who has four. */
    ck_assert_ptr_eq(enter(&e[4], 1005), &a[0]);
    for (size_t i = 1; i < 8; i++) {
        shares_leave(&shares, &b[i]);
        ck_assert_ptr_null(enter(&b[i], (uint32_t)(2000 + i)));
    }
    /* A new one's own user has most with it. */
    ck_assert_ptr_eq(enter(&d[0], 1004), &d[1]);
}
END_TEST

/* Of many users with one caller each the one silent for longest is ended, never the new one. */
START_TEST(test_many_users)
{
    static struct shares_place places[32], more[100];

    make();
    for (uint32_t i = 0; i < NUM(places); i++) {
        ck_assert_ptr_null(enter(&places[i], 2000 + i));
    }
    shares_spoke(&shares, &places[0]);
    for (uint32_t i = 0; i < 31; i++) {
        ck_assert_ptr_eq(enter(&more[i], 3000 + i), &places[i + 1]);
    }
    ck_assert_ptr_eq(enter(&more[31], 3031), &places[0]);
    for (uint32_t i = 32; i < NUM(more); i++) {
        ck_assert_ptr_eq(enter(&more[i], 3000 + i), &more[i - 32]);
    }
}
END_TEST

START_TEST(test_leaving_twice)
{
    struct shares_place places[9];

    make();
    fill(places, 8, 1000);
    ck_assert_ptr_eq(enter(&places[8], 1000), &places[0]);
    shares_leave(&shares, &places[0]);
    shares_spoke(&shares, &places[0]);
    ck_assert_uint_eq(shares.num_others, 8);
    shares_leave(&shares, &places[1]);
    shares_leave(&shares, &places[1]);
    ck_assert_uint_eq(shares.num_others, 7);
}
END_TEST

/* One line a minute for each user, also when it goes and comes back. */
START_TEST(test_lines)
{
    struct shares_place places[9], others[9], more[40];
    struct shares_answer answer;

    make();
    for (int round = 0; round < 3; round++) {
        fill(places, 8, 1000);
        answer = shares_enter(&shares, &places[8], 1000, 1000);
        ck_assert_uint_eq(answer.say, round == 0);
        for (size_t i = 0; i < NUM(places); i++) {
            shares_leave(&shares, &places[i]);
        }
        /* Others come and go in the meantime. */
        for (uint32_t i = 0; i < 30; i++) {
            ck_assert_ptr_null(enter(&more[i], 5000 + 30 * (uint32_t)round + i));
            shares_leave(&shares, &more[i]);
        }
    }
    fill(others, 8, 1001);
    ck_assert_uint_eq(shares_enter(&shares, &others[8], 1001, 1000).say, 1);
    fill(places, 8, 1000);
    ck_assert_uint_eq(shares_enter(&shares, &places[8], 1000, 1000 + PACE_MINUTE).say, 3);
}
END_TEST

/* However many users come and go. */
START_TEST(test_owners_are_not_forgotten)
{
    static struct shares_place own[16];
    struct shares_place place;

    make();
    for (uint32_t uid = 1000; uid < 1000 + 2 * SHARES_RECORDS; uid++) {
        ck_assert_ptr_null(enter(&place, uid));
        shares_leave(&shares, &place);
    }
    for (size_t i = 0; i < NUM(owners); i++) {
        ck_assert(shares_is_owner(&shares, owners[i]));
    }
    fill(own, NUM(own), 0);
}
END_TEST

/* --- at random: the bounds hold, and only the right ones are ended --- */

enum { MODEL_PLACES = 150, MODEL_USERS = 40, MODEL_ROUNDS = 10000 };

static unsigned num_of(const struct shares_place *all, const uint32_t *uids, uint32_t uid)
{
    unsigned num = 0;

    for (size_t i = 0; i < MODEL_PLACES; i++) {
        num += all[i].user != NULL && uids[i] == uid;
    }
    return num;
}

/* Whether it was right to end this one. */
static bool is_right(const struct shares_place *all, const uint32_t *uids, size_t new_one,
                     const struct shares_place *ended)
{
    uint32_t uid = uids[ended - all];
    bool own = shares_is_owner(&shares, uid);
    unsigned left = num_of(all, uids, uid);
    bool right = ended != &all[new_one] && (!own || uid == uids[new_one]);

    for (size_t i = 0; i < MODEL_PLACES; i++) {
        if (all[i].user == NULL) {
            continue;
        }
        right = right && (uids[i] != uid || all[i].spoke > ended->spoke);
        /* Nobody has more than it had, unless that was all that it may have. */
        right = right && (own || left == SHARES_USER || shares_is_owner(&shares, uids[i]) ||
                          num_of(all, uids, uids[i]) <= left + 1);
    }
    return right;
}

START_TEST(test_model)
{
    static struct shares_place all[MODEL_PLACES];
    static uint32_t uids[MODEL_PLACES];

    make();
    memset(all, 0, sizeof all);
    srand(1);
    for (int round = 0; round < MODEL_ROUNDS; round++) {
        size_t at = (size_t)rand() % MODEL_PLACES;

        if (all[at].user == NULL) {
            struct shares_place *ended;

            uids[at] = rand() % 3 == 0 ? owners[rand() % 3]
                                       : 1000 + (uint32_t)(rand() % (rand() % MODEL_USERS + 1));
            ended = enter(&all[at], uids[at]);
            ck_assert(ended == NULL || is_right(all, uids, at, ended));
            ck_assert_uint_le(num_of(all, uids, uids[at]),
                              shares_is_owner(&shares, uids[at]) ? 16 : 8);
            ck_assert_uint_le(shares.num_others, 32);
        } else if (rand() % 2 == 0) {
            shares_spoke(&shares, &all[at]);
        } else if (rand() % 4 == 0) {
            shares_leave(&shares, &all[at]);
        }
    }
}
END_TEST

Suite *shares_suite(void)
{
    Suite *suite = suite_create("shares");
    TCase *tcase = tcase_create("shares");

    tcase_add_loop_test(tcase, test_bound_of_a_user, 0, (int)NUM(bounds));
    tcase_add_test(tcase, test_own_shares_are_nobodys);
    tcase_add_test(tcase, test_bound_of_all_others);
    tcase_add_test(tcase, test_many_users);
    tcase_add_test(tcase, test_leaving_twice);
    tcase_add_test(tcase, test_lines);
    tcase_add_test(tcase, test_owners_are_not_forgotten);
    tcase_add_test(tcase, test_model);
    suite_add_tcase(suite, tcase);
    return suite;
}
