/* SPDX-License-Identifier: Apache-2.0 */
/* Frames between host and runner: what goes in comes out, and what no peer of
 * ours sends is refused. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "plugin/wire.h"
#include "unit/unit.h"

static void
frame_put(struct buf *b, uint64_t id, struct str text)
{
	size_t at = wire_begin(b, WIRE_RESULT, id);

	wire_put_str(b, text);
	wire_end(b, at);
}

START_TEST(fields_come_out_as_they_went_in)
{
	struct buf b;
	struct wire_in in;
	size_t at;

	buf_init(&b);
	at = wire_begin(&b, WIRE_CALL, 7);
	wire_put_u32(&b, 5);
	wire_put_u64(&b, UINT64_MAX);
	wire_put_f64(&b, 0.25);
	wire_put_str(&b, S("a\0b"));
	wire_put_str(&b, STR_NONE);
	wire_end(&b, at);
	ck_assert(!b.failed);
	in = wire_in_of(str_sub(buf_view(&b), sizeof(struct wire_head), b.len));
	ck_assert_uint_eq(wire_get_u32(&in), 5);
	ck_assert_uint_eq(wire_get_u64(&in), UINT64_MAX);
	ck_assert(wire_get_f64(&in) == 0.25);
	ck_assert(str_equal(wire_get_str(&in), S("a\0b")));
	ck_assert_uint_eq(wire_get_str(&in).len, 0);
	ck_assert(wire_get_end(&in));
	buf_finish(&b);
}
END_TEST

START_TEST(a_body_that_is_cut_anywhere_is_bad)
{
	struct buf b;

	buf_init(&b);
	wire_put_u32(&b, 1);
	wire_put_str(&b, S("text"));
	wire_put_u64(&b, 2);
	for (size_t len = 0; len < b.len; len++) {
		struct wire_in in = wire_in_of(str_sub(buf_view(&b), 0, len));

		(void)wire_get_u32(&in);
		(void)wire_get_str(&in);
		(void)wire_get_u64(&in);
		ck_assert(!wire_get_end(&in));
	}
	buf_finish(&b);
}
END_TEST

START_TEST(what_is_left_over_is_bad)
{
	struct wire_in in = wire_in_of(S("12345"));

	(void)wire_get_u32(&in);
	ck_assert(!wire_get_end(&in));
}
END_TEST

/* All frames that are there; their ids count up from *next. */
static int
frames_take(int fd, char *space, uint64_t *next)
{
	struct wire_arrivals batch;
	struct wire_frame f;
	int n = wire_receive(fd, space, &batch), rc;

	while ((rc = wire_next(&batch, &f)) > 0) {
		ck_assert_uint_eq(f.id, (*next)++);
		ck_assert_uint_eq(f.body.len, 9);
		wire_frame_finish(&f);
	}
	ck_assert_int_eq(rc, 0);
	wire_arrivals_finish(&batch);
	return n;
}

START_TEST(frames_arrive_in_order_and_whole)
{
	enum { MANY = 20000 };
	char *space = malloc(WIRE_SPACES);
	struct buf b;
	size_t at = 0;
	uint64_t next = 0;
	int fds[2];

	ck_assert_int_eq(wire_pair(fds), 0);
	buf_init(&b);
	for (uint64_t i = 0; i < MANY; i++)
		frame_put(&b, i, S("hello"));
	ck_assert_int_eq(frames_take(fds[1], space, &next), 0);
	while (next < MANY) {
		int rc = wire_send(fds[0], &b, &at);

		ck_assert(rc == 0 || rc == ERR_AGAIN);
		while (frames_take(fds[1], space, &next) > 0)
			;
	}
	(void)close(fds[0]);
	ck_assert_int_eq(frames_take(fds[1], space, &next), ERR_CLOSED);
	(void)close(fds[1]);
	ck_assert_int_eq(wire_send(fds[1], &b, &(size_t){ 0 }), ERR_CLOSED);
	buf_finish(&b);
	free(space);
}
END_TEST

