/* SPDX-License-Identifier: Apache-2.0 */
/* The keywords: which there are in each draft, how they hold subschemas, what
 * their values must be, and what they compile to. */
#include <string.h>

#include "base/check.h"
#include "data/schema_priv.h"
#include "data/uri.h"

#define ON_OBJECT TYPE_BIT(JSON_OBJECT)
#define ON_ARRAY TYPE_BIT(JSON_ARRAY)
#define ON_STRING TYPE_BIT(JSON_STRING)
#define ON_NUMBER TYPE_BIT(JSON_NUMBER)
#define PROPERTIES_TRIED 8 /* more are found by hash */

/* Refuses a value of this keyword. */
#define REFUSE(c_, rule_, node_, ...) \
	schema_refuse( \
	    (c_), (rule_)->resource->source, (node_), ERR_PARAMS, __VA_ARGS__)

static struct schema_op *
add_op(
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

static bool
has_op(const struct schema_compiler *c, uint8_t code)
{
	for (uint32_t i = 0; i < c->ops_len; i++)
		if (c->ops[i].code == code)
			return true;
	return false;
}

static void *
take(struct schema_compiler *c, size_t n, size_t size)
{
	void *p;

	/* n counts nodes of a document, so that the product fits. */
	p = arena_zalloc(&c->schema->arena, n == 0 ? 1 : n * size);
	if (p == NULL)
		(void)schema_nomem(c);
	return p;
}

/* The rule of a subschema in the same document; the walk has made it. */
static const struct schema_rule *
rule_at(const struct schema_rule *rule, const struct json_node *node)
{
	const struct schema_source *source = rule->resource->source;

	return node == NULL ? NULL : source->rule_of[node - source->doc.nodes];
}

static int
need(struct schema_compiler *c, const struct schema_rule *rule,
    const struct json_node *value, enum json_type type, const char *what)
{
	if (value->type == type
	    || (type == JSON_TRUE && value->type == JSON_FALSE))
		return 0;
	return REFUSE(c, rule, value, "must be %s", what);
}

static int
check_string(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	(void)k;
	return need(c, rule, value, JSON_STRING, "a string");
}

static int
check_boolean(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	(void)k;
	return need(c, rule, value, JSON_TRUE, "a boolean");
}

static int
check_array(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	(void)k;
	return need(c, rule, value, JSON_ARRAY, "an array");
}

static int
check_object(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	(void)k;
	return need(c, rule, value, JSON_OBJECT, "an object");
}

static int
compile_ref(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	struct schema_op *op;

	if (value->type != JSON_STRING || !uri_is_reference(json_str(value)))
		return REFUSE(c, rule, value, "must be a URI reference");
	op = add_op(c, k->code, TYPE_ANY, k->name);
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

static int
compile_type(struct schema_compiler *c, struct schema_rule *rule,
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

static int
compile_value(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	(void)rule;
	add_op(c, k->code, TYPE_ANY, k->name)->u.value = value;
	return 0;
}

static int
compile_enum(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	struct schema_enum *values;

	if (value->type != JSON_ARRAY)
		return REFUSE(c, rule, value, "must be an array of values");
	values = schema_enum_create(&c->schema->arena, value);
	if (values == NULL)
		return schema_nomem(c);
	add_op(c, OP_ENUM, TYPE_ANY, k->name)->u.values = values;
	return 0;
}

static int
compile_limit(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	struct schema_limit *limit;
	char *space;

	if (value->type != JSON_NUMBER)
		return REFUSE(c, rule, value, "must be a number");
	limit = take(c, 1, sizeof *limit);
	space = take(c, value->raw_len, 1);
	if (limit == NULL || space == NULL)
		return ERR_NOMEM;
	limit->text = json_raw(value);
	schema_decimal_read(limit->text, space, &limit->exact);
	limit->small = value->integer && value->raw_len <= 18
	    && json_i64(value, &limit->value) == 0;
	if (k->code == OP_MULTIPLE_OF
	    && (limit->exact.len == 0 || limit->exact.negative))
		return REFUSE(c, rule, value, "must be above 0");
	add_op(c, k->code, ON_NUMBER, k->name)->u.limit = limit;
	return 0;
}

static int
read_count(struct schema_compiler *c, const struct schema_rule *rule,
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

static int
compile_count(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	unsigned mask = ON_OBJECT;
	uint64_t count = 0;
	int rc = read_count(c, rule, value, &count);

	if (k->code == OP_MAX_LENGTH || k->code == OP_MIN_LENGTH)
		mask = ON_STRING;
	else if (k->code == OP_MAX_ITEMS || k->code == OP_MIN_ITEMS)
		mask = ON_ARRAY;
	/* OP_COUNT: minContains and maxContains belong to contains. */
	if (rc == 0 && k->code != OP_COUNT)
		add_op(c, k->code, mask, k->name)->u.count = count;
	return rc;
}

static const struct schema_pattern *
add_pattern(struct schema_compiler *c, const struct schema_rule *rule,
    const struct json_node *at, struct str source)
{
	struct schema_pattern *p = take(c, 1, sizeof *p);
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

static int
compile_pattern(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	const struct schema_pattern *p;

	if (value->type != JSON_STRING)
		return REFUSE(c, rule, value, "must be a regular expression");
	p = add_pattern(c, rule, value, json_str(value));
	if (p == NULL)
		return ERR_PARAMS;
	add_op(c, k->code, ON_STRING, k->name)->u.pattern = p;
	return 0;
}

static int
compile_format(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	const struct schema_format *f;
	bool assertion = c->options->assert_format
	    || (rule->resource->vocabularies & VOCAB_FORMAT_ASSERTION) != 0;

	if (value->type != JSON_STRING)
		return REFUSE(c, rule, value, "must be a string");
	f = assertion ? schema_format_find(json_str(value)) : NULL;
	if (f != NULL)
		add_op(c, k->code, ON_STRING, k->name)->u.format = f;
	return 0;
}

static int
compile_one(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	unsigned mask = TYPE_ANY;

	if (k->code == OP_UNEVALUATED_ITEMS)
		mask = ON_ARRAY;
	else if (k->code != OP_NOT)
		mask = ON_OBJECT;
	add_op(c, k->code, mask, k->name)->u.rule = rule_at(rule, value);
	return 0;
}

static const struct schema_rule **
rules_of(struct schema_compiler *c, const struct schema_rule *rule,
    const struct json_node *list)
{
	const struct schema_rule **rules;
	size_t n = 0;

	rules = take(c, list->count, sizeof *rules);
	if (rules == NULL)
		return NULL;
	JSON_EACH_ELEMENT (v, list)
		rules[n++] = rule_at(rule, v);
	return rules;
}

static int
compile_list(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	const struct schema_rule **rules;
	struct schema_op *op;

	if (value->type != JSON_ARRAY || value->count == 0)
		return REFUSE(c, rule, value,
		    "must be an array of schemas, one at least");
	rules = rules_of(c, rule, value);
	if (rules == NULL)
		return ERR_NOMEM;
	op = add_op(c, k->code, TYPE_ANY, k->name);
	op->u.rules = rules;
	op->len = value->count;
	return 0;
}

static int
compile_if(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	struct schema_branch *b = take(c, 1, sizeof *b);

	if (b == NULL)
		return ERR_NOMEM;
	b->test = rule_at(rule, value);
	b->yes = rule_at(rule, schema_keyword_get(rule, "then"));
	b->no = rule_at(rule, schema_keyword_get(rule, "else"));
	add_op(c, k->code, TYPE_ANY, k->name)->u.branch = b;
	return 0;
}

/* prefixItems and items; items and additionalItems of draft-07. */
static int
compile_items(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	const struct json_node *items = schema_keyword_get(rule, "items");
	const struct json_node *prefix, *rest = items;
	struct schema_items *out;

	if (rule->resource->draft == DRAFT_2020) {
		prefix = schema_keyword_get(rule, "prefixItems");
		if (prefix != NULL
		    && (prefix->type != JSON_ARRAY || prefix->count == 0))
			return REFUSE(c, rule, prefix,
			    "must be an array of schemas, one at least");
	} else {
		prefix = json_type(items) == JSON_ARRAY ? items : NULL;
		if (prefix != NULL)
			rest = schema_keyword_get(rule, "additionalItems");
	}
	(void)value;
	if (has_op(c, OP_ITEMS) || (prefix == NULL && rest == NULL))
		return 0;
	out = take(c, 1, sizeof *out);
	if (out == NULL)
		return ERR_NOMEM;
	if (prefix != NULL) {
		out->prefix = rules_of(c, rule, prefix);
		if (out->prefix == NULL)
			return ERR_NOMEM;
		out->prefix_len = prefix->count;
	}
	out->rest = rule_at(rule, rest);
	add_op(c, OP_ITEMS, ON_ARRAY, k->name)->u.items = out;
	return 0;
}

static int
compile_contains(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	struct schema_contains *out = take(c, 1, sizeof *out);
	const struct json_node *min = schema_keyword_get(rule, "minContains");
	const struct json_node *max = schema_keyword_get(rule, "maxContains");
	int rc = 0;

	if (out == NULL)
		return ERR_NOMEM;
	out->rule = rule_at(rule, value);
	out->min = 1;
	out->max = UINT64_MAX;
	if (min != NULL)
		rc = read_count(c, rule, min, &out->min);
	if (rc == 0 && max != NULL)
		rc = read_count(c, rule, max, &out->max);
	add_op(c, k->code, ON_ARRAY, k->name)->u.contains = out;
	return rc;
}

/* An array of unique strings, as a list in the arena. */
static int
read_names(struct schema_compiler *c, const struct schema_rule *rule,
    const struct json_node *value, const struct str **out)
{
	struct str *names;
	struct map seen;
	size_t n = 0;
	int rc = 0;

	if (value->type != JSON_ARRAY)
		return REFUSE(
		    c, rule, value, "must be an array of property names");
	names = take(c, value->count, sizeof *names);
	if (names == NULL)
		return ERR_NOMEM;
	map_init(&seen);
	JSON_EACH_ELEMENT (v, value) {
		void *old = NULL;

		names[n] = json_str(v);
		if (v->type != JSON_STRING)
			rc = REFUSE(c, rule, v, "must be a property name");
		else if (map_set(&seen, names[n], &names[n], &old) < 0)
			rc = schema_nomem(c);
		else if (old != NULL)
			rc = REFUSE(c, rule, v, "is named twice");
		if (rc < 0)
			break;
		n++;
	}
	map_finish(&seen);
	*out = names;
	return rc;
}

static int
compile_dependent(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	struct schema_dependent *list, *d;
	struct schema_op *op;
	int rc;

	rc = need(c, rule, value, JSON_OBJECT, "an object");
	if (rc < 0)
		return rc;
	list = d = take(c, value->count, sizeof *list);
	if (list == NULL)
		return ERR_NOMEM;
	JSON_EACH_MEMBER (name, v, value) {
		d->name = json_str(name);
		if (k->children == CHILD_MAP
		    || (k->children == CHILD_MAP_MIXED
			&& v->type != JSON_ARRAY)) {
			d->rule = rule_at(rule, v);
		} else {
			rc = read_names(c, rule, v, &d->required);
			if (rc < 0)
				return rc;
			d->required_len = v->count;
		}
		d++;
	}
	op = add_op(c, k->code, ON_OBJECT, k->name);
	op->u.dependents = list;
	op->len = value->count;
	return 0;
}

/* What properties and required name, as one table. */
static int
fill_properties(struct schema_compiler *c, const struct schema_rule *rule,
    struct schema_object *o, const struct json_node *properties,
    struct schema_property *table)
{
	const char **names = take(c, properties->count, sizeof *names);
	struct map index;
	uint32_t n = 0;
	int rc = names == NULL ? ERR_NOMEM : 0;

	map_init(&index);
	JSON_EACH_MEMBER (name, v, properties) {
		if (rc < 0)
			break;
		table[n].key = schema_key_of(name->text, name->text_len);
		table[n].rule = rule_at(rule, v);
		table[n].required = -1;
		names[n] = arena_dup(&c->schema->arena, json_str(name)).ptr;
		if (names[n] == NULL
		    || map_set(&index, json_str(name), &table[n], NULL) < 0)
			rc = schema_nomem(c);
		n++;
	}
	o->names = names;
	o->names_len = n;
	for (uint32_t i = 0; rc == 0 && i < o->required_len
	     && o->required_len <= SCHEMA_REQUIRED_BITS;
	     i++) {
		struct schema_property *p = map_find(&index, o->required[i]);

		if (p == NULL) {
			p = &table[n++];
			p->key = schema_key_of(
			    o->required[i].ptr, o->required[i].len);
		}
		p->required = (int16_t)i;
	}
	map_finish(&index);
	o->properties = table;
	o->properties_len = n;
	return rc;
}

static int
fill_buckets(struct schema_compiler *c, struct schema_object *o,
    struct schema_property *table)
{
	uint32_t *buckets, size = 16;

	if (o->properties_len <= PROPERTIES_TRIED)
		return 0;
	while (size < 2 * o->properties_len)
		size *= 2;
	buckets = take(c, size, sizeof *buckets);
	if (buckets == NULL)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < o->properties_len; i++) {
		uint32_t at = schema_key_hash(&table[i].key) & (size - 1);

		table[i].next = buckets[at];
		buckets[at] = i + 1;
	}
	o->buckets = buckets;
	o->buckets_mask = size - 1;
	return 0;
}

static int
fill_patterns(struct schema_compiler *c, const struct schema_rule *rule,
    struct schema_object *o, const struct json_node *patterns)
{
	struct schema_pattern_rule *list;
	uint32_t n = 0;

	if (patterns == NULL)
		return 0;
	list = take(c, patterns->count, sizeof *list);
	if (list == NULL)
		return ERR_NOMEM;
	JSON_EACH_MEMBER (name, v, patterns) {
		list[n].pattern = add_pattern(c, rule, name, json_str(name));
		list[n].rule = rule_at(rule, v);
		if (list[n++].pattern == NULL)
			return ERR_PARAMS;
	}
	o->patterns = list;
	o->patterns_len = n;
	return 0;
}

/* properties, patternProperties, additionalProperties and required. */
static int
compile_object(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	static const struct json_node nothing = { .type = JSON_OBJECT,
		.span = 1 };
	const struct json_node *properties =
	    schema_keyword_get(rule, "properties");
	const struct json_node *patterns =
	    schema_keyword_get(rule, "patternProperties");
	const struct json_node *required = schema_keyword_get(rule, "required");
	struct schema_object *o;
	struct schema_property *table;
	size_t most;
	int rc = 0;

	if (k->children == CHILD_MAP)
		rc = need(c, rule, value, JSON_OBJECT, "an object of schemas");
	if (rc < 0 || has_op(c, OP_OBJECT))
		return rc;
	if (json_type(properties) != JSON_OBJECT)
		properties = &nothing;
	o = take(c, 1, sizeof *o);
	most = (size_t)properties->count + json_count(required);
	table = take(c, most, sizeof *table);
	if (o == NULL || table == NULL)
		return ERR_NOMEM;
	if (required != NULL) {
		rc = read_names(c, rule, required, &o->required);
		if (rc < 0)
			return rc;
		o->required_len = required->count;
	}
	o->additional =
	    rule_at(rule, schema_keyword_get(rule, "additionalProperties"));
	rc = fill_properties(c, rule, o, properties, table);
	if (rc == 0)
		rc = fill_buckets(c, o, table);
	if (rc == 0)
		rc = fill_patterns(c, rule, o, patterns);
	add_op(c, OP_OBJECT, ON_OBJECT, k->name)->u.object = o;
	return rc;
}

static int
compile_unique(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	int rc = need(c, rule, value, JSON_TRUE, "a boolean");

	if (rc == 0 && value->type == JSON_TRUE)
		(void)add_op(c, k->code, ON_ARRAY, k->name);
	return rc;
}

#define BOTH (DRAFT_7 | DRAFT_2020)
#define D7 DRAFT_7
#define D20 DRAFT_2020

/* clang-format off */
static const struct schema_keyword keywords[] = {
	{ "$ref", BOTH, CHILD_NONE, VOCAB_CORE, OP_REF, compile_ref },
	{ "$dynamicRef", D20, CHILD_NONE, VOCAB_CORE, OP_DYNAMIC_REF, compile_ref },
	{ "$id", BOTH, CHILD_NONE, VOCAB_CORE, OP_COUNT, check_string },
	{ "$schema", BOTH, CHILD_NONE, VOCAB_CORE, OP_COUNT, check_string },
	{ "$anchor", D20, CHILD_NONE, VOCAB_CORE, OP_COUNT, check_string },
	{ "$dynamicAnchor", D20, CHILD_NONE, VOCAB_CORE, OP_COUNT, check_string },
	{ "$vocabulary", D20, CHILD_NONE, VOCAB_CORE, OP_COUNT, check_object },
	{ "$comment", BOTH, CHILD_NONE, VOCAB_CORE, OP_COUNT, check_string },
	{ "$defs", D20, CHILD_MAP, VOCAB_CORE, OP_COUNT, check_object },
	{ "definitions", BOTH, CHILD_MAP, VOCAB_CORE, OP_COUNT, check_object },

	{ "type", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_COUNT, compile_type },
	{ "const", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_CONST, compile_value },
	{ "enum", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_ENUM, compile_enum },
	{ "maximum", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_MAXIMUM, compile_limit },
	{ "exclusiveMaximum", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_EXCLUSIVE_MAXIMUM, compile_limit },
	{ "minimum", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_MINIMUM, compile_limit },
	{ "exclusiveMinimum", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_EXCLUSIVE_MINIMUM, compile_limit },
	{ "multipleOf", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_MULTIPLE_OF, compile_limit },
	{ "maxLength", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_MAX_LENGTH, compile_count },
	{ "minLength", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_MIN_LENGTH, compile_count },
	{ "pattern", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_PATTERN, compile_pattern },
	{ "maxItems", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_MAX_ITEMS, compile_count },
	{ "minItems", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_MIN_ITEMS, compile_count },
	{ "uniqueItems", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_UNIQUE, compile_unique },
	{ "maxContains", D20, CHILD_NONE, VOCAB_VALIDATION, OP_COUNT, compile_count },
	{ "minContains", D20, CHILD_NONE, VOCAB_VALIDATION, OP_COUNT, compile_count },
	{ "maxProperties", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_MAX_PROPERTIES, compile_count },
	{ "minProperties", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_MIN_PROPERTIES, compile_count },
	{ "required", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_OBJECT, compile_object },
	{ "dependentRequired", D20, CHILD_NONE, VOCAB_VALIDATION, OP_DEPENDENT, compile_dependent },

	{ "properties", BOTH, CHILD_MAP, VOCAB_APPLICATOR, OP_OBJECT, compile_object },
	{ "patternProperties", BOTH, CHILD_MAP, VOCAB_APPLICATOR, OP_OBJECT, compile_object },
	{ "additionalProperties", BOTH, CHILD_ONE, VOCAB_APPLICATOR, OP_OBJECT, compile_object },
	{ "propertyNames", BOTH, CHILD_ONE, VOCAB_APPLICATOR, OP_PROPERTY_NAMES, compile_one },
	{ "dependentSchemas", D20, CHILD_MAP, VOCAB_APPLICATOR, OP_DEPENDENT, compile_dependent },
	{ "dependencies", BOTH, CHILD_MAP_MIXED, VOCAB_APPLICATOR, OP_DEPENDENT, compile_dependent },
	{ "prefixItems", D20, CHILD_LIST, VOCAB_APPLICATOR, OP_ITEMS, compile_items },
	{ "items", D20, CHILD_ONE, VOCAB_APPLICATOR, OP_ITEMS, compile_items },
	{ "items", D7, CHILD_ONE_OR_LIST, VOCAB_APPLICATOR, OP_ITEMS, compile_items },
	{ "additionalItems", D7, CHILD_ONE, VOCAB_APPLICATOR, OP_ITEMS, compile_items },
	{ "contains", BOTH, CHILD_ONE, VOCAB_APPLICATOR, OP_CONTAINS, compile_contains },
	{ "allOf", BOTH, CHILD_LIST, VOCAB_APPLICATOR, OP_ALL_OF, compile_list },
	{ "anyOf", BOTH, CHILD_LIST, VOCAB_APPLICATOR, OP_ANY_OF, compile_list },
	{ "oneOf", BOTH, CHILD_LIST, VOCAB_APPLICATOR, OP_ONE_OF, compile_list },
	{ "not", BOTH, CHILD_ONE, VOCAB_APPLICATOR, OP_NOT, compile_one },
	{ "if", BOTH, CHILD_ONE, VOCAB_APPLICATOR, OP_IF, compile_if },
	{ "then", BOTH, CHILD_ONE, VOCAB_APPLICATOR, OP_COUNT, NULL },
	{ "else", BOTH, CHILD_ONE, VOCAB_APPLICATOR, OP_COUNT, NULL },

	{ "unevaluatedItems", D20, CHILD_ONE, VOCAB_UNEVALUATED, OP_UNEVALUATED_ITEMS, compile_one },
	{ "unevaluatedProperties", D20, CHILD_ONE, VOCAB_UNEVALUATED,
	    OP_UNEVALUATED_PROPERTIES, compile_one },

	{ "format", BOTH, CHILD_NONE, VOCAB_FORMAT | VOCAB_FORMAT_ASSERTION, OP_FORMAT, compile_format },
	{ "contentEncoding", BOTH, CHILD_NONE, VOCAB_CONTENT, OP_COUNT, check_string },
	{ "contentMediaType", BOTH, CHILD_NONE, VOCAB_CONTENT, OP_COUNT, check_string },
	{ "contentSchema", D20, CHILD_ONE, VOCAB_CONTENT, OP_COUNT, NULL },
	{ "title", BOTH, CHILD_NONE, VOCAB_META, OP_COUNT, check_string },
	{ "description", BOTH, CHILD_NONE, VOCAB_META, OP_COUNT, check_string },
	{ "deprecated", D20, CHILD_NONE, VOCAB_META, OP_COUNT, check_boolean },
	{ "readOnly", BOTH, CHILD_NONE, VOCAB_META, OP_COUNT, check_boolean },
	{ "writeOnly", BOTH, CHILD_NONE, VOCAB_META, OP_COUNT, check_boolean },
	{ "examples", BOTH, CHILD_NONE, VOCAB_META, OP_COUNT, check_array },
};
/* clang-format on */

const struct schema_keyword *
schema_keyword_find(const struct schema_resource *resource, struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
		const struct schema_keyword *k = &keywords[i];

		if ((k->drafts & resource->draft) != 0
		    && (k->vocabulary & resource->vocabularies) != 0
		    && str_equal(name, str_of(k->name)))
			return k;
	}
	return NULL;
}

const struct json_node *
schema_keyword_get(const struct schema_rule *rule, const char *name)
{
	if (schema_keyword_find(rule->resource, str_of(name)) == NULL)
		return NULL;
	return json_get(rule->node, str_of(name));
}
