/* SPDX-License-Identifier: Apache-2.0 */
#include "session/replay.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "unit/unit.h"

/* One server with one session, and a reader that writes down what it gets. */
struct rig {
	struct replay *replay;
	_Atomic(struct replay_log *) log;
	struct loop *loop;
	int64_t now;
};

struct taker {
	struct replay_reader base; /* first */
	struct buf got; /* "1-1=a;", missing: "!3;" */
	size_t max; /* events a read; 0: no bound */
	size_t taken;
	int wakes;
};

static void
rig_init(struct rig *r, size_t total, size_t session)
{
	struct replay_limits limits = { total, session, 100 };
	struct err err;

	memset(r, 0, sizeof *r);
	r->replay = replay_create(&limits);
	r->loop = loop_create(&err);
	ck_assert_ptr_nonnull(r->replay);
	ck_assert_ptr_nonnull(r->loop);
	atomic_init(&r->log, NULL);
}

static struct replay_log *
rig_log(struct rig *r)
{
	struct replay_log *l = replay_log_get(r->replay, &r->log);

	ck_assert_ptr_nonnull(l);
	return l;
}

static void
rig_finish(struct rig *r)
{
	loop_turn(r->loop);
	replay_log_destroy(atomic_load(&r->log));
	ck_assert_uint_eq(replay_bytes(r->replay), 0);
	replay_destroy(r->replay);
	loop_destroy(r->loop);
}

static void
woken(struct replay_reader *r)
{
	((struct taker *)(void *)r)->wakes++;
}

static void
taker_init(struct taker *t, struct rig *r)
{
	memset(t, 0, sizeof *t);
	t->base.loop = r->loop;
	t->base.wake = woken;
	buf_init(&t->got);
}

static bool
take(void *arg, const struct replay_event *e)
{
	struct taker *t = arg;
	struct str sequence;

	if (e->missing > 0)
		buf_printf(&t->got, "!%llu;", (unsigned long long)e->missing);
	(void)str_split(e->id, '-', &sequence);
	if (e->message.len > 0)
		buf_printf(&t->got, "%.*s=%.*s%s;", STR_FMT(sequence),
		    STR_FMT(e->message), e->last ? "." : "");
	t->taken++;
	return t->max == 0 || t->taken % t->max != 0;
}

/* Reads, and compares with what is wanted. */
static enum replay_state
expect(struct taker *t, const char *wanted)
{
	enum replay_state state;

	buf_clear(&t->got);
	state = replay_read(&t->base, take, t);
	buf_char(&t->got, '\0');
	ck_assert_str_eq(t->got.ptr, wanted);
	return state;
}

static void
taker_finish(struct taker *t, struct rig *r)
{
	if (replay_detach(&t->base, r->now))
		loop_turn(r->loop);
	buf_finish(&t->got);
}

static struct replay_stream *
stream(struct rig *r)
{
	struct replay_stream *s;

	ck_assert_int_eq(replay_open(rig_log(r), NULL, r->now, &s), 0);
	return s;
}

static int
add(struct rig *r, struct replay_stream *s, enum replay_kind kind,
    const char *text)
{
	return replay_append(s, kind, str_of(text), r->now);
}

static int
resume(
    struct rig *r, struct replay_stream *s, uint64_t sequence, struct taker *t)
{
	char text[REPLAY_ID_MAX];

	return replay_resume(
	    rig_log(r), replay_id(s, sequence, text), NULL, &t->base);
}

#define KIB ((size_t)1024)

START_TEST(events_come_once_and_in_order) /* RSM-04 */
{
	struct taker a, b;
	struct replay_stream *s;
	struct rig r;

	rig_init(&r, 64 * KIB, 64 * KIB);
	s = stream(&r);
	taker_init(&a, &r);
	taker_init(&b, &r);
	replay_attach(s, &a.base);
	(void)add(&r, s, REPLAY_MAY_DROP, "a");
	(void)add(&r, s, REPLAY_MUST_KEEP, "b");
	ck_assert_int_eq(expect(&a, "1=a;2=b;"), REPLAY_OPEN);
	ck_assert_int_eq(expect(&a, ""), REPLAY_OPEN);
	taker_finish(&a, &r);
	(void)add(&r, s, REPLAY_MAY_DROP, "c");
	(void)add(&r, s, REPLAY_LAST, "d");
	ck_assert_int_eq(resume(&r, s, 1, &b), 0);
	ck_assert_int_eq(expect(&b, "2=b;3=c;4=d.;"), REPLAY_ENDED);
	taker_finish(&b, &r);
	ck_assert(!replay_close(s, NULL));
	rig_finish(&r);
}
END_TEST

