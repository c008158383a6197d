/* SPDX-License-Identifier: Apache-2.0 */
/* Connections over a socket pair: held input, back-pressure both ways, the
 * ways to end. */
#include "unit/net/pair.h"

/* Takes whole lines. */
static size_t
take_lines(struct owner *o, char *bytes, size_t len)
{
	size_t used = 0;

	for (size_t i = 0; i < len; i++)
		if (bytes[i] == '\n')
			used = i + 1;
	buf_append(&o->seen, bytes, used);
	return used;
}

START_TEST(input_split_in_two_is_offered_from_its_start)
{
	struct pair p;

	pair_init(&p);
	p.owner.input = take_lines;
	peer_send(&p, "one\ntw");
	turns(&p, 1);
	ck_assert(str_equal(buf_view(&p.owner.seen), S("one\n")));
	ck_assert_ptr_nonnull(p.owner.conn.held);
	peer_send(&p, "o\n");
	turns(&p, 1);
	ck_assert(str_equal(buf_view(&p.owner.seen), S("one\ntwo\n")));
	ck_assert_ptr_null(p.owner.conn.held);
	ck_assert_uint_eq(p.owner.inputs, 2);
	pair_finish(&p);
}
END_TEST

START_TEST(a_message_that_drips_in_costs_one_offer_a_piece)
{
	struct pair p;

	pair_init(&p);
	p.owner.input = take_lines;
	for (unsigned i = 0; i < 20000; i++) {
		peer_send(&p, "d");
		turns(&p, 1);
	}
	peer_send(&p, "\n");
	turns(&p, 1);
	ck_assert_uint_eq(p.owner.seen.len, 20001);
	ck_assert_uint_eq(p.owner.inputs, 20001);
	ck_assert_ptr_null(p.owner.conn.held);
	pair_finish(&p);
}
END_TEST

START_TEST(input_without_end_is_closed_at_the_bound)
{
	static char bytes[65536];
	struct pair p;

	pair_init(&p);
	p.owner.input = take_lines;
	memset(bytes, 'x', sizeof bytes);
	for (unsigned i = 0; i < 2000 && !p.owner.closed; i++) {
		(void)!write(p.peer, bytes, sizeof bytes);
		turns(&p, 2);
	}
	ck_assert(p.owner.closed);
	ck_assert_int_eq(p.owner.why, NET_CLOSE_ERROR);
	pair_finish(&p);
}
END_TEST

static size_t
take_one_and_pause(struct owner *o, char *bytes, size_t len)
{
	size_t used = 0;

	while (used < len && bytes[used] != '\n')
		used++;
	if (used == len)
		return 0;
	buf_append(&o->seen, bytes, used + 1);
	net_conn_pause(&o->conn);
	return used + 1;
}

START_TEST(a_pause_holds_pipelined_input_until_the_resume)
{
	struct pair p;

	pair_init(&p);
	p.owner.input = take_one_and_pause;
	peer_send(&p, "a\nb\nc\n");
	turns(&p, 3);
	ck_assert(str_equal(buf_view(&p.owner.seen), S("a\n")));
	peer_send(&p, "d\n");
	turns(&p, 3);
	ck_assert_uint_eq(p.owner.inputs, 1);
	for (const char *want = "bcd"; *want != '\0'; want++) {
		net_conn_resume(&p.owner.conn);
		TURN_UNTIL(&p, p.owner.seen.ptr[p.owner.seen.len - 2] == *want);
	}
	ck_assert(str_equal(buf_view(&p.owner.seen), S("a\nb\nc\nd\n")));
	ck_assert_ptr_null(p.owner.conn.held);
	pair_finish(&p);
}
END_TEST

static size_t
answer_each_at_once(struct owner *o, char *bytes, size_t len)
{
	size_t used = take_one_and_pause(o, bytes, len);

	if (used > 0) {
		answer(&o->conn, "answer ");
		net_conn_resume(&o->conn);
	}
	return used;
}

