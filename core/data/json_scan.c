/* SPDX-License-Identifier: Apache-2.0 */
/* The strict JSON scanner: one pass, an explicit stack, no recursion.  What
 * cJSON lets through (cut keys, broken UTF-8, comments of the number grammar)
 * never gets past this file. */
#include "data/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "data/json_priv.h"

/* What a document keeps between two parses. */
#define KEEP_NODES ((size_t)4096)
#define KEEP_DECODED ((size_t)64 * 1024)
#define FIRST_NODES ((size_t)64)

/* Objects up to here are searched in line; larger ones go through a table,
 * so that no text makes duplicate detection quadratic. */
#define LINEAR_MEMBERS 16

struct scan {
	const char *p;
	const char *end;
	const char *base;
	struct json_doc *doc;
	struct json_keys seen; /* of all large objects */
	size_t values;
	unsigned depth;
	enum json_mode mode;
	uint32_t stack[JSON_DEPTH_MAX]; /* open containers */
};

void
json_doc_init(struct json_doc *d)
{
	memset(d, 0, sizeof *d);
	buf_init(&d->decoded);
}

void
json_doc_finish(struct json_doc *d)
{
	free(d->nodes);
	buf_finish(&d->decoded);
	json_doc_init(d);
}

static bool
fail_at(struct scan *s, enum json_fault fault, const char *at)
{
	s->doc->fault = fault;
	s->doc->fault_at = (size_t)(at - s->base);
	return false;
}

static bool
fail(struct scan *s, enum json_fault fault)
{
	return fail_at(s, fault, s->p);
}

static bool
nodes_grow(struct scan *s)
{
	struct json_doc *d = s->doc;
	size_t cap = d->cap == 0 ? FIRST_NODES : d->cap * 2;
	struct json_node *nodes = realloc(d->nodes, cap * sizeof *nodes);

	if (nodes == NULL)
		return fail(s, JSON_NOMEM);
	d->nodes = nodes;
	d->cap = cap;
	return true;
}

/* The next node, beginning at p; NULL without memory. */
static inline struct json_node *
node_push(struct scan *s, enum json_type type)
{
	struct json_doc *d = s->doc;
	struct json_node *n;

	if (d->len == d->cap && !nodes_grow(s))
		return NULL;
	n = &d->nodes[d->len++];
	n->raw = s->p;
	n->text = NULL;
	n->raw_len = 0;
	n->text_len = 0;
	n->span = 1;
	n->count = 0;
	n->type = (uint8_t)type;
	n->integer = 0;
	return n;
}

