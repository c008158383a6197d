/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a call, on a real loop with a real pool. */
#include "call/call.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "call/hold.h"
#include "unit/unit.h"

/* Everything one test needs; the handler finds it through the target. */
struct rig {
	struct call_target target; /* first */
	struct loop *loop;
	struct loop_pool *pool;
	struct call_reactor reactor;
	int (*handler)(struct rig *r, struct call *c);
	atomic_int pins;
	int finished;
	int odd; /* what say_nonsense() returns */
	atomic_int entered;
	enum call_status status;
	char text[256];
	double progress[8];
	int progress_len;
	int messages;
	pthread_t thread;
	struct call *pending;
	atomic_int hooks;
	pthread_mutex_t gate; /* holds handlers back */
};

static int
rig_run(struct call_target *t, struct call *c)
{
	struct rig *r = (struct rig *)t;

	return r->handler(r, c);
}

static void
rig_pin(struct call_target *t)
{
	atomic_fetch_add(&((struct rig *)t)->pins, 1);
}

static void
rig_unpin(struct call_target *t)
{
	atomic_fetch_sub(&((struct rig *)t)->pins, 1);
}

static const struct call_target_ops rig_ops = { rig_run, rig_pin, rig_unpin };

static void
rig_progress(struct call *c, double done, double total, struct str text)
{
	struct rig *r = c->sink_arg;

	(void)total;
	(void)text;
	if (r->progress_len < 8)
		r->progress[r->progress_len++] = done;
}

static void
rig_message(struct call *c, const struct call_log *log)
{
	struct rig *r = c->sink_arg;

	ck_assert_int_eq(r->finished, 0); /* in order, before the end */
	ck_assert(str_equal(log->logger, S("log")));
	if (r->messages++ == 0)
		ck_assert(str_equal(log->data, S("first")));
}

static void
rig_finished(struct call *c, enum call_status status)
{
	struct rig *r = c->sink_arg;
	const struct call_content *block;
	size_t at = 0;

	r->status = status;
	r->text[0] = '\0';
	if (status == CALL_OK)
		for (block = c->contents; block != NULL; block = block->next)
			at += (size_t)snprintf(r->text + at,
			    sizeof r->text - at, "%.*s", STR_FMT(block->data));
	r->finished++;
}

/* Turns the loop until so many calls have finished. */
static void
rig_wait(struct rig *r, int finished)
{
	while (r->finished < finished)
		loop_turn(r->loop);
}

static const struct call_sink rig_sink = { rig_progress, rig_finished,
	rig_message, NULL, NULL };

static void
rig_begin(struct rig *r, int (*handler)(struct rig *, struct call *))
{
	struct err err;

	memset(r, 0, sizeof *r);
	call_target_init(&r->target, &rig_ops);
	r->handler = handler;
	r->loop = loop_create(&err);
	r->pool = loop_pool_create(2, 8, NULL, NULL, &err);
	ck_assert_ptr_nonnull(r->loop);
	ck_assert_ptr_nonnull(r->pool);
	ck_assert_int_eq(pthread_mutex_init(&r->gate, NULL), 0);
	call_reactor_init(&r->reactor, r->loop, r->pool);
}

/* Everything is given back: the proof that no path leaks a call or a pin. */
static void
rig_end(struct rig *r)
{
	loop_pool_destroy(r->pool);
	while (r->reactor.running_len > 0)
		loop_turn(r->loop);
	ck_assert_int_eq(atomic_load(&r->pins), 0);
	call_reactor_finish(&r->reactor);
	call_target_finish(&r->target);
	loop_destroy(r->loop);
	(void)pthread_mutex_destroy(&r->gate);
}

static struct call *
rig_call(struct rig *r)
{
	struct call *c = call_create(
	    &r->reactor, CALL_TOOL, &r->target, S("tool"), NULL, &rig_sink, r);

	ck_assert_ptr_nonnull(c);
	return c;
}

static int
add_text(struct call *c, const char *text)
{
	return call_content_add(c,
	    &(struct call_content){ .type = CALL_TEXT, .data = str_of(text) });
}