START_TEST(pipelined_requests_are_answered_in_one_turn)
{
	char got[128];
	struct pair p;

	pair_init(&p);
	p.owner.input = answer_each_at_once;
	peer_send(&p, "a\nb\nc\n");
	turns(&p, 1);
	ck_assert_int_eq(peer_read(&p, got, sizeof got), 21);
	ck_assert(str_equal(buf_view(&p.owner.seen), S("a\nb\nc\n")));
	pair_finish(&p);
}
END_TEST

/* a peer that asks for much and reads nothing. */
static size_t
answer_with_much(struct owner *o, char *bytes, size_t len)
{
	(void)bytes;
	answer_many(&o->conn, 64 * 1024 * len);
	return len;
}

START_TEST(reading_stops_while_output_waits_and_goes_on_after)
{
	static char got[65536];
	struct pair p;
	size_t total = 0;
	ssize_t n;

	pair_init(&p);
	p.owner.input = answer_with_much;
	peer_send(&p, "12345678");
	turns(&p, 3);
	ck_assert_uint_gt(net_conn_out_len(&p.owner.conn), 0);
	peer_send(&p, "12345678");
	turns(&p, 10);
	ck_assert_uint_eq(p.owner.inputs, 1);
	while (total < (size_t)2 * 8 * 64 * 1024) {
		turns(&p, 1);
		n = peer_read(&p, got, sizeof got);
		if (n > 0)
			total += (size_t)n;
		else
			ck_assert_int_eq(errno, EAGAIN);
	}
	turns(&p, 2);
	ck_assert_uint_eq(p.owner.inputs, 2);
	ck_assert_uint_eq(p.owner.drains, 2);
	ck_assert_uint_eq(net_conn_out_len(&p.owner.conn), 0);
	ck_assert_ptr_null(p.owner.conn.out.ptr);
	ck_assert_ptr_null(p.owner.conn.slow);
	pair_finish(&p);
}
END_TEST

/* One byte a call; leaves early when the output has grown. */
static size_t
answer_until_soft(struct owner *o, char *bytes, size_t len)
{
	size_t used = 0;

	(void)bytes;
	while (used < len && net_conn_out_len(&o->conn) <= NET_OUT_SOFT) {
		answer_many(&o->conn, 200 * 1024);
		used++;
	}
	return used;
}

START_TEST(an_owner_that_leaves_early_is_offered_the_rest)
{
	static char got[65536];
	struct pair p;
	size_t total = 0;
	ssize_t n;

	pair_init(&p);
	p.owner.input = answer_until_soft;
	peer_send(&p, "12345678");
	while (total < (size_t)8 * 200 * 1024) {
		turns(&p, 1);
		ck_assert_uint_le(
		    net_conn_out_len(&p.owner.conn), NET_OUT_SOFT + 200 * 1024);
		n = peer_read(&p, got, sizeof got);
		if (n > 0)
			total += (size_t)n;
	}
	ck_assert_ptr_null(p.owner.conn.held);
	pair_finish(&p);
}
END_TEST

START_TEST(who_wants_to_know_is_told_when_little_output_has_gone)
{
	char got[16];
	struct pair p;

	pair_init(&p);
	answer(&p.owner.conn, "one");
	turns(&p, 1);
	ck_assert_uint_eq(p.owner.drains, 0);
	answer(&p.owner.conn, "two");
	net_conn_drained_want(&p.owner.conn);
	net_conn_drained_want(&p.owner.conn);
	ck_assert_uint_eq(p.owner.drains, 0);
	turns(&p, 1);
	ck_assert_uint_eq(p.owner.drains, 1);
	ck_assert_int_eq(peer_read(&p, got, sizeof got), 6);
	peer_send(&p, "more"); /* and it reads on */
	TURN_UNTIL(&p, p.owner.seen.len == 4);
	ck_assert_uint_eq(p.owner.drains, 1);
	pair_finish(&p);
}
END_TEST

