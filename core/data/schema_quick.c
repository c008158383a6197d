/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict and nothing else: what every call runs, and what decides how
 * fast a call is checked.  It knows the keywords that the schemas of tools are
 * made of and leaves the rest to schema_run.c, with which it agrees in every
 * verdict; it never takes more steps.
 *
 * What is saved: no path is kept, no marks are passed on; a property that has
 * nothing but a type is judged where it is found, without going down; members
 * that come in the order of the schema are found at the first look. */
#include "data/schema_run.h"

/* A member that properties do not judge alone. */
static bool
quick_member(struct schema_run *r, const struct schema_object *o,
    const struct json_node *k, bool matched)
{
	struct str name = { k->text, k->text_len };

	for (uint32_t i = 0; i < o->patterns_len; i++) {
		if (schema_is_match(r, o->patterns[i].pattern, name)) {
			matched = true;
			if (!schema_quick(r, o->patterns[i].rule, k + 1))
				return false;
		}
		if (r->stop != STOP_NONE)
			return false;
	}
	return matched || o->additional == NULL
	    || schema_quick(r, o->additional, k + 1);
}

static bool
has_required(struct schema_run *r, const struct schema_object *o,
    const struct json_node *n)
{
	for (uint32_t i = 0; i < o->required_len; i++)
		if (json_get(n, o->required[i]) == NULL
		    || !schema_charge(r, 1 + n->count / 8))
			return false;
	return true;
}

static inline bool
quick_property(struct schema_run *r, const struct schema_property *p,
    const struct json_node *v)
{
	if (p->types != 0)
		return schema_type_fits(p->types, v);
	if (p->values != NULL && v->type == JSON_STRING)
		return schema_enum_has_text(p->values, v);
	return p->rule == NULL || schema_quick(r, p->rule, v);
}

static bool
quick_object(struct schema_run *r, const struct schema_object *o,
    const struct json_node *n)
{
	const struct json_node *end = n + n->span, *v;
	bool alone = o->patterns_len == 0;
	uint64_t seen = 0;
	uint32_t guess = 0;

	if (!schema_charge(r, n->count))
		return false;
	for (const struct json_node *k = n + 1; k < end; k = v + v->span) {
		struct schema_key key = schema_key_of(k->text, k->text_len);
		const struct schema_property *p =
		    schema_property_find(o, &key, guess);

		v = k + 1;
		if (p != NULL) {
			guess = (uint32_t)(p - o->properties) + 1;
			if (p->required >= 0)
				seen |= UINT64_C(1) << p->required;
			if (!quick_property(r, p, v))
				return false;
		}
		if (p != NULL && p->rule != NULL && alone)
			continue;
		if (!quick_member(r, o, k, p != NULL && p->rule != NULL))
			return false;
	}
	if (o->required_len == 0)
		return true;
	return o->required_len <= SCHEMA_REQUIRED_BITS
	    ? seen == UINT64_MAX >> (SCHEMA_REQUIRED_BITS - o->required_len)
	    : has_required(r, o, n);
}

static bool
quick_items(struct schema_run *r, const struct schema_items *items,
    const struct json_node *n)
{
	const struct json_node *end = n + n->span;
	uint32_t i = 0;

	if (!schema_charge(r, n->count))
		return false;
	for (const struct json_node *v = n + 1; v < end; v += v->span, i++) {
		const struct schema_rule *rule = items->rest;

		if (i < items->prefix_len)
			rule = items->prefix[i];
		else if (rule == NULL)
			return true;
		else if (items->types != 0) {
			if (!schema_type_fits(items->types, v))
				return false;
			continue;
		}
		if (!schema_quick(r, rule, v))
			return false;
	}
	return true;
}

static bool
quick_alternatives(
    struct schema_run *r, const struct schema_op *op, const struct json_node *n)
{
	unsigned found = 0;

	for (uint32_t i = 0; i < op->len; i++) {
		if (schema_quick(r, op->u.rules[i], n)) {
			if (op->code == OP_ANY_OF)
				return true;
			if (++found > 1)
				return false;
		}
		if (r->stop != STOP_NONE)
			return false;
	}
	return found == 1;
}

static bool
quick_all(
    struct schema_run *r, const struct schema_op *op, const struct json_node *n)
{
	for (uint32_t i = 0; i < op->len; i++)
		if (!schema_quick(r, op->u.rules[i], n))
			return false;
	return true;
}

