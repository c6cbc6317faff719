/*
 * siphash: a hash that nobody can predict without its key.
 *
 * SipHash-2-4 (Aumasson and Bernstein, 2012). Tables whose keys come from the network use it with
 * random bytes of their process, so that no client can choose keys that fall into one chain.
 */
#ifndef POSTERN_LIB_BASE_SIPHASH_H
#define POSTERN_LIB_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define SIPHASH_KEY_SIZE 16

/* The hash of `len` bytes at `data` under `key`. */
uint64_t siphash(const uint8_t key[SIPHASH_KEY_SIZE], const void *data, size_t len);

#endif
