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

/* Keys of one seal, and the text they are written in. */
#define CRYPTO_SEAL_KEYS_MAX 8
#define CRYPTO_SEAL_TEXT_MAX ((size_t)4096)

/* One key, or several: the first closes, all of them open.  Threads share it.
 */
struct crypto_seal;

/* [any] key is copied; the caller wipes its own. */
struct crypto_seal *crypto_seal_create(
    const unsigned char key[CRYPTO_SEAL_KEY_LEN], struct err *err);
/* [any] With a key that dies with it. */
struct crypto_seal *crypto_seal_create_random(struct err *err);
/* [any] Keys as text, one a line: 43 letters of base64url or 64 hexadecimal
 * digits.  Empty lines and those that begin with # do not count.  NULL with
 * ERR_CONFIG and the number of the line in err, which never holds a key. */
struct crypto_seal *crypto_seal_create_text(struct str text, struct err *err);
/* [any] From now on it has the keys of another, which is destroyed. */
void crypto_seal_renew(struct crypto_seal *s, struct crypto_seal *keys);
/* [any] How many keys it has. */
size_t crypto_seal_keys(struct crypto_seal *s);
/* [any] Wipes the keys; NULL is none. */
void crypto_seal_destroy(struct crypto_seal *s);

/* [any] Appends base64url text.  bound is authenticated and not carried: what
 * the bytes belong to.  ERR_LIMIT, ERR_NOMEM, ERR_INTERNAL. */
int crypto_seal_close(
    struct crypto_seal *s, struct str bytes, struct str bound, struct buf *out);
/* [any] Appends the bytes.  ERR_DENIED: not closed with one of its keys and
 * bound, or not what was closed; nothing is appended then.  ERR_NOMEM. */
int crypto_seal_open(
    struct crypto_seal *s, struct str text, struct str bound, struct buf *out);

#endif