static inline void
skip_space(struct scan *s)
{
	const char *p = s->p;

	while (
	    p < s->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	s->p = p;
}

/* Length of the UTF-8 sequence at p (its lead byte is >= 0x80), or 0. */
static size_t
utf8_sequence(const char *text, const char *end)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t left = (size_t)(end - text);
	unsigned char low = 0x80, high = 0xbf;
	size_t len;

	/* RFC 3629 4: the second byte's range keeps out overlong forms,
	 * surrogates and what lies above U+10FFFF. */
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		len = 2;
	} else if (p[0] >= 0xe0 && p[0] <= 0xef) {
		len = 3;
		low = p[0] == 0xe0 ? 0xa0 : 0x80;
		high = p[0] == 0xed ? 0x9f : 0xbf;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		len = 4;
		low = p[0] == 0xf0 ? 0x90 : 0x80;
		high = p[0] == 0xf4 ? 0x8f : 0xbf;
	} else {
		return 0;
	}
	if (left < len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

#define BYTES(b_) (UINT64_C(0x0101010101010101) * (b_))

/* Skips bytes that mean themselves: no quote, backslash, control, and no
 * byte of a longer UTF-8 sequence.  Eight at a time while that lasts. */
static inline const char *
skip_plain(const char *p, const char *end)
{
	while (end - p >= 8) {
		uint64_t w, q, b;

		memcpy(&w, p, 8);
		q = w ^ BYTES('"');
		b = w ^ BYTES('\\');
		if ((((w - BYTES(0x20)) | (q - BYTES(1)) | (b - BYTES(1)) | w)
			& BYTES(0x80))
		    != 0)
			break;
		p += 8;
	}
	while (p < end && (unsigned char)*p >= 0x20 && *p != '"' && *p != '\\'
	    && (unsigned char)*p < 0x80)
		p++;
	return p;
}

/* Moves p over whole characters up to a quote or a backslash. */
static inline bool
skip_text(struct scan *s)
{
	for (;;) {
		const char *p = skip_plain(s->p, s->end);
		size_t len;

		s->p = p;
		if (p == s->end || (unsigned char)*p < 0x20)
			return fail(s, JSON_SYNTAX);
		if (*p == '"' || *p == '\\')
			return true;
		len = utf8_sequence(p, s->end);
		if (len == 0)
			return fail(s, JSON_UTF8);
		s->p += len;
	}
}

/* A string with escapes; p is at the first of them.  No decoded text is
 * longer than its source, so one reserve of what is left of the message holds
 * this and all later strings: the buffer never moves under a node. */
static bool
scan_escaped(struct scan *s, const char *start)
{
	struct json_node *n = &s->doc->nodes[s->doc->len - 1];
	struct buf *out = &s->doc->decoded;
	enum json_fault fault;
	size_t from, run;

	if (out->len == 0 && buf_reserve(out, (size_t)(s->end - start)) != 0)
		return fail(s, JSON_NOMEM);
	from = out->len;
	for (;;) {
		run = (size_t)(s->p - start);
		memcpy(out->ptr + out->len, start, run);
		out->len += run;
		if (*s->p == '"')
			break;
		fault = json_escape_decode(&s->p, s->end, out);
		if (fault != JSON_OK)
			return fail(s, fault);
		start = s->p;
		if (!skip_text(s))
			return false;
	}
	n->text = out->ptr + from;
	n->text_len = (uint32_t)(out->len - from);
	return true;
}

/* p is at the opening quote; ends behind the closing one. */
static inline bool
scan_string(struct scan *s, struct json_node *n)
{
	const char *start = ++s->p;

	if (!skip_text(s))
		return false;
	if (*s->p == '"') {
		n->text = start;
		n->text_len = (uint32_t)(s->p - start);
	} else if (!scan_escaped(s, start)) {
		return false;
	}
	s->p++;
	n->raw_len = (uint32_t)(s->p - n->raw);
	return true;
}

static inline bool
scan_digits(struct scan *s)
{
	const char *p = s->p;

	while (p < s->end && *p >= '0' && *p <= '9')
		p++;
	if (p == s->p)
		return fail(s, JSON_SYNTAX);
	s->p = p;
	return true;
}

static bool
scan_number(struct scan *s, struct json_node *n)
{
	n->integer = 1;
	if (*s->p == '-')
		s->p++;
	if (s->p < s->end && *s->p == '0')
		s->p++;
	else if (!scan_digits(s))
		return false;
	if (s->p < s->end && *s->p == '.') {
		n->integer = 0;
		s->p++;
		if (!scan_digits(s))
			return false;
	}
	if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
		n->integer = 0;
		s->p++;
		if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
			s->p++;
		if (!scan_digits(s))
			return false;
	}
	if (s->p - n->raw > JSON_NUMBER_MAX)
		return fail_at(s, JSON_NUMBER_TOO_LONG, n->raw);
	n->raw_len = (uint32_t)(s->p - n->raw);
	return true;
}

static inline bool
scan_word(struct scan *s, struct json_node *n, const char *word, size_t len)
{
	for (size_t i = 0; i < len; i++, s->p++) {
		if (s->p == s->end || *s->p != word[i])
			return fail(s, JSON_SYNTAX);
	}
	n->raw_len = (uint32_t)len;
	return true;
}

/* Adds a key of a large object. */
static bool
seen_add(struct scan *s, uint32_t owner, uint32_t key)
{
	const struct json_node *nodes = s->doc->nodes;

	switch (json_keys_add(&s->seen, nodes, owner, key)) {
	case 0:
		return true;
	case ERR_EXISTS:
		return fail_at(s, JSON_DUPLICATE_KEY, nodes[key].raw);
	default:
		return fail(s, JSON_NOMEM);
	}
}

/* The newest node is a key of owner, whose other members are complete. */
static inline bool
check_duplicate(struct scan *s, uint32_t owner)
{
	const struct json_node *nodes = s->doc->nodes;
	uint32_t key = (uint32_t)s->doc->len - 1;
	uint32_t count = nodes[owner].count, at = owner + 1;

	if (count > LINEAR_MEMBERS)
		return seen_add(s, owner, key);
	for (uint32_t i = 0; i < count; i++) {
		if (json_key_same(&nodes[at], &nodes[key]))
			return fail_at(s, JSON_DUPLICATE_KEY, nodes[key].raw);
		/* The object becomes a large one with this member. */
		if (count == LINEAR_MEMBERS && !seen_add(s, owner, at))
			return false;
		at += 1 + nodes[at + 1].span;
	}
	return count < LINEAR_MEMBERS || seen_add(s, owner, key);
}

/* One key and its colon; counts the member. */
static bool
scan_key(struct scan *s)
{
	uint32_t owner = s->stack[s->depth - 1];
	struct json_node *n;

	skip_space(s);
	if (s->p == s->end || *s->p != '"')
		return fail(s, JSON_SYNTAX);
	n = node_push(s, JSON_STRING);
	if (n == NULL || !scan_string(s, n))
		return false;
	if (n->text_len > JSON_KEY_MAX)
		return fail_at(s, JSON_KEY_TOO_LONG, n->raw);
	if (s->doc->nodes[owner].count == JSON_MEMBERS_MAX)
		return fail_at(s, JSON_TOO_MANY_MEMBERS, n->raw);
	if (s->mode == JSON_PROTOCOL) {
		/* Only an escape can bring U+0000 into a string. */
		if (n->text_len + 2 != n->raw_len
		    && str_find((struct str){ n->text, n->text_len }, '\0')
			< n->text_len)
			return fail_at(s, JSON_NUL_KEY, n->raw);
		if (!check_duplicate(s, owner))
			return false;
	}
	s->doc->nodes[owner].count++;
	skip_space(s);
	if (s->p == s->end || *s->p != ':')
		return fail(s, JSON_SYNTAX);
	s->p++;
	return true;
}