static int
say_hello(struct rig *r, struct call *c)
{
	(void)r;
	ck_assert_int_eq(call_progress(c, 1, 2, STR_NONE), 0);
	ck_assert_int_eq(add_text(c, "hello"), 0);
	return CALL_OK;
}

START_TEST(nonblocking_calls_end_before_start_returns_and_take_no_pin)
{
	struct rig r;

	rig_begin(&r, say_hello);
	r.target.nonblocking = true;
	call_start(rig_call(&r));
	ck_assert_int_eq(r.finished, 1);
	ck_assert_str_eq(r.text, "hello");
	ck_assert_int_eq(r.progress_len, 1);
	rig_end(&r);
}
END_TEST

START_TEST(blocking_calls_run_in_the_pool_and_end_on_the_reactor)
{
	struct rig r;

	rig_begin(&r, say_hello);
	call_start(rig_call(&r));
	ck_assert_int_eq(r.finished, 0);
	rig_wait(&r, 1);
	ck_assert_str_eq(r.text, "hello");
	ck_assert_int_eq(r.progress_len, 1); /* before the end: PROG-01 */
	rig_end(&r);
}
END_TEST

static struct call_log
log_of(struct str data, int level)
{
	return (struct call_log){
		.level = level, .logger = S("log"), .data = data
	};
}

static int
say_and_log(struct rig *r, struct call *c)
{
	struct call_log heard = log_of(S("first"), 3);
	struct call_log low = log_of(S("low"), 2);
	struct call_log big =
	    log_of((struct str){ "", CALL_LOG_DATA_MAX + 1 }, 7);

	ck_assert_int_eq(call_message(c, &big), ERR_LIMIT);
	ck_assert_int_eq(call_message(c, &low), 0);
	ck_assert_int_eq(call_message(c, &heard), 0);
	heard.data = S("second");
	ck_assert_int_eq(call_message(c, &heard), 0);
	return say_hello(r, c);
}

static struct call *
rig_call_from(struct rig *r, int level)
{
	struct call *c = rig_call(r);

	c->log_level = level;
	return c;
}

/* LOG-05 */
START_TEST(messages_come_in_order_before_the_end_and_not_below_the_level)
{
	struct rig r;

	rig_begin(&r, say_and_log);
	call_start(rig_call_from(&r, 3));
	rig_wait(&r, 1);
	ck_assert_int_eq(r.messages, 2);
	rig_end(&r);

	rig_begin(&r, say_and_log);
	r.target.nonblocking = true;
	call_start(rig_call_from(&r, 3));
	ck_assert_int_eq(r.finished, 1);
	ck_assert_int_eq(r.messages, 2);
	rig_end(&r);
}
END_TEST

/* More than the bound while the reactor does not turn. */
static int
flood(struct rig *r, struct call *c)
{
	struct call_log log = log_of(S("first"), 0);
	int i;

	(void)r;
	for (i = 0; i < CALL_REPORTS_MAX; i++)
		ck_assert_int_eq(call_message(c, &log), 0);
	ck_assert_int_eq(call_message(c, &log), ERR_BUSY);
	atomic_store(&r->entered, 1);
	return CALL_OK;
}

START_TEST(messages_on_their_way_are_bounded)
{
	struct rig r;

	rig_begin(&r, flood);
	call_start(rig_call(&r));
	while (atomic_load(&r.entered) == 0)
		(void)sched_yield();
	ck_assert_int_eq(r.messages, 0);
	rig_wait(&r, 1);
	ck_assert_int_eq(r.messages, CALL_REPORTS_MAX);
	rig_end(&r);
}
END_TEST

static void *
done_later(void *arg)
{
	struct rig *r = arg;

	ck_assert_int_eq(pthread_mutex_lock(&r->gate), 0);
	ck_assert_int_eq(add_text(r->pending, "later"), 0);
	ck_assert_int_eq(call_done(r->pending, CALL_OK), 0);
	ck_assert_int_eq(pthread_mutex_unlock(&r->gate), 0);
	return NULL;
}

static int
pend(struct rig *r, struct call *c)
{
	r->pending = c;
	ck_assert_int_eq(pthread_create(&r->thread, NULL, done_later, r), 0);
	return CALL_PENDING;
}

