#include "lib/net/shares.h"

static struct shares_user *find(struct shares *s, uint32_t uid)
{
    for (size_t i = 0; i < SHARES_RECORDS; i++) {
        if (s->users[i].used && s->users[i].uid == uid) {
            return &s->users[i];
        }
    }
    return NULL;
}

/* The record for a new user: one that was never used, or that of the user without callers whose
 * last line is the oldest. There are more records than users with callers. */
static struct shares_user *new_user(struct shares *s, uint32_t uid)
{
    struct shares_user *best = NULL;

    for (size_t i = 0; i < SHARES_RECORDS; i++) {
        struct shares_user *user = &s->users[i];

        if (!user->used) {
            best = user;
            break;
        }
        if (!user->own && user->num == 0 && (best == NULL || user->pace.since < best->pace.since)) {
            best = user;
        }
    }
    *best = (struct shares_user){.uid = uid, .used = true};
    TAILQ_INIT(&best->callers);
    return best;
}

void shares_init(struct shares *s, const uint32_t *owners, size_t num)
{
    *s = (struct shares){0};
    for (size_t i = 0; i < num; i++) {
        if (find(s, owners[i]) == NULL) {
            new_user(s, owners[i])->own = true;
        }
    }
}

bool shares_is_owner(const struct shares *s, uint32_t uid)
{
    for (size_t i = 0; i < SHARES_RECORDS; i++) {
        if (s->users[i].used && s->users[i].own && s->users[i].uid == uid) {
            return true;
        }
    }
    return false;
}

/* The one with most callers, of all users without a share of their own. */
static struct shares_user *richest(struct shares *s)
{
    struct shares_user *best = NULL;

    for (size_t i = 0; i < SHARES_RECORDS; i++) {
        struct shares_user *user = &s->users[i];

        if (user->own || user->num == 0) {
            continue;
        }
        if (best == NULL || user->num > best->num ||
            (user->num == best->num &&
             TAILQ_FIRST(&user->callers)->spoke < TAILQ_FIRST(&best->callers)->spoke)) {
            best = user;
        }
    }
    return best;
}

/* The user that has one caller too many, or NULL. */
static struct shares_user *over(struct shares *s, struct shares_user *user)
{
    if (user->num > (user->own ? SHARES_OWN : SHARES_USER)) {
        return user;
    }
    return s->num_others > SHARES_OTHERS ? richest(s) : NULL;
}

struct shares_answer shares_enter(struct shares *s, struct shares_place *place, uint32_t uid,
                                  int64_t now)
{
    struct shares_answer answer = {0};
    struct shares_user *user = find(s, uid);

    if (user == NULL) {
        user = new_user(s, uid);
    }
    *place = (struct shares_place){.user = user, .spoke = ++s->words};
    TAILQ_INSERT_TAIL(&user->callers, place, next);
    user->num++;
    s->num_others += !user->own;
    user = over(s, user);
    if (user != NULL) {
        answer.ended = TAILQ_FIRST(&user->callers);
        shares_leave(s, answer.ended);
        answer.say = pace_note(&user->pace, 1, now);
    }
    return answer;
}

void shares_spoke(struct shares *s, struct shares_place *place)
{
    if (place->user != NULL) {
        TAILQ_REMOVE(&place->user->callers, place, next);
        TAILQ_INSERT_TAIL(&place->user->callers, place, next);
        place->spoke = ++s->words;
    }
}

void shares_leave(struct shares *s, struct shares_place *place)
{
    struct shares_user *user = place->user;

    if (user != NULL) {
        TAILQ_REMOVE(&user->callers, place, next);
        user->num--;
        s->num_others -= !user->own;
        place->user = NULL;
    }
}
