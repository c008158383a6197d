/* SPDX-License-Identifier: Apache-2.0 */
/* The content: counted by length, or chunked and then decoded in place, so
 * that it lies in one piece behind the head. */
#include "http/parser_priv.h"

#include <string.h>

#define SIZE_LINE_MAX 256
#define SIZE_DIGITS_MAX 16
/* What chunk framing may cost one content: a fixed part, and so much for each
 * decoded byte that chunks of one byte stay legal. */
#define FRAMING_BASE ((uint64_t)64 * 1024)
#define FRAMING_PER_BYTE 16

static enum step
body_length(struct http_parser *p, uint32_t end)
{
	uint32_t have = end - p->m.at;

	if (have > p->m.left)
		have = (uint32_t)p->m.left;
	p->m.at += have;
	p->m.left -= have;
	p->body.len += have;
	if (p->m.left > 0)
		return STEP_MORE;
	p->m.state = STATE_COMPLETE;
	return STEP_NEXT;
}

static void
size_line_begin(struct http_parser *p)
{
	p->m.mark = p->m.at;
	p->m.left = 0;
	p->m.scratch[SCRATCH_DIGITS] = 0;
	p->m.scratch[SCRATCH_STOP] = p->m.at + SIZE_LINE_MAX;
	p->m.state = STATE_SIZE;
}

static unsigned
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	return (unsigned)((c | 0x20) - 'a') + 10;
}

static enum step
size_digits(struct http_parser *p, const char *b, uint32_t end)
{
	uint32_t i = p->m.at;

	for (; i < end && class_is(b[i], CLASS_HEX); i++) {
		/* Sixteen digits always fit; the value is checked before it
		 * is used. */
		if (p->m.scratch[SCRATCH_DIGITS]++ == SIZE_DIGITS_MAX)
			return parser_refuse(
			    p, 400, "a chunk size is too long");
		p->m.left = p->m.left << 4 | hex_value(b[i]);
	}
	p->m.at = i;
	if (i == end)
		return STEP_MORE;
	if (p->m.scratch[SCRATCH_DIGITS] == 0)
		return parser_refuse(p, 400, "a chunk size is missing");
	if (b[i] == ';') {
		p->m.at++;
		p->m.state = STATE_EXT_NAME_FIRST;
	} else if (b[i] == '\r') {
		p->m.state = STATE_SIZE_END;
	} else {
		return parser_refuse(p, 400, "a chunk size is malformed");
	}
	return STEP_NEXT;
}

/* Behind a name or a value: the next extension, the end of the line, or what
 * the grammar has there besides. */
static enum step
extension_next(struct http_parser *p, char c, bool value_may_follow)
{
	if (c == ';')
		p->m.state = STATE_EXT_NAME_FIRST;
	else if (c == '=' && value_may_follow)
		p->m.state = STATE_EXT_VALUE_FIRST;
	else if (c == '\r')
		p->m.state = STATE_SIZE_END;
	else
		return parser_refuse(p, 400, "a chunk extension is malformed");
	if (c != '\r')
		p->m.at++;
	return STEP_NEXT;
}

/* One byte of a chunk extension (RFC 9112 7.1.1); checked and ignored. */
static enum step
extension_byte(struct http_parser *p, char c)
{
	switch (p->m.state) {
	case STATE_EXT_NAME_FIRST:
	case STATE_EXT_VALUE_FIRST:
		if (c == '"' && p->m.state == STATE_EXT_VALUE_FIRST)
			p->m.state = STATE_EXT_QUOTED;
		else if (class_is(c, CLASS_TCHAR))
			p->m.state++;
		else
			return parser_refuse(
			    p, 400, "a chunk extension is malformed");
		break;
	case STATE_EXT_NAME:
	case STATE_EXT_VALUE:
		if (!class_is(c, CLASS_TCHAR))
			return extension_next(
			    p, c, p->m.state == STATE_EXT_NAME);
		break;
	case STATE_EXT_QUOTED:
		if (c == '"')
			p->m.state = STATE_EXT_QUOTED_END;
		else if (c == '\\')
			p->m.state = STATE_EXT_ESCAPED;
		else if (!class_is(c, CLASS_QDTEXT))
			return parser_refuse(
			    p, 400, "a chunk extension is malformed");
		break;
	case STATE_EXT_ESCAPED:
		if (!class_is(c, CLASS_VALUE))
			return parser_refuse(
			    p, 400, "a chunk extension is malformed");
		p->m.state = STATE_EXT_QUOTED;
		break;
	default:
		return extension_next(p, c, false);
	}
	p->m.at++;
	return STEP_NEXT;
}

