/*
 * must: what has to hold in unit tests and fuzz targets.
 *
 * Check's own assertions write to a pipe even where they hold: too slow for millions of them.
 */
#ifndef POSTERN_TESTS_UNIT_MUST_H
#define POSTERN_TESTS_UNIT_MUST_H

#define MUST(holds) MUST_MSG(holds, "%s", #holds)
#define MUST_MSG(holds, ...)                                                                       \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            must_fail(__FILE__, __LINE__, __VA_ARGS__);                                            \
        }                                                                                          \
    } while (0)

/* Fails the running test, or ends the fuzz target: each program has its own. */
_Noreturn void must_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
