/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: status line, fields and body appended to one buffer, so that they
 * leave in one write. */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include <stdbool.h>

#include "base/buf.h"

/* The Date line, formatted once a second.  Zeroed before its first use; the
 * caller owns it, usually one per reactor. */
struct http_date_cache {
	int64_t second;
	char line[40]; /* "Date: ..\r\n"; empty: not formatted yet */
};

/* [any] "Not Found"; "Unknown" for a status that we never send. */
const char *http_status_text(int status);
/* [any] Whether a field value may be sent (RFC 9110 5.5). */
bool http_value_is_safe(struct str value);

struct http_header {
	const char *name; /* static */
	struct str value; /* CR, LF or NUL in it: the field is left out and the
			   * writer returns ERR_SYNTAX (RFC 9112 11.1) */
};

struct http_response {
	int status;
	const char *content_type; /* NULL: none */
	bool keep_alive; /* false: Connection: close */
	bool chunked; /* a stream: no Content-Length */
	bool no_body; /* HEAD: length without content */
	const struct http_header *headers;
	size_t headers_len;
	int64_t wall_ns; /* for Date; cached by the caller per turn */
	struct http_date_cache *date; /* NULL: formatted anew */
};

/* [any] Head and whole body.  Content-Length and Connection follow from the
 * response; X-Content-Type-Options is always there.  ERR_SYNTAX as said above,
 * ERR_NOMEM. */
int http_response_write(
    struct buf *out, const struct http_response *r, struct str body);
/* [any] Head alone; for chunked streams. */
int http_response_head(
    struct buf *out, const struct http_response *r, uint64_t content_length);
/* The head that nearly every answer has, but for its length: 200, JSON,
 * HTTP/1.1, keep-alive; and that of a stream, with what its caller adds.
 * Zeroes: empty. */
#define HTTP_HEAD_KEPT 320
struct http_kept_head {
	int64_t second; /* of its Date */
	size_t len; /* 0: none */
	char text[HTTP_HEAD_KEPT];
};
/* [any] Head and body of such an answer; ERR_NOMEM. */
int http_response_json(struct buf *out, struct http_kept_head *kept,
    struct http_date_cache *date, int64_t wall_ns, struct str body);
/* [any] http_response_head() of one and the same response, but for its date. */
int http_response_head_kept(struct buf *out, struct http_kept_head *kept,
    const struct http_response *r);
/* [any] "100 Continue" (RFC 9110 15.2.1). */
void http_response_continue(struct buf *out);
/* [any] Frames of a chunked body; the last ends it.  No data: no frame. */
void http_chunk_write(struct buf *out, struct str data);
void http_chunk_end(struct buf *out);

#endif
