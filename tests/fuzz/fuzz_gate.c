/*
 * Fuzz target: the gate between a client and a backend that may say anything.
 *
 * The input (gate_input.h) is played twice. Its bytes, whole and cut up, come to the same, and no
 * byte goes where it must not (gate_script.c). Its commands, with a backend that answers each, get
 * each its own reply, in order (gate_talk.c). What must hold after every call: gate_session.c.
 *
 * The corpus is of the recorded dialogues (`make record`); what of them reaches further edges is
 * added by fuzz_gate -merge=1 tests/fuzz/corpus/gate build/gate-corpus.
 */
#include "tests/fuzz/gate_input.h"
#include "tests/unit/must.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void must_fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "%s:%d: ", file, line);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}

struct gate_input gate_input_of(struct bytes data)
{
    struct gate_input in = {.rest = data, .seed = 1};

    if (data.len >= 2) {
        in.rules.level = (enum gate_level)((data.data[0] & 3) % 3);
        in.rules.auth_before_tls = (data.data[0] & 0x40) != 0;
        in.implicit = (data.data[0] & 0x80) != 0;
        in.seed = 1U + data.data[1];
        in.rest = bytes_of(data.data + 2, data.len - 2);
    }
    return in;
}

bool gate_input_next(struct gate_input *in, struct gate_step *out)
{
    size_t len;

    if (in->rest.len == 0) {
        return false;
    }
    out->kind = (enum gate_step_kind)(in->rest.data[0] & 3);
    out->number = in->rest.data[0] >> 2;
    in->rest = bytes_of(in->rest.data + 1, in->rest.len - 1);
    len = out->kind == GATE_STEP_CLIENT || out->kind == GATE_STEP_BACKEND ? out->number + 1U : 0;
    len = len < in->rest.len ? len : in->rest.len;
    out->bytes = bytes_of(in->rest.data, len);
    in->rest = bytes_of(in->rest.data + len, in->rest.len - len);
    return true;
}

uint32_t gate_input_any(struct gate_input *in, uint32_t below)
{
    in->seed ^= in->seed << 13;
    in->seed ^= in->seed >> 17;
    in->seed ^= in->seed << 5;
    return in->seed % below;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gate_play_script(bytes_of(data, size));
    gate_play_talk(bytes_of(data, size));
    return 0;
}
