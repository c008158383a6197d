/* SPDX-License-Identifier: Apache-2.0 */
/* The text format, and counts with one writer. */
#include "unit/unit.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "observe/counter.h"
#include "observe/metrics.h"
#include "observe/process.h"

static void
is_text(struct buf *b, const char *wanted)
{
	buf_char(b, '\0');
	ck_assert_str_eq(b->ptr, wanted);
	buf_finish(b);
}

START_TEST(a_family_without_labels_is_three_lines)
{
	struct buf b;

	buf_init(&b);
	metrics_single(&b, METRICS_SESSIONS, 17);
	is_text(&b,
	    "# HELP toolpost_sessions_active Sessions of the stateful "
	    "protocol revisions.\n"
	    "# TYPE toolpost_sessions_active gauge\n"
	    "toolpost_sessions_active 17\n");
}
END_TEST

START_TEST(labels_are_escaped_and_repaired)
{
	const struct str values[] = { STR("a\"b\\c\nd"), STR("\xff\xc3\xa4") };
	struct buf b;

	buf_init(&b);
	metrics_count(&b, METRICS_PLUGIN_STATE, values, 1);
	is_text(&b,
	    "toolpost_plugin_state{plugin=\"a\\\"b\\\\c\\nd\","
	    "state=\"\xef\xbf\xbd\xc3\xa4\"} 1\n");
}
END_TEST

START_TEST(seconds_have_three_places)
{
	struct buf b;

	buf_init(&b);
	metrics_seconds(&b, METRICS_PROCESS_CPU, NULL,
	    12 * NS_PER_S + 7 * NS_PER_MS + 999999);
	is_text(&b, "process_cpu_seconds_total 12.007\n");
}
END_TEST

START_TEST(every_family_is_sound)
{
	for (size_t i = 0; i < METRICS_COUNT; i++) {
		const struct metrics_family *f = &metrics_families[i];
		struct str name = str_of(f->name);

		ck_assert(name.len > 0);
		ck_assert_uint_eq(
		    strspn(f->name, "abcdefghijklmnopqrstuvwxyz_"), name.len);
		ck_assert(str_starts(name, S("toolpost_"))
		    || str_starts(name, S("process_")));
		ck_assert(str_ends(name, S("_total"))
		    == (f->type == METRICS_COUNTER));
		ck_assert(strpbrk(f->help, "\n\\\"") == NULL);
		ck_assert(f->help[strlen(f->help) - 1] == '.');
		for (size_t k = 0; k < i; k++)
			ck_assert_str_ne(f->name, metrics_families[k].name);
	}
}
END_TEST

static _Atomic uint64_t counted;

static void *
count(void *arg)
{
	for (int i = 0; i < 100000; i++)
		counter_add(&counted, 3);
	return arg;
}

START_TEST(a_count_is_read_while_it_is_written)
{
	pthread_t writer;
	uint64_t last = 0;

	ck_assert_int_eq(pthread_create(&writer, NULL, count, NULL), 0);
	while (last < 300000) {
		uint64_t now = counter_get(&counted);

		ck_assert_uint_ge(now, last);
		ck_assert_uint_eq(now % 3, 0);
		last = now;
	}
	ck_assert_int_eq(pthread_join(writer, NULL), 0);
}
END_TEST

START_TEST(this_process_has_memory_and_descriptors)
{
	struct process_facts f;

	process_facts_read(&f);
	ck_assert_uint_gt(f.resident, 100000);
	ck_assert_uint_ge(f.virtual_size, f.resident);
	ck_assert_uint_ge(f.fds, 1);
	ck_assert_uint_ge(f.fds_max, f.fds);
	ck_assert_int_ge(f.cpu_ns, 0);
	ck_assert_uint_gt(process_resident_of(getpid()), 100000);
	ck_assert_uint_eq(process_resident_of(0), 0);
}
END_TEST

UNIT_MAIN("observe/metrics", a_family_without_labels_is_three_lines,
    labels_are_escaped_and_repaired, seconds_have_three_places,
    every_family_is_sound, a_count_is_read_while_it_is_written,
    this_process_has_memory_and_descriptors)