static bool
quick_limit(const struct schema_op *op, const struct json_node *n)
{
	int order = schema_number_compare(n, op->u.limit);

	switch (op->code) {
	case OP_MAXIMUM:
		return order <= 0;
	case OP_EXCLUSIVE_MAXIMUM:
		return order < 0;
	case OP_MINIMUM:
		return order >= 0;
	default:
		return order > 0;
	}
}

static bool
quick_ops(struct schema_run *r, const struct schema_rule *rule,
    const struct json_node *n)
{
	const struct schema_op *op = rule->ops, *end = op + rule->len;
	unsigned bit = TYPE_BIT(n->type);

	for (; op < end; op++) {
		bool ok;

		if ((op->mask & bit) == 0)
			continue;
		switch (op->code) {
		case OP_ENUM:
			ok = schema_enum_has(r, op->u.values, n);
			break;
		case OP_OBJECT:
			ok = quick_object(r, op->u.object, n);
			break;
		case OP_ITEMS:
			ok = quick_items(r, op->u.items, n);
			break;
		case OP_REF:
			ok = schema_quick(r, op->u.rule, n);
			break;
		case OP_ALL_OF:
			ok = quick_all(r, op, n);
			break;
		case OP_ANY_OF:
		case OP_ONE_OF:
			ok = quick_alternatives(r, op, n);
			break;
		case OP_MAXIMUM:
		case OP_EXCLUSIVE_MAXIMUM:
		case OP_MINIMUM:
		case OP_EXCLUSIVE_MINIMUM:
			ok = quick_limit(op, n);
			break;
		case OP_MAX_LENGTH:
			/* A character has one byte at least, and at most 4. */
			ok = n->text_len <= op->u.count
			    || schema_run_op(r, op, n);
			break;
		case OP_MIN_LENGTH:
			ok = n->text_len / 4 >= op->u.count
			    || schema_run_op(r, op, n);
			break;
		default:
			ok = schema_run_op(r, op, n);
			break;
		}
		if (!ok)
			return false;
	}
	return true;
}

bool
schema_quick(struct schema_run *r, const struct schema_rule *rule,
    const struct json_node *n)
{
	bool ok;

	if (!schema_charge(r, 1))
		return false;
	while (rule->alias != NULL)
		rule = rule->alias;
	if (rule->types != 0 && !schema_type_fits(rule->types, n))
		return false;
	if (rule->len == 0)
		return rule->kind != RULE_FALSE;
	if (r->depth >= SCHEMA_DEPTH_MAX) {
		r->stop = STOP_DEPTH;
		return false;
	}
	r->depth++;
	ok = rule->unevaluated && n->type >= JSON_ARRAY && n->count > 0
	    ? schema_run_marked(r, rule, n)
	    : quick_ops(r, rule, n);
	r->depth--;
	return ok;
}

/* The types that are all a rule says; 0: it says more. */
static uint8_t
types_alone(const struct schema_rule *rule)
{
	if (rule == NULL || rule->len > 0 || rule->kind == RULE_FALSE)
		return 0;
	return rule->types != 0 ? rule->types : TYPE_ANY;
}

/* The enum that is all a rule says of a text; NULL: it says more. */
static const struct schema_enum *
enum_alone(const struct schema_rule *rule)
{
	if (rule == NULL || rule->len != 1 || rule->ops[0].code != OP_ENUM
	    || (rule->types != 0 && (rule->types & TYPE_BIT(JSON_STRING)) == 0))
		return NULL;
	return rule->ops[0].u.values;
}

static const struct schema_rule *
behind_alias(const struct schema_rule *rule)
{
	while (rule != NULL && rule->alias != NULL)
		rule = rule->alias;
	return rule;
}

void
schema_quick_prepare(
    const struct schema *s, struct schema_rule **rules, size_t len)
{
	if (s->dynamic)
		return;
	for (size_t i = 0; i < len; i++)
		for (uint32_t k = 0; k < rules[i]->len; k++) {
			const struct schema_op *op = &rules[i]->ops[k];

			if (op->code == OP_ITEMS) {
				op->u.items->rest =
				    behind_alias(op->u.items->rest);
				op->u.items->types =
				    types_alone(op->u.items->rest);
			}
			for (uint32_t p = 0; op->code == OP_OBJECT
			     && p < op->u.object->properties_len;
			     p++) {
				struct schema_property *property =
				    &op->u.object->properties[p];

				property->rule = behind_alias(property->rule);
				property->types = types_alone(property->rule);
				property->values = enum_alone(property->rule);
			}
		}
}