START_TEST(the_last_reader_has_the_stream)
{
	struct taker a, b;
	struct replay_stream *s;
	struct rig r;

	rig_init(&r, 64 * KIB, 64 * KIB);
	s = stream(&r);
	taker_init(&a, &r);
	taker_init(&b, &r);
	replay_attach(s, &a.base);
	(void)add(&r, s, REPLAY_MAY_DROP, "a");
	ck_assert_int_eq(resume(&r, s, 0, &b), 0);
	ck_assert_int_eq(expect(&a, ""), REPLAY_GONE);
	ck_assert_int_eq(expect(&b, "1=a;"), REPLAY_OPEN);
	taker_finish(&a, &r);
	(void)add(&r, s, REPLAY_MAY_DROP, "b");
	ck_assert(replay_is_read(s));
	ck_assert_int_eq(expect(&b, "2=b;"), REPLAY_OPEN);
	taker_finish(&b, &r);
	ck_assert(!replay_is_read(s));
	ck_assert(!replay_close(s, NULL));
	rig_finish(&r);
}
END_TEST

START_TEST(a_reader_may_stop_and_go_on)
{
	struct taker a;
	struct replay_stream *s;
	struct rig r;

	rig_init(&r, 64 * KIB, 64 * KIB);
	s = stream(&r);
	taker_init(&a, &r);
	a.max = 2;
	replay_attach(s, &a.base);
	(void)add(&r, s, REPLAY_MAY_DROP, "a");
	(void)add(&r, s, REPLAY_MAY_DROP, "b");
	(void)add(&r, s, REPLAY_MAY_DROP, "c");
	ck_assert_int_eq(expect(&a, "1=a;2=b;"), REPLAY_PAUSED);
	ck_assert_int_eq(expect(&a, "3=c;"), REPLAY_OPEN);
	taker_finish(&a, &r);
	(void)replay_close(s, NULL);
	rig_finish(&r);
}
END_TEST

START_TEST(no_id_opens_what_is_not_there) /* RSM-08 */
{
	static const char *const bad[] = { "", "-", "1", "1-", "-1", "1-1-1",
		"0-0", "a-0", "1-a", "18446744073709551616-0",
		"18446744073709551615-18446744073709551615",
		"00000000000000000000000000000000000000000000000001-0" };
	_Atomic(struct replay_log *) other_slot = NULL;
	struct replay_log *other;
	struct replay_stream *s;
	char text[REPLAY_ID_MAX];
	struct taker a;
	struct rig r;
	size_t i;

	rig_init(&r, 64 * KIB, 64 * KIB);
	s = stream(&r);
	taker_init(&a, &r);
	(void)add(&r, s, REPLAY_MAY_DROP, "a");
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_int_eq(
		    replay_resume(rig_log(&r), str_of(bad[i]), NULL, &a.base),
		    ERR_NOTFOUND);
	ck_assert_int_eq(resume(&r, s, 2, &a), ERR_NOTFOUND);
	other = replay_log_get(r.replay, &other_slot);
	ck_assert_int_eq(
	    replay_resume(other, replay_id(s, 0, text), NULL, &a.base),
	    ERR_NOTFOUND);
	replay_log_destroy(other);
	taker_finish(&a, &r);
	(void)replay_close(s, NULL);
	rig_finish(&r);
}
END_TEST

