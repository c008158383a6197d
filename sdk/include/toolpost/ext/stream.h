/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Long calls without a connection: a handler lets go of the stream that waits
 * for it, and the client comes back for the answer.  Offered by the host, and
 * only where the manifest says "release: true".
 *
 *	const struct tp_stream *s = tp_stream_of(self);
 *
 *	if (s != NULL)
 *		(void)s->release(c, 2000);
 *	... minutes of work ...
 *	return tp_text(c, "done");
 */
#ifndef TOOLPOST_EXT_STREAM_H
#define TOOLPOST_EXT_STREAM_H

#include <toolpost/plugin.h>

#define TP_EXT_STREAM "tp.stream/1"
#define TP_STREAM_RETRY_MAX_MS 3600000

struct tp_stream {
	uint32_t size;
	uint32_t reserved;

	/*
	 * [any] Ends the HTTP stream of this call, after what was sent so far,
	 * and tells the client to come back in retry_ms, an hour at most.  The
	 * call goes on; its progress, its questions and its answer are kept
	 * until the client is there.  Call it again when it has come and is
	 * to leave once more; without a stream it does nothing.
	 *
	 * TP_ENOTSUP: this client cannot come back (standard input and
	 * output, line sockets, revisions other than 2025-11-25, a server that
	 * keeps nothing): go on, the answer is sent as usual.  TP_EPARAMS,
	 * TP_ECANCELLED, TP_EBUSY, TP_ENOMEM: nothing has changed either.
	 */
	int (*release)(struct tp_call *, uint32_t retry_ms);
};

/* [any] NULL: the host has none for this plugin. */
static inline const struct tp_stream *
tp_stream_of(struct tp_plugin *self)
{
	return (const struct tp_stream *)self->host->extension(
	    self, TP_EXT_STREAM);
}

#endif
