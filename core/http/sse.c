/* SPDX-License-Identifier: Apache-2.0 */
/* Event streams, both ways.  Lines end in LF, CR or CRLF. */
#include "http/sse.h"

#include <string.h>

#include "http/response.h"

static bool
breaks_field(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] == '\r' || s.ptr[i] == '\n' || s.ptr[i] == '\0')
			return true;
	return false;
}

/* Offset of c at or behind from, or s.len. */
static size_t
find_from(struct str s, size_t from, char c)
{
	const char *at;

	if (from >= s.len)
		return s.len;
	at = memchr(s.ptr + from, c, s.len - from);
	return at != NULL ? (size_t)(at - s.ptr) : s.len;
}

/* Every line of text behind its own prefix. */
static void
write_lines(struct buf *out, struct str text, struct str prefix)
{
	size_t at = 0, lf = find_from(text, 0, '\n');
	size_t cr = find_from(text, 0, '\r'), end;

	for (;;) {
		end = lf < cr ? lf : cr;
		buf_str(out, prefix);
		if (end > at)
			buf_append(out, text.ptr + at, end - at);
		buf_char(out, '\n');
		if (end == text.len)
			return;
		at = end + (end == cr && lf == cr + 1 ? 2 : 1);
		/* Each is searched again only when passed: linear. */
		if (lf < at)
			lf = find_from(text, at, '\n');
		if (cr < at)
			cr = find_from(text, at, '\r');
	}
}

int
sse_write(struct buf *out, const struct sse_event *e)
{
	size_t need = e->event.len + e->id.len + e->data.len + 64;

	if (breaks_field(e->event) || breaks_field(e->id))
		return ERR_SYNTAX;
	if (buf_reserve(out, need) < 0)
		return ERR_NOMEM;
	if (e->event.len > 0) {
		BUF_LIT(out, "event: ");
		buf_str(out, e->event);
		buf_char(out, '\n');
	}
	if (e->id.len > 0) {
		BUF_LIT(out, "id: ");
		buf_str(out, e->id);
		buf_char(out, '\n');
	}
	if (e->retry_ms >= 0) {
		BUF_LIT(out, "retry: ");
		buf_i64(out, e->retry_ms);
		buf_char(out, '\n');
	}
	write_lines(out, e->data, S("data: "));
	buf_char(out, '\n');
	return out->failed ? ERR_NOMEM : 0;
}

/* Nothing in data but what fits one line; JSON that we write is such. */
static bool
is_one_line(struct str data)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t w, low = 0;
	size_t i;

	for (i = 0; i + sizeof w <= data.len; i += sizeof w) {
		memcpy(&w, data.ptr + i, sizeof w);
		low |= (w - ones * 0x20) & ~w;
	}
	if ((low & ones * 0x80) != 0)
		return false;
	for (; i < data.len; i++)
		if ((unsigned char)data.ptr[i] < 0x20)
			return false;
	return true;
}

static char *
put(char *w, struct str s)
{
	if (s.len > 0)
		memcpy(w, s.ptr, s.len);
	return w + s.len;
}

/* Hex digits without zeroes in front; n is not 0. */
static char *
put_hex(char *w, size_t n)
{
	unsigned shift = (unsigned)(63 - __builtin_clzll(n)) / 4 * 4;

	for (;; shift -= 4) {
		*w++ = "0123456789abcdef"[n >> shift & 15];
		if (shift == 0)
			return w;
	}
}

/* Of an event of some other kind. */
static int
chunk_by_way(struct buf *out, const struct sse_event *e)
{
	struct buf text;
	int rc;

	buf_init(&text);
	rc = sse_write(&text, e);
	if (rc == 0)
		http_chunk_write(out, buf_view(&text));
	buf_finish(&text);
	return rc < 0 ? rc : out->failed ? ERR_NOMEM : 0;
}

int
sse_write_chunk(struct buf *out, const struct sse_event *e)
{
	static const struct str id = STR("id: "), data = STR("data: ");
	size_t len = data.len + e->data.len + 2;
	char *w;

	if (e->event.len > 0 || e->retry_ms >= 0 || !is_one_line(e->id)
	    || !is_one_line(e->data))
		return chunk_by_way(out, e);
	if (e->id.len > 0)
		len += id.len + e->id.len + 1;
	if (buf_reserve(out, len + sizeof len * 2 + 4) < 0)
		return ERR_NOMEM;
	w = put_hex(out->ptr + out->len, len);
	w = put(w, S("\r\n"));
	if (e->id.len > 0) {
		w = put(put(w, id), e->id);
		*w++ = '\n';
	}
	w = put(put(w, data), e->data);
	w = put(w, S("\n\n\r\n"));
	out->len = (size_t)(w - out->ptr);
	return 0;
}

