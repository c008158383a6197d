/* SPDX-License-Identifier: Apache-2.0 */
/* The compiled form of a JSON Schema, shared by the files of the engine.
 *
 * A schema is compiled into rules, one for each subschema.  A rule is a list
 * of operations, cheapest first; an operation is a keyword, or a few that
 * belong together (properties, patternProperties, additionalProperties and
 * required make one pass over the members).  Everything lives in one arena and
 * is never changed after schema_compile() returns. */
#ifndef DATA_SCHEMA_PRIV_H
#define DATA_SCHEMA_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "base/str.h"
#include "data/json.h"
#include "data/schema.h"

#define SCHEMA_MAGIC 0x5c4e3a01u
#define SCHEMA_MEMORY_MAX ((size_t)64 << 20) /* of one compiled schema */
#define SCHEMA_SOURCES_MAX 256 /* documents reached by one schema */
#define SCHEMA_REQUIRED_BITS 64 /* names that are counted in one pass */
#define SCHEMA_PATTERN_MAX 4096 /* bytes of one regular expression */
#define SCHEMA_FOUND_MAX 60 /* bytes of a value shown in a message */
#define SCHEMA_BRANCHES_EXPLAINED 16 /* of an anyOf or oneOf that failed */

struct pcre2_real_code_8;
struct schema_rule;
struct schema_resource;

/* An exact decimal: digits x 10^exp, without leading or trailing zeros. */
struct schema_decimal {
	const char *digits;
	size_t len; /* 0: the number is zero */
	int64_t exp;
	bool negative;
};

/* A number of the schema, with its fast form. */
struct schema_limit {
	struct str text; /* as written */
	struct schema_decimal exact;
	int64_t value; /* when small */
	bool small; /* an integer of at most 18 digits */
};

struct schema_pattern {
	struct schema_pattern *next; /* all patterns of the schema */
	struct pcre2_real_code_8 *plain; /* owned; NULL unless anchored */
	struct pcre2_real_code_8 *metered; /* owned; counts every item */
	struct str source;
};

struct schema_format {
	const char *name;
	bool (*check)(struct str s);
	uint64_t (*cost)(struct str s); /* in steps; NULL: by length */
};

/* A text that is looked for, with what tells most texts apart: two words and
 * the length are all of it up to 16 bytes. */
struct schema_key {
	struct str text;
	uint64_t head;
	uint64_t tail;
};

struct schema_property {
	struct schema_key key; /* its name */
	const struct schema_rule *rule; /* NULL: only required */
	const struct schema_enum *values; /* all of a text's rule; or NULL */
	uint32_t next; /* index + 1 of the same bucket; 0: none */
	int16_t required; /* bit; -1: not, or counted otherwise */
	uint8_t types; /* all that its rule says; 0: it says more */
};

struct schema_pattern_rule {
	const struct schema_pattern *pattern;
	const struct schema_rule *rule;
};

struct schema_object {
	struct schema_property *properties;
	const uint32_t *buckets; /* NULL: few enough to try each */
	const struct schema_pattern_rule *patterns;
	const struct schema_rule *additional; /* NULL: anything */
	const struct str *required;
	const char *const *names; /* declared ones, for "did you mean" */
	uint32_t properties_len;
	uint32_t buckets_mask;
	uint32_t patterns_len;
	uint32_t required_len;
	uint32_t names_len;
};

/* The values of an enum; its texts are found by their hash. */
struct schema_text {
	struct schema_key key;
	uint32_t next; /* index + 1 of the same bucket; 0: none */
};

struct schema_enum {
	const struct json_node *list;
	const struct schema_text *texts;
	const uint32_t *buckets;
	uint32_t mask;
};

struct schema_items {
	const struct schema_rule *const *prefix;
	const struct schema_rule *rest; /* NULL: anything */
	uint32_t prefix_len;
	uint8_t types; /* all that rest says; 0: it says more */
};

struct schema_contains {
	const struct schema_rule *rule;
	uint64_t min;
	uint64_t max; /* UINT64_MAX: none */
};

/* One member of dependentRequired, dependentSchemas or dependencies. */
struct schema_dependent {
	struct str name;
	const struct schema_rule *rule; /* or */
	const struct str *required;
	uint32_t required_len;
};

struct schema_branch {
	const struct schema_rule *test;
	const struct schema_rule *yes; /* may be NULL */
	const struct schema_rule *no; /* may be NULL */
};

