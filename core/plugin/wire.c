/* SPDX-License-Identifier: Apache-2.0 */
/* Frames: their fields, and their way through a socket pair. */
#define _GNU_SOURCE
#include "plugin/wire.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/file.h"

/* In a buffer only: the body is the descriptor of the body's file and its
 * length. */
#define KIND_FILE 0x80u
/* What is behind so many bytes waits as bytes: it holds no descriptor. */
#define FILED_AT_MAX 512
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

_Static_assert(sizeof(struct wire_head) == 16, "no padding travels");

struct filed {
	int fd;
	uint32_t len;
};

size_t
wire_begin(struct buf *b, enum wire_kind kind, uint64_t id)
{
	struct wire_head head = { WIRE_MAGIC, WIRE_VERSION, (uint8_t)kind, 0,
		id };
	size_t at = b->len;

	buf_append(b, &head, sizeof head);
	return at;
}

void
wire_end(struct buf *b, size_t at)
{
	size_t len = b->len - at - sizeof(struct wire_head);
	uint32_t n = (uint32_t)len;

	if (b->failed)
		return;
	if (len > WIRE_BODY_MAX) {
		b->failed = true;
		return;
	}
	memcpy(b->ptr + at + offsetof(struct wire_head, len), &n, sizeof n);
}

void
wire_put_u32(struct buf *b, uint32_t n)
{
	buf_append(b, &n, sizeof n);
}

void
wire_put_u64(struct buf *b, uint64_t n)
{
	buf_append(b, &n, sizeof n);
}

void
wire_put_f64(struct buf *b, double n)
{
	buf_append(b, &n, sizeof n);
}

void
wire_put_str(struct buf *b, struct str s)
{
	if (s.len > WIRE_BODY_MAX) {
		b->failed = true;
		return;
	}
	wire_put_u32(b, (uint32_t)s.len);
	buf_str(b, s);
}

struct wire_in
wire_in_of(struct str body)
{
	const char *at = body.ptr != NULL ? body.ptr : "";

	return (struct wire_in){ at, at + body.len, false };
}

/* Leaves out as it is when there is less. */
static void
take(struct wire_in *in, void *out, size_t len)
{
	if (in->bad || (size_t)(in->end - in->at) < len) {
		in->bad = true;
		return;
	}
	memcpy(out, in->at, len);
	in->at += len;
}

uint32_t
wire_get_u32(struct wire_in *in)
{
	uint32_t n = 0;

	take(in, &n, sizeof n);
	return n;
}

uint64_t
wire_get_u64(struct wire_in *in)
{
	uint64_t n = 0;

	take(in, &n, sizeof n);
	return n;
}

double
wire_get_f64(struct wire_in *in)
{
	double n = 0;

	take(in, &n, sizeof n);
	return n;
}

struct str
wire_get_str(struct wire_in *in)
{
	uint32_t len = wire_get_u32(in);
	struct str s = { in->at, len };

	if (in->bad || (size_t)(in->end - in->at) < len) {
		in->bad = true;
		return (struct str){ "", 0 };
	}
	in->at += len;
	return s;
}

bool
wire_get_end(const struct wire_in *in)
{
	return !in->bad && in->at == in->end;
}

int
wire_pair(int fds[2])
{
	return socketpair(AF_UNIX,
		   SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds)
		== 0
	    ? 0
	    : ERR_IO;
}

static int
send_failed(void)
{
	if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)
		return ERR_AGAIN;
	return errno == ENOMEM ? ERR_NOMEM : ERR_CLOSED;
}

static struct wire_head
head_at(const struct buf *frames, size_t at)
{
	struct wire_head head;

	memcpy(&head, frames->ptr + at, sizeof head);
	return head;
}

static size_t
frame_len(const struct buf *frames, size_t at)
{
	return sizeof(struct wire_head) + head_at(frames, at).len;
}