START_TEST(a_half_close_lets_the_answer_through)
{
	char got[16];
	struct pair p;

	pair_init(&p);
	p.owner.eof_go_on = true;
	peer_send(&p, "ask");
	ck_assert_int_eq(shutdown(p.peer, SHUT_WR), 0);
	TURN_UNTIL(&p, p.owner.eofs == 1);
	turns(&p, 10);
	ck_assert_uint_eq(p.owner.eofs, 1);
	answer(&p.owner.conn, "late");
	net_conn_close(&p.owner.conn, NET_CONN_FLUSH);
	TURN_UNTIL(&p, p.owner.closed);
	ck_assert_int_eq(p.owner.why, NET_CLOSE_LOCAL);
	ck_assert_int_eq(peer_read(&p, got, sizeof got), 4);
	ck_assert_int_eq(peer_read(&p, got, sizeof got), 0);
	pair_finish(&p);
}
END_TEST

START_TEST(the_end_of_input_closes_unless_the_owner_goes_on)
{
	struct pair p;

	pair_init(&p);
	(void)close(p.peer);
	p.peer = -1;
	TURN_UNTIL(&p, p.owner.closed);
	ck_assert_int_eq(p.owner.why, NET_CLOSE_PEER);
	ck_assert_uint_eq(net_reactor_conns(p.reactor), 0);
	pair_finish(&p);
}
END_TEST

START_TEST(a_hang_up_is_told_while_paused)
{
	struct pair p;

	pair_init(&p);
	p.owner.input = take_one_and_pause;
	p.owner.eof_go_on = true;
	peer_send(&p, "a\n");
	turns(&p, 1);
	peer_send(&p, "b\n");
	turns(&p, 2);
	(void)close(p.peer);
	p.peer = -1;
	TURN_UNTIL(&p, p.owner.eofs == 1);
	turns(&p, 10);
	ck_assert_uint_eq(p.owner.eofs, 1);
	/* What came before it is not lost. */
	p.owner.input = NULL;
	net_conn_resume(&p.owner.conn);
	TURN_UNTIL(&p, p.owner.eofs == 2);
	ck_assert(str_equal(buf_view(&p.owner.seen), S("a\nb\n")));
	pair_finish(&p);
}
END_TEST

START_TEST(a_half_close_while_output_waits_is_told_once)
{
	static char got[65536];
	struct pair p;
	size_t total = 0;
	ssize_t n;

	pair_init(&p);
	p.owner.eof_go_on = true;
	net_conn_pause(&p.owner.conn);
	answer_many(&p.owner.conn, 3000000);
	turns(&p, 2);
	ck_assert_int_eq(shutdown(p.peer, SHUT_WR), 0);
	TURN_UNTIL(&p, p.owner.eofs == 1);
	turns(&p, 10);
	ck_assert_uint_eq(p.owner.eofs, 1);
	while (total < 3000000) {
		n = peer_read(&p, got, sizeof got);
		total += n > 0 ? (size_t)n : 0;
		turns(&p, 1);
	}
	ck_assert_uint_eq(p.owner.eofs, 1);
	ck_assert(!p.owner.closed);
	pair_finish(&p);
}
END_TEST

START_TEST(a_flush_waits_for_a_peer_that_is_slow)
{
	static char got[65536];
	struct pair p;
	size_t total = 0;
	ssize_t n = 1;

	pair_init(&p);
	answer_many(&p.owner.conn, 3000000);
	net_conn_close(&p.owner.conn, NET_CONN_FLUSH);
	turns(&p, 2);
	ck_assert(!p.owner.closed);
	while (n != 0) {
		turns(&p, 1);
		n = peer_read(&p, got, sizeof got);
		if (n > 0)
			total += (size_t)n;
	}
	ck_assert_uint_eq(total, 3000000);
	ck_assert(p.owner.closed);
	pair_finish(&p);
}
END_TEST

