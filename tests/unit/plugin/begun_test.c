/* SPDX-License-Identifier: Apache-2.0 */
/* Which calls have begun. */
#include "plugin/begun.h"

#include <sys/mman.h>

#include <errno.h>
#include <unistd.h>

#include "unit/unit.h"

START_TEST(what_has_begun_is_seen_on_the_other_side)
{
	struct plugin_begun *host, *runner;
	int fd;

	ck_assert_int_eq(plugin_begun_create(2, &host, &fd), 0);
	ck_assert_int_lt(ftruncate(fd, 0), 0); /* it cannot shrink */
	ck_assert_int_eq(errno, EPERM);
	runner = plugin_begun_open(fd);
	ck_assert_ptr_nonnull(runner);
	ck_assert(!plugin_begun_get(&host[0], 1));
	plugin_begun_set(&runner[0], 1);
	ck_assert(plugin_begun_get(&host[0], 1));
	ck_assert(!plugin_begun_get(&host[0], 2));
	ck_assert(!plugin_begun_get(&host[1], 1));
	plugin_begun_close(runner, 2);
	plugin_begun_close(host, 2);
}
END_TEST

START_TEST(a_later_call_in_the_same_place_hides_no_earlier_one)
{
	const uint64_t later = 3 + 5 * PLUGIN_BEGUN_SLOTS;
	static struct plugin_begun b;

	plugin_begun_set(&b, later);
	plugin_begun_set(&b, 3);
	ck_assert(plugin_begun_get(&b, later));
	ck_assert(plugin_begun_get(&b, 3));
	ck_assert(plugin_begun_get(&b, later - PLUGIN_BEGUN_SLOTS));
	ck_assert(!plugin_begun_get(&b, later + PLUGIN_BEGUN_SLOTS));
	ck_assert(!plugin_begun_get(&b, 4));
}
END_TEST

UNIT_MAIN("plugin/begun", what_has_begun_is_seen_on_the_other_side,
    a_later_call_in_the_same_place_hides_no_earlier_one)
