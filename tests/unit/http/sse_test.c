/* SPDX-License-Identifier: Apache-2.0 */
/* Event streams: the 20 wire texts of tests/data/sse whole and bytewise, the
 * writer's round trip and the values that must not break out.  T-19. */
#include "http/sse.h"

#include "base/check.h"
#include "data/json.h"
#include "http/response.h"
#include "unit/http/trace.h"
#include "unit/unit.h"

#define CASES "tests/data/sse/cases.json"
#define EVENT_MAX ((size_t)1024 * 1024)

struct seen {
	struct buf data, event, id; /* owned; of the last event */
	int64_t retry_ms;
	unsigned events;
};

static void
seen_init(struct seen *s)
{
	memset(s, 0, sizeof(*s));
	buf_init(&s->data);
	buf_init(&s->event);
	buf_init(&s->id);
}

static void
seen_finish(struct seen *s)
{
	buf_finish(&s->data);
	buf_finish(&s->event);
	buf_finish(&s->id);
}

static int
see(void *arg, const struct sse_event *e)
{
	struct seen *s = arg;

	buf_clear(&s->data);
	buf_clear(&s->event);
	buf_clear(&s->id);
	buf_str(&s->data, e->data);
	buf_str(&s->event, e->event);
	buf_str(&s->id, e->id);
	s->retry_ms = e->retry_ms;
	s->events++;
	return 0;
}

static void
read_wire(struct seen *s, struct str wire, size_t part)
{
	struct sse_reader r;

	sse_reader_init(&r, EVENT_MAX);
	for (size_t i = 0; i < wire.len; i += part)
		ck_assert_int_eq(
		    sse_reader_feed(&r, str_sub(wire, i, i + part), see, s), 0);
	sse_reader_finish(&r);
}

static void
message_check(const struct json_node *m, const struct seen *s, struct str id)
{
	int64_t retry = -1;

	if (json_type(m) == JSON_NULL) {
		ck_assert_msg(s->events == 0, "%.*s", STR_FMT(id));
		return;
	}
	(void)json_i64(json_get(m, S("retry")), &retry);
	ck_assert_msg(
	    s->events == 1, "%.*s: %u events", STR_FMT(id), s->events);
	ck_assert_msg(
	    str_equal(buf_view(&s->data), json_str(json_get(m, S("data")))),
	    "%.*s: data", STR_FMT(id));
	ck_assert_msg(
	    str_equal(buf_view(&s->event), json_str(json_get(m, S("event")))),
	    "%.*s: event", STR_FMT(id));
	ck_assert_msg(
	    str_equal(buf_view(&s->id), json_str(json_get(m, S("id")))),
	    "%.*s: id", STR_FMT(id));
	ck_assert_msg(s->retry_ms == retry, "%.*s: retry", STR_FMT(id));
}

static void
round_trip(const struct json_node *m, struct str id)
{
	struct sse_event e = { json_str(json_get(m, S("event"))),
		json_str(json_get(m, S("id"))),
		json_str(json_get(m, S("data"))), -1 };
	struct buf out;
	struct seen s;

	if (json_type(m) == JSON_NULL)
		return;
	(void)json_i64(json_get(m, S("retry")), &e.retry_ms);
	buf_init(&out);
	seen_init(&s);
	ck_assert_int_eq(sse_write(&out, &e), 0);
	read_wire(&s, buf_view(&out), SIZE_MAX / 2);
	message_check(m, &s, id);
	seen_finish(&s);
	buf_finish(&out);
}

START_TEST(wire_texts_give_their_message)
{
	static struct json_doc doc;
	struct buf text;
	unsigned n = 0;

	buf_init(&text);
	json_doc_init(&doc);
	ck_assert(test_file(&text, CASES));
	ck_assert_int_eq(json_parse(&doc, buf_view(&text), JSON_GRAMMAR), 0);
	JSON_EACH_ELEMENT (c, json_get(&doc.nodes[0], S("parse"))) {
		const struct json_node *m = json_get(c, S("message"));
		struct str wire = json_str(json_get(c, S("wire")));
		struct str id = json_str(json_get(c, S("id")));

		for (size_t part = 1; part <= wire.len + 1;
		     part += wire.len > 1000 ? wire.len / 7 : 1) {
			struct seen s;

			seen_init(&s);
			read_wire(&s, wire, part);
			message_check(m, &s, id);
			seen_finish(&s);
		}
		round_trip(m, id);
		n++;
	}
	ck_assert_uint_eq(n, 20);
	json_doc_finish(&doc);
	buf_finish(&text);
}
END_TEST

