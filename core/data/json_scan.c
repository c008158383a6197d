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
	const char *end;
	const char *base;
	struct json_doc *doc;
	struct json_node *limit; /* the end of the document's memory */
	struct json_keys seen; /* of all large objects */
	unsigned depth;
	enum json_mode mode;
	uint32_t stack[JSON_DEPTH_MAX]; /* open containers */
	uint64_t marks[JSON_DEPTH_MAX]; /* of those around them */
};

/* What changes with every byte never stands in struct scan: no function but
 * inline ones sees a cursor, so that its members are registers.  In memory it
 * was half of the time. */
struct cursor {
	const char *p; /* NULL: failed */
	struct json_node *next; /* the next node to be made */
	struct json_node *owner; /* the innermost open container, or NULL */
	uint64_t marks; /* a bit for each key that it has */
	size_t values;
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

/* Always NULL: the end of every reading that fails. */
static const char *
fail(struct scan *s, enum json_fault fault, const char *at)
{
	s->doc->fault = fault;
	s->doc->fault_at = (size_t)(at - s->base);
	return NULL;
}

/* All of the memory is used. */
static bool
nodes_grow(struct scan *s)
{
	struct json_doc *d = s->doc;
	size_t cap = d->cap == 0 ? FIRST_NODES : d->cap * 2;
	struct json_node *nodes = realloc(d->nodes, cap * sizeof *nodes);

	if (nodes == NULL)
		return false;
	d->nodes = nodes;
	d->cap = cap;
	s->limit = nodes + cap;
	return true;
}

/* The next node, beginning at c->p; NULL without memory. */
static inline struct json_node *
node_push(struct scan *s, struct cursor *c, enum json_type type)
{
	struct json_node *n;

	if (c->next == s->limit) {
		size_t len = s->doc->cap;

		if (!nodes_grow(s)) {
			c->p = fail(s, JSON_NOMEM, c->p);
			return NULL;
		}
		c->next = s->doc->nodes + len;
		if (c->owner != NULL)
			c->owner = s->doc->nodes + s->stack[s->depth - 1];
	}
	n = c->next++;
	*n =
	    (struct json_node){ .raw = c->p, .span = 1, .type = (uint8_t)type };
	return n;
}

static inline const char *
skip_space(const char *p, const char *end)
{
	while (p < end && (unsigned char)*p <= ' '
	    && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

/* The same where c is what mostly comes, at once. */
static inline const char *
skip_to(const char *p, const char *end, char c)
{
	return p < end && *p == c ? p : skip_space(p, end);
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

/* Over whole characters up to a quote or a backslash. */
static const char *
skip_text(struct scan *s, const char *p)
{
	for (;;) {
		size_t len;

		p = json_skip_plain(p, s->end);
		if (p == s->end || (unsigned char)*p < 0x20)
			return fail(s, JSON_SYNTAX, p);
		if (*p == '"' || *p == '\\')
			return p;
		len = utf8_sequence(p, s->end);
		if (len == 0)
			return fail(s, JSON_UTF8, p);
		p += len;
	}
}

/* A string with escapes from start on; p is at the first of them.  No decoded
 * text is longer than its source, so one reserve of what is left of the message
 * holds this and all later strings: the buffer never moves under a node. */
static const char *
scan_escaped(
    struct scan *s, const char *start, const char *p, struct json_node *n)
{
	struct buf *out = &s->doc->decoded;
	enum json_fault fault;
	size_t from, run;

	if (out->len == 0 && buf_reserve(out, (size_t)(s->end - start)) != 0)
		return fail(s, JSON_NOMEM, p);
	from = out->len;
	for (;;) {
		run = (size_t)(p - start);
		memcpy(out->ptr + out->len, start, run);
		out->len += run;
		if (*p == '"')
			break;
		fault = json_escape_decode(&p, s->end, out);
		if (fault != JSON_OK)
			return fail(s, fault, p);
		start = p;
		p = skip_text(s, p);
		if (p == NULL)
			return NULL;
	}
	n->text = out->ptr + from;
	n->text_len = (uint32_t)(out->len - from);
	n->raw_len = (uint32_t)(p + 1 - n->raw);
	return p + 1;
}

/* p is at the opening quote; the result is behind the closing one. */
static inline const char *
scan_string(struct scan *s, const char *p, struct json_node *n)
{
	const char *start = p + 1;

	p = json_skip_plain(start, s->end);
	if (p == s->end || *p != '"') {
		p = skip_text(s, p);
		if (p == NULL)
			return NULL;
		if (*p != '"')
			return scan_escaped(s, start, p, n);
	}
	n->text = start;
	n->text_len = (uint32_t)(p - start);
	n->raw_len = n->text_len + 2;
	return p + 1;
}

/* One digit at least. */
static inline const char *
scan_digits(struct scan *s, const char *p)
{
	const char *first = p;

	while (p < s->end && *p >= '0' && *p <= '9')
		p++;
	return p > first ? p : fail(s, JSON_SYNTAX, p);
}

static const char *
scan_fraction(struct scan *s, const char *p, struct json_node *n)
{
	n->integer = 0;
	if (*p == '.') {
		p = scan_digits(s, p + 1);
		if (p == NULL)
			return NULL;
	}
	if (p < s->end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < s->end && (*p == '+' || *p == '-'))
			p++;
		p = scan_digits(s, p);
	}
	return p;
}

static const char *
scan_number(struct scan *s, const char *p, struct json_node *n)
{
	n->integer = 1;
	if (*p == '-')
		p++;
	if (p < s->end && *p == '0')
		p++;
	else
		p = scan_digits(s, p);
	if (p != NULL && p < s->end && (*p == '.' || *p == 'e' || *p == 'E'))
		p = scan_fraction(s, p, n);
	if (p == NULL)
		return NULL;
	if (p - n->raw > JSON_NUMBER_MAX)
		return fail(s, JSON_NUMBER_TOO_LONG, n->raw);
	n->raw_len = (uint32_t)(p - n->raw);
	return p;
}

static inline const char *
scan_word(struct scan *s, const char *p, struct json_node *n, const char *word,
    size_t len)
{
	n->raw_len = (uint32_t)len;
	if ((size_t)(s->end - p) >= len && memcmp(p, word, len) == 0)
		return p + len;
	while (p < s->end && *p == *word) {
		p++;
		word++;
	}
	return fail(s, JSON_SYNTAX, p);
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
		(void)fail(s, JSON_DUPLICATE_KEY, nodes[key].raw);
		return false;
	default:
		(void)fail(s, JSON_NOMEM, nodes[key].raw);
		return false;
	}
}

/* k is a key of owner, whose other members are complete. */
static bool
check_duplicate(
    struct scan *s, const struct json_node *owner, const struct json_node *k)
{
	const struct json_node *nodes = s->doc->nodes;
	uint32_t top = (uint32_t)(owner - nodes), key = (uint32_t)(k - nodes);
	uint32_t count = owner->count, at = top + 1;

	if (count > LINEAR_MEMBERS)
		return seen_add(s, top, key);
	for (uint32_t i = 0; i < count; i++) {
		if (json_key_same(&nodes[at], k)) {
			(void)fail(s, JSON_DUPLICATE_KEY, k->raw);
			return false;
		}
		/* The object becomes a large one with this member. */
		if (count == LINEAR_MEMBERS && !seen_add(s, top, at))
			return false;
		at += 1 + nodes[at + 1].span;
	}
	return count < LINEAR_MEMBERS || seen_add(s, top, key);
}

/* Keys that are equal have the same bit: most are known to be new by it. */
static inline uint64_t
key_mark(const struct json_node *k)
{
	unsigned hash = k->text_len * 5;

	if (k->text_len > 0)
		hash += (unsigned char)k->text[0]
		    + 13u * (unsigned char)k->text[k->text_len - 1];
	return UINT64_C(1) << (hash & 63);
}

/* What the protocol forbids in a key: U+0000, and to be there twice. */
static inline bool
check_key(struct scan *s, struct cursor *c, const struct json_node *k)
{
	uint64_t mark = key_mark(k);
	bool known = (c->marks & mark) != 0;

	c->marks |= mark;
	/* Only an escape can bring U+0000 into a string. */
	if (k->text_len + 2 != k->raw_len
	    && str_find((struct str){ k->text, k->text_len }, '\0')
		< k->text_len) {
		(void)fail(s, JSON_NUL_KEY, k->raw);
		return false;
	}
	if (!known && c->owner->count < LINEAR_MEMBERS)
		return true;
	return check_duplicate(s, c->owner, k);
}

/* One key and its colon; counts the member. */
static inline const char *
scan_key(struct scan *s, struct cursor *c)
{
	struct json_node *n;
	const char *p;

	c->p = skip_to(c->p, s->end, '"');
	if (c->p == s->end || *c->p != '"')
		return fail(s, JSON_SYNTAX, c->p);
	n = node_push(s, c, JSON_STRING);
	if (n == NULL)
		return NULL;
	p = scan_string(s, c->p, n);
	if (p == NULL)
		return NULL;
	if (n->text_len > JSON_KEY_MAX)
		return fail(s, JSON_KEY_TOO_LONG, n->raw);
	if (c->owner->count == JSON_MEMBERS_MAX)
		return fail(s, JSON_TOO_MANY_MEMBERS, n->raw);
	if (s->mode == JSON_PROTOCOL && !check_key(s, c, n))
		return NULL;
	c->owner->count++;
	p = skip_to(p, s->end, ':');
	if (p == s->end || *p != ':')
		return fail(s, JSON_SYNTAX, p);
	return p + 1;
}

/* c->p is at an opening bracket.  An empty container is complete at once,
 * any other one is the innermost from here on. */
static inline const char *
scan_open(struct scan *s, struct cursor *c, struct json_node *n, char closer)
{
	const char *p;

	if (s->depth == JSON_DEPTH_MAX)
		return fail(s, JSON_DEPTH, c->p);
	p = skip_space(c->p + 1, s->end);
	if (p < s->end && *p == closer) {
		n->raw_len = (uint32_t)(p + 1 - n->raw);
		return p + 1;
	}
	s->marks[s->depth] = c->marks;
	s->stack[s->depth++] = (uint32_t)(n - s->doc->nodes);
	c->marks = 0;
	c->owner = n;
	return p;
}

/* A scalar, an empty container, or the opening of another one. */
static inline const char *
scan_value(struct scan *s, struct cursor *c)
{
	struct json_node *n;

	c->p = skip_to(c->p, s->end, '"');
	if (c->p == s->end)
		return fail(s, JSON_SYNTAX, c->p);
	if (++c->values > JSON_VALUES_MAX)
		return fail(s, JSON_TOO_MANY_VALUES, c->p);
	n = node_push(s, c, JSON_STRING);
	if (n == NULL)
		return NULL;
	switch (*c->p) {
	case '"':
		return scan_string(s, c->p, n);
	case '{':
		n->type = JSON_OBJECT;
		return scan_open(s, c, n, '}');
	case '[':
		n->type = JSON_ARRAY;
		return scan_open(s, c, n, ']');
	case 't':
		n->type = JSON_TRUE;
		return scan_word(s, c->p, n, "true", 4);
	case 'f':
		n->type = JSON_FALSE;
		return scan_word(s, c->p, n, "false", 5);
	case 'n':
		n->type = JSON_NULL;
		return scan_word(s, c->p, n, "null", 4);
	default:
		n->type = JSON_NUMBER;
		return scan_number(s, c->p, n);
	}
}

/* Behind a complete value: closes what ends here and stops behind a comma,
 * or with nothing open. */
static inline const char *
scan_after(struct scan *s, struct cursor *c)
{
	const char *p = c->p;

	while (c->owner != NULL) {
		struct json_node *n = c->owner;
		bool object = n->type == JSON_OBJECT;

		p = skip_to(p, s->end, ',');
		if (p == s->end)
			return fail(s, JSON_SYNTAX, p);
		n->count += !object;
		if (*p == ',')
			return p + 1;
		if (*p != (object ? '}' : ']'))
			return fail(s, JSON_SYNTAX, p);
		p++;
		n->raw_len = (uint32_t)(p - n->raw);
		n->span = (uint32_t)(c->next - n);
		c->marks = s->marks[--s->depth];
		c->owner = s->depth == 0
		    ? NULL
		    : s->doc->nodes + s->stack[s->depth - 1];
	}
	return p;
}

static bool
scan_text(struct scan *s)
{
	struct cursor c = { .p = s->base, .next = s->doc->nodes };
	unsigned depth;

	do {
		if (c.owner != NULL && c.owner->type == JSON_OBJECT) {
			c.p = scan_key(s, &c);
			if (c.p == NULL)
				return false;
		}
		depth = s->depth;
		c.p = scan_value(s, &c);
		if (c.p == NULL)
			return false;
		if (s->depth != depth)
			continue;
		c.p = scan_after(s, &c);
		if (c.p == NULL)
			return false;
	} while (c.owner != NULL);
	c.p = skip_space(c.p, s->end);
	if (c.p != s->end)
		return fail(s, JSON_SYNTAX, c.p) != NULL;
	s->doc->len = (size_t)(c.next - s->doc->nodes);
	return true;
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
	s.end = s.base + text.len;
	s.doc = d;
	s.seen = (struct json_keys){ 0 };
	s.limit = d->nodes;
	if (d->cap > 0)
		s.limit += d->cap;
	s.depth = 0;
	s.mode = mode;
	if (text.len > JSON_TEXT_MAX)
		(void)fail(
		    &s, JSON_TOO_MANY_VALUES, s.base); /* fault says it */
	else
		(void)scan_text(&s); /* fault says it */
	json_keys_finish(&s.seen);
	return fault_code(d->fault);
}
