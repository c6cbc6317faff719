#include "daemon/common/sslerror.h"

#include <openssl/err.h>
#include <string.h>

const char *sslerror_words(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *words =
        ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code)) : ERR_reason_error_string(code);

    return words != NULL ? words : "unknown error";
}
