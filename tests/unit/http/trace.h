/* SPDX-License-Identifier: Apache-2.0 */
/* What a parser says about some bytes, as text, so that two ways of cutting
 * them can be compared; and the small things that the data files need. */
#ifndef UNIT_HTTP_TRACE_H
#define UNIT_HTTP_TRACE_H

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "http/parser.h"

struct trace {
	struct buf text; /* owned */
	struct buf body; /* owned; of the last complete request */
	unsigned complete; /* requests */
	int status; /* refused with; 0: not refused */
	bool expects_continue;
	size_t used; /* bytes of complete requests */
};

static inline void
trace_init(struct trace *t)
{
	memset(t, 0, sizeof(*t));
	buf_init(&t->text);
	buf_init(&t->body);
}

static inline void
trace_finish(struct trace *t)
{
	buf_finish(&t->text);
	buf_finish(&t->body);
}

static inline void
trace_span(struct trace *t, const char *name, struct http_span s)
{
	buf_printf(&t->text, " %s=%u+%u", name, s.at, s.len);
}

static inline void
trace_head(struct trace *t, const struct http_parser *p)
{
	buf_printf(&t->text, "head m=%d v=%u ka=%d ec=%d ch=%d cl=%llu",
	    p->method, p->minor, p->keep_alive, p->expect_continue, p->chunked,
	    (unsigned long long)p->content_length);
	trace_span(t, "method", p->method_text);
	trace_span(t, "target", p->target);
	trace_span(t, "path", p->path);
	trace_span(t, "query", p->query);
	trace_span(t, "authority", p->authority);
	for (uint32_t i = 0; i < p->fields_len; i++) {
		trace_span(t, "f", p->fields[i].name);
		trace_span(t, "v", p->fields[i].value);
	}
	for (uint32_t i = 0; i < HTTP_KNOWN_COUNT; i++)
		trace_span(t, "k", p->known[i]);
	buf_printf(
	    &t->text, " seen=%x again=%x\n", p->known_seen, p->known_again);
	t->expects_continue = p->expect_continue;
}

static inline void
trace_complete(struct trace *t, const struct http_parser *p, const char *bytes)
{
	buf_printf(&t->text, "complete used=%zu fields=%u body=", p->consumed,
	    p->fields_len);
	buf_str(&t->text, http_slice(bytes, p->body));
	buf_char(&t->text, '\n');
	buf_clear(&t->body);
	buf_str(&t->body, http_slice(bytes, p->body));
	t->used += p->consumed;
	t->complete++;
}

/* How many bytes come next, of those that are left. */
typedef size_t trace_cut(void *arg, size_t left);

/* Of all texts that were read before; NULL: read without. */
static struct http_memo *trace_memo;

/* Feeds raw as cut says, to the end of the first refusal.  Bytes that have
 * not come yet are not in the buffer, so that looking ahead shows. */
static inline void
trace_run(struct trace *t, struct str raw, const struct http_limits *limits,
    trace_cut *cut, void *arg)
{
	struct http_parser p;
	char *bytes = malloc(raw.len + 1);
	size_t base = 0, len = 0, n;
	enum http_result r;

	ck_assert_ptr_nonnull(bytes);
	memset(bytes, 0xee, raw.len + 1);
	http_parser_init(&p, limits);
	http_parser_remember(&p, trace_memo);
	while (len < raw.len) {
		n = cut(arg, raw.len - len);
		memcpy(bytes + len, raw.ptr + len, n);
		len += n;
		for (;;) {
			r = http_parser_feed(&p, bytes + base, len - base);
			if (r == HTTP_HEAD_DONE) {
				trace_head(t, &p);
				continue;
			}
			if (r != HTTP_COMPLETE)
				break;
			trace_complete(t, &p, bytes + base);
			base += p.consumed;
			http_parser_init(&p, limits);
			http_parser_remember(&p, trace_memo);
			if (base == len)
				break;
		}
		if (r == HTTP_REFUSED) {
			t->status = p.status;
			ck_assert_ptr_nonnull(p.reason);
			ck_assert(!p.keep);
			ck_assert_uint_eq(p.consumed, 0);
			/* And it stays refused. */
			r = http_parser_feed(&p, bytes + base, len - base);
			ck_assert_int_eq(r, HTTP_REFUSED);
			buf_printf(
			    &t->text, "refused %d %s\n", p.status, p.reason);
			break;
		}
	}
	free(bytes);
}