START_TEST(what_is_acknowledged_is_let_go) /* RSM-09 */
{
	struct replay_stream *s;
	struct taker a, b;
	struct rig r;
	char large[REPLAY_ROOM + 1]; /* not in the room of its stream */
	size_t full;

	memset(large, 'a', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	rig_init(&r, 64 * KIB, 64 * KIB);
	s = stream(&r);
	taker_init(&a, &r);
	taker_init(&b, &r);
	(void)add(&r, s, REPLAY_MAY_DROP, large);
	(void)add(&r, s, REPLAY_MAY_DROP, "b");
	(void)add(&r, s, REPLAY_LAST, "c");
	full = replay_bytes(r.replay);
	ck_assert_int_eq(resume(&r, s, 2, &a), 0);
	ck_assert_uint_lt(replay_bytes(r.replay), full);
	taker_finish(&a, &r);
	ck_assert_int_eq(resume(&r, s, 1, &b), ERR_NOTFOUND);
	ck_assert_int_eq(resume(&r, s, 2, &b), 0);
	ck_assert_int_eq(expect(&b, "3=c.;"), REPLAY_ENDED);
	replay_acknowledge(replay_ref(s));
	ck_assert_uint_eq(replay_bytes(r.replay), 0);
	ck_assert_int_eq(add(&r, s, REPLAY_MAY_DROP, "d"), ERR_CLOSED);
	taker_finish(&b, &r);
	(void)replay_close(s, NULL);
	rig_finish(&r);
}
END_TEST

START_TEST(a_flood_drops_notifications_and_tells_the_hole) /* RSM-09 */
{
	struct replay_stream *s;
	struct taker a;
	struct rig r;
	char text[32];
	int i;

	rig_init(&r, 256 * KIB, 256 * KIB);
	s = stream(&r);
	taker_init(&a, &r);
	ck_assert_int_eq(add(&r, s, REPLAY_MUST_KEEP, "question"), 0);
	for (i = 0; i < REPLAY_EVENTS_MAX + 44; i++) {
		(void)snprintf(text, sizeof text, "%d", i);
		ck_assert_int_eq(add(&r, s, REPLAY_MAY_DROP, text), 0);
	}
	ck_assert_int_eq(add(&r, s, REPLAY_LAST, "answer"), 0);
	ck_assert_int_eq(resume(&r, s, 0, &a), 0);
	a.max = 2;
	ck_assert_int_eq(expect(&a, "1=question;!46;48=46;"), REPLAY_PAUSED);
	a.max = 0;
	ck_assert_int_eq(replay_read(&a.base, take, &a), REPLAY_ENDED);
	ck_assert(str_ends(buf_view(&a.got), S("=answer.;")));
	taker_finish(&a, &r);
	(void)replay_close(s, NULL);
	rig_finish(&r);
}
END_TEST

START_TEST(bytes_of_a_session_are_bounded) /* RSM-09 */
{
	struct replay_stream *s, *done;
	struct taker a;
	char text[900];
	struct rig r;
	int i;

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	rig_init(&r, 1024 * KIB, 8 * KIB);
	done = stream(&r);
	ck_assert_int_eq(add(&r, done, REPLAY_LAST, text), 0);
	(void)replay_close(done, NULL);
	s = stream(&r);
	taker_init(&a, &r);
	for (i = 0; add(&r, s, REPLAY_MUST_KEEP, text) == 0; i++)
		ck_assert_uint_le(replay_bytes(r.replay), 8 * KIB);
	ck_assert_int_ge(i, 7); /* what had ended gave way */
	ck_assert_int_eq(add(&r, s, REPLAY_MAY_DROP, text), ERR_LIMIT);
	ck_assert_int_eq(add(&r, s, REPLAY_LAST, text), ERR_LIMIT);
	ck_assert_uint_le(replay_bytes(r.replay), 8 * KIB);
	/* Whoever reads gets more than can be kept, which then is let go. */
	ck_assert_int_eq(resume(&r, s, 0, &a), 0);
	ck_assert_int_eq(replay_read(&a.base, take, &a), REPLAY_OPEN);
	ck_assert_int_eq(add(&r, s, REPLAY_LAST, text), 0);
	ck_assert_int_eq(replay_read(&a.base, take, &a), REPLAY_ENDED);
	ck_assert_uint_le(replay_bytes(r.replay), 8 * KIB);
	taker_finish(&a, &r);
	ck_assert_int_eq(resume(&r, s, 0, &a), ERR_NOTFOUND);
	(void)replay_close(s, NULL);
	rig_finish(&r);
}
END_TEST

START_TEST(bytes_of_the_server_are_bounded) /* RSM-09 */
{
	struct replay_stream *s[8];
	char text[900];
	struct rig r;
	size_t i;

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	rig_init(&r, 5 * KIB, 1024 * KIB);
	for (i = 0; i < 8; i++) { /* the oldest give way */
		s[i] = stream(&r);
		ck_assert_int_eq(add(&r, s[i], REPLAY_LAST, text), 0);
		ck_assert_uint_le(replay_bytes(r.replay), 5 * KIB);
	}
	ck_assert_int_eq(add(&r, s[0], REPLAY_MAY_DROP, "x"), ERR_CLOSED);
	for (i = 0; i < 8; i++)
		(void)replay_close(s[i], NULL);
	rig_finish(&r);
}
END_TEST

START_TEST(streams_of_a_session_are_bounded)
{
	struct replay_stream *s[REPLAY_STREAMS_MAX], *more;
	struct rig r;
	size_t i;

	rig_init(&r, 64 * KIB, 64 * KIB);
	for (i = 0; i < REPLAY_STREAMS_MAX; i++)
		s[i] = stream(&r);
	ck_assert_int_eq(replay_open(rig_log(&r), NULL, 0, &more), ERR_LIMIT);
	ck_assert_int_eq(add(&r, s[3], REPLAY_LAST, "x"), 0);
	(void)replay_close(s[3], NULL);
	s[3] = stream(&r); /* one that has ended gives way */
	for (i = 0; i < REPLAY_STREAMS_MAX; i++)
		(void)replay_close(s[i], NULL);
	ck_assert_uint_eq(replay_bytes(r.replay), 0);
	rig_finish(&r);
}
END_TEST

static int lost;

static void
source_lost(struct replay_source *s)
{
	(void)s;
	lost++;
}

START_TEST(what_nobody_reads_expires_and_its_source_is_told)
{
	struct replay_source source = { .lost = source_lost };
	struct replay_stream *own, *read;
	atomic_bool streaming = false;
	struct taker a, b;
	struct rig r;

	lost = 0;
	rig_init(&r, 64 * KIB, 64 * KIB);
	source.loop = r.loop;
	taker_init(&a, &r);
	taker_init(&b, &r);
	ck_assert_int_eq(replay_open(rig_log(&r), &source, 0, &own), 0);
	ck_assert_int_eq(
	    replay_open(rig_log(&r), &source, 0, &read), ERR_EXISTS);
	ck_assert_int_eq(
	    replay_resume_standalone(rig_log(&r), &streaming, &b.base), 0);
	ck_assert(atomic_load(&streaming));
	ck_assert_int_eq(
	    replay_resume_standalone(rig_log(&r), &streaming, &a.base),
	    ERR_EXISTS);
	taker_finish(&b, &r);
	ck_assert(!atomic_load(&streaming));
	read = stream(&r);
	replay_attach(read, &a.base);
	(void)add(&r, read, REPLAY_MAY_DROP, "a");
	(void)expect(&a, "1=a;");
	ck_assert_uint_eq(replay_expire(r.replay, 0, 5), 0);
	ck_assert_uint_eq(replay_expire(r.replay, 5, 5), 1);
	loop_turn(r.loop);
	ck_assert_int_eq(lost, 1);
	ck_assert(!replay_close(own, &source));
	/* What is read stays, without what was read. */
	(void)add(&r, read, REPLAY_MAY_DROP, "b");
	ck_assert_int_eq(expect(&a, "2=b;"), REPLAY_OPEN);
	taker_finish(&a, &r);
	ck_assert_int_eq(resume(&r, read, 0, &a), ERR_NOTFOUND);
	ck_assert_int_eq(resume(&r, read, 1, &a), 0);
	(void)expect(&a, "2=b;");
	replay_log_end(rig_log(&r));
	ck_assert_int_eq(expect(&a, ""), REPLAY_GONE);
	taker_finish(&a, &r);
	(void)replay_close(read, NULL);
	rig_finish(&r);
}
END_TEST

START_TEST(the_same_words_wait_once_in_a_session_s_own_stream)
{
	struct replay_source source = { .lost = source_lost };
	struct replay_stream *own;
	atomic_bool streaming = false;
	struct taker a;
	struct rig r;
	int i;

	rig_init(&r, 64 * KIB, 64 * KIB);
	source.loop = r.loop;
	taker_init(&a, &r);
	ck_assert_int_eq(replay_open(rig_log(&r), &source, 0, &own), 0);
	for (i = 0; i < 1000; i++) {
		ck_assert_int_eq(add(&r, own, REPLAY_MAY_DROP, "a"), 0);
		ck_assert_int_eq(add(&r, own, REPLAY_MAY_DROP, "b"), 0);
	}
	ck_assert_int_eq(
	    replay_resume_standalone(rig_log(&r), &streaming, &a.base), 0);
	ck_assert_int_eq(expect(&a, "1=a;2=b;"), REPLAY_OPEN);
	(void)add(&r, own, REPLAY_MAY_DROP, "a");
	ck_assert_int_eq(expect(&a, "3=a;"), REPLAY_OPEN);
	taker_finish(&a, &r);
	(void)replay_close(own, &source);
	rig_finish(&r);
}
END_TEST

START_TEST(a_source_lets_its_reader_go) /* RSM-07 */
{
	struct replay_stream *s;
	struct taker a, b;
	struct rig r;

	rig_init(&r, 64 * KIB, 64 * KIB);
	s = stream(&r);
	taker_init(&a, &r);
	taker_init(&b, &r);
	replay_release(s, 5); /* nobody is there */
	replay_attach(s, &a.base);
	(void)add(&r, s, REPLAY_MAY_DROP, "a");
	replay_release(s, 5);
	ck_assert_int_eq(expect(&a, "1=a;"), REPLAY_RELEASED);
	ck_assert_int_eq(a.base.release_ms, 5);
	loop_turn(r.loop);
	ck_assert_int_eq(a.wakes, 1);
	taker_finish(&a, &r);
	ck_assert_int_eq(resume(&r, s, 1, &b), 0);
	ck_assert_int_eq(expect(&b, ""), REPLAY_OPEN);
	taker_finish(&b, &r);
	(void)replay_close(s, NULL);
	rig_finish(&r);
}
END_TEST

/* One thread appends, this one comes and goes.  No more are on their way than
 * a stream keeps while nobody reads it. */
struct race {
	struct rig *rig;
	struct replay_stream *stream;
	sem_t room;
	uint64_t last; /* taken */
};

#define RACE_EVENTS 2000

static void *
race_append(void *arg)
{
	struct race *race = arg;
	char text[32];
	int i;

	for (i = 1; i <= RACE_EVENTS; i++) {
		(void)snprintf(text, sizeof text, "%d", i);
		while (sem_wait(&race->room) < 0)
			continue; /* a signal */
		(void)replay_append(
		    race->stream, REPLAY_MUST_KEEP, str_of(text), 0);
	}
	(void)replay_append(race->stream, REPLAY_LAST, S("end"), 0);
	return NULL;
}

static bool
race_take(void *arg, const struct replay_event *e)
{
	struct race *race = arg;
	struct str sequence;
	uint64_t n;

	ck_assert_uint_eq(e->missing, 0);
	(void)str_split(e->id, '-', &sequence);
	ck_assert_int_eq(str_to_u64(sequence, &n), 0);
	ck_assert_uint_eq(n, race->last + 1);
	race->last = n;
	ck_assert_int_eq(sem_post(&race->room), 0);
	return n % 7 != 0;
}

START_TEST(a_reader_on_another_thread_misses_nothing)
{
	enum replay_state state = REPLAY_OPEN;
	struct taker a;
	struct race race;
	pthread_t thread;
	struct rig r;

	rig_init(&r, 1024 * KIB, 1024 * KIB);
	race = (struct race){ .rig = &r, .stream = stream(&r) };
	ck_assert_int_eq(sem_init(&race.room, 0, REPLAY_EVENTS_MAX / 2), 0);
	taker_init(&a, &r);
	replay_attach(race.stream, &a.base);
	ck_assert_int_eq(pthread_create(&thread, NULL, race_append, &race), 0);
	while (state != REPLAY_ENDED) {
		state = replay_read(&a.base, race_take, &race);
		ck_assert_int_ne(state, REPLAY_GONE);
		loop_turn(r.loop);
		if (state == REPLAY_PAUSED && race.last % 3 == 0) {
			taker_finish(&a, &r);
			taker_init(&a, &r);
			ck_assert_int_eq(
			    resume(&r, race.stream, race.last, &a), 0);
		}
	}
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_eq(race.last, RACE_EVENTS + 1);
	(void)sem_destroy(&race.room); /* nobody waits */
	taker_finish(&a, &r);
	(void)replay_close(race.stream, NULL);
	rig_finish(&r);
}
END_TEST

UNIT_MAIN("session/replay", events_come_once_and_in_order,
    the_last_reader_has_the_stream, a_reader_may_stop_and_go_on,
    no_id_opens_what_is_not_there, what_is_acknowledged_is_let_go,
    a_flood_drops_notifications_and_tells_the_hole,
    bytes_of_a_session_are_bounded, bytes_of_the_server_are_bounded,
    streams_of_a_session_are_bounded,
    what_nobody_reads_expires_and_its_source_is_told,
    the_same_words_wait_once_in_a_session_s_own_stream,
    a_source_lets_its_reader_go, a_reader_on_another_thread_misses_nothing)
