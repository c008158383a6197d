/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a compiled schema on an instance.  The first run only finds the
 * verdict and ends at the first failure; when a report is wanted and the
 * verdict is bad, a second run goes on to explain.
 *
 * The C stack is bounded by SCHEMA_DEPTH_MAX, the time by the steps. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "data/schema_run.h"

/* True when the rule in hand need not look at anything more. */
bool
schema_is_done(const struct schema_run *r)
{
	return r->measure == NULL || r->stop != STOP_NONE
	    || (r->report != NULL && r->report->more);
}

static bool
marks_init(struct schema_run *r, struct schema_marks *m, size_t bits)
{
	m->words = (bits + 63) / 64;
	if (!schema_charge(r, 1 + m->words / 4))
		return false;
	if (m->words <= SCHEMA_SCRATCH_WORDS - r->scratch_used) {
		m->bits = r->scratch + r->scratch_used;
		r->scratch_used += m->words;
		memset(m->bits, 0, m->words * sizeof *m->bits);
		return true;
	}
	m->bits = calloc(m->words, sizeof *m->bits);
	if (m->bits == NULL)
		r->stop = STOP_MEMORY;
	return m->bits != NULL;
}

static void
marks_finish(struct schema_run *r, struct schema_marks *m)
{
	uintptr_t at = (uintptr_t)m->bits, scratch = (uintptr_t)r->scratch;

	if (at >= scratch && at < scratch + sizeof r->scratch)
		r->scratch_used -= m->words;
	else if (m->words > 0)
		free(m->bits);
}

static void
mark(struct schema_marks *m, size_t i)
{
	if (m != NULL)
		m->bits[i / 64] |= UINT64_C(1) << i % 64;
}

static bool
is_marked(const struct schema_marks *m, size_t i)
{
	return m != NULL && (m->bits[i / 64] >> i % 64 & 1) != 0;
}

static void
marks_merge(struct schema_marks *into, const struct schema_marks *from)
{
	for (size_t i = 0; i < into->words; i++)
		into->bits[i] |= from->bits[i];
}

/* Applies a rule whose failure is no fault; its marks count only when it
 * succeeds. */
bool
schema_apply_branch(struct schema_run *r, const struct schema_rule *rule,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	struct schema_report *report = r->report;
	struct schema_measure *measure = r->measure;
	struct schema_marks own;
	bool ok;

	r->report = NULL;
	r->measure = NULL;
	if (marks == NULL) {
		ok = schema_apply(r, rule, n, NULL, at);
	} else if (marks_init(r, &own, n->count)) {
		ok = schema_apply(r, rule, n, &own, at);
		if (ok)
			marks_merge(marks, &own);
		marks_finish(r, &own);
	} else {
		ok = false;
	}
	r->report = report;
	r->measure = measure;
	return ok;
}

static bool
run_items(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	const struct schema_items *items = op->u.items;
	struct schema_path here = { at, NULL, 0, at->depth + 1 };
	bool ok = true;

	if (!schema_charge(r, n->count))
		return false;
	JSON_EACH_ELEMENT (v, n) {
		const struct schema_rule *rule = here.index < items->prefix_len
		    ? items->prefix[here.index]
		    : items->rest;

		if (rule == NULL)
			break;
		if (!schema_apply(r, rule, v, NULL, &here)) {
			ok = false;
			if (schema_is_done(r))
				return false;
		}
		mark(marks, here.index);
		here.index++;
	}
	return ok;
}