START_TEST(lingering_drops_input_until_the_peer_ends)
{
	char got[16];
	struct pair p;

	pair_init(&p);
	answer(&p.owner.conn, "413");
	net_conn_close(&p.owner.conn, NET_CONN_LINGER);
	turns(&p, 2);
	ck_assert(!p.owner.closed);
	peer_send(&p, "more of what is not wanted");
	turns(&p, 2);
	ck_assert_uint_eq(p.owner.inputs, 0);
	ck_assert_int_eq(peer_read(&p, got, sizeof got), 3);
	ck_assert_int_eq(peer_read(&p, got, sizeof got), 0);
	ck_assert(!p.owner.closed);
	(void)close(p.peer);
	p.peer = -1;
	TURN_UNTIL(&p, p.owner.closed);
	ck_assert_int_eq(p.owner.why, NET_CLOSE_LOCAL);
	pair_finish(&p);
}
END_TEST

START_TEST(lingering_ends_after_its_bytes)
{
	static char bytes[32768];
	struct pair p;
	size_t sent = 0;
	ssize_t n;

	pair_init(&p);
	net_conn_close(&p.owner.conn, NET_CONN_LINGER);
	turns(&p, 1);
	while (!p.owner.closed) {
		n = write(p.peer, bytes, sizeof bytes);
		sent += n > 0 ? (size_t)n : 0;
		turns(&p, 1);
		ck_assert_uint_le(sent, 4 * NET_LINGER_BYTES);
	}
	ck_assert_uint_ge(sent, NET_LINGER_BYTES);
	pair_finish(&p);
}
END_TEST

START_TEST(lingering_ends_after_its_time)
{
	struct pair p;

	clock_test_set(NS_PER_S);
	pair_init(&p);
	net_conn_close(&p.owner.conn, NET_CONN_LINGER);
	turns(&p, 1);
	clock_test_advance(NET_LINGER_NS - 1);
	turns(&p, 2);
	ck_assert(!p.owner.closed);
	clock_test_advance(20 * NS_PER_MS);
	turns(&p, 2);
	ck_assert(p.owner.closed);
	pair_finish(&p);
}
END_TEST

START_TEST(a_peer_that_never_reads_is_closed_as_stalled)
{
	struct pair p;

	clock_test_set(NS_PER_S);
	pair_init(&p);
	answer_many(&p.owner.conn, 3000000);
	turns(&p, 2);
	clock_test_advance(NET_WRITE_STALL_NS - 1);
	turns(&p, 2);
	ck_assert(!p.owner.closed);
	clock_test_advance(20 * NS_PER_MS);
	turns(&p, 2);
	ck_assert(p.owner.closed);
	ck_assert_int_eq(p.owner.why, NET_CLOSE_STALL);
	pair_finish(&p);
}
END_TEST

START_TEST(progress_puts_the_stall_off)
{
	static char got[300000];
	struct pair p;

	clock_test_set(NS_PER_S);
	pair_init(&p);
	answer_many(&p.owner.conn, 3000000);
	turns(&p, 2);
	for (unsigned i = 0; i < 5; i++) {
		clock_test_advance(NET_WRITE_STALL_NS * 2 / 3);
		ck_assert_int_gt(peer_read(&p, got, sizeof got), 0);
		turns(&p, 4);
		ck_assert(!p.owner.closed);
	}
	clock_test_advance(NET_WRITE_STALL_NS + 20 * NS_PER_MS);
	turns(&p, 2);
	ck_assert_int_eq(p.owner.why, NET_CLOSE_STALL);
	ck_assert(p.owner.closed);
	pair_finish(&p);
}
END_TEST

START_TEST(the_timer_fires_once_and_can_be_cleared)
{
	struct pair p;

	clock_test_set(NS_PER_S);
	pair_init(&p);
	net_conn_timer(&p.owner.conn, 2 * NS_PER_S);
	turns(&p, 2);
	ck_assert_uint_eq(p.owner.timeouts, 0);
	clock_test_set(2 * NS_PER_S);
	turns(&p, 2);
	ck_assert_uint_eq(p.owner.timeouts, 1);
	net_conn_timer(&p.owner.conn, 3 * NS_PER_S);
	net_conn_timer(&p.owner.conn, 0);
	clock_test_set(4 * NS_PER_S);
	turns(&p, 2);
	ck_assert_uint_eq(p.owner.timeouts, 1);
	pair_finish(&p);
}
END_TEST

