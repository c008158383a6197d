/* SPDX-License-Identifier: Apache-2.0 */
/* One field line at a time, of the head or of the trailers, and what the
 * fields that we interpret may say. */
#include "http/parser_priv.h"

#include <string.h>

#define BIT(k_) (UINT32_C(1) << (k_))

/* Two of these would let two readers choose differently. */
#define ONCE \
	(BIT(HTTP_K_HOST) | BIT(HTTP_K_CONTENT_LENGTH) \
	    | BIT(HTTP_K_TRANSFER_ENCODING) | BIT(HTTP_K_CONTENT_TYPE) \
	    | BIT(HTTP_K_ORIGIN) | BIT(HTTP_K_EXPECT) \
	    | BIT(HTTP_K_AUTHORIZATION) | BIT(HTTP_K_MCP_SESSION_ID) \
	    | BIT(HTTP_K_MCP_PROTOCOL_VERSION) | BIT(HTTP_K_MCP_METHOD) \
	    | BIT(HTTP_K_MCP_NAME) | BIT(HTTP_K_LAST_EVENT_ID))

/* A value outside ASCII in these is answered by the protocol (-32020). */
#define MCP_FIELDS \
	(BIT(HTTP_K_MCP_SESSION_ID) | BIT(HTTP_K_MCP_PROTOCOL_VERSION) \
	    | BIT(HTTP_K_MCP_METHOD) | BIT(HTTP_K_MCP_NAME))

static enum step
content_length_parse(struct http_parser *p, struct str v)
{
	uint64_t n = 0;

	if (v.len == 0 || v.len > 19)
		return parser_refuse(p, 400, "Content-Length is not a length");
	for (size_t i = 0; i < v.len; i++) {
		if (!class_is(v.ptr[i], CLASS_DIGIT))
			return parser_refuse(
			    p, 400, "Content-Length is not a number");
		n = n * 10 + (uint64_t)(v.ptr[i] - '0');
	}
	if (n > INT64_MAX)
		return parser_refuse(p, 400, "Content-Length is too large");
	p->content_length = n;
	return STEP_NEXT;
}

static bool
is_token(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!class_is(s.ptr[i], CLASS_TCHAR))
			return false;
	return s.len > 0;
}

/* Exactly "chunked".  Codings before it are legal but not implemented: 501
 * (RFC 9112 6.1); everything else leaves the length in doubt. */
static enum step
transfer_encoding_parse(struct http_parser *p, struct str v)
{
	const struct str chunked = STR("chunked");
	struct str rest = v, coding;
	size_t n;

	p->chunked = true;
	if (str_equal_nocase(v, chunked))
		return STEP_NEXT;
	for (;;) {
		n = str_find(rest, ',');
		coding = str_trim(str_sub(rest, 0, n));
		if (n == rest.len)
			break;
		if (!is_token(coding) || str_equal_nocase(coding, chunked))
			return parser_refuse(
			    p, 400, "Transfer-Encoding is malformed");
		rest = str_sub(rest, n + 1, rest.len);
	}
	if (!str_equal_nocase(coding, chunked))
		return parser_refuse(
		    p, 400, "Transfer-Encoding does not end in chunked");
	return parser_refuse(p, 501, "this transfer coding is not supported");
}

/* A Connection option names a field to be dropped on the way; with one of
 * these a request would change its meaning between two hops. */
static bool
option_is_dangerous(struct str option)
{
	if (option.len > 4
	    && str_equal_nocase(str_sub(option, 0, 4), S("mcp-")))
		return true;
	switch (name_find(option.ptr, option.len)) {
	case HTTP_K_HOST:
	case HTTP_K_CONTENT_LENGTH:
	case HTTP_K_TRANSFER_ENCODING:
	case HTTP_K_AUTHORIZATION:
		return true;
	default:
		return false;
	}
}

