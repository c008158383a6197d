/* SPDX-License-Identifier: Apache-2.0 */
/* Keywords that look at one value: what they must be, and what they compile to.
 */
#include "data/schema_keyword.h"

#include <string.h>

#include "base/check.h"
#include "data/schema_run.h"
#include "data/uri.h"

struct schema_op *
schema_op_add(
    struct schema_compiler *c, uint8_t code, unsigned mask, const char *keyword)
{
	struct schema_op *op;

	/* Each keyword adds one at most. */
	CHECK(c->ops_len < SCHEMA_OPS_MAX);
	op = &c->ops[c->ops_len++];
	memset(op, 0, sizeof *op);
	op->code = code;
	op->mask = (uint8_t)mask;
	op->keyword = keyword;
	return op;
}

bool
schema_op_has(const struct schema_compiler *c, uint8_t code)
{
	for (uint32_t i = 0; i < c->ops_len; i++)
		if (c->ops[i].code == code)
			return true;
	return false;
}

void *
schema_take(struct schema_compiler *c, size_t n, size_t size)
{
	void *p;

	/* n counts nodes of a document, so that the product fits. */
	p = arena_zalloc(&c->schema->arena, n == 0 ? 1 : n * size);
	if (p == NULL)
		(void)schema_nomem(c);
	return p;
}

/* The rule of a subschema in the same document; the walk has made it. */
const struct schema_rule *
schema_rule_at(const struct schema_rule *rule, const struct json_node *node)
{
	const struct schema_source *source = rule->resource->source;

	return node == NULL ? NULL : source->rule_of[node - source->doc.nodes];
}

int
schema_need(struct schema_compiler *c, const struct schema_rule *rule,
    const struct json_node *value, enum json_type type, const char *what)
{
	if (value->type == type
	    || (type == JSON_TRUE && value->type == JSON_FALSE))
		return 0;
	return REFUSE(c, rule, value, "must be %s", what);
}

int
schema_check_string(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	(void)k;
	return schema_need(c, rule, value, JSON_STRING, "a string");
}

int
schema_check_boolean(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	(void)k;
	return schema_need(c, rule, value, JSON_TRUE, "a boolean");
}

int
schema_check_array(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	(void)k;
	return schema_need(c, rule, value, JSON_ARRAY, "an array");
}

int
schema_check_object(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	(void)k;
	return schema_need(c, rule, value, JSON_OBJECT, "an object");
}

int
schema_compile_ref(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	struct schema_op *op;

	if (value->type != JSON_STRING || !uri_is_reference(json_str(value)))
		return REFUSE(c, rule, value, "must be a URI reference");
	op = schema_op_add(c, k->code, TYPE_ANY, k->name);
	op->u.rule = schema_resolve(
	    c, rule, value, k->code == OP_DYNAMIC_REF ? &op->anchor : NULL);
	if (op->u.rule == NULL)
		return ERR_NOTFOUND;
	if (op->anchor.len > 0)
		c->schema->dynamic = true;
	return 0;
}

static unsigned
type_bits(struct str name)
{
	static const struct {
		const char *name;
		unsigned bits;
	} types[] = {
		{ "null", TYPE_BIT(JSON_NULL) },
		{ "boolean", TYPE_BOOLEAN },
		{ "integer", TYPE_INTEGER },
		{ "number", TYPE_BIT(JSON_NUMBER) },
		{ "string", TYPE_BIT(JSON_STRING) },
		{ "array", TYPE_BIT(JSON_ARRAY) },
		{ "object", TYPE_BIT(JSON_OBJECT) },
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_equal(name, str_of(types[i].name)))
			return types[i].bits;
	return 0;
}

static int
add_type(struct schema_compiler *c, struct schema_rule *rule,
    const struct json_node *value)
{
	static const char *const names[] = { "null", "boolean", "integer",
		"number", "string", "array", "object" };
	unsigned bits = type_bits(json_str(value));
	const char *near;

	if (value->type != JSON_STRING)
		return REFUSE(c, rule, value,
		    "must be a type's name or an array of them");
	if (bits == 0) {
		near = str_nearest(json_str(value), names, ARRAY_LEN(names));
		return REFUSE(c, rule, value,
		    "\"%.*s\" is not a JSON Schema type%s%s%s",
		    STR_FMT(json_str(value)),
		    near != NULL ? ", did you mean \"" : "",
		    near != NULL ? near : "", near != NULL ? "\"?" : "");
	}
	if ((rule->types & bits) == bits)
		return REFUSE(c, rule, value, "names a type twice");
	rule->types |= (uint8_t)bits;
	return 0;
}