static size_t
reset_inside(struct owner *o, char *bytes, size_t len)
{
	(void)bytes;
	net_conn_close(&o->conn, NET_CONN_RESET);
	ck_assert(!o->closed);
	return len;
}

START_TEST(a_close_inside_input_comes_after_it)
{
	struct pair p;

	pair_init(&p);
	p.owner.input = reset_inside;
	peer_send(&p, "x");
	turns(&p, 1);
	ck_assert(p.owner.closed);
	pair_finish(&p);
}
END_TEST

START_TEST(writing_to_a_peer_that_is_gone_ends_quietly)
{
	struct pair p;

	pair_init(&p);
	p.owner.eof_go_on = true;
	(void)close(p.peer);
	p.peer = -1;
	TURN_UNTIL(&p, p.owner.eofs == 1);
	answer(&p.owner.conn, "lost");
	TURN_UNTIL(&p, p.owner.closed);
	ck_assert_int_eq(p.owner.why, NET_CLOSE_PEER);
	pair_finish(&p);
}
END_TEST

static void
reset_each(struct net_conn *c, void *arg)
{
	unsigned *n = arg;

	(*n)++;
	net_conn_close(c, NET_CONN_RESET);
}

START_TEST(ten_thousand_connections_leave_nothing)
{
	struct owner *owners = calloc(100, sizeof *owners);
	int fds[2], peers[100];
	struct pair p;
	unsigned n;

	pair_reactor(&p);
	for (unsigned round = 0; round < 100; round++) {
		for (unsigned i = 0; i < 100; i++) {
			ck_assert_int_eq(
			    socketpair(
				AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds),
			    0);
			peers[i] = fds[1];
			owners[i] = (struct owner){ .closed = false };
			owners[i].input = answer_each_at_once;
			ck_assert_int_eq(net_conn_start(&owners[i].conn,
					     p.reactor, fds[0], -1, &owner_ops),
			    0);
			ck_assert_int_eq(write(peers[i], "a\nb", 3), 3);
		}
		turns(&p, 2);
		ck_assert_uint_eq(net_reactor_conns(p.reactor), 100);
		n = 0;
		if (round % 2 == 0)
			net_reactor_each(p.reactor, reset_each, &n);
		for (unsigned i = 0; i < 100; i++)
			(void)close(peers[i]);
		TURN_UNTIL(&p, net_reactor_conns(p.reactor) == 0);
		for (unsigned i = 0; i < 100; i++) {
			ck_assert(owners[i].closed);
			buf_finish(&owners[i].seen);
		}
	}
	free(owners);
	pair_finish(&p);
}
END_TEST

UNIT_MAIN("net/conn", input_split_in_two_is_offered_from_its_start,
    a_message_that_drips_in_costs_one_offer_a_piece,
    input_without_end_is_closed_at_the_bound,
    a_pause_holds_pipelined_input_until_the_resume,
    pipelined_requests_are_answered_in_one_turn,
    reading_stops_while_output_waits_and_goes_on_after,
    an_owner_that_leaves_early_is_offered_the_rest,
    who_wants_to_know_is_told_when_little_output_has_gone,
    a_half_close_lets_the_answer_through,
    the_end_of_input_closes_unless_the_owner_goes_on,
    a_hang_up_is_told_while_paused,
    a_half_close_while_output_waits_is_told_once,
    a_flush_waits_for_a_peer_that_is_slow,
    lingering_drops_input_until_the_peer_ends, lingering_ends_after_its_bytes,
    lingering_ends_after_its_time, a_peer_that_never_reads_is_closed_as_stalled,
    progress_puts_the_stall_off, the_timer_fires_once_and_can_be_cleared,
    a_close_inside_input_comes_after_it,
    writing_to_a_peer_that_is_gone_ends_quietly,
    ten_thousand_connections_leave_nothing)
