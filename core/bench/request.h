/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes that are sent.  The id has seven digits at fixed places, so that
 * each request is the last one with seven bytes changed. */
#ifndef BENCH_REQUEST_H
#define BENCH_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "bench/bench.h"

#define BENCH_REQUEST_IDS 2 /* the id, the progress token */
#define BENCH_REQUEST_MAX \
	((size_t)48 * 1024) /* a pipe and a socket take it \
			     */

struct bench_request {
	struct buf bytes; /* owned */
	size_t ids;
	size_t id_at[BENCH_REQUEST_IDS];
};

/* The parts that are the same in every request of a run. */
struct bench_wire {
	const struct bench_options *o;
	struct buf body; /* owned; the measured request, id BENCH_ID_FIRST */
	struct str host; /* for Host */
	struct str path;
};

/* [any] ERR_PARAMS when the options do not make a request. */
int bench_wire_init(struct bench_wire *w, const struct bench_options *o,
    struct str host, struct str path, struct err *err);
void bench_wire_finish(struct bench_wire *w);

void bench_request_init(struct bench_request *r);
void bench_request_finish(struct bench_request *r);
/* [any] The measured request over HTTP; session may be empty. */
void bench_request_call(
    struct bench_request *r, const struct bench_wire *w, struct str session);
/* [any] The measured request as a line. */
void bench_request_line(struct bench_request *r, const struct bench_wire *w);
/* [any] initialize, initialized, tools/list, DELETE, GET of a session. */
void bench_request_initialize(
    struct bench_request *r, const struct bench_wire *w);
void bench_request_initialized(
    struct bench_request *r, const struct bench_wire *w, struct str session);
void bench_request_list(
    struct bench_request *r, const struct bench_wire *w, struct str session);
void bench_request_delete(
    struct bench_request *r, const struct bench_wire *w, struct str session);
/* [any] What opens a stream: GET, or subscriptions/listen. */
void bench_request_stream(
    struct bench_request *r, const struct bench_wire *w, struct str session);
/* [any] The first two lines of a session on stdio. */
void bench_request_line_initialize(
    struct bench_request *r, const struct bench_wire *w);
void bench_request_line_initialized(struct bench_request *r);
/* [any] Puts an id into its places. */
void bench_request_id(struct bench_request *r, uint32_t id);

#endif
