/* SPDX-License-Identifier: Apache-2.0 */
/* From parsed nodes to rules: a queue of subschemas, each compiled by its
 * keywords, then a search for references that lead back to themselves. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "data/schema_compile.h"
#include "data/schema_run.h"

static void
put_key(struct buf *b, struct str key)
{
	buf_char(b, '/');
	for (size_t i = 0; i < key.len; i++) {
		if (key.ptr[i] == '~')
			BUF_LIT(b, "~0");
		else if (key.ptr[i] == '/')
			BUF_LIT(b, "~1");
		else
			buf_char(b, key.ptr[i]);
	}
}

static bool
holds(const struct json_node *value, const struct json_node *node)
{
	return node >= value && node < value + value->span;
}

/* One step from a container towards node; NULL when node is the name of a
 * member, or outside. */
static const struct json_node *
put_step(
    struct buf *b, const struct json_node *at, const struct json_node *node)
{
	unsigned i = 0;

	if (at->type == JSON_OBJECT) {
		JSON_EACH_MEMBER (k, v, at) {
			if (k != node && !holds(v, node))
				continue;
			put_key(b, json_str(k));
			return k == node ? NULL : v;
		}
	}
	if (at->type == JSON_ARRAY) {
		JSON_EACH_ELEMENT (v, at) {
			if (holds(v, node)) {
				buf_printf(b, "/%u", i);
				return v;
			}
			i++;
		}
	}
	return NULL;
}

void
schema_pointer_put(struct buf *b, const struct schema_source *source,
    const struct json_node *node)
{
	const struct json_node *at = source->doc.nodes;

	while (at != NULL && at != node)
		at = put_step(b, at, node);
}

int
schema_refuse(struct schema_compiler *c, const struct schema_source *source,
    const struct json_node *node, int code, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	struct buf pointer;
	va_list args;

	buf_init(&pointer);
	/* Only documents other than the first are named. */
	if (source->next != NULL) {
		buf_str(&pointer, source->uri);
		buf_char(&pointer, '#');
	}
	if (node != NULL)
		schema_pointer_put(&pointer, source, node);
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (c->pointer != NULL)
		buf_str(c->pointer, buf_view(&pointer));
	if (pointer.len == 0)
		buf_char(&pointer, '/');
	(void)err_set(
	    c->err, code, "%.*s: %s", STR_FMT(buf_view(&pointer)), text);
	buf_finish(&pointer);
	return code;
}

int
schema_nomem(struct schema_compiler *c)
{
	return err_set(c->err, ERR_NOMEM,
	    "/: more memory than %zu MiB, or there is none",
	    SCHEMA_MEMORY_MAX >> 20);
}

static int
queue_grow(struct schema_compiler *c)
{
	size_t cap = c->rules_cap == 0 ? 64 : c->rules_cap * 2;
	struct schema_rule **rules;

	if (c->rules_len < c->rules_cap)
		return 0;
	rules = realloc(c->rules, cap * sizeof *rules);
	if (rules == NULL)
		return schema_nomem(c);
	c->rules = rules;
	c->rules_cap = cap;
	return 0;
}

struct schema_rule *
schema_rule_of(struct schema_compiler *c, struct schema_source *source,
    const struct json_node *node, const struct schema_resource *resource)
{
	struct schema_rule **slot = &source->rule_of[node - source->doc.nodes];

	if (*slot != NULL)
		return *slot;
	if (c->rules_len >= SCHEMA_SUBSCHEMAS_MAX) {
		(void)schema_refuse(c, source, node, ERR_LIMIT,
		    "more than %d subschemas", SCHEMA_SUBSCHEMAS_MAX);
		return NULL;
	}
	if (queue_grow(c) < 0)
		return NULL;
	*slot = arena_zalloc(&c->schema->arena, sizeof **slot);
	if (*slot == NULL) {
		(void)schema_nomem(c);
		return NULL;
	}
	(*slot)->node = node;
	(*slot)->resource = resource;
	c->rules[c->rules_len++] = *slot;
	return *slot;
}