START_TEST(a_pending_call_ends_by_done_from_any_thread)
{
	struct rig r;

	rig_begin(&r, pend);
	r.target.nonblocking = true;
	ck_assert_int_eq(pthread_mutex_lock(&r.gate), 0);
	call_start(rig_call(&r));
	ck_assert_int_eq(r.finished, 0);
	ck_assert_int_eq(atomic_load(&r.pins), 1);
	ck_assert_int_eq(pthread_mutex_unlock(&r.gate), 0);
	rig_wait(&r, 1);
	ck_assert_str_eq(r.text, "later");
	ck_assert_int_eq(pthread_join(r.thread, NULL), 0);
	rig_end(&r);
}
END_TEST

static int
done_at_once(struct rig *r, struct call *c)
{
	(void)r;
	ck_assert_int_eq(add_text(c, "early"), 0);
	ck_assert_int_eq(call_done(c, CALL_OK), 0);
	ck_assert_int_eq(call_done(c, CALL_OK), ERR_EXISTS);
	return CALL_PENDING;
}

START_TEST(done_may_come_before_the_handler_returns_and_only_once)
{
	struct rig r;

	rig_begin(&r, done_at_once);
	r.target.nonblocking = true;
	call_start(rig_call(&r));
	ck_assert_int_eq(r.finished, 1);
	ck_assert_str_eq(r.text, "early");
	r.target.nonblocking = false;
	call_start(rig_call(&r));
	rig_wait(&r, 2);
	rig_end(&r);
}
END_TEST

static void
count_hook(void *arg)
{
	atomic_fetch_add((atomic_int *)arg, 1);
}

static int
wait_for_gate(struct rig *r, struct call *c)
{
	ck_assert_int_eq(call_on_cancel(c, count_hook, &r->hooks), 0);
	atomic_fetch_add(&r->entered, 1);
	ck_assert_int_eq(pthread_mutex_lock(&r->gate), 0);
	ck_assert_int_eq(pthread_mutex_unlock(&r->gate), 0);
	(void)add_text(c, "dropped");
	return CALL_OK;
}

/* The handler has set its hook and waits at the gate. */
static void
entered_wait(struct rig *r)
{
	while (atomic_load(&r->entered) == 0)
		(void)sched_yield();
}

START_TEST(the_client_hears_at_the_deadline_and_the_call_stays_pinned)
{
	struct rig r;
	struct call *c;

	rig_begin(&r, wait_for_gate);
	r.target.deadline_ns = 30 * NS_PER_MS;
	ck_assert_int_eq(pthread_mutex_lock(&r.gate), 0);
	c = rig_call(&r);
	call_start(c);
	entered_wait(&r);
	rig_wait(&r, 1);
	ck_assert_int_eq(r.status, CALL_EDEADLINE);
	ck_assert(call_is_cancelled(c));
	ck_assert_int_eq(atomic_load(&r.hooks), 1);
	ck_assert_int_eq(atomic_load(&r.pins), 1);
	ck_assert_int_eq(pthread_mutex_unlock(&r.gate), 0);
	rig_end(&r);
	ck_assert_int_eq(r.finished, 1);
}
END_TEST

START_TEST(an_abandoned_call_tells_the_handler_but_not_the_sink)
{
	struct rig r;
	struct call *c;

	rig_begin(&r, wait_for_gate);
	ck_assert_int_eq(pthread_mutex_lock(&r.gate), 0);
	c = rig_call(&r);
	call_start(c);
	entered_wait(&r);
	call_abandon(c);
	ck_assert(call_is_cancelled(c));
	ck_assert_int_eq(pthread_mutex_unlock(&r.gate), 0);
	rig_end(&r);
	ck_assert_int_eq(r.finished, 0);
}
END_TEST

START_TEST(concurrency_queues_and_then_refuses)
{
	struct rig r;
	int i;

	rig_begin(&r, wait_for_gate);
	r.target.concurrency = 1;
	r.target.queue_max = 2;
	ck_assert_int_eq(pthread_mutex_lock(&r.gate), 0);
	for (i = 0; i < 3; i++)
		call_start(rig_call(&r));
	ck_assert_int_eq(r.finished, 0);
	call_start(rig_call(&r));
	ck_assert_int_eq(r.finished, 1);
	ck_assert_int_eq(r.status, CALL_EBUSY);
	ck_assert_uint_eq(r.target.running, 1);
	ck_assert_uint_eq(r.target.waiting, 2);
	ck_assert_int_eq(pthread_mutex_unlock(&r.gate), 0);
	rig_wait(&r, 4);
	ck_assert_int_eq(r.status, CALL_OK);
	rig_end(&r);
}
END_TEST

