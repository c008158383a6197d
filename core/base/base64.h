/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 in both alphabets of RFC 4648: the standard one with padding (4), and
 * that of URLs and tokens without (5). */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* [any] Appends to out.  (Standard: buf_base64().) */
void base64url_write(struct buf *out, struct str bytes);
/* [any] Append to out; ERR_SYNTAX when text is not what a writer gives for some
 * bytes: the right padding, no other letters, no bits left over.  ERR_NOMEM. */
int base64_read(struct str text, struct buf *out);
int base64url_read(struct str text, struct buf *out);

#endif
