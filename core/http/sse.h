/* SPDX-License-Identifier: Apache-2.0 */
/* Server-sent events (WHATWG HTML 9.2): a writer that cannot be broken out of,
 * and a reader for our own client. */
#ifndef HTTP_SSE_H
#define HTTP_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct sse_event {
	struct str event; /* empty: "message" */
	struct str id; /* empty: none */
	struct str data;
	int64_t retry_ms; /* negative: none */
};

/* [any] Appends one event.  data is split at line ends; CR, LF or NUL in event
 * or id: ERR_SYNTAX and nothing is appended. */
int sse_write(struct buf *out, const struct sse_event *e);
/* [any] The same as one chunk of a chunked answer. */
int sse_write_chunk(struct buf *out, const struct sse_event *e);
/* [any] ": text"; each line of it is a comment. */
void sse_write_comment(struct buf *out, struct str text);

/* Incremental reader; the events are the same however the bytes are cut. */
struct sse_reader {
	struct buf line;
	struct buf data;
	struct buf event;
	struct buf id; /* last event id, sticky */
	int64_t retry_ms; /* the last one seen; negative: none */
	int64_t event_retry_ms; /* of the event being read */
	bool has_data;
	bool skip_lf;
	bool begun; /* a leading BOM has been looked for */
	size_t max; /* bound on one event */
};

void sse_reader_init(struct sse_reader *r, size_t max);
void sse_reader_finish(struct sse_reader *r);
/* [any] Calls fn for each complete event; ERR_LIMIT, ERR_NOMEM, or fn's
 * nonzero result. */
int sse_reader_feed(struct sse_reader *r, struct str bytes,
    int (*fn)(void *arg, const struct sse_event *e), void *arg);

#endif
