/* SPDX-License-Identifier: Apache-2.0 */
/* A token bucket without a lock: one number says when the bucket is full
 * again (the generic cell rate algorithm), and each call moves it on. */
#ifndef CALL_RATE_H
#define CALL_RATE_H

#include <stdatomic.h>
#include <stdint.h>

struct call_rate {
	int64_t interval_ns; /* between two calls; 0: no bound */
	int64_t ahead_ns; /* how much of the future a burst may take */
	_Atomic int64_t full_ns; /* when the bucket is full again */
	_Atomic uint64_t refused; /* calls */
};

/* burst: calls at once after a pause; 0: those of one second, at least one. */
void call_rate_init(struct call_rate *r, int64_t interval_ns, int64_t burst);
/* [any] 0: the call may go on; else how long until one may. */
int64_t call_rate_take(struct call_rate *r, int64_t now_ns);
/* [any] What was taken has not been used. */
void call_rate_return(struct call_rate *r);

#endif