void
sse_write_comment(struct buf *out, struct str text)
{
	write_lines(out, text, S(": "));
	buf_char(out, '\n');
}

void
sse_reader_init(struct sse_reader *r, size_t max)
{
	memset(r, 0, sizeof(*r));
	buf_init(&r->line);
	buf_init(&r->data);
	buf_init(&r->event);
	buf_init(&r->id);
	r->retry_ms = -1;
	r->event_retry_ms = -1;
	r->max = max;
}

void
sse_reader_finish(struct sse_reader *r)
{
	buf_finish(&r->line);
	buf_finish(&r->data);
	buf_finish(&r->event);
	buf_finish(&r->id);
}

static void
retry_field(struct sse_reader *r, struct str value)
{
	uint64_t ms;

	if (str_to_u64(value, &ms) < 0 || ms > INT64_MAX)
		return;
	r->retry_ms = (int64_t)ms;
	r->event_retry_ms = (int64_t)ms;
}

static int
field(struct sse_reader *r, struct str name, struct str value)
{
	if (str_equal(name, S("data"))) {
		r->has_data = true;
		buf_str(&r->data, value);
		buf_char(&r->data, '\n');
	} else if (str_equal(name, S("event"))) {
		buf_clear(&r->event);
		buf_str(&r->event, value);
	} else if (str_equal(name, S("id"))) {
		if (str_find(value, '\0') < value.len)
			return 0;
		buf_clear(&r->id);
		buf_str(&r->id, value);
	} else if (str_equal(name, S("retry"))) {
		retry_field(r, value);
	}
	if (r->data.failed || r->event.failed || r->id.failed)
		return ERR_NOMEM;
	return 0;
}

static int
dispatch(struct sse_reader *r, int (*fn)(void *arg, const struct sse_event *e),
    void *arg)
{
	struct sse_event e;
	int rc = 0;

	if (r->has_data) {
		e.event = buf_view(&r->event);
		e.id = buf_view(&r->id);
		e.data = buf_view(&r->data);
		e.data.len--; /* the LF behind the last line */
		e.retry_ms = r->event_retry_ms;
		rc = fn(arg, &e);
	}
	buf_clear(&r->data);
	buf_clear(&r->event);
	r->event_retry_ms = -1;
	r->has_data = false;
	return rc;
}

static int
line(struct sse_reader *r, int (*fn)(void *arg, const struct sse_event *e),
    void *arg)
{
	struct str text = buf_view(&r->line), value;
	size_t colon;

	if (!r->begun && str_starts(text, S("\xef\xbb\xbf")))
		text = str_sub(text, 3, text.len);
	r->begun = true;
	if (text.len == 0)
		return dispatch(r, fn, arg);
	colon = str_find(text, ':');
	if (colon == 0)
		return 0;
	value = str_sub(text, colon + 1, text.len);
	if (value.len > 0 && value.ptr[0] == ' ')
		value = str_sub(value, 1, value.len);
	return field(r, str_sub(text, 0, colon), value);
}

/* Bytes up to the next CR or LF. */
static size_t
run_length(struct str s)
{
	size_t n = 0;

	while (n < s.len && s.ptr[n] != '\n' && s.ptr[n] != '\r')
		n++;
	return n;
}

int
sse_reader_feed(struct sse_reader *r, struct str bytes,
    int (*fn)(void *arg, const struct sse_event *e), void *arg)
{
	size_t n;
	int rc;

	while (bytes.len > 0) {
		if (r->skip_lf && bytes.ptr[0] == '\n') {
			r->skip_lf = false;
			bytes = str_sub(bytes, 1, bytes.len);
			continue;
		}
		r->skip_lf = false;
		n = run_length(bytes);
		if (n > r->max
		    || r->line.len + r->data.len + r->event.len > r->max - n)
			return ERR_LIMIT;
		buf_append(&r->line, bytes.ptr, n);
		if (r->line.failed)
			return ERR_NOMEM;
		if (n == bytes.len)
			return 0;
		r->skip_lf = bytes.ptr[n] == '\r';
		bytes = str_sub(bytes, n + 1, bytes.len);
		rc = line(r, fn, arg);
		buf_clear(&r->line);
		if (rc != 0)
			return rc;
	}
	return 0;
}
