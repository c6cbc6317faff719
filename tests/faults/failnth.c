/*
 * failnth.so, for LD_PRELOAD: allocations that fail when a test says so.
 *
 * The program and the test share the file that POSTERN_FAULTS names, a struct shared. The test
 * writes which allocations are to fail and then sets `armed`, while the program waits for
 * something; from then on allocations are counted, over all threads, and those numbered
 * first .. first + num - 1 fail as if there were no memory. What is allocated is counted at all
 * times, so that a test can see what a failure has left behind; while `tracing` is set also where.
 * No signal and no call into the program is needed, so nothing of it is disturbed.
 *
 * The first failure, and a signal that ends the program, leave the return addresses of their
 * callers; `maps` tells which file they are in.
 */
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FRAMES = 32, MAPS_SIZE = 1 << 16, TRACED = 1 << 15 };

/* A block that was allocated while `tracing` was set. */
struct traced {
    uint64_t block; /* its address, 0: free */
    uint64_t size;
    uint64_t frames[FRAMES];
};

/* tests/faults/memory.py reads and writes this layout. */
struct shared {
    _Atomic uint64_t armed;
    _Atomic uint64_t first; /* counted from 1; 0: none fails */
    _Atomic uint64_t num;
    _Atomic uint64_t count;
    _Atomic uint64_t failed;
    _Atomic int64_t blocks;
    _Atomic int64_t bytes;
    _Atomic uint64_t tracing;
    _Atomic uint64_t signal; /* the one that ended the program */
    _Atomic uint64_t mapped; /* the program uses this */
    uint64_t failed_at[FRAMES];
    uint64_t ended_at[FRAMES];
    char maps[MAPS_SIZE]; /* of /proc/self/maps */
    struct traced traced[TRACED];
};

/* What the C library's own functions are called, whoever takes their names. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t num, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

static struct shared *shared;
static int64_t blocks_before; /* what there is before the file is mapped */
static int64_t bytes_before;
static pthread_mutex_t trace_lock = PTHREAD_MUTEX_INITIALIZER;

/* Set while this thread is here: what the stack's walk may allocate is not the program's. */
static _Thread_local bool inside __attribute__((tls_model("initial-exec")));

static void walk(uint64_t frames[FRAMES])
{
    void *found[FRAMES];
    int num;

    inside = true;
    num = backtrace(found, FRAMES);
    inside = false;
    for (int i = 0; i < FRAMES; i++) {
        frames[i] = i < num ? (uint64_t)(uintptr_t)found[i] : 0;
    }
}

/* Whether this allocation is to fail. */
static bool is_refused(void)
{
    uint64_t first;
    uint64_t number;

    if (shared == NULL || inside || atomic_load(&shared->armed) == 0) {
        return false;
    }
    number = atomic_fetch_add(&shared->count, 1) + 1;
    first = atomic_load(&shared->first);
    if (first == 0 || number < first || number - first >= atomic_load(&shared->num)) {
        return false;
    }
    if (atomic_fetch_add(&shared->failed, 1) == 0) {
        walk(shared->failed_at);
    }
    errno = ENOMEM;
    return true;
}

static void trace(void *block, size_t size)
{
    uint64_t frames[FRAMES];

    walk(frames);
    pthread_mutex_lock(&trace_lock);
    for (size_t i = 0; i < TRACED; i++) {
        struct traced *t = &shared->traced[i];

        if (t->block == 0) {
            t->size = size;
            memcpy(t->frames, frames, sizeof frames);
            t->block = (uint64_t)(uintptr_t)block;
            break;
        }
    }
    pthread_mutex_unlock(&trace_lock);
}

static void forget(const void *block)
{
    pthread_mutex_lock(&trace_lock);
    for (size_t i = 0; i < TRACED; i++) {
        if (shared->traced[i].block == (uint64_t)(uintptr_t)block) {
            shared->traced[i].block = 0;
            break;
        }
    }
    pthread_mutex_unlock(&trace_lock);
}

/* Counts a block in, and returns it. */
static void *taken(void *block)
{
    int64_t size = (int64_t)malloc_usable_size(block);

    if (block == NULL) {
        return NULL;
    }
    if (shared == NULL) {
        blocks_before++;
        bytes_before += size;
        return block;
    }
    atomic_fetch_add(&shared->blocks, 1);
    atomic_fetch_add(&shared->bytes, size);
    if (atomic_load(&shared->tracing) != 0 && !inside) {
        trace(block, (size_t)size);
    }
    return block;
}

/* Counts a block out. */
static void given_back(void *block)
{
    int64_t size = (int64_t)malloc_usable_size(block);

    if (block == NULL) {
        return;
    }
    if (shared == NULL) {
        blocks_before--;
        bytes_before -= size;
        return;
    }
    atomic_fetch_sub(&shared->blocks, 1);
    atomic_fetch_sub(&shared->bytes, size);
    if (atomic_load(&shared->tracing) != 0 && !inside) {
        forget(block);
    }
}

/* --- what the program calls ----------------------------------------------------------------- */

void *malloc(size_t size)
{
    return is_refused() ? NULL : taken(__libc_malloc(size));
}

void *calloc(size_t num, size_t size)
{
    return is_refused() ? NULL : taken(__libc_calloc(num, size));
}

void *realloc(void *block, size_t size)
{
    void *moved;

    if (size == 0 && block != NULL) {
        free(block);
        return NULL;
    }
    if (is_refused()) {
        return NULL;
    }
    given_back(block);
    moved = __libc_realloc(block, size);
    if (moved == NULL) {
        taken(block);
        return NULL;
    }
    return taken(moved);
}

void *reallocarray(void *block, size_t num, size_t size)
{
    size_t all;

    if (__builtin_mul_overflow(num, size, &all)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(block, all);
}

void *memalign(size_t alignment, size_t size)
{
    return is_refused() ? NULL : taken(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    int error = errno;
    void *block = memalign(alignment, size);

    errno = error;
    if (block == NULL) {
        return ENOMEM;
    }
    *out = block;
    return 0;
}

void free(void *block)
{
    int error = errno;

    given_back(block);
    __libc_free(block);
    errno = error;
}

/* --- beginning and end ----------------------------------------------------------------------- */

/* What failed fails again behind it, now without a handler; who was only told to end ends here. */
static void on_end(int number)
{
    if (shared != NULL) {
        atomic_store(&shared->armed, 0);
        atomic_store(&shared->signal, (uint64_t)number);
        walk(shared->ended_at);
    }
    if (number == SIGABRT) {
        raise(number);
    }
}

static void copy_maps(struct shared *s)
{
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t got = 1;

    while (fd >= 0 && got > 0 && len < MAPS_SIZE - 1) {
        got = read(fd, s->maps + len, MAPS_SIZE - 1 - len);
        len += got > 0 ? (size_t)got : 0;
    }
    if (fd >= 0) {
        close(fd);
    }
}

__attribute__((constructor)) static void begin(void)
{
    static const int ends[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    const char *path = getenv("POSTERN_FAULTS");
    struct sigaction action = {.sa_handler = on_end, .sa_flags = (int)SA_RESETHAND | SA_NODEFER};
    uint64_t frames[FRAMES];
    struct shared *s;
    int fd;

    if (path == NULL) {
        return;
    }
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (s == MAP_FAILED) {
        return;
    }
    /* The first walk loads what it needs. */
    walk(frames);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        sigaction(ends[i], &action, NULL);
    }
    copy_maps(s);
    atomic_store(&s->blocks, blocks_before);
    atomic_store(&s->bytes, bytes_before);
    atomic_store(&s->mapped, 1);
    shared = s;
}
