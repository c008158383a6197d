/* SPDX-License-Identifier: Apache-2.0 */
/* Which runner a call goes to. */
#include "unit/unit.h"

#include "plugin/choose.h"

#define CHOOSE(turn_, ...) \
	plugin_choose((const uint32_t[]){ __VA_ARGS__ }, \
	    (unsigned)(sizeof((const uint32_t[]){ __VA_ARGS__ }) \
		/ sizeof(uint32_t)), \
	    turn_)

START_TEST(the_least_load_is_chosen)
{
	for (unsigned turn = 0; turn < 4; turn++)
		ck_assert_uint_eq(CHOOSE(turn, 7, 3, 2, 9), 2);
	ck_assert_uint_eq(CHOOSE(0, 5), 0);
}
END_TEST

START_TEST(equals_take_turns)
{
	ck_assert_uint_eq(CHOOSE(0, 1, 1, 1), 0);
	ck_assert_uint_eq(CHOOSE(1, 1, 1, 1), 1);
	ck_assert_uint_eq(CHOOSE(2, 1, 1, 1), 2);
	ck_assert_uint_eq(CHOOSE(2, 1, 1, 2), 0); /* around the end */
	ck_assert_uint_eq(CHOOSE(1, 1, 2, 1), 2);
}
END_TEST

START_TEST(one_that_is_not_there_is_never_chosen)
{
	ck_assert_uint_eq(CHOOSE(0, CHOOSE_NEVER, 8, CHOOSE_NEVER), 1);
	ck_assert_uint_eq(CHOOSE(1, CHOOSE_NEVER, CHOOSE_NEVER), 2); /* none */
	ck_assert_uint_eq(CHOOSE(0, CHOOSE_NEVER), 1);
}
END_TEST

START_TEST(one_without_room_is_the_last_resort)
{
	ck_assert_uint_eq(CHOOSE(0, CHOOSE_LAST, 4000), 1);
	ck_assert_uint_eq(CHOOSE(0, CHOOSE_NEVER, CHOOSE_LAST), 1);
}
END_TEST

/* As a seat does it: each call stays, and the next one goes after it. */
START_TEST(calls_spread_evenly)
{
	uint32_t loads[5] = { 0 };
	unsigned turn = 3;

	for (unsigned call = 0; call < 500; call++) {
		unsigned at = plugin_choose(loads, 5, turn);

		loads[at]++;
		turn = at + 1 < 5 ? at + 1 : 0;
	}
	for (unsigned i = 0; i < 5; i++)
		ck_assert_uint_eq(loads[i], 100);
}
END_TEST

UNIT_MAIN("choose", the_least_load_is_chosen, equals_take_turns,
    one_that_is_not_there_is_never_chosen, one_without_room_is_the_last_resort,
    calls_spread_evenly)
