/* SPDX-License-Identifier: Apache-2.0 */
/* The request line, the end of the head, and the loop that runs the machine.
 * Every part has a stop: the first offset that would pass its limit.  A step
 * never looks behind it, so a limit hits at the same byte however the bytes
 * were cut. */
#include "http/parser_priv.h"

#include <string.h>

#define METHOD_MAX 32
#define VERSION_LEN 8 /* HTTP/1.1 */
/* Offsets are 32 bits wide. */
#define BODY_CAP UINT64_C(0x7fffffff)

const struct http_limits http_limits_default = {
	.request_line = 8 * 1024,
	.head = 16 * 1024,
	.fields = 100,
	.trailers = 4 * 1024,
	.body = 4 * 1024 * 1024,
};

void
http_parser_init(struct http_parser *p, const struct http_limits *limits)
{
	/* The table of fields is big and is not read beyond fields_len. */
	memset(p, 0, offsetof(struct http_parser, fields));
	memset(&p->known, 0, sizeof(*p) - offsetof(struct http_parser, known));
	p->limits = limits;
	p->m.state = STATE_START;
	p->m.scratch[SCRATCH_STOP] = limits->request_line + 2;
}

enum step
parser_refuse(struct http_parser *p, int status, const char *reason)
{
	p->status = status;
	p->reason = reason;
	p->keep = false;
	p->keep_alive = false;
	p->m.state = STATE_REFUSED;
	return STEP_REFUSED;
}

/* Looks at "%xx" from its '%' on; never further back than that. */
static enum step
escape_check(struct http_parser *p, const char *b, uint32_t i, uint32_t end)
{
	p->m.at = i;
	if (end - i >= 2 && !class_is(b[i + 1], CLASS_HEX))
		return parser_refuse(p, 400, "% without two hex digits");
	if (end - i < 3)
		return STEP_MORE;
	if (!class_is(b[i + 2], CLASS_HEX))
		return parser_refuse(p, 400, "% without two hex digits");
	if (b[i + 1] == '0' && b[i + 2] == '0')
		return parser_refuse(p, 400, "NUL in the target");
	return STEP_NEXT;
}

/* The '?' that ends the path, if any; otherwise the end of the target. */
static void
path_set(struct http_parser *p, uint32_t from)
{
	uint32_t end = p->target.at + p->target.len;
	uint32_t q = p->m.scratch[SCRATCH_QUERY];

	p->path.at = from;
	p->path.len = (q != 0 ? q : end) - from;
	if (q == 0)
		return;
	p->query.at = q + 1;
	p->query.len = end - q - 1;
}

/* RFC 9112 3.2.2: its authority replaces that of Host. */
static enum step
absolute_target(struct http_parser *p, const char *b)
{
	struct str t = http_slice(b, p->target);
	size_t skip, n;

	if (t.len >= 7 && str_equal_nocase(str_sub(t, 0, 7), S("http://")))
		skip = 7;
	else if (t.len >= 8
	    && str_equal_nocase(str_sub(t, 0, 8), S("https://")))
		skip = 8;
	else if (p->limits->syntax_only)
		return STEP_NEXT;
	else
		return parser_refuse(p, 400, "the target is malformed");
	for (n = skip; n < t.len && t.ptr[n] != '/' && t.ptr[n] != '?';)
		n++;
	if (!authority_is_valid(str_sub(t, skip, n)))
		return parser_refuse(p, 400, "the authority is malformed");
	p->authority.at = p->target.at + (uint32_t)skip;
	p->authority.len = (uint32_t)(n - skip);
	path_set(p, p->target.at + (uint32_t)n);
	return STEP_NEXT;
}

static enum step
target_done(struct http_parser *p, const char *b)
{
	char c = b[p->target.at];

	if (c == '/') {
		path_set(p, p->target.at);
		return STEP_NEXT;
	}
	if (c != '*')
		return absolute_target(p, b);
	p->path = p->target;
	if (p->limits->syntax_only)
		return STEP_NEXT;
	/* The preface of HTTP/2 gets as far as its version: 505. */
	if (p->target.len == 1
	    && (p->method == HTTP_OPTIONS
		|| (p->m.scratch[SCRATCH_FLAGS] & FLAG_PRI) != 0))
		return STEP_NEXT;
	return parser_refuse(p, 400, "* is a target for OPTIONS only");
}

/* How much of "HTTP/d.d" is there; the first wrong byte refuses. */
static bool
version_prefix(const char *v, uint32_t n)
{
	static const char shape[] = "HTTP/d.d";

	for (uint32_t i = 0; i < n; i++)
		if (shape[i] == 'd' ? !class_is(v[i], CLASS_DIGIT)
				    : v[i] != shape[i])
			return false;
	return true;
}

