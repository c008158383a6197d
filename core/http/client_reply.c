/* SPDX-License-Identifier: Apache-2.0 */
/* Reading an answer: strict and bounded, as we read requests. */
#include "http/client_priv.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "http/parser_priv.h"

enum framing { FRAMING_NONE, FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };

void
http_reply_init(struct http_reply *r)
{
	r->status = 0;
	buf_init(&r->head);
	buf_init(&r->body);
}

void
http_reply_finish(struct http_reply *r)
{
	buf_finish(&r->head);
	buf_finish(&r->body);
}

/* Splits the next line off the fields; false at their end. */
static bool
field_take(struct str *rest, struct str *name, struct str *value)
{
	struct str line;

	if (rest->len == 0)
		return false;
	line = str_split(*rest, '\n', rest);
	*name = str_split(line, ':', value);
	if (value->len > 0 && value->ptr[value->len - 1] == '\r')
		value->len--;
	*value = str_trim(*value);
	return true;
}

struct str
http_reply_field(const struct http_reply *r, struct str name)
{
	struct str rest = buf_view(&r->head), n, v;

	while (field_take(&rest, &n, &v))
		if (str_equal_nocase(n, name))
			return v;
	return STR_NONE;
}

int
client_fill(struct exchange *x)
{
	struct http_client *c = x->c;
	ssize_t n;

	if (c->at == c->in.len) {
		buf_clear(&c->in);
		c->at = 0;
	} else if (c->at >= CLIENT_HEAD_MAX) {
		/* A long stream may never be used up to its last byte. */
		buf_consume(&c->in, c->at);
		c->at = 0;
	}
	if (buf_reserve(&c->in, CLIENT_READ_SIZE) < 0)
		return err_set(x->err, ERR_NOMEM, "no memory for an answer");
	do
		n = recv(c->fd, c->in.ptr + c->in.len, CLIENT_READ_SIZE, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		c->in.len += (size_t)n;
		return 0;
	}
	if (n == 0)
		return ERR_CLOSED;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return ERR_AGAIN;
	return err_set_errno(x->err, ERR_IO, errno, "receive");
}

/* client_fill that waits; a server that never stops sending does not pass the
 * deadline either. */
static int
more(struct exchange *x)
{
	int rc;

	for (;;) {
		if (clock_now_ns() >= x->deadline_ns)
			return err_set(
			    x->err, ERR_TIMEOUT, "no answer in time");
		rc = client_fill(x);
		if (rc != ERR_AGAIN)
			return rc;
		rc = client_wait(x, POLLIN);
		if (rc < 0)
			return rc;
	}
}

static int
ended_early(struct exchange *x, int rc)
{
	if (rc != ERR_CLOSED)
		return rc;
	return err_set(x->err, ERR_IO, "the server closed the connection");
}

static int
malformed(struct exchange *x, const char *what)
{
	return err_set(x->err, ERR_SYNTAX, "the answer is malformed: %s", what);
}

/* The next line without its CRLF; it dies with the next read.  *left is what
 * the lines of this part may still take. */
static int
take_line(struct exchange *x, size_t *left, struct str *line)
{
	struct http_client *c = x->c;
	const char *lf;
	size_t seen = 0;
	int rc;

	if (c->in.len == 0) {
		rc = more(x); /* a buffer without memory has no offsets */
		if (rc < 0)
			return ended_early(x, rc);
	}
	for (;;) {
		line->ptr = c->in.ptr + c->at;
		line->len = c->in.len - c->at;
		lf = line->len > seen
		    ? memchr(line->ptr + seen, '\n', line->len - seen)
		    : NULL;
		if (lf != NULL)
			break;
		seen = line->len;
		if (seen > *left)
			return err_set(
			    x->err, ERR_LIMIT, "the answer's head is too long");
		rc = more(x);
		if (rc < 0)
			return ended_early(x, rc);
	}
	line->len = (size_t)(lf - line->ptr);
	if (line->len + 1 > *left)
		return err_set(
		    x->err, ERR_LIMIT, "the answer's head is too long");
	*left -= line->len + 1;
	c->at += line->len + 1;
	if (line->len == 0 || line->ptr[line->len - 1] != '\r')
		return malformed(x, "LF without CR");
	line->len--;
	if (!http_value_is_safe(*line))
		return malformed(x, "a control byte in the head");
	return 0;
}

/* "HTTP/1.x ddd reason" */
static int
status_line(struct exchange *x, struct str line)
{
	const char *d = line.ptr + 9;

	if (line.len < 12 || memcmp(line.ptr, "HTTP/1.", 7) != 0
	    || !class_is(line.ptr[7], CLASS_DIGIT) || line.ptr[8] != ' '
	    || !class_is(d[0], CLASS_DIGIT) || !class_is(d[1], CLASS_DIGIT)
	    || !class_is(d[2], CLASS_DIGIT)
	    || (line.len > 12 && line.ptr[12] != ' '))
		return malformed(x, "no status line");
	x->reply->status = (d[0] - '0') * 100 + (d[1] - '0') * 10 + d[2] - '0';
	if (x->reply->status < 100)
		return malformed(x, "no such status");
	x->close = x->close || line.ptr[7] == '0';
	return 0;
}

static int
field_line(struct exchange *x, struct str line)
{
	size_t colon = str_find(line, ':');

	if (colon == 0 || colon == line.len)
		return malformed(x, "a field without a name");
	for (size_t i = 0; i < colon; i++)
		if (!class_is(line.ptr[i], CLASS_TCHAR))
			return malformed(x, "a field's name");
	return 0;
}