/* As data: one event with the same lines.  Elsewhere: refused whole. */
static void
injection_check(struct str value)
{
	struct sse_event e = { .data = value, .retry_ms = -1 };
	struct buf out, lines;
	struct seen s;

	buf_init(&out);
	buf_init(&lines);
	seen_init(&s);
	for (size_t i = 0; i < value.len; i++)
		buf_char(&lines, value.ptr[i] == '\r' ? '\n' : value.ptr[i]);
	ck_assert_int_eq(sse_write(&out, &e), 0);
	read_wire(&s, buf_view(&out), 1);
	ck_assert_uint_eq(s.events, 1);
	ck_assert(str_equal(buf_view(&s.data), buf_view(&lines)));
	ck_assert_uint_eq(s.event.len, 0);
	buf_clear(&out);
	e = (struct sse_event){ value, STR_NONE, STR("x"), -1 };
	ck_assert_int_eq(sse_write(&out, &e), ERR_SYNTAX);
	e = (struct sse_event){ STR_NONE, value, STR("x"), -1 };
	ck_assert_int_eq(sse_write(&out, &e), ERR_SYNTAX);
	ck_assert_uint_eq(out.len, 0);
	seen_finish(&s);
	buf_finish(&lines);
	buf_finish(&out);
}

START_TEST(injected_values_do_not_break_out)
{
	static struct json_doc doc;
	struct buf text;
	unsigned n = 0;

	buf_init(&text);
	json_doc_init(&doc);
	ck_assert(test_file(&text, CASES));
	ck_assert_int_eq(json_parse(&doc, buf_view(&text), JSON_GRAMMAR), 0);
	JSON_EACH_ELEMENT (c, json_get(&doc.nodes[0], S("writer_injection"))) {
		injection_check(json_str(json_get(c, S("value"))));
		n++;
	}
	ck_assert_uint_eq(n, 3);
	ck_assert_int_eq(
	    sse_write(&text,
		&(struct sse_event){ STR("a\0b"), STR_NONE, STR("x"), -1 }),
	    ERR_SYNTAX);
	json_doc_finish(&doc);
	buf_finish(&text);
}
END_TEST

static void
written(const struct sse_event *e, struct str want)
{
	struct buf out;

	buf_init(&out);
	ck_assert_int_eq(sse_write(&out, e), 0);
	ck_assert_msg(str_equal(buf_view(&out), want), "got %.*s",
	    STR_FMT(buf_view(&out)));
	buf_finish(&out);
}

START_TEST(data_is_split_at_every_kind_of_line_end)
{
	written(&(struct sse_event){ STR_NONE, STR_NONE, STR("a\r\nb\rc\n\nd"),
		    -1 },
	    S("data: a\ndata: b\ndata: c\ndata: \ndata: d\n\n"));
	written(&(struct sse_event){ STR_NONE, STR_NONE, STR("\r\n"), -1 },
	    S("data: \ndata: \n\n"));
	written(&(struct sse_event){ STR("message"), STR("s-1"), STR("x"), 3 },
	    S("event: message\nid: s-1\nretry: 3\ndata: x\n\n"));
}
END_TEST

