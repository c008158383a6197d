/* SPDX-License-Identifier: Apache-2.0 */
/* The private copy, also of a file that changes meanwhile. */
#include <pthread.h>
#include <stdatomic.h>

#include "unit/plugin/stage.h"

#include "plugin/copy.h"

START_TEST(a_copy_has_the_bytes_and_their_digest)
{
	char source[256], hex[65];
	struct plugin_copy c;
	struct stage s;
	struct err err;

	stage_init(&s);
	stage_put_text(&s, "a.so", "abc");
	(void)snprintf(source, sizeof source, "%s/a.so", s.plugins);
	ck_assert_int_eq(
	    plugin_copy_make(&c, source, s.plugins, S("a"), 7, &err), 0);
	ck_assert(str_equal(c.bytes, S("abc")));
	crypto_hex(c.sha256, sizeof c.sha256, hex);
	ck_assert_str_eq(hex,
	    "ba7816bf8f01cfea414140de5dae2223"
	    "b00361a396177a9cb410ff61f20015ad");
	ck_assert_ptr_nonnull(strstr(c.path, "/a.7.so"));
	/* A name is used once. */
	{
		struct plugin_copy again;

		ck_assert_int_eq(plugin_copy_make(&again, source, s.plugins,
				     S("a"), 7, &err),
		    ERR_EXISTS);
		plugin_copy_finish(&again);
	}
	(void)snprintf(source, sizeof source, "%s", c.path);
	ck_assert_int_eq(access(source, F_OK), 0);
	plugin_copy_finish(&c);
	ck_assert_int_lt(access(source, F_OK), 0);
	stage_remove_all(s.root);
}
END_TEST

START_TEST(an_empty_file_is_refused)
{
	char source[256];
	struct plugin_copy c;
	struct stage s;
	struct err err;

	stage_init(&s);
	stage_put_text(&s, "a.so", "");
	(void)snprintf(source, sizeof source, "%s/a.so", s.plugins);
	ck_assert_int_eq(
	    plugin_copy_make(&c, source, s.plugins, S("a"), 1, &err),
	    ERR_SYNTAX);
	plugin_copy_finish(&c);
	stage_remove_all(s.root);
}
END_TEST

struct toucher {
	const char *path;
	atomic_bool stop;
};

static void *
touch(void *arg)
{
	struct toucher *t = arg;
	struct timespec times[2] = { { 1, 0 }, { 1, 0 } };

	while (!atomic_load(&t->stop)) {
		times[1].tv_nsec = (times[1].tv_nsec + 1) % 1000000000;
		(void)utimensat(AT_FDCWD, t->path, times, 0);
	}
	return NULL;
}

START_TEST(a_file_that_changes_meanwhile_is_left_for_later)
{
	char source[256];
	struct toucher t = { .path = source };
	struct plugin_copy c;
	struct buf big;
	struct stage s;
	struct err err;
	pthread_t thread;
	int rc = 0;

	stage_init(&s);
	buf_init(&big);
	ck_assert_int_eq(buf_reserve(&big, (size_t)32 << 20), 0);
	memset(big.ptr, 'x', (size_t)32 << 20);
	big.len = (size_t)32 << 20;
	stage_put(&s, "a.so", buf_view(&big), STAGE_OVER);
	buf_finish(&big);
	(void)snprintf(source, sizeof source, "%s/a.so", s.plugins);
	ck_assert_int_eq(pthread_create(&thread, NULL, touch, &t), 0);
	/* On a busy machine the other thread may miss a whole copy. */
	for (int i = 0; i < 200 && rc == 0; i++) {
		rc = plugin_copy_make(&c, source, s.plugins, S("a"), 1, &err);
		plugin_copy_finish(&c);
	}
	ck_assert_int_eq(rc, ERR_AGAIN);
	atomic_store(&t.stop, true);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	stage_remove_all(s.root);
}
END_TEST

START_TEST(a_file_that_is_not_there_has_an_id_too)
{
	struct plugin_file_id a, b;

	plugin_file_id_look(&a, "/nonexistent/a.so");
	plugin_file_id_look(&b, NULL);
	ck_assert(plugin_file_id_equal(&a, &b));
	plugin_file_id_look(&b, "/proc/self/exe");
	ck_assert(!plugin_file_id_equal(&a, &b));
}
END_TEST

UNIT_MAIN("plugin/copy", a_copy_has_the_bytes_and_their_digest,
    an_empty_file_is_refused, a_file_that_changes_meanwhile_is_left_for_later,
    a_file_that_is_not_there_has_an_id_too)
