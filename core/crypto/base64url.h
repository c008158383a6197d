/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 for URLs and tokens: RFC 4648 5, without padding. */
#ifndef CRYPTO_BASE64URL_H
#define CRYPTO_BASE64URL_H

#include "base/buf.h"
#include "base/str.h"

/* [any] Appends to out. */
void crypto_base64url_write(struct buf *out, struct str bytes);
/* [any] Appends to out; ERR_SYNTAX when text is not what the writer gives for
 * some bytes: no padding, no other letters, no bits left over.  ERR_NOMEM. */
int crypto_base64url_read(struct str text, struct buf *out);

#endif
