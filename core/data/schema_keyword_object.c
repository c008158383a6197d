/* SPDX-License-Identifier: Apache-2.0 */
/* Keywords about the members of an object. */
#include "data/schema_keyword.h"

#define PROPERTIES_TRIED 8 /* more are found by hash */

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
	names = schema_take(c, value->count, sizeof *names);
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

int
schema_compile_dependent(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	struct schema_dependent *list, *d;
	struct schema_op *op;
	int rc;

	rc = schema_need(c, rule, value, JSON_OBJECT, "an object");
	if (rc < 0)
		return rc;
	list = d = schema_take(c, value->count, sizeof *list);
	if (list == NULL)
		return ERR_NOMEM;
	JSON_EACH_MEMBER (name, v, value) {
		d->name = json_str(name);
		if (k->children == CHILD_MAP
		    || (k->children == CHILD_MAP_MIXED
			&& v->type != JSON_ARRAY)) {
			d->rule = schema_rule_at(rule, v);
		} else {
			rc = read_names(c, rule, v, &d->required);
			if (rc < 0)
				return rc;
			d->required_len = v->count;
		}
		d++;
	}
	op = schema_op_add(c, k->code, ON_OBJECT, k->name);
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
	const char **names = schema_take(c, properties->count, sizeof *names);
	struct map index;
	uint32_t n = 0;
	int rc = names == NULL ? ERR_NOMEM : 0;

	map_init(&index);
	JSON_EACH_MEMBER (name, v, properties) {
		if (rc < 0)
			break;
		table[n].key = schema_key_of(name->text, name->text_len);
		table[n].rule = schema_rule_at(rule, v);
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
	buckets = schema_take(c, size, sizeof *buckets);
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
	list = schema_take(c, patterns->count, sizeof *list);
	if (list == NULL)
		return ERR_NOMEM;
	JSON_EACH_MEMBER (name, v, patterns) {
		list[n].pattern =
		    schema_pattern_add(c, rule, name, json_str(name));
		list[n].rule = schema_rule_at(rule, v);
		if (list[n++].pattern == NULL)
			return ERR_PARAMS;
	}
	o->patterns = list;
	o->patterns_len = n;
	return 0;
}

/* properties, patternProperties, additionalProperties and required. */
int
schema_compile_object(struct schema_compiler *c, struct schema_rule *rule,
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
		rc = schema_need(
		    c, rule, value, JSON_OBJECT, "an object of schemas");
	if (rc < 0 || schema_op_has(c, OP_OBJECT))
		return rc;
	if (json_type(properties) != JSON_OBJECT)
		properties = &nothing;
	o = schema_take(c, 1, sizeof *o);
	most = (size_t)properties->count + json_count(required);
	table = schema_take(c, most, sizeof *table);
	if (o == NULL || table == NULL)
		return ERR_NOMEM;
	if (required != NULL) {
		rc = read_names(c, rule, required, &o->required);
		if (rc < 0)
			return rc;
		o->required_len = required->count;
	}
	o->additional = schema_rule_at(
	    rule, schema_keyword_get(rule, "additionalProperties"));
	rc = fill_properties(c, rule, o, properties, table);
	if (rc == 0)
		rc = fill_buckets(c, o, table);
	if (rc == 0)
		rc = fill_patterns(c, rule, o, patterns);
	schema_op_add(c, OP_OBJECT, ON_OBJECT, k->name)->u.object = o;
	return rc;
}
