/* What proxyproto.c (writing) and proxyproto_read.c share: the fixed values of the format. */
#ifndef POSTERN_LIB_NET_PROXYPROTO_PARTS_H
#define POSTERN_LIB_NET_PROXYPROTO_PARTS_H

#include "lib/net/proxyproto.h"

/* Version 2 begins with the signature, a byte each for version with command and for the family,
 * and the length of what follows. */
#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
enum { SIGNATURE_LEN = 12, FIXED_LEN = 16, IPV4_LEN = 12, IPV6_LEN = 36 };
enum { VERSION_2_LOCAL = 0x20, VERSION_2_PROXY = 0x21 };
enum { TCP_OVER_IPV4 = 0x11, TCP_OVER_IPV6 = 0x21 };

#endif
