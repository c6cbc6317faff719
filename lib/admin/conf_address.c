/* The addresses of listeners and backends. */
#include "lib/admin/conf_parts.h"

struct conf_bound conf_bound(const struct conf_listener *listener)
{
    if (listener->num_trial_addresses > 0) {
        return (struct conf_bound){listener->trial_addresses, listener->num_trial_addresses};
    }
    return (struct conf_bound){listener->addresses, listener->num_addresses};
}

size_t conf_num_own(const struct conf_listener *listener)
{
    return listener->num_addresses + listener->num_trial_addresses;
}

const struct conf_endpoint *conf_own(const struct conf_listener *listener, size_t index)
{
    return index < listener->num_addresses
               ? &listener->addresses[index]
               : &listener->trial_addresses[index - listener->num_addresses];
}

bool conf_is_set(const struct conf_endpoint *address)
{
    return address->endpoint.ip.family != ADDR_NONE || address->endpoint.path[0] != '\0';
}
