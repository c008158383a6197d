/* SPDX-License-Identifier: Apache-2.0 */
/* Names that count once: who redeems one first has it, whoever comes later is
 * told so, for as long as the name could come again. */
#ifndef STORE_NONCE_H
#define STORE_NONCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define STORE_NONCE_LEN 16

struct store_nonces; /* shared by all threads; one leaf lock */

/* [any] Keeps at most max names, each for life_ns after it was redeemed: no
 * shorter than a name is good.  NULL: ERR_NOMEM. */
struct store_nonces *store_nonces_create(
    size_t max, int64_t life_ns, struct err *err);
/* [any] NULL is none. */
void store_nonces_destroy(struct store_nonces *t);
/* [any] Random bytes that no other table has: names of another process are
 * told apart by them, since what was redeemed there is not known here. */
struct str store_nonces_self(const struct store_nonces *t);
/* [any] 0 for one caller, ERR_EXISTS for every other; ERR_BUSY: the table is
 * full, ERR_NOMEM.  now_ns is monotonic. */
int store_nonce_redeem(struct store_nonces *t,
    const unsigned char nonce[STORE_NONCE_LEN], int64_t now_ns);
/* [any] As if it had never been redeemed: nothing came of it. */
void store_nonce_forget(
    struct store_nonces *t, const unsigned char nonce[STORE_NONCE_LEN]);

#endif
