/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: their form, and that no value breaks it. */
#include "base/log.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/str.h"

#include "unit/unit.h"

static int ends[2];

static void
open_pipe(enum log_format format, enum log_level level)
{
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	log_open(ends[1], format, level);
}

static void
close_pipe(void)
{
	log_open(-1, LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	ck_assert_int_eq(close(ends[0]) + close(ends[1]), 0);
}

/* What came, as a string. */
static const char *
read_log(void)
{
	static char text[LOG_LINE_MAX + 1];
	ssize_t n = read(ends[0], text, LOG_LINE_MAX);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

START_TEST(silent_before_it_is_opened)
{
	LOG_ERROR("nothing", F_INT("n", 1));
	ck_assert_uint_eq(log_dropped(), 0);
}
END_TEST

START_TEST(text_lines_are_time_level_event_fields)
{
	const char *line;

	open_pipe(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	LOG_WARN("plugin refused", F_CSTR("name", "weather"),
	    F_INT("count", -3), F_CSTR("why", "no such file"),
	    F_CSTR("empty", ""), F_CSTR("odd", "a=b"));
	line = read_log();
	ck_assert_int_eq(line[2], ':');
	ck_assert_int_eq(line[8], '.');
	ck_assert_str_eq(line + 12,
	    " warn  plugin refused name=weather count=-3"
	    " why=\"no such file\" empty=\"\" odd=\"a=b\"\n");
	LOG_ERROR("alone");
	ck_assert_str_eq(read_log() + 12, " error alone\n");
	close_pipe();
}
END_TEST

START_TEST(json_lines_have_the_same_fields)
{
	const char *line, *rest;

	open_pipe(LOG_FORMAT_JSON, LOG_LEVEL_DEBUG);
	LOG_DEBUG("turn", F_CSTR("name", "a \"b\""), F_INT("n", 7));
	line = read_log();
	ck_assert_int_eq(strncmp(line, "{\"ts\":\"20", 9), 0);
	rest = strstr(line, "Z\",");
	ck_assert_ptr_nonnull(rest);
	ck_assert_str_eq(rest + 3,
	    "\"level\":\"debug\",\"event\":\"turn\","
	    "\"name\":\"a \\\"b\\\"\",\"n\":7}\n");
	close_pipe();
}
END_TEST

START_TEST(lower_levels_are_left_out)
{
	open_pipe(LOG_FORMAT_TEXT, LOG_LEVEL_WARN);
	ck_assert_int_eq(log_level_get(), LOG_LEVEL_WARN);
	LOG_INFO("not this", F_INT("n", 1));
	LOG_DEBUG("nor this");
	ck_assert_str_eq(read_log(), "");
	close_pipe();
}
END_TEST

/* T-18: one line each, whatever the bytes are. */
START_TEST(hostile_values_stay_on_their_line)
{
	static const struct str values[] = { STR("a\nb"), STR("\r\n"),
		STR("\x1b[31mred"), STR("\0"), STR("\xff\xfe"), STR("\""),
		STR("\\"), STR("\xc2\x85x"), STR("\xe2\x80\xa8"),
		STR("x\",\"level\":\"error") };

	for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON;
	     format++) {
		open_pipe((enum log_format)format, LOG_LEVEL_INFO);
		for (size_t i = 0; i < ARRAY_LEN(values); i++) {
			const char *line;

			LOG_INFO("peer said", F_STR("value", values[i]));
			line = read_log();
			ck_assert_ptr_eq(
			    strchr(line, '\n'), line + strlen(line) - 1);
			ck_assert(str_is_utf8(str_of(line)));
			for (const char *c = line; *c != '\n'; c++)
				ck_assert_int_ge((unsigned char)*c, ' ');
			if (i == ARRAY_LEN(values) - 1)
				ck_assert_ptr_nonnull(
				    strstr(line, "x\\\",\\\"level\\\""));
		}
		close_pipe();
	}
}
END_TEST

START_TEST(long_values_are_cut)
{
	static char huge[1 << 20];
	const char *line;

	memset(huge, '\n', sizeof huge);
	open_pipe(LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	LOG_INFO("flood", F_STR("v", ((struct str){ huge, sizeof huge })),
	    F_INT("n", 1));
	line = read_log();
	ck_assert_ptr_nonnull(strstr(line, "\\n...\",\"n\":1}\n"));
	ck_assert_uint_le(strlen(line), LOG_VALUE_MAX + 200);
	close_pipe();
}
END_TEST

START_TEST(a_full_line_says_that_it_is_cut)
{
	char huge[2000];
	const char *line;
	struct str v = { huge, sizeof huge };

	memset(huge, 'x', sizeof huge);
	open_pipe(LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	LOG_INFO("flood", F_STR("a", v), F_STR("b", v), F_STR("c", v),
	    F_STR("d", v), F_INT("last", 1));
	line = read_log();
	ck_assert_uint_le(strlen(line), LOG_LINE_MAX);
	ck_assert_ptr_null(strstr(line, "\"d\":"));
	ck_assert_ptr_nonnull(strstr(line, ",\"last\":1,\"cut\":true}\n"));
	close_pipe();
	open_pipe(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	LOG_INFO("flood", F_STR("a", v), F_STR("b", v), F_STR("c", v),
	    F_STR("d", v));
	ck_assert_ptr_nonnull(strstr(read_log(), " cut=true\n"));
	close_pipe();
}
END_TEST

START_TEST(a_full_pipe_drops_and_counts)
{
	uint64_t before = log_dropped();

	open_pipe(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	/* The write end stays blocking, as a shell hands it over. */
	for (int i = 0; i < 100000 && log_dropped() == before; i++)
		LOG_INFO("fill", F_INT("i", i));
	ck_assert_uint_gt(log_dropped(), before);
	while (read_log()[0] != '\0')
		;
	LOG_INFO("room again");
	ck_assert_str_eq(read_log() + 12, " info  room again\n");
	close_pipe();
}
END_TEST

START_TEST(a_full_socket_drops_and_starts_anew)
{
	uint64_t before = log_dropped();
	char text[4096];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	ck_assert_int_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	log_open(ends[1], LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	for (int i = 0; i < 100000 && log_dropped() == before; i++)
		LOG_INFO("fill", F_INT("i", i));
	ck_assert_uint_gt(log_dropped(), before);
	while (read(ends[0], text, sizeof text) > 0)
		;
	LOG_INFO("room again");
	ck_assert_ptr_nonnull(strstr(read_log(), "room again"));
	close_pipe();
}
END_TEST

static void *
write_many(void *arg)
{
	for (int i = 0; i < 1000; i++)
		LOG_INFO("from thread", F_CSTR("who", arg), F_INT("i", i));
	return NULL;
}

START_TEST(lines_of_threads_do_not_mix)
{
	static char who[4][2] = { "a", "b", "c", "d" };
	char line[256], name[] = "/tmp/toolpost-log-XXXXXX";
	pthread_t threads[4];
	int fd = mkstemp(name), lines = 0;
	FILE *in;

	ck_assert_int_ge(fd, 0);
	log_open(fd, LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, write_many, who[i]), 0);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	log_open(-1, LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	in = fopen(name, "r");
	ck_assert_ptr_nonnull(in);
	while (fgets(line, sizeof line, in) != NULL) {
		ck_assert_int_eq(
		    strncmp(line + 12, " info  from thread who=", 23), 0);
		lines++;
	}
	ck_assert_int_eq(lines, 4000);
	ck_assert_int_eq(fclose(in) + close(fd) + unlink(name), 0);
}
END_TEST

START_TEST(a_forked_child_can_log)
{
	int status;
	pid_t child;

	open_pipe(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	child = fork();
	if (child == 0) {
		LOG_INFO("child");
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_ptr_nonnull(strstr(read_log(), "child"));
	close_pipe();
}
END_TEST

START_TEST(a_gate_lets_one_line_per_period)
{
	static struct log_gate gate;
	uint64_t suppressed = 99;

	clock_test_set(NS_PER_S);
	ck_assert_int_eq(log_gate_pass(&gate, NS_PER_S, &suppressed), 1);
	ck_assert_uint_eq(suppressed, 0);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(
		    log_gate_pass(&gate, NS_PER_S, &suppressed), 0);
	clock_test_advance(NS_PER_S);
	ck_assert_int_eq(log_gate_pass(&gate, NS_PER_S, &suppressed), 1);
	ck_assert_uint_eq(suppressed, 5);
	clock_test_set(-1);
}
END_TEST

UNIT_MAIN("base/log", silent_before_it_is_opened,
    text_lines_are_time_level_event_fields, json_lines_have_the_same_fields,
    lower_levels_are_left_out, hostile_values_stay_on_their_line,
    long_values_are_cut, a_full_line_says_that_it_is_cut,
    a_full_pipe_drops_and_counts, a_full_socket_drops_and_starts_anew,
    lines_of_threads_do_not_mix, a_forked_child_can_log,
    a_gate_lets_one_line_per_period)