static struct filed
filed_at(const struct buf *frames, size_t at)
{
	struct filed f;

	memcpy(&f, frames->ptr + at + sizeof(struct wire_head), sizeof f);
	return f;
}

/* A memory file with the body that begins there, and the strings in it, that
 * nobody can change; -1. */
static int
memory_file(
    struct str body, const struct wire_splice *splices, size_t n, size_t base)
{
	int fd =
	    memfd_create("toolpost-frame", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size_t done = 0;
	int rc = 0;

	if (fd < 0)
		return -1;
	for (size_t i = 0; i < n && rc == 0; i++) {
		size_t upto = splices[i].at - base;

		rc = file_write_all(fd, body.ptr + done, upto - done);
		if (rc == 0)
			rc = file_write_all(
			    fd, splices[i].s.ptr, splices[i].s.len);
		done = upto;
	}
	if (rc == 0)
		rc = file_write_all(fd, body.ptr + done, body.len - done);
	if (rc == 0 && fcntl(fd, F_ADD_SEALS, SEALS) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* Copies the strings to where they belong, the last one first. */
static void
splices_copy(struct buf *b, const struct wire_splice *splices, size_t n)
{
	size_t more = 0, end = b->len;

	for (size_t i = 0; i < n; i++)
		more += splices[i].s.len;
	if (buf_reserve(b, more) < 0)
		return;
	b->len += more;
	while (n-- > 0) {
		size_t at = splices[n].at;

		memmove(b->ptr + at + more, b->ptr + at, end - at);
		more -= splices[n].s.len;
		memcpy(b->ptr + at + more, splices[n].s.ptr, splices[n].s.len);
		end = at;
	}
}

void
wire_end_spliced(
    struct buf *b, size_t at, const struct wire_splice *splices, size_t n)
{
	size_t begin = at + sizeof(struct wire_head);
	struct filed f = { -1, 0 };
	size_t len = 0;

	if (b->failed)
		return;
	for (size_t i = 0; i < n; i++)
		len += splices[i].s.len;
	len += b->len - begin;
	if (len > WIRE_INLINE_MAX && len <= WIRE_BODY_MAX && at < FILED_AT_MAX)
		f.fd = memory_file(
		    str_sub(buf_view(b), begin, b->len), splices, n, begin);
	/* Without a descriptor now there may be one later. */
	if (f.fd < 0) {
		splices_copy(b, splices, n);
		wire_end(b, at);
		return;
	}
	f.len = (uint32_t)len;
	b->len = begin;
	b->ptr[at + offsetof(struct wire_head, kind)] |= (char)KIND_FILE;
	buf_append(b, &f, sizeof f);
	wire_end(b, at);
}

void
wire_drop(struct buf *frames, size_t at)
{
	/* The last one of a failed buffer is not whole. */
	for (; !frames->failed && at < frames->len; at += frame_len(frames, at))
		if ((head_at(frames, at).kind & KIND_FILE) != 0)
			(void)close(filed_at(frames, at).fd); /* sealed */
	buf_clear(frames);
}

/* A head alone, with its body in a file; the file stays. */
static int
send_file(int fd, struct wire_head head, int file)
{
	alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &head, sizeof head };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	memset(control, 0, sizeof control);
	msg.msg_control = control;
	msg.msg_controllen = sizeof control;
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof file);
	memcpy(CMSG_DATA(c), &file, sizeof file);
	return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0
	    ? send_failed()
	    : 0;
}

int
wire_send_listener(int fd, int file)
{
	struct wire_head head = { WIRE_MAGIC, WIRE_VERSION, WIRE_LISTENER, 0,
		0 };

	return send_file(fd, head, file);
}

static bool
is_large(const struct buf *frames, size_t at)
{
	return (head_at(frames, at).kind & KIND_FILE) != 0
	    || frame_len(frames, at) > WIRE_SPACE;
}

static int
send_large(int fd, const struct buf *frames, size_t at)
{
	struct wire_head head = head_at(frames, at);
	bool is_filed = (head.kind & KIND_FILE) != 0;
	struct filed f = { 0 };
	int rc;

	if (is_filed) {
		f = filed_at(frames, at);
		head.kind &= (uint8_t)~KIND_FILE;
		head.len = f.len;
	} else {
		f.fd = memory_file(str_sub(buf_view(frames), at + sizeof head,
				       at + sizeof head + head.len),
		    NULL, 0, 0);
	}
	if (f.fd < 0)
		return ERR_NOMEM;
	rc = send_file(fd, head, f.fd);
	if (rc == 0 || !is_filed)
		(void)close(f.fd); /* the datagram holds it */
	return rc;
}

/* As many frames as fit a datagram. */
static size_t
datagram_len(const struct buf *frames, size_t at)
{
	size_t next = at;

	while (next < frames->len) {
		size_t len = frame_len(frames, next);

		if (is_large(frames, next) || next + len - at > WIRE_SPACE)
			break;
		next += len;
	}
	return next - at;
}

int
wire_send(int fd, const struct buf *frames, size_t *at)
{
	int rc = 0;

	while (rc == 0 && *at < frames->len) {
		const char *from = frames->ptr + *at;
		size_t len = datagram_len(frames, *at);

		if (len == 0) {
			len = frame_len(frames, *at);
			rc = send_large(fd, frames, *at);
		} else if (send(fd, from, len, MSG_DONTWAIT | MSG_NOSIGNAL)
		    < 0) {
			rc = send_failed();
		}
		if (rc == 0)
			*at += len;
	}
	return rc;
}

/* The descriptor that came with a datagram; -1: none.  More than one are
 * closed and make it bad. */
static int
file_of(struct msghdr *msg, bool *bad)
{
	int file = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL;
	     c = CMSG_NXTHDR(msg, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (file >= 0) {
				(void)close(fd);
				*bad = true;
			} else {
				file = fd;
			}
		}
	}
	return file;
}

