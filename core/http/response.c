/* SPDX-License-Identifier: Apache-2.0 */
/* A head is written into memory reserved once for all of it. */
#include "http/response.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "http/parser_priv.h"

struct status {
	int status;
	const char *text;
};

static const struct status statuses[] = {
	{ 100, "Continue" },
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 304, "Not Modified" },
	{ 307, "Temporary Redirect" },
	{ 308, "Permanent Redirect" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 410, "Gone" },
	{ 411, "Length Required" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 417, "Expectation Failed" },
	{ 421, "Misdirected Request" },
	{ 422, "Unprocessable Content" },
	{ 426, "Upgrade Required" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" },
};

const char *
http_status_text(int status)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i].status == status)
			return statuses[i].text;
	return "Unknown";
}

bool
http_value_is_safe(struct str value)
{
	for (size_t i = 0; i < value.len; i++)
		if (!class_is(value.ptr[i], CLASS_VALUE))
			return false;
	return true;
}

/* The lines of every answer; all numbers included they stay below this. */
#define FIXED_MAX 320

static inline char *
put(char *w, const char *bytes, size_t len)
{
	memcpy(w, bytes, len);
	return w + len;
}
#define PUT(w_, lit_) put((w_), "" lit_, sizeof(lit_) - 1)

static char *
put_u64(char *w, uint64_t n)
{
	char digits[20];
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	return put(w, digits + i, sizeof(digits) - i);
}

static char *
put_status(char *w, int status)
{
	const char *text;

	if (status == 200)
		return PUT(w, "HTTP/1.1 200 OK\r\n");
	if (status < 100 || status > 999)
		status = 500;
	text = http_status_text(status);
	w = PUT(w, "HTTP/1.1 ");
	w = put_u64(w, (uint64_t)status);
	*w++ = ' ';
	w = put(w, text, strlen(text));
	return PUT(w, "\r\n");
}

#define DATE_LINE_LEN 37 /* always, by the format */

static void
date_format(struct http_date_cache *c, int64_t wall_ns)
{
	char text[64];
	char *w = c->line;

	clock_format_http(wall_ns, text);
	w = PUT(w, "Date: ");
	w = put(w, text, DATE_LINE_LEN - 8);
	w = PUT(w, "\r\n");
	*w = '\0';
	c->second = wall_ns / NS_PER_S;
}

static char *
put_date(char *w, const struct http_response *r)
{
	struct http_date_cache own, *c = r->date;

	if (c == NULL) {
		c = &own;
		date_format(c, r->wall_ns);
	} else if (c->line[0] == '\0' || c->second != r->wall_ns / NS_PER_S) {
		date_format(c, r->wall_ns);
	}
	return put(w, c->line, DATE_LINE_LEN);
}

static char *
put_headers(char *w, const struct http_response *r, int *rc)
{
	for (size_t i = 0; i < r->headers_len; i++) {
		const struct http_header *h = &r->headers[i];

		if (!http_value_is_safe(h->value)) {
			*rc = ERR_SYNTAX;
			continue;
		}
		w = put(w, h->name, strlen(h->name));
		w = PUT(w, ": ");
		if (h->value.len > 0)
			w = put(w, h->value.ptr, h->value.len);
		w = PUT(w, "\r\n");
	}
	return w;
}

/* RFC 9110 8.6: neither has content, and neither may say a length. */
static bool
status_has_no_length(int status)
{
	return status == 204 || (status >= 100 && status < 200);
}

static char *
put_framing(char *w, const struct http_response *r, uint64_t content_length)
{
	if (r->chunked)
		return PUT(w, "Transfer-Encoding: chunked\r\n");
	if (status_has_no_length(r->status))
		return w;
	w = PUT(w, "Content-Length: ");
	w = put_u64(w, content_length);
	return PUT(w, "\r\n");
}

static size_t
head_bound(const struct http_response *r)
{
	size_t n = FIXED_MAX;

	if (r->content_type != NULL)
		n += strlen(r->content_type);
	for (size_t i = 0; i < r->headers_len; i++)
		n += strlen(r->headers[i].name) + r->headers[i].value.len + 4;
	return n;
}