/* The order is the order of execution. */
enum schema_code {
	OP_CONST,
	OP_ENUM,
	OP_MAXIMUM,
	OP_EXCLUSIVE_MAXIMUM,
	OP_MINIMUM,
	OP_EXCLUSIVE_MINIMUM,
	OP_MULTIPLE_OF,
	OP_MAX_LENGTH,
	OP_MIN_LENGTH,
	OP_FORMAT,
	OP_PATTERN,
	OP_MAX_ITEMS,
	OP_MIN_ITEMS,
	OP_MAX_PROPERTIES,
	OP_MIN_PROPERTIES,
	OP_ITEMS,
	OP_CONTAINS,
	OP_UNIQUE,
	OP_OBJECT,
	OP_PROPERTY_NAMES,
	OP_DEPENDENT,
	OP_REF,
	OP_DYNAMIC_REF,
	OP_ALL_OF,
	OP_ANY_OF,
	OP_ONE_OF,
	OP_NOT,
	OP_IF,
	OP_UNEVALUATED_ITEMS,
	OP_UNEVALUATED_PROPERTIES,
	OP_COUNT
};

struct schema_op {
	uint8_t code;
	uint8_t mask; /* 1 << enum json_type of the instances it concerns */
	uint32_t len; /* of the list in u */
	const char *keyword;
	union {
		const struct schema_rule *rule;
		const struct schema_rule *const *rules;
		const struct schema_branch *branch;
		const struct schema_limit *limit;
		const struct schema_pattern *pattern;
		const struct schema_format *format;
		struct schema_object *object;
		struct schema_items *items;
		const struct schema_contains *contains;
		const struct schema_dependent *dependents;
		const struct json_node *value;
		const struct schema_enum *values;
		uint64_t count;
	} u;
	struct str anchor; /* OP_DYNAMIC_REF; empty: resolved for good */
};

enum schema_kind { RULE_OPS, RULE_TRUE, RULE_FALSE };

/* Types of instances, as in enum json_type, and one more. */
#define TYPE_BIT(type_) (1u << (type_))
#define TYPE_INTEGER 0x80u
#define TYPE_BOOLEAN (TYPE_BIT(JSON_FALSE) | TYPE_BIT(JSON_TRUE))
#define TYPE_ANY 0x7fu

struct schema_rule {
	const struct schema_op *ops; /* OP_COUNT never stands here */
	const struct schema_resource *resource;
	const struct schema_rule *alias; /* nothing but a $ref */
	const struct json_node *node; /* in its source */
	uint32_t len;
	uint8_t types; /* 0: any */
	uint8_t kind; /* enum schema_kind */
	bool unevaluated; /* keeps its own set of what was evaluated */
	uint8_t visited; /* by the search for loops, at compile time */
};

/* A name that $dynamicRef finds. */
struct schema_anchor {
	const struct schema_anchor *next;
	struct str name;
	const struct schema_rule *rule;
};

struct schema_source;

/* A schema with an identity of its own: a document, or a part with $id. */
struct schema_resource {
	struct schema_source *source;
	const struct json_node *node;
	const struct schema_anchor *dynamic;
	struct str uri; /* absolute if known, without fragment */
	uint32_t number;
	uint8_t draft; /* enum schema_draft */
	uint16_t vocabularies;
};

enum schema_draft { DRAFT_7 = 1, DRAFT_2020 = 2 };

enum {
	VOCAB_CORE = 1,
	VOCAB_APPLICATOR = 2,
	VOCAB_UNEVALUATED = 4,
	VOCAB_VALIDATION = 8,
	VOCAB_META = 16,
	VOCAB_FORMAT = 32,
	VOCAB_FORMAT_ASSERTION = 64,
	VOCAB_CONTENT = 128,
	VOCAB_DEFAULT = 255 & ~VOCAB_FORMAT_ASSERTION
};

/* One parsed document.  The two tables have an entry for each node. */
struct schema_source {
	struct schema_source *next;
	struct str uri;
	struct json_doc doc;
	const char *given; /* the text as the caller gave it, to know it by */
	struct schema_rule **rule_of; /* in the arena */
	struct schema_resource **resource_of; /* in the arena */
	uint32_t resources; /* identities within it, its own included */
	bool anchors; /* some place has a name */
	bool builtin; /* a dialect's own schema */
};

/* A reference and where it leads, for whoever writes the schema anew. */
struct schema_link {
	const struct schema_link *next;
	const struct schema_source *source; /* where it stands */
	const struct json_node *ref; /* its text */
	const struct schema_resource *named; /* before the fragment */
	const struct schema_rule *target;
};

struct schema {
	uint32_t magic;
	bool dynamic; /* a $dynamicRef depends on the way it was reached */
	const struct schema_rule *root;
	struct schema_source *sources; /* owned; the schema itself is last */
	const struct schema_link *links;
	struct schema_pattern *patterns; /* owned */
	struct arena arena;
};

