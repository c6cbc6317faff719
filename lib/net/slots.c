#include "lib/net/slots.h"

#include <stdlib.h>
#include <string.h>

/* Percent of the slots at which stress begins and ends, and below which there is room again. */
enum { STRESS_BEGINS = 75, STRESS_ENDS = 60, SPARE_AGAIN = 90 };

int slots_open(struct slots *s, unsigned max, const uint8_t secret[SIPHASH_KEY_SIZE])
{
    *s = (struct slots){.max = max, .capacity = max, .num_heads = 1};
    LIST_INIT(&s->free);
    memcpy(s->secret, secret, sizeof s->secret);
    if (max == 0) {
        return 0;
    }
    while (s->num_heads < max) {
        s->num_heads *= 2;
    }
    s->groups = calloc(max, sizeof *s->groups);
    s->by_num = calloc((size_t)max + 1, sizeof *s->by_num);
    s->heads = calloc(s->num_heads, sizeof *s->heads);
    if (s->groups == NULL || s->by_num == NULL || s->heads == NULL) {
        return -1;
    }
    for (size_t i = 0; i < max; i++) {
        TAILQ_INIT(&s->by_num[i + 1]);
        LIST_INSERT_HEAD(&s->free, &s->groups[max - 1 - i], chain);
    }
    return 0;
}

void slots_close(struct slots *s)
{
    free(s->groups);
    free(s->by_num);
    free(s->heads);
    s->groups = NULL;
    s->by_num = NULL;
    s->heads = NULL;
}

static void watch_bounds(struct slots *s)
{
    uint64_t percent_of_all = (uint64_t)s->taken * 100;

    if (s->max == 0) {
        s->stressed = false;
        s->full = false;
        return;
    }
    if (percent_of_all >= (uint64_t)s->max * STRESS_BEGINS) {
        s->stressed = true;
    }
    if (s->taken >= s->max) {
        s->full = true;
    }
    if (percent_of_all < (uint64_t)s->max * SPARE_AGAIN) {
        s->full = false;
    }
    if (percent_of_all < (uint64_t)s->max * STRESS_ENDS) {
        s->stressed = false;
    }
}

/* Moves a group to its new number of sessions, 0 for none. */
static void regroup(struct slots *s, struct slots_group *group, unsigned num)
{
    if (group->num > 0) {
        TAILQ_REMOVE(&s->by_num[group->num], group, neighbour);
    }
    group->num = num;
    if (num > 0) {
        TAILQ_INSERT_TAIL(&s->by_num[num], group, neighbour);
    } else {
        LIST_REMOVE(group, chain);
        LIST_INSERT_HEAD(&s->free, group, chain);
    }
    if (num > s->most) {
        s->most = num;
    }
    /* One session more or less: if no group has as many as the maximum any more, this group has one
     * less. */
    if (s->most > 0 && TAILQ_EMPTY(&s->by_num[s->most])) {
        s->most--;
    }
}

/* The group moves into the memory of `fresh`, with its sessions. */
static void move_group(struct slots *fresh, struct slots_group *group)
{
    size_t at = client_key_hash(fresh->secret, &group->key) & (fresh->num_heads - 1);
    struct slots_group *moved = LIST_FIRST(&fresh->free);
    struct slot *slot;

    LIST_REMOVE(moved, chain);
    *moved = (struct slots_group){.key = group->key, .num = group->num};
    TAILQ_INIT(&moved->waiting);
    TAILQ_CONCAT(&moved->waiting, &group->waiting, next);
    TAILQ_FOREACH(slot, &moved->waiting, next)
    {
        slot->group = moved;
    }
    LIST_INSERT_HEAD(&fresh->heads[at], moved, chain);
    TAILQ_INSERT_TAIL(&fresh->by_num[moved->num], moved, neighbour);
}

/* Everything moves into the memory of `fresh`, which gets the old one. */
static void swap_memory(struct slots *s, struct slots *fresh)
{
    struct slots old = *s;
    struct slots_group *group;

    for (unsigned num = 1; num <= s->capacity; num++) {
        TAILQ_FOREACH(group, &s->by_num[num], neighbour)
        {
            move_group(fresh, group);
        }
    }
    s->capacity = fresh->capacity;
    s->groups = fresh->groups;
    s->by_num = fresh->by_num;
    s->heads = fresh->heads;
    s->num_heads = fresh->num_heads;
    s->free = fresh->free;
    if (!LIST_EMPTY(&s->free)) {
        LIST_FIRST(&s->free)->chain.le_prev = &LIST_FIRST(&s->free);
    }
    fresh->groups = old.groups;
    fresh->by_num = old.by_num;
    fresh->heads = old.heads;
}

void slots_resize(struct slots *s, struct slots *fresh)
{
    if (fresh->capacity > s->capacity) {
        swap_memory(s, fresh);
    }
    s->max = fresh->max;
    watch_bounds(s);
}

static struct slots_group *group_of(struct slots *s, const struct client_key *key)
{
    struct slots_chain *head = &s->heads[client_key_hash(s->secret, key) & (s->num_heads - 1)];
    struct slots_group *group;

    LIST_FOREACH(group, head, chain)
    {
        if (client_key_equal(&group->key, key)) {
            return group;
        }
    }
    /* No more groups than waiting sessions, no more of these than slots: one is free. */
    group = LIST_FIRST(&s->free);
    LIST_REMOVE(group, chain);
    *group = (struct slots_group){.key = *key};
    TAILQ_INIT(&group->waiting);
    LIST_INSERT_HEAD(head, group, chain);
    return group;
}

static void begin_waiting(struct slots *s, struct slot *slot, const struct client_key *key)
{
    slot->held = true;
    if (s->max > 0) {
        slot->group = group_of(s, key);
        TAILQ_INSERT_TAIL(&slot->group->waiting, slot, next);
        regroup(s, slot->group, slot->group->num + 1);
    }
}

bool slots_take(struct slots *s, struct slot *slot, const struct client_key *key)
{
    if (s->max > 0 && s->taken >= s->max) {
        return false;
    }
    s->taken++;
    begin_waiting(s, slot, key);
    watch_bounds(s);
    return true;
}

struct slot *slots_evict(struct slots *s, struct slot *slot, const struct client_key *key)
{
    struct slot *victim;

    if (s->most == 0 || s->taken > s->max) {
        return NULL;
    }
    victim = TAILQ_FIRST(&TAILQ_FIRST(&s->by_num[s->most])->waiting);
    slots_pin(s, victim);
    victim->held = false;
    begin_waiting(s, slot, key);
    return victim;
}

void slots_pin(struct slots *s, struct slot *slot)
{
    struct slots_group *group = slot->group;

    if (group != NULL) {
        slot->group = NULL;
        TAILQ_REMOVE(&group->waiting, slot, next);
        regroup(s, group, group->num - 1);
    }
}

void slots_release(struct slots *s, struct slot *slot)
{
    if (!slot->held) {
        return;
    }
    slots_pin(s, slot);
    slot->held = false;
    s->taken--;
    watch_bounds(s);
}
