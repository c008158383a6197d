/* SPDX-License-Identifier: Apache-2.0 */
/* Strict HTTP/1.1 requests (RFC 9112), incremental: bytes in, slices out, no
 * allocation, no I/O.  The result depends on the bytes alone, never on how
 * they were cut.  The rules and their statuses are those of security.md 2. */
#ifndef HTTP_PARSER_H
#define HTTP_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Every bound of the edge, with its default. */
struct http_limits {
	uint32_t request_line; /* 8 KiB */
	uint32_t head; /* 16 KiB, all fields */
	uint32_t fields; /* 100 */
	uint32_t trailers; /* 4 KiB */
	uint64_t body; /* 4 MiB, decoded */
	bool syntax_only; /* tests: no Host rule, no target policy, no
			   * method table */
};
#define HTTP_FIELDS_MAX 128
extern const struct http_limits http_limits_default;

enum http_method {
	HTTP_GET,
	HTTP_POST,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_HEAD,
	HTTP_OTHER /* registered, but none of ours */
};

/* Offsets into the request's bytes; the buffer may move between feeds. */
struct http_span {
	uint32_t at;
	uint32_t len;
};

struct http_field {
	struct http_span name;
	struct http_span value; /* trimmed */
};

/* Fields that we interpret, found while parsing; len 0 and at 0: absent
 * (use http_known_has).  Of a field that may be repeated: the first. */
enum http_known {
	HTTP_K_HOST,
	HTTP_K_CONTENT_LENGTH,
	HTTP_K_TRANSFER_ENCODING,
	HTTP_K_CONTENT_TYPE,
	HTTP_K_ACCEPT,
	HTTP_K_ORIGIN,
	HTTP_K_CONNECTION,
	HTTP_K_EXPECT,
	HTTP_K_AUTHORIZATION,
	HTTP_K_CONTENT_ENCODING,
	HTTP_K_MCP_SESSION_ID,
	HTTP_K_MCP_PROTOCOL_VERSION,
	HTTP_K_MCP_METHOD,
	HTTP_K_MCP_NAME,
	HTTP_K_LAST_EVENT_ID,
	HTTP_K_ACCESS_CONTROL_REQUEST_METHOD,
	HTTP_KNOWN_COUNT
};

enum http_result {
	HTTP_MORE, /* wants further bytes */
	HTTP_HEAD_DONE, /* the head is complete: look at it, then feed again */
	HTTP_COMPLETE, /* head and body: consumed says where the next begins */
	HTTP_REFUSED /* status says with what; the connection ends unless keep
		      */
};

/* What is kept of the lines of earlier heads (parser_memo.c); zeroes: nothing.
 * One a reactor. */
#define HTTP_MEMO_LINES 16
#define HTTP_MEMO_LINE_MAX 96
struct http_memo_line {
	uint8_t len; /* with its CRLF; 0: the prefix alone is kept */
	uint8_t prefix; /* name, colon and blanks; 0: nothing is kept */
	uint8_t name_len;
	uint8_t value_len;
	uint8_t known;
	uint8_t flags; /* of Connection */
	uint64_t number; /* of Content-Length */
	char bytes[HTTP_MEMO_LINE_MAX];
};
struct http_memo {
	struct http_memo_line lines[HTTP_MEMO_LINES];
	enum http_method method; /* of the request line, from here on */
	struct http_span method_text;
	struct http_span target;
	struct http_span path;
	struct http_span query;
	uint8_t minor;
	uint8_t request_len; /* 0: none */
	char request[HTTP_MEMO_LINE_MAX];
};

struct http_parser {
	const struct http_limits *limits;
	struct http_memo *memo; /* NULL: none */
	/* The result. */
	enum http_method method;
	struct http_span method_text;
	struct http_span target; /* as sent */
	struct http_span path; /* of the target, without query */
	struct http_span query;
	struct http_span authority; /* Host, or that of an absolute target,
				     * whose path may be empty ("/") */
	uint8_t minor; /* HTTP/1.minor */
	bool keep_alive; /* after the answer, by version and field */
	bool expect_continue;
	bool has_body;
	bool chunked;
	uint64_t content_length;
	uint32_t fields_len;
	struct http_field fields[HTTP_FIELDS_MAX];
	struct http_span known[HTTP_KNOWN_COUNT];
	uint32_t known_seen; /* bit per enum http_known */
	uint32_t known_again; /* those that came more than once */
	struct http_span body; /* decoded, in place, behind the head */
	size_t consumed; /* COMPLETE: bytes of the request as sent */
	/* REFUSED */
	int status; /* 400, 408, 413, 414, 417, 431, 501, 505 */
	bool keep; /* the framing is sound: go on */
	const char *reason; /* one short sentence, static */
	/* Private state of the machine. */
	struct {
		uint32_t state;
		uint32_t at; /* next byte to look at */
		uint32_t mark;
		uint32_t head_end;
		uint64_t left; /* of the body or chunk */
		uint64_t framing; /* bytes spent on chunk framing */
		uint32_t scratch[6];
	} m;
};

/* [any] limits is borrowed. */
void http_parser_init(struct http_parser *p, const struct http_limits *limits);
/* [any] After init: heads like those before are read faster, with the same
 * result.  memo is borrowed, and may serve several parsers of one thread. */
void http_parser_remember(struct http_parser *p, struct http_memo *memo);
/* HEAD_DONE comes once per request, with or without a body; what hangs on the
 * body alone (413 for a declared length, 417) is refused by the feed after
 * it, so that the caller's own answers (401, 404, ..) come first: take no
 * memory by content_length before that.
 * bytes holds the request from its first byte; len grows from call to call
 * (the same bytes in front).  Chunked bodies are decoded in place: the bytes
 * between body end and the raw position are scratch then. */
enum http_result http_parser_feed(
    struct http_parser *p, char *bytes, size_t len);
/* [any] After MORE: closes the gap that decoded chunks left behind, so that
 * one-byte chunks do not hold six times their content.  Returns the new len;
 * consumed then counts in the buffer as it is. */
size_t http_parser_compact(struct http_parser *p, char *bytes, size_t len);

static inline struct str
http_slice(const char *bytes, struct http_span s)
{
	struct str v = { bytes + s.at, s.len };

	return v;
}

static inline bool
http_known_has(const struct http_parser *p, enum http_known k)
{
	return (p->known_seen >> k & 1u) != 0;
}

static inline bool
http_known_is_repeated(const struct http_parser *p, enum http_known k)
{
	return (p->known_again >> k & 1u) != 0;
}

/* The next field with this name (without case) at or after *i; false: none. */
bool http_field_next(const struct http_parser *p, const char *bytes,
    struct str name, size_t *i, struct str *value);

#endif