#define SCHEMA_OPS_MAX 64 /* of one rule; there are fewer keywords */

/* What lives while a schema is compiled. */
struct schema_compiler {
	struct schema *schema;
	const struct schema_options *options;
	struct buf *pointer; /* may be NULL */
	struct err *err;
	struct map uris; /* "uri" or "number#anchor" to a schema_target */
	struct schema_rule **rules; /* owned; all, in order of discovery */
	size_t rules_len;
	size_t rules_cap;
	uint32_t resources;
	uint32_t sources;
	uint8_t draft; /* of documents that do not say */
	uint16_t vocabularies; /* of documents that do not say */
	struct schema_op ops[SCHEMA_OPS_MAX]; /* of the rule in hand */
	uint32_t ops_len;
};

struct schema_target {
	struct schema_resource *resource;
	const struct json_node *node;
	bool dynamic;
};

/* schema_compile.c: compiles what the queue of rules holds. */
int schema_compile_rules(struct schema_compiler *c);
/* The rule of a node, made and queued when new; NULL: error set. */
struct schema_rule *schema_rule_of(struct schema_compiler *c,
    struct schema_source *source, const struct json_node *node,
    const struct schema_resource *resource);
/* Fails with the pointer to node; always returns code. */
__attribute__((format(printf, 5, 6))) int schema_refuse(
    struct schema_compiler *c, const struct schema_source *source,
    const struct json_node *node, int code, const char *fmt, ...);
int schema_nomem(struct schema_compiler *c);
/* Appends the JSON Pointer of a node in its document. */
void schema_pointer_put(struct buf *b, const struct schema_source *source,
    const struct json_node *node);

/* schema_keyword.c */
/* How a keyword holds subschemas. */
enum schema_children {
	CHILD_NONE,
	CHILD_ONE, /* a schema */
	CHILD_LIST, /* an array of schemas */
	CHILD_MAP, /* an object of schemas */
	CHILD_ONE_OR_LIST, /* items of draft-07 */
	CHILD_MAP_MIXED /* dependencies: schemas and arrays of names */
};
struct schema_keyword {
	const char *name;
	uint8_t drafts;
	uint8_t children;
	uint16_t vocabulary;
	uint8_t code; /* enum schema_code, where one function has several */
	/* NULL: nothing to check, nothing to run. */
	int (*compile)(struct schema_compiler *c, struct schema_rule *rule,
	    const struct schema_keyword *k, const struct json_node *value);
};
/* NULL: not a keyword of that draft and vocabulary. */
const struct schema_keyword *schema_keyword_find(
    const struct schema_resource *resource, struct str name);
/* The value of a keyword in force; NULL: absent. */
const struct json_node *schema_keyword_get(
    const struct schema_rule *rule, const char *name);

/* schema_resolve.c: documents, identities, references. */
/* Parses a document and walks it; NULL: error set. */
struct schema_source *schema_source_add(struct schema_compiler *c,
    struct str uri, struct str json, struct schema_resource **root);
/* Walks every subschema below node: identities, anchors and rules. */
int schema_scan(struct schema_compiler *c, struct schema_source *source,
    const struct json_node *node, struct schema_resource *parent);
/* What a $ref or $dynamicRef leads to; NULL: error set.  *anchor, if not
 * NULL, is set when the way there matters. */
struct schema_rule *schema_resolve(struct schema_compiler *c,
    const struct schema_rule *from, const struct json_node *ref,
    struct str *anchor);

/* schema_meta.c: the dialects' own schemas; empty when not built in. */
struct str schema_meta_find(struct str uri);

/* schema_number.c */
#define SCHEMA_DECIMAL_SPACE JSON_NUMBER_MAX
/* space holds the digits when they are not in one piece. */
void schema_decimal_read(
    struct str raw, char *space, struct schema_decimal *out);
int schema_decimal_compare(
    const struct schema_decimal *a, const struct schema_decimal *b);
/* Small exact integers by value. */
bool schema_number_is_integer(const struct json_node *n);
int schema_number_compare(
    const struct json_node *n, const struct schema_limit *limit);
bool schema_number_is_multiple(
    const struct json_node *n, const struct schema_limit *limit);
bool schema_number_same(const struct json_node *a, const struct json_node *b);
/* A hash that equal numbers share. */
uint64_t schema_number_hash(const struct json_node *n);

/* schema_pattern.c: ECMA-262 regular expressions on PCRE2. */
enum schema_match { MATCH_NO, MATCH_YES, MATCH_COST, MATCH_NOMEM };
/* 0, ERR_SYNTAX or ERR_NOMEM with one line in err. */
int schema_pattern_compile(
    struct schema_pattern *p, struct str source, struct err *err);