START_TEST(the_frames_of_a_turn_share_a_datagram)
{
	enum { MANY = 100 };
	char *space = malloc(WIRE_SPACES);
	struct buf b;
	uint64_t next = 0;
	int fds[2];

	ck_assert_int_eq(wire_pair(fds), 0);
	buf_init(&b);
	for (uint64_t i = 0; i < MANY; i++)
		frame_put(&b, i, S("hello"));
	ck_assert_int_eq(wire_send(fds[0], &b, &(size_t){ 0 }), 0);
	ck_assert_int_eq(frames_take(fds[1], space, &next), 1);
	ck_assert_uint_eq(next, MANY);
	(void)close(fds[0]);
	(void)close(fds[1]);
	buf_finish(&b);
	free(space);
}
END_TEST

START_TEST(a_large_body_travels_in_a_file)
{
	size_t len = (size_t)3 * 1024 * 1024;
	char *bytes = malloc(len), *space = malloc(WIRE_SPACES);
	struct wire_arrivals batch;
	struct wire_frame f;
	struct wire_in in;
	struct buf b;
	size_t at = 0;
	int fds[2];

	ck_assert_int_eq(wire_pair(fds), 0);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(i * 7);
	buf_init(&b);
	frame_put(&b, 1, (struct str){ bytes, len });
	frame_put(&b, 2, S("behind it"));
	ck_assert_int_eq(wire_send(fds[0], &b, &at), 0);
	ck_assert_int_eq(wire_receive(fds[1], space, &batch), 2);
	ck_assert_int_eq(wire_next(&batch, &f), 1);
	ck_assert_uint_eq(f.id, 1);
	in = wire_in_of(f.body);
	ck_assert(str_equal(wire_get_str(&in), (struct str){ bytes, len }));
	ck_assert(wire_get_end(&in));
	wire_frame_finish(&f);
	ck_assert_int_eq(wire_next(&batch, &f), 1);
	ck_assert_uint_eq(f.id, 2);
	wire_frame_finish(&f);
	ck_assert_int_eq(wire_next(&batch, &f), 0);
	wire_arrivals_finish(&batch);
	(void)close(fds[0]);
	(void)close(fds[1]);
	buf_finish(&b);
	free(space);
	free(bytes);
}
END_TEST

/* A frame of strings of which some are spliced, small and large, alone and
 * behind others, one at the end. */
START_TEST(spliced_strings_arrive_as_copied_ones)
{
	static const size_t lens[][3] = { { 0, 0, 0 }, { 10, 20000, 10 },
		{ 20000, 1, 0 }, { 30000, 30000, 3 }, { 40000, 40000, 40000 },
		{ 3, 1000000, 3 }, { 1000000, 1000000, 5 }, { 1, 2, 1000000 } };
	char *bytes = malloc(1000000), *space = malloc(WIRE_SPACES);
	int fds[2];

	for (size_t i = 0; i < 1000000; i++)
		bytes[i] = (char)(i * 11);
	ck_assert_int_eq(wire_pair(fds), 0);
	for (size_t i = 0; i < 2 * ARRAY_LEN(lens); i++) {
		const size_t *len = lens[i / 2];
		struct wire_splice splices[3];
		struct wire_arrivals batch;
		struct wire_frame f;
		struct wire_in in;
		struct buf b;
		size_t at, n = 0, sent = 0;

		buf_init(&b);
		/* Behind much else it is sent as bytes. */
		for (uint64_t k = 0; k < (i % 2) * 40; k++)
			frame_put(&b, k, S("hello"));
		at = wire_begin(&b, WIRE_RESULT, 1000);
		for (size_t k = 0; k < 3; k++) {
			wire_put_u32(&b, (uint32_t)len[k]);
			if (len[k] >= WIRE_SPLICE_MIN)
				splices[n++] = (struct wire_splice){ b.len,
					{ bytes + k, len[k] - k } };
			else
				buf_append(&b, bytes + k, len[k]);
			/* Not a byte longer than it says. */
			if (len[k] >= WIRE_SPLICE_MIN)
				buf_append(&b, "abc", k);
		}
		wire_end_spliced(&b, at, splices, n);
		frame_put(&b, 1001, S("behind it"));
		ck_assert_int_eq(wire_send(fds[0], &b, &sent), 0);
		ck_assert_int_gt(wire_receive(fds[1], space, &batch), 0);
		do {
			ck_assert_int_eq(wire_next(&batch, &f), 1);
		} while (f.id < 1000);
		in = wire_in_of(f.body);
		for (size_t k = 0; k < 3; k++) {
			struct str s = wire_get_str(&in);

			ck_assert_uint_eq(s.len, len[k]);
			ck_assert_int_eq(
			    memcmp(s.ptr, bytes + k, s.len > k ? s.len - k : 0),
			    0);
		}
		ck_assert(wire_get_end(&in));
		wire_frame_finish(&f);
		ck_assert_int_eq(wire_next(&batch, &f), 1);
		ck_assert_uint_eq(f.id, 1001);
		wire_frame_finish(&f);
		wire_arrivals_finish(&batch);
		buf_finish(&b);
	}
	(void)close(fds[0]);
	(void)close(fds[1]);
	free(space);
	free(bytes);
}
END_TEST

