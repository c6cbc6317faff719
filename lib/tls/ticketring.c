#include "lib/tls/ticketring.h"

#include <string.h>

bool ticket_ring_is_due(const struct ticket_ring *ring, int64_t now)
{
    return ring->num == 0 || now - ring->since >= TICKET_PERIOD;
}

void ticket_ring_turn(struct ticket_ring *ring, const struct ticket_key *fresh, int64_t now)
{
    /* The last key encrypted until `since` + TICKET_PERIOD at the latest. */
    bool keeps = ring->num > 0 && now - ring->since < 2 * TICKET_PERIOD;

    if (keeps) {
        ring->keys[1] = ring->keys[0];
    } else {
        memset(&ring->keys[1], 0, sizeof ring->keys[1]);
    }
    ring->keys[0] = *fresh;
    ring->num = keeps ? 2 : 1;
    ring->since = now;
}

int ticket_key_find(const struct ticket_key *keys, size_t num, const uint8_t name[16])
{
    for (size_t i = 0; i < num; i++) {
        if (memcmp(keys[i].name, name, sizeof keys[i].name) == 0) {
            return (int)i;
        }
    }
    return -1;
}