/* One head: status line and fields up to the empty line. */
static int
head_read(struct exchange *x)
{
	struct http_reply *r = x->reply;
	size_t left = CLIENT_HEAD_MAX;
	struct str line = STR_NONE;
	int rc;

	buf_clear(&r->head);
	rc = take_line(x, &left, &line);
	if (rc == 0)
		rc = status_line(x, line);
	while (rc == 0) {
		rc = take_line(x, &left, &line);
		if (rc < 0 || line.len == 0)
			break;
		rc = field_line(x, line);
		buf_str(&r->head, line);
		BUF_LIT(&r->head, "\r\n");
	}
	if (rc == 0 && r->head.failed)
		return err_set(x->err, ERR_NOMEM, "no memory for an answer");
	return rc;
}

static bool
list_has(struct str list, struct str word)
{
	while (list.len > 0)
		if (str_equal_nocase(
			str_trim(str_split(list, ',', &list)), word))
			return true;
	return false;
}

/* RFC 9112 6.3, the strict side of each choice. */
static int
framing_decide(struct exchange *x, enum framing *framing, uint64_t *length)
{
	struct str rest = buf_view(&x->reply->head), name, v;
	int status = x->reply->status;
	bool chunked = false, sized = false;

	while (field_take(&rest, &name, &v)) {
		if (str_equal_nocase(name, S("content-length"))) {
			if (sized || str_to_u64(v, length) < 0)
				return malformed(x, "Content-Length");
			sized = true;
		} else if (str_equal_nocase(name, S("transfer-encoding"))) {
			if (chunked || !str_equal_nocase(v, S("chunked")))
				return malformed(x, "Transfer-Encoding");
			chunked = true;
		} else if (str_equal_nocase(name, S("connection"))) {
			x->close = x->close || list_has(v, S("close"));
		}
	}
	if (chunked && sized)
		return malformed(x, "two lengths");
	if (x->no_content || status == 204 || status == 304)
		*framing = FRAMING_NONE;
	else if (chunked)
		*framing = FRAMING_CHUNKED;
	else
		*framing = sized ? FRAMING_LENGTH : FRAMING_CLOSE;
	return 0;
}

/* Hands on at most n of the bytes that are there; *n says how many. */
static int
deliver(struct exchange *x, uint64_t *n)
{
	struct http_client *c = x->c;
	struct str bytes = { c->in.ptr + c->at, c->in.len - c->at };

	if (bytes.len > *n)
		bytes.len = (size_t)*n;
	*n = bytes.len;
	c->at += bytes.len;
	if (bytes.len == 0)
		return 0;
	if (x->on_data != NULL)
		return x->on_data(x->arg, bytes);
	if (x->reply->body.len + bytes.len > HTTP_CLIENT_BODY_MAX)
		return err_set(x->err, ERR_LIMIT, "the answer is too long");
	buf_str(&x->reply->body, bytes);
	if (x->reply->body.failed)
		return err_set(x->err, ERR_NOMEM, "no memory for an answer");
	return 0;
}

static int
read_length(struct exchange *x, uint64_t length)
{
	uint64_t n;
	int rc;

	for (;;) {
		n = length;
		rc = deliver(x, &n);
		if (rc != 0)
			return rc;
		length -= n;
		if (length == 0)
			return 0;
		rc = more(x);
		if (rc < 0)
			return ended_early(x, rc);
	}
}

static int
read_to_close(struct exchange *x)
{
	uint64_t n;
	int rc;

	x->close = true;
	do {
		n = UINT64_MAX;
		rc = deliver(x, &n);
		if (rc != 0)
			return rc;
		rc = more(x);
	} while (rc == 0);
	return rc == ERR_CLOSED ? 0 : rc;
}

static int
chunk_size(struct exchange *x, struct str line, uint64_t *size)
{
	static const char digits[] = "0123456789abcdef";
	size_t end = str_find(line, ';');
	const char *d;

	*size = 0;
	if (end == 0 || end > 15)
		return malformed(x, "a chunk size");
	for (size_t i = 0; i < end; i++) {
		d = strchr(digits, line.ptr[i] | 0x20);
		if (d == NULL || !class_is(line.ptr[i], CLASS_HEX))
			return malformed(x, "a chunk size");
		*size = *size << 4 | (uint64_t)(d - digits);
	}
	return 0;
}

static int
read_chunks(struct exchange *x)
{
	uint64_t size = 0;
	struct str line = STR_NONE;
	size_t left;
	int rc;

	do {
		left = CLIENT_HEAD_MAX;
		rc = take_line(x, &left, &line);
		if (rc == 0)
			rc = chunk_size(x, line, &size);
		if (rc < 0)
			return rc;
		if (size == 0)
			break;
		rc = read_length(x, size);
		if (rc != 0)
			return rc;
		rc = take_line(x, &left, &line);
		if (rc == 0 && line.len > 0)
			rc = malformed(x, "a chunk's end");
	} while (rc == 0);
	left = CLIENT_HEAD_MAX;
	while (rc == 0) {
		rc = take_line(x, &left, &line); /* trailers: dropped */
		if (rc == 0 && line.len == 0)
			return 0;
		if (rc == 0)
			rc = field_line(x, line);
	}
	return rc;
}

int
client_reply_read(struct exchange *x)
{
	enum framing framing = FRAMING_NONE;
	uint64_t length = 0;
	int rc;

	do {
		rc = head_read(x);
		if (rc < 0)
			return rc;
		if (x->reply->status == 101)
			return malformed(x, "an upgrade nobody asked for");
	} while (x->reply->status < 200); /* interim answers */
	rc = framing_decide(x, &framing, &length);
	if (rc < 0)
		return rc;
	switch (framing) {
	case FRAMING_LENGTH:
		return read_length(x, length);
	case FRAMING_CHUNKED:
		return read_chunks(x);
	case FRAMING_CLOSE:
		return read_to_close(x);
	default:
		return 0;
	}
}
