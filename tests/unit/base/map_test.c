/* SPDX-License-Identifier: Apache-2.0 */
/* The hash map against a plain array. */
#include "unit/base/alloc_fail.h"

#include "base/map.c"

#include <stdio.h>

#include "unit/unit.h"

#define KEYS 500

static char names[KEYS][8];

static void
make_names(void)
{
	for (unsigned i = 0; i < KEYS; i++)
		(void)snprintf(names[i], sizeof names[i], "k%u", i);
}

START_TEST(empty_map_finds_nothing)
{
	struct map m;

	map_init(&m);
	ck_assert_ptr_null(map_find(&m, S("a")));
	ck_assert_ptr_null(map_remove(&m, S("a")));
	MAP_EACH (slot, &m)
		ck_abort_msg("no slot expected");
	map_finish(&m);
}
END_TEST

START_TEST(set_replaces_value_and_key)
{
	char first[] = "key", second[] = "key";
	int one = 1, two = 2;
	void *old = &one;
	struct map m;

	map_init(&m);
	ck_assert_int_eq(map_set(&m, str_of(first), &one, &old), 0);
	ck_assert_ptr_null(old);
	ck_assert_int_eq(map_set(&m, str_of(second), &two, &old), 0);
	ck_assert_ptr_eq(old, &one);
	first[0] = 'x'; /* its owner is gone */
	ck_assert_ptr_eq(map_find(&m, S("key")), &two);
	ck_assert_uint_eq(m.len, 1);
	map_finish(&m);
}
END_TEST

START_TEST(empty_and_binary_keys)
{
	int a, b, c;
	struct map m;

	map_init(&m);
	ck_assert_int_eq(map_set(&m, STR_NONE, &a, NULL), 0);
	ck_assert_int_eq(map_set(&m, S("x\0y"), &b, NULL), 0);
	ck_assert_int_eq(map_set(&m, S("x\0z"), &c, NULL), 0);
	ck_assert_ptr_eq(map_find(&m, S("")), &a);
	ck_assert_ptr_eq(map_find(&m, S("x\0y")), &b);
	ck_assert_ptr_eq(map_remove(&m, STR_NONE), &a);
	ck_assert_ptr_null(map_find(&m, S("")));
	ck_assert_uint_eq(m.len, 2);
	map_finish(&m);
}
END_TEST

START_TEST(behaves_like_an_array)
{
	bool in[KEYS] = { false };
	unsigned state = 1;
	size_t len = 0;
	struct map m;

	make_names();
	map_init(&m);
	for (unsigned step = 0; step < 50000; step++) {
		unsigned i;

		state = state * 1103515245 + 12345;
		i = (state >> 8) % KEYS;
		/* Fills in one half of the run and empties in the other. */
		if ((state >> 24) % 4 < (step / 5000 % 2 ? 3u : 1u)) {
			ck_assert_ptr_eq(map_remove(&m, str_of(names[i])),
			    in[i] ? names[i] : NULL);
			len -= in[i];
			in[i] = false;
		} else {
			ck_assert_int_eq(
			    map_set(&m, str_of(names[i]), names[i], NULL), 0);
			len += !in[i];
			in[i] = true;
		}
		ck_assert_uint_eq(m.len, len);
	}
	for (unsigned i = 0; i < KEYS; i++)
		ck_assert_ptr_eq(
		    map_find(&m, str_of(names[i])), in[i] ? names[i] : NULL);
	MAP_EACH (slot, &m)
		len--;
	ck_assert_uint_eq(len, 0);
	map_finish(&m);
}
END_TEST

START_TEST(failed_growth_keeps_what_is_there)
{
	size_t set = 0;
	struct map m;

	make_names();
	map_init(&m);
	alloc_fail_at = 3;
	while (map_set(&m, str_of(names[set]), names[set], NULL) == 0)
		set++;
	ck_assert_uint_eq(set, m.len);
	ck_assert_uint_eq(set, 12);
	for (size_t i = 0; i < set; i++)
		ck_assert_ptr_eq(map_find(&m, str_of(names[i])), names[i]);
	ck_assert_ptr_null(map_find(&m, str_of(names[set])));
	ck_assert_ptr_eq(map_remove(&m, str_of(names[0])), names[0]);
	ck_assert_int_eq(map_set(&m, str_of(names[set]), names[set], NULL), 0);
	alloc_fail_at = 0;
	map_finish(&m);
}
END_TEST

START_TEST(first_allocation_may_fail)
{
	int a;
	struct map m;

	map_init(&m);
	alloc_fail_at = 1;
	ck_assert_int_eq(map_set(&m, S("a"), &a, NULL), ERR_NOMEM);
	alloc_fail_at = 0;
	ck_assert_uint_eq(m.len, 0);
	ck_assert_ptr_null(map_find(&m, S("a")));
	map_finish(&m);
}
END_TEST

UNIT_MAIN("base/map", empty_map_finds_nothing, set_replaces_value_and_key,
    empty_and_binary_keys, behaves_like_an_array,
    failed_growth_keeps_what_is_there, first_allocation_may_fail)