static int
hold(struct rig *r, struct call *c)
{
	(void)c;
	atomic_fetch_add(&r->entered, 1);
	CHECK(pthread_mutex_lock(&r->gate) == 0);
	CHECK(pthread_mutex_unlock(&r->gate) == 0);
	return CALL_OK;
}

/* However many there are: they do not end inside one another. */
START_TEST(a_long_queue_is_refused_when_the_pool_has_no_room)
{
	enum { WAITING = 65536, POOL_ROOM = 8 };
	struct rig r, other;
	int i;

	rig_begin(&r, hold);
	memset(&other, 0, sizeof other);
	call_target_init(&other.target, &rig_ops);
	other.handler = hold;
	ck_assert_int_eq(pthread_mutex_init(&other.gate, NULL), 0);
	r.target.concurrency = 1;
	r.target.queue_max = WAITING;
	ck_assert_int_eq(pthread_mutex_lock(&r.gate), 0);
	ck_assert_int_eq(pthread_mutex_lock(&other.gate), 0);
	for (i = 0; i < WAITING + 1; i++)
		call_start(rig_call(&r));
	call_start(call_create(&r.reactor, CALL_TOOL, &other.target, S("t"),
	    NULL, &rig_sink, &other));
	while (atomic_load(&r.entered) + atomic_load(&other.entered) < 2)
		(void)sched_yield();
	for (i = 0; i < POOL_ROOM; i++)
		call_start(call_create(&r.reactor, CALL_TOOL, &other.target,
		    S("t"), NULL, &rig_sink, &other));
	ck_assert_int_eq(pthread_mutex_unlock(&r.gate), 0);
	rig_wait(&r, WAITING + 1);
	ck_assert_int_eq(atomic_load(&r.entered), 1);
	ck_assert_uint_eq(r.target.running, 0);
	ck_assert_int_eq(pthread_mutex_unlock(&other.gate), 0);
	while (other.finished < POOL_ROOM + 1)
		loop_turn(r.loop);
	rig_end(&r);
	call_target_finish(&other.target);
	(void)pthread_mutex_destroy(&other.gate);
}
END_TEST

START_TEST(a_queued_call_that_is_cancelled_never_runs)
{
	struct rig r;
	struct call *queued;

	rig_begin(&r, wait_for_gate);
	r.target.concurrency = 1;
	r.target.queue_max = 1;
	ck_assert_int_eq(pthread_mutex_lock(&r.gate), 0);
	call_start(rig_call(&r));
	queued = rig_call(&r);
	call_start(queued);
	call_cancel(queued);
	ck_assert_int_eq(r.finished, 1);
	ck_assert_int_eq(r.status, CALL_ECANCELLED);
	ck_assert_uint_eq(r.target.waiting, 0);
	ck_assert_int_eq(pthread_mutex_unlock(&r.gate), 0);
	rig_wait(&r, 2);
	ck_assert_int_eq(r.status, CALL_OK);
	rig_end(&r);
}
END_TEST

START_TEST(a_call_cancelled_before_its_worker_came_never_runs)
{
	struct rig r;
	struct call *late;
	int i;

	rig_begin(&r, hold);
	ck_assert_int_eq(pthread_mutex_lock(&r.gate), 0);
	for (i = 0; i < 2; i++) /* both workers */
		call_start(rig_call(&r));
	while (atomic_load(&r.entered) < 2)
		(void)sched_yield();
	late = rig_call(&r);
	call_start(late);
	call_abandon(late);
	ck_assert_int_eq(pthread_mutex_unlock(&r.gate), 0);
	rig_wait(&r, 2);
	while (r.reactor.running_len > 0)
		loop_turn(r.loop);
	ck_assert_int_eq(atomic_load(&r.entered), 2);
	ck_assert_int_eq(r.finished, 2);
	rig_end(&r);
}
END_TEST