/* A body that nobody can change any more, of exactly the length that the head
 * says. */
static int
map_large(struct wire_frame *f, int file, size_t len)
{
	struct stat st;
	void *map;

	if (file < 0 || len <= WIRE_INLINE_MAX || len > WIRE_BODY_MAX
	    || fstat(file, &st) < 0 || st.st_size != (off_t)len
	    || fcntl(file, F_GET_SEALS) != SEALS)
		return ERR_SYNTAX;
	map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, file, 0);
	if (map == MAP_FAILED)
		return ERR_NOMEM;
	f->map = map;
	f->map_len = len;
	f->body = (struct str){ map, len };
	return 0;
}

struct arrival {
	struct iovec iov;
	alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
};

static void
batch_take(
    struct wire_arrivals *b, const struct iovec *iov, struct mmsghdr *msg)
{
	unsigned i = b->len++;
	bool bad = (msg->msg_hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;

	b->files[i] = file_of(&msg->msg_hdr, &bad);
	/* An empty one is read as bad. */
	b->left[i] = (struct str){ iov->iov_base, bad ? 0 : msg->msg_len };
}

static int
receive(int fd, char *space, struct wire_arrivals *b, unsigned most)
{
	struct arrival in[WIRE_DATAGRAMS];
	struct mmsghdr msgs[WIRE_DATAGRAMS];
	int got;

	b->at = b->len = 0;
	b->begun = b->bad = false;
	memset(msgs, 0, sizeof msgs);
	for (size_t i = 0; i < most; i++) {
		in[i].iov =
		    (struct iovec){ space + i * WIRE_SPACE, WIRE_SPACE };
		msgs[i].msg_hdr.msg_iov = &in[i].iov;
		msgs[i].msg_hdr.msg_iovlen = 1;
		msgs[i].msg_hdr.msg_control = in[i].control;
		msgs[i].msg_hdr.msg_controllen = sizeof in[i].control;
	}
	got = recvmmsg(fd, msgs, most, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, NULL);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : ERR_CLOSED;
	for (int i = 0; i < got; i++) {
		/* A datagram of nothing is the end of the stream. */
		if (msgs[i].msg_len == 0)
			return i > 0 ? i : ERR_CLOSED;
		batch_take(b, &in[i].iov, &msgs[i]);
	}
	return got;
}

int
wire_receive(int fd, char *space, struct wire_arrivals *b)
{
	return receive(fd, space, b, WIRE_DATAGRAMS);
}

/* A head alone, whose body lies in a file. */
static int
next_large(struct wire_arrivals *b, struct wire_frame *f, size_t len)
{
	/* It shares its datagram with nobody. */
	if (b->begun || b->left[b->at].len != sizeof(struct wire_head))
		return ERR_SYNTAX;
	b->left[b->at] = STR_NONE;
	return map_large(f, b->files[b->at], len);
}

/* A descriptor that is the frame. */
static int
next_listener(struct wire_arrivals *b, struct wire_frame *f, size_t len)
{
	if (b->begun || len != 0
	    || b->left[b->at].len != sizeof(struct wire_head)
	    || b->files[b->at] < 0)
		return ERR_SYNTAX;
	f->body = STR_NONE;
	f->fd = b->files[b->at];
	b->files[b->at] = -1;
	b->left[b->at] = STR_NONE;
	return 0;
}

static int
frame_next(struct wire_arrivals *b, struct wire_frame *f)
{
	struct str *left = &b->left[b->at];
	struct wire_head head;

	if (left->len < sizeof head)
		return ERR_SYNTAX;
	memcpy(&head, left->ptr, sizeof head);
	if (head.magic != WIRE_MAGIC || head.version != WIRE_VERSION
	    || head.kind == 0 || head.kind >= WIRE_KINDS)
		return ERR_SYNTAX;
	f->kind = (enum wire_kind)head.kind;
	f->id = head.id;
	f->map = NULL;
	f->fd = -1;
	if (f->kind == WIRE_LISTENER)
		return next_listener(b, f, head.len);
	if (b->files[b->at] >= 0)
		return next_large(b, f, head.len);
	if (left->len - sizeof head < head.len)
		return ERR_SYNTAX;
	f->body = (struct str){ left->ptr + sizeof head, head.len };
	left->ptr += sizeof head + head.len;
	left->len -= sizeof head + head.len;
	return 0;
}

int
wire_next(struct wire_arrivals *b, struct wire_frame *f)
{
	int rc;

	if (b->begun && b->at < b->len && b->left[b->at].len == 0) {
		b->at++;
		b->begun = false;
	}
	if (!b->bad && b->at == b->len)
		return 0;
	rc = b->bad ? ERR_SYNTAX : frame_next(b, f);
	b->begun = true;
	b->bad = rc < 0;
	return rc < 0 ? rc : 1;
}

void
wire_frame_finish(struct wire_frame *f)
{
	if (f->map != NULL)
		(void)munmap(f->map, f->map_len);
	f->map = NULL;
	if (f->fd >= 0)
		(void)close(f->fd); /* nobody has taken it */
	f->fd = -1;
}

void
wire_arrivals_finish(struct wire_arrivals *b)
{
	for (unsigned i = 0; i < b->len; i++)
		if (b->files[i] >= 0)
			(void)close(b->files[i]); /* it is mapped, or bad */
	b->len = 0;
}

int
wire_receive_one(int fd, char *space, struct wire_frame *f)
{
	struct wire_arrivals b;
	struct wire_frame more;
	int rc = receive(fd, space, &b, 1);

	if (rc <= 0)
		return rc;
	rc = wire_next(&b, f);
	if (rc > 0 && wire_next(&b, &more) != 0) {
		wire_frame_finish(f);
		rc = ERR_SYNTAX;
	}
	wire_arrivals_finish(&b);
	return rc;
}
