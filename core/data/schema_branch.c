/* SPDX-License-Identifier: Apache-2.0 */
/* Keywords that try schemas on the same value: allOf, anyOf, oneOf, not, if;
 * and which alternative was meant when none fits. */
#include "data/schema_run.h"

bool
schema_run_all_of(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	bool ok = true;

	for (uint32_t i = 0; i < op->len; i++) {
		if (schema_apply(r, op->u.rules[i], n, marks, at))
			continue;
		ok = false;
		if (schema_is_done(r))
			return false;
	}
	return ok;
}

/* Which alternative came furthest: that one was meant.  op->len: several did
 * equally well. */
static uint32_t
find_meant(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, const struct schema_path *at)
{
	struct schema_report *report = r->report;
	struct schema_measure *outer = r->measure;
	struct schema_measure best = { 0, 0 };
	uint32_t meant = op->len;

	for (uint32_t i = 0; i < op->len; i++) {
		struct schema_measure m = { 0, 0 };

		r->report = NULL;
		r->measure = &m;
		(void)schema_apply(r, op->u.rules[i], n, NULL, at);
		r->report = report;
		r->measure = outer;
		if (r->stop != STOP_NONE)
			return op->len;
		if (i == 0 || m.deepest > best.deepest
		    || (m.deepest == best.deepest && m.faults < best.faults)) {
			best = m;
			meant = i;
		} else if (m.deepest == best.deepest
		    && m.faults == best.faults) {
			meant = op->len;
		}
	}
	return meant;
}

/* Types that any alternative allows; 0 when one allows all of them, or the
 * one that was found. */
static unsigned
types_of_all(const struct schema_op *op, const struct json_node *n)
{
	unsigned types = 0;

	for (uint32_t i = 0; i < op->len; i++) {
		const struct schema_rule *rule = op->u.rules[i];

		if (rule->alias != NULL)
			rule = rule->alias;
		if (rule->types == 0)
			return 0;
		types |= rule->types;
	}
	if ((types & TYPE_INTEGER) != 0 && n->type == JSON_NUMBER)
		return 0;
	return (types & TYPE_BIT(n->type)) != 0 ? 0 : types;
}

static bool
fail_alternatives(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, const struct schema_path *at)
{
	unsigned types;
	uint32_t meant = op->len;

	if (r->measure == NULL || r->stop != STOP_NONE)
		return false;
	types = types_of_all(op, n);
	if (types != 0)
		return schema_fail_types(r, at, op->keyword, types, n);
	/* While one alternative is being measured, those within it are not:
	 * else the work would double at each level. */
	if (op->len <= SCHEMA_BRANCHES_EXPLAINED && r->report != NULL)
		meant = find_meant(r, op, n, at);
	if (meant == op->len)
		return schema_fail_value(r, at, op->keyword,
		    "matches none of the alternatives", STR_NONE, n);
	(void)schema_fail_text(r, at, op->keyword,
	    "matches none of the %u alternatives (%s), nearest is number %u:",
	    op->len, op->keyword, meant + 1);
	return schema_apply(r, op->u.rules[meant], n, NULL, at) && false;
}

bool
schema_run_any_of(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	bool ok = false;

	for (uint32_t i = 0; i < op->len; i++) {
		if (schema_apply_branch(r, op->u.rules[i], n, marks, at)) {
			ok = true;
			if (marks == NULL)
				return true;
		}
		if (r->stop != STOP_NONE)
			return false;
	}
	return ok || fail_alternatives(r, op, n, at);
}

bool
schema_run_one_of(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	uint32_t first = op->len;

	for (uint32_t i = 0; i < op->len; i++) {
		bool ok = schema_apply_branch(r, op->u.rules[i], n, marks, at);

		if (r->stop != STOP_NONE)
			return false;
		if (ok && first < op->len)
			return schema_fail_text(r, at, op->keyword,
			    "matches the alternatives number %u and %u of %u, "
			    "must match exactly one (oneOf)",
			    first + 1, i + 1, op->len);
		if (ok)
			first = i;
	}
	return first < op->len || fail_alternatives(r, op, n, at);
}

bool
schema_run_not(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	(void)marks;
	if (!schema_apply_branch(r, op->u.rule, n, NULL, at))
		return r->stop == STOP_NONE;
	return schema_fail_value(
	    r, at, op->keyword, "matches what it must not", STR_NONE, n);
}

bool
schema_run_if(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	const struct schema_branch *b = op->u.branch;
	const struct schema_rule *rule;

	rule = schema_apply_branch(r, b->test, n, marks, at) ? b->yes : b->no;
	if (r->stop != STOP_NONE)
		return false;
	return rule == NULL || schema_apply(r, rule, n, marks, at);
}