static enum step
size_line_end(struct http_parser *p, const char *b, uint32_t end)
{
	uint64_t cap = p->limits->body;
	enum step step;

	if (!line_ends(p, b, p->m.at, end, &step))
		return step;
	p->m.scratch[SCRATCH_STOP] = UINT32_MAX;
	p->m.framing += p->m.at - p->m.mark;
	if (p->m.framing
	    > FRAMING_BASE + (uint64_t)FRAMING_PER_BYTE * p->body.len)
		return parser_refuse(p, 400, "too much chunk framing");
	if (p->m.left > 0) {
		if (p->body.len > cap || p->m.left > cap - p->body.len)
			return parser_refuse(p, 413, "the content is too long");
		p->m.state = STATE_DATA;
		return STEP_NEXT;
	}
	p->m.scratch[SCRATCH_STOP] = p->m.at + p->limits->trailers;
	p->m.scratch[SCRATCH_TRAILERS] = 0;
	p->m.state = STATE_TRAILER;
	return STEP_NEXT;
}

static enum step
chunk_data(struct http_parser *p, char *b, uint32_t end)
{
	uint32_t have = end - p->m.at;

	if (have > p->m.left)
		have = (uint32_t)p->m.left;
	memmove(b + p->body.at + p->body.len, b + p->m.at, have);
	p->body.len += have;
	p->m.at += have;
	p->m.left -= have;
	if (p->m.left > 0)
		return STEP_MORE;
	p->m.state = STATE_DATA_END;
	return STEP_NEXT;
}

static enum step
chunk_data_end(struct http_parser *p, const char *b, uint32_t end)
{
	enum step step;

	if (p->m.at == end)
		return STEP_MORE;
	if (b[p->m.at] != '\r')
		return parser_refuse(p, 400, "a chunk does not end in CRLF");
	if (!line_ends(p, b, p->m.at, end, &step))
		return step;
	p->m.framing += 2;
	p->m.state = STATE_SIZE_FIRST;
	return STEP_NEXT;
}

enum step
parse_body(struct http_parser *p, char *b, uint32_t end)
{
	switch (p->m.state) {
	case STATE_BODY_LENGTH:
		return body_length(p, end);
	case STATE_SIZE_FIRST:
		size_line_begin(p);
		return STEP_NEXT;
	case STATE_SIZE:
		return size_digits(p, b, end);
	case STATE_SIZE_END:
		return size_line_end(p, b, end);
	case STATE_DATA:
		return chunk_data(p, b, end);
	case STATE_DATA_END:
		return chunk_data_end(p, b, end);
	case STATE_TRAILER:
	case STATE_TRAILER_NAME:
	case STATE_TRAILER_VALUE_FIRST:
	case STATE_TRAILER_VALUE:
		return parse_field(p, b, end);
	default:
		return p->m.at == end ? STEP_MORE
				      : extension_byte(p, b[p->m.at]);
	}
}

/* Where the bytes begin that are still needed behind the content; 0 where
 * nothing may move. */
static uint32_t
raw_begin(const struct http_parser *p)
{
	if (p->m.state == STATE_DATA || p->m.state == STATE_DATA_END)
		return p->m.at;
	if (p->m.state >= STATE_SIZE && p->m.state <= STATE_SIZE_END)
		return p->m.mark;
	return 0;
}

size_t
http_parser_compact(struct http_parser *p, char *bytes, size_t len)
{
	uint32_t to = p->body.at + p->body.len, from = raw_begin(p);
	uint32_t gap;

	if (from <= to)
		return len;
	gap = from - to;
	memmove(bytes + to, bytes + from, len - from);
	p->m.at -= gap;
	p->m.mark -= gap;
	if (p->m.scratch[SCRATCH_STOP] != UINT32_MAX)
		p->m.scratch[SCRATCH_STOP] -= gap;
	return len - gap;
}