static enum step
connection_parse(struct http_parser *p, struct str v)
{
	struct str option;
	size_t n;

	while (v.len > 0) {
		n = str_find(v, ',');
		option = str_trim(str_sub(v, 0, n));
		v = str_sub(v, n + 1, v.len);
		if (option.len == 0)
			continue; /* RFC 9110 5.6.1: empty members pass */
		if (str_equal_nocase(option, S("keep-alive")))
			p->m.scratch[SCRATCH_FLAGS] |= FLAG_KEEP_ALIVE;
		else if (str_equal_nocase(option, S("close")))
			p->m.scratch[SCRATCH_FLAGS] |= FLAG_CLOSE;
		else if (!is_token(option))
			return parser_refuse(
			    p, 400, "Connection has a malformed option");
		else if (option_is_dangerous(option))
			return parser_refuse(
			    p, 400, "Connection names a field that must pass");
	}
	return STEP_NEXT;
}

static enum step
known_value(struct http_parser *p, int known, struct str v)
{
	switch (known) {
	case HTTP_K_HOST:
		if (p->limits->syntax_only || authority_is_valid(v))
			return STEP_NEXT;
		return parser_refuse(p, 400, "Host is malformed");
	case HTTP_K_CONTENT_LENGTH:
		return content_length_parse(p, v);
	case HTTP_K_TRANSFER_ENCODING:
		return transfer_encoding_parse(p, v);
	case HTTP_K_CONNECTION:
		return connection_parse(p, v);
	case HTTP_K_EXPECT:
		if (p->minor == 0)
			return STEP_NEXT; /* RFC 9110 10.1.1 */
		if (str_equal_nocase(v, S("100-continue")))
			p->expect_continue = true;
		else
			p->m.scratch[SCRATCH_FLAGS] |= FLAG_EXPECT_OTHER;
		return STEP_NEXT;
	default:
		return STEP_NEXT;
	}
}

static bool
param_is_repeated(const struct http_parser *p, const char *b, struct str name)
{
	for (uint32_t i = 0; i < p->fields_len; i++)
		if (p->fields[i].name.len == name.len
		    && str_equal_nocase(http_slice(b, p->fields[i].name), name))
			return true;
	return false;
}

/* The colon is reached: which field is it, and may it be here? */
static enum step
name_done(struct http_parser *p, const char *b)
{
	struct http_span *span = &p->fields[p->fields_len].name;
	struct str name = http_slice(b, *span);
	int known;

	/* Here name.len >= 4 is not promised; name_find looks at the length
	 * first. */
	known = name_find(name.ptr, name.len);
	p->m.scratch[SCRATCH_KNOWN] = (uint32_t)known;
	if (known == NAME_OTHER || known == NAME_PARAM) {
		if ((p->m.scratch[SCRATCH_CLASSES] & CLASS_UNDERSCORE) != 0
		    && name_is_confusable(name))
			return parser_refuse(
			    p, 400, "a field name has _ in place of -");
		if (known == NAME_PARAM && param_is_repeated(p, b, name))
			return parser_refuse(
			    p, 400, "an Mcp-Param field is repeated");
		return STEP_NEXT;
	}
	if ((p->known_seen & BIT(known) & ONCE) != 0)
		return parser_refuse(
		    p, 400, "a field that must occur once is repeated");
	return STEP_NEXT;
}

static enum step
value_done(struct http_parser *p, const char *b)
{
	struct http_span name = p->fields[p->fields_len].name;
	struct http_span span = p->fields[p->fields_len].value;
	int known = (int)p->m.scratch[SCRATCH_KNOWN];
	uint32_t flags = p->m.scratch[SCRATCH_FLAGS], own = 0;
	enum step step = STEP_NEXT;

	p->fields_len++;
	if (known < HTTP_KNOWN_COUNT) {
		if ((p->m.scratch[SCRATCH_HIGH] & 0x80u) != 0
		    && (BIT(known) & MCP_FIELDS) == 0)
			return parser_refuse(
			    p, 400, "a field value is not ASCII");
		if ((p->known_seen & BIT(known)) == 0)
			p->known[known] = span;
		else
			p->known_again |= BIT(known);
		p->known_seen |= BIT(known);
		p->m.scratch[SCRATCH_FLAGS] = 0;
		step = known_value(p, known, http_slice(b, span));
		own = p->m.scratch[SCRATCH_FLAGS];
		p->m.scratch[SCRATCH_FLAGS] |= flags;
	}
	if (step == STEP_NEXT && p->memo != NULL
	    && p->fields_len <= HTTP_MEMO_LINES)
		memo_field_keep(p, b, name.at, own);
	return step;
}