START_TEST(a_chunk_has_the_bytes_of_its_event)
{
	char large[5000];
	const struct str datas[] = { STR_NONE, STR("x"), STR("{\"a\":1}"),
		STR("12345678"), STR("a\nb"), STR("1234567\r"),
		STR("\xc3\xa9\t tab"), STR("123456789012345678901234\n"),
		{ large, 246 }, { large, 247 }, { large, sizeof large } };
	const struct str ids[] = { STR_NONE, STR("7-1"), STR("a\tb") };
	struct buf event, want, out;

	memset(large, 'x', sizeof large);
	buf_init(&event);
	buf_init(&want);
	buf_init(&out);
	for (size_t i = 0; i < ARRAY_LEN(datas) * ARRAY_LEN(ids) * 2; i++) {
		struct sse_event e = { i % 2 == 0 ? STR_NONE : S("e"),
			ids[i / 2 % ARRAY_LEN(ids)],
			datas[i / 2 / ARRAY_LEN(ids)], -1 };

		buf_clear(&event);
		ck_assert_int_eq(sse_write(&event, &e), 0);
		http_chunk_write(&want, buf_view(&event));
		ck_assert_int_eq(sse_write_chunk(&out, &e), 0);
		ck_assert_msg(str_equal(buf_view(&out), buf_view(&want)),
		    "%zu: %.*s", i, STR_FMT(buf_view(&out)));
	}
	ck_assert_int_eq(
	    sse_write_chunk(&out,
		&(struct sse_event){ STR_NONE, STR("a\nb"), STR("x"), -1 }),
	    ERR_SYNTAX);
	ck_assert(str_equal(buf_view(&out), buf_view(&want)));
	buf_finish(&event);
	buf_finish(&want);
	buf_finish(&out);
}
END_TEST

START_TEST(a_priming_event_has_an_empty_data_line) /* RSM-06 */
{
	written(&(struct sse_event){ STR_NONE, STR("s-0"), STR_NONE, -1 },
	    S("id: s-0\ndata: \n\n"));
}
END_TEST

START_TEST(a_comment_cannot_become_an_event)
{
	struct buf out;
	struct seen s;

	buf_init(&out);
	seen_init(&s);
	sse_write_comment(&out, S("keep\n\ndata: x\r\rdata: y"));
	buf_cstr(&out, "\n\n");
	read_wire(&s, buf_view(&out), 1);
	ck_assert_uint_eq(s.events, 0);
	seen_finish(&s);
	buf_finish(&out);
}
END_TEST

START_TEST(an_event_above_its_bound_is_refused)
{
	struct sse_reader r;
	struct seen s;

	seen_init(&s);
	sse_reader_init(&r, 20);
	ck_assert_int_eq(
	    sse_reader_feed(&r, S("data: 0123456789\n\n"), see, &s), 0);
	ck_assert_uint_eq(s.events, 1);
	ck_assert_int_eq(
	    sse_reader_feed(&r, S("data: 01234567890123456789"), see, &s),
	    ERR_LIMIT);
	sse_reader_finish(&r);
	sse_reader_init(&r, 20);
	ck_assert_int_eq(
	    sse_reader_feed(
		&r, S("data: 0123456789\ndata: 0123456789\n"), see, &s),
	    ERR_LIMIT);
	sse_reader_finish(&r);
	seen_finish(&s);
}
END_TEST

static int
stop(void *arg, const struct sse_event *e)
{
	(void)arg;
	(void)e;
	return 42;
}

START_TEST(the_callback_ends_the_reading)
{
	struct sse_reader r;

	sse_reader_init(&r, 100);
	ck_assert_int_eq(
	    sse_reader_feed(&r, S("data: x\n\ndata: y\n\n"), stop, NULL), 42);
	sse_reader_finish(&r);
}
END_TEST

START_TEST(the_last_id_and_retry_stay)
{
	struct sse_reader r;
	struct seen s;

	seen_init(&s);
	sse_reader_init(&r, 100);
	ck_assert_int_eq(
	    sse_reader_feed(&r, S("id: 7\nretry: 5\n\ndata: x\n\n"), see, &s),
	    0);
	ck_assert_uint_eq(s.events, 1);
	ck_assert(str_equal(buf_view(&s.id), S("7")));
	ck_assert_int_eq(s.retry_ms, -1);
	ck_assert_int_eq(r.retry_ms, 5);
	sse_reader_finish(&r);
	seen_finish(&s);
}
END_TEST

UNIT_MAIN("http/sse", wire_texts_give_their_message,
    injected_values_do_not_break_out, data_is_split_at_every_kind_of_line_end,
    a_chunk_has_the_bytes_of_its_event, a_priming_event_has_an_empty_data_line,
    a_comment_cannot_become_an_event, an_event_above_its_bound_is_refused,
    the_callback_ends_the_reading, the_last_id_and_retry_stay)