void schema_pattern_finish(struct schema_pattern *p);
/* Takes from *steps what the match costs; MATCH_COST when they run out. */
enum schema_match schema_pattern_match(
    const struct schema_pattern *p, struct str text, uint64_t *steps);
bool schema_pattern_is_valid(struct str source);

/* schema_format.c; NULL: unknown, an annotation only. */
const struct schema_format *schema_format_find(struct str name);

/* schema_run.c */
struct schema_path {
	const struct schema_path *up;
	const struct json_node *key; /* NULL: an element */
	uint32_t index;
	uint32_t depth;
};
struct schema_scope {
	const struct schema_scope *outer;
	const struct schema_resource *resource;
};
enum schema_stop {
	STOP_NONE,
	STOP_STEPS,
	STOP_DEPTH,
	STOP_PATTERN,
	STOP_MEMORY
};
/* How a branch failed, to find the one that was meant. */
struct schema_measure {
	uint32_t deepest;
	uint32_t faults;
};
#define SCHEMA_SCRATCH_WORDS 128
struct schema_run {
	const struct schema *schema;
	uint64_t steps; /* left */
	uint32_t depth;
	enum schema_stop stop;
	struct schema_report *report; /* NULL: no faults wanted */
	struct schema_measure *measure; /* NULL: not explaining */
	const struct schema_scope *scope;
	size_t scratch_used;
	uint64_t scratch[SCHEMA_SCRATCH_WORDS];
};
/* What was evaluated of one object or array: a bit for each member. */
struct schema_marks {
	uint64_t *bits;
	size_t words;
};
bool schema_apply(struct schema_run *r, const struct schema_rule *rule,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at);

/* schema_quick.c: the same for the verdict alone: no path, no marks. */
bool schema_quick(struct schema_run *r, const struct schema_rule *rule,
    const struct json_node *n);
/* Prepares what it reads, when all rules are compiled. */
void schema_quick_prepare(
    const struct schema *s, struct schema_rule **rules, size_t len);
/* schema_run.c: any operation, and any rule with unevaluated keywords. */
bool schema_run_op(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n);
bool schema_run_marked(struct schema_run *r, const struct schema_rule *rule,
    const struct json_node *n);

static inline bool
schema_type_fits(unsigned types, const struct json_node *n)
{
	if ((types & TYPE_BIT(n->type)) != 0)
		return true;
	return (types & TYPE_INTEGER) != 0 && n->type == JSON_NUMBER
	    && (n->integer || schema_number_is_integer(n));
}

/* Takes steps; false when they have run out. */
static inline bool
schema_charge(struct schema_run *r, uint64_t steps)
{
	if (r->steps >= steps) {
		r->steps -= steps;
		return true;
	}
	r->steps = 0;
	if (r->stop == STOP_NONE)
		r->stop = STOP_STEPS;
	return false;
}

/* Names and texts of a schema against those of a value.  They are short, and
 * there are many: words at a time, and inline, because the call of memcmp()
 * costs more than the comparison (tavily_search of tests/bench/schema: 154 ns
 * with bytes and memcmp(), see there). */
static inline uint64_t
schema_word(const char *p, size_t len)
{
	uint64_t word = 0;

	memcpy(&word, p, len);
	return word;
}

static inline bool
schema_text_same(struct str a, struct str b)
{
	size_t i = 0;

	if (a.len != b.len)
		return false;
	if (a.len >= 8) {
		for (; i + 8 < a.len; i += 8)
			if (schema_word(a.ptr + i, 8)
			    != schema_word(b.ptr + i, 8))
				return false;
		i = a.len - 8;
		return schema_word(a.ptr + i, 8) == schema_word(b.ptr + i, 8);
	}
	if (a.len >= 4)
		return schema_word(a.ptr, 4) == schema_word(b.ptr, 4)
		    && schema_word(a.ptr + a.len - 4, 4)
		    == schema_word(b.ptr + a.len - 4, 4);
	while (i < a.len && a.ptr[i] == b.ptr[i])
		i++;
	return i == a.len;
}

static inline struct schema_key
schema_key_of(const char *p, size_t len)
{
	struct schema_key k = { .text = { p, len } };

	if (len >= 8) {
		k.head = schema_word(p, 8);
		k.tail = schema_word(p + len - 8, 8);
	} else if (len >= 4) {
		k.head = schema_word(p, 4) | schema_word(p + len - 4, 4) << 32;
	} else if (len > 0) {
		k.head = (uint64_t)(unsigned char)p[0]
		    | (uint64_t)(unsigned char)p[len / 2] << 8
		    | (uint64_t)(unsigned char)p[len - 1] << 16;
	}
	return k;
}

