/* SPDX-License-Identifier: Apache-2.0 */
/* Keyed hashing for tables, and random bytes.  Not for signatures: that is
 * core/crypto. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* [any] SipHash-1-3 under a key drawn once per process from getrandom. */
uint64_t hash_bytes(struct str s);
/* [any] getrandom(2); ends the process if the kernel has none. */
void random_bytes(void *out, size_t len);
/* [any] len random bytes as 2*len hex digits and a NUL. */
void random_hex(char *out, size_t len);

#endif
