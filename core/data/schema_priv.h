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
#include "data/schema_key.h"

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

/* schema_regex.c: appends what means the same to PCRE2; ERR_SYNTAX, ERR_LIMIT
 * or ERR_NOMEM with one line in err. */
int schema_regex_translate(struct str source, struct buf *out, struct err *err);

/* schema_format.c; NULL: unknown, an annotation only. */
const struct schema_format *schema_format_find(struct str name);

#endif
