/*
 * packet: what TCP carries in captured packets.
 *
 * A capture shows a TLS record after the headers of its packet: Ethernet (with or without a VLAN
 * tag), Linux cooked capture (both versions), BSD loopback or none; then IPv4 or IPv6; then TCP.
 */
#ifndef POSTERN_LIB_NET_PACKET_H
#define POSTERN_LIB_NET_PACKET_H

#include "lib/base/bytes.h"

/*
 * Takes one packet from the front of `in` and sets `*payload` to its part of the TCP stream, which
 * may be empty. False, with both unchanged, if no TCP packet begins there. A packet that was
 * captured in part yields that part.
 */
MUST_USE bool packet_take(struct bytes *in, struct bytes *payload);

#endif
