/* SPDX-License-Identifier: Apache-2.0 */
/* A handler that takes long: it lets its caller go, and says what it does. */
#include <stdlib.h>
#include <string.h>

#include "call/call_priv.h"

/* One report on its way to the reactor; holds a reference on the call. */
struct task_msg {
	struct loop_msg msg;
	struct call *call;
	size_t len;
	char text[];
};

static void
task_run(struct loop_msg *msg)
{
	struct task_msg *t = CONTAINER_OF(msg, struct task_msg, msg);
	struct call *c = t->call;

	if (!c->answered)
		c->sink->task(c, (struct str){ t->text, t->len });
	call_report_end(c);
	free(t);
}

int
call_task_status(struct call *c, struct str status)
{
	struct task_msg *t;

	if (!c->can_task)
		return ERR_UNSUPPORTED;
	if (call_is_cancelled(c))
		return ERR_CANCELLED;
	if (status.len > CALL_TASK_TEXT_MAX)
		return ERR_LIMIT;
	if (call_is_direct(c)) {
		if (!c->answered)
			c->sink->task(c, status);
		return 0;
	}
	if (!call_report_begin(c))
		return ERR_BUSY;
	t = malloc(sizeof *t + status.len);
	if (t == NULL) {
		call_report_drop(c);
		return ERR_NOMEM;
	}
	t->msg.run = task_run;
	t->call = c;
	t->len = status.len;
	if (status.len > 0)
		memcpy(t->text, status.ptr, status.len);
	loop_post(c->reactor->loop, &t->msg);
	return 0;
}

int
call_task_begin(struct call *c, struct str status)
{
	int rc;

	if (!c->can_task)
		return ERR_UNSUPPORTED;
	if (status.len > CALL_TASK_TEXT_MAX)
		return ERR_LIMIT;
	/* The answer says it too: a report that finds no room only comes
	 * later. */
	c->task_wanted = true;
	rc = call_task_status(c, status);
	return rc == ERR_BUSY || rc == ERR_NOMEM ? 0 : rc;
}
