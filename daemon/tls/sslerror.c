#include "daemon/tls/sslerror.h"

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <stdbool.h>
#include <string.h>

/* From libssl 3.2 on. A build against older headers can run with a newer library. */
#ifndef SSL_R_RECORD_LAYER_FAILURE
#define SSL_R_RECORD_LAYER_FAILURE 313
#endif

/* Whether an entry only says that something below has failed. */
static bool is_general(unsigned long code)
{
    int reason = ERR_GET_REASON(code);

    if (ERR_SYSTEM_ERROR(code)) {
        return false;
    }
    if (ERR_COMMON_ERROR(code)) {
        /* Those that are named after a library have its number. */
        int number = reason & ~(ERR_RFLAGS_MASK << ERR_RFLAGS_OFFSET);

        return reason == ERR_R_NESTED_ASN1_ERROR ||
               (!ERR_FATAL_ERROR(code) && number < ERR_LIB_USER);
    }
    return ERR_GET_LIB(code) == ERR_LIB_SSL && reason == SSL_R_RECORD_LAYER_FAILURE;
}

unsigned long sslerror_take(void)
{
    unsigned long telling = 0;
    unsigned long newest = 0;
    unsigned long code;

    while ((code = ERR_get_error()) != 0) {
        newest = code;
        telling = is_general(code) ? telling : code;
    }
    return telling != 0 ? telling : newest;
}

const char *sslerror_text(unsigned long code)
{
    const char *words =
        ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code)) : ERR_reason_error_string(code);

    return words != NULL ? words : "unknown error";
}

const char *sslerror_words(void)
{
    return sslerror_text(sslerror_take());
}
