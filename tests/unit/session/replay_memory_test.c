/* SPDX-License-Identifier: Apache-2.0 */
/* A stream without memory: something is missing, nothing is wrong. */
#include <string.h>

#include "session/replay.h"
#include "unit/data/alloc.h"
#include "unit/unit.h"

struct seen {
	uint64_t next;
	uint64_t missing;
	int faults; /* out of order */
	bool ended;
};

static bool
take(void *arg, const struct replay_event *e)
{
	struct seen *s = arg;
	struct str sequence;
	uint64_t n;

	s->missing += e->missing;
	if (e->message.len > 0) {
		(void)str_split(e->id, '-', &sequence);
		if (str_to_u64(sequence, &n) < 0 || n != s->next + e->missing)
			s->faults++;
		s->next = n;
	} else {
		s->next += e->missing - 1;
	}
	s->next++;
	s->ended |= e->last;
	return true;
}

static void
ignore(struct replay_reader *r)
{
	(void)r;
}

/* How many of the events came; -1: something is wrong. */
static int
stream_run(struct replay *replay, struct loop *loop)
{
	struct replay_reader r = { .loop = loop, .wake = ignore };
	struct seen seen = { .next = 1 };
	_Atomic(struct replay_log *) slot = NULL;
	struct replay_log *l = replay_log_get(replay, &slot);
	struct replay_stream *s;
	int i, added = 0;
	bool answered;

	if (l == NULL || replay_open(l, NULL, 0, &s) < 0) {
		replay_log_destroy(l);
		return 0;
	}
	for (i = 0; i < 5; i++)
		added += replay_append(s, REPLAY_MAY_DROP, S("a"), 0) == 0;
	replay_attach(s, &r);
	for (i = 0; i < 5; i++)
		added += replay_append(s, REPLAY_MAY_DROP, S("b"), 0) == 0;
	answered = replay_append(s, REPLAY_LAST, S("c"), 0) == 0;
	(void)replay_close(s, NULL);
	if (replay_read(&r, take, &seen) != REPLAY_ENDED
	    || seen.ended != answered || seen.faults > 0
	    || seen.missing != (uint64_t)(10 - added))
		added = -1;
	alloc_left = -1;
	if (replay_detach(&r, 0))
		loop_turn(loop);
	replay_log_destroy(l);
	return added;
}

START_TEST(every_allocation_may_fail)
{
	struct replay_limits limits = { 1 << 20, 1 << 20, 1 };
	struct err err;
	struct loop *loop = loop_create(&err);
	struct replay *replay = NULL;
	long n;
	int got = 0;

	ck_assert_ptr_nonnull(loop);
	for (n = 0; replay == NULL; n++) {
		alloc_left = ALLOC_WORKS ? n : -1;
		replay = replay_create(&limits);
		alloc_left = -1;
	}
	for (n = 0; n < 40; n++) {
		alloc_left = ALLOC_WORKS ? n : -1;
		got = stream_run(replay, loop);
		alloc_left = -1;
		ck_assert_int_ge(got, 0);
		ck_assert_uint_eq(replay_bytes(replay), 0);
	}
	ck_assert_int_eq(got, 10); /* so many allocations there are not */
	replay_destroy(replay);
	loop_destroy(loop);
}
END_TEST

UNIT_MAIN("session/replay_memory", every_allocation_may_fail)