static int
flood_progress(struct rig *r, struct call *c)
{
	int i;

	for (i = 0; i < CALL_REPORTS_MAX; i++)
		ck_assert_int_eq(call_progress(c, i, 0, STR_NONE), 0);
	ck_assert_int_eq(call_progress(c, i, 0, STR_NONE), ERR_BUSY);
	atomic_store(&r->entered, 1);
	return CALL_OK;
}

START_TEST(progress_on_its_way_is_bounded)
{
	struct rig r;

	rig_begin(&r, flood_progress);
	call_start(rig_call(&r));
	while (atomic_load(&r.entered) == 0)
		(void)sched_yield();
	ck_assert_int_eq(r.progress_len, 0);
	rig_wait(&r, 1);
	ck_assert_int_eq(r.progress_len, 8);
	rig_end(&r);
}
END_TEST

/* Deaf to what its calls return. */
static int
say_beyond_memory(struct rig *r, struct call *c)
{
	(void)r;
	(void)arena_alloc(&c->arena, CALL_MEMORY_MAX);
	return CALL_OK;
}

START_TEST(an_answer_that_memory_was_missing_for_is_no_answer)
{
	struct rig r;

	rig_begin(&r, say_beyond_memory);
	r.target.nonblocking = true;
	call_start(rig_call(&r));
	ck_assert_int_eq(r.status, CALL_ENOMEM);
	rig_end(&r);
}
END_TEST

static int
fail_at_length(struct rig *r, struct call *c)
{
	static char text[CALL_MESSAGE_MAX + 8];
	size_t i;

	(void)r;
	text[0] = 'x';
	for (i = 1; i + 1 < sizeof text; i += 2)
		memcpy(text + i, "\xc3\xb6", 2);
	return call_fail(c, CALL_EFAIL, (struct str){ text, sizeof text - 1 });
}

static void
message_is_utf8(struct call *c, enum call_status status)
{
	struct rig *r = c->sink_arg;

	r->status = status;
	r->finished++;
	ck_assert_uint_eq(c->message.len, CALL_MESSAGE_MAX - 1);
	ck_assert(str_is_utf8(c->message));
}

START_TEST(a_long_message_is_cut_between_characters)
{
	static const struct call_sink sink = { rig_progress, message_is_utf8,
		NULL, NULL, NULL };
	struct rig r;

	rig_begin(&r, fail_at_length);
	r.target.nonblocking = true;
	call_start(call_create(
	    &r.reactor, CALL_TOOL, &r.target, S("tool"), NULL, &sink, &r));
	ck_assert_int_eq(r.finished, 1);
	ck_assert_int_eq(r.status, CALL_EFAIL);
	rig_end(&r);
}
END_TEST

static int
say_much(struct rig *r, struct call *c)
{
	static char big[2000];

	(void)r;
	(void)call_content_add(c,
	    &(struct call_content){
		.type = CALL_TEXT, .data = { big, sizeof big } });
	return CALL_OK;
}

START_TEST(a_result_above_its_bound_is_an_error)
{
	struct rig r;

	rig_begin(&r, say_much);
	r.target.nonblocking = true;
	r.target.result_max = 1000;
	call_start(rig_call(&r));
	ck_assert_int_eq(r.status, CALL_ENOMEM);
	rig_end(&r);
}
END_TEST

static int
say_nonsense(struct rig *r, struct call *c)
{
	(void)c;
	return r->odd;
}

START_TEST(a_status_that_does_not_exist_is_a_failure)
{
	static const int odd[] = { 2, 3, 99, -10, -1000 };
	struct rig r;
	size_t i;

	rig_begin(&r, say_nonsense);
	r.target.nonblocking = true;
	for (i = 0; i < ARRAY_LEN(odd); i++) {
		r.odd = odd[i];
		call_start(rig_call(&r));
		ck_assert_int_eq(r.status, CALL_EFAIL);
	}
	rig_end(&r);
}
END_TEST

