/* SPDX-License-Identifier: Apache-2.0 */
/* The first two bytes choose where to cut; the rest is what a peer sends.
 * Whole, cut there, bytewise, with decoded chunks compacted, and with a memory
 * of earlier heads: the same requests, bodies and refusal (SEC-01). */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "http/parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
note(struct buf *out, const struct http_parser *p, const char *b,
    enum http_result r)
{
	switch (r) {
	case HTTP_HEAD_DONE:
		CHECK(p->fields_len <= HTTP_FIELDS_MAX);
		buf_printf(out, "head %d %u %d %d;", p->method, p->known_seen,
		    p->keep_alive, p->has_body);
		buf_str(out, http_slice(b, p->target));
		buf_str(out, http_slice(b, p->path));
		buf_str(out, http_slice(b, p->query));
		buf_str(out, http_slice(b, p->authority));
		for (uint32_t i = 0; i < p->fields_len; i++) {
			buf_str(out, http_slice(b, p->fields[i].name));
			buf_str(out, http_slice(b, p->fields[i].value));
		}
		break;
	case HTTP_COMPLETE:
		CHECK(p->body.len <= p->limits->body);
		buf_cstr(out, "complete ");
		buf_str(out, http_slice(b, p->body));
		break;
	case HTTP_REFUSED:
		CHECK(p->status >= 400 && p->reason != NULL);
		buf_printf(out, "refused %d %s", p->status, p->reason);
		break;
	default:
		break;
	}
}

/* first, then step bytes at a time. */
static void
run(struct buf *out, const uint8_t *data, size_t size, size_t first,
    size_t step, bool compact, struct http_memo *memo)
{
	static const struct http_limits limits = { .request_line = 256,
		.head = 512,
		.fields = 12,
		.trailers = 64,
		.body = 256 };
	struct http_parser p;
	char *b = malloc(size + 1);
	size_t fed = 0, base = 0, len = 0, n = first;
	enum http_result r = HTTP_MORE;

	CHECK(b != NULL);
	http_parser_init(&p, &limits);
	http_parser_remember(&p, memo);
	while (fed < size && r != HTTP_REFUSED) {
		n = n > size - fed ? size - fed : n;
		memcpy(b + len, data + fed, n);
		len += n;
		fed += n;
		n = step;
		do {
			r = http_parser_feed(&p, b + base, len - base);
			note(out, &p, b + base, r);
			if (r != HTTP_COMPLETE)
				continue;
			CHECK(p.consumed > 0 && p.consumed <= len - base);
			base += p.consumed;
			http_parser_init(&p, &limits);
			http_parser_remember(&p, memo);
		} while (
		    r == HTTP_HEAD_DONE || (r == HTTP_COMPLETE && base < len));
		if (compact && r == HTTP_MORE)
			len = base
			    + http_parser_compact(&p, b + base, len - base);
	}
	free(b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_memo memo;
	struct buf whole, other;
	size_t cut;

	if (size < 3)
		return 0;
	cut = (size_t)data[0] << 8 | data[1];
	data += 2;
	size -= 2;
	cut = cut % size + 1;
	buf_init(&whole);
	buf_init(&other);
	run(&whole, data, size, size, size, false, NULL);
	for (unsigned way = 0; way < 3; way++) {
		buf_clear(&other);
		run(&other, data, size, way == 1 ? 1 : cut, way == 1 ? 1 : size,
		    way == 2, NULL);
		CHECK(str_equal(buf_view(&whole), buf_view(&other)));
	}
	buf_clear(&other);
	run(&other, data, size, 1, 1, true, NULL);
	CHECK(str_equal(buf_view(&whole), buf_view(&other)));
	/* With a memory of its own requests, and of a cut of them. */
	memset(&memo, 0, sizeof memo);
	for (unsigned way = 0; way < 4; way++) {
		buf_clear(&other);
		run(&other, data, size, way == 2 ? cut : size,
		    way == 2 ? 7 : size, false, &memo);
		CHECK(str_equal(buf_view(&whole), buf_view(&other)));
	}
	buf_finish(&whole);
	buf_finish(&other);
	return 0;
}