static inline bool
schema_key_same(const struct schema_key *a, const struct schema_key *b)
{
	if (a->head != b->head || a->tail != b->tail
	    || a->text.len != b->text.len)
		return false;
	return a->text.len <= 16 || schema_text_same(a->text, b->text);
}

/* The keys that are in a table come from the schema, so that what a client
 * sends meets no longer chains than the schema has. */
static inline uint32_t
schema_key_hash(const struct schema_key *k)
{
	const uint64_t mix = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t hash = (k->head ^ k->text.len) * mix;

	hash = (hash ^ hash >> 29 ^ k->tail) * mix;
	for (size_t i = 8; i + 8 < k->text.len && i < 64; i += 8) {
		hash = (hash ^ schema_word(k->text.ptr + i, 8)) * mix;
		hash ^= hash >> 32;
	}
	return (uint32_t)(hash >> 32);
}

#define SCHEMA_GUESSES 4 /* properties looked at before the table */

/* NULL: not declared.  Callers like the order of the schema and leave some out:
 * guess is the one that comes next. */
static inline const struct schema_property *
schema_property_find(const struct schema_object *o,
    const struct schema_key *name, uint32_t guess)
{
	const struct schema_property *p = o->properties;
	uint32_t end = o->properties_len, i;

	if (end > guess + SCHEMA_GUESSES)
		end = guess + SCHEMA_GUESSES;
	for (i = guess; i < end; i++)
		if (schema_key_same(&p[i].key, name))
			return &p[i];
	if (o->buckets == NULL) {
		for (i = 0; i < o->properties_len; i++)
			if (schema_key_same(&p[i].key, name))
				return &p[i];
		return NULL;
	}
	i = o->buckets[schema_key_hash(name) & o->buckets_mask];
	for (; i != 0; i = p[i - 1].next)
		if (schema_key_same(&p[i - 1].key, name))
			return &p[i - 1];
	return NULL;
}

static inline bool
schema_enum_has_text(const struct schema_enum *e, const struct json_node *n)
{
	struct schema_key text = schema_key_of(n->text, n->text_len);
	uint32_t i = e->buckets[schema_key_hash(&text) & e->mask];

	while (i != 0 && !schema_key_same(&e->texts[i - 1].key, &text))
		i = e->texts[i - 1].next;
	return i != 0;
}

/* schema_value.c: NULL without memory. */
struct schema_enum *schema_enum_create(
    struct arena *arena, const struct json_node *list);
bool schema_enum_has(struct schema_run *r, const struct schema_enum *e,
    const struct json_node *n);
bool schema_value_same(
    struct schema_run *r, const struct json_node *a, const struct json_node *b);
bool schema_values_unique(struct schema_run *r, const struct json_node *array,
    uint32_t *first, uint32_t *second);

/* schema_check.c: operations that apply no other rule. */
typedef bool schema_function(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at);
schema_function schema_run_const;
schema_function schema_run_enum;
schema_function schema_run_limit;
schema_function schema_run_multiple;
schema_function schema_run_length;
schema_function schema_run_count;
schema_function schema_run_format;
schema_function schema_run_pattern;
schema_function schema_run_unique;
/* Text against a pattern; a match that costs too much stops the run. */
bool schema_is_match(
    struct schema_run *r, const struct schema_pattern *p, struct str text);

/* schema_report.c; every function returns false, for "return fail_..". */
__attribute__((format(printf, 4, 5))) bool schema_fail_text(
    struct schema_run *r, const struct schema_path *at, const char *keyword,
    const char *fmt, ...);
bool schema_fail_types(struct schema_run *r, const struct schema_path *at,
    const char *keyword, unsigned types, const struct json_node *found);
bool schema_fail_value(struct schema_run *r, const struct schema_path *at,
    const char *keyword, const char *expected, struct str what,
    const struct json_node *found);
bool schema_fail_enum(struct schema_run *r, const struct schema_path *at,
    const struct json_node *allowed, const struct json_node *found);
bool schema_fail_unknown(struct schema_run *r, const struct schema_path *at,
    const char *keyword, const struct schema_object *object);
bool schema_fail_missing(struct schema_run *r, const struct schema_path *at,
    const char *keyword, struct str name, const struct schema_object *object,
    const struct json_node *found);
void schema_report_stop(struct schema_report *report, enum schema_stop stop);
void schema_report_seal(struct schema_report *report);

#endif
