#include "lib/net/spread.h"

size_t spread_count(size_t num, unsigned num_workers, unsigned worker)
{
    return num < num_workers ? 1 : (num - worker - 1) / num_workers + 1;
}

size_t spread_at(size_t num, unsigned num_workers, unsigned worker, size_t i)
{
    return (worker + i * num_workers) % num;
}
