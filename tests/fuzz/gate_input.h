/*
 * gate_input: what fuzz_gate's input says, for both ways in which it is played.
 *
 * Two bytes: rules (level, auth_before_tls, implicit), and a seed. Then steps, each one byte and
 * what belongs to it: the lower two bits are the kind, the upper six a number.
 */
#ifndef POSTERN_TESTS_FUZZ_GATE_INPUT_H
#define POSTERN_TESTS_FUZZ_GATE_INPUT_H

#include "lib/smtp/gate.h"

enum gate_step_kind {
    GATE_STEP_CLIENT,  /* the client sends the number + 1 bytes that follow */
    GATE_STEP_BACKEND, /* the backend sends them */
    GATE_STEP_COMMAND, /* the client sends a line of the list */
    GATE_STEP_OTHER,   /* anything else that may happen */
};

struct gate_step {
    enum gate_step_kind kind;
    unsigned number;
    struct bytes bytes; /* borrowed from the input */
};

struct gate_input {
    struct bytes rest; /* borrowed */
    struct gate_rules rules;
    bool implicit;
    uint32_t seed;
};

struct gate_input gate_input_of(struct bytes data);

/* The next step; false at the end. */
bool gate_input_next(struct gate_input *in, struct gate_step *out);

/* Below `below`, from the seed. */
uint32_t gate_input_any(struct gate_input *in, uint32_t below);

/* Steps that both ways know in GATE_STEP_OTHER; the rest is their own. */
enum {
    GATE_NUMBER_REFUSE = 0, /* the next STARTTLS gets 454 */
    GATE_NUMBER_ANEW = 1,   /* behind the next handshake there is another backend */
    GATE_NUMBER_OWN = 2,
};

/* Plays the input's bytes whole and cut up: they come to the same. */
void gate_play_script(struct bytes data);

/* Plays its commands against a backend that answers each, at any pace and with any room. */
void gate_play_talk(struct bytes data);

#endif
