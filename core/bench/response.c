/* SPDX-License-Identifier: Apache-2.0 */
/* Reads status, the headers that matter and the body, by length or chunks. */
#include "bench/response.h"

#include <string.h>

#define CHUNK_DIGITS_MAX 8

void
bench_response_init(struct bench_response *r)
{
	memset(r, 0, sizeof *r);
	buf_init(&r->joined);
}

void
bench_response_finish(struct bench_response *r)
{
	buf_finish(&r->joined);
}

/* Where the line that starts at `at` ends, CRLF not included; bytes.len:
 * nowhere. */
static size_t
line_end(struct str bytes, size_t at)
{
	size_t end = at + str_find(str_sub(bytes, at, bytes.len), '\n');

	if (end >= bytes.len || end == at || bytes.ptr[end - 1] != '\r')
		return bytes.len;
	return end - 1;
}

static bool
take_header(struct bench_response *r, struct str line)
{
	struct str value;
	struct str name = str_split(line, ':', &value);
	uint64_t n;

	if (name.len == 0 || name.len == line.len)
		return false;
	value = str_trim(value);
	if (str_equal_nocase(name, S("content-length"))) {
		if (r->has_length || str_to_u64(value, &n) < 0
		    || n > UINT32_MAX)
			return false;
		r->has_length = true;
		r->body.len = (size_t)n;
	} else if (str_equal_nocase(name, S("transfer-encoding"))) {
		r->chunked = str_equal_nocase(value, S("chunked"));
		return r->chunked;
	} else if (str_equal_nocase(name, S("content-type"))) {
		r->json = str_starts(value, S("application/json"));
		r->events = str_starts(value, S("text/event-stream"));
	} else if (str_equal_nocase(name, S("connection"))) {
		r->closing = str_equal_nocase(value, S("close"));
	} else if (str_equal_nocase(name, S("mcp-session-id"))) {
		if (value.len >= sizeof r->session)
			return false;
		memcpy(r->session, value.ptr, value.len);
		r->session[value.len] = '\0';
	}
	return true;
}

static bool
take_status(struct bench_response *r, struct str line)
{
	const char *d = line.ptr + 9;

	if (line.len < 12 || memcmp(line.ptr, "HTTP/1.1 ", 9) != 0)
		return false;
	r->status = (d[0] - '0') * 100 + (d[1] - '0') * 10 + (d[2] - '0');
	return r->status >= 200 && r->status <= 999;
}

enum bench_response_state
bench_response_head(struct bench_response *r, struct str bytes)
{
	size_t at = 0, end;
	struct str line;

	r->status = 0;
	r->json = r->events = r->chunked = r->closing = r->has_length = false;
	r->session[0] = '\0';
	r->body = STR_NONE;
	for (;; at = end + 2) {
		end = line_end(bytes, at);
		if (end == bytes.len)
			return BENCH_RESPONSE_PARTIAL;
		line = str_sub(bytes, at, end);
		if (line.len == 0)
			break;
		if (at == 0 ? !take_status(r, line) : !take_header(r, line))
			return BENCH_RESPONSE_BAD;
	}
	r->head = end + 2;
	return r->status > 0 ? BENCH_RESPONSE_WHOLE : BENCH_RESPONSE_BAD;
}

static bool
chunk_size(struct str line, size_t *size)
{
	size_t i;

	*size = 0;
	for (i = 0; i < line.len && line.ptr[i] != ';'; i++) {
		static const char digits[] = "0123456789abcdef";
		const char *d = memchr(digits, line.ptr[i] | 0x20, 16);

		if (d == NULL || i >= CHUNK_DIGITS_MAX)
			return false;
		*size = *size << 4 | (size_t)(d - digits);
	}
	return i > 0;
}

static enum bench_response_state
take_chunks(struct bench_response *r, struct str bytes)
{
	size_t at = r->head, end, size;

	buf_clear(&r->joined);
	do {
		end = line_end(bytes, at);
		if (end == bytes.len)
			return BENCH_RESPONSE_PARTIAL;
		if (!chunk_size(str_sub(bytes, at, end), &size))
			return BENCH_RESPONSE_BAD;
		at = end + 2;
		if (bytes.len - at < size + 2)
			return BENCH_RESPONSE_PARTIAL;
		if (memcmp(bytes.ptr + at + size, "\r\n", 2) != 0)
			return BENCH_RESPONSE_BAD;
		buf_append(&r->joined, bytes.ptr + at, size);
		at += size + 2;
	} while (size > 0);
	r->body = buf_view(&r->joined);
	r->total = at;
	return r->joined.failed ? BENCH_RESPONSE_BAD : BENCH_RESPONSE_WHOLE;
}

enum bench_response_state
bench_response_parse(struct bench_response *r, struct str bytes)
{
	enum bench_response_state state = bench_response_head(r, bytes);

	if (state != BENCH_RESPONSE_WHOLE)
		return state;
	if (r->chunked)
		return r->has_length ? BENCH_RESPONSE_BAD
				     : take_chunks(r, bytes);
	if (!r->has_length && r->status != 202 && r->status != 204)
		return BENCH_RESPONSE_BAD;
	if (bytes.len - r->head < r->body.len)
		return BENCH_RESPONSE_PARTIAL;
	r->body.ptr = bytes.ptr + r->head;
	r->total = r->head + r->body.len;
	return BENCH_RESPONSE_WHOLE;
}