/* p is at an opening bracket.  An empty container is complete at once,
 * any other one goes on the stack. */
static inline bool
scan_open(struct scan *s, char closer)
{
	struct json_node *n = &s->doc->nodes[s->doc->len - 1];

	if (s->depth == JSON_DEPTH_MAX)
		return fail(s, JSON_DEPTH);
	s->p++;
	skip_space(s);
	if (s->p < s->end && *s->p == closer) {
		s->p++;
		n->raw_len = (uint32_t)(s->p - n->raw);
		return true;
	}
	s->stack[s->depth++] = (uint32_t)s->doc->len - 1;
	return true;
}

/* A scalar, an empty container, or the opening of another one. */
static bool
scan_value(struct scan *s)
{
	struct json_node *n;

	skip_space(s);
	if (s->p == s->end)
		return fail(s, JSON_SYNTAX);
	if (++s->values > JSON_VALUES_MAX)
		return fail(s, JSON_TOO_MANY_VALUES);
	n = node_push(s, JSON_NULL);
	if (n == NULL)
		return false;
	switch (*s->p) {
	case '"':
		n->type = JSON_STRING;
		return scan_string(s, n);
	case '{':
		n->type = JSON_OBJECT;
		return scan_open(s, '}');
	case '[':
		n->type = JSON_ARRAY;
		return scan_open(s, ']');
	case 't':
		n->type = JSON_TRUE;
		return scan_word(s, n, "true", 4);
	case 'f':
		n->type = JSON_FALSE;
		return scan_word(s, n, "false", 5);
	case 'n':
		return scan_word(s, n, "null", 4);
	default:
		n->type = JSON_NUMBER;
		return scan_number(s, n);
	}
}

/* Behind a complete value: closes what ends here and stops behind a comma,
 * or with nothing open. */
static bool
scan_after(struct scan *s)
{
	while (s->depth > 0) {
		uint32_t at = s->stack[s->depth - 1];
		struct json_node *n = &s->doc->nodes[at];

		skip_space(s);
		if (s->p == s->end)
			return fail(s, JSON_SYNTAX);
		n->count += n->type == JSON_ARRAY;
		if (*s->p == ',') {
			s->p++;
			return true;
		}
		if (*s->p != (n->type == JSON_ARRAY ? ']' : '}'))
			return fail(s, JSON_SYNTAX);
		s->p++;
		n->raw_len = (uint32_t)(s->p - n->raw);
		n->span = (uint32_t)(s->doc->len - at);
		s->depth--;
	}
	return true;
}

static bool
scan_text(struct scan *s)
{
	unsigned depth;

	do {
		if (s->depth > 0
		    && s->doc->nodes[s->stack[s->depth - 1]].type == JSON_OBJECT
		    && !scan_key(s))
			return false;
		depth = s->depth;
		if (!scan_value(s))
			return false;
		if (s->depth == depth && !scan_after(s))
			return false;
	} while (s->depth > 0);
	skip_space(s);
	return s->p == s->end || fail(s, JSON_SYNTAX);
}

/* Drops the last message, and the memory that an oversize one took. */
static void
doc_reset(struct json_doc *d)
{
	d->len = 0;
	d->fault = JSON_OK;
	d->fault_at = 0;
	if (d->cap > KEEP_NODES) {
		free(d->nodes);
		d->nodes = NULL;
		d->cap = 0;
	}
	if (d->decoded.cap > KEEP_DECODED)
		buf_shrink(&d->decoded, KEEP_DECODED);
	else
		buf_clear(&d->decoded);
}

static int
fault_code(enum json_fault fault)
{
	switch (fault) {
	case JSON_OK:
		return 0;
	case JSON_SYNTAX:
	case JSON_UTF8:
	case JSON_DEPTH:
		return ERR_SYNTAX;
	case JSON_NOMEM:
		return ERR_NOMEM;
	default:
		return ERR_LIMIT;
	}
}

int
json_parse(struct json_doc *d, struct str text, enum json_mode mode)
{
	struct scan s;

	doc_reset(d);
	s.base = text.len == 0 ? "" : text.ptr;
	s.p = s.base;
	s.end = s.base + text.len;
	s.doc = d;
	s.seen = (struct json_keys){ 0 };
	s.values = 0;
	s.depth = 0;
	s.mode = mode;
	if (text.len > JSON_TEXT_MAX)
		(void)fail(&s, JSON_TOO_MANY_VALUES); /* fault says it */
	else if (!scan_text(&s))
		d->len = 0;
	json_keys_finish(&s.seen);
	return fault_code(d->fault);
}