static bool
run_contains(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	const struct schema_contains *c = op->u.contains;
	struct schema_path here = { at, NULL, 0, at->depth + 1 };
	uint64_t found = 0;

	JSON_EACH_ELEMENT (v, n) {
		if (schema_apply_branch(r, c->rule, v, NULL, &here)) {
			found++;
			mark(marks, here.index);
		}
		if (r->stop != STOP_NONE)
			return false;
		if (found > c->max
		    || (marks == NULL && found >= c->min
			&& c->max == UINT64_MAX))
			break;
		here.index++;
	}
	if (found > c->max)
		return schema_fail_text(r, at, "maxContains",
		    "must contain at most %llu matching element%s "
		    "(maxContains)",
		    (unsigned long long)c->max, c->max == 1 ? "" : "s");
	if (found < c->min)
		return schema_fail_text(r, at,
		    c->min == 1 ? "contains" : "minContains",
		    "must contain at least %llu matching element%s (%s), "
		    "found %llu",
		    (unsigned long long)c->min, c->min == 1 ? "" : "s",
		    c->min == 1 ? "contains" : "minContains",
		    (unsigned long long)found);
	return true;
}

/* One member against patternProperties.  matched is left alone unless one
 * fits. */
static bool
run_member_patterns(struct schema_run *r, const struct schema_object *o,
    struct str name, const struct json_node *v, const struct schema_path *here,
    bool *matched)
{
	bool ok = true;

	for (uint32_t i = 0; i < o->patterns_len; i++) {
		if (schema_is_match(r, o->patterns[i].pattern, name)) {
			*matched = true;
			if (!schema_apply(
				r, o->patterns[i].rule, v, NULL, here))
				ok = false;
		}
		if (r->stop != STOP_NONE)
			return false;
	}
	return ok;
}

static bool
run_member_additional(struct schema_run *r, const struct schema_object *o,
    const struct json_node *v, const struct schema_path *here)
{
	if (o->additional->kind == RULE_FALSE)
		return schema_fail_unknown(r, here, "additionalProperties", o);
	return schema_apply(r, o->additional, v, NULL, here);
}

static bool
run_required(struct schema_run *r, const struct schema_object *o,
    const struct json_node *n, uint64_t seen, const struct schema_path *at)
{
	bool counted = o->required_len <= SCHEMA_REQUIRED_BITS;
	bool ok = true;

	if (o->required_len == 0
	    || (counted
		&& seen
		    == UINT64_MAX >> (SCHEMA_REQUIRED_BITS - o->required_len)))
		return true;
	for (uint32_t i = 0; i < o->required_len; i++) {
		if (counted ? (seen >> i & 1) != 0
			    : json_get(n, o->required[i]) != NULL)
			continue;
		ok = schema_fail_missing(
		    r, at, "required", o->required[i], o, n);
		if (schema_is_done(r) || !schema_charge(r, 1 + n->count / 8))
			return false;
	}
	return ok;
}

static bool
run_object(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	const struct schema_object *o = op->u.object;
	struct schema_path here = { at, NULL, 0, at->depth + 1 };
	uint64_t seen = 0;
	uint32_t guess = 0;
	bool ok = true;

	if (!schema_charge(r, n->count))
		return false;
	JSON_EACH_MEMBER (k, v, n) {
		struct str name = { k->text, k->text_len };
		struct schema_key key = schema_key_of(k->text, k->text_len);
		const struct schema_property *p =
		    schema_property_find(o, &key, guess);
		bool matched = false, good = true;

		here.key = k;
		if (p != NULL)
			guess = (uint32_t)(p - o->properties) + 1;
		if (p != NULL && p->required >= 0)
			seen |= UINT64_C(1) << p->required;
		if (p != NULL && p->rule != NULL) {
			matched = true;
			good = schema_apply(r, p->rule, v, NULL, &here);
		}
		if (o->patterns_len > 0
		    && !run_member_patterns(r, o, name, v, &here, &matched))
			good = false;
		if (!matched && o->additional != NULL) {
			matched = true;
			if (!run_member_additional(r, o, v, &here))
				good = false;
		}
		if (!good) {
			ok = false;
			if (schema_is_done(r))
				return false;
		}
		if (matched)
			mark(marks, here.index);
		here.index++;
	}
	return run_required(r, o, n, seen, at) && ok;
}