START_TEST(what_is_not_sent_leaves_no_descriptor_behind)
{
	size_t len = 100000;
	char *bytes = calloc(1, len);
	struct wire_splice splice = { sizeof(struct wire_head) + 4,
		{ bytes, len } };
	struct buf b;
	int before, after;

	before = dup(0);
	(void)close(before);
	buf_init(&b);
	for (int i = 0; i < 2; i++) {
		size_t at = wire_begin(&b, WIRE_RESULT, 1);

		wire_put_u32(&b, (uint32_t)len);
		splice.at = b.len;
		wire_end_spliced(&b, at, &splice, 1);
	}
	ck_assert_uint_lt(b.len, 100);
	wire_drop(&b, 0);
	after = dup(0);
	(void)close(after);
	ck_assert_int_eq(after, before);
	buf_finish(&b);
	free(bytes);
}
END_TEST

/* One datagram with any bytes and up to two descriptors. */
static void
send_raw(int fd, const void *bytes, size_t len, const int *files, size_t n)
{
	alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	memset(control, 0, sizeof control);
	if (n > 0) {
		struct cmsghdr *c;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(n * sizeof *files);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof *files);
		memcpy(CMSG_DATA(c), files, n * sizeof *files);
	}
	ck_assert_int_eq(sendmsg(fd, &msg, 0), (ssize_t)len);
}

static int
memory_file(size_t len, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)len), 0);
	if (seals != 0)
		ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

#define ALL_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

