#include "lib/net/backends.h"

#include <check.h>
#include <stdio.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

static const uint8_t secret[SIPHASH_KEY_SIZE] = "sixteen bytes..";

static struct backends all;

static void begin(void)
{
    backends_init(&all, secret);
}

static void end(void)
{
    backends_close(&all);
}

static struct backend *add(const char *name, unsigned max)
{
    struct backends_chain fresh = LIST_HEAD_INITIALIZER(&fresh);
    struct backend *backend;

    ck_assert_int_eq(backends_prepare(&fresh, name, max, secret), 0);
    backends_renew(&all, &fresh);
    backends_free(&fresh);
    backend = backends_find(&all, name);
    ck_assert_ptr_nonnull(backend);
    return backend;
}

/* How many there are. */
static size_t count(void)
{
    struct backend *backend;
    size_t num = 0;

    LIST_FOREACH(backend, &all.all, next)
    {
        num++;
    }
    return num;
}

/* How many are forgotten. */
static size_t forget(void)
{
    size_t before = count();
    struct backends_chain gone = LIST_HEAD_INITIALIZER(&gone);

    backends_forget(&all, &gone);
    backends_free(&gone);
    return before - count();
}

static bool take(struct backend *backend, struct slot *slot, unsigned client, struct slot **victim)
{
    struct client_key key = {.family = ADDR_IPV4, .network = client};

    return backends_take(backend, slot, &key, victim);
}

static void take_free(struct backend *backend, struct slot *slot, unsigned client)
{
    struct slot *victim = slot;

    ck_assert(take(backend, slot, client, &victim));
    ck_assert_ptr_null(victim);
}

START_TEST(test_by_name)
{
    struct backend *postfix = add("postfix", 3);
    struct backend *other = add("postfix2", 4);

    ck_assert_ptr_eq(backends_find(&all, "postfix"), postfix);
    ck_assert_ptr_eq(backends_find(&all, "postfix2"), other);
    ck_assert_ptr_ne(postfix, other);
    ck_assert_ptr_null(backends_find(&all, "postfi"));
    ck_assert_ptr_null(backends_find(&all, "Postfix"));
    ck_assert_str_eq(postfix->name, "postfix");
    ck_assert_uint_eq(postfix->slots.max, 3);
    ck_assert_uint_eq(other->slots.max, 4);
}
END_TEST

/* The name is the backends' own: the configuration that it is from may go. */
START_TEST(test_name_is_kept)
{
    char name[] = "postfix";
    struct backend *postfix = add(name, 1);

    name[0] = 'P';
    ck_assert_ptr_eq(backends_find(&all, "postfix"), postfix);
}
END_TEST

/* More backends than chains. */
START_TEST(test_many)
{
    static struct backend *made[2 * BACKENDS_HEADS];
    char name[16];

    for (size_t i = 0; i < NUM(made); i++) {
        snprintf(name, sizeof name, "b%zu", i);
        made[i] = add(name, (unsigned)i);
    }
    for (size_t i = 0; i < NUM(made); i++) {
        snprintf(name, sizeof name, "b%zu", i);
        ck_assert_ptr_eq(backends_find(&all, name), made[i]);
        ck_assert_uint_eq(made[i]->slots.max, i);
    }
}
END_TEST

/* A second configuration has the same backends in another order, and one more. Sessions of the
 * first keep their slots, and sessions of both share them. */
