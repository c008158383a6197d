/* SPDX-License-Identifier: Apache-2.0 */
/* An event stream gives the same events however it is cut, and what is
 * written from any bytes is read back as one event with the same lines. */
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "http/sse.h"

#define EVENT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	struct buf text;
	unsigned events;
};

static int
see(void *arg, const struct sse_event *e)
{
	struct seen *s = arg;

	buf_printf(&s->text, "%zu %zu %zu %lld:", e->event.len, e->id.len,
	    e->data.len, (long long)e->retry_ms);
	buf_str(&s->text, e->event);
	buf_str(&s->text, e->id);
	buf_str(&s->text, e->data);
	s->events++;
	return 0;
}

static void
read_in_parts(struct seen *s, struct str wire, size_t part)
{
	struct sse_reader r;

	buf_clear(&s->text);
	s->events = 0;
	sse_reader_init(&r, EVENT_MAX);
	for (size_t i = 0; i < wire.len; i += part)
		if (sse_reader_feed(&r, str_sub(wire, i, i + part), see, s) < 0)
			break;
	sse_reader_finish(&r);
}

static size_t
line_ends(struct str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += s.ptr[i] == '\r' || s.ptr[i] == '\n';
	return n;
}

static void
round_trip(struct seen *s, struct str event, struct str data)
{
	struct sse_event e = { .event = event, .data = data, .retry_ms = -1 };
	struct buf out;
	int rc;

	buf_init(&out);
	rc = sse_write(&out, &e);
	if (rc == 0) {
		read_in_parts(s, buf_view(&out), out.len);
		CHECK(s->events == 1
		    || data.len + event.len + line_ends(data) + 16 > EVENT_MAX);
	} else {
		CHECK(out.len == 0);
	}
	buf_clear(&out);
	sse_write_comment(&out, data);
	read_in_parts(s, buf_view(&out), out.len);
	CHECK(s->events == 0);
	buf_finish(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str wire = { (const char *)data, size };
	struct seen a, b;

	if (size < 2)
		return 0;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	buf_init(&a.text);
	buf_init(&b.text);
	read_in_parts(&a, wire, size);
	read_in_parts(&b, wire, 1);
	/* A limit may hit earlier in a long part: only then less is seen. */
	if (size < EVENT_MAX)
		CHECK(str_equal(buf_view(&a.text), buf_view(&b.text)));
	round_trip(
	    &a, str_sub(wire, 1, 1 + data[0] % 16), str_sub(wire, 1, size));
	buf_finish(&a.text);
	buf_finish(&b.text);
	return 0;
}