static bool
in_trailer(const struct http_parser *p)
{
	return p->m.state >= STATE_TRAILER;
}

static uint32_t
fields_max(const struct http_limits *l)
{
	return l->fields < HTTP_FIELDS_MAX ? l->fields : HTTP_FIELDS_MAX;
}

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* Bit 7 of each byte below SP and of DEL; exact up to the first such byte, and
 * a borrow may add some behind it. */
static inline uint64_t
controls(uint64_t w)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t del = w ^ (ones * 0x7f);

	return (((w - ones * 0x20) & ~w) | ((del - ones) & ~del)) & HIGH_BITS;
}

/* Skips value bytes, eight at a time; *high tells whether all were ASCII. */
static inline uint32_t
value_scan(const char *b, uint32_t i, uint32_t end, uint32_t *high)
{
	uint64_t w, seen = 0;
	uint32_t bytes = 0;

	while (end - i >= 8) {
		memcpy(&w, b + i, sizeof(w));
		if (controls(w) == 0) {
			seen |= w;
			i += 8;
			continue;
		}
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		uint32_t n = (uint32_t)__builtin_ctzll(controls(w)) / 8;

		seen |= w & ((UINT64_C(1) << n * 8) - 1);
		i += n;
		if (b[i] != '\t')
			break;
		i++;
#else
		break;
#endif
	}
	for (; i < end && class_is(b[i], CLASS_VALUE); i++)
		bytes |= (unsigned char)b[i];
	if ((seen & HIGH_BITS) != 0 || (bytes & 0x80) != 0)
		*high = 0x80;
	return i;
}

static enum step
field_value(struct http_parser *p, const char *b, uint32_t end)
{
	struct http_field *f = &p->fields[p->fields_len];
	uint32_t i = p->m.at;
	enum step step;

	i = value_scan(b, i, end, &p->m.scratch[SCRATCH_HIGH]);
	p->m.at = i;
	if (i == end)
		return STEP_MORE;
	if (b[i] != '\r')
		return parser_refuse(p, 400,
		    b[i] == '\n' ? "LF without CR"
				 : "a field value has a control byte");
	if (!line_ends(p, b, i, end, &step))
		return step;
	while (i > p->m.mark && (b[i - 1] == ' ' || b[i - 1] == '\t'))
		i--;
	f->value.at = p->m.mark;
	f->value.len = i - p->m.mark;
	if (in_trailer(p)) {
		p->m.state = STATE_TRAILER;
		return STEP_NEXT;
	}
	p->m.state = STATE_FIELD;
	return value_done(p, b);
}

static enum step
field_value_first(struct http_parser *p, const char *b, uint32_t end)
{
	uint32_t i = p->m.at;

	while (i < end && (b[i] == ' ' || b[i] == '\t'))
		i++;
	p->m.at = i;
	if (i == end)
		return STEP_MORE;
	p->m.mark = i;
	p->m.scratch[SCRATCH_HIGH] = 0;
	p->m.state++;
	return field_value(p, b, end);
}

