/* SPDX-License-Identifier: Apache-2.0 */
/* Is this the right answer?  Every answer of a run is checked: the first of
 * a shape by a strict scan of its JSON, each later one by comparing all its
 * bytes but the id with the shape that was found right.  One thread. */
#ifndef BENCH_ANSWER_H
#define BENCH_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "data/json.h"

#define BENCH_ID_DIGITS 7
#define BENCH_ID_FIRST 1000001u
#define BENCH_ID_LAST 9999999u
#define BENCH_SHAPE_MAX 8192 /* longer answers are scanned each time */
#define BENCH_SHAPE_IDS 4 /* places of the id: result, progress */

/* What a right answer holds. */
struct bench_expect {
	bool tool; /* a tool's result: content, no isError */
	bool complete; /* resultType says so */
	struct str text; /* of the one content block; ptr NULL: any */
};

/* The bytes of one right answer and where its id stands in them. */
struct bench_shape {
	size_t len; /* 0: nothing learnt yet */
	size_t ids;
	size_t id_at[BENCH_SHAPE_IDS];
	char bytes[BENCH_SHAPE_MAX];
};

/* What is wrong with an answer; the order of bench_fault_names. */
enum bench_fault {
	BENCH_RIGHT,
	BENCH_CONNECT,
	BENCH_CLOSED,
	BENCH_STALLED,
	BENCH_STARVED,
	BENCH_FRAMING, /* no HTTP, surplus bytes, closing */
	BENCH_STATUS,
	BENCH_MEDIA,
	BENCH_SYNTAX, /* no JSON, no JSON-RPC */
	BENCH_ID,
	BENCH_ERROR, /* a JSON-RPC error */
	BENCH_RESULT, /* isError, content, text */
	BENCH_FAULTS
};

/* [any] Scans one response; *id is its id.  doc is working memory.  *why says
 * in two or three words what is wrong. */
enum bench_fault bench_answer_check(struct json_doc *doc, struct str json,
    const struct bench_expect *want, uint32_t *id, const char **why);
/* [any] The same for a stream of events: notifications, then the response. */
enum bench_fault bench_answer_events(struct json_doc *doc, struct str events,
    const struct bench_expect *want, uint32_t *id, const char **why);
/* [any] Whether these bytes are the learnt ones but for the id; then which. */
bool bench_shape_match(
    const struct bench_shape *s, struct str bytes, uint32_t *id);
/* [any] Keeps the bytes of an answer that was scanned and found right. */
void bench_shape_learn(struct bench_shape *s, struct str bytes, uint32_t id);
/* [any] Writes the seven digits. */
void bench_id_put(char *at, uint32_t id);

#endif
