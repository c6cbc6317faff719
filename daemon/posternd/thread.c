#include "daemon/posternd/thread.h"

#include <stdlib.h>
#include <time.h>

int64_t thread_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int thread_lend(struct thread *thread, struct buffer *b)
{
    if (b->data != NULL) {
        return 0;
    }
    b->data = thread->num_spare > 0 ? thread->spare[--thread->num_spare] : malloc(BUFFER_SIZE);
    return b->data == NULL ? -1 : 0;
}

void thread_take_back(struct thread *thread, struct buffer *b)
{
    if (b->data == NULL || buffer_len(b) > 0) {
        return;
    }
    if (thread->num_spare < THREAD_SPARE_BUFFERS) {
        thread->spare[thread->num_spare++] = b->data;
    } else {
        free(b->data);
    }
    *b = (struct buffer){0};
}

void thread_free_buffers(struct thread *thread)
{
    while (thread->num_spare > 0) {
        free(thread->spare[--thread->num_spare]);
    }
}
