/* SPDX-License-Identifier: Apache-2.0 */
/* One shard whose sessions all meet in one place. */
#include "session/shard.h"

#include <pthread.h>
#include <string.h>

#include "unit/unit.h"

enum { FINDERS = 2, FILLING = 9, TURNS = 2000, FILL = 1 << 30 };

static struct session_shard shard;
static atomic_int current; /* the one that must be found; negative: the end */

static void
id_write(char id[SESSION_ID_LEN], int i)
{
	memset(id, 'x', SESSION_ID_LEN);
	memcpy(id + SESSION_ID_LEN - sizeof i, &i, sizeof i);
}

static struct session *
add(int i)
{
	struct session *s = session_shard_alloc(&shard);

	ck_assert_ptr_nonnull(s);
	OBJ_INIT(s, SESSION_MAGIC);
	id_write(s->id, i);
	ref_revive(&s->ref);
	ck_assert_int_eq(session_shard_put(&shard, 0, s), 0);
	return s;
}

static void
end(struct session *s)
{
	ck_assert(session_shard_remove(&shard, 0, s));
	session_unref(s);
}

/* False: another one is there, or none although it never went. */
static bool
is_right(int i)
{
	char id[SESSION_ID_LEN];
	struct session *s;
	bool right;

	id_write(id, i);
	s = session_shard_find(&shard, 0, (struct str){ id, sizeof id });
	if (s == NULL)
		return atomic_load(&current) != i;
	right = s->magic == SESSION_MAGIC && memcmp(s->id, id, sizeof id) == 0;
	session_unref(s);
	return right;
}

static void *
finder(void *arg)
{
	uintptr_t wrong = 0;
	int i;

	(void)arg;
	while ((i = atomic_load(&current)) >= 0)
		wrong += !is_right(i);
	return (void *)wrong;
}

/* Each new one is put behind others, which go one by one: it moves up. */
static void
turns_run(struct session *last)
{
	struct session *filling[FILLING], *s;
	int i, k;

	for (i = 1; i < TURNS; i++) {
		for (k = 0; k < FILLING; k++)
			filling[k] = add(FILL + k);
		s = add(i);
		atomic_store(&current, i);
		end(last);
		for (k = 0; k < FILLING; k++)
			end(filling[k]);
		last = s;
	}
	atomic_store(&current, -1);
}

START_TEST(what_is_there_is_found_while_slots_move)
{
	struct session_spoil spoil = { NULL, NULL };
	struct session *first;
	pthread_t threads[FINDERS];
	void *wrong;
	int i;

	session_shard_init(&shard);
	atomic_store(&current, 0);
	first = add(0);
	for (i = 0; i < FINDERS; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, finder, NULL), 0);
	turns_run(first);
	for (i = 0; i < FINDERS; i++) {
		ck_assert_int_eq(pthread_join(threads[i], &wrong), 0);
		ck_assert_uint_eq((uintptr_t)wrong, 0);
	}
	ck_assert(session_shard_spoil(&shard, &spoil));
	ck_assert_ptr_nonnull(spoil.spare);
	session_spoil_free(&spoil);
	session_shard_finish(&shard);
}
END_TEST

UNIT_MAIN("session/shard", what_is_there_is_found_while_slots_move)