static int
ask_everything(struct rig *r, struct call *c)
{
#define FORM "\"requestedSchema\":{\"type\":\"object\",\"properties\":{}}"
#define MODEL "{\"messages\":[],\"maxTokens\":5"
	static const struct {
		const char *key, *method, *params;
		int rc;
	} asks[] = {
		{ "a", "elicitation/create", "{\"message\":\"m\"," FORM "}",
		    0 },
		{ "a", "elicitation/create", "{\"message\":\"m\"," FORM "}",
		    ERR_EXISTS },
		{ "b", "elicitation/create",
		    "{\"mode\":\"url\",\"message\":\"m\","
		    "\"url\":\"https://e.test/\"}",
		    ERR_UNSUPPORTED },
		{ "b", "elicitation/create", "{\"mode\":\"url\"}", ERR_PARAMS },
		{ "b", "elicitation/create", "", ERR_PARAMS },
		{ "b", "elicitation/create", "[]", ERR_PARAMS },
		{ "b", "elicitation/create", "{", ERR_PARAMS },
		{ "b", "elicitation/create",
		    "{\"message\":\"m\",\"requestedSchema\":{\"type\":"
		    "\"object\",\"properties\":{\"a\":{\"type\":\"array\","
		    "\"items\":{\"type\":\"string\",\"enum\":[\"x\"]}}}}}",
		    ERR_UNSUPPORTED },
		{ "b", "sampling/createMessage", MODEL "}", 0 },
		{ "c", "sampling/createMessage",
		    MODEL ",\"includeContext\":\"none\"}", 0 },
		{ "d", "sampling/createMessage",
		    MODEL ",\"includeContext\":\"allServers\"}",
		    ERR_UNSUPPORTED },
		{ "d", "sampling/createMessage", MODEL ",\"tools\":[]}",
		    ERR_UNSUPPORTED },
		{ "d", "sampling/createMessage", "{}", ERR_PARAMS },
		{ "d", "roots/list", "", ERR_UNSUPPORTED },
		{ "d", "ping", "{}", ERR_PARAMS },
		{ "", "sampling/createMessage", MODEL "}", ERR_PARAMS },
		{ "\xff", "sampling/createMessage", MODEL "}", ERR_PARAMS },
	};
	char key[3];
	size_t i;

	(void)r;
	for (i = 0; i < ARRAY_LEN(asks); i++)
		ck_assert_int_eq(
		    call_need_add(c, str_of(asks[i].key),
			str_of(asks[i].method), str_of(asks[i].params)),
		    asks[i].rc);
	for (i = c->needs_len; i < CALL_NEEDS_MAX; i++) {
		(void)snprintf(key, sizeof key, "%zu", i);
		ck_assert_int_eq(call_need_add(c, str_of(key),
				     S("sampling/createMessage"), S(MODEL "}")),
		    0);
	}
	ck_assert_int_eq(
	    call_need_add(c, S("z"), S("sampling/createMessage"), S(MODEL "}")),
	    ERR_LIMIT);
	return CALL_INPUT;
}

/* MRTR-05 */
START_TEST(a_client_is_asked_only_what_it_can_be_asked)
{
	struct rig r;
	struct call *c;

	rig_begin(&r, ask_everything);
	r.target.nonblocking = true;
	c = rig_call(&r);
	c->client = CALL_CLIENT_ELICIT_FORM | CALL_CLIENT_SAMPLING;
	call_start(c);
	ck_assert_int_eq(r.status, CALL_INPUT);
	rig_end(&r);
}
END_TEST

static int
keep_state(struct rig *r, struct call *c)
{
	static const char much[CALL_STATE_MAX + 1];

	(void)r;
	ck_assert(str_equal(c->state, S("before")));
	ck_assert_int_eq(
	    call_state_set(c, (struct str){ much, sizeof much }), ERR_LIMIT);
	ck_assert(!c->state_set);
	ck_assert_int_eq(
	    call_state_set(c, (struct str){ much, CALL_STATE_MAX }), 0);
	ck_assert_int_eq(call_state_set(c, S("after")), 0);
	ck_assert(c->state_set && str_equal(c->next_state, S("after")));
	ck_assert(str_equal(c->state, S("before")));
	return CALL_INPUT;
}