static enum step
parse_version(struct http_parser *p, const char *b, uint32_t end)
{
	uint32_t at = p->m.mark, have = end - at;
	const char *v = b + at;
	enum step step;

	if (!version_prefix(v, have < VERSION_LEN ? have : VERSION_LEN))
		return parser_refuse(p, 400, "the version is malformed");
	if (have < VERSION_LEN)
		return STEP_MORE;
	if (v[5] != '1' || v[7] > '1')
		return parser_refuse(p, 505, "only HTTP/1.1 and 1.0");
	if (have == VERSION_LEN)
		return STEP_MORE;
	if (v[VERSION_LEN] != '\r')
		return parser_refuse(p, 400, "the version is malformed");
	if (!line_ends(p, b, at + VERSION_LEN, end, &step))
		return step;
	if ((p->m.scratch[SCRATCH_FLAGS] & FLAG_PRI) != 0)
		return parser_refuse(p, 501, "this method is not for use");
	p->minor = (uint8_t)(v[7] - '0');
	p->m.scratch[SCRATCH_STOP] = p->m.at + p->limits->head;
	p->m.state = STATE_FIELD;
	if (p->memo != NULL)
		memo_request_keep(p, b);
	return STEP_NEXT;
}

static enum step
parse_target(struct http_parser *p, const char *b, uint32_t end)
{
	uint32_t i = p->m.at;
	enum step step;

	for (;;) {
		while (i < end && class_is(b[i], CLASS_TARGET))
			i++;
		p->m.at = i;
		if (i == end)
			return STEP_MORE;
		if (b[i] == '%') {
			step = escape_check(p, b, i, end);
			if (step != STEP_NEXT)
				return step;
			i += 3;
			continue;
		}
		if (b[i] != '?')
			break;
		if (p->m.scratch[SCRATCH_QUERY] == 0)
			p->m.scratch[SCRATCH_QUERY] = i;
		i++;
	}
	if (b[i] == '\r')
		return parser_refuse(p, 400, "the version is missing");
	if (b[i] != ' ' || i == p->m.mark)
		return parser_refuse(p, 400, "the target is malformed");
	p->target.at = p->m.mark;
	p->target.len = i - p->m.mark;
	p->m.mark = p->m.at = i + 1;
	p->m.state = STATE_VERSION;
	step = target_done(p, b);
	return step == STEP_NEXT ? parse_version(p, b, end) : step;
}

/* origin-form, asterisk-form, or a letter: the absolute-form is looked at
 * when it is complete. */
static enum step
parse_target_first(struct http_parser *p, const char *b, uint32_t end)
{
	char c;

	if (p->m.at == end)
		return STEP_MORE;
	c = b[p->m.at];
	p->m.state = STATE_TARGET;
	if (c == '/' || c == '*' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
	    || (p->limits->syntax_only && class_is(c, CLASS_TARGET)))
		return parse_target(p, b, end);
	return parser_refuse(p, 400, "the target is malformed");
}

static enum step
method_done(struct http_parser *p, struct str text)
{
	bool known;

	p->method = method_find(text, &known);
	if (p->limits->syntax_only)
		return STEP_NEXT;
	if (!known)
		return parser_refuse(p, 501, "this method is not known");
	if (str_equal(text, S("PRI")))
		p->m.scratch[SCRATCH_FLAGS] |= FLAG_PRI;
	return STEP_NEXT;
}

static enum step
parse_method(struct http_parser *p, const char *b, uint32_t end)
{
	uint32_t i = p->m.at;
	enum step step;

	while (i < end && class_is(b[i], CLASS_TCHAR)) {
		if (i - p->m.mark == METHOD_MAX)
			return parser_refuse(p, 501, "the method is too long");
		i++;
	}
	p->m.at = i;
	if (i == end)
		return STEP_MORE;
	if (b[i] != ' ')
		return parser_refuse(p, 400, "the method is malformed");
	p->method_text.at = p->m.mark;
	p->method_text.len = i - p->m.mark;
	p->m.mark = p->m.at = i + 1;
	p->m.state = STATE_TARGET_FIRST;
	step = method_done(p, http_slice(b, p->method_text));
	return step == STEP_NEXT ? parse_target_first(p, b, end) : step;
}

static enum step
parse_start(struct http_parser *p, const char *b, uint32_t end)
{
	uint32_t i = p->m.at;
	enum step step;

	if (i == end)
		return STEP_MORE;
	if (i == 0 && p->memo != NULL && memo_request_take(p, b, end))
		return STEP_NEXT;
	if (b[i] == '\r' && p->m.state == STATE_START) {
		if (!line_ends(p, b, i, end, &step))
			return step;
		p->m.scratch[SCRATCH_STOP] += 2;
		p->m.state = STATE_START_AGAIN;
		return STEP_NEXT;
	}
	if (!class_is(b[i], CLASS_TCHAR))
		return parser_refuse(p, 400, "this is not HTTP/1.1");
	p->m.mark = i;
	p->m.state = STATE_METHOD;
	return parse_method(p, b, end);
}