static bool
run_property_names(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	struct schema_path here = { at, NULL, 0, at->depth + 1 };
	bool ok = true;

	(void)marks;
	JSON_EACH_MEMBER (k, v, n) {
		here.key = k;
		if (schema_apply_branch(r, op->u.rule, k, NULL, &here))
			continue;
		ok = r->stop == STOP_NONE
		    && schema_fail_text(r, &here, op->keyword,
			"is not an allowed name (propertyNames)");
		if (schema_is_done(r))
			return false;
	}
	return ok;
}

static bool
run_dependent(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	bool ok = true;

	for (uint32_t i = 0; i < op->len; i++) {
		const struct schema_dependent *d = &op->u.dependents[i];

		if (!schema_charge(r, 1 + n->count / 8))
			return false;
		if (json_get(n, d->name) == NULL)
			continue;
		if (d->rule != NULL && !schema_apply(r, d->rule, n, marks, at))
			ok = false;
		for (uint32_t k = 0; k < d->required_len; k++) {
			if (!schema_charge(r, 1 + n->count / 8))
				return false;
			if (json_get(n, d->required[k]) != NULL)
				continue;
			ok = schema_fail_missing(
			    r, at, op->keyword, d->required[k], NULL, n);
		}
		if (!ok && schema_is_done(r))
			return false;
	}
	return ok;
}

static bool
run_ref(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	return schema_apply(r, op->u.rule, n, marks, at);
}

/* The outermost resource on the way here that has the anchor wins. */
static bool
run_dynamic_ref(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	const struct schema_rule *rule = op->u.rule;

	for (const struct schema_scope *s = r->scope; s != NULL; s = s->outer) {
		if (!schema_charge(r, 1))
			return false;
		for (const struct schema_anchor *a = s->resource->dynamic;
		     a != NULL; a = a->next)
			if (str_equal(a->name, op->anchor))
				rule = a->rule;
	}
	return schema_apply(r, rule, n, marks, at);
}

static bool
run_unevaluated(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	struct schema_path here = { at, NULL, 0, at->depth + 1 };
	const struct json_node *v = json_first(n), *end = json_end(n);
	bool ok = true;

	if (!schema_charge(r, n->count))
		return false;
	for (; v < end; v += v->span, here.index++) {
		bool good;

		here.key = NULL;
		if (op->code == OP_UNEVALUATED_PROPERTIES)
			here.key = v++;
		if (is_marked(marks, here.index))
			continue;
		mark(marks, here.index);
		if (op->u.rule->kind != RULE_FALSE)
			good = schema_apply(r, op->u.rule, v, NULL, &here);
		else if (op->code == OP_UNEVALUATED_PROPERTIES)
			good = schema_fail_unknown(r, &here, op->keyword, NULL);
		else
			good = schema_fail_text(r, &here, op->keyword,
			    "unexpected element (unevaluatedItems)");
		if (!good) {
			ok = false;
			if (schema_is_done(r))
				return false;
		}
	}
	return ok;
}

