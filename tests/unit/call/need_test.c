/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler needs of its client before it can begin, and how it says that
 * a link is done with (ELIC-12, ELIC-13). */
#include "call/call.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "unit/data/alloc.h"
#include "unit/unit.h"

#define LINK \
	"{\"mode\":\"url\",\"message\":\"m\",\"url\":\"https://e.test/\"," \
	"\"elicitationId\":\"i\"}"

/* One call, which waits until the test ends it. */
struct rig {
	struct call_target target; /* first */
	struct loop *loop;
	struct call_reactor reactor;
	struct call *call;
	int done; /* links that the client was told of */
	char id[CALL_KEY_MAX + 1];
	int finished;
	size_t links; /* bytes of the list that the client gets */
};

static int
wait(struct call_target *t, struct call *c)
{
	(void)t;
	(void)c;
	return CALL_PENDING;
}

static void
pin(struct call_target *t)
{
	(void)t; /* it is the test's */
}

static const struct call_target_ops ops = { wait, pin, pin };

static void
heard(struct call *c, const struct call_log *log)
{
	struct rig *r = c->sink_arg;

	ck_assert(log->is_link_done && log->data.len <= CALL_KEY_MAX);
	memcpy(r->id, log->data.ptr, log->data.len);
	r->id[log->data.len] = '\0';
	r->done++;
}

static void
finished(struct call *c, enum call_status status)
{
	struct rig *r = c->sink_arg;

	(void)status;
	r->links = c->links.len;
	r->finished++;
}

static void
begin(struct rig *r, unsigned client)
{
	static const struct call_sink sink = { NULL, finished, heard, NULL,
		NULL };
	struct err err;

	memset(r, 0, sizeof *r);
	call_target_init(&r->target, &ops);
	r->target.nonblocking = true;
	r->loop = loop_create(&err);
	ck_assert_ptr_nonnull(r->loop);
	call_reactor_init(&r->reactor, r->loop, NULL);
	r->call = call_create(
	    &r->reactor, CALL_TOOL, &r->target, S("tool"), NULL, &sink, r);
	ck_assert_ptr_nonnull(r->call);
	r->call->client = client;
	call_start(r->call);
	ck_assert_int_eq(r->finished, 0);
}

static void
end(struct rig *r)
{
	if (r->finished == 0)
		ck_assert_int_eq(call_done(r->call, CALL_EFAIL), 0);
	while (r->reactor.running_len > 0)
		loop_turn(r->loop);
	ck_assert_int_eq(r->finished, 1);
	call_reactor_finish(&r->reactor);
	call_target_finish(&r->target);
	loop_destroy(r->loop);
}

static int
require(struct rig *r, const char *links)
{
	return call_links_require(r->call, str_of(links));
}

START_TEST(a_call_may_need_links_first) /* ELIC-13 */
{
	struct rig r;

	begin(&r, CALL_CLIENT_LINKS);
	ck_assert_int_eq(require(&r, "[" LINK "," LINK "]"), 0);
	ck_assert_int_eq(require(&r, " [" LINK "] "), 0); /* the last counts */
	end(&r);
	ck_assert_uint_eq(r.links, sizeof " [" LINK "] " - 1);
}
END_TEST

START_TEST(only_who_knows_of_links_is_told_of_them)
{
	struct rig r;

	begin(&r, ~0u & ~(unsigned)CALL_CLIENT_LINKS);
	ck_assert_int_eq(require(&r, "[" LINK "]"), ERR_UNSUPPORTED);
	ck_assert_int_eq(require(&r, "nonsense"), ERR_UNSUPPORTED);
	ck_assert_int_eq(call_link_done(r.call, S("i")), ERR_UNSUPPORTED);
	end(&r);
	ck_assert_uint_eq(r.links, 0);
	ck_assert_int_eq(r.done, 0);
}
END_TEST