/* MRTR-03 */
START_TEST(a_state_alone_is_enough_to_be_run_again)
{
	struct rig r;
	struct call *c;

	rig_begin(&r, keep_state);
	r.target.nonblocking = true;
	c = rig_call(&r);
	c->state = S("before");
	call_start(c);
	ck_assert_int_eq(r.status, CALL_INPUT);
	rig_end(&r);
}
END_TEST

static void
note_empty(void *arg)
{
	(*(int *)arg)++;
}

START_TEST(calls_wait_at_a_shut_gate_and_go_on_when_it_opens)
{
	struct call_hold hold;
	struct call *c;
	struct rig r;
	int empty = 0;

	rig_begin(&r, say_hello);
	call_hold_init(&hold, r.loop);
	r.target.hold = &hold;
	call_start(rig_call(&r)); /* inside */
	call_hold_shut(&hold, note_empty, &empty);
	c = rig_call(&r);
	call_start(c);
	call_start(rig_call(&r));
	rig_wait(&r, 1);
	while (empty == 0)
		loop_turn(r.loop);
	ck_assert_int_eq(r.finished, 1);
	call_cancel(c); /* never runs */
	ck_assert_int_eq(r.status, CALL_ECANCELLED);
	call_hold_open(&hold);
	rig_wait(&r, 3);
	ck_assert_int_eq(r.status, CALL_OK);
	ck_assert_str_eq(r.text, "hello");
	ck_assert_int_eq(empty, 1);
	rig_end(&r);
	call_hold_finish(&hold);
}
END_TEST

START_TEST(calls_that_waited_go_to_the_heir_or_come_again)
{
	struct call_hold hold, next;
	struct rig r, heir;

	rig_begin(&r, say_nonsense);
	rig_begin(&heir, say_hello);
	heir.target.nonblocking = true;
	call_hold_init(&hold, r.loop);
	call_hold_init(&next, r.loop);
	r.target.hold = &hold;
	heir.target.hold = &next;
	call_hold_shut(&hold, note_empty, &(int){ 0 });
	for (int i = 0; i < CALL_HELD_MAX; i++)
		call_start(rig_call(&r));
	ck_assert_int_eq(r.finished, 0);
	call_start(rig_call(&r));
	ck_assert_int_eq(r.status, CALL_EBUSY);
	r.target.heir = &heir.target;
	call_hold_move(&hold);
	rig_wait(&r, CALL_HELD_MAX + 1);
	ck_assert_int_eq(r.status, CALL_OK);
	ck_assert_str_eq(r.text, "hello");
	/* One that looks at an old snapshot goes there at once. */
	call_start(rig_call(&r));
	ck_assert_int_eq(r.status, CALL_OK);
	ck_assert_int_eq(r.finished, CALL_HELD_MAX + 2);
	r.target.heir = NULL;
	call_start(rig_call(&r));
	ck_assert_int_eq(r.status, CALL_EBUSY);
	rig_end(&heir);
	rig_end(&r);
	call_hold_finish(&hold);
	call_hold_finish(&next);
}
END_TEST

UNIT_MAIN("call/call", a_call_cancelled_before_its_worker_came_never_runs,
    progress_on_its_way_is_bounded,
    a_long_queue_is_refused_when_the_pool_has_no_room,
    an_answer_that_memory_was_missing_for_is_no_answer,
    a_long_message_is_cut_between_characters,
    nonblocking_calls_end_before_start_returns_and_take_no_pin,
    blocking_calls_run_in_the_pool_and_end_on_the_reactor,
    messages_come_in_order_before_the_end_and_not_below_the_level,
    messages_on_their_way_are_bounded,
    a_pending_call_ends_by_done_from_any_thread,
    done_may_come_before_the_handler_returns_and_only_once,
    the_client_hears_at_the_deadline_and_the_call_stays_pinned,
    an_abandoned_call_tells_the_handler_but_not_the_sink,
    concurrency_queues_and_then_refuses,
    a_queued_call_that_is_cancelled_never_runs,
    a_result_above_its_bound_is_an_error,
    a_status_that_does_not_exist_is_a_failure,
    a_client_is_asked_only_what_it_can_be_asked,
    a_state_alone_is_enough_to_be_run_again,
    calls_wait_at_a_shut_gate_and_go_on_when_it_opens,
    calls_that_waited_go_to_the_heir_or_come_again)