static schema_function *const run_op[OP_COUNT] = {
	[OP_CONST] = schema_run_const,
	[OP_ENUM] = schema_run_enum,
	[OP_MAXIMUM] = schema_run_limit,
	[OP_EXCLUSIVE_MAXIMUM] = schema_run_limit,
	[OP_MINIMUM] = schema_run_limit,
	[OP_EXCLUSIVE_MINIMUM] = schema_run_limit,
	[OP_MULTIPLE_OF] = schema_run_multiple,
	[OP_MAX_LENGTH] = schema_run_length,
	[OP_MIN_LENGTH] = schema_run_length,
	[OP_FORMAT] = schema_run_format,
	[OP_PATTERN] = schema_run_pattern,
	[OP_MAX_ITEMS] = schema_run_count,
	[OP_MIN_ITEMS] = schema_run_count,
	[OP_MAX_PROPERTIES] = schema_run_count,
	[OP_MIN_PROPERTIES] = schema_run_count,
	[OP_ITEMS] = run_items,
	[OP_CONTAINS] = run_contains,
	[OP_UNIQUE] = schema_run_unique,
	[OP_OBJECT] = run_object,
	[OP_PROPERTY_NAMES] = run_property_names,
	[OP_DEPENDENT] = run_dependent,
	[OP_REF] = run_ref,
	[OP_DYNAMIC_REF] = run_dynamic_ref,
	[OP_ALL_OF] = schema_run_all_of,
	[OP_ANY_OF] = schema_run_any_of,
	[OP_ONE_OF] = schema_run_one_of,
	[OP_NOT] = schema_run_not,
	[OP_IF] = schema_run_if,
	[OP_UNEVALUATED_ITEMS] = run_unevaluated,
	[OP_UNEVALUATED_PROPERTIES] = run_unevaluated,
};

static bool
run_ops(struct schema_run *r, const struct schema_rule *rule,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	unsigned bit = TYPE_BIT(n->type);
	bool ok = true;

	for (uint32_t i = 0; i < rule->len; i++) {
		const struct schema_op *op = &rule->ops[i];

		if ((op->mask & bit) == 0)
			continue;
		/* After a failure nobody knows what was evaluated. */
		if (!ok && op->code >= OP_UNEVALUATED_ITEMS)
			break;
		if (run_op[op->code](r, op, n, marks, at))
			continue;
		ok = false;
		if (schema_is_done(r))
			return false;
	}
	return ok;
}

static bool
run_with_marks(struct schema_run *r, const struct schema_rule *rule,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	struct schema_marks own;
	bool ok;

	if (!marks_init(r, &own, n->count))
		return false;
	ok = run_ops(r, rule, n, &own, at);
	if (ok && marks != NULL)
		marks_merge(marks, &own);
	marks_finish(r, &own);
	return ok;
}

/* Where a value is says nothing while only the verdict is wanted. */
static const struct schema_path nowhere;

bool
schema_run_op(
    struct schema_run *r, const struct schema_op *op, const struct json_node *n)
{
	return run_op[op->code](r, op, n, NULL, &nowhere);
}

bool
schema_run_marked(struct schema_run *r, const struct schema_rule *rule,
    const struct json_node *n)
{
	return run_with_marks(r, rule, n, NULL, &nowhere);
}

bool
schema_apply(struct schema_run *r, const struct schema_rule *rule,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	const struct schema_scope *outer = r->scope;
	struct schema_scope scope;
	bool ok;

	if (r->measure == NULL && marks == NULL && !r->schema->dynamic)
		return schema_quick(r, rule, n);
	if (!schema_charge(r, 1))
		return false;
	while (rule->alias != NULL
	    && (!r->schema->dynamic || rule->resource == outer->resource))
		rule = rule->alias;
	if (rule->kind == RULE_TRUE)
		return true;
	if (rule->kind == RULE_FALSE)
		return schema_fail_value(
		    r, at, "false", "is not allowed", STR_NONE, n);
	if (rule->types != 0 && !schema_type_fits(rule->types, n))
		return schema_fail_types(r, at, "type", rule->types, n);
	if (rule->len == 0)
		return true;
	if (r->depth >= SCHEMA_DEPTH_MAX) {
		r->stop = STOP_DEPTH;
		return false;
	}
	r->depth++;
	if (r->schema->dynamic && outer->resource != rule->resource) {
		scope = (struct schema_scope){ outer, rule->resource };
		r->scope = &scope;
	}
	if (rule->unevaluated && n->type >= JSON_ARRAY && n->count > 0)
		ok = run_with_marks(r, rule, n, marks, at);
	else
		ok = run_ops(r, rule, n, marks, at);
	r->scope = outer;
	r->depth--;
	return ok;
}
