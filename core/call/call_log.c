/* SPDX-License-Identifier: Apache-2.0 */
/* Log messages of a handler on their way to the client, in order with its
 * progress and before its answer. */
#include <stdlib.h>
#include <string.h>

#include "call/call_priv.h"

/* One message on its way to the reactor; holds a reference on the call. */
struct log_msg {
	struct loop_msg msg;
	struct call *call;
	struct call_log log; /* its bytes are in text */
	char text[];
};

static void
log_run(struct loop_msg *msg)
{
	struct log_msg *l = CONTAINER_OF(msg, struct log_msg, msg);
	struct call *c = l->call;

	if (!c->answered)
		c->sink->message(c, &l->log);
	call_report_end(c);
	free(l);
}

static int
log_post(struct call *c, const struct call_log *log)
{
	size_t logger = log->logger.len, data = log->data.len;
	struct log_msg *l;

	if (!call_report_begin(c))
		return ERR_BUSY;
	l = malloc(sizeof *l + logger + data);
	if (l == NULL) {
		call_report_drop(c);
		return ERR_NOMEM;
	}
	if (logger > 0)
		memcpy(l->text, log->logger.ptr, logger);
	if (data > 0)
		memcpy(l->text + logger, log->data.ptr, data);
	l->msg.run = log_run;
	l->call = c;
	l->log = *log;
	l->log.logger.ptr = l->text;
	l->log.data.ptr = l->text + logger;
	loop_post(c->reactor->loop, &l->msg);
	return 0;
}

int
call_message(struct call *c, const struct call_log *log)
{
	if (call_is_cancelled(c))
		return ERR_CANCELLED;
	if (log->data.len > CALL_LOG_DATA_MAX
	    || log->logger.len > CALL_LOG_LOGGER_MAX)
		return ERR_LIMIT;
	if (c->sink->message == NULL || log->level < c->log_level)
		return 0;
	if (call_is_direct(c)) {
		if (!c->answered)
			c->sink->message(c, log);
		return 0;
	}
	return log_post(c, log);
}
