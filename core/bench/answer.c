/* SPDX-License-Identifier: Apache-2.0 */
/* The judge: JSON-RPC, the result of a tool, the shape of bytes. */
#include "bench/answer.h"

#include <string.h>

static enum bench_fault
fault(const char **why, enum bench_fault f, const char *words)
{
	*why = words;
	return f;
}

/* Seven digits, none of them a sign: the form that we send. */
static bool
id_read(struct str text, uint32_t *id)
{
	uint64_t n;

	if (text.len != BENCH_ID_DIGITS || str_to_u64(text, &n) < 0)
		return false;
	*id = (uint32_t)n;
	return true;
}

static enum bench_fault
tool_check(const struct json_node *result, const struct bench_expect *want,
    const char **why)
{
	const struct json_node *failed = json_get(result, S("isError"));
	const struct json_node *content = json_get(result, S("content"));
	const struct json_node *block = json_at(content, 0);

	if (failed != NULL && json_type(failed) != JSON_FALSE)
		return fault(why, BENCH_RESULT, "isError is set");
	if (json_type(content) != JSON_ARRAY)
		return fault(why, BENCH_RESULT, "no content");
	if (want->text.ptr == NULL)
		return BENCH_RIGHT;
	if (!str_equal(json_str(json_get(block, S("type"))), S("text")))
		return fault(why, BENCH_RESULT, "content is not a text");
	if (!str_equal(json_str(json_get(block, S("text"))), want->text))
		return fault(why, BENCH_RESULT, "wrong text");
	if (json_count(content) != 1)
		return fault(why, BENCH_RESULT, "more than one content block");
	return BENCH_RIGHT;
}

static enum bench_fault
response_check(const struct json_node *root, const struct bench_expect *want,
    uint32_t *id, const char **why)
{
	const struct json_node *result = json_get(root, S("result"));

	if (!str_equal(json_str(json_get(root, S("jsonrpc"))), S("2.0")))
		return fault(why, BENCH_SYNTAX, "jsonrpc is not 2.0");
	if (json_get(root, S("error")) != NULL)
		return fault(why, BENCH_ERROR, "an error");
	if (json_get(root, S("id")) == NULL)
		return fault(why, BENCH_ID, "no id");
	if (!id_read(json_raw(json_get(root, S("id"))), id))
		return fault(why, BENCH_ID, "wrong id");
	if (json_type(result) != JSON_OBJECT)
		return fault(why, BENCH_RESULT, "no result");
	if (want->complete
	    && !str_equal(
		json_str(json_get(result, S("resultType"))), S("complete")))
		return fault(why, BENCH_RESULT, "resultType is not complete");
	return want->tool ? tool_check(result, want, why) : BENCH_RIGHT;
}

enum bench_fault
bench_answer_check(struct json_doc *doc, struct str json,
    const struct bench_expect *want, uint32_t *id, const char **why)
{
	if (json_parse(doc, json, JSON_PROTOCOL) < 0)
		return fault(why, BENCH_SYNTAX, "not JSON");
	return response_check(doc->nodes, want, id, why);
}

enum bench_fault
bench_answer_events(struct json_doc *doc, struct str events,
    const struct bench_expect *want, uint32_t *id, const char **why)
{
	bool answered = false;
	enum bench_fault f;
	struct str line;

	while (events.len > 0) {
		line = str_split(events, '\n', &events);
		if (!str_starts(line, S("data:")))
			continue;
		line = str_trim(str_sub(line, 5, line.len));
		if (line.len > 0 && line.ptr[line.len - 1] == '\r')
			line.len--;
		if (line.len == 0)
			continue; /* an event that only carries its id */
		if (json_parse(doc, line, JSON_PROTOCOL) < 0)
			return fault(why, BENCH_SYNTAX, "an event is no JSON");
		if (json_get(doc->nodes, S("method")) != NULL)
			continue;
		if (answered)
			return fault(why, BENCH_ID, "a second answer");
		f = response_check(doc->nodes, want, id, why);
		if (f != BENCH_RIGHT)
			return f;
		answered = true;
	}
	return answered ? BENCH_RIGHT
			: fault(why, BENCH_SYNTAX, "no answer in the stream");
}

bool
bench_shape_match(const struct bench_shape *s, struct str bytes, uint32_t *id)
{
	size_t at = 0, i;

	if (s->len == 0 || s->len != bytes.len)
		return false;
	for (i = 0; i < s->ids; i++) {
		size_t here = s->id_at[i];

		if (memcmp(s->bytes + at, bytes.ptr + at, here - at) != 0
		    || memcmp(bytes.ptr + here, bytes.ptr + s->id_at[0],
			   BENCH_ID_DIGITS)
			!= 0)
			return false;
		at = here + BENCH_ID_DIGITS;
	}
	if (memcmp(s->bytes + at, bytes.ptr + at, bytes.len - at) != 0)
		return false;
	return id_read(
	    (struct str){ bytes.ptr + s->id_at[0], BENCH_ID_DIGITS }, id);
}

void
bench_shape_learn(struct bench_shape *s, struct str bytes, uint32_t id)
{
	char digits[BENCH_ID_DIGITS];
	size_t at;

	s->len = s->ids = 0;
	if (bytes.len > sizeof s->bytes)
		return;
	bench_id_put(digits, id);
	for (at = 0; at + sizeof digits <= bytes.len; at++) {
		if (memcmp(bytes.ptr + at, digits, sizeof digits) != 0)
			continue;
		if (s->ids == BENCH_SHAPE_IDS)
			return; /* scanned each time, then */
		s->id_at[s->ids++] = at;
		at += sizeof digits - 1;
	}
	if (s->ids == 0)
		return;
	memcpy(s->bytes, bytes.ptr, bytes.len);
	s->len = bytes.len;
}

void
bench_id_put(char *at, uint32_t id)
{
	int i;

	for (i = BENCH_ID_DIGITS - 1; i >= 0; i--) {
		at[i] = (char)('0' + id % 10);
		id /= 10;
	}
}
