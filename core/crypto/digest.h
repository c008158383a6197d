/* SPDX-License-Identifier: Apache-2.0 */
/* Digests, without policy. */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include <stddef.h>

#include "base/str.h"

#define CRYPTO_SHA256_LEN 32

/* [any] 0; another library might refuse: ERR_INTERNAL. */
int crypto_sha256(struct str bytes, unsigned char out[CRYPTO_SHA256_LEN]);
/* [any] Lower-case digits and a NUL: out has 2 * len + 1 bytes. */
void crypto_hex(const unsigned char *bytes, size_t len, char *out);
/* [any] Exactly 2 * len hex digits of either case; else ERR_SYNTAX. */
int crypto_unhex(struct str hex, unsigned char *out, size_t len);

#endif
