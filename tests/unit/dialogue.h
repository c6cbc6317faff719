/* dialogue: plays what a client and a backend say through a gate, in one piece or cut up. */
#ifndef POSTERN_TESTS_UNIT_DIALOGUE_H
#define POSTERN_TESTS_UNIT_DIALOGUE_H

#include "lib/smtp/gate.h"
#include "tests/unit/must.h"

enum step_kind {
    STEP_NONE, /* behind the last one */
    STEP_CLIENT,
    STEP_BACKEND,
    STEP_TO_BACKEND,
    STEP_TO_CLIENT,
    STEP_STATE,
    STEP_NOTES,
    STEP_TURN,
    STEP_OWES,
    STEP_OPEN,
    STEP_ACCEPT,
    STEP_REFUSE,
    STEP_TLS,
    STEP_TLS_ANEW,
    STEP_LEVEL,
    STEP_FROM_TLS,
    STEP_MECHANISM,
    STEP_VERB,
};

struct step {
    enum step_kind kind;
    const char *bytes;
    size_t len;
    unsigned value;
};

/* What a side says, and what has come out on a side since the last look. Whatever comes out has
 * to be named before the next C() or B(). */
#define C(s)                                                                                       \
    {                                                                                              \
        STEP_CLIENT, (s), sizeof(s) - 1, 0                                                         \
    }
#define B(s)                                                                                       \
    {                                                                                              \
        STEP_BACKEND, (s), sizeof(s) - 1, 0                                                        \
    }
#define TO_B(s)                                                                                    \
    {                                                                                              \
        STEP_TO_BACKEND, (s), sizeof(s) - 1, 0                                                     \
    }
#define TO_C(s)                                                                                    \
    {                                                                                              \
        STEP_TO_CLIENT, (s), sizeof(s) - 1, 0                                                      \
    }
/* The state; the notes since the last look; whether it is the backend's turn; what it owes; whether
 * the gate is open. */
#define IS(state)                                                                                  \
    {                                                                                              \
        STEP_STATE, NULL, 0, (state)                                                               \
    }
#define NOTES(notes)                                                                               \
    {                                                                                              \
        STEP_NOTES, NULL, 0, (notes)                                                               \
    }
#define TURN(yes)                                                                                  \
    {                                                                                              \
        STEP_TURN, NULL, 0, (yes)                                                                  \
    }
#define OWES(owed)                                                                                 \
    {                                                                                              \
        STEP_OWES, NULL, 0, (owed)                                                                 \
    }
#define OPEN(yes)                                                                                  \
    {                                                                                              \
        STEP_OPEN, NULL, 0, (yes)                                                                  \
    }
/* In GATE_STARTTLS: 220 (what the client has sent behind is thrown away), or 454; then TLS. */
#define ACCEPT                                                                                     \
    {                                                                                              \
        STEP_ACCEPT, NULL, 0, 0                                                                    \
    }
#define REFUSE                                                                                     \
    {                                                                                              \
        STEP_REFUSE, NULL, 0, 0                                                                    \
    }
#define TLS                                                                                        \
    {                                                                                              \
        STEP_TLS, NULL, 0, 0                                                                       \
    }
/* ... and TLS with another backend connection behind it. */
#define TLS_ANEW                                                                                   \
    {                                                                                              \
        STEP_TLS_ANEW, NULL, 0, 0                                                                  \
    }
/* First steps: the level of the listener (GATE_MAY where it is not named); TLS from the start. */
#define LEVEL(level)                                                                               \
    {                                                                                              \
        STEP_LEVEL, NULL, 0, (level)                                                               \
    }
#define FROM_TLS                                                                                   \
    {                                                                                              \
        STEP_FROM_TLS, NULL, 0, 0                                                                  \
    }
/* The mechanism of the newest AUTH refused; the verb of the newest line. */
#define MECHANISM(s)                                                                               \
    {                                                                                              \
        STEP_MECHANISM, (s), sizeof(s) - 1, 0                                                      \
    }
#define LAST(s)                                                                                    \
    {                                                                                              \
        STEP_VERB, (s), sizeof(s) - 1, 0                                                           \
    }

struct dialogue {
    const char *name;
    bool auth; /* auth_before_tls */
    enum gate_state end;
    struct step steps[48];
};

/* What most dialogues begin with, and what the gate says. */
#define GREETED B("220 mx ESMTP\r\n"), TO_C("220 mx ESMTP\r\n")
#define HELLO                                                                                      \
    C("EHLO c\r\n"), TO_B("EHLO c\r\n"), B("250-mx\r\n250 SIZE\r\n"),                              \
        TO_C("250-mx\r\n250-STARTTLS\r\n250 SIZE\r\n")
#define HELLO_TLS                                                                                  \
    C("EHLO c\r\n"), TO_B("EHLO c\r\n"), B("250-mx\r\n250 SIZE\r\n"), TO_C("250-mx\r\n250 SIZE\r\n")
#define STARTED                                                                                    \
    C("STARTTLS\r\n"), IS(GATE_STARTTLS), ACCEPT, TO_C("220 2.0.0 Ready to start TLS\r\n"),        \
        IS(GATE_HANDSHAKE), TLS, IS(GATE_PASS)
#define MAIL_SHUTS C("MAIL FROM:<>\r\n"), TO_B("MAIL FROM:<>\r\n"), IS(GATE_RELAY)

#define GONE        "421 4.3.2 mx.example Service not available\r\n"
#define TOO_MANY    "421 4.7.0 mx.example Error: too many errors\r\n"
#define SYNTAX      "501 5.5.4 Syntax: STARTTLS\r\n"
#define ENCRYPT     "530 5.7.0 Must issue a STARTTLS command first\r\n"
#define NO_TLS_HERE "502 5.5.1 Error: command not implemented\r\n"
#define HELO_FIRST  "503 5.5.1 Error: send HELO/EHLO first\r\n"
#define NO_AUTH     "538 5.7.11 Encryption required for requested authentication mechanism\r\n"
#define ACTIVE      "554 5.5.1 Error: TLS already active\r\n"
#define LATER       "454 4.7.0 TLS not available due to local problem\r\n"

#define FIVE(s)     s s s s s
#define NINETEEN(s) FIVE(s) FIVE(s) FIVE(s) s s s s

/* How a dialogue is cut: one step in two at a byte, every step into bytes, or (step past the end)
 * nothing. */
struct cut {
    bool bytes;
    size_t step;
    size_t at;
};

/* Plays it; fails the running test, naming dialogue, cut and step, where anything differs. */
void dialogue_play(const struct dialogue *d, struct cut cut);

/* Plays it whole, with every cut of every step, and byte by byte. */
void dialogue_play_all(const struct dialogue *d);

#endif