START_TEST(what_is_no_frame_is_refused)
{
	static const struct {
		struct wire_head head;
		size_t len; /* bytes sent */
		size_t file; /* its length; 0: none */
		int seals;
		size_t files;
	} cases[] = {
		{ { WIRE_MAGIC, 1, WIRE_CALL, 0, 0 }, 15, 0, 0, 0 },
		{ { 0x1234, 1, WIRE_CALL, 0, 0 }, 16, 0, 0, 0 },
		{ { WIRE_MAGIC, 2, WIRE_CALL, 0, 0 }, 16, 0, 0, 0 },
		{ { WIRE_MAGIC, 1, 0, 0, 0 }, 16, 0, 0, 0 },
		{ { WIRE_MAGIC, 1, WIRE_KINDS, 0, 0 }, 16, 0, 0, 0 },
		{ { WIRE_MAGIC, 1, WIRE_CALL, 3, 0 }, 18, 0, 0, 0 },
		{ { WIRE_MAGIC, 1, WIRE_CALL, 100000, 0 }, 16, 0, 0, 0 },
		{ { WIRE_MAGIC, 1, WIRE_CALL, 100000, 0 }, 16, 100000, 0, 1 },
		{ { WIRE_MAGIC, 1, WIRE_CALL, 100000, 0 }, 16, 100000,
		    F_SEAL_WRITE, 1 },
		{ { WIRE_MAGIC, 1, WIRE_CALL, 100000, 0 }, 16, 99999, ALL_SEALS,
		    1 },
		{ { WIRE_MAGIC, 1, WIRE_CALL, 100000, 0 }, 16, 100000,
		    ALL_SEALS, 2 },
		{ { WIRE_MAGIC, 1, WIRE_CALL, 8, 0 }, 16, 8, ALL_SEALS, 1 },
		{ { WIRE_MAGIC, 1, WIRE_CALL, 0, 0 }, 16, 8, ALL_SEALS, 1 },
		{ { WIRE_MAGIC, 1, WIRE_CALL, UINT32_MAX, 0 }, 16, 8, ALL_SEALS,
		    1 },
	};
	char *space = malloc(WIRE_SPACES);
	char bytes[64] = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct wire_arrivals batch;
		struct wire_frame frame;
		int fds[2], files[2] = { -1, -1 };

		ck_assert_int_eq(wire_pair(fds), 0);
		memcpy(bytes, &cases[i].head, sizeof cases[i].head);
		for (size_t f = 0; f < cases[i].files; f++)
			files[f] = memory_file(cases[i].file, cases[i].seals);
		send_raw(fds[0], bytes, cases[i].len, files, cases[i].files);
		ck_assert_int_eq(wire_receive(fds[1], space, &batch), 1);
		ck_assert_int_eq(wire_next(&batch, &frame), ERR_SYNTAX);
		ck_assert_int_eq(wire_next(&batch, &frame), ERR_SYNTAX);
		wire_arrivals_finish(&batch);
		for (size_t f = 0; f < cases[i].files; f++)
			(void)close(files[f]);
		(void)close(fds[0]);
		(void)close(fds[1]);
	}
	free(space);
}
END_TEST

/* What comes behind a good frame in its datagram. */
START_TEST(what_follows_a_frame_is_read_as_strictly)
{
	static const struct {
		struct wire_head head;
		size_t len;
		size_t files;
	} cases[] = {
		{ { WIRE_MAGIC, 1, WIRE_CALL, 0, 0 }, 1, 0 },
		{ { WIRE_MAGIC, 1, WIRE_CALL, 0, 0 }, 15, 0 },
		{ { 0x1234, 1, WIRE_CALL, 0, 0 }, 16, 0 },
		{ { WIRE_MAGIC, 1, WIRE_KINDS, 0, 0 }, 16, 0 },
		{ { WIRE_MAGIC, 1, WIRE_CALL, 2, 0 }, 17, 0 },
		{ { WIRE_MAGIC, 1, WIRE_CALL, 100000, 0 }, 16, 0 },
		{ { WIRE_MAGIC, 1, WIRE_CALL, 100000, 0 }, 16, 1 },
	};
	char *space = malloc(WIRE_SPACES);
	struct buf b;

	buf_init(&b);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct wire_arrivals batch;
		struct wire_frame f;
		char bytes[64] = { 0 };
		int fds[2], file = memory_file(100000, ALL_SEALS);

		buf_clear(&b);
		frame_put(&b, 1, S("good"));
		memcpy(bytes, &cases[i].head, sizeof cases[i].head);
		buf_append(&b, bytes, cases[i].len);
		ck_assert_int_eq(wire_pair(fds), 0);
		send_raw(fds[0], b.ptr, b.len, &file, cases[i].files);
		ck_assert_int_eq(wire_receive(fds[1], space, &batch), 1);
		/* With a descriptor it is not even the first. */
		if (cases[i].files == 0)
			ck_assert_int_eq(wire_next(&batch, &f), 1);
		ck_assert_int_eq(wire_next(&batch, &f), ERR_SYNTAX);
		wire_arrivals_finish(&batch);
		(void)close(file);
		(void)close(fds[0]);
		(void)close(fds[1]);
	}
	buf_finish(&b);
	free(space);
}
END_TEST