START_TEST(test_second_configuration)
{
    static const struct {
        const char *name;
        unsigned max;
    } second[] = {{"new", 5}, {"b", 2}, {"a", 2}};
    struct backend *a = add("a", 2);
    struct backend *b = add("b", 2);
    struct backends_chain fresh = LIST_HEAD_INITIALIZER(&fresh);
    struct slot of_first = {0};
    struct slot of_second[2] = {0};
    struct slot *victim;

    take_free(a, &of_first, 1);
    for (size_t i = 0; i < NUM(second); i++) {
        ck_assert_int_eq(backends_prepare(&fresh, second[i].name, second[i].max, secret), 0);
    }
    ck_assert_ptr_null(backends_find(&all, "new"));
    backends_renew(&all, &fresh);
    backends_free(&fresh);
    ck_assert_uint_eq(count(), 3);
    ck_assert_ptr_eq(backends_find(&all, "a"), a);
    ck_assert_ptr_eq(backends_find(&all, "b"), b);
    ck_assert_uint_eq(a->slots.taken, 1);
    ck_assert_uint_eq(b->slots.taken, 0);
    ck_assert_uint_eq(backends_find(&all, "new")->slots.taken, 0);

    take_free(a, &of_second[0], 2);
    ck_assert(take(a, &of_second[1], 3, &victim));
    ck_assert_ptr_eq(victim, &of_first);
    slots_release(&a->slots, &of_first);
    ck_assert_uint_eq(a->slots.taken, 2);
    slots_release(&a->slots, &of_second[0]);
    slots_release(&a->slots, &of_second[1]);
    ck_assert_uint_eq(a->slots.taken, 0);
}
END_TEST

/* A bound that changes counts for the sessions of both configurations. */
START_TEST(test_bound_changes)
{
    struct backend *backend = add("postfix", 4);
    struct slot slots[6] = {0};
    struct slot *victim;

    for (unsigned i = 0; i < 4; i++) {
        take_free(backend, &slots[i], i);
    }
    ck_assert_ptr_eq(add("postfix", 2), backend);
    ck_assert_uint_eq(backend->slots.taken, 4);
    ck_assert_uint_eq(backend->slots.max, 2);
    ck_assert(!take(backend, &slots[4], 9, &victim));
    ck_assert_ptr_null(victim);
    ck_assert_ptr_eq(add("postfix", 6), backend);
    take_free(backend, &slots[4], 9);
    take_free(backend, &slots[5], 9);
    ck_assert(slots[0].held);
}
END_TEST

/* One that no configuration has keeps its slots until its last session has ended. */
START_TEST(test_forgets)
{
    struct backend *postfix = add("postfix", 2);
    struct slot slot = {0};
    struct backend *other;

    ck_assert_uint_eq(forget(), 0);
    take_free(postfix, &slot, 1);
    other = add("other", 2);
    ck_assert_uint_eq(forget(), 0);
    ck_assert_ptr_eq(backends_find(&all, "postfix"), postfix);
    ck_assert_uint_eq(postfix->slots.taken, 1);
    slots_release(&postfix->slots, &slot);
    ck_assert_uint_eq(forget(), 1);
    ck_assert_ptr_null(backends_find(&all, "postfix"));
    ck_assert_ptr_eq(backends_find(&all, "other"), other);
}
END_TEST

START_TEST(test_comes_back)
{
    struct backend *postfix = add("postfix", 2);
    struct slot slot = {0};

    take_free(postfix, &slot, 1);
    (void)add("other", 2);
    ck_assert_ptr_eq(add("postfix", 2), postfix);
    slots_release(&postfix->slots, &slot);
    ck_assert_uint_eq(forget(), 1);
    ck_assert_ptr_eq(backends_find(&all, "postfix"), postfix);
    ck_assert_ptr_null(backends_find(&all, "other"));
}
END_TEST

START_TEST(test_evicts_and_refuses)
{
    struct backend *backend = add("postfix", 2);
    struct slot slots[5] = {0};
    struct slot *victim;

    take_free(backend, &slots[0], 1);
    take_free(backend, &slots[1], 2);
    ck_assert(take(backend, &slots[2], 3, &victim));
    ck_assert_ptr_eq(victim, &slots[0]);
    slots_pin(&backend->slots, &slots[1]);
    slots_pin(&backend->slots, &slots[2]);
    for (int i = 0; i < 3; i++) {
        ck_assert(!take(backend, &slots[3], 4, &victim));
        ck_assert_ptr_null(victim);
    }
    ck_assert_uint_eq(backends_news(backend, 0).evicted, 1);
    ck_assert_uint_eq(backends_news(backend, 0).refused, 3);
}
END_TEST

