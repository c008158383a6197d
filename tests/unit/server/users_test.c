/* SPDX-License-Identifier: Apache-2.0 */
/* Who runners are, and what no server can make them. */
#define _GNU_SOURCE
#include <sys/wait.h>

#include <stdlib.h>
#include <unistd.h>

#include "server/config.h"
#include "unit/unit.h"

START_TEST(what_is_said_of_one_counts_before_what_is_said_of_all)
{
	struct plugin_user all = {
		.user = STR("a"), .uid = 70, .uid_group = 71
	};
	struct plugin_user own = { .group = STR("g"), .gid = 72 };
	struct plugin_identity who;

	plugin_user_choose(NULL, &all, &who);
	ck_assert(who.changes && who.uid == 70 && who.gid == 71);
	ck_assert_str_eq(who.name, "a");
	plugin_user_choose(&own, &all, &who);
	ck_assert(who.uid == 70 && who.gid == 72);
	own.user = S("b");
	own.uid = 73;
	own.uid_group = 74;
	plugin_user_choose(&own, &all, &who);
	ck_assert(who.uid == 73 && who.gid == 72);
	own.group = STR_NONE;
	all.group = S("h");
	all.gid = 75;
	plugin_user_choose(&own, &all, &who);
	ck_assert(who.uid == 73 && who.gid == 74);
}
END_TEST

START_TEST(where_nobody_says_anything_runners_are_the_server)
{
	const struct plugin_user none = { .user = STR_NONE };
	struct plugin_identity who;

	plugin_user_choose(&none, &none, &who);
	ck_assert(!who.changes && who.uid == geteuid() && who.gid == getegid());
}
END_TEST

/* In a child where this is root. */
static int
refused_without_root(void)
{
	struct plugin_override o = { .user = { .user = STR("other"),
					 .at = STR("f:2:3"),
					 .uid = 1,
					 .uid_group = 1 } };
	struct server_config c = { .overrides_len = 0 };
	struct err err = { 0 };

	if (geteuid() == 0 && setresuid(12345, 12345, 12345) < 0)
		return 2;
	if (server_users_check(&c, &err) != 0)
		return 3;
	c.overrides = &o;
	c.overrides_len = 1;
	if (server_users_check(&c, &err) != ERR_CONFIG)
		return 4;
	return str_starts(
		   str_of(err.text), S("f:2:3: a server that is not root"))
	    ? 0
	    : 5;
}

START_TEST(who_is_not_root_cannot_give_another_user)
{
	pid_t pid = fork();
	int status = -1;

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(refused_without_root());
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

UNIT_MAIN("server/users", what_is_said_of_one_counts_before_what_is_said_of_all,
    where_nobody_says_anything_runners_are_the_server,
    who_is_not_root_cannot_give_another_user)
