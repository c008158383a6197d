/* SPDX-License-Identifier: Apache-2.0 */
/* Between call.c (life) and call_answer.c (what a handler does). */
#ifndef CALL_CALL_PRIV_H
#define CALL_CALL_PRIV_H

#include "call/call.h"
#include "call/hold.h"

/* Bits of call->ends: the call is over when the first two are set. */
enum call_end {
	CALL_END_RETURNED = 1, /* the handler has left */
	CALL_END_DONE = 2, /* the answer is complete */
	CALL_END_CLAIMED = 4 /* somebody completes it: there is one only */
};

/* [any] Adds bits; whoever completes the pair hands the call back to its
 * reactor. */
void call_end(struct call *c, unsigned bits);
/* [any] Reports of the handler reach the sink at once, in their order with the
 * answer: it runs on this reactor, or answers through it. */
bool call_is_direct(const struct call *c);
/* [any] Whether one more report may be on its way; it holds a reference until
 * it has come, or was dropped before it was posted. */
bool call_report_begin(struct call *c);
void call_report_drop(struct call *c);
/* [reactor] */
void call_report_end(struct call *c);
/* [reactor] It has ended, or never began. */
void call_over(struct call *c);
/* [reactor] It outlives this turn. */
void call_pin(struct call *c);
/* [reactor] Goes on after the gate of its generation. */
void call_resume(struct call *c);
/* [reactor] Its entry is that one now; its first one stays until it is over,
 * since the answer is made by its words.  pinned: t is kept for it already. */
void call_retarget(struct call *c, struct call_target *t, bool pinned);

/* call_block.c: [reactor] A handler in this turn; what run() returns. */
void call_block_init(struct call_reactor *r);
int call_block_run(struct call *c);

/* [reactor] Drops one reference. */
void call_unref(struct call *c);

/* [reactor] */
void call_lent_drop(struct call *c);
/* [call] Counts against the bound on one answer; ERR_LIMIT. */
int call_account(struct call *c, size_t bytes);
#endif
