/* SPDX-License-Identifier: Apache-2.0 */
/* Keywords that hold subschemas. */
#include "data/schema_keyword.h"

int
schema_compile_one(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	unsigned mask = TYPE_ANY;

	if (k->code == OP_UNEVALUATED_ITEMS)
		mask = ON_ARRAY;
	else if (k->code != OP_NOT)
		mask = ON_OBJECT;
	schema_op_add(c, k->code, mask, k->name)->u.rule =
	    schema_rule_at(rule, value);
	return 0;
}

static const struct schema_rule **
rules_of(struct schema_compiler *c, const struct schema_rule *rule,
    const struct json_node *list)
{
	const struct schema_rule **rules;
	size_t n = 0;

	rules = schema_take(c, list->count, sizeof *rules);
	if (rules == NULL)
		return NULL;
	JSON_EACH_ELEMENT (v, list)
		rules[n++] = schema_rule_at(rule, v);
	return rules;
}

int
schema_compile_list(struct schema_compiler *c, struct schema_rule *rule,
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
	op = schema_op_add(c, k->code, TYPE_ANY, k->name);
	op->u.rules = rules;
	op->len = value->count;
	return 0;
}

int
schema_compile_if(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	struct schema_branch *b = schema_take(c, 1, sizeof *b);

	if (b == NULL)
		return ERR_NOMEM;
	b->test = schema_rule_at(rule, value);
	b->yes = schema_rule_at(rule, schema_keyword_get(rule, "then"));
	b->no = schema_rule_at(rule, schema_keyword_get(rule, "else"));
	schema_op_add(c, k->code, TYPE_ANY, k->name)->u.branch = b;
	return 0;
}

/* prefixItems and items; items and additionalItems of draft-07. */
int
schema_compile_items(struct schema_compiler *c, struct schema_rule *rule,
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
	if (schema_op_has(c, OP_ITEMS) || (prefix == NULL && rest == NULL))
		return 0;
	out = schema_take(c, 1, sizeof *out);
	if (out == NULL)
		return ERR_NOMEM;
	if (prefix != NULL) {
		out->prefix = rules_of(c, rule, prefix);
		if (out->prefix == NULL)
			return ERR_NOMEM;
		out->prefix_len = prefix->count;
	}
	out->rest = schema_rule_at(rule, rest);
	schema_op_add(c, OP_ITEMS, ON_ARRAY, k->name)->u.items = out;
	return 0;
}

int
schema_compile_contains(struct schema_compiler *c, struct schema_rule *rule,
    const struct schema_keyword *k, const struct json_node *value)
{
	struct schema_contains *out = schema_take(c, 1, sizeof *out);
	const struct json_node *min = schema_keyword_get(rule, "minContains");
	const struct json_node *max = schema_keyword_get(rule, "maxContains");
	int rc = 0;

	if (out == NULL)
		return ERR_NOMEM;
	out->rule = schema_rule_at(rule, value);
	out->min = 1;
	out->max = UINT64_MAX;
	if (min != NULL)
		rc = schema_count_read(c, rule, min, &out->min);
	if (rc == 0 && max != NULL)
		rc = schema_count_read(c, rule, max, &out->max);
	schema_op_add(c, k->code, ON_ARRAY, k->name)->u.contains = out;
	return rc;
}
