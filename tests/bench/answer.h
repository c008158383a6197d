/* SPDX-License-Identifier: Apache-2.0 */
/* Is this the right answer? Every answer of a run is checked: the first of
 * a shape by a strict scan of its JSON, each later one by comparing all its
 * bytes but the id with the shape that was found right. One thread. */
#ifndef BENCH_ANSWER_H
#define BENCH_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ANSWER_ID_DIGITS 7
#define ANSWER_SHAPE_MAX 4096 /* longer answers are scanned each time */

enum answer_era { ANSWER_STATEFUL, ANSWER_STATELESS };

/* The bytes of one right answer and where its id stands in them. */
struct answer_shape {
	size_t len; /* 0: nothing learnt yet */
	size_t id_at;
	char bytes[ANSWER_SHAPE_MAX];
};

/* Scans one answer to the echo call. NULL when it is right, and then its id
 * and where that stands; else what is wrong with it. */
const char *answer_check(const char *json, size_t len, enum answer_era era,
    uint32_t *id, size_t *id_at);
/* Whether these bytes are the learnt ones but for the id; then its value. */
bool answer_shape_match(
    const struct answer_shape *s, const char *bytes, size_t len, uint32_t *id);
/* Keeps the bytes of an answer that was scanned and found right. */
void answer_shape_learn(
    struct answer_shape *s, const char *bytes, size_t len, size_t id_at);
/* Whether one JSON text is well formed to its last byte. */
bool answer_json_valid(const char *json, size_t len);

#endif
