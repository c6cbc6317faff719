#include "daemon/postern-milter/thread.h"

#include <errno.h>
#include <pthread.h>

/* Room for libjansson, a request's parts and a record. */
#define STACK_SIZE ((size_t)256 << 10)

int thread_start(void *(*run)(void *), void *arg)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int error = pthread_attr_init(&attributes);

    if (error == 0) {
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        pthread_attr_setstacksize(&attributes, STACK_SIZE);
        error = pthread_create(&thread, &attributes, run, arg);
        pthread_attr_destroy(&attributes);
    }
    errno = error;
    return error == 0 ? 0 : -1;
}