int
schema_compile_type(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	int rc = 0;

	(void)k;
	if (value->type != JSON_ARRAY)
		return add_type(c, rule, value);
	if (value->count == 0)
		return REFUSE(c, rule, value, "must name a type");
	JSON_EACH_ELEMENT (v, value) {
		rc = add_type(c, rule, v);
		if (rc < 0)
			return rc;
	}
	return rc;
}

int
schema_compile_value(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	(void)rule;
	schema_op_add(c, k->code, TYPE_ANY, k->name)->u.value = value;
	return 0;
}

int
schema_compile_enum(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	struct schema_enum *values;

	if (value->type != JSON_ARRAY)
		return REFUSE(c, rule, value, "must be an array of values");
	values = schema_enum_create(&c->schema->arena, value);
	if (values == NULL)
		return schema_nomem(c);
	schema_op_add(c, OP_ENUM, TYPE_ANY, k->name)->u.values = values;
	return 0;
}

int
schema_compile_limit(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	struct schema_limit *limit;
	char *space;

	if (value->type != JSON_NUMBER)
		return REFUSE(c, rule, value, "must be a number");
	limit = schema_take(c, 1, sizeof *limit);
	space = schema_take(c, value->raw_len, 1);
	if (limit == NULL || space == NULL)
		return ERR_NOMEM;
	limit->text = json_raw(value);
	schema_decimal_read(limit->text, space, &limit->exact);
	limit->small = value->integer && value->raw_len <= 18
	    && json_i64(value, &limit->value) == 0;
	if (k->code == OP_MULTIPLE_OF
	    && (limit->exact.len == 0 || limit->exact.negative))
		return REFUSE(c, rule, value, "must be above 0");
	schema_op_add(c, k->code, ON_NUMBER, k->name)->u.limit = limit;
	return 0;
}

int
schema_count_read(struct schema_compiler *c, const struct schema_rule *rule,
    const struct json_node *value, uint64_t *out)
{
	int64_t count = 0;
	int rc = ERR_SYNTAX;

	if (value->type == JSON_NUMBER && value->raw[0] != '-')
		rc = json_i64(value, &count);
	else if (value->type == JSON_NUMBER && json_i64(value, &count) == 0
	    && count == 0)
		rc = 0; /* -0 */
	if (rc == ERR_LIMIT)
		count = INT64_MAX; /* nothing is that long */
	else if (rc < 0)
		return REFUSE(
		    c, rule, value, "must be a whole number, 0 or above");
	*out = (uint64_t)count;
	return 0;
}

int
schema_compile_count(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	unsigned mask = ON_OBJECT;
	uint64_t count = 0;
	int rc = schema_count_read(c, rule, value, &count);

	if (k->code == OP_MAX_LENGTH || k->code == OP_MIN_LENGTH)
		mask = ON_STRING;
	else if (k->code == OP_MAX_ITEMS || k->code == OP_MIN_ITEMS)
		mask = ON_ARRAY;
	/* OP_COUNT: minContains and maxContains belong to contains. */
	if (rc == 0 && k->code != OP_COUNT)
		schema_op_add(c, k->code, mask, k->name)->u.count = count;
	return rc;
}

const struct schema_pattern *
schema_pattern_add(struct schema_compiler *c, const struct schema_rule *rule,
    const struct json_node *at, struct str source)
{
	struct schema_pattern *p = schema_take(c, 1, sizeof *p);
	struct err why = { 0 };

	if (p == NULL)
		return NULL;
	p->source = source;
	if (schema_pattern_compile(p, source, &why) < 0) {
		schema_pattern_finish(p);
		(void)REFUSE(
		    c, rule, at, "wrong regular expression: %s", why.text);
		return NULL;
	}
	p->next = c->schema->patterns;
	c->schema->patterns = p;
	return p;
}

int
schema_compile_pattern(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	const struct schema_pattern *p;

	if (value->type != JSON_STRING)
		return REFUSE(c, rule, value, "must be a regular expression");
	p = schema_pattern_add(c, rule, value, json_str(value));
	if (p == NULL)
		return ERR_PARAMS;
	schema_op_add(c, k->code, ON_STRING, k->name)->u.pattern = p;
	return 0;
}

int
schema_compile_format(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	const struct schema_format *f;
	bool assertion = c->options->assert_format
	    || (rule->resource->vocabularies & VOCAB_FORMAT_ASSERTION) != 0;

	if (value->type != JSON_STRING)
		return REFUSE(c, rule, value, "must be a string");
	f = assertion ? schema_format_find(json_str(value)) : NULL;
	if (f != NULL)
		schema_op_add(c, k->code, ON_STRING, k->name)->u.format = f;
	return 0;
}

int
schema_compile_unique(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	int rc = schema_need(c, rule, value, JSON_TRUE, "a boolean");

	if (rc == 0 && value->type == JSON_TRUE)
		(void)schema_op_add(c, k->code, ON_ARRAY, k->name);
	return rc;
}