START_TEST(a_bad_frame_leaves_no_descriptor_behind)
{
	struct wire_head bad = { 0, 0, 0, 0, 0 };
	struct wire_arrivals batch;
	struct wire_frame frame;
	char *space = malloc(WIRE_SPACES);
	int fds[2], file, before, after;

	ck_assert_int_eq(wire_pair(fds), 0);
	file = memory_file(100000, ALL_SEALS);
	before = dup(0);
	(void)close(before);
	send_raw(fds[0], &bad, sizeof bad, &file, 1);
	bad.magic = WIRE_MAGIC;
	send_raw(fds[0], &bad, sizeof bad, &file, 1);
	ck_assert_int_eq(wire_receive(fds[1], space, &batch), 2);
	ck_assert_int_eq(wire_next(&batch, &frame), ERR_SYNTAX);
	wire_arrivals_finish(&batch);
	after = dup(0);
	(void)close(after);
	ck_assert_int_eq(after, before);
	(void)close(file);
	(void)close(fds[0]);
	(void)close(fds[1]);
	free(space);
}
END_TEST

START_TEST(a_body_beyond_the_bound_is_not_written)
{
	struct buf b;

	buf_init(&b);
	wire_put_str(&b, (struct str){ "", WIRE_BODY_MAX + 1 });
	ck_assert(b.failed);
	buf_finish(&b);
}
END_TEST

START_TEST(a_listener_is_a_descriptor_and_nothing_else)
{
	struct wire_head bare = { WIRE_MAGIC, WIRE_VERSION, WIRE_LISTENER, 0,
		0 };
	char *space = malloc(WIRE_SPACES);
	struct wire_arrivals batch;
	struct wire_frame frame;
	int fds[2], before, after;

	ck_assert_int_eq(wire_pair(fds), 0);
	before = dup(0);
	(void)close(before);
	ck_assert_int_eq(wire_send_listener(fds[0], fds[1]), 0);
	ck_assert_int_eq(wire_receive(fds[1], space, &batch), 1);
	ck_assert_int_eq(wire_next(&batch, &frame), 1);
	ck_assert_int_eq(frame.kind, WIRE_LISTENER);
	ck_assert_int_ge(frame.fd, 0);
	wire_frame_finish(&frame);
	ck_assert_int_eq(wire_next(&batch, &frame), 0);
	wire_arrivals_finish(&batch);
	/* Without one it is none. */
	send_raw(fds[0], &bare, sizeof bare, NULL, 0);
	ck_assert_int_eq(wire_receive(fds[1], space, &batch), 1);
	ck_assert_int_eq(wire_next(&batch, &frame), ERR_SYNTAX);
	wire_arrivals_finish(&batch);
	after = dup(0);
	(void)close(after);
	ck_assert_int_eq(after, before);
	(void)close(fds[0]);
	(void)close(fds[1]);
	free(space);
}
END_TEST

UNIT_MAIN("plugin/wire", a_listener_is_a_descriptor_and_nothing_else,
    fields_come_out_as_they_went_in, a_body_that_is_cut_anywhere_is_bad,
    what_is_left_over_is_bad, frames_arrive_in_order_and_whole,
    the_frames_of_a_turn_share_a_datagram, a_large_body_travels_in_a_file,
    spliced_strings_arrive_as_copied_ones,
    what_is_not_sent_leaves_no_descriptor_behind, what_is_no_frame_is_refused,
    what_follows_a_frame_is_read_as_strictly,
    a_bad_frame_leaves_no_descriptor_behind,
    a_body_beyond_the_bound_is_not_written)