static int
head_write(struct buf *out, const struct http_response *r,
    uint64_t content_length, size_t more)
{
	char *w;
	int rc = 0;

	if (buf_reserve(out, head_bound(r) + more) < 0)
		return ERR_NOMEM;
	w = out->ptr + out->len;
	w = put_status(w, r->status);
	w = put_date(w, r);
	if (r->content_type != NULL) {
		w = PUT(w, "Content-Type: ");
		w = put(w, r->content_type, strlen(r->content_type));
		w = PUT(w, "\r\n");
	}
	w = put_framing(w, r, content_length);
	w = PUT(w, "X-Content-Type-Options: nosniff\r\n");
	if (!r->keep_alive)
		w = PUT(w, "Connection: close\r\n");
	w = put_headers(w, r, &rc);
	w = PUT(w, "\r\n");
	out->len = (size_t)(w - out->ptr);
	return rc;
}

int
http_response_head(
    struct buf *out, const struct http_response *r, uint64_t content_length)
{
	return head_write(out, r, content_length, 0);
}

int
http_response_write(
    struct buf *out, const struct http_response *r, struct str body)
{
	int rc;

	rc = head_write(out, r, body.len, body.len);
	if (rc == ERR_NOMEM || r->no_body || status_has_no_length(r->status))
		return rc;
	if (r->chunked) {
		http_chunk_write(out, body);
		http_chunk_end(out);
	} else if (body.len > 0) {
		buf_append(out, body.ptr, body.len);
	}
	return out->failed ? ERR_NOMEM : rc;
}

#define JSON_HEAD_END "\r\nX-Content-Type-Options: nosniff\r\n\r\n"

/* Up to the length, anew each second. */
static void
json_head_make(
    struct http_kept_head *kept, struct http_date_cache *date, int64_t wall_ns)
{
	struct http_response r = { .wall_ns = wall_ns, .date = date };
	char *w = kept->text;

	w = put_status(w, 200);
	w = put_date(w, &r);
	w = PUT(w, "Content-Type: application/json\r\nContent-Length: ");
	kept->len = (size_t)(w - kept->text);
	kept->second = wall_ns / NS_PER_S;
}

int
http_response_json(struct buf *out, struct http_kept_head *kept,
    struct http_date_cache *date, int64_t wall_ns, struct str body)
{
	char *w;

	if (kept->len == 0 || kept->second != wall_ns / NS_PER_S)
		json_head_make(kept, date, wall_ns);
	if (buf_reserve(out, FIXED_MAX + body.len) < 0)
		return ERR_NOMEM;
	w = put(out->ptr + out->len, kept->text, kept->len);
	w = put_u64(w, body.len);
	w = PUT(w, JSON_HEAD_END);
	if (body.len > 0)
		w = put(w, body.ptr, body.len);
	out->len = (size_t)(w - out->ptr);
	return 0;
}

int
http_response_head_kept(
    struct buf *out, struct http_kept_head *kept, const struct http_response *r)
{
	size_t from = out->len, len;
	int rc;

	if (kept->len > 0 && kept->second == r->wall_ns / NS_PER_S) {
		buf_append(out, kept->text, kept->len);
		return out->failed ? ERR_NOMEM : 0;
	}
	rc = head_write(out, r, 0, 0);
	len = out->len - from;
	if (rc == 0 && len <= sizeof kept->text) {
		memcpy(kept->text, out->ptr + from, len);
		kept->len = len;
		kept->second = r->wall_ns / NS_PER_S;
	}
	return rc;
}

void
http_response_continue(struct buf *out)
{
	BUF_LIT(out, "HTTP/1.1 100 Continue\r\n\r\n");
}

void
http_chunk_write(struct buf *out, struct str data)
{
	char digits[sizeof(size_t) * 2];
	size_t n = data.len, i = sizeof(digits);

	if (n == 0)
		return; /* a chunk without data would be the last one */
	if (buf_reserve(out, n + sizeof(digits) + 4) < 0)
		return;
	do {
		digits[--i] = "0123456789abcdef"[n & 15];
		n >>= 4;
	} while (n > 0);
	buf_append(out, digits + i, sizeof(digits) - i);
	BUF_LIT(out, "\r\n");
	buf_append(out, data.ptr, data.len);
	BUF_LIT(out, "\r\n");
}

void
http_chunk_end(struct buf *out)
{
	BUF_LIT(out, "0\r\n\r\n");
}
