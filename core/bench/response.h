/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP/1.1 response out of a connection's input, enough to judge it.  Not
 * the parser of http/: what measures shares no defect with what is measured. */
#ifndef BENCH_RESPONSE_H
#define BENCH_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

#define BENCH_SESSION_MAX 256

enum bench_response_state {
	BENCH_RESPONSE_PARTIAL,
	BENCH_RESPONSE_WHOLE,
	BENCH_RESPONSE_BAD
};

struct bench_response {
	int status;
	bool json; /* the media type is application/json */
	bool events; /* it is text/event-stream */
	bool chunked;
	bool closing;
	bool has_length;
	size_t head; /* bytes of the head on the wire */
	size_t total; /* with the body */
	struct str body; /* in the input, or in joined */
	char session[BENCH_SESSION_MAX]; /* empty: no such header */
	struct buf joined; /* owned; a body that came in chunks */
};

void bench_response_init(struct bench_response *r);
void bench_response_finish(struct bench_response *r);
/* [any] Reads the response at the start of these bytes. */
enum bench_response_state bench_response_parse(
    struct bench_response *r, struct str bytes);
/* [any] The same for its head alone; r->head is then known. */
enum bench_response_state bench_response_head(
    struct bench_response *r, struct str bytes);

#endif
