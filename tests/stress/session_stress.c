/* SPDX-License-Identifier: Apache-2.0 */
/* The real table of sessions: four reactors look up, make and end sessions,
 * most of them those of the others, while the control thread gives memory back
 * as fast as it can.  What must hold:
 *
 * - a session that nobody ends is always found, however slots move around it;
 * - what is found has the id that was asked for;
 * - who has ended a session finds it no more.
 *
 *     session_stress [ROUNDS]
 *
 * Compiled with -DSKIP_ACK the table is not told who reads: it frees memory at
 * once.  A sanitizer must then report it; if it does not, this test has no
 * power. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "loop/reactor.h"
#include "session/session.h"

enum {
	REACTORS = 4,
	PINNED = 512, /* of each round, never ended */
	BOARD = 256, /* places of sessions that come and go */
	PER_TURN = 64,
	TURNS = 60, /* of each reactor in a round */
	BURST = 40, /* made and ended together: tables grow */
	ROUNDS = 8,
	ROUNDS_LONG = 2000,
	WORDS = SESSION_ID_LEN / 8
};

/* The id at one place; its words may be of two ids, which is an unknown one. */
struct place {
	_Atomic uint64_t words[WORDS];
};

struct worker {
	struct loop_msg turn;
	struct loop *loop;
	struct session *mine[BOARD / REACTORS];
	uint64_t random;
	unsigned index;
	int turns;
	uint64_t found, missed, made, wrong;
};

static struct session_table *table;
static struct loop *control;
static struct loop_reactors reactors;
static struct worker workers[REACTORS];
static char pinned[PINNED][SESSION_ID_LEN + 1];
static struct place board[BOARD];
static atomic_uint running;
static unsigned given_back;

static uint64_t
draw(struct worker *w, uint64_t below)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random % below;
}

static void
board_write(struct place *p, const char *id)
{
	uint64_t words[WORDS];

	memcpy(words, id, sizeof words);
	for (int i = 0; i < WORDS; i++)
		atomic_store_explicit(
		    &p->words[i], words[i], memory_order_relaxed);
}

static void
board_read(struct place *p, char id[SESSION_ID_LEN])
{
	uint64_t words[WORDS];

	for (int i = 0; i < WORDS; i++)
		words[i] =
		    atomic_load_explicit(&p->words[i], memory_order_relaxed);
	memcpy(id, words, sizeof words);
}

/* Is it found, and is it that one? */
static bool
look(struct worker *w, const char *id)
{
	struct session *s =
	    session_find(table, (struct str){ id, SESSION_ID_LEN }, 1);

	if (s == NULL)
		return false;
	if (memcmp(s->id, id, SESSION_ID_LEN) != 0)
		w->wrong++;
	session_unref(s);
	return true;
}

static struct session *
make(struct worker *w)
{
	struct session *s;

	CHECK(session_create(table, 1, &s) == 0);
	w->made++;
	return s;
}

static void
end(struct worker *w, struct session *s)
{
	char id[SESSION_ID_LEN];

	memcpy(id, s->id, sizeof id);
	if (!session_end(table, s))
		w->wrong++;
	session_unref(s);
	if (look(w, id))
		w->wrong++;
}

static void
replace_one(struct worker *w)
{
	size_t i = draw(w, ARRAY_LEN(w->mine));

	if (w->mine[i] != NULL)
		end(w, w->mine[i]);
	w->mine[i] = make(w);
	board_write(&board[w->index * ARRAY_LEN(w->mine) + i], w->mine[i]->id);
}

static void
burst(struct worker *w)
{
	struct session *some[BURST];

	for (int i = 0; i < BURST; i++)
		some[i] = make(w);
	for (int i = 0; i < BURST; i++)
		end(w, some[i]);
}

/* [reactor] */
static void
turn(struct loop_msg *msg)
{
	struct worker *w = CONTAINER_OF(msg, struct worker, turn);

	for (int i = 0; i < PER_TURN; i++) {
		char id[SESSION_ID_LEN];

		if (!look(w, pinned[draw(w, PINNED)]))
			w->wrong++;
		board_read(&board[draw(w, BOARD)], id);
		if (look(w, id))
			w->found++;
		else
			w->missed++;
		if (i % 2 == 0)
			replace_one(w);
	}
	burst(w);
	if (--w->turns > 0) {
		loop_post(w->loop, msg);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(w->mine); i++)
		if (w->mine[i] != NULL)
			end(w, w->mine[i]);
	memset(w->mine, 0, sizeof w->mine);
	atomic_fetch_sub(&running, 1);
}

static void
no_session(struct session *s, void *arg)
{
	(void)s;
	(void)arg;
	UNREACHABLE(); /* none is that old */
}

static void
round_begin(void)
{
	struct session *s;

	table = session_table_create(100000, NULL);
	CHECK(table != NULL);
#ifndef SKIP_ACK
	session_table_readers_set(table, &reactors, control);
#endif
	for (int i = 0; i < PINNED; i++) {
		CHECK(session_create(table, 1, &s) == 0);
		memcpy(pinned[i], s->id, sizeof pinned[i]);
		session_unref(s); /* the table's is left */
	}
	atomic_store(&running, REACTORS);
	for (unsigned i = 0; i < REACTORS; i++) {
		struct worker *w = &workers[i];

		w->turns = TURNS;
		w->index = i;
		w->random = i + 1;
		w->loop = reactors.items[i].loop;
		w->turn.run = turn;
		loop_post(w->loop, &w->turn);
	}
}

static void
passed(void *arg)
{
	*(bool *)arg = true;
}

/* One table from its first session to its last. */
static void
round_run(void)
{
	bool over = false;

	round_begin();
	while (atomic_load(&running) > 0) {
		session_expire(table, 0, no_session, NULL);
		given_back++;
		loop_turn(control);
	}
	CHECK(loop_reactors_barrier(&reactors, control, NULL, passed, &over)
	    == 0);
	while (!over)
		loop_turn(control);
	CHECK(session_count(table) == PINNED);
	session_table_destroy(table);
}

int
main(int argc, char **argv)
{
	const char *nightly = getenv("TOOLPOST_LONG");
	unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10)
	    : nightly != NULL      ? ROUNDS_LONG
				   : ROUNDS;
	uint64_t found = 0, missed = 0, made = 0, wrong = 0;
	struct err err;

	control = loop_create(&err);
	CHECK(control != NULL);
	CHECK(loop_reactors_start(&reactors, REACTORS, NULL, NULL, NULL, &err)
	    == 0);
	for (unsigned i = 0; i < rounds; i++)
		round_run();
	loop_reactors_stop(&reactors);
	loop_destroy(control);
	for (int i = 0; i < REACTORS; i++) {
		found += workers[i].found;
		missed += workers[i].missed;
		made += workers[i].made;
		wrong += workers[i].wrong;
	}
	(void)printf("{\"test\":\"session\",\"made\":%llu,\"found\":%llu,"
		     "\"missed\":%llu,\"given_back\":%u,\"wrong\":%llu}\n",
	    (unsigned long long)made, (unsigned long long)found,
	    (unsigned long long)missed, given_back, (unsigned long long)wrong);
	return wrong != 0 || found == 0 || made == 0;
}
