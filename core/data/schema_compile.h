/* SPDX-License-Identifier: Apache-2.0 */
/* What lives while a schema is compiled.  Private to the engine. */
#ifndef DATA_SCHEMA_COMPILE_H
#define DATA_SCHEMA_COMPILE_H

#include "data/schema_priv.h"

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

/* The text of a document that may be referred to. */
int schema_document_find(const struct schema_compiler *c, struct str uri,
    struct str *json, struct err *why);
struct str schema_without_fragment(struct str uri);

/* schema_identity.c */
/* The resource a schema belongs to: its parent's, or a new one. */
int schema_identify(struct schema_compiler *c, struct schema_source *source,
    const struct json_node *node, struct schema_resource *parent,
    struct schema_resource **out);
int schema_anchors_add(struct schema_compiler *c, struct schema_source *source,
    const struct json_node *node, struct schema_resource *r);
/* What an anchor is found by; ptr NULL without memory. */
struct str schema_anchor_key(struct schema_compiler *c,
    const struct schema_resource *r, struct str name);
/* In the arena: the absolute form of ref, without fragment. */
int schema_uri_absolute(struct schema_compiler *c, struct str base,
    struct str ref, struct str *out);

#endif
