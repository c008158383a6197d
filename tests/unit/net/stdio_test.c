/* SPDX-License-Identifier: Apache-2.0 */
/* Two descriptors instead of one: pipes, files, /dev/null. */
#include <stdio.h>

#include "unit/net/pair.h"

static int
file_with(const char *text)
{
	FILE *f = tmpfile();
	int fd;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fflush(f), 0);
	fd = dup(fileno(f));
	(void)fclose(f);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static size_t
echo(struct owner *o, char *bytes, size_t len)
{
	buf_append(net_conn_out(&o->conn), bytes, len);
	net_conn_flush_later(&o->conn);
	return len;
}

static void
start(struct pair *p, int in, int out)
{
	pair_reactor(p);
	p->owner.input = echo;
	ck_assert_int_eq(
	    net_conn_start(&p->owner.conn, p->reactor, in, out, &owner_ops), 0);
}

START_TEST(pipes_carry_both_ways)
{
	int in[2], out[2];
	char got[16];
	struct pair p;

	ck_assert_int_eq(pipe(in), 0);
	ck_assert_int_eq(pipe(out), 0);
	start(&p, in[0], out[1]);
	ck_assert_int_eq(write(in[1], "hello", 5), 5);
	turns(&p, 1);
	ck_assert_int_eq(read(out[0], got, sizeof got), 5);
	(void)close(in[1]);
	TURN_UNTIL(&p, p.owner.closed);
	ck_assert_int_eq(p.owner.why, NET_CLOSE_PEER);
	ck_assert_int_eq(read(out[0], got, sizeof got), 0);
	(void)close(out[0]);
	pair_finish(&p);
}
END_TEST

START_TEST(a_file_as_input_is_read_to_its_end)
{
	static char text[300001];
	int out[2], fd;
	char got[4096];
	size_t total = 0;
	struct pair p;
	ssize_t n = 1;

	memset(text, 'f', sizeof text - 1);
	fd = file_with(text);
	ck_assert_int_eq(pipe(out), 0);
	ck_assert_int_eq(fcntl(out[0], F_SETFL, O_NONBLOCK), 0);
	start(&p, fd, out[1]);
	while (n != 0) {
		turns(&p, 1);
		n = read(out[0], got, sizeof got);
		total += n > 0 ? (size_t)n : 0;
	}
	ck_assert_uint_eq(total, sizeof text - 1);
	ck_assert(p.owner.closed);
	(void)close(out[0]);
	pair_finish(&p);
}
END_TEST

START_TEST(files_on_both_sides)
{
	int in = file_with("some text"), out = file_with(""), check = dup(out);
	char got[32];
	struct pair p;

	start(&p, in, out);
	TURN_UNTIL(&p, p.owner.closed);
	ck_assert_int_eq(pread(check, got, sizeof got, 0), 9);
	(void)close(check);
	pair_finish(&p);
}
END_TEST

/* Who stopped above the bound waits for it, however fast the kernel is. */
START_TEST(output_that_is_taken_at_once_has_drained_too)
{
	int in[2], out = file_with("");
	struct pair p;

	ck_assert_int_eq(pipe(in), 0);
	start(&p, in[0], out);
	answer_many(&p.owner.conn, NET_OUT_SOFT);
	turns(&p, 1);
	ck_assert_uint_eq(p.owner.drains, 0);
	answer_many(&p.owner.conn, NET_OUT_SOFT + 1);
	turns(&p, 1);
	ck_assert_uint_eq(p.owner.drains, 1);
	(void)close(in[1]);
	TURN_UNTIL(&p, p.owner.closed);
	pair_finish(&p);
}
END_TEST

START_TEST(no_input_at_all_is_the_end_of_input)
{
	int in = open("/dev/null", O_RDONLY), out[2];
	struct pair p;

	ck_assert_int_eq(pipe(out), 0);
	start(&p, in, out[1]);
	TURN_UNTIL(&p, p.owner.closed);
	ck_assert_int_eq(p.owner.why, NET_CLOSE_PEER);
	(void)close(out[0]);
	pair_finish(&p);
}
END_TEST

START_TEST(a_reader_that_is_slow_is_waited_for)
{
	int in[2], out[2];
	static char got[65536];
	struct pair p;
	size_t total = 0;
	ssize_t n;

	clock_test_set(NS_PER_S);
	ck_assert_int_eq(pipe(in), 0);
	ck_assert_int_eq(pipe(out), 0);
	ck_assert_int_eq(fcntl(out[0], F_SETFL, O_NONBLOCK), 0);
	start(&p, in[0], out[1]);
	answer_many(&p.owner.conn, 1000000);
	turns(&p, 2);
	clock_test_advance(3600 * NS_PER_S);
	turns(&p, 2);
	ck_assert(!p.owner.closed);
	while (total < 1000000) {
		n = read(out[0], got, sizeof got);
		total += n > 0 ? (size_t)n : 0;
		turns(&p, 1);
	}
	ck_assert_ptr_null(p.owner.conn.slow);
	(void)close(in[1]);
	(void)close(out[0]);
	TURN_UNTIL(&p, p.owner.closed);
	pair_finish(&p);
}
END_TEST

START_TEST(a_paused_pipe_that_ends_is_told)
{
	int in[2], out[2];
	struct pair p;

	ck_assert_int_eq(pipe(in), 0);
	ck_assert_int_eq(pipe(out), 0);
	start(&p, in[0], out[1]);
	net_conn_pause(&p.owner.conn);
	ck_assert_int_eq(write(in[1], "x", 1), 1);
	turns(&p, 2);
	ck_assert_uint_eq(p.owner.inputs, 0);
	(void)close(in[1]);
	TURN_UNTIL(&p, p.owner.eofs == 1);
	(void)close(out[0]);
	pair_finish(&p);
}
END_TEST

/* Standard descriptors stay taken after the close. */
START_TEST(closing_standard_input_leaves_no_hole)
{
	int in[2], out[2], fd;
	struct pair p;

	ck_assert_int_eq(pipe(in), 0);
	ck_assert_int_eq(pipe(out), 0);
	ck_assert_int_eq(dup2(in[0], STDIN_FILENO), STDIN_FILENO);
	start(&p, STDIN_FILENO, out[1]);
	net_conn_close(&p.owner.conn, NET_CONN_FLUSH);
	TURN_UNTIL(&p, p.owner.closed);
	fd = dup(in[1]);
	ck_assert_int_gt(fd, STDERR_FILENO);
	(void)close(fd);
	pair_finish(&p);
}
END_TEST

UNIT_MAIN("net/stdio", pipes_carry_both_ways,
    a_file_as_input_is_read_to_its_end, files_on_both_sides,
    output_that_is_taken_at_once_has_drained_too,
    no_input_at_all_is_the_end_of_input, a_reader_that_is_slow_is_waited_for,
    a_paused_pipe_that_ends_is_told, closing_standard_input_leaves_no_hole)