START_TEST(test_stress_began)
{
    struct backend *backend = add("postfix", 4);
    struct slot slots[4] = {0};
    struct backends_news news;

    for (unsigned i = 0; i < 2; i++) {
        take_free(backend, &slots[i], i);
        news = backends_news(backend, 0);
        ck_assert(!news.stress_began && !backend->stressed);
    }
    take_free(backend, &slots[2], 2);
    news = backends_news(backend, 0);
    ck_assert(news.stress_began && backend->stressed);
    ck_assert_int_eq(news.stress.line, BOUND_CROSSED);
    ck_assert_int_eq(news.full.line, BOUND_SILENT);
    take_free(backend, &slots[3], 3);
    news = backends_news(backend, 0);
    ck_assert(!news.stress_began && backend->stressed);
    ck_assert_int_eq(news.stress.line, BOUND_SILENT);
    ck_assert_int_eq(news.full.line, BOUND_CROSSED);
    for (unsigned i = 0; i < 4; i++) {
        slots_release(&backend->slots, &slots[i]);
    }
    news = backends_news(backend, 1);
    ck_assert(!news.stress_began && !backend->stressed);
    ck_assert_int_eq(news.stress.line, BOUND_LEFT);
    ck_assert_int_eq(news.full.line, BOUND_LEFT);

    /* Again within the minute: nothing is said, and sessions have less time all the same. */
    for (unsigned i = 0; i < 3; i++) {
        take_free(backend, &slots[i], i);
    }
    news = backends_news(backend, 2);
    ck_assert(news.stress_began && backend->stressed);
    ck_assert_int_eq(news.stress.line, BOUND_SILENT);
}
END_TEST

/* Evicted and refused are those since the last line that said that there is room. */
START_TEST(test_since_the_last_line)
{
    struct backend *backend = add("postfix", 1);
    struct slot slots[2] = {0};
    struct backends_news news;
    struct slot *victim;

    take_free(backend, &slots[0], 1);
    (void)backends_news(backend, 0);
    ck_assert(take(backend, &slots[1], 2, &victim));
    (void)backends_news(backend, 0);
    slots_pin(&backend->slots, &slots[1]);
    ck_assert(!take(backend, &slots[0], 1, &victim));
    slots_release(&backend->slots, &slots[1]);
    news = backends_news(backend, 0);
    ck_assert_int_eq(news.full.line, BOUND_LEFT);
    ck_assert_uint_eq(news.evicted, 1);
    ck_assert_uint_eq(news.refused, 1);
    news = backends_news(backend, 0);
    ck_assert_uint_eq(news.evicted, 0);
    ck_assert_uint_eq(news.refused, 0);

    /* Again within the minute: what is withheld is told by the line that says so later. */
    take_free(backend, &slots[0], 1);
    ck_assert(take(backend, &slots[1], 2, &victim));
    (void)backends_news(backend, 1);
    slots_release(&backend->slots, &slots[1]);
    news = backends_news(backend, 1);
    ck_assert_int_eq(news.full.line, BOUND_SILENT);
    news = backends_news(backend, PACE_MINUTE);
    ck_assert_int_eq(news.full.line, BOUND_LEFT);
    ck_assert_uint_eq(news.evicted, 1);
}
END_TEST

Suite *backends_suite(void)
{
    Suite *suite = suite_create("backends");
    TCase *tcase = tcase_create("backends");

    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_test(tcase, test_by_name);
    tcase_add_test(tcase, test_name_is_kept);
    tcase_add_test(tcase, test_many);
    tcase_add_test(tcase, test_second_configuration);
    tcase_add_test(tcase, test_bound_changes);
    tcase_add_test(tcase, test_forgets);
    tcase_add_test(tcase, test_comes_back);
    tcase_add_test(tcase, test_evicts_and_refuses);
    tcase_add_test(tcase, test_stress_began);
    tcase_add_test(tcase, test_since_the_last_line);
    suite_add_tcase(suite, tcase);
    return suite;
}