/* RFC 9112 6.3: which framing, if any.  Both is an attack, not a choice. */
static enum step
framing_decide(struct http_parser *p)
{
	if (p->chunked && http_known_has(p, HTTP_K_CONTENT_LENGTH))
		return parser_refuse(
		    p, 400, "both Content-Length and Transfer-Encoding");
	if (p->chunked && p->minor == 0)
		return parser_refuse(p, 400, "a transfer coding in HTTP/1.0");
	p->has_body = p->chunked || p->content_length > 0;
	if (p->has_body && !p->limits->syntax_only && p->method != HTTP_POST
	    && p->method != HTTP_OTHER)
		return parser_refuse(p, 400, "this method takes no content");
	return STEP_NEXT;
}

static enum step
head_done(struct http_parser *p)
{
	uint32_t flags = p->m.scratch[SCRATCH_FLAGS];
	enum step step;

	if (!http_known_has(p, HTTP_K_HOST) && p->minor == 1
	    && !p->limits->syntax_only)
		return parser_refuse(p, 400, "Host is missing");
	if (p->authority.len == 0)
		p->authority = p->known[HTTP_K_HOST];
	step = framing_decide(p);
	if (step != STEP_NEXT)
		return step;
	p->expect_continue = p->expect_continue && p->has_body;
	p->keep_alive = (flags & FLAG_CLOSE) == 0
	    && (p->minor == 1 || (flags & FLAG_KEEP_ALIVE) != 0);
	p->m.head_end = p->m.at;
	p->body.at = p->m.at;
	p->m.left = p->content_length;
	p->m.scratch[SCRATCH_STOP] = UINT32_MAX;
	p->m.state = STATE_BODY;
	return STEP_NEXT;
}

static enum step
parse_head(struct http_parser *p, const char *b, uint32_t end)
{
	switch (p->m.state) {
	case STATE_START:
	case STATE_START_AGAIN:
		return parse_start(p, b, end);
	case STATE_METHOD:
		return parse_method(p, b, end);
	case STATE_TARGET_FIRST:
		return parse_target_first(p, b, end);
	case STATE_TARGET:
		return parse_target(p, b, end);
	case STATE_VERSION:
		return parse_version(p, b, end);
	case STATE_HEAD_END:
		return head_done(p);
	default:
		return parse_field(p, b, end);
	}
}

/* A part has passed its limit. */
static enum step
stop_passed(struct http_parser *p)
{
	if (p->m.state < STATE_FIELD)
		return parser_refuse(p, 414, "the request line is too long");
	if (p->m.state < STATE_BODY)
		return parser_refuse(p, 431, "the fields are too long");
	if (p->m.state >= STATE_TRAILER)
		return parser_refuse(p, 431, "the trailers are too long");
	if (p->m.state >= STATE_SIZE_FIRST && p->m.state <= STATE_SIZE_END)
		return parser_refuse(p, 400, "a chunk size line is too long");
	return parser_refuse(p, 413, "the content is too long");
}

/* The body's checks that wait until the caller has seen the head. */
static enum step
body_begin(struct http_parser *p)
{
	uint64_t cap = p->limits->body < BODY_CAP ? p->limits->body : BODY_CAP;

	if ((p->m.scratch[SCRATCH_FLAGS] & FLAG_EXPECT_OTHER) != 0)
		return parser_refuse(p, 417, "this expectation is not known");
	if (p->content_length > cap)
		return parser_refuse(p, 413, "the content is too long");
	p->m.state = p->chunked ? STATE_SIZE_FIRST : STATE_BODY_LENGTH;
	return STEP_NEXT;
}

/* Bytes that the part in hand may look at; the stop moves with the parts. */
static uint32_t
end_of_part(const struct http_parser *p, size_t len)
{
	uint32_t stop = p->m.scratch[SCRATCH_STOP];

	return len < stop ? (uint32_t)len : stop;
}

enum http_result
http_parser_feed(struct http_parser *p, char *bytes, size_t len)
{
	enum step step;

	if (p->m.state == STATE_BODY)
		(void)body_begin(p); /* a refusal shows in the state */
	while (p->m.state < STATE_COMPLETE) {
		if (p->m.state < STATE_BODY)
			step = parse_head(p, bytes, end_of_part(p, len));
		else
			step = parse_body(p, bytes, end_of_part(p, len));
		if (p->m.state == STATE_BODY)
			return HTTP_HEAD_DONE;
		if (step != STEP_MORE)
			continue;
		if (len <= p->m.scratch[SCRATCH_STOP])
			return HTTP_MORE;
		(void)stop_passed(p);
	}
	if (p->m.state == STATE_REFUSED)
		return HTTP_REFUSED;
	p->consumed = p->m.at;
	return HTTP_COMPLETE;
}
