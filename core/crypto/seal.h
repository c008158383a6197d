/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that a stranger carries for us: encrypted and authenticated by
 * AES-256-GCM, as text.  Nobody without the key reads them, changes them, or
 * moves them to where they do not belong. */
#ifndef CRYPTO_SEAL_H
#define CRYPTO_SEAL_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define CRYPTO_SEAL_KEY_LEN 32
#define CRYPTO_SEAL_VERSION 1
/* Version, name of the key, nonce; and the tag behind the bytes. */
#define CRYPTO_SEAL_HEAD_LEN (1 + 4 + 12)
#define CRYPTO_SEAL_TAG_LEN 16
#define CRYPTO_SEAL_BYTES_MAX ((size_t)16 * 1024 * 1024)

/* A key; constant once made, so that threads share it. */
struct crypto_seal;

/* [any] key is copied; the caller wipes its own. */
struct crypto_seal *crypto_seal_create(
    const unsigned char key[CRYPTO_SEAL_KEY_LEN], struct err *err);
/* [any] With a key that dies with it. */
struct crypto_seal *crypto_seal_create_random(struct err *err);
/* [any] Wipes the key; NULL is none. */
void crypto_seal_destroy(struct crypto_seal *s);

/* [any] Appends base64url text.  bound is authenticated and not carried: what
 * the bytes belong to.  ERR_LIMIT, ERR_NOMEM, ERR_INTERNAL. */
int crypto_seal_close(const struct crypto_seal *s, struct str bytes,
    struct str bound, struct buf *out);
/* [any] Appends the bytes.  ERR_DENIED: not closed with this key and bound, or
 * not what was closed; nothing is appended then.  ERR_NOMEM. */
int crypto_seal_open(const struct crypto_seal *s, struct str text,
    struct str bound, struct buf *out);

#endif