static inline size_t
cut_whole(void *arg, size_t left)
{
	(void)arg;
	return left;
}

static inline size_t
cut_one(void *arg, size_t left)
{
	(void)arg;
	(void)left;
	return 1;
}

/* arg: size_t, the length of the first part; zero afterwards. */
static inline size_t
cut_at(void *arg, size_t left)
{
	size_t *first = arg, n = *first;

	*first = 0;
	return n == 0 || n > left ? left : n;
}

/* arg: uint32_t, a state of a small generator. */
static inline size_t
cut_random(void *arg, size_t left)
{
	uint32_t *x = arg;
	size_t n;

	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	n = *x % 7 == 0 ? 1 + *x / 7 % 300 : 1 + *x / 7 % 5;
	return n > left ? left : n;
}

static inline void
trace_same(const struct trace *a, struct str raw,
    const struct http_limits *limits, trace_cut *cut, void *arg,
    const char *what, size_t at)
{
	struct trace b;

	trace_init(&b);
	trace_run(&b, raw, limits, cut, arg);
	ck_assert_msg(str_equal(buf_view(&a->text), buf_view(&b.text)),
	    "%s, cut %zu:\n%.*s\nagainst\n%.*s", what, at,
	    STR_FMT(buf_view(&a->text)), STR_FMT(buf_view(&b.text)));
	trace_finish(&b);
}

#define TRACE_EVERY_CUT_MAX 1500

/* With a memory of others, then with one of this very text. */
static inline void
trace_memory(
    const struct trace *whole, struct str raw, const struct http_limits *limits)
{
	static struct http_memo memo;
	size_t first;

	trace_memo = &memo;
	for (size_t k = 0; k < 3; k++)
		trace_same(whole, raw, limits, cut_whole, NULL, "memory", k);
	trace_same(whole, raw, limits, cut_one, NULL, "memory, bytewise", 1);
	for (size_t k = 1; k < raw.len; k += raw.len / 61 + 1) {
		first = k;
		trace_same(whole, raw, limits, cut_at, &first, "memory", k);
	}
	trace_memo = NULL;
}

/* Whole is given; one byte at a time, and cut once: everywhere in short
 * texts, at some places in long ones; and the same with a memory. */
static inline void
trace_all_cuts(const struct trace *whole, struct str raw,
    const struct http_limits *limits, const char *what)
{
	size_t step = raw.len <= TRACE_EVERY_CUT_MAX ? 1 : raw.len / 61 + 1;
	size_t first;

	trace_same(whole, raw, limits, cut_one, NULL, what, 1);
	for (size_t k = 1; k < raw.len; k += step) {
		first = k;
		trace_same(whole, raw, limits, cut_at, &first, what, k);
	}
	trace_memory(whole, raw, limits);
}

/* A data file as a whole; false when it is not there. */
static inline bool
test_file(struct buf *out, const char *path)
{
	char part[4096];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	while ((n = read(fd, part, sizeof(part))) > 0)
		buf_append(out, part, (size_t)n);
	close(fd);
	return n == 0;
}

static inline void
test_base64(struct buf *out, struct str text)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789+/";
	uint32_t bits = 0, have = 0;

	for (size_t i = 0; i < text.len && text.ptr[i] != '='; i++) {
		const char *d = strchr(digits, text.ptr[i]);

		ck_assert_ptr_nonnull(d);
		bits = bits << 6 | (uint32_t)(d - digits);
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		buf_char(out, (char)(bits >> have & 0xff));
	}
}

#endif