/* The compiled operations, in the order of their codes. */
static int
take_ops(struct schema_compiler *c, struct schema_rule *rule)
{
	struct schema_op *ops;

	for (uint32_t i = 1; i < c->ops_len; i++) {
		struct schema_op op = c->ops[i];
		uint32_t at = i;

		for (; at > 0 && c->ops[at - 1].code > op.code; at--)
			c->ops[at] = c->ops[at - 1];
		c->ops[at] = op;
	}
	ops = arena_alloc(&c->schema->arena, (c->ops_len + 1) * sizeof *ops);
	if (ops == NULL)
		return schema_nomem(c);
	memcpy(ops, c->ops, c->ops_len * sizeof *ops);
	rule->ops = ops;
	rule->len = c->ops_len;
	if (rule->len == 1 && rule->types == 0 && ops[0].code == OP_REF)
		rule->alias = ops[0].u.rule;
	for (uint32_t i = 0; i < rule->len; i++)
		if (ops[i].code >= OP_UNEVALUATED_ITEMS)
			rule->unevaluated = true;
	return 0;
}

static int
compile_keywords(struct schema_compiler *c, struct schema_rule *rule)
{
	const struct json_node *ref = json_get(rule->node, S("$ref"));
	bool only_ref =
	    rule->resource->draft == DRAFT_7 && json_type(ref) == JSON_STRING;

	JSON_EACH_MEMBER (name, value, rule->node) {
		const struct schema_keyword *k;
		int rc;

		if (only_ref && value != ref)
			continue;
		k = schema_keyword_find(rule->resource, json_str(name));
		if (k == NULL || k->compile == NULL)
			continue;
		rc = k->compile(c, rule, k, value);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int
compile_rule(struct schema_compiler *c, struct schema_rule *rule)
{
	int rc;

	if (rule->node->type == JSON_TRUE || rule->node->count == 0)
		rule->kind =
		    rule->node->type == JSON_FALSE ? RULE_FALSE : RULE_TRUE;
	if (rule->node->type != JSON_OBJECT)
		return 0;
	c->ops_len = 0;
	rc = compile_keywords(c, rule);
	return rc < 0 ? rc : take_ops(c, rule);
}

/* The n-th rule that an operation applies to the same value; NULL: no more. */
static const struct schema_rule *
next_in_place(const struct schema_op *op, uint32_t n)
{
	switch (op->code) {
	case OP_REF:
	case OP_NOT:
		return n == 0 ? op->u.rule : NULL;
	case OP_DYNAMIC_REF:
		return n == 0 && op->anchor.len == 0 ? op->u.rule : NULL;
	case OP_ALL_OF:
	case OP_ANY_OF:
	case OP_ONE_OF:
		return n < op->len ? op->u.rules[n] : NULL;
	case OP_IF:
		return n == 0 ? op->u.branch->test : NULL;
	default:
		return NULL;
	}
}

enum { NEW = 0, OPEN = 1, SEEN = 2 };

struct visit {
	struct schema_rule *rule;
	uint32_t op;
	uint32_t n;
};

static int
refuse_loop(struct schema_compiler *c, const struct schema_rule *rule)
{
	return schema_refuse(c, rule->resource->source, rule->node, ERR_PARAMS,
	    "a loop: it refers to itself without going down into the value");
}

/* Depth first from one rule; path has room for every rule. */
static int
find_loop(
    struct schema_compiler *c, struct schema_rule *from, struct visit *path)
{
	size_t depth = 0;

	if (from->visited != NEW)
		return 0;
	from->visited = OPEN;
	path[depth++] = (struct visit){ from, 0, 0 };
	while (depth > 0) {
		struct visit *v = &path[depth - 1];
		const struct schema_rule *next;

		if (v->op == v->rule->len) {
			v->rule->visited = SEEN;
			depth--;
			continue;
		}
		next = next_in_place(&v->rule->ops[v->op], v->n++);
		if (next == NULL) {
			v->op++;
			v->n = 0;
		} else if (next->visited == OPEN) {
			return refuse_loop(c, next);
		} else if (next->visited == NEW) {
			struct schema_source *source = next->resource->source;

			path[depth] = (struct visit){
				source->rule_of[next->node - source->doc.nodes],
				0, 0
			};
			path[depth++].rule->visited = OPEN;
		}
	}
	return 0;
}

int
schema_compile_rules(struct schema_compiler *c)
{
	struct visit *path;
	int rc = 0;

	/* The queue grows meanwhile. */
	for (size_t i = 0; i < c->rules_len; i++) {
		rc = compile_rule(c, c->rules[i]);
		if (rc < 0)
			return rc;
	}
	/* One more, since zero bytes may be NULL. */
	path = calloc(c->rules_len + 1, sizeof *path);
	if (path == NULL)
		return schema_nomem(c);
	for (size_t i = 0; rc == 0 && i < c->rules_len; i++)
		rc = find_loop(c, c->rules[i], path);
	free(path);
	if (rc == 0)
		schema_quick_prepare(c->schema, c->rules, c->rules_len);
	return rc;
}