START_TEST(what_is_no_link_is_refused)
{
	static const char *const bad[] = { "", "[", "7", "{}", "[]", "[7]",
		"[{}]", "[" LINK ",{}]",
		"[{\"mode\":\"form\",\"message\":\"m\",\"elicitationId\":\"i\","
		"\"url\":\"https://e.test/\"}]",
		"[{\"message\":\"m\",\"elicitationId\":\"i\","
		"\"url\":\"https://e.test/\"}]",
		"[{\"mode\":\"url\",\"message\":\"m\","
		"\"url\":\"https://e.test/\"}]",
		"[{\"mode\":\"url\",\"message\":\"m\",\"elicitationId\":7,"
		"\"url\":\"https://e.test/\"}]",
		"[{\"mode\":\"url\",\"message\":\"m\",\"elicitationId\":\"i\","
		"\"url\":\"nowhere\"}]",
		"[{\"mode\":\"url\",\"elicitationId\":\"i\","
		"\"url\":\"https://e.test/\"}]" };
	struct rig r;
	size_t i;

	begin(&r, CALL_CLIENT_LINKS);
	for (i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(require(&r, bad[i]) == ERR_PARAMS, "%s", bad[i]);
	ck_assert_uint_gt(r.call->message.len, 0); /* what the client hears */
	end(&r);
	ck_assert_uint_eq(r.links, 0);
}
END_TEST

START_TEST(links_have_bounds)
{
	struct buf text;
	struct rig r;
	size_t n;

	begin(&r, CALL_CLIENT_LINKS);
	for (n = CALL_NEEDS_MAX; n <= CALL_NEEDS_MAX + 1; n++) {
		size_t i;

		buf_init(&text);
		for (i = 0; i < n; i++)
			BUF_LIT(&text, "," LINK);
		buf_char(&text, ']');
		ck_assert(!text.failed);
		text.ptr[0] = '[';
		ck_assert_int_eq(call_links_require(r.call, buf_view(&text)),
		    n == CALL_NEEDS_MAX ? 0 : ERR_PARAMS);
		buf_finish(&text);
	}
	r.target.result_max = r.call->result_bytes + 10;
	ck_assert_int_eq(require(&r, "[" LINK "]"), ERR_LIMIT);
	ck_assert(r.call->too_large);
	end(&r);
}
END_TEST

START_TEST(the_end_of_a_link_is_told_whatever_the_level) /* ELIC-12 */
{
	char id[CALL_KEY_MAX + 1];
	struct rig r;

	memset(id, 'i', sizeof id);
	begin(&r, CALL_CLIENT_LINKS);
	r.call->log_level = 7; /* hears emergencies alone */
	ck_assert_int_eq(call_link_done(r.call, S("i")), 0);
	loop_turn(r.loop);
	ck_assert_int_eq(r.done, 1);
	ck_assert_str_eq(r.id, "i");
	ck_assert_int_eq(
	    call_link_done(r.call, (struct str){ id, CALL_KEY_MAX }), 0);
	ck_assert_int_eq(call_link_done(r.call, S("")), ERR_PARAMS);
	ck_assert_int_eq(
	    call_link_done(r.call, (struct str){ id, sizeof id }), ERR_PARAMS);
	ck_assert_int_eq(call_link_done(r.call, S("\xff")), ERR_PARAMS);
	loop_turn(r.loop);
	ck_assert_int_eq(r.done, 2);
	end(&r);
}
END_TEST

START_TEST(ends_of_links_on_their_way_are_bounded)
{
	struct rig r;
	int i;

	begin(&r, CALL_CLIENT_LINKS);
	for (i = 0; i < CALL_REPORTS_MAX; i++)
		ck_assert_int_eq(call_link_done(r.call, S("i")), 0);
	ck_assert_int_eq(call_link_done(r.call, S("i")), ERR_BUSY);
	loop_turn(r.loop);
	ck_assert_int_eq(r.done, CALL_REPORTS_MAX);
	call_cancel(r.call);
	ck_assert_int_eq(call_link_done(r.call, S("i")), ERR_CANCELLED);
	ck_assert_int_eq(call_done(r.call, CALL_ECANCELLED), 0);
	end(&r);
	ck_assert_int_eq(r.done, CALL_REPORTS_MAX);
}
END_TEST

/* With the n-th allocation missing; true: that one was asked for. */
static bool
starve(long n)
{
	struct rig r;
	bool missed;
	int rc, told;

	begin(&r, CALL_CLIENT_LINKS);
	alloc_left = n;
	rc = require(&r, "[" LINK "]");
	told = call_link_done(r.call, S("i"));
	missed = alloc_left < 0;
	alloc_left = -1;
	ck_assert(rc == 0 || rc == ERR_NOMEM);
	ck_assert(told == 0 || told == ERR_NOMEM);
	ck_assert_int_eq(missed, rc != 0 || told != 0);
	ck_assert_int_eq(r.call->links.ptr != NULL, rc == 0);
	loop_turn(r.loop);
	ck_assert_int_eq(r.done, told == 0);
	ck_assert_int_eq(call_link_done(r.call, S("i")), 0); /* memory again */
	loop_turn(r.loop);
	ck_assert_int_eq(r.done, told == 0 ? 2 : 1);
	end(&r);
	return missed;
}

START_TEST(without_memory_nothing_is_half_said)
{
	long n = 0;

	while (ALLOC_WORKS && starve(n)) {
		n++;
		ck_assert_int_lt(n, 100);
	}
	ck_assert(n > 1 || !ALLOC_WORKS);
}
END_TEST

UNIT_MAIN("call/need", a_call_may_need_links_first,
    only_who_knows_of_links_is_told_of_them, what_is_no_link_is_refused,
    links_have_bounds, the_end_of_a_link_is_told_whatever_the_level,
    ends_of_links_on_their_way_are_bounded, without_memory_nothing_is_half_said)
