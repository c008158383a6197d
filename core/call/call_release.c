/* SPDX-License-Identifier: Apache-2.0 */
/* A handler lets go of the stream of its call. */
#include <stdlib.h>

#include "call/call_priv.h"

/* On its way to the reactor; holds a reference on the call. */
struct release_msg {
	struct loop_msg msg;
	struct call *call;
	int64_t retry_ms;
};

static void
release_run(struct loop_msg *msg)
{
	struct release_msg *r = CONTAINER_OF(msg, struct release_msg, msg);
	struct call *c = r->call;

	if (!c->answered)
		c->sink->released(c, r->retry_ms);
	call_report_end(c);
	free(r);
}

int
call_release(struct call *c, int64_t retry_ms)
{
	struct release_msg *r;

	if (call_is_cancelled(c))
		return ERR_CANCELLED;
	if (!c->releasable || c->sink->released == NULL)
		return ERR_UNSUPPORTED;
	if (call_is_direct(c)) {
		if (!c->answered)
			c->sink->released(c, retry_ms);
		return 0;
	}
	if (!call_report_begin(c))
		return ERR_BUSY;
	r = malloc(sizeof *r);
	if (r == NULL) {
		call_report_drop(c);
		return ERR_NOMEM;
	}
	r->msg.run = release_run;
	r->call = c;
	r->retry_ms = retry_ms;
	loop_post(c->reactor->loop, &r->msg);
	return 0;
}