static enum step
field_name(struct http_parser *p, const char *b, uint32_t end)
{
	struct http_field *f = &p->fields[p->fields_len];
	uint32_t i = p->m.at, classes = p->m.scratch[SCRATCH_CLASSES];
	enum step step;
	uint8_t class;

	while (i < end) {
		class = http_class[(unsigned char)b[i]];
		if ((class & CLASS_TCHAR) == 0)
			break;
		classes |= class;
		i++;
	}
	p->m.scratch[SCRATCH_CLASSES] = classes;
	p->m.at = i;
	if (i == end)
		return STEP_MORE;
	if (b[i] == ' ' || b[i] == '\t')
		return parser_refuse(p, 400, "space inside or behind a name");
	if (b[i] != ':')
		return parser_refuse(p, 400, "a field name is malformed");
	f->name.at = p->m.mark;
	f->name.len = i - p->m.mark;
	p->m.at = i + 1;
	p->m.state++;
	if (!in_trailer(p)) {
		step = name_done(p, b);
		if (step != STEP_NEXT)
			return step;
	}
	return field_value_first(p, b, end);
}

static enum step
field_first(struct http_parser *p, const char *b, uint32_t end)
{
	uint32_t i = p->m.at, count = p->fields_len;
	bool trailer = in_trailer(p);
	enum step step;

	if (i == end)
		return STEP_MORE;
	if (b[i] == '\r') {
		if (!line_ends(p, b, i, end, &step))
			return step;
		p->m.state = trailer ? STATE_COMPLETE : STATE_HEAD_END;
		return STEP_NEXT;
	}
	if (b[i] == ' ' || b[i] == '\t')
		return parser_refuse(p, 400, "a field line begins with space");
	if (!class_is(b[i], CLASS_TCHAR))
		return parser_refuse(p, 400, "a field name is malformed");
	if (trailer)
		count += p->m.scratch[SCRATCH_TRAILERS]++;
	if (count >= fields_max(p->limits))
		return parser_refuse(p, 431, "too many fields");
	p->m.mark = i;
	p->m.scratch[SCRATCH_CLASSES] = 0;
	p->m.state++;
	return field_name(p, b, end);
}

/* Each part goes on with the next one, so that a switch is taken only where
 * the bytes were cut. */
static enum step
field_part(struct http_parser *p, const char *b, uint32_t end)
{
	switch (p->m.state) {
	case STATE_FIELD:
	case STATE_TRAILER:
		return field_first(p, b, end);
	case STATE_NAME:
	case STATE_TRAILER_NAME:
		return field_name(p, b, end);
	case STATE_VALUE_FIRST:
	case STATE_TRAILER_VALUE_FIRST:
		return field_value_first(p, b, end);
	default:
		return field_value(p, b, end);
	}
}

/* The beginning of a line of the head. */
static inline enum step
field_begin(struct http_parser *p, const char *b, uint32_t end)
{
	enum memo memo = MEMO_NONE;

	if (p->fields_len < HTTP_MEMO_LINES
	    && p->fields_len < fields_max(p->limits))
		memo = memo_field_take(p, b, end);
	if (memo == MEMO_LINE)
		return STEP_NEXT;
	if (memo == MEMO_NONE)
		return field_first(p, b, end);
	p->m.state = STATE_VALUE_FIRST;
	return field_value_first(p, b, end);
}

enum step
parse_field(struct http_parser *p, const char *b, uint32_t end)
{
	enum step step;

	/* Whole fields, as long as they are there. */
	do
		step = p->memo != NULL && p->m.state == STATE_FIELD
		    ? field_begin(p, b, end)
		    : field_part(p, b, end);
	while (step == STEP_NEXT
	    && (p->m.state == STATE_FIELD || p->m.state == STATE_TRAILER));
	return step;
}

bool
http_field_next(const struct http_parser *p, const char *bytes, struct str name,
    size_t *i, struct str *value)
{
	for (; *i < p->fields_len; (*i)++) {
		const struct http_field *f = &p->fields[*i];

		if (f->name.len != name.len
		    || !str_equal_nocase(http_slice(bytes, f->name), name))
			continue;
		*value = http_slice(bytes, f->value);
		(*i)++;
		return true;
	}
	return false;
}
