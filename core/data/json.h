/* SPDX-License-Identifier: Apache-2.0 */
/* Strict JSON (RFC 8259), read in one pass into a flat array of nodes that
 * point into the text.  It is the one parse that everything later uses: the
 * envelope, the schema check and the plugin's tp_json are all such nodes.
 *
 * A node is self-contained: the members of an object follow it (key, value,
 * key, value, ..), the elements of an array follow it, and 'span' leads past
 * the whole value.  Nothing is copied except strings with escapes, which are
 * decoded once into the document's own memory. */
#ifndef DATA_JSON_H
#define DATA_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

struct json_node {
	const char *raw; /* the exact text, quotes and brackets included */
	const char *text; /* strings: decoded bytes; else NULL */
	uint32_t raw_len;
	uint32_t text_len;
	uint32_t span; /* nodes of this value, itself included: next sibling
			* = node + span */
	uint32_t count; /* arrays: elements; objects: members */
	uint8_t type; /* enum json_type */
	uint8_t integer; /* numbers: no fraction, no exponent */
};

/* Every bound of the scanner, in one place (security.md 3). */
#define JSON_DEPTH_MAX 128
#define JSON_VALUES_MAX 1000000
#define JSON_MEMBERS_MAX 65536
#define JSON_KEY_MAX 4096
#define JSON_NUMBER_MAX 1024
#define JSON_TEXT_MAX ((size_t)UINT32_MAX)

/* What a failed scan answers. */
enum json_fault {
	JSON_OK = 0,
	JSON_SYNTAX,
	JSON_UTF8,
	JSON_DEPTH,
	JSON_DUPLICATE_KEY,
	JSON_NUL_KEY,
	JSON_TOO_MANY_VALUES,
	JSON_TOO_MANY_MEMBERS,
	JSON_KEY_TOO_LONG,
	JSON_NUMBER_TOO_LONG,
	JSON_NOMEM
};

enum json_mode {
	JSON_GRAMMAR, /* RFC 8259 and the bounds alone */
	JSON_PROTOCOL /* also: no duplicate keys, no U+0000 in keys */
};

/* A reusable parse: one per reactor on the request path. */
struct json_doc {
	struct json_node *nodes; /* owned; nodes[0] is the root */
	size_t len;
	size_t cap;
	struct buf decoded; /* owned; strings that had escapes */
	enum json_fault fault;
	size_t fault_at; /* byte offset in the text */
};

void json_doc_init(struct json_doc *d);
void json_doc_finish(struct json_doc *d);
/* [any] Parses text, which must outlive the nodes.  The former content of d
 * is dropped; memory is kept up to a bound.  0, or with fault and fault_at
 * set: ERR_SYNTAX (SYNTAX, UTF8, DEPTH: what JSON-RPC calls -32700), ERR_NOMEM,
 * or ERR_LIMIT (every other fault, -32600).  No recursion. */
int json_parse(struct json_doc *d, struct str text, enum json_mode mode);
/* One sentence for a person: "duplicate key \"id\" at byte 17". */
void json_fault_text(
    const struct json_doc *d, struct str text, struct buf *out);

/* All of these read NULL as absent. */
static inline enum json_type
json_type(const struct json_node *n)
{
	return n != NULL ? (enum json_type)n->type : JSON_NULL;
}

/* The member's value, by decoded key, byte for byte; NULL if none. */
const struct json_node *json_get(
    const struct json_node *object, struct str key);
const struct json_node *json_at(const struct json_node *array, size_t i);
/* Elements or members; 0 for anything else. */
size_t json_count(const struct json_node *n);
/* Decoded text of a string; empty for anything else. */
static inline struct str
json_str(const struct json_node *n)
{
	if (json_type(n) != JSON_STRING)
		return (struct str){ "", 0 };
	return (struct str){ n->text, n->text_len };
}

static inline struct str
json_raw(const struct json_node *n)
{
	if (n == NULL)
		return (struct str){ "", 0 };
	return (struct str){ n->raw, n->raw_len };
}

/* Exact: ERR_SYNTAX unless an integer by value (5.0 is), ERR_LIMIT outside
 * int64. */
int json_i64(const struct json_node *n, int64_t *out);
/* C locale always; ERR_LIMIT on overflow to infinity. */
int json_double(const struct json_node *n, double *out);
/* Same value by JSON Schema's rules (numbers by value, objects unordered).
 * Meant for nodes without duplicate keys. */
bool json_same(const struct json_node *a, const struct json_node *b);
/* Equal for values that are json_same(); seeded, for tables. */
uint64_t json_hash(const struct json_node *n);
/* <0, 0, >0 for two numbers, by exact value whatever their size. */
int json_number_compare(const struct json_node *a, const struct json_node *b);

/* Walks members: k is the key's node, v the value's.  An array has none.
 *	JSON_EACH_MEMBER(k, v, object) { .. } */
#define JSON_EACH_MEMBER(k_, v_, object_) \
	for (const struct json_node *k_ = json_first_member(object_), \
				    *k_##_end = json_end(object_), \
				    *v_ = k_ + 1; \
	     k_ < k_##_end; k_ = v_ + v_->span, v_ = k_ + 1)
#define JSON_EACH_ELEMENT(v_, array_) \
	for (const struct json_node *v_ = json_first(array_), \
				    *v_##_end = json_end(array_); \
	     v_ < v_##_end; v_ += v_->span)
const struct json_node *json_first(const struct json_node *container);
/* json_end() of what is no object. */
const struct json_node *json_first_member(const struct json_node *object);
const struct json_node *json_end(const struct json_node *container);

/* Writing: appends s as a JSON string, quotes included.  ERR_SYNTAX when s is
 * not UTF-8 (b is then unchanged): never repaired. */
int json_write_str(struct buf *b, struct str s);
/* Shortest text that reads back the same; "null" is never written: NaN and
 * infinity give ERR_PARAMS. */
int json_write_double(struct buf *b, double d);

#endif
